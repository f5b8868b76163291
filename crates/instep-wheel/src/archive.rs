//! A wheel as a zip file that somebody else made: read in bounded memory, each byte accounted for.
//!
//! [`Wheel::open`] reads the directory and the header of each entry, and refuses what zip readers are known to
//! understand differently. [`Wheel::contents`] reads everything once, and holds it against its checksums and against
//! `RECORD`. What gets through both means the same to every tool, and can be unpacked below a folder.

mod contents;
mod end;
mod headers;
mod layout;
mod name;
mod record;
mod whole;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};

use camino::{Utf8Path, Utf8PathBuf};
use rawzip::{FileReader, ZipArchive, ZipArchiveEntryWayfinder};

pub use contents::{Content, Contents};

use crate::error::Error;
use crate::file_name::FileName;
use crate::rule::Rule;

/// What is read at once.
const BUFFER: usize = 64 * 1024;

/// The most that is read into memory of one text, in bytes: far more than any `RECORD` or `METADATA` has.
pub(crate) const LARGEST_TEXT: u64 = 64 << 20;

/// A wheel of which the directory was read, and keeps to the rules.
#[derive(Debug)]
pub struct Wheel {
    path: Utf8PathBuf,
    file_name: FileName,
    /// The size of the file in bytes.
    size: u64,
    archive: ZipArchive<FileReader>,
    /// In the order in which they stand in the file.
    entries: Vec<Entry>,
    by_name: BTreeMap<String, usize>,
    dist_info: String,
}

/// A file or folder in a wheel, as the directory tells it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `/` between its parts; a folder's ends with one.
    pub name: String,
    /// The size of its content in bytes.
    pub size: u64,
    /// What it takes in the file, in bytes.
    pub compressed_size: u64,
    /// 0 stored, 8 deflated.
    pub method: u16,
    /// CRC-32 of the content.
    pub crc32: u32,
    /// The type and permission bits of Unix; 0 where there are none.
    pub mode: u32,
    /// The system that made it: 0 DOS or Windows, 3 Unix, 19 macOS.
    pub system: u8,
    /// The upper byte of what `system` came with: the version of the format that was used.
    pub made_by: u8,
    /// When it was modified: `YYYY-MM-DDTHH:MM:SS`, in an unknown zone. As it stands in the file, so it need not be a
    /// time that there is.
    pub modified: String,
    /// Flags, attributes, extra fields and comments: what is left of the directory's record.
    pub rest: Rest,
    /// Where it stands in the directory, from 0.
    pub place: usize,
    wayfinder: ZipArchiveEntryWayfinder,
}

/// What the directory tells of an entry that no installer looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The general purpose flags.
    pub flags: u16,
    /// The lower half of the external attributes: those of DOS.
    pub attributes: u16,
    /// Extra fields of the directory.
    pub extra: Vec<u8>,
    /// Extra fields of the local header.
    pub local_extra: Vec<u8>,
    /// The comment.
    pub comment: Vec<u8>,
}

impl Entry {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Whether it may be executed, as pip sees it: any of the three bits.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

impl Wheel {
    /// Opens a wheel and reads its directory.
    ///
    /// # Errors
    ///
    /// [`Error::FileName`], [`Error::Io`]; [`Error::Refused`] with the entry and the rule that it breaks.
    pub fn open(path: &Utf8Path) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default();
        let file_name: FileName =
            name.parse().map_err(|problem| Error::FileName { path: path.to_owned(), problem })?;
        let refused = |entry, rule| Error::Refused { path: path.to_owned(), entry, rule };
        // Looked at first: opening a pipe would wait for somebody to write to it.
        if !std::fs::metadata(path).map_err(Error::io("read", path))?.is_file() {
            return Err(refused(None, Rule::Zip));
        }
        let file = File::open(path).map_err(Error::io("read", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        let read = layout::read(file, metadata.len(), path)?;
        let by_name =
            name::distinct(&read.entries).map_err(|(entry, rule)| refused(Some(entry), rule))?;
        let dist_info = name::dist_info(&read.entries, &file_name)
            .ok_or_else(|| refused(None, Rule::DistInfo))?;
        let wheel = Self {
            path: path.to_owned(),
            file_name,
            size: metadata.len(),
            archive: read.archive,
            entries: read.entries,
            by_name,
            dist_info,
        };
        wheel.check_metadata()?;
        Ok(wheel)
    }

    /// Where it lies.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// What its file name says.
    pub fn file_name(&self) -> &FileName {
        &self.file_name
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its entries, in the order in which their contents stand in the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// An entry by its name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).and_then(|index| self.entries.get(*index))
    }

    /// `NAME-VERSION.dist-info`.
    pub fn dist_info(&self) -> &str {
        &self.dist_info
    }

    /// The content of an entry, held against its size and checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where it is larger than `most` bytes, or damaged; [`Error::Io`].
    pub fn read(&self, entry: &Entry, most: u64) -> Result<Vec<u8>, Error> {
        if entry.size > most {
            return Err(self.refused(Some(&entry.name), Rule::Size));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or_default());
        self.copy(entry, &mut |part| bytes.extend_from_slice(part))?;
        Ok(bytes)
    }

    /// Hands the content of an entry on, part by part; whether it is whole is known at the end only.
    fn copy(&self, entry: &Entry, take: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let damaged = |rule| self.refused(Some(&entry.name), rule);
        let mut crc = flate2::Crc::new();
        let mut buffer = vec![0; BUFFER];
        let mut left = entry.size;
        let mut reader = self.reader(entry)?;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if is_of_the_system(&error) => {
                    return Err(Error::io("read", &self.path)(error));
                }
                Err(_) => return Err(damaged(Rule::Content)),
            };
            let part = buffer.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            left = left.checked_sub(count as u64).ok_or_else(|| damaged(Rule::ContentSize))?;
            crc.update(part);
            take(part);
        }
        if left != 0 {
            return Err(damaged(Rule::ContentSize));
        }
        if crc.sum() != entry.crc32 {
            return Err(damaged(Rule::Content));
        }
        // What a decompressor leaves unread would be seen by nobody.
        let is_read = reader.ends_here().map_err(Error::io("read", &self.path))?;
        if is_read { Ok(()) } else { Err(damaged(Rule::Gap)) }
    }

    fn reader(&self, entry: &Entry) -> Result<ContentReader<'_>, Error> {
        let stored = self.raw(entry)?;
        let stored = BufReader::with_capacity(BUFFER, stored);
        Ok(match entry.method {
            layout::STORED => ContentReader::Stored(stored),
            _ => ContentReader::Deflated(Box::new(flate2::bufread::DeflateDecoder::new(stored))),
        })
    }

    /// The content as it is stored.
    fn raw(&self, entry: &Entry) -> Result<RawReader<'_>, Error> {
        let found = self.archive.get_entry(entry.wayfinder);
        Ok(found.map_err(|_| self.refused(Some(&entry.name), Rule::LocalHeader))?.reader())
    }

    fn refused(&self, entry: Option<&str>, rule: Rule) -> Error {
        Error::Refused { path: self.path.clone(), entry: entry.map(str::to_owned), rule }
    }

    /// The value of a header of `METADATA` or `WHEEL`; `None` where there is none, or several, or readers could disagree.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn header(&self, file: &str, name: &str) -> Result<Option<String>, Error> {
        let path = [&self.dist_info, "/", file].concat();
        let Some(entry) = self.entry(&path) else { return Ok(None) };
        let text = self.read(entry, LARGEST_TEXT)?;
        Ok(headers::value(&text, name).map(str::to_owned))
    }

    /// Whether `METADATA` and `WHEEL` are those of the package and of a format that is known.
    fn check_metadata(&self) -> Result<(), Error> {
        let text = |file: &str| -> Result<Vec<u8>, Error> {
            let name = [&self.dist_info, "/", file].concat();
            let entry =
                self.entry(&name).ok_or_else(|| self.refused(Some(&name), Rule::Metadata))?;
            self.read(entry, LARGEST_TEXT)
        };
        let metadata = text("METADATA")?;
        let value = |wanted| headers::value(&metadata, wanted).unwrap_or_default();
        let is_name = value("Name").parse().ok().as_ref() == Some(&self.file_name.name);
        let is_version = value("Version").parse().ok().as_ref() == Some(&self.file_name.version);
        let wheel = text("WHEEL")?;
        let format = headers::value(&wheel, "Wheel-Version").unwrap_or_default();
        let is_known = format.split('.').next() == Some("1");
        let wrong = match (is_name && is_version, is_known) {
            (true, true) => return Ok(()),
            (false, _) => "METADATA",
            (true, false) => "WHEEL",
        };
        Err(self.refused(Some(&[&self.dist_info, "/", wrong].concat()), Rule::Metadata))
    }
}

/// Whether the disk failed, and not the data, which may name a place that no file has.
fn is_of_the_system(error: &std::io::Error) -> bool {
    error.raw_os_error().is_some() && error.kind() != std::io::ErrorKind::InvalidInput
}

type RawReader<'a> = rawzip::ZipReader<&'a FileReader>;

/// The content of an entry, decompressed.
enum ContentReader<'a> {
    Stored(BufReader<RawReader<'a>>),
    Deflated(Box<flate2::bufread::DeflateDecoder<BufReader<RawReader<'a>>>>),
}

impl ContentReader<'_> {
    /// Whether nothing follows in the bytes of the entry.
    fn ends_here(self) -> std::io::Result<bool> {
        let mut stored = match self {
            Self::Stored(stored) => stored,
            Self::Deflated(decoder) => decoder.into_inner(),
        };
        Ok(stored.read(&mut [0])? == 0)
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Stored(stored) => stored.read(buffer),
            Self::Deflated(decoder) => decoder.read(buffer),
        }
    }
}
