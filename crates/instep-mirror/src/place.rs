//! Giving a file that has arrived its name.

use std::io;

use camino::Utf8Path;

/// Renames what has arrived; what stands there already is an error, and stays.
pub(crate) fn put_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    // On Windows, what another program has open for a moment is tried again.
    match instep_fs::while_in_use(|| platform::rename_new(from, to)) {
        Err(error) if is_unable(&error) => {}
        result => return result,
    }
    // A second name is as good, where the file system has such: it is never given twice.
    match std::fs::hard_link(from, to) {
        Ok(()) => return std::fs::remove_file(from),
        Err(error) if !has_no_second_names(&error) => return Err(error),
        Err(_) => {}
    }
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    instep_fs::while_in_use(|| std::fs::rename(from, to))
}

/// Lets two files change places.
pub(crate) fn exchange(one: &Utf8Path, other: &Utf8Path) -> io::Result<()> {
    platform::exchange(one, other)
}

/// Whether a file system cannot do something, as opposed to could not.
pub(crate) fn is_unable(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// Whether something cannot have a second name, as opposed to could not get one: a folder never can.
fn has_no_second_names(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, PermissionDenied, TooManyLinks};
    // Windows has several more words for it.
    let is_told = matches!(error.kind(), PermissionDenied | TooManyLinks) || is_unable(error);
    is_told || (cfg!(not(unix)) && error.kind() != AlreadyExists)
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
mod platform {
    use std::io;

    use camino::Utf8Path;
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    pub(super) fn rename_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        let (from, to) = (from.as_std_path(), to.as_std_path());
        Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
    }

    pub(super) fn exchange(one: &Utf8Path, other: &Utf8Path) -> io::Result<()> {
        let (one, other) = (one.as_std_path(), other.as_std_path());
        Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use camino::Utf8Path;
    use instep_fs::verbatim;
    use winsafe::MoveFileEx;
    use winsafe::co::MOVEFILE;

    /// Neither replaces what is there, nor copies to another drive.
    pub(super) fn rename_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        let (from, to) = (verbatim(from), verbatim(to));
        MoveFileEx(from.as_str(), Some(to.as_str()), MOVEFILE::WRITE_THROUGH)
            .map_err(|error| io::Error::from_raw_os_error(error.raw().cast_signed()))
    }

    pub(super) fn exchange(_one: &Utf8Path, _other: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", windows)))]
mod platform {
    use std::io;

    use camino::Utf8Path;

    pub(super) fn rename_new(_from: &Utf8Path, _to: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn exchange(_one: &Utf8Path, _other: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
