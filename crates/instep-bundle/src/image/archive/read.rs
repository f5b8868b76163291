//! Reads a tar file that somebody else made: every header once, nothing unpacked, contents where they lie.
//!
//! Names are looked up, and never made into paths of this machine. Links are followed once, and inside only: docker
//! before version 25, podman and skopeo write a layer that is there twice as a link to the other one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};
use tar::{EntryType, Header, PaxExtensions};

use crate::error::Error;
use crate::image::error::ArchiveProblem;

/// The most entries: each layer has four in the oldest form, and there are at most 500 layers.
const MOST_ENTRIES: usize = 4_096;

/// What a tar file consists of, in bytes.
const BLOCK: u64 = super::BLOCK as u64;

/// The longest extended header, in bytes: a name and a size.
const LONGEST_EXTENSION: u64 = 64 * 1024;

/// The longest JSON text, in bytes.
const LONGEST_TEXT: u64 = 8 << 20;

/// A tar file whose headers have been read.
#[derive(Debug)]
pub(in crate::image) struct Archive {
    path: Utf8PathBuf,
    /// Bytes.
    size: u64,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File { at: u64, size: u64 },
    Folder,
    Link { to: String },
}

/// What extends the header that follows.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Archive {
    /// Reads all headers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::ImageFile`] for what is no tar file, ends too early, or has names that lead out of it or
    /// are there twice.
    pub(in crate::image) fn open(path: &Utf8Path) -> Result<Self, Error> {
        let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
        // Looked at first: opening a pipe would wait for somebody to write to it.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(Error::image_file(path, ArchiveProblem::Header { at: 0 }));
        }
        let mut file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let entries = scan(&mut file, size).map_err(|stop| match stop {
            Stop::Io(source) => io(source),
            Stop::Problem(problem) => Error::image_file(path, problem),
        })?;
        Ok(Self { path: path.to_owned(), size, entries })
    }

    /// Where it lies.
    pub(in crate::image) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Its size in bytes.
    pub(in crate::image) fn size(&self) -> u64 {
        self.size
    }

    /// Where a file of it lies.
    ///
    /// # Errors
    ///
    /// [`Error::ImageFile`] where there is none.
    pub(in crate::image) fn part(&self, name: &str) -> Result<Part, Error> {
        let missing = || {
            let entry = shown(name.as_bytes());
            Error::image_file(&self.path, ArchiveProblem::Missing { entry })
        };
        let entry = match self.entries.get(name) {
            Some(Entry::Link { to }) => self.entries.get(to),
            entry => entry,
        };
        match entry {
            Some(Entry::File { at, size }) => {
                Ok(Part { path: self.path.clone(), at: *at, size: *size })
            }
            _ => Err(missing()),
        }
    }

    /// A short text of it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::ImageFile`] where there is none, or where it is longer than any such text.
    pub(in crate::image) fn text(&self, name: &'static str) -> Result<Vec<u8>, Error> {
        let part = self.part(name)?;
        if part.size > LONGEST_TEXT {
            let reason = format!("it is {} bytes long", part.size);
            return Err(Error::image_file(
                &self.path,
                ArchiveProblem::Text { entry: name, reason },
            ));
        }
        part.bytes()
    }
}

/// A piece of a file: all of it, or what one entry of a tar file holds.
#[derive(Clone, Debug)]
pub(in crate::image) struct Part {
    /// The file.
    pub(in crate::image) path: Utf8PathBuf,
    /// Where it begins, in bytes.
    pub(in crate::image) at: u64,
    /// Bytes.
    pub(in crate::image) size: u64,
}

impl Part {
    /// To read it from its beginning.
    pub(in crate::image) fn open(&self) -> Result<io::Take<File>, Error> {
        let open = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.at))?;
            Ok(file.take(self.size))
        };
        open().map_err(|source| self.failed(source))
    }

    /// All of it. Its size has to be looked at before.
    pub(in crate::image) fn bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes).map_err(|source| self.failed(source))?;
        Ok(bytes)
    }

    /// That it cannot be read.
    pub(in crate::image) fn failed(&self, source: io::Error) -> Error {
        Error::Io { action: "read", path: self.path.clone(), source }
    }
}

enum Stop {
    Io(io::Error),
    Problem(ArchiveProblem),
}

impl From<ArchiveProblem> for Stop {
    fn from(problem: ArchiveProblem) -> Self {
        Self::Problem(problem)
    }
}

/// Reads one header after the other, over the contents.
fn scan(file: &mut File, size: u64) -> Result<BTreeMap<String, Entry>, Stop> {
    let mut entries = BTreeMap::new();
    let mut extension = Extension::default();
    let (mut at, mut count) = (0_u64, 0_usize);
    loop {
        let damaged = || Stop::Problem(ArchiveProblem::Header { at });
        if size.saturating_sub(at) < BLOCK {
            // Two empty blocks are the end; many programs read on without them, and then do not know what is lost.
            return Err(damaged());
        }
        let mut header = Header::new_old();
        file.seek(SeekFrom::Start(at)).map_err(Stop::Io)?;
        file.read_exact(header.as_mut_bytes()).map_err(Stop::Io)?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(entries);
        }
        count += 1;
        if count > MOST_ENTRIES {
            return Err(ArchiveProblem::Entries { most: MOST_ENTRIES }.into());
        }
        if header.cksum().ok() != Some(checksum(&header)) {
            return Err(damaged());
        }
        let kind = header.entry_type();
        let is_extension = is_extension(kind);
        let told = header.entry_size().map_err(|_| damaged())?;
        let length = extension.size.filter(|_| !is_extension).unwrap_or(told);
        let content = at + BLOCK;
        let name = extension.name.clone().map_or_else(|| header.path_bytes(), Cow::Owned);
        if size - content < length {
            return Err(ArchiveProblem::Short { entry: shown(&name) }.into());
        }
        if is_extension {
            extend(&mut extension, file, kind, length).map_err(|problem| match problem {
                Extended::Io(error) => Stop::Io(error),
                Extended::Unclear => damaged(),
            })?;
        } else {
            let link = extension.link.take().map(Cow::Owned).or_else(|| header.link_name_bytes());
            add(&mut entries, &name, kind, link.as_deref(), (content, length))?;
            extension = Extension::default();
        }
        at = length
            .checked_next_multiple_of(BLOCK)
            .and_then(|padded| content.checked_add(padded))
            .ok_or_else(damaged)?;
    }
}

/// The sum of a header's bytes, its own sum taken as spaces
/// ([POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html)).
fn checksum(header: &Header) -> u32 {
    let sum = |(place, byte): (usize, &u8)| match place {
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    };
    header.as_bytes().iter().enumerate().map(sum).sum()
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

enum Extended {
    Io(io::Error),
    Unclear,
}

/// Reads what extends the next header. The file stands at its content.
fn extend(
    extension: &mut Extension,
    file: &mut File,
    kind: EntryType,
    length: u64,
) -> Result<(), Extended> {
    if length > LONGEST_EXTENSION {
        return Err(Extended::Unclear);
    }
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(Extended::Io)?;
    if kind.is_gnu_longname() || kind.is_gnu_longlink() {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        let place = if kind.is_gnu_longname() { &mut extension.name } else { &mut extension.link };
        *place = Some(text);
        return Ok(());
    }
    for record in PaxExtensions::new(&bytes) {
        let record = record.map_err(|_| Extended::Unclear)?;
        let value = record.value_bytes();
        match record.key_bytes() {
            // For all that follow: nobody writes such, and readers differ.
            b"path" | b"linkpath" | b"size" if kind.is_pax_global_extensions() => {
                return Err(Extended::Unclear);
            }
            b"path" => extension.name = Some(value.to_vec()),
            b"linkpath" => extension.link = Some(value.to_vec()),
            b"size" => {
                let size = record.value().ok().and_then(|value| value.parse().ok());
                extension.size = Some(size.ok_or(Extended::Unclear)?);
            }
            // Files with holes are laid out in another way.
            key if key.starts_with(b"GNU.sparse") => return Err(Extended::Unclear),
            _ => {}
        }
    }
    Ok(())
}

/// Adds an entry, whose content lies there.
fn add(
    entries: &mut BTreeMap<String, Entry>,
    name: &[u8],
    kind: EntryType,
    link: Option<&[u8]>,
    (at, size): (u64, u64),
) -> Result<(), ArchiveProblem> {
    let refused = |reason| ArchiveProblem::Entry { entry: shown(name), reason };
    let known = plain(name).ok_or_else(|| refused("has a name that leads out of it"))?;
    let entry = match kind {
        EntryType::Regular | EntryType::Continuous => Entry::File { at, size },
        EntryType::Directory => Entry::Folder,
        EntryType::Symlink | EntryType::Link => {
            let link = link.and_then(|link| str::from_utf8(link).ok());
            let folder = match (kind, known.rsplit_once('/')) {
                (EntryType::Symlink, Some((folder, _))) => folder,
                _ => "",
            };
            let to = link.and_then(|link| inside(folder, link));
            Entry::Link { to: to.ok_or_else(|| refused("is a link that leads out of it"))? }
        }
        _ => return Err(refused("is neither a file nor a folder")),
    };
    let is_folder = matches!(entry, Entry::Folder);
    match entries.insert(known, entry) {
        Some(Entry::Folder) if is_folder => Ok(()),
        None => Ok(()),
        // Some readers take the first, and some the last.
        Some(_) => Err(refused("is there twice")),
    }
}

/// A name as it is looked up: no `.` and no `/` at its end; none that leads out.
fn plain(name: &[u8]) -> Option<String> {
    let name = str::from_utf8(name).ok()?;
    match name.trim_end_matches('/') {
        "." => Some(".".to_owned()),
        name => Some(instep_fs::RelativePath::new(name).ok()?.as_str().to_owned()),
    }
}

/// Where a link in a folder leads to; none where that is outside.
fn inside(folder: &str, link: &str) -> Option<String> {
    if link.starts_with('/') || link.contains('\\') || link.contains(char::is_control) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A name for a message.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.chars().take(200).flat_map(char::escape_default).collect()
}
