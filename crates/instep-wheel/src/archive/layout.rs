//! Where everything stands in the file, and that both places which tell of an entry tell the same.

use std::cmp::Ordering;
use std::fs::File;

use camino::Utf8Path;
use rawzip::{
    ErrorKind, FileReader, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive,
    ZipFileHeaderRecord, ZipLocalFileHeader, ZipLocator,
};

use super::{Entry, Rest, name};
use crate::error::Error;
use crate::rule::Rule;

pub(super) const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The largest wheels have some fifty thousand.
const MOST_ENTRIES: u64 = 200_000;
/// Contents that are larger than this may not be more than [`RATIO`] times as large as the file: the rule of `PyPI`
/// (`_is_valid_dist_file` of pypi/warehouse).
const LARGE: u64 = 64 << 20;
const RATIO: u64 = 50;

/// Flags by which readers go: encrypted, with a data descriptor, strongly encrypted, UTF-8, masked.
const FLAGS: u16 = 1 | 1 << 3 | 1 << 6 | 1 << 11 | 1 << 13;
/// The field that gives another name than the header does.
const UNICODE_PATH: u16 = 0x7075;

/// A record of the directory before its name, extra fields and comment.
const RECORD_SIZE: u64 = 46;
/// An end record of ZIP64, and the locator behind it.
const ZIP64_END: u64 = 56;
const ZIP64_END_AND_LOCATOR: u64 = ZIP64_END + 20;

/// A directory that was read.
pub(super) struct Layout {
    pub(super) archive: ZipArchive<FileReader>,
    /// By their place in the file.
    pub(super) entries: Vec<Entry>,
}

type Broken = (Option<String>, Rule);

/// # Errors
///
/// [`Error::Refused`], [`Error::Io`].
pub(super) fn read(file: File, size: u64, path: &Utf8Path) -> Result<Layout, Error> {
    let refused = |(entry, rule)| Error::Refused { path: path.to_owned(), entry, rule };
    let failed = |error: rawzip::Error, broken: Broken| match error.into_kind() {
        ErrorKind::IO(source) if super::is_of_the_system(&source) => Error::io("read", path)(source),
        _ => refused(broken),
    };
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let archive = ZipLocator::new()
        .locate_in_reader(FileReader::from(file), &mut buffer, size)
        .map_err(|(_, error)| failed(error, (None, Rule::Zip)))?;
    if archive.entries_hint() > MOST_ENTRIES {
        return Err(refused((None, Rule::Entries)));
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut directory_end = archive.directory_offset();
    {
        let mut records = archive.entries(&mut buffer);
        while let Some(record) =
            records.next_entry().map_err(|error| failed(error, (None, Rule::Zip)))?
        {
            if entries.len() as u64 >= archive.entries_hint() {
                return Err(refused((None, Rule::Count)));
            }
            let entry = entry(&record, entries.len()).map_err(refused)?;
            directory_end = record.central_directory_offset()
                + RECORD_SIZE
                + record.file_path().len() as u64
                + entry.rest.extra.len() as u64
                + entry.rest.comment.len() as u64;
            entries.push(entry);
        }
    }
    if entries.len() as u64 != archive.entries_hint() {
        return Err(refused((None, Rule::Count)));
    }
    let contents = entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size));
    if contents.is_none_or(|sum| sum > LARGE && sum / RATIO > size) {
        return Err(refused((None, Rule::Size)));
    }
    check_end(&archive, directory_end, size).map_err(|rule| refused((None, rule)))?;
    let mut at: Vec<(u64, u64, Entry)> = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let name = entry.name.clone();
        let (start, end) = place(&archive, &mut entry, &mut buffer)
            .map_err(|(error, rule)| match error {
                Some(error) => failed(error, (Some(name.clone()), rule)),
                None => refused((Some(name.clone()), rule)),
            })?;
        at.push((start, end, entry));
    }
    at.sort_by_key(|(start, ..)| *start);
    let mut expected = 0;
    let directory = archive.directory_offset();
    let starts = at.iter().map(|(start, end, entry)| (*start, *end, Some(entry.name.as_str())));
    for (start, end, name) in starts.chain([(directory, directory, None)]) {
        let rule = match start.cmp(&expected) {
            Ordering::Less => Rule::Overlap,
            Ordering::Greater => Rule::Gap,
            Ordering::Equal => {
                expected = end;
                continue;
            }
        };
        return Err(refused((name.map(str::to_owned), rule)));
    }
    let entries = at.into_iter().map(|(.., entry)| entry).collect();
    Ok(Layout { archive, entries })
}

/// What the directory tells of an entry.
fn entry(record: &ZipFileHeaderRecord<'_>, place: usize) -> Result<Entry, Broken> {
    let path = record.file_path();
    let shown = || Some(String::from_utf8_lossy(path.as_bytes()).into_owned());
    let flags = record.flags();
    let name = name::read(path.as_bytes(), flags.is_utf8()).map_err(|rule| (shown(), rule))?;
    let method = record.compression_method().as_u16();
    let attributes = record.external_attributes();
    let mode = attributes >> 16;
    let is_folder = name.ends_with('/');
    let kind = mode & 0o170_000;
    let extra = record.extra_fields();
    let rule = if flags.is_encrypted() || flags.has_strong_encryption() {
        Some(Rule::Encrypted)
    } else if ![STORED, DEFLATED].contains(&method) {
        Some(Rule::Method)
    } else if kind != 0 && kind != if is_folder { 0o040_000 } else { 0o100_000 } {
        Some(Rule::Kind)
    } else if is_folder && record.uncompressed_size_hint() != 0 {
        Some(Rule::Kind)
    } else if names_again(extra) {
        Some(Rule::NameEncoding)
    } else {
        None
    };
    if let Some(rule) = rule {
        return Err((Some(name), rule));
    }
    let modified = record.last_modified_dos();
    let version = record.version_made_by();
    Ok(Entry {
        size: record.uncompressed_size_hint(),
        compressed_size: record.compressed_size_hint(),
        method,
        crc32: record.crc32(),
        mode,
        system: version.creator_system().as_u8(),
        made_by: version.zip_version(),
        modified: format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            modified.year(),
            modified.month(),
            modified.day(),
            modified.hour(),
            modified.minute(),
            modified.second()
        ),
        rest: Rest {
            flags: flags.bits(),
            attributes: u16::try_from(attributes & 0xffff).unwrap_or_default(),
            extra: extra.remaining_bytes().to_vec(),
            local_extra: Vec::new(),
            comment: record.comment().as_bytes().to_vec(),
        },
        place,
        wayfinder: record.wayfinder(),
        name,
    })
}

fn names_again(extra: rawzip::extra_fields::ExtraFields<'_>) -> bool {
    extra.into_iter().any(|(id, _)| id.as_u16() == UNICODE_PATH)
}

/// Where an entry begins and ends in the file, its header and what follows its content included.
fn place(
    archive: &ZipArchive<FileReader>,
    entry: &mut Entry,
    buffer: &mut [u8],
) -> Result<(u64, u64), (Option<rawzip::Error>, Rule)> {
    let broken = |error| (Some(error), Rule::LocalHeader);
    let found = archive.get_entry(entry.wayfinder).map_err(broken)?;
    let header = found.local_header(buffer).map_err(broken)?;
    check_header(entry, &header).map_err(|rule| (None, rule))?;
    let (content, mut end) = found.compressed_data_range();
    let extra = header.extra_fields().remaining_bytes();
    let before = 30 + header.file_path().len() as u64 + extra.len() as u64;
    entry.rest.local_extra = extra.to_vec();
    let start = content.checked_sub(before).ok_or((None, Rule::LocalHeader))?;
    if header.flags().has_data_descriptor() {
        let size = descriptor(archive.get_ref(), end, entry).ok_or((None, Rule::DataDescriptor))?;
        end = end.checked_add(size).ok_or((None, Rule::DataDescriptor))?;
    }
    Ok((start, end))
}

fn check_header(entry: &Entry, header: &ZipLocalFileHeader<'_>) -> Result<(), Rule> {
    let flags = header.flags();
    let extra = header.extra_fields();
    if header.file_path().as_bytes() != entry.name.as_bytes()
        || header.compression_method().as_u16() != entry.method
        || (flags.bits() ^ entry.rest.flags) & FLAGS != 0
    {
        return Err(Rule::LocalHeader);
    }
    if names_again(extra) {
        return Err(Rule::NameEncoding);
    }
    let said = (header.crc32(), header.compressed_size_hint(), header.uncompressed_size_hint());
    let is_same = said == (entry.crc32, entry.compressed_size, entry.size);
    // What is written before it is known is said behind the content.
    let is_later = flags.has_data_descriptor()
        && said.0 == 0
        && [said.1, said.2].iter().all(|size| [0, u64::from(u32::MAX)].contains(size));
    if is_same || is_later { Ok(()) } else { Err(Rule::LocalHeader) }
}

/// The size of the data descriptor at `at`: with or without its signature, with sizes of 4 or 8 bytes.
fn descriptor(file: &FileReader, at: u64, entry: &Entry) -> Option<u64> {
    const SIGNATURE: [u8; 4] = *b"PK\x07\x08";
    let crc = entry.crc32.to_le_bytes();
    let long = [entry.compressed_size, entry.size].map(u64::to_le_bytes).concat();
    let short = [entry.compressed_size, entry.size]
        .map(|size| u32::try_from(size).ok().map(u32::to_le_bytes));
    let short = match short {
        [Some(compressed), Some(size)] => Some([compressed, size].concat()),
        _ => None,
    };
    let is_there = |expected: &[u8]| {
        let mut found = vec![0; expected.len()];
        file.read_exact_at(&mut found, at).is_ok() && found == expected
    };
    let sizes = [Some(long), short];
    for signature in [&SIGNATURE[..], &[]] {
        for sizes in sizes.iter().flatten() {
            let expected = [signature, &crc, sizes].concat();
            if is_there(&expected) {
                return Some(expected.len() as u64);
            }
        }
    }
    None
}

/// Whether the end record stands right behind the directory, and is the end of the file.
fn check_end(
    archive: &ZipArchive<FileReader>,
    directory_end: u64,
    size: u64,
) -> Result<(), Rule> {
    if archive.end_offset() != size {
        return Err(Rule::Gap);
    }
    match archive.eocd_offset().checked_sub(directory_end) {
        Some(0) => Ok(()),
        Some(ZIP64_END_AND_LOCATOR) => {
            let mut found = [0; 12];
            let read = archive.get_ref().read_exact_at(&mut found, directory_end);
            let size = (ZIP64_END - 12).to_le_bytes();
            let expected = [&b"PK\x06\x06"[..], &size].concat();
            if read.is_ok() && found[..] == expected[..] { Ok(()) } else { Err(Rule::Gap) }
        }
        Some(_) => Err(Rule::Gap),
        None => Err(Rule::Overlap),
    }
}
