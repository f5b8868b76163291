//! The two roots, and our own folder in each: its layout, and the mark by which the network's is known
//! again.
//!
//! | file | what |
//! | --- | --- |
//! | `LOCAL/.instep-mirror/state` | the record |
//! | `LOCAL/.instep-mirror/traits.json` | what the file systems can tell and hold |
//! | `LOCAL/.instep-mirror/clock` | how many nanoseconds the clock of the network was ahead of ours |
//! | `LOCAL/.instep-mirror/id` | what no other local root has: it tells whose a file on its way is |
//! | `LOCAL/.instep-mirror/lock` | held while one of us is at work |
//! | `ROOT/.instep-mirror/trash/TIME/PATH` | what was replaced or deleted |
//! | `NETWORK/.instep-mirror/root.json` | the mark; `LOCAL/.instep-mirror/root.json` is the one that is expected |
//!
//! A network root that is only read from gets none of it. Without a mark it is known again only by holding
//! anything at all.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use serde::{Deserialize, Serialize};

use crate::content;
use crate::error::Error;
use crate::ignored::{Ignored, LOG, OWN, TEMPORARY};
use crate::listing::{Item, Kind, list_root, look};
use crate::node::{Side, Sides};
use crate::place;
use crate::state::State;
use crate::traits::Traits;

/// The two roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roots {
    network: Utf8PathBuf,
    local: Utf8PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    schema_version: u32,
    id: String,
}

/// What was found out of the file systems; `None` where one could not be tried yet.
type KnownTraits = Sides<Option<Traits>>;

/// The name of the mark, in both folders of ours.
const MARK: &str = "root.json";

impl Mark {
    fn text(id: &str) -> Vec<u8> {
        // A structure of texts and numbers is always JSON.
        serde_json::to_vec(&Self { schema_version: 1, id: id.to_owned() }).unwrap_or_default()
    }
}

/// Gives a folder of ours the permissions of its root.
#[cfg(unix)]
fn share(root: &Utf8Path, folder: &Utf8Path) {
    // Where that cannot be, it is ours alone.
    if let Ok(root) = std::fs::metadata(root) {
        let _ = std::fs::set_permissions(folder, root.permissions());
    }
}

#[cfg(not(unix))]
fn share(_root: &Utf8Path, _folder: &Utf8Path) {}

impl Roots {
    /// # Errors
    ///
    /// [`Error::Nested`] where one is inside of the other, also by way of links.
    pub(crate) fn new(network: &Utf8Path, local: &Utf8Path) -> Result<Self, Error> {
        let (network, local) = (lexical(network), lexical(local));
        for (one, other) in [(network.clone(), local.clone()), (real(&network), real(&local))] {
            if one.starts_with(&other) || other.starts_with(&one) {
                return Err(Error::Nested { network, local });
            }
        }
        Ok(Self { network, local })
    }

    pub(crate) fn of(&self, side: Side) -> &Utf8Path {
        match side {
            Side::Network => &self.network,
            Side::Local => &self.local,
        }
    }

    /// The path of an entry on a side.
    pub(crate) fn at(&self, side: Side, path: &str) -> Utf8PathBuf {
        native(self.of(side), path)
    }

    pub(crate) fn own(&self, side: Side) -> Utf8PathBuf {
        self.of(side).join(OWN)
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("state")
    }

    /// The record from before a run that does not wait for the disk.
    pub(crate) fn kept_state(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("state.kept")
    }

    /// What such a run does.
    pub(crate) fn late(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("late")
    }

    pub(crate) fn lock(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("lock")
    }

    pub(crate) fn log(&self) -> Utf8PathBuf {
        self.local.join(LOG)
    }

    pub(crate) fn trash(&self, side: Side) -> Utf8PathBuf {
        self.own(side).join("trash")
    }

    fn mark(&self) -> Utf8PathBuf {
        self.own(Side::Network).join(MARK)
    }

    fn known_traits(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("traits.json")
    }

    fn clock(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("clock")
    }

    /// Whether both roots are there, and the network's is the one with this mark, where there is one.
    ///
    /// # Errors
    ///
    /// [`Error::RootMissing`], [`Error::RootIsNoFolder`], [`Error::Unreachable`], [`Error::Replaced`].
    pub(crate) fn guard(&self, mark: &str) -> Result<(), Error> {
        for side in Side::BOTH {
            self.guard_side(side)?;
        }
        if !mark.is_empty() && self.read_mark()?.as_deref() != Some(mark) {
            return Err(Error::Replaced { path: self.network.clone(), mark: self.mark() });
        }
        Ok(())
    }

    /// Whether both roots are there, and the network's is the one that is recorded. One that has no mark
    /// and holds nothing any more may be an empty mount point.
    ///
    /// # Errors
    ///
    /// Those of [`guard`](Self::guard), [`Error::Emptied`].
    pub(crate) fn guard_recorded(&self, state: &State, ignored: &Ignored) -> Result<(), Error> {
        self.guard(&state.header.root)?;
        if state.header.root.is_empty() && state.len() > 0 && self.is_bare(ignored)? {
            return Err(Error::Emptied { path: self.network.clone() });
        }
        Ok(())
    }

    /// Whether the network's root holds nothing but what is not mirrored.
    fn is_bare(&self, ignored: &Ignored) -> Result<bool, Error> {
        let path = self.network.clone();
        let listing = list_root(&path).map_err(|source| Error::Unreachable {
            side: Side::Network,
            path,
            source,
        })?;
        let is_nothing = |item: &Item| ignored.covers(&item.name, item.kind == Kind::Dir);
        let is_whole = listing.odd.is_empty() && listing.failed.is_empty();
        Ok(is_whole && listing.items.iter().all(is_nothing))
    }

    /// Whether a root is there.
    ///
    /// # Errors
    ///
    /// [`Error::RootMissing`], [`Error::RootIsNoFolder`], [`Error::Unreachable`].
    pub(crate) fn guard_side(&self, side: Side) -> Result<(), Error> {
        let path = self.of(side).to_owned();
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(Error::RootIsNoFolder { side, path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::RootMissing { side, path })
            }
            Err(source) => Err(Error::Unreachable { side, path, source }),
        }
    }

    /// Whether the network's root is still the one with this mark: an empty mount point may be all that is
    /// left of it.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`].
    pub(crate) fn still_there(&self, mark: &str) -> Result<(), Error> {
        self.guard(mark).map_err(|error| match error {
            Error::RootMissing { side: Side::Local, .. }
            | Error::RootIsNoFolder { side: Side::Local, .. }
            | Error::Unreachable { .. } => error,
            _ => Error::Unreachable {
                side: Side::Network,
                path: self.network.clone(),
                source: io::ErrorKind::NotConnected.into(),
            },
        })
    }

    /// The mark of the network's root that is recorded beside the record, and outlives it.
    pub(crate) fn known_mark(&self) -> String {
        let bytes = content::read(&self.own(Side::Local).join(MARK)).unwrap_or_default();
        serde_json::from_slice::<Mark>(&bytes).map(|mark| mark.id).unwrap_or_default()
    }

    fn read_mark(&self) -> Result<Option<String>, Error> {
        let unreachable = |source| {
            let path = self.network.clone();
            Error::Unreachable { side: Side::Network, path, source }
        };
        // A link there may lead anywhere.
        match look(&self.mark()).map_err(unreachable)?.map(|item| item.kind) {
            None => return Ok(None),
            Some(Kind::File) => {}
            Some(_) => {
                return Err(Error::Replaced { path: self.network.clone(), mark: self.mark() });
            }
        }
        let bytes = content::read(&self.mark()).map_err(unreachable)?;
        match serde_json::from_slice::<Mark>(&bytes) {
            Ok(mark) => Ok(Some(mark.id)),
            // Whatever it is, it is not overwritten.
            Err(_) => Err(Error::Replaced { path: self.network.clone(), mark: self.mark() }),
        }
    }

    /// Makes our own folder in a root.
    pub(crate) fn prepare_side(&self, side: Side) -> Result<(), Error> {
        for path in [self.own(side), self.trash(side)] {
            let made = std::fs::create_dir(&path);
            let write = |source| Error::Write { path: path.clone(), source };
            // As open to others as the root is; a link in its place would lead elsewhere.
            match (made, look(&path).map_err(write)?.map(|item| item.kind)) {
                (Ok(()), _) => share(self.of(side), &path),
                (Err(_), Some(Kind::Dir)) => {}
                (Err(source), _) => return Err(write(source)),
            }
        }
        Ok(())
    }

    /// Makes our own folder in the network's root, and the mark if there is none. Returns the mark. To be
    /// called by whoever holds the lock.
    pub(crate) fn prepare(&self) -> Result<String, Error> {
        self.prepare_side(Side::Network)?;
        let id = if let Some(id) = self.read_mark()? {
            id
        } else {
            // Another machine may be making its own just now: the first one stays.
            let id = new_id(&self.network);
            let temporary = self.own(Side::Network).join([&id, TEMPORARY].concat());
            instep_fs::write_atomic(&temporary, &Mark::text(&id))?;
            match place::put_new(&temporary, &self.mark()) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::Write { path: self.mark(), source: error });
                }
                _ => {}
            }
            let _ = std::fs::remove_file(&temporary);
            self.read_mark()?.unwrap_or(id)
        };
        self.remember(&id)?;
        self.try_out(&Side::BOTH)?;
        Ok(id)
    }

    /// The mark of a network root that nothing is written to; empty where it has none. To be called by
    /// whoever holds the lock.
    pub(crate) fn recognise(&self) -> Result<String, Error> {
        let id = self.read_mark()?.unwrap_or_default();
        self.remember(&id)?;
        self.try_out(&[Side::Local])?;
        Ok(id)
    }

    /// A text that no other local root has, not even one of the same path on another machine. To be called by
    /// whoever holds the lock.
    pub(crate) fn local_id(&self) -> Result<String, Error> {
        let path = self.own(Side::Local).join("id");
        match std::fs::read_to_string(&path) {
            Ok(id) if id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(id),
            _ => {
                let id = new_id(&self.local);
                instep_fs::write_atomic(&path, id.as_bytes())?;
                Ok(id)
            }
        }
    }

    /// How far the clock of the network was ahead of ours when it was tried last.
    pub(crate) fn known_clock(&self) -> Option<i64> {
        std::fs::read_to_string(self.clock()).ok()?.parse().ok()
    }

    /// Keeps how far it is ahead, for runs that cannot try it.
    pub(crate) fn remember_clock(&self, ahead: i64) {
        let is_near = |known: i64| known.abs_diff(ahead) < 1_000_000_000;
        if !self.known_clock().is_some_and(is_near) {
            // Without it, more is read.
            let _ = instep_fs::write_atomic(&self.clock(), ahead.to_string().as_bytes());
        }
    }

    /// Removes what killed runs left of the files that they were writing in our own folder. To be called by
    /// whoever holds the lock.
    pub(crate) fn sweep(&self) {
        // The next run tries again.
        let _ = instep_fs::remove_all_stale_temporaries(&self.own(Side::Local));
    }

    fn remember(&self, id: &str) -> Result<(), Error> {
        if self.known_mark() != id {
            instep_fs::write_atomic(&self.own(Side::Local).join(MARK), &Mark::text(id))?;
        }
        Ok(())
    }

    /// Tries out the file systems of which nothing is known yet.
    fn try_out(&self, sides: &[Side]) -> Result<(), Error> {
        let mut known = self.read_traits()?;
        let unknown: Vec<Side> =
            sides.iter().copied().filter(|side| known.of(*side).is_none()).collect();
        for side in &unknown {
            *known.of_mut(*side) = Some(self.probe_side(*side)?);
        }
        if unknown.is_empty() { Ok(()) } else { self.write_traits(&known) }
    }

    /// Finds out what both file systems can tell and hold, and keeps it.
    pub(crate) fn probe(&self) -> Result<Sides<Traits>, Error> {
        let (network, local) = (self.probe_side(Side::Network)?, self.probe_side(Side::Local)?);
        self.write_traits(&KnownTraits { network: Some(network), local: Some(local) })?;
        Ok(Sides { network, local })
    }

    fn probe_side(&self, side: Side) -> Result<Traits, Error> {
        let path = self.own(side);
        Traits::probe(self.of(side)).map_err(|source| Error::Write { path, source })
    }

    /// What both file systems can tell and hold: as it was found out, or as it most likely is.
    pub(crate) fn traits(&self) -> Result<Sides<Traits>, Error> {
        let known = self.read_traits()?;
        let one = |side: Side| known.of(side).unwrap_or_else(|| Traits::likely(self.of(side)));
        Ok(Sides { network: one(Side::Network), local: one(Side::Local) })
    }

    fn write_traits(&self, known: &KnownTraits) -> Result<(), Error> {
        // A structure of texts and numbers is always JSON.
        let text = serde_json::to_vec(known).unwrap_or_default();
        Ok(instep_fs::write_atomic(&self.known_traits(), &text)?)
    }

    /// What is damaged, or from another version, is found out anew.
    fn read_traits(&self) -> Result<KnownTraits, Error> {
        let path = self.known_traits();
        match content::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KnownTraits::default()),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Forgets what is recorded, so that both sides are compared anew and nothing is deleted.
    pub(crate) fn forget(&self) -> Result<(), Error> {
        let mark = self.own(Side::Local).join(MARK);
        let records = [self.state(), self.kept_state(), self.late()];
        for path in records.into_iter().chain([self.known_traits(), self.clock(), mark]) {
            match instep_fs::while_in_use(|| std::fs::remove_file(&path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Write { path, source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A path below a folder as this system writes it.
pub(crate) fn native(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    if cfg!(windows) { folder.join(path.replace('/', "\\")) } else { folder.join(path) }
}

/// Where a path leads, as far as it is there. Windows tells one folder from another by that alone: case and
/// drives hide what is the same.
fn real(path: &Utf8Path) -> Utf8PathBuf {
    for above in path.ancestors() {
        match (above.canonicalize_utf8(), path.strip_prefix(above)) {
            (Ok(real), Ok(below)) => return real.join(below),
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => {}
            _ => break,
        }
    }
    path.to_owned()
}

/// A text that no other root has.
fn new_id(path: &Utf8Path) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_str().as_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    hasher.update(&now.unwrap_or_default().as_nanos().to_le_bytes());
    hasher.finalize().to_hex().as_str().get(..32).unwrap_or_default().to_owned()
}
