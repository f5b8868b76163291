//! Reading many files at once, for their digests.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use camino::Utf8Path;
use instep_fs::RelativePath;
use instep_tools::CancelToken;

use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;

/// More threads than this wait for the disk only.
const THREADS: usize = 8;
/// How many messages wait until they are heard.
const WAITING: usize = 64;

/// A file that was read: its digest and its size in bytes.
pub(crate) type Content = (Digest, u64);

enum Told {
    Moved(u64),
    Read(RelativePath, Content),
    Failed(RelativePath, io::Error),
}

/// Digests and sizes of files of a folder; those that are gone meanwhile are left out. `files` has the size of each,
/// and not more than one byte over it is read.
///
/// # Errors
///
/// [`Error::Io`] with the file that could not be read, [`Error::Cancelled`].
pub(crate) fn digests(
    folder: &Utf8Path,
    files: &[(RelativePath, u64)],
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<BTreeMap<RelativePath, Content>, Error> {
    let what = || folder.to_string();
    let bytes = files.iter().map(|(_, size)| size).sum();
    tell(Event::Started { what: what(), bytes: Some(bytes) });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (mut found, mut failed) = (BTreeMap::new(), None);
    std::thread::scope(|scope| {
        let (told, hear) = mpsc::sync_channel(WAITING);
        for _ in 0..threads.min(THREADS).min(files.len()) {
            let (told, next) = (told.clone(), &next);
            scope.spawn(move || {
                while let Some((path, size)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told_of = match read(folder, path, *size, &told, cancel) {
                        Ok(content) => Told::Read(path.clone(), content),
                        Err(error) => Told::Failed(path.clone(), error),
                    };
                    // Nobody hears any more after a failure.
                    if told.send(told_of).is_err() || cancel.is_cancelled() {
                        return;
                    }
                }
            });
        }
        drop(told);
        for told in hear {
            match told {
                Told::Moved(bytes) => tell(Event::Moved { bytes }),
                Told::Read(path, content) => {
                    found.insert(path, content);
                }
                Told::Failed(_, error) if error.kind() == io::ErrorKind::NotFound => {}
                Told::Failed(path, source) => {
                    failed = Some(Error::Io { action: "read", path: path.to_path(folder), source });
                    break;
                }
            }
        }
    });
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    tell(Event::Finished { what: what() });
    Ok(found)
}

fn read(
    folder: &Utf8Path,
    path: &RelativePath,
    size: u64,
    told: &mpsc::SyncSender<Told>,
    cancel: &CancelToken,
) -> io::Result<Content> {
    let file = std::fs::File::open(path.to_path(folder))?;
    // One byte more shows that it has grown.
    let mut file = Watched { file: file.take(size.saturating_add(1)), told, cancel };
    Digest::read(&mut file)
}

/// A file whose reading is told, and can be cancelled.
struct Watched<'a> {
    file: io::Take<std::fs::File>,
    told: &'a mpsc::SyncSender<Told>,
    cancel: &'a CancelToken,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stopped = || io::Error::other("cancelled");
        if self.cancel.is_cancelled() {
            return Err(stopped());
        }
        let count = self.file.read(buffer)?;
        if count > 0 {
            let bytes = u64::try_from(count).unwrap_or_default();
            self.told.send(Told::Moved(bytes)).map_err(|_| stopped())?;
        }
        Ok(count)
    }
}
