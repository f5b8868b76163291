//! Where everything stands in the file, and that both places which tell of an entry tell the same.

use std::cmp::Ordering;
use std::fs::File;

use camino::Utf8Path;
use rawzip::extra_fields::ExtraFields;
use rawzip::{
    ErrorKind, FileReader, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt, ZipArchive,
    ZipFileHeaderRecord, ZipLocalFileHeader, ZipLocator,
};

use super::{Entry, Rest, end, name};
use crate::error::Error;
use crate::rule::Rule;

pub(super) const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// The largest wheels have some fifty thousand.
const MOST_ENTRIES: u64 = 200_000;
/// What may be told of all entries together in one of both places, in bytes: those have some seven million.
const MOST_TOLD: u64 = 64 << 20;
/// Contents that are larger than this may not be more than [`RATIO`] times as large as the file: the rule of `PyPI`
/// (`_is_valid_dist_file` of pypi/warehouse).
const LARGE: u64 = 64 << 20;
const RATIO: u64 = 50;

/// Flags by which readers go: encrypted, with a data descriptor, strongly encrypted, UTF-8, masked.
const FLAGS: u16 = 1 | 1 << 3 | 1 << 6 | 1 << 11 | 1 << 13;
/// Contents that are a patch.
const PATCH: u16 = 1 << 5;
/// The field of the sizes of ZIP64.
const ZIP64: u16 = 1;
/// The field that gives another name than the header does.
const UNICODE_PATH: u16 = 0x7075;
/// The identifier and the length of an extra field.
const FIELD_HEADER: usize = 4;
/// What DOS calls a folder.
const DOS_FOLDER: u32 = 0x10;

/// A record of the directory before its name, extra fields and comment.
const RECORD_SIZE: u64 = 46;
/// A directory that was read.
pub(super) struct Layout {
    pub(super) archive: ZipArchive<FileReader>,
    /// By their place in the file.
    pub(super) entries: Vec<Entry>,
}

/// The entry that breaks a rule, the rule, and what the system said, if it was asked.
pub(super) type Broken = (Option<String>, Rule, Option<rawzip::Error>);

/// # Errors
///
/// [`Error::Refused`], [`Error::Io`].
pub(super) fn read(file: File, size: u64, path: &Utf8Path) -> Result<Layout, Error> {
    within(file, size).map_err(|(entry, rule, error)| match error.map(rawzip::Error::into_kind) {
        Some(ErrorKind::IO(source)) if super::is_of_the_system(&source) => {
            Error::io("read", path)(source)
        }
        _ => Error::Refused { path: path.to_owned(), entry, rule },
    })
}

fn within(file: File, size: u64) -> Result<Layout, Broken> {
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let archive = ZipLocator::new()
        .locate_in_reader(FileReader::from(file), &mut buffer, size)
        .map_err(|(_, error)| (None, Rule::Zip, Some(error)))?;
    let (entries, directory_end) = directory(&archive, &mut buffer)?;
    let contents = entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size));
    if contents.is_none_or(|sum| sum > LARGE && sum / RATIO > size) {
        return Err((None, Rule::Size, None));
    }
    end::check(&archive, directory_end, size)?;
    let mut told = 0;
    let mut at: Vec<(u64, u64, Entry)> = Vec::with_capacity(entries.len());
    for mut entry in entries {
        let (start, end) = place(&archive, &mut entry, &mut buffer)
            .map_err(|(rule, error)| (Some(entry.name.clone()), rule, error))?;
        told += entry.rest.local_extra.len() as u64;
        if told > MOST_TOLD {
            return Err((None, Rule::Entries, None));
        }
        at.push((start, end, entry));
    }
    at.sort_by_key(|(start, ..)| *start);
    let directory = archive.directory_offset();
    let places = at.iter().map(|(start, end, entry)| (*start, *end, Some(entry.name.as_str())));
    check_places(places.chain([(directory, directory, None)]))
        .map_err(|(name, rule)| (name.map(str::to_owned), rule, None))?;
    let entries = at.into_iter().map(|(.., entry)| entry).collect();
    Ok(Layout { archive, entries })
}

/// The entries in the order of the directory, and where it ends.
fn directory(
    archive: &ZipArchive<FileReader>,
    buffer: &mut [u8],
) -> Result<(Vec<Entry>, u64), Broken> {
    let count = archive.entries_hint();
    if count > MOST_ENTRIES {
        return Err((None, Rule::Entries, None));
    }
    let start = archive.directory_offset();
    let mut entries: Vec<Entry> = Vec::new();
    let mut end = start;
    let mut records = archive.entries(buffer);
    while let Some(record) = records.next_entry().map_err(|error| (None, Rule::Zip, Some(error)))? {
        if entries.len() as u64 >= count {
            return Err((None, Rule::Count, None));
        }
        let entry =
            entry(&record, entries.len()).map_err(|(name, rule)| (Some(name), rule, None))?;
        end = record.central_directory_offset()
            + RECORD_SIZE
            + record.file_path().len() as u64
            + entry.rest.extra.len() as u64
            + entry.rest.comment.len() as u64;
        if end - start > MOST_TOLD {
            return Err((None, Rule::Entries, None));
        }
        entries.push(entry);
    }
    if entries.len() as u64 == count { Ok((entries, end)) } else { Err((None, Rule::Count, None)) }
}

/// Whether each begins where the one before it ends.
fn check_places<'name>(
    places: impl Iterator<Item = (u64, u64, Option<&'name str>)>,
) -> Result<(), (Option<&'name str>, Rule)> {
    let mut expected = 0;
    for (start, end, name) in places {
        match start.cmp(&expected) {
            Ordering::Less => return Err((name, Rule::Overlap)),
            Ordering::Greater => return Err((name, Rule::Gap)),
            Ordering::Equal => expected = end,
        }
    }
    Ok(())
}

/// What the directory tells of an entry.
fn entry(record: &ZipFileHeaderRecord<'_>, place: usize) -> Result<Entry, (String, Rule)> {
    let path = record.file_path();
    let shown = || String::from_utf8_lossy(path.as_bytes()).into_owned();
    let flags = record.flags();
    let name = name::read(path.as_bytes(), flags.is_utf8()).map_err(|rule| (shown(), rule))?;
    let method = record.compression_method().as_u16();
    let attributes = record.external_attributes();
    let mode = attributes >> 16;
    let is_folder = name.ends_with('/');
    let kind = mode & 0o170_000;
    let extra = record.extra_fields();
    let comment = record.comment().as_bytes();
    let is_of_another_kind = if is_folder {
        ![0, 0o040_000].contains(&kind) || record.uncompressed_size_hint() != 0
    } else {
        ![0, 0o100_000].contains(&kind) || attributes & DOS_FOLDER != 0
    };
    let rule = if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
        Some(Rule::Encrypted)
    } else if ![STORED, DEFLATED].contains(&method) || flags.bits() & PATCH != 0 {
        Some(Rule::Method)
    } else if is_of_another_kind {
        Some(Rule::Kind)
    } else if end::is_in(extra.remaining_bytes()) || end::is_in(comment) {
        Some(Rule::Zip)
    } else {
        check_extra(extra).err()
    };
    if let Some(rule) = rule {
        return Err((name, rule));
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
            comment: comment.to_vec(),
        },
        place,
        wayfinder: record.wayfinder(),
        name,
    })
}

/// Whether all readers make the same of extra fields: none gives another name, sizes are there once, and none is
/// longer than there are bytes. What is too short for a field is nothing to all of them.
fn check_extra(mut fields: ExtraFields<'_>) -> Result<(), Rule> {
    let mut has_sizes = false;
    for (id, _) in fields.by_ref() {
        match id.as_u16() {
            UNICODE_PATH => return Err(Rule::NameEncoding),
            ZIP64 if has_sizes => return Err(Rule::Zip),
            ZIP64 => has_sizes = true,
            _ => {}
        }
    }
    if fields.remaining_bytes().len() < FIELD_HEADER { Ok(()) } else { Err(Rule::Zip) }
}

/// Where an entry begins and ends in the file, its header and what follows its content included.
fn place(
    archive: &ZipArchive<FileReader>,
    entry: &mut Entry,
    buffer: &mut [u8],
) -> Result<(u64, u64), (Rule, Option<rawzip::Error>)> {
    let broken = |error| (Rule::LocalHeader, Some(error));
    let found = archive.get_entry(entry.wayfinder).map_err(broken)?;
    let header = found.local_header(buffer).map_err(broken)?;
    check_header(entry, &header).map_err(|rule| (rule, None))?;
    let (content, mut end) = found.compressed_data_range();
    let extra = header.extra_fields().remaining_bytes();
    let before = 30 + header.file_path().len() as u64 + extra.len() as u64;
    entry.rest.local_extra = extra.to_vec();
    let start = content.checked_sub(before).ok_or((Rule::LocalHeader, None))?;
    if header.flags().has_data_descriptor() {
        let size = descriptor(archive.get_ref(), end, entry).ok_or((Rule::DataDescriptor, None))?;
        end = end.checked_add(size).ok_or((Rule::DataDescriptor, None))?;
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
    check_extra(extra)?;
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
