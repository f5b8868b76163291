//! What differs between two builds of the same source and means nothing: each kind of it has a name.
//!
//! Noise is what no installer lets have an effect on what is installed. The content of any file is none, but for what
//! [`NoiseKind`] names in the files of `.dist-info`.

use serde::Serialize;

/// How many examples there are of a kind.
const EXAMPLES: usize = 3;

/// A kind of noise, how often it is there, and where for example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Noise {
    /// Of what kind.
    pub kind: NoiseKind,
    /// In how many places: entries, rows or files.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// A place where there is noise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// In the wheel; empty for the wheel as a whole.
    pub path: String,
    /// What it is in the one.
    pub a: String,
    /// What it is in the other.
    pub b: String,
}

/// A kind of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum NoiseKind {
    /// When entries were modified.
    Timestamps,
    /// The order of the contents or of the directory.
    EntryOrder,
    /// How contents are compressed.
    Compression,
    /// Which system made the zip file, and its version and attributes.
    HostSystem,
    /// Permission bits other than those that make a file executable.
    Permissions,
    /// Extra fields: owners, exact times.
    ExtraFields,
    /// Comments of the zip file or of entries.
    Comments,
    /// Whether sizes stand before a content or behind it.
    DataDescriptors,
    /// Entries for folders that there are anyway, because something is in them.
    FolderEntries,
    /// The order of the rows of `RECORD`.
    RecordOrder,
    /// How the rows of `RECORD` are written: quotes, padding of digests.
    RecordFormat,
    /// The line of `WHEEL` that names the program which made it.
    GeneratorLine,
    /// CR LF or LF in `METADATA`, `WHEEL`, `RECORD`, `entry_points.txt` and `top_level.txt`.
    LineEndings,
    /// How the same name, version and tags are spelled in the file name.
    FileName,
    /// What else is in a zip file and has no content: version numbers, local times, padding of compressed data.
    Container,
}

impl NoiseKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Timestamps,
        Self::EntryOrder,
        Self::Compression,
        Self::HostSystem,
        Self::Permissions,
        Self::ExtraFields,
        Self::Comments,
        Self::DataDescriptors,
        Self::FolderEntries,
        Self::RecordOrder,
        Self::RecordFormat,
        Self::GeneratorLine,
        Self::LineEndings,
        Self::FileName,
        Self::Container,
    ];

    /// Its name, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Timestamps => "timestamps",
            Self::EntryOrder => "order of entries",
            Self::Compression => "compression",
            Self::HostSystem => "host system",
            Self::Permissions => "permission bits",
            Self::ExtraFields => "extra fields",
            Self::Comments => "comments",
            Self::DataDescriptors => "data descriptors",
            Self::FolderEntries => "entries for folders",
            Self::RecordOrder => "order of RECORD",
            Self::RecordFormat => "format of RECORD",
            Self::GeneratorLine => "generator line",
            Self::LineEndings => "line endings of metadata",
            Self::FileName => "spelling of the file name",
            Self::Container => "zip format",
        }
    }

    /// What it is, and why it means nothing.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Timestamps => {
                "When each file was modified. SOURCE_DATE_EPOCH sets it; installers do not keep it."
            }
            Self::EntryOrder => {
                "The order in which the files stand in the zip file. Every file has one name, so each is found \
                 wherever it stands."
            }
            Self::Compression => {
                "Another method, level or library compressed the files. What comes out is the same."
            }
            Self::HostSystem => {
                "Which system the zip file says it was made on, and the attributes of that system. Installers do not \
                 look at them."
            }
            Self::Permissions => {
                "Who may read and write a file: the umask of the machine that built it. Installers set their own; \
                 whether a file may be executed is compared."
            }
            Self::ExtraFields => {
                "Records that some tools add to an entry: owner, exact times, sizes of large files. They hold nothing \
                 that is installed."
            }
            Self::Comments => "Comments of the zip file or of its entries. Nothing reads them.",
            Self::DataDescriptors => {
                "Whether sizes and checksums are written before or behind a content. Both were checked."
            }
            Self::FolderEntries => {
                "Entries for folders that are there anyway, because files are in them. A folder that would be empty \
                 is compared."
            }
            Self::RecordOrder => "The order of the rows of RECORD. It lists the same files.",
            Self::RecordFormat => {
                "Quotes and padding in RECORD. Read as the table that it is, it says the same."
            }
            Self::GeneratorLine => {
                "The line of WHEEL that names the build tool and its version. Other lines of WHEEL are compared."
            }
            Self::LineEndings => {
                "CR LF or LF in the files of .dist-info that are read line by line. Of all other files each byte is \
                 compared."
            }
            Self::FileName => {
                "Capitals, - and _, or the order of tags in the file name. It names the same package, version and tags."
            }
            Self::Container => {
                "Bytes of the zip format that hold neither names nor contents, such as version numbers."
            }
        }
    }
}

/// Noise as it is found.
#[derive(Debug, Default)]
pub(crate) struct Found(std::collections::BTreeMap<NoiseKind, Noise>);

impl Found {
    /// One more place.
    pub(crate) fn add(
        &mut self,
        kind: NoiseKind,
        path: &str,
        a: impl Into<String>,
        b: impl Into<String>,
    ) {
        let noise =
            self.0.entry(kind).or_insert_with(|| Noise { kind, count: 0, examples: Vec::new() });
        noise.count += 1;
        if noise.examples.len() < EXAMPLES {
            noise.examples.push(Example { path: path.to_owned(), a: a.into(), b: b.into() });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By kind.
    pub(crate) fn all(self) -> Vec<Noise> {
        self.0.into_values().collect()
    }
}
