//! What is in the folder of a bundle.

use camino::Utf8Path;
use instep_fs::RelativePath;
use instep_tools::CancelToken;

use super::problem::CarryProblem;
use super::{Entry, names};
use crate::error::Error;
use crate::registry::Content;
use crate::{hash, layout};

/// Every file of a bundle, in the order of their paths.
///
/// # Errors
///
/// [`Error::Carry`] where something is no file, or has no name that it may have; [`Error::Io`]; [`Error::Cancelled`].
pub(super) fn files(bundle: &Utf8Path, cancel: &CancelToken) -> Result<Vec<Entry>, Error> {
    // Whoever names another folder by mistake does not publish it.
    if !bundle.join(layout::MANIFEST).is_file() {
        let problem = CarryProblem::NoBundle;
        return Err(Error::Carry { path: bundle.to_string(), problem });
    }
    let mut files = Vec::new();
    let mut folders = vec![bundle.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| Error::Io { action: "read", path: folder.clone(), source };
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path().to_owned(), entry.file_type().map_err(failed)?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let size = entry.metadata().map_err(failed)?.len();
                files.push((relative(bundle, &path)?, size));
            } else {
                let problem = CarryProblem::NotAFile;
                return Err(Error::Carry { path: path.into_string(), problem });
            }
        }
    }
    files.sort();
    names::distinct(files.iter().map(|(path, _)| path))?;
    let mut contents = hash::digests(bundle, &files, &mut |_| {}, cancel)?;
    let entry = |(path, _): (RelativePath, u64)| match contents.remove(&path) {
        Some((digest, size)) => Ok(Entry { path, content: Content { digest, size } }),
        None => Err(Error::Carry { path: path.to_string(), problem: CarryProblem::Changed }),
    };
    files.into_iter().map(entry).collect()
}

fn relative(bundle: &Utf8Path, path: &Utf8Path) -> Result<RelativePath, Error> {
    let below = path.strip_prefix(bundle).unwrap_or(path);
    let parts: Vec<&str> = below.iter().collect();
    names::path(&parts.join("/"))
}
