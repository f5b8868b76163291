//! One process at a time, where the ones that wait can say for whom.

use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::{Action, Error, failed};
use crate::retry::while_in_use;
use crate::temporary::folder_of;

/// The first pause between two attempts, and the longest one.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How often [`FileLock::try_acquire`] tries before it says that the lock is taken: a probe of
/// [`FileLock::is_held`] holds it for some microseconds.
const ATTEMPTS: u32 = 3;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(1);

/// Who holds a lock, for the message of those who wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// What it is doing, as a person would know it: `instep sync`.
    pub command: String,
    /// When it began, RFC 3339.
    pub started: String,
}

/// An exclusive advisory lock on a file, held until it is dropped.
///
/// The lock is the operating system's (`flock` on Unix, `LockFileEx` on Windows): it ends with its owner, however that ends,
/// and leaves nothing to clean up. The lock file itself stays, since deleting one is a race with whoever is opening it. Who
/// holds it stands in `<path>.holder` as JSON, a file of its own because Windows lets nobody read a locked one.
///
/// # Network file systems
///
/// Linux turns `flock` on NFS into a byte-range lock that the server keeps, so it also holds between machines, provided
/// that the server runs a lock daemon and the mount has neither `nolock` nor `local_lock=flock`; with those two it holds on
/// one machine only. SMB shares lock through the server. Where there are no locks at all, taking one is an error
/// with a hint, not a silent promise.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    holder_path: Utf8PathBuf,
}

impl FileLock {
    /// Takes the lock, waiting for as long as another process has it.
    ///
    /// `on_wait` is called when waiting begins and whenever somebody else is found to hold the lock, with who that is,
    /// or `None` when that is not known. `cancelled` is asked before every attempt (every 20 to 200 milliseconds).
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] when `cancelled` said so, else [`Error::Io`].
    pub fn acquire(
        path: &Utf8Path,
        who: &Holder,
        on_wait: &mut dyn FnMut(Option<&Holder>),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        let file = open(path)?;
        let mut told: Option<Option<Holder>> = None;
        let mut pause = PAUSE;
        let mut waited = false;
        loop {
            if cancelled() {
                return Err(Error::Cancelled { path: path.to_owned() });
            }
            if try_lock(&file, path)? {
                return Ok(Self::held(file, path, who));
            }
            let holder = read_holder(path);
            // Who has just got the lock writes down its name a moment later: "nobody known" is only told after a pause.
            let news = match &told {
                None => holder.is_some() || waited,
                Some(before) => holder.is_some() && holder != *before,
            };
            if news {
                on_wait(holder.as_ref());
                told = Some(holder);
            }
            sleep(pause);
            waited = true;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes the lock if nobody has it; `None` when somebody has.
    pub fn try_acquire(path: &Utf8Path, who: &Holder) -> Result<Option<Self>, Error> {
        let file = open(path)?;
        for attempt in 1..=ATTEMPTS {
            if try_lock(&file, path)? {
                return Ok(Some(Self::held(file, path, who)));
            }
            if attempt < ATTEMPTS {
                sleep(ATTEMPT_PAUSE);
            }
        }
        Ok(None)
    }

    /// Whether somebody has the lock at this moment (this process included). Does not wait and makes no file.
    pub fn is_held(path: &Utf8Path) -> Result<bool, Error> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(Action::Lock, path)(error)),
        };
        // Shared, so that two probes do not see each other.
        match file.try_lock_shared() {
            Ok(()) => {
                let _ = file.unlock();
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed(Action::Lock, path)(error)),
        }
    }

    /// Who says to hold the lock at `path`; `None` when nobody does or it cannot be read.
    pub fn holder(path: &Utf8Path) -> Option<Holder> {
        read_holder(path)
    }

    /// A second handle on the same lock, to be given to a child process as its standard input (it reads as empty).
    ///
    /// On Unix the lock then lasts until the child has ended too, should this process be killed: nobody else begins to
    /// change what the child is still changing. When this value is dropped in the ordinary way the lock ends for both. On
    /// Windows a lock ends with the process that took it, so there a job object has to end the child.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn held(file: File, path: &Utf8Path, who: &Holder) -> Self {
        let holder_path = holder_path(path);
        // Best effort: not to know for whom one waits is no reason not to work.
        if let Ok(json) = serde_json::to_vec(who) {
            let _ = std::fs::write(&holder_path, json);
        }
        Self { file, holder_path }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // First, so as not to delete the name of the next holder.
        let _ = std::fs::remove_file(&self.holder_path);
        // Closing the file is not enough: a child of some other work may have inherited a duplicate.
        let _ = self.file.unlock();
    }
}

fn open(path: &Utf8Path) -> Result<File, Error> {
    let folder = folder_of(path);
    fs_err::create_dir_all(folder).map_err(failed(Action::CreateFolder, folder))?;
    while_in_use(|| {
        // Writable, which an exclusive lock on NFS needs, but never emptied or written.
        File::options().read(true).write(true).create(true).truncate(false).open(path)
    })
    .map_err(failed(Action::Lock, path))
}

fn try_lock(file: &File, path: &Utf8Path) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(failed(Action::Lock, path)(error)),
    }
}

fn holder_path(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from([path.as_str(), ".holder"].concat())
}

/// Lenient: a name that is half written or not there is not known.
fn read_holder(path: &Utf8Path) -> Option<Holder> {
    serde_json::from_slice(&std::fs::read(holder_path(path)).ok()?).ok()
}
