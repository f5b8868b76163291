//! What is in the folder of a bundle.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;
use instep_tools::CancelToken;

use super::problem::CarryProblem;
use super::{Entry, names};
use crate::digest::Digest;
use crate::error::Error;
use crate::layout;
use crate::registry::Content;

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
    let mut paths = Vec::new();
    let mut folders = vec![bundle.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| Error::Io { action: "read", path: folder.clone(), source };
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path().to_owned(), entry.file_type().map_err(failed)?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                paths.push((relative(bundle, &path)?, path));
            } else {
                let problem = CarryProblem::NotAFile;
                return Err(Error::Carry { path: path.into_string(), problem });
            }
        }
    }
    paths.sort();
    names::distinct(paths.iter().map(|(path, _)| path))?;
    contents(&paths, cancel)
}

fn relative(bundle: &Utf8Path, path: &Utf8Path) -> Result<RelativePath, Error> {
    let below = path.strip_prefix(bundle).unwrap_or(path);
    let parts: Vec<&str> = below.iter().collect();
    names::path(&parts.join("/"))
}

/// Takes the digest of each, with a thread for each processor.
fn contents(
    paths: &[(RelativePath, Utf8PathBuf)],
    cancel: &CancelToken,
) -> Result<Vec<Entry>, Error> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some((_, path)) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let content = content(path, cancel);
            let is_right = content.is_ok();
            found.push((path.clone(), content));
            if !is_right {
                break;
            }
        }
        found
    };
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let mut found: BTreeMap<_, _> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count.min(paths.len())).map(|_| scope.spawn(work)).collect();
        // A thread has nothing to panic by.
        threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    });
    // What no thread came to comes after what failed, in another thread.
    if let Some(failed) = found.iter().find(|(_, content)| content.is_err()).map(|(path, _)| path) {
        let failed = failed.clone();
        return Err(found.remove(&failed).and_then(Result::err).unwrap_or(Error::Cancelled));
    }
    let mut entries = Vec::with_capacity(paths.len());
    for (path, at) in paths {
        let content = found.remove(at).unwrap_or(Err(Error::Cancelled))?;
        entries.push(Entry { path: path.clone(), content });
    }
    Ok(entries)
}

fn content(path: &Utf8Path, cancel: &CancelToken) -> Result<Content, Error> {
    let read = || {
        let file = std::fs::File::open(path)?;
        Digest::read(&mut Stoppable { file, cancel })
    };
    match read() {
        Ok((digest, size)) => Ok(Content { digest, size }),
        Err(_) if cancel.is_cancelled() => Err(Error::Cancelled),
        Err(source) => Err(Error::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// A file that cannot be read any more when the work was cancelled.
struct Stoppable<'a> {
    file: std::fs::File,
    cancel: &'a CancelToken,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.read(buffer)
    }
}
