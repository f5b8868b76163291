//! Making what has arrived last through a power cut.
//!
//! On a local disk under Linux, all of it is flushed at once, before it is recorded, or
//! [later](crate::late); elsewhere, and on a network drive, each file by itself.

use std::fs::File;
use std::io;
use std::sync::{Mutex, mpsc};

use camino::Utf8Path;

/// From this size on, a file is worth to be begun with.
const LARGE: u64 = 1 << 20;

/// So many may wait for their turn, each of which is an open file.
const WAITING: usize = 64;

/// Large files on their way to the disk. The system is told to begin with each as it arrives, so that there is
/// less to wait for at the end; by a thread of its own, since that waits for the disk.
#[derive(Debug, Default)]
pub(crate) struct Writeback(Mutex<Option<mpsc::SyncSender<File>>>);

impl Writeback {
    /// Runs `work` with the thread beside it.
    pub(crate) fn beside<T>(&self, work: impl FnOnce() -> T) -> T {
        let (send, files) = mpsc::sync_channel(WAITING);
        self.set(Some(send));
        std::thread::scope(|scope| {
            scope.spawn(move || files.into_iter().for_each(|file| platform::begin(&file)));
            let done = work();
            self.set(None);
            done
        })
    }

    fn set(&self, to: Option<mpsc::SyncSender<File>>) {
        if let Ok(mut sender) = self.0.lock() {
            *sender = to;
        }
    }

    /// Makes a file on a local disk last, or begins to.
    pub(crate) fn local(&self, file: &File, size: u64) -> io::Result<()> {
        if !platform::AT_ONCE {
            return file.sync_all();
        }
        // What cannot be begun with, or is one too many, is flushed at the end.
        if size >= LARGE
            && let (Ok(sender), Ok(file)) = (self.0.lock(), file.try_clone())
            && let Some(sender) = sender.as_ref()
        {
            let _ = sender.try_send(file);
        }
        Ok(())
    }
}

/// Lets what memory holds of a file go, so that what the disk has is read. What it does not have yet stays.
pub(crate) fn forget(path: &Utf8Path) {
    if let Ok(file) = File::open(path) {
        platform::begin(&file);
    }
}

/// The start of the machine and the mount that a folder is seen in.
pub(crate) struct Session {
    /// By which it is known whether what was written is what can be read, whatever the disk has.
    pub(crate) id: String,
    /// Whether changes of names and times reach the disk in the order in which they were made.
    pub(crate) is_orderly: bool,
}

/// The session of a folder; `None` where it cannot be told, and where power cuts were not tried.
pub(crate) fn session(folder: &Utf8Path) -> Option<Session> {
    platform::session(folder)
}

/// Makes everything on the file system of a folder last that was not flushed by itself.
pub(crate) fn all(folder: &Utf8Path) -> io::Result<()> {
    platform::all(folder)
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::File;
    use std::io;

    use camino::Utf8Path;
    use rustix::fs::{Advice, AtFlags, CWD, StatxFlags, fadvise, statfs, statx, syncfs};

    use super::Session;

    /// Whether everything can be flushed at once.
    pub(super) const AT_ONCE: bool = true;

    /// The system begins to write what is to be dropped from memory; what is not written yet stays.
    pub(super) fn begin(file: &File) {
        let _ = fadvise(file, 0, None, Advice::DontNeed);
    }

    pub(super) fn all(folder: &Utf8Path) -> io::Result<()> {
        Ok(syncfs(&File::open(folder)?)?)
    }

    const EXT: u64 = 0xef53;
    /// Those with which power cuts are tested: ext4 and XFS.
    const TESTED: [u64; 2] = [EXT, 0x5846_5342];

    /// A number that no other mount had since the machine was started (`STATX_MNT_ID_UNIQUE`, since Linux
    /// 6.8).
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

    pub(super) fn session(folder: &Utf8Path) -> Option<Session> {
        let magic = u64::try_from(statfs(folder.as_std_path()).ok()?.f_type).ok()?;
        if !TESTED.contains(&magic) {
            return None;
        }
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let found = statx(CWD, folder.as_std_path(), AtFlags::empty(), UNIQUE).ok()?;
        let device = format!("{}:{}", found.stx_dev_major, found.stx_dev_minor);
        let is_told = found.stx_mask & UNIQUE.bits() != 0;
        is_told.then(|| Session {
            id: format!("{} {}", boot.trim(), found.stx_mnt_id),
            is_orderly: magic != EXT || has_journal(&device).is_some(),
        })
    }

    /// ext2 looks the same, and ext4 can be made without a journal.
    fn has_journal(device: &str) -> Option<u32> {
        let name = std::fs::read_link(Utf8Path::new("/sys/dev/block").join(device)).ok()?;
        let name = name.file_name()?.to_str()?;
        let task = Utf8Path::new("/sys/fs/ext4").join(name).join("journal_task");
        std::fs::read_to_string(task).ok()?.trim().parse().ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::fs::File;
    use std::io;

    use camino::Utf8Path;

    use super::Session;

    pub(super) const AT_ONCE: bool = false;

    pub(super) fn begin(_file: &File) {}

    pub(super) fn session(_folder: &Utf8Path) -> Option<Session> {
        None
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn all(_folder: &Utf8Path) -> io::Result<()> {
        Ok(())
    }
}
