//! Record: what became of each action, and when it is written down.

use std::time::{Duration, Instant};

use instep_fs::Stamp;

use super::{Applier, Done, Outcome};
use crate::clock;
use crate::error::Error;
use crate::event::Event;
use crate::flush;
use crate::node::{Side, Sides};
use crate::state::{Entries, Entry, State, complete};

/// How often the record is written while files are copied, so that a run that is cut off need not compare
/// everything anew.
const CHECKPOINT: Duration = Duration::from_secs(30);

/// Collects what was done, and writes the record.
pub(super) struct Recorder<'a> {
    applier: &'a Applier<'a>,
    /// Made when there is something to record.
    entries: Option<Entries>,
    written: Instant,
    /// How far the clocks of the file systems are ahead of ours.
    ahead: Option<Sides<Option<i64>>>,
    /// Whether each change there gets a time of its own.
    tells_changes: Sides<Option<bool>>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(applier: &'a Applier<'a>) -> Self {
        let mut record = Self {
            applier,
            entries: None,
            written: Instant::now(),
            ahead: None,
            tells_changes: Sides::default(),
        };
        let observed = applier.observed;
        let is_new = observed.state.header.root != applier.mark;
        let is_touched = Side::BOTH.iter().any(|side| !observed.scans.of(*side).touched.is_empty());
        if is_new || is_touched || observed.state.header.ignored != applier.ignored.digest {
            record.entries();
        }
        for side in Side::BOTH {
            for (path, stamp) in &observed.scans.of(side).touched {
                let settled = record.settled(side, *stamp);
                if let Some(Entry::File { stamps, .. }) = record.entries().get_mut(path) {
                    *stamps.of_mut(side) = settled;
                }
            }
        }
        record
    }

    fn entries(&mut self) -> &mut Entries {
        self.entries.get_or_insert_with(|| self.applier.observed.state.entries())
    }

    /// Takes what came of an action; `true` where the work was cancelled.
    pub(super) fn take(
        &mut self,
        outcome: Outcome,
        done: &mut Done,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<bool, Error> {
        match outcome {
            Outcome::Copied { path, to, entry, bytes } => {
                *done.copied.of_mut(to) += 1;
                done.bytes += bytes;
                on_event(Event::Copied { path: path.clone(), to, bytes });
                self.set(path, entry, Some(to));
            }
            Outcome::Deleted { path, side } => {
                *done.deleted.of_mut(side) += 1;
                on_event(Event::Deleted { path: path.clone(), side });
                self.entries().remove(&path);
            }
            Outcome::Beside { path, beside, entry } => {
                on_event(Event::Conflict { path: path.clone(), beside: beside.clone() });
                done.conflicts.push((path, beside.clone()));
                if let Some(entry) = entry {
                    self.set(beside, entry, None);
                }
            }
            Outcome::Agreed { path, entry: Some(entry) } => self.set(path, entry, None),
            Outcome::Agreed { path, entry: None } => {
                self.entries().remove(&path);
            }
            Outcome::Left(problem) => done.problems.push(problem),
            Outcome::Cancelled => return Ok(true),
        }
        if self.written.elapsed() > CHECKPOINT {
            self.write()?;
        }
        Ok(false)
    }

    /// `written`: the side of a file that we wrote, and of which the time is ours.
    fn set(&mut self, path: String, mut entry: Entry, written: Option<Side>) {
        if let Entry::File { stamps, .. } = &mut entry {
            for side in Side::BOTH {
                if written == Some(side) && self.tells_changes(side) {
                    continue;
                }
                if let Some(stamp) = *stamps.of(side) {
                    *stamps.of_mut(side) = self.settled(side, stamp);
                }
            }
        }
        self.entries().insert(path, entry);
    }

    /// Whether the next change on a side has another time, whenever it comes.
    fn tells_changes(&mut self, side: Side) -> bool {
        let Applier { roots, observed, .. } = self.applier;
        let is_strict = observed.traits.of(side).strict;
        let tried = self.tells_changes.of_mut(side);
        is_strict
            && *tried.get_or_insert_with(|| clock::tells_changes(&roots.own(side)).unwrap_or(false))
    }

    /// The stamp, if no write that followed could have left it as it is.
    fn settled(&mut self, side: Side, stamp: Stamp) -> Option<Stamp> {
        let Applier { roots, observed, direction, .. } = self.applier;
        let ahead = self.ahead.get_or_insert_with(|| {
            let network = if direction.writes(Side::Network) {
                clock::ahead(&roots.own(Side::Network)).ok().inspect(|at| roots.remember_clock(*at))
            } else {
                Some(clock::ahead_untried(observed.traits.network, roots.known_clock()))
            };
            Sides { network, local: clock::ahead(&roots.own(Side::Local)).ok() }
        });
        clock::settled(stamp, *observed.traits.of(side), observed.started, *ahead.of(side))
    }

    pub(super) fn write(&mut self) -> Result<(), Error> {
        let Some(entries) = &mut self.entries else { return Ok(()) };
        complete(entries);
        let applier = self.applier;
        // What is recorded is on the disk, or listed.
        for side in Side::BOTH.into_iter().filter(|_| !applier.is_late) {
            let path = applier.roots.of(side);
            flush::all(path).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        }
        // And on the drive: what was written into an empty mount point was written nowhere.
        applier.roots.still_there(applier.mark)?;
        let mut header = applier.observed.state.header.clone();
        applier.mark.clone_into(&mut header.root);
        header.ignored.clone_from(&applier.ignored.digest);
        let state = State::of(header, entries);
        let path = applier.roots.state();
        if applier.is_late {
            state.write_late(&path)?;
        } else {
            state.write(&path)?;
        }
        self.written = Instant::now();
        Ok(())
    }
}
