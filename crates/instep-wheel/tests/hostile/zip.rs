//! A writer of wheels that can lie in each field.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest as _, Sha256};

pub(crate) const INIT: &str = "demo/__init__.py";
pub(crate) const METADATA: &str = "demo-1.0.dist-info/METADATA";
pub(crate) const WHEEL: &str = "demo-1.0.dist-info/WHEEL";
pub(crate) const RECORD: &str = "demo-1.0.dist-info/RECORD";

pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATED: u16 = 8;
/// Flags.
pub(crate) const ENCRYPTED: u16 = 1;
pub(crate) const DESCRIPTOR: u16 = 1 << 3;
pub(crate) const UTF8: u16 = 1 << 11;

/// What the directory, or the header before a content, tells of it.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) compressed: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

/// A file or folder, and what is told of it in both places.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) directory: Told,
    pub(crate) local: Told,
    /// What the file holds, for `RECORD`.
    pub(crate) content: Vec<u8>,
    /// What stands in the file.
    pub(crate) raw: Vec<u8>,
    /// What stands before its header, and behind its content.
    pub(crate) before: Vec<u8>,
    pub(crate) behind: Vec<u8>,
    /// Where the directory says that its header is, if not where it is.
    pub(crate) offset: Option<u32>,
    pub(crate) attributes: u32,
    pub(crate) system: u8,
    pub(crate) comment: Vec<u8>,
    pub(crate) is_recorded: bool,
}

impl Entry {
    /// A deflated file, with nothing wrong about it.
    pub(crate) fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref().to_vec();
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content).unwrap();
        let mut entry = Self::stored(name, content);
        entry.both(|told| told.method = DEFLATED);
        entry.raw(encoder.finish().unwrap());
        entry
    }

    /// The same, not compressed.
    pub(crate) fn stored(name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref().to_vec();
        let size = u32::try_from(content.len()).unwrap();
        let flags = if name.is_ascii() { 0 } else { UTF8 };
        let told = Told {
            name: name.into(),
            flags,
            method: STORED,
            crc: crc(&content),
            compressed: size,
            size,
            extra: Vec::new(),
        };
        Self {
            local: told.clone(),
            directory: told,
            raw: content.clone(),
            content,
            before: Vec::new(),
            behind: Vec::new(),
            offset: None,
            attributes: 0o100_644 << 16,
            system: 3,
            comment: Vec::new(),
            is_recorded: !name.ends_with('/'),
        }
    }

    /// A folder.
    pub(crate) fn folder(name: &str) -> Self {
        let mut entry = Self::stored(name, "");
        entry.attributes = (0o040_755 << 16) | 0x10;
        entry
    }

    /// Changes what both places tell.
    pub(crate) fn both(&mut self, change: impl Fn(&mut Told)) {
        change(&mut self.directory);
        change(&mut self.local);
    }

    /// Replaces what stands in the file, and says how large it is.
    pub(crate) fn raw(&mut self, raw: Vec<u8>) {
        let size = u32::try_from(raw.len()).unwrap();
        self.raw = raw;
        self.both(|told| told.compressed = size);
    }

    /// Tells sizes and checksum behind the content instead of before it.
    pub(crate) fn stream(&mut self, descriptor: Vec<u8>) {
        self.both(|told| told.flags |= DESCRIPTOR);
        (self.local.crc, self.local.compressed, self.local.size) = (0, 0, 0);
        self.behind = descriptor;
    }

    /// What stands behind a content that is streamed, as the directory tells it.
    pub(crate) fn descriptor(&self, has_signature: bool, is_long: bool) -> Vec<u8> {
        let Told { crc, compressed, size, .. } = self.directory;
        let mut bytes = if has_signature { b"PK\x07\x08".to_vec() } else { Vec::new() };
        bytes.extend(crc.to_le_bytes());
        for size in [compressed, size] {
            bytes.extend(size.to_le_bytes());
            bytes.extend(if is_long { &[0; 4][..] } else { &[] });
        }
        bytes
    }

    /// Says the sizes in a field of ZIP64.
    pub(crate) fn zip64(&mut self) {
        self.both(|told| {
            let sizes = [told.size, told.compressed].map(|size| u64::from(size).to_le_bytes());
            told.extra.extend(field(0x0001, &sizes.concat()));
            (told.size, told.compressed) = (u32::MAX, u32::MAX);
        });
    }
}

/// The record at the end, where it is not the right one.
#[derive(Clone, Default)]
pub(crate) struct End {
    pub(crate) disk: u16,
    pub(crate) disk_of_directory: u16,
    pub(crate) count_of_disk: Option<u16>,
    pub(crate) count: Option<u16>,
    pub(crate) size: Option<u32>,
    pub(crate) offset: Option<u32>,
    pub(crate) comment: Vec<u8>,
    /// Says it in a record of ZIP64, of which the bytes may be changed; the locator stands behind it.
    pub(crate) zip64: Option<fn(&mut [u8])>,
}

/// A wheel of `demo` 1.0, and what is wrong with it.
#[derive(Clone)]
pub(crate) struct Wheel {
    pub(crate) entries: Vec<Entry>,
    /// `RECORD`, if not the right one.
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) has_record: bool,
    /// Places in `entries` of those that have no record in the directory.
    pub(crate) hidden: Vec<usize>,
    /// What stands in front, as all that tells a place sees it.
    pub(crate) base: usize,
    pub(crate) before_directory: Vec<u8>,
    pub(crate) before_end: Vec<u8>,
    pub(crate) end: End,
    pub(crate) behind: Vec<u8>,
}

impl Wheel {
    /// With nothing wrong.
    pub(crate) fn good() -> Self {
        let metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
        let wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        Self {
            entries: vec![
                Entry::new(INIT, "__version__ = '1.0'\n"),
                Entry::new(METADATA, metadata),
                Entry::new(WHEEL, wheel),
            ],
            record: None,
            has_record: true,
            hidden: Vec::new(),
            base: 0,
            before_directory: Vec::new(),
            before_end: Vec::new(),
            end: End::default(),
            behind: Vec::new(),
        }
    }

    /// Adds a file, and gives it to be changed.
    pub(crate) fn add(&mut self, name: &str) -> &mut Entry {
        self.push(Entry::new(name, "text\n"))
    }

    pub(crate) fn push(&mut self, entry: Entry) -> &mut Entry {
        self.entries.push(entry);
        self.entries.last_mut().unwrap()
    }

    /// `demo/__init__.py`.
    pub(crate) fn init(&mut self) -> &mut Entry {
        &mut self.entries[0]
    }

    /// Gives a file another content.
    pub(crate) fn replace(&mut self, name: &str, content: impl AsRef<[u8]>) {
        let place = self.entries.iter().position(|one| one.directory.name == name.as_bytes());
        self.entries[place.unwrap()] = Entry::new(name, content);
    }

    /// Changes the lines of `RECORD`.
    pub(crate) fn record(&mut self, change: impl FnOnce(String) -> String) {
        let right = String::from_utf8(self.right_record()).unwrap();
        self.record = Some(change(right).into());
    }

    /// Leaves the sizes out of `RECORD`, so that only the headers tell them.
    pub(crate) fn without_sizes(&mut self) {
        self.record(|text| {
            let lines = text.lines().map(|line| line.rsplit_once(',').unwrap().0);
            lines.map(|line| [line, ",\n"].concat()).collect()
        });
    }

    fn right_record(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.is_recorded) {
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&entry.content));
            // Quoted, so that any name can be in it.
            let name = String::from_utf8_lossy(&entry.directory.name).replace('"', "\"\"");
            let size = entry.content.len();
            lines.extend(format!("\"{name}\",sha256={digest},{size}\n").into_bytes());
        }
        lines.extend(format!("{RECORD},,\n").into_bytes());
        lines
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut entries = self.entries.clone();
        if self.has_record {
            let record = self.record.clone().unwrap_or_else(|| self.right_record());
            entries.push(Entry::new(RECORD, record));
        }
        let mut bytes = Vec::new();
        let mut directory = Vec::new();
        let mut count = 0;
        for (place, entry) in entries.iter().enumerate() {
            bytes.extend(&entry.before);
            let offset =
                entry.offset.unwrap_or_else(|| u32::try_from(self.base + bytes.len()).unwrap());
            bytes.extend(header(b"PK\x03\x04\x14\x00", &entry.local));
            bytes.extend(&entry.local.name);
            bytes.extend(&entry.local.extra);
            bytes.extend(&entry.raw);
            bytes.extend(&entry.behind);
            if !self.hidden.contains(&place) {
                directory.extend(record(entry, offset));
                count += 1;
            }
        }
        bytes.extend(&self.before_directory);
        let offset = self.base + bytes.len();
        bytes.extend(&directory);
        bytes.extend(&self.before_end);
        self.end(&mut bytes, count, directory.len(), offset);
        bytes.extend(&self.behind);
        bytes
    }

    fn end(&self, bytes: &mut Vec<u8>, count: u64, size: usize, offset: usize) {
        let end = &self.end;
        let (size, offset) = (size as u64, offset as u64);
        if let Some(change) = end.zip64 {
            let mut record = b"PK\x06\x06".to_vec();
            record.extend(44_u64.to_le_bytes());
            record.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for number in [count, count, size, offset] {
                record.extend(number.to_le_bytes());
            }
            record.extend(b"PK\x06\x07\0\0\0\0");
            record.extend((bytes.len() as u64).to_le_bytes());
            record.extend(1_u32.to_le_bytes());
            change(&mut record);
            bytes.extend(record);
        }
        let is_long = end.zip64.is_some();
        let short = |number: u64| if is_long { u16::MAX } else { u16::try_from(number).unwrap() };
        let long = |number: u64| if is_long { u32::MAX } else { u32::try_from(number).unwrap() };
        bytes.extend(b"PK\x05\x06");
        bytes.extend(end.disk.to_le_bytes());
        bytes.extend(end.disk_of_directory.to_le_bytes());
        bytes.extend(end.count_of_disk.unwrap_or_else(|| short(count)).to_le_bytes());
        bytes.extend(end.count.unwrap_or_else(|| short(count)).to_le_bytes());
        bytes.extend(end.size.unwrap_or_else(|| long(size)).to_le_bytes());
        bytes.extend(end.offset.unwrap_or_else(|| long(offset)).to_le_bytes());
        bytes.extend(length(&end.comment));
        bytes.extend(&end.comment);
    }
}

/// What both places have in common, from the signature to the length of the extra fields.
fn header(start: &[u8], told: &Told) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.extend(told.flags.to_le_bytes());
    bytes.extend(told.method.to_le_bytes());
    // Midnight of the first day that there is.
    bytes.extend([0, 0, 0x21, 0]);
    for number in [told.crc, told.compressed, told.size] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(length(&told.name));
    bytes.extend(length(&told.extra));
    bytes
}

/// A record of the directory.
fn record(entry: &Entry, offset: u32) -> Vec<u8> {
    let start = [b"PK\x01\x02\x14", &[entry.system, 0x14, 0][..]].concat();
    let mut bytes = header(&start, &entry.directory);
    bytes.extend(length(&entry.comment));
    bytes.extend([0; 4]);
    bytes.extend(entry.attributes.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend(&entry.directory.name);
    bytes.extend(&entry.directory.extra);
    bytes.extend(&entry.comment);
    bytes
}

/// An extra field.
pub(crate) fn field(id: u16, content: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &length(content), content].concat()
}

pub(crate) fn crc(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_le_bytes()
}
