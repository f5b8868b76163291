//! Giving a file that has arrived its name, and making that last.

use std::fs::File;
use std::io;

use camino::Utf8Path;

/// Renames what has arrived; what stands there already is an error, and stays.
pub(crate) fn put_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    match platform::rename_new(from, to) {
        // A file system that cannot do it in one step.
        Err(error) if is_unable(&error) => {
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            replace(from, to)
        }
        result => result,
    }
}

/// Renames what has arrived over what stands there. On Windows, what another program has open for a
/// moment is tried again.
pub(crate) fn replace(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    instep_fs::while_in_use(|| std::fs::rename(from, to))
}

fn is_unable(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
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
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
mod platform {
    use std::io;

    use camino::Utf8Path;

    pub(super) fn rename_new(_from: &Utf8Path, _to: &Utf8Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Makes a file last through a power cut, where that cannot be done for all of them at once.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
pub(crate) fn flush_file(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Makes a file last through a power cut.
#[cfg(not(target_os = "linux"))]
pub(crate) fn flush_file(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Makes everything on the file system of a folder last through a power cut.
#[cfg(target_os = "linux")]
pub(crate) fn flush_all(folder: &Utf8Path) {
    // What cannot be flushed is compared by content after a power cut, like everything that is not
    // recorded.
    if let Ok(folder) = File::open(folder) {
        let _ = rustix::fs::syncfs(&folder);
    }
}

/// Each file was flushed by itself.
#[cfg(not(target_os = "linux"))]
pub(crate) fn flush_all(_folder: &Utf8Path) {}
