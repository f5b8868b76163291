//! Wheels that somebody made to do harm, or that are broken: each is refused by the rule that it breaks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod bombs;
mod files;
mod good;
mod properties;
mod table;
mod zip;

use camino::{Utf8Path, Utf8PathBuf};
use instep_wheel::{Contents, Error, Rule};

const NAME: &str = "demo-1.0-py3-none-any.whl";

/// A folder that is removed at the end.
fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(guard.path().to_owned()).unwrap();
    (guard, path)
}

/// Reads all of a wheel.
fn read(path: &Utf8Path) -> Result<Contents, Error> {
    instep_wheel::Wheel::open(path)?.contents()
}

/// The same, of these bytes.
fn read_bytes(folder: &Utf8Path, bytes: &[u8]) -> Result<Contents, Error> {
    let path = folder.join(NAME);
    fs_err::write(&path, bytes).unwrap();
    read(&path)
}

/// The rule for which it was refused, and the entry.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (Option<String>, Rule) {
    match result {
        Err(Error::Refused { entry, rule, .. }) => (entry, rule),
        other => panic!("it is not refused: {other:?}"),
    }
}
