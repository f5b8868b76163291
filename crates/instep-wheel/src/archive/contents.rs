//! Every content, read once: against its checksum, and against `RECORD`.

use std::collections::BTreeMap;
use std::io::Read;

use rayon::prelude::*;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::record::{self, Recorded, RecordedDigest};
use super::{BUFFER, Entry, LARGEST_TEXT, Wheel};
use crate::error::Error;
use crate::hashes::Hashers;
use crate::rule::Rule;

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// Bytes.
    pub size: u64,
}

impl Content {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: Sha256::digest(bytes).into(), size: bytes.len() as u64 }
    }

    /// The digest as 64 digits.
    pub fn hex(&self) -> String {
        crate::digest::hex(&self.sha256)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut content = serializer.serialize_struct("Content", 2)?;
        content.serialize_field("sha256", &self.hex())?;
        content.serialize_field("size", &self.size)?;
        content.end()
    }
}

/// The contents of the files of a wheel, by name.
pub type Contents = BTreeMap<String, Content>;

/// Files that `RECORD` does not have to have: itself and its signatures.
const UNRECORDED: [&str; 3] = ["RECORD", "RECORD.jws", "RECORD.p7s"];

impl Wheel {
    /// Reads every file, each against its checksum and `RECORD`.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with the entry and the rule that it breaks; [`Error::Io`].
    pub fn contents(&self) -> Result<Contents, Error> {
        self.contents_like(None)
    }

    /// The same. What is stored by the same bytes in another wheel, whose contents are known, is not decompressed
    /// again.
    ///
    /// # Errors
    ///
    /// Those of [`contents`](Self::contents).
    pub fn contents_like(&self, other: Option<(&Self, &Contents)>) -> Result<Contents, Error> {
        let recorded = self.recorded()?;
        for folder in self.entries.iter().filter(|entry| entry.is_folder()) {
            self.copy(folder, &mut |_| {})?;
        }
        let files: Vec<&Entry> = self.entries.iter().filter(|one| !one.is_folder()).collect();
        let read = |entry: &&Entry| {
            let recorded = recorded.get(&entry.name);
            let known = match other {
                Some((wheel, contents)) => self.same_as(entry, wheel, contents)?,
                None => None,
            };
            let content = self.content(entry, recorded, known)?;
            Ok((entry.name.clone(), content))
        };
        // The first of them, so that the answer does not depend on which thread was quicker.
        let all: Vec<Result<_, Error>> = files.par_iter().map(read).collect();
        all.into_iter().collect()
    }

    /// What `RECORD` says, of all that has to be in it.
    fn recorded(&self) -> Result<BTreeMap<String, Recorded>, Error> {
        let own = |name: &str| [&self.dist_info, "/", name].concat();
        let name = own("RECORD");
        let entry = self.entry(&name).ok_or_else(|| self.refused(Some(&name), Rule::Record))?;
        let recorded = record::parse(&self.read(entry, LARGEST_TEXT)?, self.entries.len())
            .map_err(|(path, rule)| self.refused(Some(path.as_deref().unwrap_or(&name)), rule))?;
        for (path, said) in &recorded {
            let is_own = *path == name;
            let rule = match self.entry(path) {
                None => Some(Rule::RecordExtra),
                Some(_) if is_own => said.digest.as_ref().map(|_| Rule::RecordTwice),
                Some(_) if UNRECORDED.iter().any(|other| own(other) == *path) => None,
                Some(_) if said.digest.is_none() => Some(Rule::RecordDigest),
                Some(_) => None,
            };
            if let Some(rule) = rule {
                return Err(self.refused(Some(path), rule));
            }
        }
        for entry in self.entries.iter().filter(|entry| !entry.is_folder()) {
            let is_free = UNRECORDED.iter().any(|other| own(other) == entry.name);
            if !is_free && !recorded.contains_key(&entry.name) {
                return Err(self.refused(Some(&entry.name), Rule::RecordMissing));
            }
        }
        Ok(recorded)
    }

    /// The content of an entry, against `RECORD`.
    fn content(
        &self,
        entry: &Entry,
        recorded: Option<&Recorded>,
        known: Option<Content>,
    ) -> Result<Content, Error> {
        let wrong = || self.refused(Some(&entry.name), Rule::RecordContent);
        let digest = recorded.and_then(|recorded| recorded.digest.as_ref());
        let size = recorded.and_then(|recorded| recorded.size);
        if size.is_some_and(|size| size != entry.size) {
            return Err(wrong());
        }
        let is_right = |content: &Content| match digest {
            Some(RecordedDigest::Sha256(expected)) => content.sha256[..] == expected[..],
            _ => true,
        };
        let is_by = (
            matches!(digest, Some(RecordedDigest::Sha384(_))),
            matches!(digest, Some(RecordedDigest::Sha512(_))),
        );
        if let Some(content) = known.filter(|_| is_by == (false, false)) {
            return if is_right(&content) { Ok(content) } else { Err(wrong()) };
        }
        let mut hashers = Hashers::with(is_by.0, is_by.1);
        self.copy(entry, &mut |part| hashers.update(part))?;
        let found = hashers.finish();
        let content = Content { sha256: found.sha256, size: entry.size };
        let is_right = match digest {
            Some(RecordedDigest::Sha384(expected)) => {
                found.sha384.is_some_and(|digest| digest[..] == expected[..])
            }
            Some(RecordedDigest::Sha512(expected)) => {
                found.sha512.is_some_and(|digest| digest[..] == expected[..])
            }
            _ => is_right(&content),
        };
        if is_right { Ok(content) } else { Err(wrong()) }
    }

    /// What the entry of that name holds in another wheel, where it is stored by the same bytes there.
    fn same_as(
        &self,
        entry: &Entry,
        other: &Self,
        contents: &Contents,
    ) -> Result<Option<Content>, Error> {
        let (Some(known), Some(content)) = (other.entry(&entry.name), contents.get(&entry.name))
        else {
            return Ok(None);
        };
        let told = |entry: &Entry| (entry.method, entry.crc32, entry.size, entry.compressed_size);
        if told(entry) != told(known) {
            return Ok(None);
        }
        let mut mine = self.raw(entry)?;
        let mut theirs = other.raw(known)?;
        let mut buffers = (vec![0; BUFFER], vec![0; BUFFER]);
        let mut left = entry.compressed_size;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER);
            let (Some(one), Some(two)) = (buffers.0.get_mut(..count), buffers.1.get_mut(..count))
            else {
                return Ok(None);
            };
            mine.read_exact(one).map_err(Error::io("read", &self.path))?;
            theirs.read_exact(two).map_err(Error::io("read", &other.path))?;
            if one != two {
                return Ok(None);
            }
            left -= count as u64;
        }
        Ok(Some(*content))
    }
}
