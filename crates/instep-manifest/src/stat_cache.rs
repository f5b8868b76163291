//! What the files of an environment looked like from the outside when its manifest was written, so
//! that most checks end without reading any of them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_fs::Stamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock;
use crate::digest::Digest;
use crate::error::{Error, remove_file};
use crate::json;

/// The stamps behind a manifest, kept in `stat-cache.json` beside it.
///
/// It belongs to this machine and is safe to delete: without it, files are read and compared by
/// their digests. It is read on every check and therefore compact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatCache {
    schema_version: u32,
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
    distributions: Unparsed,
    /// The digest of the value of each environment variable that the requirements name.
    pub variables: BTreeMap<String, Digest>,
}

/// The largest part of the file, which most checks do without: it is parsed when it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Unparsed(Box<RawValue>);

impl Unparsed {
    fn of(distributions: &BTreeMap<String, Stamp>) -> Self {
        // Texts and numbers: there is nothing in them that JSON cannot hold.
        Self(serde_json::value::to_raw_value(distributions).unwrap_or_default())
    }
}

impl PartialEq for Unparsed {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Unparsed {}

impl StatCache {
    /// The newest schema that this version reads, and the one it writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// An empty cache, to be filled with stamps that are taken from `now` on.
    pub fn new(now: Timestamp) -> Self {
        Self {
            schema_version: Self::SCHEMA_VERSION,
            taken: now,
            manifest: None,
            entries: BTreeMap::new(),
            directories: BTreeMap::new(),
            distributions: Unparsed::of(&BTreeMap::new()),
            variables: BTreeMap::new(),
        }
    }

    /// Reads a cache; `None` when there is none that can be used, whatever the cause.
    pub fn load(path: &Utf8Path) -> Option<Self> {
        json::load_at_once(path, Self::SCHEMA_VERSION, |cache: &mut Self| {
            Some(cache.schema_version.into())
        })
        .ok()
        .flatten()
    }

    /// Writes it by atomic replace, on one line.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Error> {
        json::save_compact(path, self)
    }

    /// Deletes a cache; none there is fine.
    pub fn remove(path: &Utf8Path) -> Result<(), Error> {
        remove_file(path)
    }

    /// The `RECORD` of each installed distribution, by the name of its `.dist-info` folder; `None`
    /// where that part of the file is damaged.
    pub fn distributions(&self) -> Option<BTreeMap<String, Stamp>> {
        serde_json::from_str(self.distributions.0.get()).ok()
    }

    /// Sets them.
    pub fn set_distributions(&mut self, distributions: &BTreeMap<String, Stamp>) {
        self.distributions = Unparsed::of(distributions);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use camino::Utf8PathBuf;

    use super::*;

    struct Place {
        _guard: tempfile::TempDir,
        root: Utf8PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
            Self { _guard: guard, root }
        }

        /// A file that was last written a minute ago.
        fn file(&self, name: &str) -> Option<Stamp> {
            let path = self.root.join(name);
            fs_err::write(&path, "content").unwrap();
            let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
            file.file().set_modified(SystemTime::now() - Duration::from_mins(1)).unwrap();
            Stamp::of(&path).unwrap()
        }
    }

    #[test]
    fn the_file_is_compact_and_reads_back() {
        let place = Place::new();
        let stamp = Stamp { size: 12, modified: 34, file_id: 56, changed: 78 };
        let mut cache = StatCache::new("2026-01-02T03:04:05.678Z".parse().unwrap());
        cache.manifest = Some(stamp);
        cache.entries.insert("requirements.txt".to_owned(), Some(stamp));
        cache.entries.insert("pkg/setup.py".to_owned(), None);
        cache.directories.insert("/p/.venv/lib".to_owned(), Some(stamp));
        let distributions = BTreeMap::from([("foo-1.0.dist-info".to_owned(), stamp)]);
        cache.set_distributions(&distributions);
        assert_eq!(cache.distributions(), Some(distributions));
        cache.variables.insert("HOST".to_owned(), Digest::of(b""));
        let path = place.root.join("stat-cache.json");
        cache.save(&path).unwrap();
        insta::assert_snapshot!(fs_err::read_to_string(&path).unwrap());
        assert_eq!(StatCache::load(&path), Some(cache));
        StatCache::remove(&path).unwrap();
        assert_eq!(StatCache::load(&path), None);
    }

    #[test]
    fn what_cannot_be_used_is_as_good_as_none() {
        let place = Place::new();
        let path = place.root.join("stat-cache.json");
        StatCache::new(clock::now()).save(&path).unwrap();
        let whole = fs_err::read_to_string(&path).unwrap();
        let newer = whole.replace("ersion\":1", "ersion\":2");
        assert_ne!(newer, whole);
        for text in ["", "{", "[]", &whole[..whole.len() / 2], &newer] {
            fs_err::write(&path, text).unwrap();
            assert_eq!(StatCache::load(&path), None, "{text}");
        }
        assert_eq!(StatCache::load(&place.root), None);
    }

    #[test]
    fn suspects_are_what_was_touched_came_or_went() {
        let place = Place::new();
        let mut cache = StatCache::new(clock::now());
        for name in ["same", "edited", "gone"] {
            cache.entries.insert(name.to_owned(), place.file(name));
        }
        cache.entries.insert("came".to_owned(), None);
        cache.entries.insert("still-absent".to_owned(), None);
        assert_eq!(cache.suspects(&place.root), Vec::<&str>::new());

        fs_err::write(place.root.join("edited"), "CONTENT").unwrap();
        fs_err::remove_file(place.root.join("gone")).unwrap();
        fs_err::write(place.root.join("came"), "").unwrap();
        assert_eq!(cache.suspects(&place.root), ["came", "edited", "gone"]);
    }

    #[test]
    fn absolute_paths_and_folders_are_looked_at_too() {
        let place = Place::new();
        let folder = place.root.join("lib");
        fs_err::create_dir(&folder).unwrap();
        let mut cache = StatCache::new(clock::now());
        cache.directories.insert(folder.to_string(), Stamp::of(&folder).unwrap());
        // Taken long after the folder was made, as far as the cache knows.
        cache.taken = (SystemTime::now() + Duration::from_hours(1)).try_into().unwrap();
        let elsewhere = Utf8Path::new("elsewhere");
        assert_eq!(cache.suspects(elsewhere), Vec::<&str>::new());
        fs_err::remove_dir(&folder).unwrap();
        assert_eq!(cache.suspects(elsewhere), [folder.as_str()]);
    }

    #[test]
    fn a_stamp_taken_just_after_a_write_proves_nothing() {
        let place = Place::new();
        let path = place.root.join("fresh");
        let mut cache = StatCache::new(clock::now());
        fs_err::write(&path, "one").unwrap();
        let stamp = Stamp::of(&path).unwrap();
        cache.entries.insert("fresh".to_owned(), stamp);
        assert!(!cache.is_trusted(&stamp.unwrap()));
        assert_eq!(cache.suspects(&place.root), ["fresh"]);
    }
}
