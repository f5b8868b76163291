//! The mark of work that has begun and not ended. When it is found with nobody at work, a run was
//! interrupted.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::error::{Error, remove_file, unreadable};
use crate::json;
use crate::run_id::RunId;

/// What a run is about to do to an environment, written before it begins and removed when the
/// manifest stands. The next run reads from it what to finish or to clear away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InProgress {
    /// The run.
    pub run_id: RunId,
    /// Its process.
    pub pid: u32,
    /// When it began.
    #[serde(with = "clock::milliseconds")]
    pub started: Timestamp,
    /// What it does.
    pub operation: Operation,
    /// Where a new environment is being built, absolute.
    pub staged: Option<Utf8PathBuf>,
    /// Where the old environment is put, absolute.
    pub aside: Option<Utf8PathBuf>,
    /// The tool at work, `uv` or `pip`.
    pub tool: String,
}

/// What is done to an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// It is made where there was none.
    Create,
    /// Packages are changed in place.
    Update,
    /// A new one is made and takes the place of the old one.
    Rebuild,
}

/// What a mark left behind says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interrupted {
    /// This run did not come to its end.
    Run(InProgress),
    /// Some run did not; the mark itself cannot be read, or is a newer version's.
    Unreadable,
}

impl InProgress {
    /// The newest schema that this version reads, and the one it writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Reads a mark; `None` when there is none. One that is half written is a mark as well.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it is there but the operating system does not let it be read.
    pub fn load(path: &Utf8Path) -> Result<Option<Interrupted>, Error> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path, error)),
        };
        Ok(Some(match json::parse(path, &bytes, Self::SCHEMA_VERSION) {
            Ok(run) => Interrupted::Run(run),
            Err(_) => Interrupted::Unreadable,
        }))
    }

    /// Writes the mark by atomic replace; it is on the disk when this returns.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Error> {
        json::save(path, Self::SCHEMA_VERSION, self)
    }

    /// Takes the mark away; none there is fine.
    pub fn remove(path: &Utf8Path) -> Result<(), Error> {
        remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> InProgress {
        InProgress {
            run_id: "20260102T030405678Z-1a2b".parse().unwrap(),
            pid: 42,
            started: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            operation: Operation::Rebuild,
            staged: Some("/p/.venv.new".into()),
            aside: None,
            tool: "uv".to_owned(),
        }
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("env/in-progress.json");
        assert_eq!(InProgress::load(&path).unwrap(), None);
        mark().save(&path).unwrap();
        insta::assert_snapshot!(fs_err::read_to_string(&path).unwrap(), @r#"
        {
          "schemaVersion": 1,
          "runId": "20260102T030405678Z-1a2b",
          "pid": 42,
          "started": "2026-01-02T03:04:05.678Z",
          "operation": "rebuild",
          "staged": "/p/.venv.new",
          "aside": null,
          "tool": "uv"
        }
        "#);
        assert_eq!(InProgress::load(&path).unwrap(), Some(Interrupted::Run(mark())));
        InProgress::remove(&path).unwrap();
        InProgress::remove(&path).unwrap();
        assert_eq!(InProgress::load(&path).unwrap(), None);
    }

    #[test]
    fn a_mark_that_cannot_be_read_still_means_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("in-progress.json");
        mark().save(&path).unwrap();
        let whole = fs_err::read_to_string(&path).unwrap();
        let newer = whole.replace("ersion\": 1", "ersion\": 9");
        for text in ["", "\0\0", &whole[..whole.len() / 2], &newer] {
            fs_err::write(&path, text).unwrap();
            let loaded = InProgress::load(&path).unwrap();
            assert_eq!(loaded, Some(Interrupted::Unreadable), "{text}");
        }
    }
}
