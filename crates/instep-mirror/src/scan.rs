//! Observe one side: what differs from the record. What looks as it was recorded costs one look at its
//! stamp, and is not mentioned any more.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8Path;
use instep_fs::Stamp;
use rayon::Scope;

use crate::content;
use crate::error::Error;
use crate::ignored::{Ignored, is_own, is_temporary};
use crate::listing::{Item, Kind, Listing, list, list_root};
use crate::node::{Content, Node, Side};
use crate::problem::Reason;
use crate::state::{Record, State, join};
use crate::traits::Traits;

/// What was found at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    File { stamp: Stamp, executable: bool, content: Content },
    Link { target: String, modified: i64 },
    Dir,
}

impl Found {
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::File { stamp, executable, content } => {
                Node::File { content: *content, executable: *executable, modified: stamp.modified }
            }
            Self::Link { target, modified } => {
                Node::Link { target: target.clone(), modified: *modified }
            }
            Self::Dir => Node::Dir,
        }
    }
}

/// One side, compared with the record.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// What differs; `None` where nothing is any more.
    pub(crate) changes: BTreeMap<String, Option<Found>>,
    /// Files of which the stamp is another, and the content is not.
    pub(crate) touched: BTreeMap<String, Stamp>,
    /// Where it could not be looked.
    pub(crate) blocked: BTreeMap<String, Reason>,
    /// Files on their way, which a killed run may have left.
    pub(crate) leftovers: Vec<String>,
    /// How many entries there are.
    pub(crate) entries: usize,
}

/// Looks at everything below `root`. `defers`: whether what may have changed is read when it is copied, and
/// not here.
///
/// # Errors
///
/// [`Error::Unreachable`] where the root itself cannot be listed, [`Error::Cancelled`].
pub(crate) fn scan(
    side: Side,
    root: &Utf8Path,
    state: &State,
    ignored: &Ignored,
    traits: Traits,
    defers: bool,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Scan, Error> {
    let unreachable = |source| Error::Unreachable { side, path: root.to_owned(), source };
    let listing = list_root(root).map_err(unreachable)?;
    let scanner = Scanner {
        side,
        defers,
        root,
        ignored,
        traits,
        is_cancelled,
        found: Mutex::default(),
        entries: AtomicUsize::new(0),
    };
    rayon::scope(|scope| scanner.folder(scope, "", state.root(), listing));
    if is_cancelled() {
        return Err(Error::Cancelled);
    }
    let mut scan = Scan { entries: scanner.entries.into_inner(), ..Scan::default() };
    for part in scanner.found.into_inner().unwrap_or_default() {
        scan.changes.extend(part.changes);
        scan.touched.extend(part.touched);
        scan.blocked.extend(part.blocked);
        scan.leftovers.extend(part.leftovers);
    }
    Ok(scan)
}

/// What was found in one folder.
#[derive(Default)]
struct Part {
    changes: Vec<(String, Option<Found>)>,
    touched: Vec<(String, Stamp)>,
    blocked: Vec<(String, Reason)>,
    leftovers: Vec<String>,
}

impl Part {
    fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.touched.is_empty()
            && self.blocked.is_empty()
            && self.leftovers.is_empty()
    }
}

struct Scanner<'a> {
    side: Side,
    defers: bool,
    root: &'a Utf8Path,
    ignored: &'a Ignored,
    traits: Traits,
    is_cancelled: &'a (dyn Fn() -> bool + Sync),
    found: Mutex<Vec<Part>>,
    entries: AtomicUsize,
}

impl<'a> Scanner<'a> {
    /// Compares what a folder holds with what is recorded of it, both by name.
    fn folder<'s>(
        &'s self,
        scope: &Scope<'s>,
        folder: &str,
        record: Option<Record<'s>>,
        listing: Listing,
    ) where
        'a: 's,
    {
        if (self.is_cancelled)() {
            return;
        }
        let mut part = Part::default();
        self.entries.fetch_add(listing.items.len(), Ordering::Relaxed);
        for name in listing.odd {
            part.blocked.push((join(folder, &name), Reason::NotUtf8));
        }
        // In what could not be looked at, nothing is known to be gone.
        let mut unknown: HashSet<String> = HashSet::new();
        for (name, kind) in listing.failed {
            part.blocked.push((join(folder, &name), Reason::Io(kind.into()).told()));
            unknown.insert(name);
        }
        let mut recorded = record.into_iter().flat_map(Record::children).peekable();
        for item in listing.items {
            while let Some(gone) = recorded.next_if(|record| record.name() < item.name.as_str()) {
                note_gone(folder, gone, &unknown, &mut part);
            }
            let known = recorded.next_if(|record| record.name() == item.name);
            self.item(scope, folder, &item, known, &mut part);
        }
        for gone in recorded {
            note_gone(folder, gone, &unknown, &mut part);
        }
        if !part.is_empty()
            && let Ok(mut found) = self.found.lock()
        {
            found.push(part);
        }
    }

    fn item<'s>(
        &'s self,
        scope: &Scope<'s>,
        folder: &str,
        item: &Item,
        known: Option<Record<'s>>,
        part: &mut Part,
    ) where
        'a: 's,
    {
        match item.kind {
            Kind::File => {
                if let Some(record) = known.filter(|record| record.is_file()) {
                    self.known_file(folder, item, record, part);
                    return;
                }
            }
            Kind::Dir => {
                if let Some(record) = known.filter(Record::is_dir) {
                    self.enter(scope, join(folder, &item.name), Some(record));
                    return;
                }
            }
            Kind::Link | Kind::Other => {}
        }
        let path = join(folder, &item.name);
        // What is recorded was not ignored.
        if known.is_none() {
            if is_temporary(&path) {
                part.leftovers.push(path);
                return;
            }
            if is_own(&path) || self.ignored.covers(&path, item.kind == Kind::Dir) {
                return;
            }
        }
        let found = match item.kind {
            Kind::Other => Err(Reason::Special),
            Kind::Link => self.link(&path, item),
            Kind::Dir => Ok(Some(Found::Dir)),
            Kind::File => Ok(Some(Found::File {
                stamp: self.traits.reduce(item.stamp),
                executable: item.executable && self.traits.executable,
                content: Content::Unread,
            })),
        };
        let found = match found {
            Ok(found) => found,
            Err(reason) => {
                part.blocked.push((path, reason));
                return;
            }
        };
        if let (Some(Found::Link { target, .. }), Some(record)) = (&found, known)
            && !record.is_dir()
            && !record.is_file()
            && record.target() == target
        {
            return;
        }
        if let Some(record) = known.filter(Record::is_dir) {
            gone(path.clone(), record, part);
        }
        let is_dir = matches!(found, Some(Found::Dir));
        part.changes.push((path.clone(), found));
        if is_dir {
            self.enter(scope, path, None);
        }
    }

    fn enter<'s>(&'s self, scope: &Scope<'s>, path: String, record: Option<Record<'s>>)
    where
        'a: 's,
    {
        scope.spawn(move |scope| match list(&self.root.join(&path)) {
            Ok(listing) => self.folder(scope, &path, record, listing),
            Err(error) => {
                let blocked = vec![(path, Reason::on(self.side)(error))];
                let part = Part { blocked, ..Part::default() };
                if let Ok(mut found) = self.found.lock() {
                    found.push(part);
                }
            }
        });
    }

    fn known_file(&self, folder: &str, item: &Item, record: Record<'_>, part: &mut Part) {
        let stamp = self.traits.reduce(item.stamp);
        let executable = if self.traits.executable { item.executable } else { record.executable() };
        if record.stamp(self.side) == Some(stamp) && executable == record.executable() {
            return;
        }
        let path = join(folder, &item.name);
        // Where a stamp is not to be trusted, most files are as they were.
        let is_another = record.stamp(self.side).is_some_and(|known| known != stamp);
        if stamp.size != record.size() || (self.defers && is_another) {
            let found = Found::File { stamp, executable, content: Content::Unread };
            part.changes.push((path, Some(found)));
            return;
        }
        match self.read(&path, stamp) {
            Ok(hash) if hash == record.hash() && executable == record.executable() => {
                part.touched.push((path, stamp));
            }
            Ok(hash) => {
                let content = Content::Hash(hash);
                part.changes.push((path, Some(Found::File { stamp, executable, content })));
            }
            Err(reason) => part.blocked.push((path, reason)),
        }
    }

    /// The hash of a file that is as its stamp says before and after it is read.
    fn read(&self, path: &str, stamp: Stamp) -> Result<blake3::Hash, Reason> {
        let (hash, found) = content::hash(&self.root.join(path)).map_err(Reason::on(self.side))?;
        if self.traits.reduce(found) == stamp { Ok(hash) } else { Err(Reason::Changes) }
    }

    fn link(&self, path: &str, item: &Item) -> Result<Option<Found>, Reason> {
        let target = std::fs::read_link(self.root.join(path)).map_err(Reason::Io)?;
        let target = target.into_os_string().into_string().map_err(|_| Reason::NotUtf8)?;
        if leads_out(path, &target) {
            return Err(Reason::LeadsOut(target));
        }
        Ok(Some(Found::Link { target, modified: item.stamp.modified }))
    }
}

/// What is recorded and not listed is gone, unless its name was there and could not be looked at.
fn note_gone(folder: &str, record: Record<'_>, unknown: &HashSet<String>, part: &mut Part) {
    if !unknown.contains(record.name()) {
        gone(join(folder, record.name()), record, part);
    }
}

fn gone(path: String, record: Record<'_>, part: &mut Part) {
    for child in record.children() {
        gone(join(&path, child.name()), child, part);
    }
    part.changes.push((path, None));
}

/// Whether a link is absolute, or climbs out of the root. On Windows, a colon is of a drive or a stream.
fn leads_out(path: &str, target: &str) -> bool {
    let is_rooted = target.starts_with(['/', '\\']) || (cfg!(windows) && target.contains(':'));
    if Utf8Path::new(target).is_absolute() || is_rooted {
        return true;
    }
    let mut depth = path.matches('/').count();
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// Reads the files among `paths` that were not read yet.
pub(crate) fn read_unread(
    side: Side,
    root: &Utf8Path,
    traits: Traits,
    scan: &mut Scan,
    paths: &[String],
) {
    use rayon::prelude::*;
    let unread = paths.par_iter().filter_map(|path| match scan.changes.get(path) {
        Some(Some(Found::File { stamp, content: Content::Unread, .. })) => Some((path, *stamp)),
        _ => None,
    });
    let read: Vec<_> =
        unread.map(|(path, stamp)| (path, content::hash(&root.join(path)), stamp)).collect();
    for (path, result, stamp) in read {
        let reason = match result {
            Ok((hash, found)) if traits.reduce(found) == stamp => {
                if let Some(Some(Found::File { content, .. })) = scan.changes.get_mut(path) {
                    *content = Content::Hash(hash);
                }
                continue;
            }
            Ok(_) => Reason::Changes,
            Err(error) => Reason::on(side)(error),
        };
        scan.blocked.insert(path.clone(), reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_out_are_told() {
        let table = [
            ("a", "b", false),
            ("a", "../b", true),
            ("d/a", "../b", false),
            ("d/a", "../../b", true),
            ("d/a", "x/../../b", false),
            ("d/a", "x/../../../b", true),
            ("a", "/etc/passwd", true),
            ("a", "..", true),
            ("d/a", "..", false),
            ("a", "\\\\server\\share", true),
        ];
        for (path, target, expected) in table {
            assert_eq!(leads_out(path, target), expected, "{path} -> {target}");
        }
        assert_eq!(leads_out("d/a", "C:b"), cfg!(windows));
    }
}
