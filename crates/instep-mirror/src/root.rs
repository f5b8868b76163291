//! The two roots, and our own folder in each: its layout, and the mark by which the network's is known
//! again.
//!
//! | file | what |
//! | --- | --- |
//! | `LOCAL/.instep-mirror/state` | the record |
//! | `LOCAL/.instep-mirror/traits.json` | what the file systems can tell and hold |
//! | `LOCAL/.instep-mirror/lock` | held while one of us is at work |
//! | `ROOT/.instep-mirror/trash/TIME/PATH` | what was replaced or deleted |
//! | `NETWORK/.instep-mirror/root.json` | the mark |

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ignored::{LOG, OWN};
use crate::node::{Side, Sides};
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

#[derive(Debug, Serialize, Deserialize)]
struct KnownTraits {
    network: Traits,
    local: Traits,
}

impl Roots {
    /// # Errors
    ///
    /// [`Error::Nested`] where one is inside of the other, also by way of links.
    pub(crate) fn new(network: &Utf8Path, local: &Utf8Path) -> Result<Self, Error> {
        let (network, local) = (lexical(network), lexical(local));
        let real = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
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
        self.of(side).join(path)
    }

    pub(crate) fn own(&self, side: Side) -> Utf8PathBuf {
        self.of(side).join(OWN)
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("state")
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
        self.own(Side::Network).join("root.json")
    }

    fn known_traits(&self) -> Utf8PathBuf {
        self.own(Side::Local).join("traits.json")
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

    fn read_mark(&self) -> Result<Option<String>, Error> {
        match std::fs::read(self.mark()) {
            Ok(bytes) => Ok(serde_json::from_slice::<Mark>(&bytes).ok().map(|mark| mark.id)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => {
                let path = self.network.clone();
                Err(Error::Unreachable { side: Side::Network, path, source })
            }
        }
    }

    /// Makes our own folder in a root.
    pub(crate) fn prepare_side(&self, side: Side) -> Result<(), Error> {
        let path = self.own(side);
        match std::fs::create_dir(&path) {
            Ok(()) => Ok(()),
            Err(_) if path.is_dir() => Ok(()),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Makes our own folder in the network's root, and the mark if there is none. Returns the mark. To be
    /// called by whoever holds the lock.
    pub(crate) fn prepare(&self) -> Result<String, Error> {
        self.prepare_side(Side::Network)?;
        let id = if let Some(id) = self.read_mark()? {
            id
        } else {
            let id = new_id(&self.network);
            let mark = Mark { schema_version: 1, id: id.clone() };
            // A structure of texts and numbers is always JSON.
            let text = serde_json::to_vec(&mark).unwrap_or_default();
            instep_fs::write_atomic(&self.mark(), &text)?;
            id
        };
        if !self.known_traits().exists() {
            self.probe()?;
        }
        Ok(id)
    }

    /// Finds out what both file systems can tell and hold, and keeps it.
    pub(crate) fn probe(&self) -> Result<Sides<Traits>, Error> {
        let one = |side: Side| {
            let path = self.own(side);
            Traits::probe(self.of(side)).map_err(|source| Error::Write { path, source })
        };
        let traits = KnownTraits { network: one(Side::Network)?, local: one(Side::Local)? };
        let text = serde_json::to_vec(&traits).unwrap_or_default();
        instep_fs::write_atomic(&self.known_traits(), &text)?;
        Ok(Sides { network: traits.network, local: traits.local })
    }

    /// What both file systems can tell and hold: as it was found out, or as it most likely is.
    pub(crate) fn traits(&self) -> Result<Sides<Traits>, Error> {
        let path = self.known_traits();
        match std::fs::read(&path) {
            Ok(bytes) => {
                if let Ok(known) = serde_json::from_slice::<KnownTraits>(&bytes) {
                    return Ok(Sides { network: known.network, local: known.local });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Read { path, source }),
        }
        let likely = |side: Side| Traits::likely(self.of(side));
        Ok(Sides { network: likely(Side::Network), local: likely(Side::Local) })
    }

    /// Forgets what is recorded, so that both sides are compared anew and nothing is deleted.
    pub(crate) fn forget(&self) -> Result<(), Error> {
        for path in [self.state(), self.known_traits()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Write { path, source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }
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
