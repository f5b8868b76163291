//! What the files of an environment looked like from the outside when its manifest was written, so
//! that most checks end without reading any of them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_fs::Stamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::digest::Digest;
use crate::error::{Error, remove_file};
use crate::json;

/// The stamps behind a manifest, kept in `stat-cache.json` beside it.
///
/// It belongs to this machine and is safe to delete: without it, files are read and compared by
/// their digests. It is read on every check and therefore compact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatCache {
    /// When the first of the stamps was about to be taken.
    #[serde(with = "clock::milliseconds")]
    pub taken: Timestamp,
    /// The manifest that the stamps go with.
    pub manifest: Option<Stamp>,
    /// Files by their path, relative to the root in POSIX form or absolute; `None` for one that was
    /// not there, and whose coming would matter.
    pub entries: BTreeMap<String, Option<Stamp>>,
    /// Folders, in which an entry that comes or goes changes the time.
    pub directories: BTreeMap<String, Option<Stamp>>,
    /// The `RECORD` of each installed distribution, by the name of its `.dist-info` folder.
    pub distributions: BTreeMap<String, Stamp>,
    /// The digest of the value of each environment variable that the requirements name.
    pub variables: BTreeMap<String, Digest>,
}

impl StatCache {
    /// The newest schema that this version reads, and the one it writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// An empty cache, to be filled with stamps that are taken from `now` on.
    pub fn new(now: Timestamp) -> Self {
        Self {
            taken: now,
            manifest: None,
            entries: BTreeMap::new(),
            directories: BTreeMap::new(),
            distributions: BTreeMap::new(),
            variables: BTreeMap::new(),
        }
    }

    /// Reads a cache; `None` when there is none that can be used, whatever the cause.
    pub fn load(path: &Utf8Path) -> Option<Self> {
        json::load(path, Self::SCHEMA_VERSION).ok().flatten()
    }

    /// Writes it by atomic replace, on one line.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Error> {
        json::save_compact(path, Self::SCHEMA_VERSION, self)
    }

    /// Deletes a cache; none there is fine.
    pub fn remove(path: &Utf8Path) -> Result<(), Error> {
        remove_file(path)
    }

    /// Whether an equal stamp today proves that nothing was written since: it was settled when it
    /// was taken, see [`Stamp::is_settled`].
    pub fn is_trusted(&self, stamp: &Stamp) -> bool {
        stamp.is_settled(self.taken.into())
    }

    /// The paths of `entries` and `directories` of which the stamps prove nothing: it differs
    /// today, cannot be taken, or was not to be trusted then. Their contents have to be compared.
    ///
    /// Relative paths are looked up in `root`.
    pub fn suspects(&self, root: &Utf8Path) -> Vec<&str> {
        self.entries
            .iter()
            .chain(&self.directories)
            .filter(|(path, then)| !self.is_untouched(&root.join(path), then.as_ref()))
            .map(|(path, _)| path.as_str())
            .collect()
    }

    fn is_untouched(&self, path: &Utf8Path, then: Option<&Stamp>) -> bool {
        let trusted = then.is_none_or(|then| self.is_trusted(then));
        trusted && Stamp::of(path).is_ok_and(|today| today.as_ref() == then)
    }
}
