//! What can go wrong with locks.

use std::io;

use camino::Utf8PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write `{path}`")]
    Write {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// pip's report of what it would install is not understood.
    #[error("pip's report `{path}` is not understood")]
    Report {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A tool failed.
    #[error(transparent)]
    Tools(#[from] instep_tools::Error),
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
    /// A requirements file failed.
    #[error(transparent)]
    Manifest(#[from] instep_manifest::Error),
}

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Report { .. } => {
                Some("upgrade pip, or use uv or pip-tools for the lock".to_owned())
            }
            Self::Read { source, .. } | Self::Write { source, .. } => {
                instep_fs::hint_for(source).map(str::to_owned)
            }
            Self::Tools(error) => error.hint(),
            Self::Fs(error) => error.hint(),
            Self::Manifest(error) => error.hint(),
        }
    }

    /// Whether the work ended because it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Tools(error) => error.is_cancelled(),
            Self::Fs(error) => matches!(error, instep_fs::Error::Cancelled { .. }),
            _ => false,
        }
    }
}
