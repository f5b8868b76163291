//! What can go wrong.

use std::io;

use camino::Utf8PathBuf;

/// An error of this crate. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// Of what.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A text is not a digest.
    #[error("`{given}` is no digest: `sha256:` and 64 hexadecimal digits in small letters")]
    Digest {
        /// The text.
        given: String,
    },
    /// The part of the program that waits for servers could not begin.
    #[error("cannot begin to wait for servers")]
    Runtime {
        /// Why not.
        source: io::Error,
    },
    /// The host asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => instep_fs::hint_for(source).map(str::to_owned),
            _ => None,
        }
    }

    /// Whether the host asked for it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}
