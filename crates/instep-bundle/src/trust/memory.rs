//! What a site remembers of the bundles that it has accepted, so that it never goes back to an older one.
//!
//! ```text
//! N.root.json        the roots, from the one that is trusted to the newest
//! snapshot.json      of the last bundle
//! timestamp.json     of the last bundle
//! time               when that was
//! lock               one process at a time writes
//! ```

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::write_atomic;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tough::schema::{Root, Signed, Snapshot, Timestamp as TimestampRole};

use super::follow::{self, Known, Roots};
use super::metadata::{SMALL, read_at_most, root_name, root_version};
use super::problem::TrustProblem;
use crate::error::Error;

/// Metadata, understood, and its bytes.
type Kept<T> = (Signed<T>, Vec<u8>);

/// What is remembered; empty where nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    pub(super) roots: Roots,
    pub(super) timestamp: Option<Kept<TimestampRole>>,
    pub(super) snapshot: Option<Kept<Snapshot>>,
    pub(super) time: Option<Timestamp>,
}

/// What is remembered after a bundle was accepted.
#[derive(Clone, Debug)]
pub(super) struct Lesson<'a> {
    pub(super) roots: &'a Roots,
    pub(super) timestamp: &'a [u8],
    pub(super) snapshot: &'a [u8],
    pub(super) time: Timestamp,
}

impl Memory {
    /// Reads a folder, which may be missing.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::Memory`] where a file is damaged: to go on without it would be to forget.
    pub(super) fn read(folder: &Utf8Path) -> Result<Self, Error> {
        let mut memory = Self::default();
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(memory),
            Err(source) => return Err(unreadable(folder)(source)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable(folder))?;
            let Some(version) = root_version(entry.file_name()) else { continue };
            if let Some(bytes) = read(entry.path())? {
                memory.roots.insert(version, bytes);
            }
        }
        memory.timestamp = understood(folder.join("timestamp.json"))?;
        memory.snapshot = understood(folder.join("snapshot.json"))?;
        let path = folder.join("time");
        if let Some(bytes) = read(&path)? {
            let time = str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
            memory.time = Some(time.ok_or(TrustProblem::Memory { path })?);
        }
        Ok(memory)
    }

    /// The newest root that this site knows, and the roots from the trusted one to it.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::OtherRoot`] where what is remembered does not follow from the trusted root.
    pub(super) fn newest(
        &self,
        folder: &Utf8Path,
        trusted: &[u8],
        root: Signed<Root>,
    ) -> Result<Known, TrustProblem> {
        let other = || TrustProblem::OtherRoot { folder: folder.to_owned() };
        let mut version = root.signed.version.get();
        let mut roots = BTreeMap::from([(version, trusted.to_vec())]);
        if let Some(bytes) = self.roots.get(&version)
            && follow::first(bytes).ok().as_ref().map(|root| &root.signed) != Some(&root.signed)
        {
            return Err(other());
        }
        let mut newest = root;
        for (next, bytes) in self.roots.range(version.saturating_add(1)..) {
            newest = follow::next(&newest.signed, bytes).map_err(|_| other())?;
            version = *next;
            roots.insert(version, bytes.clone());
        }
        Ok(Known { newest, roots })
    }

    /// Remembers a bundle that was accepted. Whoever calls holds the lock.
    ///
    /// # Errors
    ///
    /// [`TrustProblem::File`].
    pub(super) fn learn(folder: &Utf8Path, lesson: &Lesson<'_>) -> Result<(), TrustProblem> {
        for (version, bytes) in lesson.roots {
            write_atomic(&folder.join(root_name(*version)), bytes)?;
        }
        write_atomic(&folder.join("snapshot.json"), lesson.snapshot)?;
        write_atomic(&folder.join("timestamp.json"), lesson.timestamp)?;
        write_atomic(&folder.join("time"), format!("{}\n", lesson.time).as_bytes())?;
        Ok(())
    }
}

fn unreadable(path: &Utf8Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { action: "read", path, source }
}

/// A small file, if it is there.
fn read(path: &Utf8Path) -> Result<Option<Vec<u8>>, Error> {
    match read_at_most(path, SMALL) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => Err(TrustProblem::Memory { path: path.to_owned() }.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(unreadable(path)(source)),
    }
}

fn understood<T: DeserializeOwned>(path: Utf8PathBuf) -> Result<Option<Kept<T>>, Error> {
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let signed = serde_json::from_slice(&bytes).map_err(|_| TrustProblem::Memory { path })?;
    Ok(Some((signed, bytes)))
}
