//! What can be wrong with a bundle that is carried.

/// Why a bundle cannot be pushed or pulled as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryProblem {
    /// A file is another one than it was.
    #[error("it changed while it was pushed")]
    Changed,
    /// A link, a pipe or something else.
    #[error("it is neither a file nor a folder")]
    NotAFile,
    /// There is no `bundle.json` in the folder, or no folder.
    #[error("there is no bundle there")]
    NoBundle,
    /// A name that does not mean the same everywhere.
    #[error("this is no name that a file may have: {reason}")]
    Name {
        /// What is wrong with it.
        reason: String,
    },
    /// Two names that are one somewhere, or a file that is the folder of another.
    #[error("it cannot stand beside `{other}`")]
    Collides {
        /// The other name.
        other: String,
    },
    /// The manifest is larger than registries take.
    #[error("the list of its {files} files has {bytes} bytes, and registries take {limit}")]
    TooManyFiles {
        /// How many there are.
        files: usize,
        /// Of the manifest.
        bytes: u64,
        /// Bytes.
        limit: u64,
    },
    /// What is there is no bundle.
    #[error("this is no bundle: {reason}")]
    NotABundle {
        /// What it is, or what is wrong with it.
        reason: String,
    },
    /// A reference with a digest, where only a tag will do.
    #[error("it is pushed under a tag, not under a digest")]
    Pinned,
    /// There is less room than the bundle needs.
    #[error("it needs {needed} bytes, and there are {free}")]
    NoRoom {
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// Another process is at it.
    #[error("another process pulls into it{}", by.as_ref().map(|by| [": ", by].concat()).unwrap_or_default())]
    InUse {
        /// Which one, where that is known.
        by: Option<String>,
    },
}

impl CarryProblem {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Changed => "push it again when nobody writes to it any more",
            Self::NotAFile => "a bundle holds files and folders only; remove it",
            Self::NoBundle => "give the folder that `instep bundle create` made",
            Self::Name { .. } | Self::Collides { .. } => {
                "nothing was written; whoever made the bundle has to give the file another name"
            }
            Self::TooManyFiles { .. } => {
                "put many small files into an archive, or make two bundles"
            }
            Self::NotABundle { .. } => "look at the name and the tag",
            Self::Pinned => "write it as HOST/NAME:TAG",
            Self::NoRoom { .. } => "free some disk space and pull it again; what has come is kept",
            Self::InUse { .. } => "wait until it has ended, or pull into another folder",
        }
    }
}
