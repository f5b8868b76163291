//! What a wheel has to keep to before anything is made of it.

use std::fmt;

use serde::Serialize;

/// A rule that a wheel breaks. Wheels are untrusted: one that breaks any is refused as a whole.
///
/// Most of them are about two programs that read the same file and see different things: the places where zip
/// readers are known to disagree are not allowed to be in doubt. What tells names apart is what the strictest
/// system tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// It is a zip file, with one end record, which says where the directory is, and nothing in it can be taken for
    /// another one.
    Zip,
    /// Each byte belongs to an entry, the directory or the end record: nothing stands before, between or behind them.
    Gap,
    /// Entries do not share bytes.
    Overlap,
    /// The directory has as many entries as the end record says, twice.
    Count,
    /// An entry's local header says what the directory says.
    LocalHeader,
    /// What follows an entry's content says what the directory says.
    DataDescriptor,
    /// Contents are stored or deflated.
    Method,
    /// Nothing is encrypted.
    Encrypted,
    /// Names are UTF-8, and say so where they are not ASCII.
    NameEncoding,
    /// Names are relative paths that stay inside: no `/` in front, no drive, no `..`, no `\`, no control characters.
    NamePath,
    /// No two names are the same, also on systems that do not tell upper case from lower case or that compose
    /// characters.
    NameTwice,
    /// No name is that of a file and of a folder.
    NameFolder,
    /// Entries are files and folders: no links, no devices.
    Kind,
    /// There are not more entries, nor longer names, extra fields and comments, than any real wheel has.
    Entries,
    /// Contents are not larger than a wheel of that size can hold.
    Size,
    /// A content has the size that is said.
    ContentSize,
    /// A content can be decompressed, and has the checksum that is said.
    Content,
    /// There is one `.dist-info` folder, of the name and version that the file name says.
    DistInfo,
    /// `METADATA` and `WHEEL` are there, are about this package and a version of the format that is known, and say
    /// so once.
    Metadata,
    /// There is a `RECORD`, and it can be read.
    Record,
    /// Each file is in `RECORD`, but for `RECORD` itself and its signatures.
    RecordMissing,
    /// What is in `RECORD` is there.
    RecordExtra,
    /// `RECORD` has each file once, and no digest of itself.
    RecordTwice,
    /// `RECORD` has a digest by SHA-256 or better for each file.
    RecordDigest,
    /// A content has the digest and size of `RECORD`.
    RecordContent,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Zip,
        Self::Gap,
        Self::Overlap,
        Self::Count,
        Self::LocalHeader,
        Self::DataDescriptor,
        Self::Method,
        Self::Encrypted,
        Self::NameEncoding,
        Self::NamePath,
        Self::NameTwice,
        Self::NameFolder,
        Self::Kind,
        Self::Entries,
        Self::Size,
        Self::ContentSize,
        Self::Content,
        Self::DistInfo,
        Self::Metadata,
        Self::Record,
        Self::RecordMissing,
        Self::RecordExtra,
        Self::RecordTwice,
        Self::RecordDigest,
        Self::RecordContent,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Zip => "it is not a whole zip file",
            Self::Gap => "there are bytes that belong to no entry",
            Self::Overlap => "two entries share the same bytes",
            Self::Count => "the directory does not have as many entries as the end record says",
            Self::LocalHeader => "the header before the content and the directory disagree",
            Self::DataDescriptor => "what stands behind the content and the directory disagree",
            Self::Method => "it is compressed by a method that wheels do not use",
            Self::Encrypted => "it is encrypted",
            Self::NameEncoding => "its name is not UTF-8, or does not say that it is",
            Self::NamePath => "its name could lead out of the folder that it is unpacked to",
            Self::NameTwice => {
                "its name is there twice, to systems that ignore case or compose characters"
            }
            Self::NameFolder => "its name is that of a file and of a folder",
            Self::Kind => "it is neither a file nor a folder",
            Self::Entries => "there are more entries than a wheel has",
            Self::Size => "the contents are far larger than the file: it may be a bomb",
            Self::ContentSize => "the content does not have the size that is said",
            Self::Content => "the content is damaged",
            Self::DistInfo => {
                "there is not exactly one .dist-info folder, of the name and version of the file"
            }
            Self::Metadata => "METADATA or WHEEL is missing, or is about something else",
            Self::Record => "RECORD is missing or cannot be read",
            Self::RecordMissing => "it is not in RECORD",
            Self::RecordExtra => "it is in RECORD, but not in the wheel",
            Self::RecordTwice => "RECORD has it twice, or has a digest of itself",
            Self::RecordDigest => "RECORD has no digest by SHA-256 or better for it",
            Self::RecordContent => "the content is not the one of RECORD",
        })
    }
}
