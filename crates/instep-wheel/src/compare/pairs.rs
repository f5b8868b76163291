//! Which entry of the one wheel belongs to which of the other.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::archive::Entry;

/// Where an entry is, whatever the wheel's version is called in the names of its folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    place: Place,
    /// Below that; a folder's has no `/` at its end.
    pub(super) rest: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Root,
    /// `NAME-VERSION.data`.
    Data,
    /// `NAME-VERSION.dist-info`.
    DistInfo,
}

/// What gives the entries of a wheel their keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys<'a> {
    /// The name of its `.dist-info` folder.
    pub(super) dist_info: &'a str,
}

impl Keys<'_> {
    pub(super) fn key<'a>(&self, name: &'a str) -> Key<'a> {
        let name = name.strip_suffix('/').unwrap_or(name);
        let stem = self.dist_info.strip_suffix(".dist-info").unwrap_or(self.dist_info);
        let (top, rest) = name.split_once('/').unwrap_or((name, ""));
        let place = if top == self.dist_info {
            Place::DistInfo
        } else if top.strip_suffix(".data") == Some(stem) {
            Place::Data
        } else {
            return Key { place: Place::Root, rest: name };
        };
        Key { place, rest }
    }
}

impl<'a> Key<'a> {
    /// The name of a file right in `.dist-info`.
    pub(super) fn in_dist_info(&self) -> Option<&'a str> {
        (self.place == Place::DistInfo && !self.rest.contains('/')).then_some(self.rest)
    }
}

/// The entries of a wheel by key.
pub(super) type ByKey<'a> = BTreeMap<Key<'a>, &'a Entry>;

pub(super) fn by_key<'a>(entries: &'a [Entry], keys: Keys<'_>) -> ByKey<'a> {
    entries.iter().map(|entry| (keys.key(&entry.name), entry)).collect()
}

/// Whether something lies in the folder of this key.
pub(super) fn has_below(entries: &ByKey<'_>, folder: &Key<'_>) -> bool {
    let prefix = if folder.rest.is_empty() { String::new() } else { [folder.rest, "/"].concat() };
    let from = Key { place: folder.place, rest: &prefix };
    let mut behind = entries.range((Bound::Excluded(from), Bound::Unbounded));
    behind.next().is_some_and(|(key, _)| key.place == folder.place && key.rest.starts_with(&prefix))
}

/// What stands in another place in `b` than in `a`, with its places in both, counted from 0. Both hold the same.
pub(super) fn displaced<'a>(a: &[Key<'a>], b: &[Key<'a>]) -> Vec<(Key<'a>, usize, usize)> {
    let places: BTreeMap<_, _> = b.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let of_a = a.iter().enumerate();
    let both = of_a.filter_map(|(at, key)| places.get(key).map(|other| (*key, at, *other)));
    both.filter(|(_, a, b)| a != b).collect()
}
