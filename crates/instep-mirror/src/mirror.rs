//! A mirror, whole: the four rooms one after the other, under one lock.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use camino::Utf8Path;
use instep_fs::{FileLock, Holder};
use serde::{Deserialize, Serialize};

use crate::apply::{Applier, Done};
use crate::error::Error;
use crate::event::Event;
use crate::flush::Writeback;
use crate::ignored::Ignored;
use crate::log::{self, SyncLog};
use crate::node::{Side, Sides};
use crate::observe::{Observed, observe};
use crate::plan::{Direction, Plan, plan};
use crate::reconcile::ancestors;
use crate::root::Roots;
use crate::state::{Loaded, State};
use crate::traits::Traits;
use crate::trash::{self, Discarded, Trash};
use crate::{late, names, place};

/// How many runs there were in this process; the first has the number 1.
static RUNS: AtomicU64 = AtomicU64::new(1);

/// How a mirror is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Patterns of what is not mirrored, in the words of `.gitignore`; beside those that never are:
    /// `__pycache__`, `.DS_Store`, `Thumbs.db`, `desktop.ini`, `/.instep` and our own files.
    pub ignore: Vec<String>,
    /// The share of what is recorded, from 0 to 1, that a sync may delete on a side without being told
    /// that it may.
    pub delete_share: f64,
    /// How long the trash keeps what was replaced or deleted.
    pub trash_age: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ignore: Vec::new(), delete_share: 0.25, trash_age: Duration::from_hours(30 * 24) }
    }
}

/// What a sync may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// Which sides may be written to.
    pub direction: Direction,
    /// So many may be deleted on a side, whatever their share.
    pub allow_deletes: Option<usize>,
}

/// Which version of a conflict is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// That of a side; the other one goes to the trash.
    Side(Side),
    /// Both: the other one gets a name of its own.
    Both,
}

/// A conflict that nobody has resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// Where.
    pub path: String,
    /// The name of the other version.
    pub beside: String,
    /// The side that the other version is from.
    pub side: Side,
}

/// Two folders that are kept equal.
#[derive(Clone, Debug)]
pub struct Mirror {
    roots: Roots,
    ignored: Ignored,
    settings: Settings,
}

impl Mirror {
    /// Both roots are absolute. Nothing is looked at yet.
    ///
    /// # Errors
    ///
    /// [`Error::Nested`], [`Error::Pattern`].
    pub fn open(network: &Utf8Path, local: &Utf8Path, settings: Settings) -> Result<Self, Error> {
        let roots = Roots::new(network, local)?;
        let ignored = Ignored::of(&settings.ignore)?;
        Ok(Self { roots, ignored, settings })
    }

    /// A root.
    pub fn root(&self, side: Side) -> &Utf8Path {
        self.roots.of(side)
    }

    /// Forgets what is recorded, and syncs: everything on either side is kept.
    ///
    /// # Errors
    ///
    /// Those of [`sync`](Self::sync).
    pub fn init(
        &self,
        on_event: &mut dyn FnMut(Event),
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Done, Error> {
        self.make_local()?;
        {
            let _lock = self.lock(is_cancelled)?;
            self.roots.forget()?;
        }
        self.sync(SyncRequest::default(), on_event, is_cancelled)
    }

    /// Looks at both sides. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::RootMissing`] and its kin, [`Error::Replaced`], [`Error::Emptied`], [`Error::NewerState`],
    /// [`Error::Cancelled`].
    pub fn observe(&self, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Observed, Error> {
        let loaded = late::load(&self.roots, is_cancelled)?;
        observe(&self.roots, &self.ignored, loaded, false, is_cancelled)
    }

    /// Decides what is to be done.
    pub fn plan(&self, observed: &Observed, direction: Direction) -> Plan {
        plan(observed, direction)
    }

    /// Brings both sides in step. A local root that is missing is made, and has everything afterwards. To a
    /// network that the direction does not write to, nothing at all is written, not even a file of ours.
    ///
    /// # Errors
    ///
    /// Those of [`observe`](Self::observe); [`Error::TooManyDeletes`]; [`Error::Unreachable`] where the
    /// network went away: what was done until then is recorded.
    pub fn sync(
        &self,
        request: SyncRequest,
        on_event: &mut dyn FnMut(Event),
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Done, Error> {
        let result = self.sync_once(request, on_event, is_cancelled);
        match result {
            // Whatever failed, it may have been for want of the drive.
            Err(error @ (Error::Read { .. } | Error::Write { .. } | Error::Fs(_)))
                if !error.is_cancelled() =>
            {
                let gone =
                    Side::BOTH.into_iter().find_map(|side| self.roots.guard_side(side).err());
                Err(gone.unwrap_or(error))
            }
            result => result,
        }
    }

    fn sync_once(
        &self,
        request: SyncRequest,
        on_event: &mut dyn FnMut(Event),
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Done, Error> {
        self.make_local()?;
        let _lock = self.lock(is_cancelled)?;
        self.roots.sweep();
        // Before anything is made in a root that may be another one.
        let loaded = late::settle(&self.roots, on_event, is_cancelled)?;
        let is_initial = !matches!(loaded, Loaded::State(_));
        if let Loaded::State(known) = &loaded {
            self.roots.guard_recorded(known, &self.ignored)?;
        }
        self.roots.guard(&self.roots.known_mark())?;
        let is_written = |side: &Side| request.direction.writes(*side);
        let mark = if is_written(&Side::Network) {
            self.roots.prepare()?
        } else {
            self.roots.recognise()?
        };
        on_event(Event::Scanning);
        let observed = observe(&self.roots, &self.ignored, loaded, true, is_cancelled)?;
        if let Some(aside) = &observed.record_lost {
            on_event(Event::RecordLost { aside: aside.clone() });
        }
        let plan = self.plan(&observed, request.direction);
        plan.guard(self.settings.delete_share, request.allow_deletes)?;
        on_event(Event::Planned {
            copies: plan.copies(),
            bytes: plan.bytes,
            deletes: plan.deletions(),
            conflicts: plan.conflicts(),
        });
        let is_late = late::announce(&self.roots, &observed, &plan);
        let applier = Applier {
            roots: &self.roots,
            observed: &observed,
            ignored: &self.ignored,
            direction: request.direction,
            trash: &Trash::now(),
            mark: &mark,
            local_id: &self.roots.local_id()?,
            is_cancelled,
            number: AtomicU64::new(u64::from(std::process::id()) << 32),
            run: RUNS.fetch_add(1, Ordering::Relaxed),
            stuck: Mutex::default(),
            writeback: Writeback::default(),
            is_late,
        };
        let done = applier.apply(plan, on_event)?;
        if !done.problems.is_empty() {
            // Every one of them may have been the drive's.
            self.roots.still_there(&mark)?;
        }
        log::write(&self.roots, is_initial, request.direction, &done)?;
        for side in Side::BOTH.into_iter().filter(is_written) {
            trash::expire(&self.roots, side, self.settings.trash_age);
        }
        Ok(done)
    }

    pub(crate) fn is_ignored(&self, path: &str, is_dir: bool) -> bool {
        self.ignored.covers(path, is_dir)
    }

    fn make_local(&self) -> Result<(), Error> {
        let path = self.roots.of(Side::Local);
        std::fs::create_dir_all(path)
            .map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    fn lock(&self, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<FileLock, Error> {
        self.roots.guard_side(Side::Local)?;
        self.roots.prepare_side(Side::Local)?;
        let holder = Holder {
            pid: std::process::id(),
            command: "instep mirror".to_owned(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        Ok(FileLock::acquire(&self.roots.lock(), &holder, &mut |_| {}, &|| is_cancelled())?)
    }

    /// The last sync; `None` where there was none.
    pub fn last_sync(&self) -> Option<SyncLog> {
        log::read(&self.roots)
    }

    /// Conflicts that nobody has resolved.
    ///
    /// # Errors
    ///
    /// [`Error::NewerState`], [`Error::Read`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>, Error> {
        let Loaded::State(state) = State::load(&self.roots.state())? else { return Ok(Vec::new()) };
        let entries = state.entries();
        let found = entries.keys().filter_map(|beside| {
            let (path, side) = names::original(beside)?;
            let is_there = self.roots.at(Side::Local, beside).symlink_metadata().is_ok();
            is_there.then(|| Conflict { path, beside: beside.clone(), side })
        });
        Ok(found.collect())
    }

    /// Resolves a conflict, on the local side; the next sync carries it over.
    ///
    /// # Errors
    ///
    /// [`Error::NoConflict`], [`Error::SeveralConflicts`], [`Error::InTheWay`], [`Error::Write`].
    pub fn resolve(&self, path: &str, keep: Keep) -> Result<Conflict, Error> {
        let given = names::given(path);
        let path = given.as_str();
        let _lock = self.lock(&|| false)?;
        let mut all = self.conflicts()?;
        all.retain(|conflict| conflict.path == path || conflict.beside == path);
        let conflict = match all.as_slice() {
            [] => return Err(Error::NoConflict { path: path.to_owned() }),
            [one] => one.clone(),
            several => {
                let copies = several.iter().map(|one| one.beside.clone()).collect();
                return Err(Error::SeveralConflicts { path: path.to_owned(), copies });
            }
        };
        let at = |path: &str| self.roots.at(Side::Local, path);
        let write = |source| Error::Write { path: at(&conflict.path), source };
        // Not through a link, which may lead out of the root.
        for above in ancestors(&conflict.path) {
            if at(above).is_symlink() {
                return Err(Error::InTheWay { path: above.to_owned() });
            }
        }
        let trash = Trash::now();
        match keep {
            Keep::Side(side) if side == conflict.side => {
                if at(&conflict.path).symlink_metadata().is_ok() {
                    trash.take(&self.roots, Side::Local, &conflict.path).map_err(write)?;
                }
                place::put_new(&at(&conflict.beside), &at(&conflict.path)).map_err(write)?;
            }
            Keep::Side(_) => {
                trash.take(&self.roots, Side::Local, &conflict.beside).map_err(write)?;
            }
            Keep::Both => {
                let name = names::settled(&conflict.beside);
                place::put_new(&at(&conflict.beside), &at(&name)).map_err(write)?;
            }
        }
        Ok(conflict)
    }

    /// What is in the trash, the latest first.
    ///
    /// # Errors
    ///
    /// [`Error::Read`].
    pub fn trash(&self, side: Side) -> Result<Vec<Discarded>, Error> {
        trash::contents(&self.roots, side)
    }

    /// Puts the latest of a path from the trash back, on the local side.
    ///
    /// # Errors
    ///
    /// [`Error::NotInTrash`], [`Error::InTheWay`], [`Error::Write`].
    pub fn restore(&self, path: &str) -> Result<Discarded, Error> {
        let _lock = self.lock(&|| false)?;
        trash::restore(&self.roots, &names::given(path))
    }

    /// Finds out what both file systems can tell and hold.
    ///
    /// # Errors
    ///
    /// [`Error::RootMissing`] and its kin; [`Error::Write`] where a root cannot be written to.
    pub fn validate(&self) -> Result<Sides<Traits>, Error> {
        let _lock = self.lock(&|| false)?;
        self.roots.guard_side(Side::Network)?;
        self.roots.prepare()?;
        self.roots.probe()
    }
}
