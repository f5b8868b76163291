//! What was signed, held against what is there.

use std::collections::{BTreeMap, BTreeSet};

use instep_fs::RelativePath;

use super::fault::Fault;
use crate::hash::Content;

/// Which files have to be read, of those that are there with their sizes: the ones that have the size that was signed,
/// and the unknown ones that may be one that is missing.
pub(super) fn to_read(
    signed: &BTreeMap<RelativePath, Content>,
    there: &BTreeMap<RelativePath, u64>,
) -> Vec<(RelativePath, u64)> {
    let missing: BTreeSet<u64> = signed
        .iter()
        .filter(|(path, _)| !there.contains_key(*path))
        .map(|(_, (_, size))| *size)
        .collect();
    let is_wanted = |(path, size): &(&RelativePath, &u64)| match signed.get(*path) {
        Some((_, expected)) => expected == *size,
        None => missing.contains(*size),
    };
    there.iter().filter(is_wanted).map(|(path, size)| (path.clone(), *size)).collect()
}

/// What differs. `read` has the files of [`to_read`] that could be read.
pub(super) fn compare(
    signed: &BTreeMap<RelativePath, Content>,
    there: &BTreeMap<RelativePath, u64>,
    read: &BTreeMap<RelativePath, Content>,
) -> Vec<Fault> {
    let name = |path: &RelativePath| path.as_str().to_owned();
    let mut faults = Vec::new();
    // Signed and gone, by content.
    let mut gone: BTreeMap<Content, BTreeSet<&RelativePath>> = BTreeMap::new();
    for (path, content) in signed {
        if !there.contains_key(path) {
            gone.entry(*content).or_default().insert(path);
        } else if read.get(path) != Some(content) {
            faults.push(Fault::Changed { path: name(path) });
        }
    }
    for path in there.keys().filter(|path| !signed.contains_key(*path)) {
        let from = read.get(path).and_then(|content| gone.get_mut(content)?.pop_first());
        faults.push(match from {
            Some(from) => Fault::Renamed { from: name(from), to: name(path) },
            None => Fault::Added { path: name(path) },
        });
    }
    faults.extend(gone.into_values().flatten().map(|path| Fault::Missing { path: name(path) }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn content(text: &str) -> Content {
        (Digest::of(text.as_bytes()), u64::try_from(text.len()).unwrap())
    }

    type Files<'a> = &'a [(&'a str, &'a str)];

    fn tree(files: Files<'_>) -> BTreeMap<RelativePath, Content> {
        let file = |(path, text): &(&str, &str)| (RelativePath::new(path).unwrap(), content(text));
        files.iter().map(file).collect()
    }

    fn differ(signed: Files<'_>, there: Files<'_>) -> Vec<String> {
        let (signed, all) = (tree(signed), tree(there));
        let sizes = all.iter().map(|(path, (_, size))| (path.clone(), *size)).collect();
        let read = to_read(&signed, &sizes).into_iter();
        let read = read.map(|(path, _)| (path.clone(), all[&path])).collect();
        compare(&signed, &sizes, &read).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_difference_is_told_as_what_it_is() {
        let signed = [("a", "1"), ("b/c", "22"), ("b/d", "1")];
        assert!(differ(&signed, &signed).is_empty());
        let table: [(Files<'_>, &[&str]); 7] = [
            (&[("a", "x"), ("b/c", "22"), ("b/d", "1")], &["a is not what was signed"]),
            (&[("a", "long"), ("b/c", "22"), ("b/d", "1")], &["a is not what was signed"]),
            (&[("a", "1"), ("b/c", "22")], &["b/d was signed and is missing"]),
            (&[("a", "1"), ("b/c", "22"), ("b/d", "1"), ("e", "1")], &["e was not signed"]),
            (&[("a", "1"), ("b/C", "22"), ("b/d", "1")], &["b/C was signed under the name b/c"]),
            // Two of one content are gone, and one of it has come.
            (
                &[("b/c", "22"), ("e", "1")],
                &["e was signed under the name a", "b/d was signed and is missing"],
            ),
            (
                &[("a", "22"), ("b/c", "1"), ("b/d", "1")],
                &["a is not what was signed", "b/c is not what was signed"],
            ),
        ];
        for (there, faults) in table {
            assert_eq!(differ(&signed, there), faults, "{there:?}");
        }
    }

    #[test]
    fn only_what_may_be_a_file_that_was_signed_is_read() {
        let signed = tree(&[("a", "1"), ("b", "22"), ("gone", "4444")]);
        let there: BTreeMap<_, _> = [("a", 1), ("b", 3), ("new", 4), ("other", 5)]
            .map(|(path, size)| (RelativePath::new(path).unwrap(), size))
            .into();
        let read: Vec<_> = to_read(&signed, &there).into_iter().map(|(path, _)| path).collect();
        assert_eq!(read.iter().map(RelativePath::as_str).collect::<Vec<_>>(), ["a", "new"]);
    }
}
