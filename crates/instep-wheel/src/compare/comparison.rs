//! What comparing two wheels comes to.

use std::fmt;

use camino::Utf8PathBuf;
use serde::{Serialize, Serializer};

use crate::archive::Content;
use crate::noise::Noise;

/// Two wheels, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// 1.
    pub schema_version: u32,
    /// Whether they are the same.
    pub verdict: Verdict,
    /// Whether nothing differs but noise.
    pub is_reproducible: bool,
    /// The one.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// What differs and means nothing, each kind once.
    pub noise: Vec<Noise>,
    /// What differs and is material, by path.
    pub differences: Vec<Difference>,
}

/// Whether two wheels are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Byte for byte.
    Identical,
    /// But for noise, each kind of which is named.
    Same,
    /// Something material differs.
    Different,
}

/// One of the wheels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Its name.
    pub file_name: String,
    /// Its size in bytes, and its digest.
    #[serde(flatten)]
    pub content: Content,
    /// How many files are in it.
    pub files: usize,
    /// Their size in bytes.
    pub files_size: u64,
}

/// Something material that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The path in the wheels, that of `a` where they call it differently; the file name of `a` where it is about
    /// the wheel as a whole.
    pub path: String,
    /// What differs.
    #[serde(flatten)]
    pub change: Change,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum Change {
    /// The file names mean something else: another package, version, build number or tags.
    FileName {
        /// That of `a`.
        a: String,
        /// That of `b`.
        b: String,
    },
    /// The `.dist-info` folders have other names. What is in them is compared all the same, and so is what is in the
    /// `.data` folders.
    FolderName {
        /// That of `a`.
        a: String,
        /// That of `b`.
        b: String,
    },
    /// It is only in `a`.
    OnlyInA {
        /// What is in it; `null` for a folder.
        content: Option<Content>,
    },
    /// It is only in `b`.
    OnlyInB {
        /// What is in it; `null` for a folder.
        content: Option<Content>,
    },
    /// It is a file in one, and a folder in the other.
    EntryKind {
        /// What it is in `a`.
        a: EntryKind,
        /// What it is in `b`.
        b: EntryKind,
    },
    /// Whether it may be executed, or what a program that unpacks it sets besides: set-user-ID, set-group-ID, sticky.
    Mode {
        /// That of `a`.
        a: Mode,
        /// That of `b`.
        b: Mode,
    },
    /// A text has another content.
    Text {
        /// That of `a`.
        a: Content,
        /// That of `b`.
        b: Content,
        /// What differs.
        diff: Diff,
    },
    /// What is no text, or is too large to be shown as one, has another content.
    Binary {
        /// That of `a`.
        a: Content,
        /// That of `b`.
        b: Content,
    },
    /// `METADATA` or `WHEEL` says something else.
    Metadata {
        /// The headers that differ, by name; none where only the order or the text below them differs.
        headers: Vec<HeaderChange>,
        /// What differs, without noise.
        diff: Diff,
    },
    /// `RECORD` says something else of the same files. That digests and sizes follow the files is not told here.
    Record {
        /// By path.
        rows: Vec<RowChange>,
    },
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Permission bits and type of Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// A unified diff with three lines around each change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// It holds what the wheels hold: control characters, and other things that are not to be shown as they are.
    pub text: String,
    /// Whether it was too long, and something is missing at its end.
    pub is_cut: bool,
}

/// A header that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderChange {
    /// As `a` writes it, else as `b` does.
    pub name: String,
    /// Its values in `a` that are not in `b`, in their order.
    pub a: Vec<String>,
    /// Its values in `b` that are not in `a`, in their order.
    pub b: Vec<String>,
}

/// A row of `RECORD` that differs. `null`: there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowChange {
    /// Of what, as `a` writes it, else as `b` does.
    pub path: String,
    /// In `a`.
    pub a: Option<Row>,
    /// In `b`.
    pub b: Option<Row>,
}

/// What a row of `RECORD` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `sha256`; `null` without a digest.
    pub algorithm: Option<String>,
    /// Whether there is a size.
    pub has_size: bool,
}

impl Mode {
    /// What any of the three bits say.
    pub fn is_executable(self) -> bool {
        self.0 & 0o111 != 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:06o}", self.0)
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.algorithm.as_deref().unwrap_or("no digest");
        let size = if self.has_size { "a size" } else { "no size" };
        write!(formatter, "{algorithm}, {size}")
    }
}
