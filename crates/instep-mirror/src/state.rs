//! The record: what both sides agreed on last, and what the files looked like then.
//!
//! One file, replaced whole: a line of JSON, then a record of fixed size for each entry, then their
//! names. It is used as it lies in memory, so that loading is reading:
//!
//! | bytes | of a record |
//! | --- | --- |
//! | 0..4, 4..6 | where its name begins among the names, and its length |
//! | 6, 7 | 0 file, 1 link, 2 folder; whether it is executable |
//! | 8..12, 12..16 | a folder: its first child and their number; a link: its target, like a name |
//! | 16..24 | size |
//! | 24..56 | BLAKE3 hash |
//! | 56..120 | a stamp for each side: modified, changed, file, size |
//!
//! Children of a folder follow each other, by name. Record 0 is the root.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Stamp;
use serde::{Deserialize, Serialize};

use crate::content;
use crate::error::Error;
use crate::names::Names;
use crate::node::{Content, Node, Side, Sides};
use crate::reconcile::{ancestors, parent};

const SCHEMA_VERSION: u32 = 1;
const RECORD: usize = 120;
const ROOT: u32 = 0;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) schema_version: u32,
    /// The mark of the network's root, by which it is known again.
    pub(crate) root: String,
    /// The digest of the patterns that were ignored.
    pub(crate) ignored: String,
    entries: u32,
    digest: String,
}

/// What is recorded of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File {
        hash: blake3::Hash,
        executable: bool,
        size: u64,
        /// `None` where it cannot be trusted to tell a later change.
        stamps: Sides<Option<Stamp>>,
    },
    Link {
        target: String,
    },
    Dir,
}

impl Entry {
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::File { hash, executable, .. } => {
                Node::File { content: Content::Hash(*hash), executable: *executable, modified: 0 }
            }
            Self::Link { target } => Node::Link { target: target.clone(), modified: 0 },
            Self::Dir => Node::Dir,
        }
    }
}

/// All of it, by path.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// Records the folders that entries are in: a run that is cut off may know a file before its folder.
pub(crate) fn complete(entries: &mut Entries) {
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let mut last = "";
    for path in entries.keys() {
        let folder = parent(path).unwrap_or_default();
        if folder == last {
            continue;
        }
        last = folder;
        let above =
            ancestors(path).filter(|above| !matches!(entries.get(*above), Some(Entry::Dir)));
        missing.extend(above.map(str::to_owned));
    }
    entries.extend(missing.into_iter().map(|path| (path, Entry::Dir)));
}

/// The record, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) header: Header,
    bytes: Vec<u8>,
    /// Where the records begin.
    start: usize,
    count: u32,
}

/// One entry of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    state: &'a State,
    bytes: &'a [u8; RECORD],
}

/// What became of reading the record.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// It is there.
    State(State),
    /// There is none yet.
    Missing,
    /// It is no record any more.
    Corrupt,
}

impl State {
    pub(crate) fn empty() -> Self {
        let header = Header {
            schema_version: SCHEMA_VERSION,
            root: String::new(),
            ignored: String::new(),
            entries: 0,
            digest: String::new(),
        };
        Self::of(header, &Entries::new())
    }

    /// # Errors
    ///
    /// [`Error::NewerState`]; [`Error::Read`].
    pub(crate) fn load(path: &Utf8Path) -> Result<Loaded, Error> {
        let bytes = match content::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Loaded::Missing);
            }
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        match Self::parse(bytes) {
            Some(Ok(state)) => Ok(Loaded::State(state)),
            Some(Err(version)) => Err(Error::NewerState { path: path.to_owned(), version }),
            None => Ok(Loaded::Corrupt),
        }
    }

    /// `None` where it is damaged; `Err` with the version of a later format.
    fn parse(bytes: Vec<u8>) -> Option<Result<Self, u32>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
        }
        let start = bytes.iter().position(|byte| *byte == b'\n')? + 1;
        let line = bytes.get(..start)?;
        let version = serde_json::from_slice::<Version>(line).ok()?.schema_version;
        if version > SCHEMA_VERSION {
            return Some(Err(version));
        }
        let header: Header = serde_json::from_slice(line).ok()?;
        let body = bytes.get(start..)?;
        if digest(body) != header.digest {
            return None;
        }
        let count = header.entries;
        body.get(..usize::try_from(count).ok()?.checked_mul(RECORD)?)?;
        let state = Self { header, bytes, start, count };
        state.is_sound().then_some(Ok(state))
    }

    /// Whether the root is a folder, every entry but it is in one folder before it, and every name is one
    /// that a folder can hold: whoever wrote the file, nothing in it leads in a circle, to one place by
    /// several ways, or out of the root.
    fn is_sound(&self) -> bool {
        let names = Names::all(!cfg!(windows));
        let is_name = |name: &str| {
            !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) && names.hold(name)
        };
        // The children of one folder follow those of the one before it, as they were laid out.
        let mut next = ROOT + 1;
        let is_sound = |index: u32| {
            let Some(record) = self.record(index) else { return false };
            if record.is_dir() {
                let (first, count) = (record.u32(8), record.u32(12));
                let is_next = first == next && first > index;
                let Some(end) = first.checked_add(count).filter(|_| is_next) else { return false };
                next = end;
            }
            index == ROOT || is_name(record.name())
        };
        self.record(ROOT).is_some_and(|root| root.is_dir())
            && (0..self.count).all(is_sound)
            && next == self.count
    }

    /// The record of these entries.
    pub(crate) fn of(mut header: Header, entries: &Entries) -> Self {
        let Layout { body, count } = Layout::of(entries);
        header.schema_version = SCHEMA_VERSION;
        header.entries = count;
        header.digest = digest(&body);
        // A structure of texts and numbers is always JSON.
        let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
        bytes.push(b'\n');
        let start = bytes.len();
        bytes.extend(body);
        Self { count: header.entries, header, bytes, start }
    }

    pub(crate) fn write(&self, path: &Utf8Path) -> Result<(), Error> {
        Ok(instep_fs::write_atomic(path, &self.bytes)?)
    }

    /// Without waiting for the disk.
    pub(crate) fn write_late(&self, path: &Utf8Path) -> Result<(), Error> {
        Ok(instep_fs::write_unflushed(path, &self.bytes)?)
    }

    /// How many paths are recorded.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or_default().saturating_sub(1)
    }

    /// How many files and links are recorded.
    pub(crate) fn leaves(&self) -> usize {
        let records = (0..self.count).filter_map(|index| self.record(index));
        records.filter(|record| !record.is_dir()).count()
    }

    pub(crate) fn root(&self) -> Option<Record<'_>> {
        self.record(ROOT)
    }

    pub(crate) fn get(&self, path: &str) -> Option<Record<'_>> {
        path.split('/').try_fold(self.root()?, Record::child)
    }

    /// All entries, to be changed.
    pub(crate) fn entries(&self) -> Entries {
        let mut entries = Entries::new();
        let mut open: Vec<(String, Record<'_>)> = Vec::new();
        open.extend(self.root().map(|root| (String::new(), root)));
        while let Some((path, folder)) = open.pop() {
            for child in folder.children() {
                let path = join(&path, child.name());
                if child.is_dir() {
                    open.push((path.clone(), child));
                }
                entries.insert(path, child.entry());
            }
        }
        entries
    }

    fn record(&self, index: u32) -> Option<Record<'_>> {
        if index >= self.count {
            return None;
        }
        let at = self.start + usize::try_from(index).ok()? * RECORD;
        let bytes = self.bytes.get(at..at + RECORD)?.try_into().ok()?;
        Some(Record { state: self, bytes })
    }

    /// A text among the names.
    fn text(&self, start: u32, length: usize) -> &str {
        let names = self.start + usize::try_from(self.count).unwrap_or_default() * RECORD;
        let start = names + usize::try_from(start).unwrap_or_default();
        let bytes = self.bytes.get(start..start + length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<'a> Record<'a> {
    fn u32(self, at: usize) -> u32 {
        self.bytes
            .get(at..at + 4)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> u64 {
        self.bytes
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    }

    fn byte(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn name(self) -> &'a str {
        let length = u16::from_le_bytes([self.byte(4), self.byte(5)]);
        self.state.text(self.u32(0), length.into())
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.byte(6) == 2
    }

    pub(crate) fn is_file(self) -> bool {
        self.byte(6) == 0
    }

    pub(crate) fn executable(self) -> bool {
        self.byte(7) == 1
    }

    pub(crate) fn size(self) -> u64 {
        self.u64(16)
    }

    pub(crate) fn hash(self) -> blake3::Hash {
        let bytes = self.bytes.get(24..56).and_then(|bytes| bytes.try_into().ok());
        blake3::Hash::from_bytes(bytes.unwrap_or_default())
    }

    /// `None` where it says nothing.
    pub(crate) fn stamp(self, side: Side) -> Option<Stamp> {
        let at = if side == Side::Network { 56 } else { 88 };
        let stamp = Stamp {
            modified: self.u64(at).cast_signed(),
            changed: self.u64(at + 8).cast_signed(),
            file_id: self.u64(at + 16),
            size: self.u64(at + 24),
        };
        (stamp.size != NO_STAMP).then_some(stamp)
    }

    pub(crate) fn target(self) -> &'a str {
        self.state.text(self.u32(8), usize::try_from(self.u32(12)).unwrap_or_default())
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Record<'a>> {
        let (first, count) = if self.is_dir() { (self.u32(8), self.u32(12)) } else { (0, 0) };
        (first..first.saturating_add(count)).filter_map(move |index| self.state.record(index))
    }

    pub(crate) fn child(self, name: &str) -> Option<Record<'a>> {
        if !self.is_dir() {
            return None;
        }
        let (mut low, first) = (0, self.u32(8));
        let mut high = self.u32(12);
        while low < high {
            let middle = low + (high - low) / 2;
            let record = self.state.record(first.checked_add(middle)?)?;
            match record.name().cmp(name) {
                std::cmp::Ordering::Equal => return Some(record),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(crate) fn entry(self) -> Entry {
        match self.byte(6) {
            0 => Entry::File {
                hash: self.hash(),
                executable: self.executable(),
                size: self.size(),
                stamps: Sides {
                    network: self.stamp(Side::Network),
                    local: self.stamp(Side::Local),
                },
            },
            1 => Entry::Link { target: self.target().to_owned() },
            _ => Entry::Dir,
        }
    }
}

/// The size of a stamp that says nothing.
const NO_STAMP: u64 = u64::MAX;

struct Layout {
    body: Vec<u8>,
    /// How many records there are.
    count: u32,
}

impl Layout {
    fn of(entries: &Entries) -> Self {
        let mut children: HashMap<&str, Vec<(&str, &str, &Entry)>> = HashMap::new();
        for (path, entry) in entries {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            children.entry(folder).or_default().push((name, path, entry));
        }
        let mut records: Vec<u8> = Vec::with_capacity((entries.len() + 1) * RECORD);
        let mut names: Vec<u8> = Vec::new();
        let mut next = 1_u32;
        // Breadth first: when a folder is written, its children are given the next places.
        let mut open: std::collections::VecDeque<(&str, &str, &Entry)> =
            std::collections::VecDeque::from([("", "", &Entry::Dir)]);
        while let Some((name, path, entry)) = open.pop_front() {
            let mut record = [0_u8; RECORD];
            let name_at = put_text(&mut names, name);
            put(&mut record, 0, &name_at.to_le_bytes());
            put(&mut record, 4, &u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
            match entry {
                Entry::File { hash, executable, size, stamps } => {
                    put(&mut record, 7, &[u8::from(*executable)]);
                    put(&mut record, 16, &size.to_le_bytes());
                    put(&mut record, 24, hash.as_bytes());
                    for (at, stamp) in [(56, &stamps.network), (88, &stamps.local)] {
                        let size = stamp.map_or(NO_STAMP, |stamp| stamp.size);
                        put(&mut record, at + 24, &size.to_le_bytes());
                        if let Some(stamp) = stamp {
                            put(&mut record, at, &stamp.modified.to_le_bytes());
                            put(&mut record, at + 8, &stamp.changed.to_le_bytes());
                            put(&mut record, at + 16, &stamp.file_id.to_le_bytes());
                        }
                    }
                }
                Entry::Link { target } => {
                    put(&mut record, 6, &[1]);
                    put(&mut record, 8, &put_text(&mut names, target).to_le_bytes());
                    let length = u32::try_from(target.len()).unwrap_or_default();
                    put(&mut record, 12, &length.to_le_bytes());
                }
                Entry::Dir => {
                    put(&mut record, 6, &[2]);
                    let inside = children.remove(path).unwrap_or_default();
                    let count = u32::try_from(inside.len()).unwrap_or_default();
                    put(&mut record, 8, &next.to_le_bytes());
                    put(&mut record, 12, &count.to_le_bytes());
                    next = next.saturating_add(count);
                    open.extend(inside);
                }
            }
            records.extend_from_slice(&record);
        }
        let count = u32::try_from(records.len() / RECORD).unwrap_or(u32::MAX);
        records.extend(names);
        Self { body: records, count }
    }
}

fn put(record: &mut [u8; RECORD], at: usize, bytes: &[u8]) {
    if let Some(place) = record.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn put_text(names: &mut Vec<u8>, text: &str) -> u32 {
    let at = u32::try_from(names.len()).unwrap_or_default();
    names.extend_from_slice(text.as_bytes());
    at
}

fn digest(body: &[u8]) -> String {
    blake3::hash(body).to_hex().to_string()
}

/// The path of a name in a folder.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() }
}

/// Puts a damaged record out of the way, and says where.
pub(crate) fn set_aside(path: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let aside = path.with_extension("corrupt");
    instep_fs::while_in_use(|| std::fs::rename(path, &aside))
        .map_err(|source| Error::Write { path: aside.clone(), source })?;
    Ok(aside)
}

#[cfg(test)]
mod tests;
