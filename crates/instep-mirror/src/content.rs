//! The content of files: hashed, and copied whole or not at all.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use camino::Utf8Path;
use instep_fs::Stamp;

/// How much is read at once. With a megabyte and more, the system takes more than twice as long to write as
/// with this: the buffer does not stay near the processor, and it looks for large pieces of memory.
const CHUNK: usize = 256 << 10;

thread_local! {
    static BUFFER: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The hash of a file, and its stamp when the last of it was read.
pub(crate) fn hash(path: &Utf8Path) -> io::Result<(blake3::Hash, Stamp)> {
    let mut file = open(path)?;
    let before = file.metadata()?.len();
    let hash = transfer(&mut file, &mut io::sink(), before, &|| false)?;
    Ok((hash, Stamp::of_metadata(&file.metadata()?)))
}

/// Opens a file for reading; a link in its place is an error.
pub(crate) fn open(path: &Utf8Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Not blocking, should it have become a pipe.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    // On Windows, another program may have it for itself for a moment.
    instep_fs::while_held(|| options.open(path))
}

/// Reads a file of ours.
pub(crate) fn read(path: &Utf8Path) -> io::Result<Vec<u8>> {
    instep_fs::while_held(|| std::fs::read(path))
}

/// How large a file has to be for the system to copy it: below that, reading it is as quick.
const LARGE: u64 = 4 << 20;

/// Up to this size, a file is not asked for more than it was said to hold.
const SMALL: u64 = 64 << 10;

/// Copies a file and returns the hash of what arrived. Where the file system can share the blocks, or copy
/// them by itself, it does, and what arrived is read.
pub(crate) fn copy(
    from: &mut File,
    to: &mut File,
    size: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> io::Result<blake3::Hash> {
    if size >= LARGE && platform::share(from, to) {
        to.seek(io::SeekFrom::Start(0))?;
        return transfer(to, &mut io::sink(), size, is_cancelled);
    }
    transfer(from, to, size, is_cancelled)
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::File;

    /// Gives a new file the blocks of another (`FICLONE`); `false` where the file system cannot.
    pub(super) fn share(from: &File, to: &File) -> bool {
        rustix::fs::ioctl_ficlone(to, from).is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::fs::File;

    pub(super) fn share(_from: &File, _to: &File) -> bool {
        false
    }
}

/// Copies what there is, and hashes what was written. A file that grows all the time ends at twice the
/// size that it was said to have: that it changed is seen by its stamp.
pub(crate) fn transfer(
    from: &mut File,
    to: &mut dyn Write,
    expected: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> io::Result<blake3::Hash> {
    let most = expected.saturating_mul(2).saturating_add(CHUNK as u64);
    BUFFER.with_borrow_mut(|buffer| {
        let mut hasher = blake3::Hasher::new();
        let mut total = 0_u64;
        // Small files need no large buffer.
        let wanted = usize::try_from(expected).unwrap_or(CHUNK).saturating_add(1).min(CHUNK);
        if buffer.len() < wanted {
            buffer.resize(wanted.next_power_of_two().min(CHUNK), 0);
        }
        loop {
            let count = match from.read(buffer) {
                Ok(0) => return Ok(hasher.finalize()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let chunk = buffer.get(..count).unwrap_or_default();
            hasher.update(chunk);
            to.write_all(chunk)?;
            total += count as u64;
            // What follows would be seen by the stamp.
            if total > most || (total == expected && expected < SMALL) {
                return Ok(hasher.finalize());
            }
            if is_cancelled() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
    })
}
