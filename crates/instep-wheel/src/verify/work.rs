//! The folder of the wheels, their copies, and the folder into which the script builds.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Stamp;
use tempfile::TempDir;

use crate::digest::{of_file, wheels_in};
use crate::error::Error;
use crate::place;

/// The names of wheels that the script wrote into the folder.
pub(super) type Touched = BTreeSet<String>;

/// Everything that a rebuild needs on the disk. Dropped, its folders are removed.
pub(super) struct Work {
    folder: Utf8PathBuf,
    temporary: TempDir,
    originals: Utf8PathBuf,
    rebuilt: Utf8PathBuf,
    /// The wheels, as they were before the script ran.
    stamps: BTreeMap<String, Told>,
}

impl Work {
    /// Copies the wheels aside.
    pub(super) fn prepare(folder: &Utf8Path, names: Vec<String>) -> Result<Self, Error> {
        let temporary = tempfile::Builder::new().prefix("instep-rebuild-").tempdir();
        let temporary = temporary.map_err(Error::io("make a temporary folder for", folder))?;
        let root = Utf8PathBuf::try_from(temporary.path().to_owned()).map_err(|error| {
            Error::io("make a temporary folder for", folder)(error.into_io_error())
        })?;
        let (originals, rebuilt) = (root.join("originals"), root.join("rebuilt"));
        for made in [&originals, &rebuilt] {
            std::fs::create_dir(made).map_err(Error::io("make", made))?;
        }
        let mut stamps = BTreeMap::new();
        for name in names {
            let path = folder.join(&name);
            stamps.insert(name.clone(), stamp(&path).map_err(Error::io("read", &path))?);
            copy(&path, &originals.join(&name))?;
        }
        Ok(Self { folder: folder.to_owned(), temporary, originals, rebuilt, stamps })
    }

    /// The folder into which the script is to build.
    pub(super) fn rebuilt(&self) -> &Utf8Path {
        &self.rebuilt
    }

    /// The copy of a wheel.
    pub(super) fn original(&self, name: &str) -> Utf8PathBuf {
        self.originals.join(name)
    }

    /// The names of the wheels, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.stamps.keys().map(String::as_str)
    }

    /// Whether there was a wheel of that name.
    pub(super) fn is_original(&self, name: &str) -> bool {
        self.stamps.contains_key(name)
    }

    /// The wheels that the script built, by name.
    pub(super) fn rebuilt_wheels(&self) -> Result<BTreeMap<String, Utf8PathBuf>, Error> {
        let names = wheels_if_there(&self.rebuilt)?.into_iter();
        Ok(names.map(|name| (name.clone(), self.rebuilt.join(name))).collect())
    }

    /// Takes what the script wrote into the folder of the wheels for what it built, and puts the wheels back that it
    /// replaced or removed. What it added stays there.
    ///
    /// # Errors
    ///
    /// [`Error::NotPutBack`], and the copies stay; [`Error::Io`].
    pub(super) fn put_back(&mut self) -> Result<Touched, Error> {
        let touched = self.take_built();
        for (name, before) in &self.stamps {
            let (path, copy) = (self.folder.join(name), self.originals.join(name));
            if let Err(source) = put_back(&path, *before, &copy) {
                self.temporary.disable_cleanup(true);
                return Err(Error::NotPutBack { path, copy, source });
            }
        }
        touched
    }

    fn take_built(&self) -> Result<Touched, Error> {
        let mut touched = Touched::new();
        for name in wheels_if_there(&self.folder)? {
            let (path, rebuilt) = (self.folder.join(&name), self.rebuilt.join(&name));
            let now = stamp(&path).map_err(Error::io("read", &path))?;
            if self.stamps.get(&name) == Some(&now) {
                continue;
            }
            if !rebuilt.exists() {
                std::fs::create_dir_all(&self.rebuilt).map_err(Error::io("make", &self.rebuilt))?;
                copy(&path, &rebuilt)?;
            }
            touched.insert(name);
        }
        Ok(touched)
    }
}

/// What tells that a file was written anew: its size, its time and which file it is. Not the time of its last change,
/// which a link to it moves too.
type Told = Option<(u64, i64, u64)>;

fn stamp(path: &Utf8Path) -> io::Result<Told> {
    Ok(Stamp::of(path)?.map(|stamp| (stamp.size, stamp.modified, stamp.file_id)))
}

/// The wheels in a folder, which the script may have removed.
fn wheels_if_there(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    if folder.is_dir() { wheels_in(folder) } else { Ok(Vec::new()) }
}

fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    std::fs::copy(from, to).map_err(Error::io("copy", from))?;
    Ok(())
}

/// Puts a copy in the place of a wheel that is not as it was.
fn put_back(path: &Utf8Path, before: Told, copy: &Utf8Path) -> io::Result<()> {
    let is_there = stamp(path)?.is_some();
    if stamp(path)? == before || is_there && of_file(path)? == of_file(copy)? {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    place::copy(copy, path)
}
