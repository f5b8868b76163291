//! A file system (FUSE) that passes everything on to a folder, until the call that it is told to fail.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs,
    ReplyWrite, Request, TimeOrNow, WriteFlags,
};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This call, with an error of the device (EIO).
    Once,
    /// This call and all that follow: the drive is gone.
    Gone,
    /// From this call on, everything is there and nothing can be written: the disk is full.
    Full,
    /// This call takes its time.
    Slow,
    /// If it is a write, it takes less than it was given; so do all that follow.
    Short,
}

/// When to fail.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    calls: AtomicU64,
    /// Whether two files can change places in one step.
    pub(crate) exchanges: AtomicBool,
    /// Whether a rename cannot be told to replace nothing, as on some network drives.
    pub(crate) only_replaces: AtomicBool,
    /// The name and text of a file that somebody saves right before one of ours gets this name.
    pub(crate) saved: Mutex<Option<(String, String)>>,
    plan: Mutex<Option<(u64, Fault)>>,
}

impl Faults {
    /// Fails at the `n`-th call from now on, the first being 1.
    pub(crate) fn plan(&self, n: u64, fault: Fault) {
        self.calls.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap() = Some((n, fault));
    }

    /// Fails no more; returns how many calls there were.
    pub(crate) fn clear(&self) -> u64 {
        *self.plan.lock().unwrap() = None;
        self.calls.swap(0, Ordering::SeqCst)
    }

    /// Counts a call; `writes`: whether it needs room.
    fn call(&self, writes: bool) -> Result<bool, Errno> {
        let now = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let plan = *self.plan.lock().unwrap();
        match plan {
            Some((n, Fault::Once)) if now == n => Err(Errno::EIO),
            Some((n, Fault::Gone)) if now >= n => Err(Errno::EIO),
            Some((n, Fault::Full)) if now >= n && writes => Err(Errno::ENOSPC),
            Some((n, Fault::Slow)) if now == n => {
                std::thread::sleep(Duration::from_millis(50));
                Ok(false)
            }
            Some((n, Fault::Short)) if now >= n => Ok(true),
            _ => Ok(false),
        }
    }
}

/// The file system, mounted as long as it lives.
pub(crate) struct Mounted {
    pub(crate) faults: Arc<Faults>,
    _session: BackgroundSession,
}

/// Shows `folder` at `at`; an error where this machine does not let us.
pub(crate) fn mount(folder: &Path, at: &Path) -> io::Result<Mounted> {
    let faults = Arc::new(Faults::default());
    let fs = Passing {
        faults: Arc::clone(&faults),
        nodes: Mutex::new(Nodes::new(folder)),
        handles: Mutex::default(),
    };
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("failing".into()), MountOption::NoDev];
    config.n_threads = Some(1);
    let session = fuser::spawn_mount(fs, at, &config)?;
    Ok(Mounted { faults, _session: session })
}

struct Nodes {
    paths: HashMap<u64, PathBuf>,
    numbers: HashMap<PathBuf, u64>,
    next: u64,
}

impl Nodes {
    fn new(root: &Path) -> Self {
        let number = INodeNo::ROOT.0;
        Self {
            paths: HashMap::from([(number, root.to_owned())]),
            numbers: HashMap::from([(root.to_owned(), number)]),
            next: number + 1,
        }
    }

    fn number(&mut self, path: &Path) -> u64 {
        if let Some(number) = self.numbers.get(path) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.paths.insert(number, path.to_owned());
        self.numbers.insert(path.to_owned(), number);
        number
    }

    fn exchanged(&mut self, one: &Path, other: &Path) {
        let (first, second) = (self.number(one), self.number(other));
        self.paths.insert(first, other.to_owned());
        self.paths.insert(second, one.to_owned());
        self.numbers.insert(other.to_owned(), first);
        self.numbers.insert(one.to_owned(), second);
    }

    fn renamed(&mut self, from: &Path, to: &Path) {
        self.numbers.remove(to);
        let moved: Vec<(u64, PathBuf)> = self
            .paths
            .iter()
            .filter_map(|(number, path)| {
                let below = path.strip_prefix(from).ok()?;
                let to = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
                Some((*number, to))
            })
            .collect();
        for (number, path) in moved {
            if let Some(old) = self.paths.insert(number, path.clone()) {
                self.numbers.remove(&old);
            }
            self.numbers.insert(path, number);
        }
    }
}

struct Passing {
    faults: Arc<Faults>,
    nodes: Mutex<Nodes>,
    handles: Mutex<(u64, HashMap<u64, Arc<File>>)>,
}

/// Plays the somebody of [`Faults::saved`]. Our own folder is ours.
fn save_before(faults: &Faults, to: &Path) {
    let mut saved = faults.saved.lock().unwrap();
    let is_ours = to.components().any(|part| part.as_os_str() == ".instep-mirror");
    let is_meant = |(name, _): &mut (String, String)| !is_ours && to.ends_with(&*name);
    if let Some((_, text)) = saved.take_if(is_meant) {
        let new = to.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, to).unwrap();
    }
}

/// Nothing is remembered by the kernel: every question comes here.
const NOW: Duration = Duration::ZERO;

impl Passing {
    fn path(&self, number: INodeNo) -> Result<PathBuf, Errno> {
        self.nodes.lock().unwrap().paths.get(&number.0).cloned().ok_or(Errno::ENOENT)
    }

    fn child(&self, parent: INodeNo, name: &OsStr) -> Result<PathBuf, Errno> {
        Ok(self.path(parent)?.join(name))
    }

    fn attr(&self, path: &Path) -> Result<FileAttr, Errno> {
        let found = fs::symlink_metadata(path)?;
        let number = self.nodes.lock().unwrap().number(path);
        Ok(attributes(number, &found))
    }

    fn keep(&self, file: File) -> FileHandle {
        let mut handles = self.handles.lock().unwrap();
        handles.0 += 1;
        let number = handles.0;
        handles.1.insert(number, Arc::new(file));
        FileHandle(number)
    }

    fn file(&self, handle: FileHandle) -> Result<Arc<File>, Errno> {
        self.handles.lock().unwrap().1.get(&handle.0).cloned().ok_or(Errno::EBADF)
    }

    fn set(
        &self,
        number: INodeNo,
        mode: Option<u32>,
        size: Option<u64>,
        modified: Option<TimeOrNow>,
        handle: Option<FileHandle>,
    ) -> Result<FileAttr, Errno> {
        self.faults.call(size.is_some())?;
        let path = self.path(number)?;
        if let Some(mode) = mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o7777))?;
        }
        if let Some(size) = size {
            File::options().write(true).open(&path)?.set_len(size)?;
        }
        if let Some(time) = modified {
            let time = match time {
                TimeOrNow::SpecificTime(time) => time,
                TimeOrNow::Now => SystemTime::now(),
            };
            let times = FileTimes::new().set_modified(time);
            match handle {
                Some(handle) => self.file(handle)?.set_times(times)?,
                None => File::open(&path)?.set_times(times)?,
            }
        }
        self.attr(&path)
    }
}

fn attributes(number: u64, found: &Metadata) -> FileAttr {
    let kind = found.file_type();
    let time = |seconds: i64, nanoseconds: i64| {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        UNIX_EPOCH + whole + Duration::from_nanos(nanoseconds.unsigned_abs())
    };
    FileAttr {
        ino: INodeNo(number),
        size: found.size(),
        blocks: found.blocks(),
        atime: time(found.atime(), found.atime_nsec()),
        mtime: time(found.mtime(), found.mtime_nsec()),
        ctime: time(found.ctime(), found.ctime_nsec()),
        crtime: UNIX_EPOCH,
        kind: if kind.is_dir() {
            FileType::Directory
        } else if kind.is_symlink() {
            FileType::Symlink
        } else if kind.is_fifo() {
            FileType::NamedPipe
        } else {
            FileType::RegularFile
        },
        perm: u16::try_from(found.mode() & 0o7777).unwrap(),
        nlink: u32::try_from(found.nlink()).unwrap(),
        uid: found.uid(),
        gid: found.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

/// Answers with what came of a call.
macro_rules! answer {
    ($reply:ident, $result:expr, $done:expr) => {
        match $result {
            Ok(value) => $done(value),
            Err(error) => $reply.error(Errno::from(error)),
        }
    };
}

impl Filesystem for Passing {
    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.faults.call(false).and_then(|_| self.attr(&self.child(parent, name)?));
        answer!(reply, found, |attr: FileAttr| reply.entry(&NOW, &attr, Generation(0)));
    }

    fn getattr(&self, _req: &Request, ino: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        let found = self.faults.call(false).and_then(|_| match fh {
            Some(handle) => Ok(attributes(ino.0, &self.file(handle)?.metadata()?)),
            None => self.attr(&self.path(ino)?),
        });
        answer!(reply, found, |attr: FileAttr| reply.attr(&NOW, &attr));
    }

    fn setattr(
        &self,
        _req: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let found = self.set(ino, mode, size, mtime, fh);
        answer!(reply, found, |attr: FileAttr| reply.attr(&NOW, &attr));
    }

    fn readlink(&self, _req: &Request, ino: INodeNo, reply: ReplyData) {
        let found = self.faults.call(false).and_then(|_| Ok(fs::read_link(self.path(ino)?)?));
        answer!(reply, found, |target: PathBuf| reply.data(target.as_os_str().as_encoded_bytes()));
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let made = self.faults.call(true).and_then(|_| {
            let path = self.child(parent, name)?;
            fs::create_dir(&path)?;
            self.attr(&path)
        });
        answer!(reply, made, |attr: FileAttr| reply.entry(&NOW, &attr, Generation(0)));
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done =
            self.faults.call(false).and_then(|_| Ok(fs::remove_file(self.child(parent, name)?)?));
        answer!(reply, done, |()| reply.ok());
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done =
            self.faults.call(false).and_then(|_| Ok(fs::remove_dir(self.child(parent, name)?)?));
        answer!(reply, done, |()| reply.ok());
    }

    fn symlink(
        &self,
        _req: &Request,
        parent: INodeNo,
        link_name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let made = self.faults.call(true).and_then(|_| {
            let path = self.child(parent, link_name)?;
            std::os::unix::fs::symlink(target, &path)?;
            self.attr(&path)
        });
        answer!(reply, made, |attr: FileAttr| reply.entry(&NOW, &attr, Generation(0)));
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let done = self.faults.call(false).and_then(|_| {
            let (from, to) = (self.child(parent, name)?, self.child(newparent, newname)?);
            let is_new = flags.contains(RenameFlags::RENAME_NOREPLACE);
            if is_new && self.faults.only_replaces.load(Ordering::SeqCst) {
                return Err(Errno::EINVAL);
            }
            save_before(&self.faults, &to);
            if is_new && fs::symlink_metadata(&to).is_ok() {
                return Err(Errno::EEXIST);
            }
            if flags.contains(RenameFlags::RENAME_EXCHANGE) {
                if !self.faults.exchanges.load(Ordering::SeqCst) {
                    return Err(Errno::EINVAL);
                }
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                let cwd = rustix::fs::CWD;
                rustix::fs::renameat_with(cwd, &from, cwd, &to, exchange)
                    .map_err(io::Error::from)?;
                self.nodes.lock().unwrap().exchanged(&from, &to);
                return Ok(());
            }
            fs::rename(&from, &to)?;
            self.nodes.lock().unwrap().renamed(&from, &to);
            Ok(())
        });
        answer!(reply, done, |()| reply.ok());
    }

    fn link(
        &self,
        _req: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let made = self.faults.call(true).and_then(|_| {
            let (from, to) = (self.path(ino)?, self.child(newparent, newname)?);
            save_before(&self.faults, &to);
            fs::hard_link(from, &to)?;
            self.attr(&to)
        });
        answer!(reply, made, |attr: FileAttr| reply.entry(&NOW, &attr, Generation(0)));
    }

    fn open(&self, _req: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let opened = self.faults.call(false).and_then(|_| {
            let is_written = flags.0 & 0o3 != 0;
            let truncate = flags.0 & 0o1000 != 0;
            let mut options = File::options();
            options.read(true).write(is_written).truncate(truncate && is_written);
            Ok(self.keep(options.open(self.path(ino)?)?))
        });
        answer!(reply, opened, |handle| reply.opened(handle, FopenFlags::FOPEN_DIRECT_IO));
    }

    fn read(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.faults.call(false).and_then(|_| {
            let mut buffer = vec![0; usize::try_from(size).unwrap()];
            let count = self.file(fh)?.read_at(&mut buffer, offset)?;
            buffer.truncate(count);
            Ok(buffer)
        });
        answer!(reply, read, |data: Vec<u8>| reply.data(&data));
    }

    fn write(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.faults.call(true).and_then(|is_short| {
            let length = if is_short { data.len().div_ceil(2) } else { data.len() };
            Ok(self.file(fh)?.write_at(&data[..length], offset)?)
        });
        answer!(reply, written, |count| reply.written(u32::try_from(count).unwrap_or(0)));
    }

    fn flush(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        answer!(reply, self.faults.call(false), |_| reply.ok());
    }

    fn release(
        &self,
        _req: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.handles.lock().unwrap().1.remove(&fh.0);
        reply.ok();
    }

    fn fsync(
        &self,
        _req: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        answer!(reply, self.faults.call(true), |_| reply.ok());
    }

    fn readdir(
        &self,
        _req: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let names = self.faults.call(false).and_then(|_| {
            let path = self.path(ino)?;
            let mut names: Vec<_> = fs::read_dir(&path)?
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect::<io::Result<_>>()?;
            names.sort();
            Ok(names.into_iter().map(|name| (path.join(&name), name)).collect::<Vec<_>>())
        });
        match names {
            Ok(names) => {
                for (index, (path, name)) in
                    names.iter().enumerate().skip(usize::try_from(offset).unwrap())
                {
                    let Ok(attr) = self.attr(path) else { continue };
                    if reply.add(attr.ino, index as u64 + 1, attr.kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _req: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096);
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let created = self.faults.call(true).and_then(|_| {
            let path = self.child(parent, name)?;
            let file = File::options().read(true).write(true).create_new(true).open(&path)?;
            file.set_permissions(fs::Permissions::from_mode(mode & !umask & 0o7777))?;
            let attr = self.attr(&path)?;
            Ok((attr, self.keep(file)))
        });
        match created {
            Ok((attr, handle)) => {
                reply.created(&NOW, &attr, Generation(0), handle, FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(error) => reply.error(error),
        }
    }
}
