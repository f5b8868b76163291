//! Observe: the record, and what differs from it on both sides.

use std::collections::BTreeSet;
use std::time::SystemTime;

use camino::Utf8Path;

use crate::error::Error;
use crate::ignored::Ignored;
use crate::node::{Side, Sides};
use crate::plan::Rank;
use crate::reconcile::{Action, ancestors};
use crate::root::Roots;
use crate::scan::{Found, Look, Scan, Walk, read_unread};
use crate::state::{Entry, Loaded, State, set_aside};
use crate::traits::Traits;

/// Up to so many recorded entries, both sides are looked at before a thread would have begun on one of them.
const SMALL: usize = 1_000;

/// Both sides at one moment.
#[derive(Debug)]
pub struct Observed {
    pub(crate) state: State,
    pub(crate) scans: Sides<Scan>,
    pub(crate) traits: Sides<Traits>,
    /// When looking began.
    pub(crate) started: SystemTime,
    /// Where a damaged record was put.
    pub(crate) record_lost: Option<String>,
}

impl Observed {
    /// How many files, links and folders a side has.
    pub fn entries(&self, side: Side) -> usize {
        self.scans.of(side).entries
    }

    /// What a side has at a path where it is not as it is recorded.
    pub(crate) fn changed(&self, side: Side, path: &str) -> Option<&Found> {
        self.scans.of(side).changes.get(path).and_then(Option::as_ref)
    }

    /// Whether a side had something at a path when it was looked at.
    pub(crate) fn has(&self, side: Side, path: &str) -> bool {
        match self.scans.of(side).changes.get(path) {
            Some(found) => found.is_some(),
            None => self.state.get(path).is_some(),
        }
    }

    /// The bytes that an action copies.
    pub(crate) fn size(&self, action: &Action) -> u64 {
        match action {
            Action::Copy { path, from } => match self.changed(*from, path) {
                Some(Found::File { stamp, .. }) => stamp.size,
                _ => 0,
            },
            _ => 0,
        }
    }

    pub(crate) fn rank(&self, action: &Action) -> Rank {
        let is_dir = match action {
            Action::Copy { path, from: side }
            | Action::Delete { path, side }
            | Action::Beside { path, side } => match self.scans.of(*side).changes.get(path) {
                Some(found) => matches!(found, Some(Found::Dir)),
                None => self.state.get(path).is_some_and(|record| record.is_dir()),
            },
            Action::Agree { .. } => false,
        };
        Rank::of(action, is_dir)
    }
}

/// What was loaded is the record of these roots; who holds the lock may put a damaged one aside.
pub(crate) fn observe(
    roots: &Roots,
    ignored: &Ignored,
    loaded: Loaded,
    is_locked: bool,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Observed, Error> {
    let started = SystemTime::now();
    let (state, record_lost) = settle(loaded, &roots.state(), ignored, is_locked)?;
    roots.guard_recorded(&state, ignored)?;
    let traits = roots.traits()?;
    // Reading is what costs on a network, so a sync reads once: when it copies. Whoever only looks wants to
    // know what differs, and not what may.
    let defers = |side: Side| is_locked && side == Side::Network;
    let begin = |side: Side| {
        let (root, traits, defers) = (roots.of(side), *traits.of(side), defers(side));
        Walk::begin(Look { side, root, ignored, traits, defers, is_cancelled }, &state)
    };
    // What is written to all the time is copied only soon after it was looked at: the local side ends later.
    let (network, local) = if state.len() <= SMALL {
        (begin(Side::Network), begin(Side::Local))
    } else {
        std::thread::scope(|scope| {
            let local = scope.spawn(|| begin(Side::Local));
            let network = begin(Side::Network);
            (network, local.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    };
    let (mut network, mut local) = (network?, local?);
    if !(network.is_done() && local.is_done()) {
        rayon::join(|| network.rest(), || local.rest());
    }
    let mut scans = Sides { network: network.end()?, local: local.end()? };
    // A drive that went away in between looks like an empty one.
    roots.guard_recorded(&state, ignored)?;
    let met = meetings(&scans);
    for side in Side::BOTH {
        read_unread(side, roots.of(side), *traits.of(side), scans.of_mut(side), &met);
    }
    Ok(Observed { state, scans, traits, started, record_lost })
}

/// Paths at which the network has a file that is not, or may not be, as it is recorded, and the local side is
/// not as it is recorded either: only the contents tell whether they differ.
fn meetings(scans: &Sides<Scan>) -> Vec<String> {
    let network = scans.network.changes.iter();
    network
        .filter(|(path, found)| {
            matches!(found, Some(Found::File { .. })) && scans.local.changes.contains_key(*path)
        })
        .map(|(path, _)| path.clone())
        .collect()
}

/// The record. One that is damaged is put aside by whoever holds the lock: without it, both sides are compared by content, and
/// nothing is deleted. What is ignored by now is forgotten.
fn settle(
    loaded: Loaded,
    path: &Utf8Path,
    ignored: &Ignored,
    is_locked: bool,
) -> Result<(State, Option<String>), Error> {
    let (state, lost) = match loaded {
        Loaded::State(state) => (state, None),
        Loaded::Corrupt if is_locked => (State::empty(), Some(set_aside(path)?.into_string())),
        Loaded::Corrupt | Loaded::Missing => (State::empty(), None),
    };
    if state.len() == 0 || state.header.ignored == ignored.digest {
        return Ok((state, lost));
    }
    let mut entries = state.entries();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    entries.retain(|path, entry| {
        let is_dir = matches!(entry, Entry::Dir);
        let is_gone = ignored.covers(path, is_dir) || ancestors(path).any(|up| gone.contains(up));
        if is_gone && is_dir {
            gone.insert(path.clone());
        }
        !is_gone
    });
    Ok((State::of(state.header.clone(), &entries), lost))
}
