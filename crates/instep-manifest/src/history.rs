//! What earlier runs did, and snapshots of what was installed then, to go back to.

use std::collections::BTreeMap;
use std::io;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::error::{Error, remove_file, unreadable};
use crate::json;
use crate::manifest::Tool;
use crate::reason::Reason;
use crate::run_id::RunId;

/// What one run did: `<run id>.json` in the folder of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The run.
    pub run_id: RunId,
    /// When it began.
    #[serde(with = "clock::milliseconds")]
    pub time: Timestamp,
    /// Why, the leading reason first.
    pub reasons: Vec<Reason>,
    /// What installed the packages; `None` when the run failed before one was chosen.
    pub tool: Option<Tool>,
    /// The full version of the interpreter; `None` when the run failed before one was found.
    pub python_version: Option<String>,
    /// How long it took, in seconds.
    pub duration_seconds: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Packages that were not there before, with their versions.
    pub added: BTreeMap<PackageName, String>,
    /// Packages that are gone, with the versions they had.
    pub removed: BTreeMap<PackageName, String>,
    /// Packages of which the version changed.
    pub changed: BTreeMap<PackageName, Change>,
    /// The file name of the snapshot of what was installed after it. Set by [`History::append`].
    pub lock: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// From one version to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The version before.
    pub from: String,
    /// The version after.
    pub to: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The environment is in step.
    Success,
    /// Something failed.
    Failed,
    /// It was cancelled, or its process was ended.
    Interrupted,
}

/// The runs of a history.
#[derive(Debug, Default)]
pub struct Listing {
    /// The runs that can be read, newest first.
    pub entries: Vec<Entry>,
    /// Why the others cannot.
    pub skipped: Vec<Error>,
}

/// A folder with an entry for each run, and snapshots to go back to.
///
/// Changing it is done under the lock of the environment that it belongs to.
#[derive(Debug, Clone)]
pub struct History {
    folder: Utf8PathBuf,
}

impl History {
    /// The newest schema of an entry that this version reads, and the one it writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// The history in `folder`, which need not exist yet.
    pub fn new(folder: impl Into<Utf8PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Adds a run and, with it, the snapshot of what is installed now (a requirements file of exact
    /// pins). The snapshot is written first, so that an entry never names one that is not there.
    pub fn append(&self, entry: &Entry, snapshot: Option<&[u8]>) -> Result<(), Error> {
        let mut entry = entry.clone();
        entry.lock = None;
        if let Some(snapshot) = snapshot {
            let name = [entry.run_id.as_str(), ".lock"].concat();
            instep_fs::write_atomic(&self.folder.join(&name), snapshot)?;
            entry.lock = Some(name);
        }
        json::save(&self.entry_path(entry.run_id.as_str()), Self::SCHEMA_VERSION, &entry)
    }

    /// All runs. One that cannot be read is left out and reported beside the others.
    pub fn list(&self) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for id in self.ids()? {
            match self.load(&id) {
                Ok(entry) => listing.entries.push(entry),
                Err(error) => listing.skipped.push(error),
            }
        }
        Ok(listing)
    }

    /// The run with this id, or the only one whose id begins so.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRun`], [`Error::AmbiguousRun`], or that its entry cannot be read.
    pub fn get(&self, id: &str) -> Result<Entry, Error> {
        let mut ids = self.ids()?;
        if ids.iter().any(|known| known == id) {
            return self.load(id);
        }
        ids.retain(|known| !id.is_empty() && known.starts_with(id));
        if ids.len() > 1 {
            return Err(Error::AmbiguousRun { id: id.to_owned(), candidates: ids });
        }
        match ids.first() {
            Some(id) => self.load(id),
            None => Err(Error::UnknownRun { folder: self.folder.clone(), id: id.to_owned() }),
        }
    }

    /// The snapshot that a run left, if it did; the path is there to be given to an installer.
    pub fn snapshot(&self, entry: &Entry) -> Option<Utf8PathBuf> {
        // By the run's id, never by a file name that somebody may have written into the entry.
        entry.lock.as_ref().map(|_| self.snapshot_path(entry.run_id.as_str()))
    }

    /// Deletes all but the newest `keep` runs, their snapshots, and snapshots without a run.
    /// Returns how many runs were deleted.
    pub fn prune(&self, keep: usize) -> Result<usize, Error> {
        let ids = self.ids()?;
        let old = ids.get(keep..).unwrap_or_default();
        for id in old {
            remove_file(&self.entry_path(id))?;
        }
        let kept = ids.get(..keep).unwrap_or(&ids);
        for id in self.names(".lock")? {
            if !kept.contains(&id) {
                remove_file(&self.snapshot_path(&id))?;
            }
        }
        Ok(old.len())
    }

    fn load(&self, id: &str) -> Result<Entry, Error> {
        json::load(&self.entry_path(id), Self::SCHEMA_VERSION)?
            .ok_or_else(|| Error::UnknownRun { folder: self.folder.clone(), id: id.to_owned() })
    }

    fn entry_path(&self, id: &str) -> Utf8PathBuf {
        self.folder.join([id, ".json"].concat())
    }

    fn snapshot_path(&self, id: &str) -> Utf8PathBuf {
        self.folder.join([id, ".lock"].concat())
    }

    /// Newest first: ids sort by time.
    fn ids(&self) -> Result<Vec<String>, Error> {
        let mut ids = self.names(".json")?;
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    fn names(&self, suffix: &str) -> Result<Vec<String>, Error> {
        let entries = match self.folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&self.folder, error))?;
            let name = entry.file_name().strip_suffix(suffix);
            names.extend(name.filter(|name| name.parse::<RunId>().is_ok()).map(str::to_owned));
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        _guard: tempfile::TempDir,
        folder: Utf8PathBuf,
        history: History,
    }

    fn place() -> Place {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let folder = root.join("env/history");
        Place { history: History::new(&folder), folder, _guard: guard }
    }

    fn entry(id: &str) -> Entry {
        Entry {
            run_id: id.parse().unwrap(),
            time: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            reasons: vec![Reason::RequirementsChanged],
            tool: Some(Tool { name: "pip".to_owned(), version: "25.3".to_owned() }),
            python_version: Some("3.12.4".to_owned()),
            duration_seconds: 1.25,
            outcome: Outcome::Success,
            added: BTreeMap::from([("foo".parse().unwrap(), "1.0".to_owned())]),
            removed: BTreeMap::new(),
            changed: BTreeMap::from([(
                "bar".parse().unwrap(),
                Change { from: "1.0".to_owned(), to: "2.0".to_owned() },
            )]),
            lock: None,
            error: None,
        }
    }

    fn ids(history: &History) -> Vec<String> {
        let listing = history.list().unwrap();
        assert!(listing.skipped.is_empty(), "{listing:?}");
        listing.entries.iter().map(|entry| entry.run_id.to_string()).collect()
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back_with_its_snapshot() {
        let place = place();
        let id = "20260102T030405678Z-1a2b";
        place.history.append(&entry(id), Some(b"foo==1.0\n")).unwrap();
        let text = fs_err::read_to_string(place.folder.join([id, ".json"].concat())).unwrap();
        insta::assert_snapshot!(text);

        let read = place.history.get(id).unwrap();
        assert_eq!(read, Entry { lock: Some([id, ".lock"].concat()), ..entry(id) });
        let snapshot = place.history.snapshot(&read).unwrap();
        assert_eq!(fs_err::read_to_string(snapshot).unwrap(), "foo==1.0\n");
    }

    #[test]
    fn a_run_without_a_snapshot_has_none() {
        let place = place();
        let failed = Entry { outcome: Outcome::Failed, error: Some("no".to_owned()), ..entry("a") };
        place.history.append(&failed, None).unwrap();
        let read = place.history.get("a").unwrap();
        assert_eq!(read, failed);
        assert_eq!(place.history.snapshot(&read), None);
    }

    #[test]
    fn runs_are_listed_newest_first_and_a_corrupt_one_is_reported() {
        let place = place();
        assert_eq!(ids(&place.history), Vec::<String>::new());
        for id in
            ["20260102T000000000Z-0001", "20260103T000000000Z-0001", "20251231T000000000Z-ffff"]
        {
            place.history.append(&entry(id), Some(b"")).unwrap();
        }
        assert_eq!(
            ids(&place.history),
            ["20260103T000000000Z-0001", "20260102T000000000Z-0001", "20251231T000000000Z-ffff"]
        );
        fs_err::write(place.folder.join("20260102T000000000Z-0001.json"), "{").unwrap();
        fs_err::write(place.folder.join("notes.txt"), "not a run").unwrap();
        fs_err::write(place.folder.join("not a run.json"), "not a run").unwrap();
        let listing = place.history.list().unwrap();
        assert_eq!(listing.entries.len(), 2);
        assert!(matches!(listing.skipped.as_slice(), [Error::Corrupt { .. }]), "{listing:?}");
    }

    #[test]
    fn a_run_is_found_by_its_id_or_a_beginning_of_it_alone() {
        let place = place();
        for id in ["20260102-aa", "20260102-ab", "20260103-aa", "20260103-aab"] {
            place.history.append(&entry(id), None).unwrap();
        }
        let found = |id: &str| place.history.get(id).unwrap().run_id.to_string();
        assert_eq!(found("20260102-ab"), "20260102-ab");
        // Also the beginning of another.
        assert_eq!(found("20260103-aa"), "20260103-aa");
        assert_eq!(found("20260103-aab"), "20260103-aab");
        match place.history.get("20260102") {
            Err(Error::AmbiguousRun { candidates, .. }) => {
                assert_eq!(candidates, ["20260102-ab", "20260102-aa"]);
            }
            other => panic!("{other:?}"),
        }
        for id in ["", "2027", "../20260102-ab"] {
            let found = place.history.get(id);
            assert!(matches!(found, Err(Error::UnknownRun { .. })), "{id}: {found:?}");
        }
    }

    #[test]
    fn a_snapshot_is_never_looked_for_outside_of_the_history() {
        let place = place();
        let entry = Entry { lock: Some("../../secret".to_owned()), ..entry("a") };
        assert_eq!(place.history.snapshot(&entry), Some(place.folder.join("a.lock")));
    }

    #[test]
    fn pruning_keeps_the_newest_and_drops_snapshots_without_a_run() {
        let place = place();
        for id in ["1", "2", "3", "4"] {
            place.history.append(&entry(id), Some(b"")).unwrap();
        }
        fs_err::write(place.folder.join("9.lock"), "of a run that was killed").unwrap();
        assert_eq!(place.history.prune(2).unwrap(), 2);
        assert_eq!(ids(&place.history), ["4", "3"]);
        let mut files: Vec<_> = place
            .folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, ["3.json", "3.lock", "4.json", "4.lock"]);
        assert_eq!(place.history.prune(9).unwrap(), 0);
        assert_eq!(place.history.prune(0).unwrap(), 2);
        assert_eq!(place.folder.read_dir_utf8().unwrap().count(), 0);
    }
}
