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
/// The lock is the operating system's (`flock` on Unix, `LockFileEx` on Windows): it ends with its
/// owner, however that ends, and leaves nothing to clean up. The lock file itself stays, since
/// deleting one is a race with whoever is opening it. Who holds it stands in `<path>.holder` as
/// JSON, a file of its own because Windows lets nobody read a locked one.
///
/// # Network file systems
///
/// Linux turns `flock` on NFS into a byte-range lock that the server keeps, so it also holds
/// between machines, provided that the server runs a lock daemon and the mount has neither `nolock`
/// nor `local_lock=flock`; with those two it holds on one machine only. SMB shares lock through the
/// server. Where there are no locks at all, taking one is an error with a hint, not a silent
/// promise.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    holder_path: Utf8PathBuf,
}

impl FileLock {
    /// Takes the lock, waiting for as long as another process has it.
    ///
    /// `on_wait` is called when waiting begins and whenever somebody else is found to hold the
    /// lock, with who that is, or `None` when that is not known. `cancelled` is asked before every
    /// attempt (every 20 to 200 milliseconds).
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
            // Who has just got the lock writes down its name a moment later: "nobody known" is only
            // told after a pause.
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

    /// Whether somebody has the lock at this moment (this process included). Does not wait and
    /// makes no file.
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

    /// A second handle on the same lock, to be given to a child process as its standard input (it
    /// reads as empty).
    ///
    /// On Unix the lock then lasts until the child has ended too, should this process be killed:
    /// nobody else begins to change what the child is still changing. When this value is dropped in
    /// the ordinary way the lock ends for both. On Windows a lock ends with the process that took
    /// it, so there a job object has to end the child.
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
        // Closing the file is not enough: a child of some other work may have inherited a
        // duplicate.
        let _ = self.file.unlock();
    }
}

fn open(path: &Utf8Path) -> Result<File, Error> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(failed(Action::CreateFolder, folder))?;
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Read;
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;
    use crate::testing;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("env/lock");
        (folder, path)
    }

    fn who(command: &str) -> Holder {
        Holder {
            pid: std::process::id(),
            command: command.to_owned(),
            started: "2026-01-02T03:04:05.678Z".to_owned(),
        }
    }

    /// Waits for the lock, but not for ever.
    fn acquire(path: &Utf8Path) -> Result<FileLock, Error> {
        let begin = Instant::now();
        let too_long = || begin.elapsed() > Duration::from_secs(20);
        FileLock::acquire(path, &who("test"), &mut |_| {}, &too_long)
    }

    #[test]
    fn a_second_one_is_refused_until_the_first_is_dropped() {
        let (_guard, path) = place();
        assert!(!FileLock::is_held(&path).unwrap());
        assert!(!path.exists());

        let first = FileLock::try_acquire(&path, &who("first")).unwrap().unwrap();
        assert!(FileLock::is_held(&path).unwrap());
        assert_eq!(FileLock::holder(&path), Some(who("first")));
        assert!(FileLock::try_acquire(&path, &who("second")).unwrap().is_none());
        assert_eq!(FileLock::holder(&path), Some(who("first")));

        drop(first);
        assert!(!FileLock::is_held(&path).unwrap());
        assert_eq!(FileLock::holder(&path), None);
        assert!(path.exists());
        assert!(FileLock::try_acquire(&path, &who("second")).unwrap().is_some());
    }

    #[test]
    fn eight_threads_go_one_at_a_time() {
        let (_guard, path) = place();
        let counter = path.with_file_name("counter");
        crate::write_atomic(&counter, b"0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let _lock = acquire(&path).unwrap();
                        let count: u32 = fs_err::read_to_string(&counter).unwrap().parse().unwrap();
                        std::thread::yield_now();
                        fs_err::write(&counter, (count + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs_err::read_to_string(&counter).unwrap(), "40");
    }

    #[test]
    fn who_waits_is_told_for_whom_once_and_again_when_it_is_another() {
        let (_guard, path) = place();
        let first = acquire(&path).unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut on_wait = |holder: Option<&Holder>| tell.send(holder.cloned()).unwrap();
                FileLock::acquire(&path, &who("waiting"), &mut on_wait, &|| false)
            });
            assert_eq!(told.recv().unwrap(), Some(who("test")));
            // As if the first had let go and another had been quicker.
            fs_err::write(holder_path(&path), serde_json::to_vec(&who("other")).unwrap()).unwrap();
            assert_eq!(told.recv().unwrap(), Some(who("other")));
            drop(first);
            assert!(waiting.join().unwrap().is_ok());
        });
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn who_waits_long_for_one_is_told_once() {
        let (_guard, path) = place();
        let _first = acquire(&path).unwrap();
        let (told, asked) = (Cell::new(0), Cell::new(0));
        let mut on_wait = |_: Option<&Holder>| told.set(told.get() + 1);
        let cancelled = || asked.replace(asked.get() + 1) == 4;
        assert!(FileLock::acquire(&path, &who("second"), &mut on_wait, &cancelled).is_err());
        assert_eq!((told.get(), asked.get()), (1, 5));
    }

    #[test]
    fn a_holder_that_cannot_be_read_is_nobody_known() {
        let (_guard, path) = place();
        let _first = acquire(&path).unwrap();
        for half in ["", "{\"pid\":1", "[]"] {
            fs_err::write(holder_path(&path), half).unwrap();
            let told = Cell::new(0);
            let mut on_wait = |holder: Option<&Holder>| {
                assert_eq!(holder, None);
                told.set(told.get() + 1);
            };
            let outcome =
                FileLock::acquire(&path, &who("second"), &mut on_wait, &|| told.get() > 0);
            assert!(matches!(outcome, Err(Error::Cancelled { path: named }) if named == path));
            assert_eq!(told.get(), 1);
        }
    }

    #[test]
    fn a_duplicate_left_somewhere_does_not_keep_the_lock() {
        let (_guard, path) = place();
        let lock = acquire(&path).unwrap();
        let duplicate = lock.share().unwrap();
        drop(lock);
        assert!(FileLock::try_acquire(&path, &who("next")).unwrap().is_some());
        drop(duplicate);
    }

    #[test]
    fn the_holder_is_json() {
        let json = serde_json::to_string(&Holder { pid: 42, ..who("instep sync") }).unwrap();
        insta::assert_snapshot!(
            json,
            @r#"{"pid":42,"command":"instep sync","started":"2026-01-02T03:04:05.678Z"}"#
        );
    }

    #[test]
    fn the_lock_of_a_killed_process_is_free() {
        if let Some(path) = testing::role() {
            let _lock = acquire(path.as_str().into()).unwrap();
            println!("held");
            io::stdin().read_to_end(&mut Vec::new()).unwrap();
            return;
        }
        let (_guard, path) = place();
        let test = "lock::tests::the_lock_of_a_killed_process_is_free";
        let mut child = testing::child(test, path.as_str()).spawn().unwrap();
        let _output = testing::read_until(&mut child, "held");
        assert!(FileLock::try_acquire(&path, &who("second")).unwrap().is_none());
        assert_eq!(FileLock::holder(&path).unwrap().pid, child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acquire(&path).is_ok());
    }

    #[cfg(unix)]
    #[expect(clippy::zombie_processes, reason = "it must outlive the process that started it")]
    #[test]
    fn a_shared_lock_outlives_a_killed_owner_until_the_child_has_ended() {
        if let Some(path) = testing::role() {
            let lock = acquire(path.as_str().into()).unwrap();
            let sleeping = std::process::Command::new("sleep")
                .arg("1000")
                .stdin(lock.share().unwrap())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            println!("held {}", sleeping.id());
            io::stdin().read_to_end(&mut Vec::new()).unwrap();
            return;
        }
        let (_guard, path) = place();
        let test = "lock::tests::a_shared_lock_outlives_a_killed_owner_until_the_child_has_ended";
        let mut owner = testing::child(test, path.as_str()).spawn().unwrap();
        let (_output, grandchild) = testing::read_until(&mut owner, "held");
        owner.kill().unwrap();
        owner.wait().unwrap();
        let held = FileLock::is_held(&path).unwrap();
        let grandchild = rustix::process::Pid::from_raw(grandchild.parse().unwrap()).unwrap();
        rustix::process::kill_process(grandchild, rustix::process::Signal::KILL).unwrap();
        assert!(held, "the lock ended with its owner");
        assert!(acquire(&path).is_ok());
    }
}
