//! Whether there is room for what is to come.

use camino::Utf8Path;

use super::problem::CarryProblem;
use crate::error::Error;

/// That a folder's file system has room for so many bytes, where it tells.
///
/// # Errors
///
/// [`Error::Carry`].
pub(super) fn check(folder: &Utf8Path, needed: u64) -> Result<(), Error> {
    match free(folder) {
        Some(free) if free < needed => Err(Error::Carry {
            path: folder.to_string(),
            problem: CarryProblem::NoRoom { needed, free },
        }),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn free(folder: &Utf8Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    // Some file systems of the user space tell nothing at all.
    (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Utf8Path) -> Option<u64> {
    None
}
