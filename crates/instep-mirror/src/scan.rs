//! Observe one side: what differs from the record. What looks as it was recorded costs one look at its
//! stamp, and is not mentioned any more.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8Path;
use instep_fs::Stamp;
use rayon::Scope;
use rayon::prelude::*;

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

/// Looking at everything on a side.
pub(crate) struct Walk<'a> {
    scanner: Scanner<'a>,
    /// Folders that were not looked at yet.
    open: Vec<Folder<'a>>,
}

/// What is looked at, and how.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) side: Side,
    pub(crate) root: &'a Utf8Path,
    pub(crate) ignored: &'a Ignored,
    pub(crate) traits: Traits,
    /// Whether what may have changed is read when it is copied, and not here.
    pub(crate) defers: bool,
    pub(crate) is_cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Walk<'a> {
    /// Looks at a few folders, unless each look is slow. Most trees are small and as they were: they are done
    /// before threads would have begun.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] where the root itself cannot be listed.
    pub(crate) fn begin(look: Look<'a>, state: &'a State) -> Result<Self, Error> {
        let Look { side, root, traits, .. } = look;
        let unreachable = |source| Error::Unreachable { side, path: root.to_owned(), source };
        let listing = list_root(root).map_err(unreachable)?;
        let scanner = Scanner { look, found: Mutex::default(), entries: AtomicUsize::new(0) };
        let root = Folder { path: String::new(), record: state.root() };
        let mut open = scanner.folder(&root, listing);
        let few = if traits.strict { FEW } else { 0 };
        for _ in 0..few {
            if !scanner.is_quiet() {
                break;
            }
            let Some(next) = open.pop() else { break };
            open.extend(scanner.enter(&next));
        }
        Ok(Self { scanner, open })
    }

    pub(crate) fn is_done(&self) -> bool {
        let is_read = |found: &Vec<Part<'_>>| found.iter().all(|part| part.doubtful.is_empty());
        self.open.is_empty() && self.scanner.found.lock().is_ok_and(|found| is_read(&found))
    }

    /// Looks at the rest, and reads what may have changed, side by side.
    pub(crate) fn rest(&mut self) {
        let (scanner, open) = (&self.scanner, std::mem::take(&mut self.open));
        rayon::scope(|scope| scanner.side_by_side(scope, open));
        let take = |found: &mut Vec<Part<'a>>| {
            found.iter_mut().flat_map(|part| std::mem::take(&mut part.doubtful)).collect()
        };
        let doubtful: Vec<Doubtful<'_>> =
            scanner.found.lock().map(|mut found| take(&mut found)).unwrap_or_default();
        let read = |part: Part<'a>, file| {
            if (scanner.look.is_cancelled)() { part } else { scanner.read(file, part) }
        };
        let parts = doubtful.into_par_iter().fold(Part::default, read);
        parts.for_each(|part| scanner.note(part));
    }

    /// # Errors
    ///
    /// [`Error::Cancelled`].
    pub(crate) fn end(self) -> Result<Scan, Error> {
        let scanner = self.scanner;
        if (scanner.look.is_cancelled)() {
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
}

/// So many folders are looked at one after the other before threads are made for more.
const FEW: usize = 64;

/// A folder that is to be looked at.
struct Folder<'a> {
    path: String,
    record: Option<Record<'a>>,
}

/// A file of which only the content tells whether it changed.
struct Doubtful<'a> {
    path: String,
    stamp: Stamp,
    executable: bool,
    record: Record<'a>,
}

/// What was found in one folder.
#[derive(Default)]
struct Part<'a> {
    doubtful: Vec<Doubtful<'a>>,
    changes: Vec<(String, Option<Found>)>,
    touched: Vec<(String, Stamp)>,
    blocked: Vec<(String, Reason)>,
    leftovers: Vec<String>,
}

impl Part<'_> {
    fn is_empty(&self) -> bool {
        self.doubtful.is_empty()
            && self.changes.is_empty()
            && self.touched.is_empty()
            && self.blocked.is_empty()
            && self.leftovers.is_empty()
    }
}

struct Scanner<'a> {
    look: Look<'a>,
    found: Mutex<Vec<Part<'a>>>,
    entries: AtomicUsize,
}

impl<'a> Scanner<'a> {
    /// Whether all is as it was recorded, so far.
    fn is_quiet(&self) -> bool {
        self.found.lock().is_ok_and(|found| found.is_empty())
    }

    fn side_by_side<'s>(&'s self, scope: &Scope<'s>, folders: Vec<Folder<'a>>)
    where
        'a: 's,
    {
        for folder in folders {
            scope.spawn(move |scope| self.side_by_side(scope, self.enter(&folder)));
        }
    }

    /// Compares what a folder holds with what is recorded of it, both by name. Returns the folders in it.
    fn folder(&self, folder: &Folder<'a>, listing: Listing) -> Vec<Folder<'a>> {
        let mut inside = Vec::new();
        if (self.look.is_cancelled)() {
            return inside;
        }
        let Folder { path: folder, record } = folder;
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
        let mut recorded = record.iter().flat_map(|record| record.children()).peekable();
        for item in listing.items {
            while let Some(gone) = recorded.next_if(|record| record.name() < item.name.as_str()) {
                note_gone(folder, gone, &unknown, &mut part);
            }
            let known = recorded.next_if(|record| record.name() == item.name);
            inside.extend(self.item(folder, &item, known, &mut part));
        }
        for gone in recorded {
            note_gone(folder, gone, &unknown, &mut part);
        }
        self.note(part);
        inside
    }

    fn note(&self, part: Part<'a>) {
        if !part.is_empty()
            && let Ok(mut found) = self.found.lock()
        {
            found.push(part);
        }
    }

    /// Compares an entry with what is recorded of it. Returns it where it is a folder to be looked at.
    fn item(
        &self,
        folder: &str,
        item: &Item,
        known: Option<Record<'a>>,
        part: &mut Part<'a>,
    ) -> Option<Folder<'a>> {
        match item.kind {
            Kind::File => {
                if let Some(record) = known.filter(|record| record.is_file()) {
                    self.known_file(folder, item, record, part);
                    return None;
                }
            }
            Kind::Dir => {
                if let Some(record) = known.filter(Record::is_dir) {
                    return Some(Folder { path: join(folder, &item.name), record: Some(record) });
                }
            }
            Kind::Link | Kind::Other => {}
        }
        let path = join(folder, &item.name);
        // What is recorded was not ignored.
        if known.is_none() {
            if is_temporary(&path) {
                part.leftovers.push(path);
                return None;
            }
            if is_own(&path) || self.look.ignored.covers(&path, item.kind == Kind::Dir) {
                return None;
            }
        }
        let found = match item.kind {
            Kind::Other => Err(Reason::Special),
            Kind::Link => self.link(&path, item),
            Kind::Dir => Ok(Some(Found::Dir)),
            Kind::File => Ok(Some(Found::File {
                stamp: self.look.traits.reduce(item.stamp),
                executable: item.executable && self.look.traits.executable,
                content: Content::Unread,
            })),
        };
        let found = match found {
            Ok(found) => found,
            Err(reason) => {
                part.blocked.push((path, reason));
                return None;
            }
        };
        if let (Some(Found::Link { target, .. }), Some(record)) = (&found, known)
            && !record.is_dir()
            && !record.is_file()
            && record.target() == target
        {
            return None;
        }
        if let Some(record) = known.filter(Record::is_dir) {
            gone(path.clone(), record, part);
        }
        let is_dir = matches!(found, Some(Found::Dir));
        part.changes.push((path.clone(), found));
        is_dir.then_some(Folder { path, record: None })
    }

    /// Lists a folder and looks at it. Returns the folders in it.
    fn enter(&self, folder: &Folder<'a>) -> Vec<Folder<'a>> {
        match list(&self.look.root.join(&folder.path)) {
            Ok(listing) => self.folder(folder, listing),
            Err(error) => {
                let blocked = vec![(folder.path.clone(), Reason::on(self.look.side)(error))];
                self.note(Part { blocked, ..Part::default() });
                Vec::new()
            }
        }
    }

    fn known_file(&self, folder: &str, item: &Item, record: Record<'a>, part: &mut Part<'a>) {
        let stamp = self.look.traits.reduce(item.stamp);
        let executable =
            if self.look.traits.executable { item.executable } else { record.executable() };
        if record.stamp(self.look.side) == Some(stamp) && executable == record.executable() {
            return;
        }
        let path = join(folder, &item.name);
        // Where a stamp is not to be trusted, most files are as they were.
        let is_another = record.stamp(self.look.side).is_some_and(|known| known != stamp);
        if stamp.size != record.size() || (self.look.defers && is_another) {
            let found = Found::File { stamp, executable, content: Content::Unread };
            part.changes.push((path, Some(found)));
            return;
        }
        part.doubtful.push(Doubtful { path, stamp, executable, record });
    }

    /// Reads a file, which has to be as its stamp says before and after.
    fn read(&self, file: Doubtful<'_>, mut part: Part<'a>) -> Part<'a> {
        let Doubtful { path, stamp, executable, record } = file;
        match content::hash(&self.look.root.join(&path)) {
            Ok((_, found)) if self.look.traits.reduce(found) != stamp => {
                part.blocked.push((path, Reason::Changes));
            }
            Ok((hash, _)) if hash == record.hash() && executable == record.executable() => {
                part.touched.push((path, stamp));
            }
            Ok((hash, _)) => {
                let content = Content::Hash(hash);
                part.changes.push((path, Some(Found::File { stamp, executable, content })));
            }
            Err(error) => part.blocked.push((path, Reason::on(self.look.side)(error))),
        }
        part
    }

    fn link(&self, path: &str, item: &Item) -> Result<Option<Found>, Reason> {
        let target = std::fs::read_link(self.look.root.join(path)).map_err(Reason::Io)?;
        let target = target.into_os_string().into_string().map_err(|_| Reason::NotUtf8)?;
        if leads_out(path, &target) {
            return Err(Reason::LeadsOut(target));
        }
        Ok(Some(Found::Link { target, modified: item.stamp.modified }))
    }
}

/// What is recorded and not listed is gone, unless its name was there and could not be looked at.
fn note_gone(folder: &str, record: Record<'_>, unknown: &HashSet<String>, part: &mut Part<'_>) {
    if !unknown.contains(record.name()) {
        gone(join(folder, record.name()), record, part);
    }
}

fn gone(path: String, record: Record<'_>, part: &mut Part<'_>) {
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
    if paths.is_empty() {
        // Which is most often so: no threads are made for it.
        return;
    }
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
