//! Files and folders in the place of others: whole or not at all, and never of what is not ours.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;

/// Writes a file under another name beside its place first, and makes the folder that it lies in.
pub(crate) fn put<T>(
    out: &Utf8Path,
    write: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let io = |source| Error::Io { action: "write", path: out.to_owned(), source };
    let folder = folder_of(out);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let prefix = [".", out.file_name().unwrap_or("file"), "."].concat();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".instep-tmp").rand_bytes(8);
    // Made plainly, so that it gets the permissions that any new file gets.
    let mut beside = builder.make_in(&folder, |path| File::create_new(path)).map_err(io)?;
    let written = write(beside.as_file_mut())?;
    // Closed before it is renamed: some file systems of Windows do not rename an open file.
    let mut beside = beside.into_temp_path();
    instep_fs::while_in_use(|| std::fs::rename(&beside, out)).map_err(io)?;
    beside.disable_cleanup(true);
    Ok(written)
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Utf8Path) -> Utf8PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}

/// What is held by whoever is at work on a bundle's folder.
pub(crate) fn lock_of(out: &Utf8Path) -> Utf8PathBuf {
    let name = [".", out.file_name().unwrap_or_default(), ".lock"].concat();
    out.with_file_name(name)
}

/// Whether a folder may be replaced: it is not there, is empty, or has the mark of what is ours.
pub(crate) fn is_ours(folder: &Utf8Path, mark: &str) -> bool {
    match folder.read_dir_utf8() {
        Ok(mut entries) => entries.next().is_none() || folder.join(mark).exists(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
