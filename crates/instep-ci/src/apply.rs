//! Apply: all files or none.

use camino::Utf8Path;

use crate::error::Error;
use crate::plan::{FilePlan, Plan};

/// Writes the files of a plan, each in one step.
///
/// # Errors
///
/// [`Error::Invalid`] where a file could not be read; [`Error::Changed`], [`Error::Write`]: no file has
/// changed then. [`Error::HalfWritten`].
pub fn apply(root: &Utf8Path, plan: &Plan) -> Result<usize, Error> {
    if !plan.broken.is_empty() {
        return Err(Error::Invalid(plan.broken.clone()));
    }
    let changed: Vec<&FilePlan> = plan.changed().collect();
    for file in &changed {
        check(root, file)?;
    }
    for (done, file) in changed.iter().enumerate() {
        let path = root.join(&file.path);
        if let Err(error) = instep_fs::write_atomic(&path, file.after.as_bytes()) {
            let source = std::io::Error::other(error);
            for earlier in changed.iter().take(done) {
                let at = root.join(&earlier.path);
                if instep_fs::write_atomic(&at, earlier.before.as_bytes()).is_err() {
                    return Err(Error::HalfWritten { path, changed: at, source });
                }
            }
            return Err(Error::Write { path, source });
        }
    }
    Ok(changed.len())
}

/// Whether a file can be written, and is what it was.
fn check(root: &Utf8Path, file: &FilePlan) -> Result<(), Error> {
    let path = root.join(&file.path);
    let read = |source| Error::Read { path: path.clone(), source };
    let found = std::fs::symlink_metadata(&path).map_err(read)?;
    if !found.is_file() || std::fs::read(&path).map_err(read)? != file.before.as_bytes() {
        return Err(Error::Changed { path });
    }
    if found.permissions().readonly() {
        let source = std::io::ErrorKind::PermissionDenied.into();
        return Err(Error::Write { path, source });
    }
    Ok(())
}
