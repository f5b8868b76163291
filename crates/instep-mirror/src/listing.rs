//! What a folder holds, each entry with its stamp: the one place that asks the system.

use std::io;

use camino::Utf8Path;
use instep_fs::Stamp;

use crate::names::Names;

/// One entry of a folder.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) stamp: Stamp,
    pub(crate) executable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Link,
    Dir,
    Other,
}

/// What a folder holds, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Item>,
    /// Names that are not UTF-8, as well as they can be shown.
    pub(crate) odd: Vec<String>,
    /// Names that were there, and could not be looked at.
    pub(crate) failed: Vec<(String, io::ErrorKind)>,
}

impl Listing {
    /// Takes out what Windows would open as something else: `aux` is a device, `a.` another file, `a:b` a
    /// stream of one.
    fn set_names_aside(&mut self) {
        let names = self.items.extract_if(.., |item| !Names::all(false).hold(&item.name));
        self.failed.extend(names.map(|item| (item.name, io::ErrorKind::InvalidFilename)));
    }
}

/// Lists a folder; links are not followed, also not where `folder` itself is one.
pub(crate) fn list(folder: &Utf8Path) -> io::Result<Listing> {
    let mut listing = platform::list(folder)?;
    if cfg!(windows) {
        listing.set_names_aside();
    }
    listing.items.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(listing)
}

/// Lists a root, which may be a link itself.
pub(crate) fn list_root(root: &Utf8Path) -> io::Result<Listing> {
    if cfg!(unix) { list(&root.join(".")) } else { list(root) }
}

/// One entry; `None` where there is nothing.
pub(crate) fn look(path: &Utf8Path) -> io::Result<Option<Item>> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(of_metadata(path.file_name().unwrap_or_default(), &metadata))),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn of_metadata(name: &str, metadata: &std::fs::Metadata) -> Item {
    let kind = if metadata.is_file() {
        Kind::File
    } else if metadata.is_symlink() {
        Kind::Link
    } else if metadata.is_dir() {
        Kind::Dir
    } else {
        Kind::Other
    };
    Item {
        name: name.to_owned(),
        kind,
        stamp: Stamp::of_metadata(metadata),
        executable: is_executable(metadata),
    }
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// Relative to the open folder, so that no path is walked again for each entry.
#[cfg(unix)]
mod platform {
    use std::io;

    use camino::Utf8Path;
    use instep_fs::Stamp;
    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};

    use super::{Item, Kind, Listing};

    pub(super) fn list(folder: &Utf8Path) -> io::Result<Listing> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = openat(CWD, folder.as_std_path(), flags, Mode::empty())?;
        let mut listing = Listing::default();
        let mut entries = Dir::new(open)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(text) = name.to_str() else {
                listing.odd.push(name.to_string_lossy().into_owned());
                continue;
            };
            match statat(entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => listing.items.push(item(text, &stat)),
                Err(error) => {
                    listing.failed.push((text.to_owned(), io::Error::from(error).kind()));
                }
            }
        }
        Ok(listing)
    }

    fn item(name: &str, stat: &Stat) -> Item {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Symlink => Kind::Link,
            FileType::Directory => Kind::Dir,
            _ => Kind::Other,
        };
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
        };
        let size = if kind == Kind::Dir { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
        Item {
            name: name.to_owned(),
            kind,
            stamp: Stamp {
                size,
                modified: time(stat.st_mtime, stat.st_mtime_nsec.cast_signed()),
                file_id: stat.st_ino,
                changed: time(stat.st_ctime, stat.st_ctime_nsec.cast_signed()),
            },
            executable: stat.st_mode & 0o100 != 0,
        }
    }
}

/// On Windows the system gives all of it with the names.
#[cfg(not(unix))]
mod platform {
    use std::io;

    use camino::Utf8Path;

    use super::{Listing, of_metadata};

    pub(super) fn list(folder: &Utf8Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in instep_fs::while_held(|| folder.read_dir())? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(text) = name.to_str() else {
                listing.odd.push(name.to_string_lossy().into_owned());
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => listing.items.push(of_metadata(text, &metadata)),
                Err(error) => listing.failed.push((text.to_owned(), error.kind())),
            }
        }
        Ok(listing)
    }
}
