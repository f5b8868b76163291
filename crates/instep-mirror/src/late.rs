//! Not waiting for the disk. A run that brings much down, and nothing up, ends when the system has all of it,
//! and the disk follows. What the run does is listed beforehand, on the disk; the next run waits until the
//! disk has it, and strikes the list. Should the machine stop in between, what is listed is believed only as
//! far as it is read:
//!
//! | at a path of the list, the local side has | what both sides are taken to have agreed on |
//! | --- | --- |
//! | what is recorded, or was before that run | that |
//! | a file with the time that the run gave it, or saw, and another content | this content: the disk did not get all of it, and it is nobody's work. What the network has takes its place, and it goes to the trash |
//! | a file with another time | what is recorded: it is somebody's work; nothing where times do not reach the disk in order |
//! | a folder | a folder |
//! | a link, or nothing | nothing: it may not have reached the disk, so that it does not count as deleted |
//!
//! Whatever goes up is waited for, since others see it.

use std::io;

use camino::Utf8Path;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::content;
use crate::error::Error;
use crate::event::Event;
use crate::flush;
use crate::listing::{Kind, look};
use crate::names::Names;
use crate::node::{Side, Sides};
use crate::observe::Observed;
use crate::plan::Plan;
use crate::reconcile::Action;
use crate::root::Roots;
use crate::scan::Found;
use crate::state::{Entry, Loaded, Record, State, complete, set_aside};

/// From so many bytes on, waiting is worth to be avoided.
const MUCH: u64 = 64 << 20;

/// The steps, in nanoseconds, of a time that is kept as it was given.
const FINE: i64 = 100;

const SCHEMA_VERSION: u32 = 1;

/// What a run does, and the disk may not have yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Late {
    schema_version: u32,
    /// The start of the machine, and the mount, in which what is listed is as it was written.
    session: String,
    /// Whether changes of names and times reach the disk in the order in which they were made.
    #[serde(default)]
    is_orderly: bool,
    /// Paths, and the time of modification, in nanoseconds since the Unix epoch, that a file has there if it
    /// is the run's.
    paths: Vec<(String, Option<i64>)>,
}

/// Makes a run late, if that is worth it and safe: `true` where it need not wait for the disk.
pub(crate) fn announce(roots: &Roots, observed: &Observed, plan: &Plan) -> bool {
    let is_down = plan.actions.iter().all(|action| {
        matches!(
            action,
            Action::Copy { from: Side::Network, .. }
                | Action::Delete { side: Side::Local, .. }
                | Action::Agree { .. }
        )
    });
    let local = roots.of(Side::Local);
    let traits = observed.traits.local;
    // The time of a file is what tells it from somebody's.
    let keeps_time = traits.strict && traits.granularity <= FINE;
    if plan.bytes < MUCH || !is_down || !keeps_time {
        return false;
    }
    let Some(session) = flush::session(local) else { return false };
    let touched = &observed.scans.local.touched;
    let touched = touched.iter().map(|(path, stamp)| (path.clone(), Some(stamp.modified)));
    let paths =
        plan.actions.iter().map(|action| (action.path().to_owned(), time(observed, action)));
    let paths = paths.chain(touched).collect();
    let flush::Session { id: session, is_orderly } = session;
    let late = Late { schema_version: SCHEMA_VERSION, session, is_orderly, paths };
    // A structure of texts and numbers is always JSON.
    let text = serde_json::to_vec(&late).unwrap_or_default();
    // Where the list cannot be made, it is waited for.
    keep_record(roots).is_ok() && instep_fs::write_atomic(&roots.late(), &text).is_ok()
}

/// The time that tells the file of the run from one that somebody made there.
fn time(observed: &Observed, action: &Action) -> Option<i64> {
    let (path, side) = match action {
        Action::Copy { path, from } => (path, *from),
        Action::Delete { path, side } | Action::Beside { path, side } => (path, *side),
        Action::Agree { path } => (path, Side::Local),
    };
    match observed.scans.of(side).changes.get(path) {
        Some(Some(Found::File { stamp, .. })) => Some(stamp.modified),
        Some(_) => None,
        None => observed.state.get(path)?.stamp(side).map(|stamp| stamp.modified),
    }
}

/// Keeps the record that the disk has beside the one that it may not get whole. That the list is written to
/// the disk makes this last as well.
fn keep_record(roots: &Roots) -> io::Result<()> {
    remove(&roots.kept_state())?;
    match std::fs::hard_link(roots.state(), roots.kept_state()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The record, for who changes nothing.
///
/// # Errors
///
/// Those of [`State::load`], [`Error::Cancelled`].
pub(crate) fn load(
    roots: &Roots,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Loaded, Error> {
    match read(roots)? {
        Listed::Nothing => State::load(&roots.state()),
        Listed::Late(late) if is_same_session(roots, &late) => State::load(&roots.state()),
        Listed::Late(late) => mended(roots, &late, is_cancelled),
        Listed::Damaged => Ok(match State::load(&roots.state())? {
            Loaded::Missing => Loaded::Missing,
            Loaded::State(_) | Loaded::Corrupt => Loaded::Corrupt,
        }),
    }
}

/// The record, when the disk has all that it speaks of. To be called by whoever holds the lock.
///
/// # Errors
///
/// Those of [`State::load`], [`Error::Write`], [`Error::Cancelled`].
pub(crate) fn settle(
    roots: &Roots,
    on_event: &mut dyn FnMut(Event),
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Loaded, Error> {
    let local = roots.of(Side::Local);
    let flush =
        || flush::all(local).map_err(|source| Error::Write { path: local.to_owned(), source });
    let loaded = match read(roots)? {
        Listed::Nothing => return State::load(&roots.state()),
        // A disk that could not take it says so once, whoever asks.
        Listed::Late(late) if is_same_session(roots, &late) && flush().is_ok() => {
            State::load(&roots.state())?
        }
        Listed::Late(late) => {
            on_event(Event::Unflushed { paths: late.paths.len() });
            let loaded = mended(roots, &late, is_cancelled)?;
            if let Loaded::State(state) = &loaded {
                state.write(&roots.state())?;
            }
            flush()?;
            loaded
        }
        // What to believe of the record is not known any more.
        Listed::Damaged => {
            if !matches!(State::load(&roots.state())?, Loaded::Missing) {
                let aside = set_aside(&roots.state())?.into_string();
                on_event(Event::RecordLost { aside });
            }
            Loaded::Missing
        }
    };
    for path in [roots.late(), roots.kept_state()] {
        remove(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
    }
    Ok(loaded)
}

/// What became of reading the list.
enum Listed {
    Nothing,
    Late(Late),
    Damaged,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: u32,
}

fn read(roots: &Roots) -> Result<Listed, Error> {
    let path = roots.late();
    let bytes = match content::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listed::Nothing),
        Err(source) => return Err(Error::Read { path, source }),
    };
    match serde_json::from_slice::<Version>(&bytes) {
        Ok(Version { schema_version: version }) if version > SCHEMA_VERSION => {
            Err(Error::NewerState { path, version })
        }
        _ => Ok(serde_json::from_slice(&bytes).map_or(Listed::Damaged, Listed::Late)),
    }
}

fn is_same_session(roots: &Roots, late: &Late) -> bool {
    flush::session(roots.of(Side::Local)).is_some_and(|session| session.id == late.session)
}

fn remove(path: &Utf8Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The record as far as the local side bears it out.
fn mended(
    roots: &Roots,
    late: &Late,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Loaded, Error> {
    let kept = match State::load(&roots.kept_state())? {
        Loaded::State(state) => Some(state),
        Loaded::Missing | Loaded::Corrupt => None,
    };
    let state = match (State::load(&roots.state())?, &kept) {
        (Loaded::State(state), _) => state,
        (_, Some(kept)) => kept.clone(),
        (Loaded::Missing | Loaded::Corrupt, None) => State::empty(),
    };
    let before = |path: &str| kept.as_ref()?.get(path).map(Record::entry);
    let mut entries = state.entries();
    let looked: Vec<(&String, Option<Entry>)> = late
        .paths
        .par_iter()
        .filter(|(path, _)| is_path(path) && !is_cancelled())
        .map(|(path, time)| {
            let known = [state.get(path).map(Record::entry), before(path)];
            (path, borne_out(&roots.at(Side::Local, path), known, *time, late.is_orderly))
        })
        .collect();
    if is_cancelled() {
        return Err(Error::Cancelled);
    }
    for (path, entry) in looked {
        match entry {
            Some(entry) => entries.insert(path.clone(), entry),
            None => entries.remove(path),
        };
    }
    if entries.is_empty() && state.header.root.is_empty() {
        return Ok(Loaded::Missing);
    }
    complete(&mut entries);
    Ok(Loaded::State(State::of(state.header, &entries)))
}

/// Whether a path leads to a place in the root.
fn is_path(path: &str) -> bool {
    let names = Names::all(!cfg!(windows));
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && names.hold(name);
    path.split('/').all(is_name) && !path.contains('\0')
}

/// What both sides are taken to have agreed on, by what the local side has: see the table above.
fn borne_out(
    at: &Utf8Path,
    known: [Option<Entry>; 2],
    time: Option<i64>,
    is_orderly: bool,
) -> Option<Entry> {
    let item = look(at).ok()??;
    match item.kind {
        Kind::File => {
            // A disk that could not take it may have left it in memory.
            flush::forget(at);
            // What cannot be read is compared when it can be.
            let (found, stamp) = content::hash(at).ok()?;
            let is_it =
                |entry: &&Entry| matches!(entry, Entry::File { hash, .. } if *hash == found);
            if let Some(entry) = known.iter().flatten().find(is_it) {
                return Some(entry.clone());
            }
            if time == Some(stamp.modified) {
                let (executable, size) = (item.executable, stamp.size);
                let stamps = Sides { network: None, local: None };
                return Some(Entry::File { hash: found, executable, size, stamps });
            }
            let [now, before] = known;
            now.or(before).filter(|_| is_orderly)
        }
        Kind::Dir => Some(Entry::Dir),
        Kind::Link => {
            let target = std::fs::read_link(at).ok()?.into_os_string().into_string().ok()?;
            let is_it =
                |entry: &Entry| matches!(entry, Entry::Link { target: known } if *known == target);
            known.into_iter().flatten().find(is_it)
        }
        Kind::Other => None,
    }
}
