//! Apply: carries a plan out. Every file arrives whole or not at all, nothing is replaced or removed that
//! is not what the plan saw, and what is replaced or removed goes to the trash.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Stamp;
use rayon::prelude::*;

use crate::content;
use crate::error::Error;
use crate::event::Event;
use crate::flush::Writeback;
use crate::ignored::{Ignored, LOG, TEMPORARY, is_own};
use crate::listing::{Item, Kind, list, look};
use crate::names;
use crate::node::{Content, Side, Sides};
use crate::observe::Observed;
use crate::place;
use crate::plan::{Direction, Plan, Rank};
use crate::problem::{Problem, Reason};
use crate::reconcile::{Action, ancestors, parent};
use crate::root::Roots;
use crate::scan::Found;
use crate::state::{Entry, Record};
use crate::traits;
use crate::trash::Trash;

use recorder::Recorder;

mod recorder;

/// How many small files are handed over at once, and what is large.
const TOGETHER: usize = 32;
const LARGE: u64 = 1 << 20;

thread_local! {
    /// The folder that was found to be one last, and in which run: most files follow others of their folder.
    static FOLDER: RefCell<(u64, Utf8PathBuf)> = const { RefCell::new((0, Utf8PathBuf::new())) };
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// Files, links and folders that were copied, to each side.
    pub copied: Sides<usize>,
    /// Their bytes.
    pub bytes: u64,
    /// What went to the trash because the other side deleted it, on each side.
    pub deleted: Sides<usize>,
    /// Where both were kept: the path, and the name of the other one.
    pub conflicts: Vec<(String, String)>,
    /// What was left alone.
    pub problems: Vec<Problem>,
}

/// What came of one action.
enum Outcome {
    Copied { path: String, to: Side, entry: Entry, bytes: u64 },
    Deleted { path: String, side: Side },
    Beside { path: String, beside: String, entry: Option<Entry> },
    Agreed { path: String, entry: Option<Entry> },
    Left(Problem),
    Cancelled,
}

pub(crate) struct Applier<'a> {
    pub(crate) roots: &'a Roots,
    pub(crate) observed: &'a Observed,
    pub(crate) ignored: &'a Ignored,
    pub(crate) direction: Direction,
    pub(crate) trash: &'a Trash,
    /// The mark of the network's root; empty where it has none.
    pub(crate) mark: &'a str,
    /// What no other local root has.
    pub(crate) local_id: &'a str,
    pub(crate) is_cancelled: &'a (dyn Fn() -> bool + Sync),
    pub(crate) number: AtomicU64,
    /// Another one for each run of this process.
    pub(crate) run: u64,
    /// Where something could not be given another name, so that nothing may take its place.
    pub(crate) stuck: Mutex<BTreeSet<String>>,
    pub(crate) writeback: Writeback,
    /// Whether the disk is not waited for.
    pub(crate) is_late: bool,
}

impl Applier<'_> {
    pub(crate) fn apply(&self, plan: Plan, on_event: &mut dyn FnMut(Event)) -> Result<Done, Error> {
        let mut record = Recorder::new(self);
        let mut done = Done { problems: plan.problems, ..Done::default() };
        self.sweep();
        let ended = if plan.actions.is_empty() {
            // Most runs find nothing to do: they start no thread.
            Ok(())
        } else if self.is_late {
            self.run_all(&plan.actions, &mut record, &mut done, on_event)
        } else {
            self.writeback.beside(|| self.run_all(&plan.actions, &mut record, &mut done, on_event))
        };
        // Whatever ended it, what was done is recorded.
        let written = record.write();
        ended.and(written).map(|()| done)
    }

    /// Carries all actions out, rank by rank.
    fn run_all(
        &self,
        actions: &[Action],
        record: &mut Recorder<'_>,
        done: &mut Done,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        // Actions of one rank do not depend on each other, but for folders, of which there are few.
        let mut rest = actions;
        while let Some(first) = rest.first() {
            let rank = self.observed.rank(first);
            let count = rest.iter().take_while(|action| self.observed.rank(action) == rank).count();
            let (now, later) = rest.split_at(count);
            rest = later;
            let in_order = matches!(rank, Rank::RemoveFolder | Rank::MakeFolder);
            if self.run(now, in_order, record, done, on_event)? {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }

    /// Carries actions out, side by side; `true` where the work was cancelled.
    fn run(
        &self,
        actions: &[Action],
        in_order: bool,
        record: &mut Recorder<'_>,
        done: &mut Done,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, Error> {
        let mut is_cut = false;
        if in_order || actions.len() == 1 {
            for action in actions {
                is_cut |= record.take(self.one(action), done, on_event)?;
                if is_cut {
                    break;
                }
            }
            return Ok(is_cut);
        }
        // Small files are handed over many at once.
        let bytes: u64 = actions.iter().map(|action| self.observed.size(action)).sum();
        let is_small = bytes / (actions.len() as u64) < LARGE;
        let (send, outcomes) = mpsc::sync_channel(64);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let parts = actions.par_chunks(if is_small { TOGETHER } else { 1 });
                // Nobody listens any more only if the record cannot be written.
                let _ = parts.try_for_each(|part| {
                    let outcomes: Vec<Outcome> = part.iter().map(|one| self.one(one)).collect();
                    let is_cut = matches!(outcomes.last(), Some(Outcome::Cancelled));
                    send.send(outcomes).map_err(|_| ()).and(if is_cut { Err(()) } else { Ok(()) })
                });
            });
            for outcome in outcomes.into_iter().flatten() {
                is_cut |= record.take(outcome, done, on_event)?;
            }
            Ok(is_cut)
        })
    }

    fn one(&self, action: &Action) -> Outcome {
        if (self.is_cancelled)() {
            return Outcome::Cancelled;
        }
        let result = match action {
            Action::Agree { path } => Ok(self.agree(path)),
            Action::Copy { path, from } => self.copy(path, *from),
            Action::Delete { path, side } => self.delete(path, *side),
            Action::Beside { path, side } => self.beside(path, *side),
        };
        match result {
            Ok(outcome) => outcome,
            Err(_) if (self.is_cancelled)() => Outcome::Cancelled,
            Err(reason) => {
                let reason = reason.told();
                if let (Action::Beside { path, .. }, Ok(mut stuck)) = (action, self.stuck.lock()) {
                    stuck.insert(path.clone());
                }
                let side = match action {
                    Action::Copy { from: side, .. }
                    | Action::Delete { side, .. }
                    | Action::Beside { side, .. } => *side,
                    Action::Agree { .. } => Side::Local,
                };
                Outcome::Left(Problem { path: action.path().to_owned(), side, reason })
            }
        }
    }

    /// Both have the same by now.
    fn agree(&self, path: &str) -> Outcome {
        let entry = match (
            self.observed.changed(Side::Network, path),
            self.observed.changed(Side::Local, path),
        ) {
            (
                Some(Found::File { stamp: network, executable, content: Content::Hash(hash) }),
                Some(Found::File { stamp: local, .. }),
            ) => Some(Entry::File {
                hash: *hash,
                executable: *executable,
                size: local.size,
                stamps: Sides { network: Some(*network), local: Some(*local) },
            }),
            (Some(Found::Link { target, .. }), _) => Some(Entry::Link { target: target.clone() }),
            (Some(Found::Dir), _) => Some(Entry::Dir),
            _ => None,
        };
        Outcome::Agreed { path: path.to_owned(), entry }
    }

    fn copy(&self, path: &str, from: Side) -> Result<Outcome, Reason> {
        let to = from.other();
        let target = self.roots.at(to, path);
        if self.stuck.lock().is_ok_and(|stuck| stuck.contains(path)) {
            return Err(Reason::Changes);
        }
        self.check_parents(to, path)?;
        let (entry, bytes) = match self.observed.changed(from, path) {
            Some(Found::File { stamp, executable, content }) => {
                let known = match content {
                    Content::Hash(hash) => Some(*hash),
                    Content::Unread => None,
                };
                let source = Source { stamp: *stamp, executable: *executable, known };
                match self.copy_file(path, from, path, source)? {
                    (entry, Some(bytes)) => (entry, bytes),
                    (entry, None) => {
                        return Ok(Outcome::Agreed { path: path.to_owned(), entry: Some(entry) });
                    }
                }
            }
            Some(Found::Link { target: leads_to, .. }) => {
                let temporary = self.temporary(&target);
                traits::link(leads_to, &temporary).map_err(Reason::Io)?;
                let temporary = Temporary::of(temporary);
                self.put(&temporary, to, path)?;
                (Entry::Link { target: leads_to.clone() }, 0)
            }
            Some(Found::Dir) | None => {
                self.make_folder(to, path, &target)?;
                (Entry::Dir, 0)
            }
        };
        Ok(Outcome::Copied { path: path.to_owned(), to, entry, bytes })
    }

    fn make_folder(&self, side: Side, path: &str, target: &Utf8Path) -> Result<(), Reason> {
        match look(target).map_err(Reason::Io)? {
            Some(item) if item.kind == Kind::Dir => return Ok(()),
            Some(item) if self.is_expected(side, path, Some(&item), target)? => {
                self.trash.take(self.roots, side, path).map_err(Reason::on(side))?;
            }
            Some(_) => return Err(Reason::Changes),
            None => {}
        }
        std::fs::create_dir(target).map_err(Reason::Io)
    }

    /// Copies `path` of a side to `name` on the other one. Returns what is to be recorded, and the bytes that
    /// were copied; none where the other side has that content already.
    fn copy_file(
        &self,
        path: &str,
        from: Side,
        name: &str,
        source: Source,
    ) -> Result<(Entry, Option<u64>), Reason> {
        let to = from.other();
        let (from_traits, to_traits) = (self.observed.traits.of(from), self.observed.traits.of(to));
        let target = self.roots.at(to, name);
        let mut file = content::open(&self.roots.at(from, path)).map_err(Reason::on(from))?;
        let before = file.metadata().map_err(Reason::Io)?;
        let is_same = |found: &std::fs::Metadata| {
            from_traits.reduce(Stamp::of_metadata(found)) == source.stamp && found.is_file()
        };
        if !is_same(&before) {
            return Err(Reason::Changes);
        }
        let temporary = Temporary::of(self.temporary(&target));
        let mut copy = create(&temporary.path, &before, source.executable).map_err(Reason::Io)?;
        let hash =
            content::copy(&mut file, &mut copy, source.stamp.size, &|| (self.is_cancelled)())
                .map_err(Reason::Io)?;
        let after = file.metadata().map_err(Reason::Io)?;
        if !is_same(&after) || source.known.is_some_and(|known| known != hash) {
            return Err(Reason::Changes);
        }
        if let Some(entry) = self.touched_only(to, name, hash, source) {
            return Ok((entry, None));
        }
        copy.set_modified(time(source.stamp.modified)).map_err(Reason::Io)?;
        if to_traits.executable
            && self.observed.has(to, name)
            && let Ok(there) = std::fs::symlink_metadata(&target)
            && there.is_file()
        {
            keep_permissions(&copy, &there, &before, source.executable).map_err(Reason::Io)?;
        }
        // A drive may take what it has no room for, and say so only when it is asked.
        if to_traits.strict {
            self.writeback.local(&copy, source.stamp.size).map_err(Reason::Io)?;
        } else {
            copy.sync_all().map_err(Reason::Io)?;
        }
        let written = Stamp::of_metadata(&copy.metadata().map_err(Reason::Io)?);
        if written.size != source.stamp.size {
            return Err(Reason::Changes);
        }
        // What is recorded is what arrived, and not what somebody else may put in its place right after.
        // Elsewhere than on Unix, an open file cannot be given another name.
        let open = cfg!(unix).then_some(copy);
        self.put(&temporary, to, name)?;
        let arrived = match &open {
            Some(copy) => copy.metadata(),
            None => std::fs::symlink_metadata(&target),
        };
        let arrived = Stamp::of_metadata(&arrived.map_err(Reason::Io)?);
        let mut stamps = Sides { network: None, local: None };
        *stamps.of_mut(from) = Some(source.stamp);
        // Whoever wrote to it since left another time: then it is read by the next run.
        let is_ours = (arrived.size, arrived.modified) == (written.size, written.modified);
        *stamps.of_mut(to) = is_ours.then(|| to_traits.reduce(arrived));
        let entry =
            Entry::File { hash, executable: source.executable, size: source.stamp.size, stamps };
        Ok((entry, Some(source.stamp.size)))
    }

    /// What is to be recorded of a file that was touched and is what both agreed on: its new stamp.
    fn touched_only(
        &self,
        to: Side,
        name: &str,
        hash: blake3::Hash,
        source: Source,
    ) -> Option<Entry> {
        let scan = self.observed.scans.of(to);
        if scan.changes.contains_key(name) {
            return None;
        }
        let Entry::File { hash: known, executable, size, mut stamps } =
            self.observed.state.get(name).map(Record::entry)?
        else {
            return None;
        };
        if known != hash || executable != source.executable {
            return None;
        }
        *stamps.of_mut(to.other()) = Some(source.stamp);
        if let Some(touched) = scan.touched.get(name) {
            *stamps.of_mut(to) = Some(*touched);
        }
        Some(Entry::File { hash, executable, size, stamps })
    }

    /// Gives what has arrived its name, if what stands there is what the plan saw.
    fn put(&self, temporary: &Temporary, side: Side, path: &str) -> Result<(), Reason> {
        let target = self.roots.at(side, path);
        let is_seen = self.observed.has(side, path);
        let there = if is_seen { look(&target).map_err(Reason::Io)? } else { None };
        if !self.is_expected(side, path, there.as_ref(), &target)? {
            return Err(Reason::Changes);
        }
        // What has come in between stays.
        let failed = |error: io::Error| {
            let is_taken = error.kind() == io::ErrorKind::AlreadyExists;
            if is_taken { Reason::Changes } else { Reason::on(side)(error) }
        };
        match there.map(|item| item.kind) {
            None => place::put_new(&temporary.path, &target).map_err(failed)?,
            Some(Kind::Dir) => {
                self.remove_folder(side, path)?;
                place::put_new(&temporary.path, &target).map_err(failed)?;
            }
            Some(_) => self.replace(temporary, side, path).map_err(failed)?,
        }
        temporary.is_placed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes the place of what is at a path, which goes to the trash; should somebody have saved another
    /// version in between, that one does. Where the file system cannot let the two change places, what is
    /// there is moved away first.
    fn replace(&self, temporary: &Temporary, side: Side, path: &str) -> io::Result<()> {
        let target = self.roots.at(side, path);
        if self.observed.traits.of(side).exchanges {
            match self.trash.exchange(self.roots, side, path, &temporary.path) {
                Err(error) if place::is_unable(&error) => {}
                result => return result,
            }
        }
        let kept = self.trash.take(self.roots, side, path)?;
        let placed = place::put_new(&temporary.path, &target);
        if placed.is_err() {
            // What has come in between stays, and what is in the trash stays there.
            let _ = place::put_new(&kept, &target);
        }
        placed
    }

    /// Whether what is at a path is what was seen there, or nothing.
    fn is_expected(
        &self,
        side: Side,
        path: &str,
        there: Option<&Item>,
        at: &Utf8Path,
    ) -> Result<bool, Reason> {
        let traits = self.observed.traits.of(side);
        let is_link_to = |target: &str| {
            std::fs::read_link(at).map(|found| found.to_str() == Some(target)).map_err(Reason::Io)
        };
        let Some(item) = there else { return Ok(true) };
        let (kind, stamp) = (item.kind, traits.reduce(item.stamp));
        if let Some(changed) = self.observed.scans.of(side).changes.get(path) {
            return Ok(match changed {
                None => false,
                Some(Found::File { stamp: seen, .. }) => kind == Kind::File && stamp == *seen,
                Some(Found::Link { target, .. }) => kind == Kind::Link && is_link_to(target)?,
                Some(Found::Dir) => kind == Kind::Dir,
            });
        }
        let recorded = self.observed.state.get(path).map(Record::entry);
        Ok(match recorded {
            None => false,
            Some(Entry::File { stamps, size, .. }) => {
                let touched = self.observed.scans.of(side).touched.get(path);
                let is_seen = *stamps.of(side) == Some(stamp) || touched == Some(&stamp);
                kind == Kind::File && stamp.size == size && is_seen
            }
            Some(Entry::Link { target }) => kind == Kind::Link && is_link_to(&target)?,
            Some(Entry::Dir) => kind == Kind::Dir,
        })
    }

    fn delete(&self, path: &str, side: Side) -> Result<Outcome, Reason> {
        let target = self.roots.at(side, path);
        self.check_parents(side, path)?;
        let there = look(&target).map_err(Reason::Io)?;
        let deleted = Outcome::Deleted { path: path.to_owned(), side };
        let Some(item) = there else { return Ok(deleted) };
        if !self.is_expected(side, path, Some(&item), &target)? {
            return Err(Reason::Changes);
        }
        if item.kind == Kind::Dir {
            self.remove_folder(side, path)?;
        } else {
            self.trash.take(self.roots, side, path).map_err(Reason::on(side))?;
        }
        Ok(deleted)
    }

    /// Removes a folder in which nothing is left but what is ignored; that goes to the trash with it.
    fn remove_folder(&self, side: Side, path: &str) -> Result<(), Reason> {
        let target = self.roots.at(side, path);
        match std::fs::remove_dir(&target) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => {}
        }
        let listing = list(&target).map_err(Reason::on(side))?;
        let is_ignored = |item: &Item| {
            let path = [path, "/", &item.name].concat();
            is_own(&path) || self.ignored.covers(&path, item.kind == Kind::Dir)
        };
        let is_whole = listing.odd.is_empty() && listing.failed.is_empty();
        if !is_whole || !listing.items.iter().all(is_ignored) {
            return Err(Reason::Changes);
        }
        for item in &listing.items {
            let path = [path, "/", &item.name].concat();
            self.trash.take(self.roots, side, &path).map_err(Reason::on(side))?;
        }
        instep_fs::while_in_use(|| std::fs::remove_dir(&target)).map_err(Reason::on(side))
    }

    /// Gives what a side has another name, on both sides.
    fn beside(&self, path: &str, side: Side) -> Result<Outcome, Reason> {
        let at = self.roots.at(side, path);
        for side in Side::BOTH {
            self.check_parents(side, path)?;
        }
        let item = look(&at).map_err(Reason::Io)?;
        if !self.is_expected(side, path, item.as_ref(), &at)? {
            return Err(Reason::Changes);
        }
        let found = self.observed.changed(side, path).ok_or(Reason::Changes)?;
        let hash = match found {
            Found::File { content: Content::Hash(hash), .. } => *hash,
            Found::File { .. } => content::hash(&at).map_err(Reason::on(side))?.0,
            Found::Link { target, .. } => blake3::hash(target.as_bytes()),
            Found::Dir => return Err(Reason::Changes),
        };
        let mut name = names::beside(path, side, &hash, names::DIGITS);
        let there = self.roots.at(side, &name);
        if there.symlink_metadata().is_ok() {
            if content::hash(&there).is_ok_and(|(found, _)| found == hash) {
                // Kept already, since an earlier conflict with the same content.
                self.trash.take(self.roots, side, path).map_err(Reason::on(side))?;
                return Ok(Outcome::Beside { path: path.to_owned(), beside: name, entry: None });
            }
            name = names::beside(path, side, &hash, 2 * names::DIGITS);
        }
        place::put_new(&at, &self.roots.at(side, &name)).map_err(Reason::on(side))?;
        let entry = match found {
            Found::File { executable, .. } => {
                let moved = look(&self.roots.at(side, &name)).map_err(Reason::Io)?;
                let stamp = moved.ok_or(Reason::Changes)?.stamp;
                let stamp = self.observed.traits.of(side).reduce(stamp);
                let source = Source { stamp, executable: *executable, known: Some(hash) };
                self.copy_file(&name, side, &name, source)?.0
            }
            Found::Link { target, .. } => {
                let to = side.other();
                let temporary = self.temporary(&self.roots.at(to, &name));
                traits::link(target, &temporary).map_err(Reason::Io)?;
                self.put(&Temporary::of(temporary), to, &name)?;
                Entry::Link { target: target.clone() }
            }
            Found::Dir => return Err(Reason::Changes),
        };
        Ok(Outcome::Beside { path: path.to_owned(), beside: name, entry: Some(entry) })
    }

    /// Refuses to go through a link: it may lead out of the root.
    fn check_parents(&self, side: Side, path: &str) -> Result<(), Reason> {
        let Some(folder) = parent(path) else { return Ok(()) };
        let at = self.roots.at(side, folder);
        if FOLDER.with_borrow(|(run, last)| *run == self.run && *last == at) {
            return Ok(());
        }
        for above in std::iter::once(folder).chain(ancestors(folder)) {
            match look(&self.roots.at(side, above)).map_err(Reason::Io)? {
                Some(item) if item.kind == Kind::Dir => {}
                _ => return Err(Reason::Changes),
            }
        }
        FOLDER.set((self.run, at));
        Ok(())
    }

    /// The name of a file on its way, beside the one that it becomes. It says whose it is.
    fn temporary(&self, target: &Utf8Path) -> Utf8PathBuf {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}{number:x}{TEMPORARY}", self.own_prefix());
        target.with_file_name(name)
    }

    /// What the names of our files on their way begin with; of another machine's, with something else.
    fn own_prefix(&self) -> String {
        format!(".{}-", self.local_id.get(..8).unwrap_or_default())
    }

    /// Removes files on their way that a killed run of ours left.
    fn sweep(&self) {
        let prefix = self.own_prefix();
        for side in Side::BOTH.into_iter().filter(|side| self.direction.writes(*side)) {
            for path in &self.observed.scans.of(side).leftovers {
                let name = path.rsplit('/').next().unwrap_or(path);
                if name.starts_with(&prefix) {
                    // The next run tries again.
                    let _ = std::fs::remove_file(self.roots.at(side, path));
                }
            }
        }
        // The log lies among what is mirrored, and is written whatever the direction.
        if self.observed.scans.local.leftovers.iter().any(|path| path.contains(LOG)) {
            let _ = instep_fs::remove_stale_temporaries(&self.roots.log());
        }
    }
}

/// What is to be copied, as it was seen.
#[derive(Clone, Copy)]
struct Source {
    stamp: Stamp,
    executable: bool,
    known: Option<blake3::Hash>,
}

/// A file on its way, removed unless it was given its name.
struct Temporary {
    path: Utf8PathBuf,
    is_placed: std::sync::atomic::AtomicBool,
}

impl Temporary {
    fn of(path: Utf8PathBuf) -> Self {
        Self { path, is_placed: false.into() }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_placed.load(Ordering::Relaxed) {
            // The next run sweeps.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A new file, as open to others as the one that it is a copy of.
#[cfg(unix)]
fn create(path: &Utf8Path, source: &std::fs::Metadata, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mode = with_executable(source.permissions().mode() & 0o777, executable) | 0o200;
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Utf8Path, _source: &std::fs::Metadata, _executable: bool) -> io::Result<File> {
    File::create_new(path)
}

/// The permissions of the file that is replaced, as far as its original has them too; whether it may be
/// executed is the original's.
#[cfg(unix)]
fn keep_permissions(
    copy: &File,
    there: &std::fs::Metadata,
    source: &std::fs::Metadata,
    executable: bool,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |metadata: &std::fs::Metadata| metadata.permissions().mode() & 0o777;
    let both = mode(there) & mode(source) & 0o666;
    let mode = with_executable(both, executable) | 0o400;
    copy.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn keep_permissions(
    _copy: &File,
    _there: &std::fs::Metadata,
    _source: &std::fs::Metadata,
    _executable: bool,
) -> io::Result<()> {
    Ok(())
}

/// Who may read may execute, or nobody may.
#[cfg(unix)]
fn with_executable(mode: u32, executable: bool) -> u32 {
    if executable { mode | ((mode & 0o444) >> 2) } else { mode & !0o111 }
}

fn time(nanoseconds: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}
