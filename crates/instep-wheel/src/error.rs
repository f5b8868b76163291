//! What can go wrong.

use std::io;

use camino::Utf8PathBuf;

use crate::digest::DigestsProblem;
use crate::file_name::FileNameProblem;
use crate::index::IndexProblem;
use crate::rule::Rule;

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
    /// A file name is not that of a wheel.
    #[error("{path} is not the file name of a wheel: {problem}")]
    FileName {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: FileNameProblem,
    },
    /// A wheel breaks a rule, and nothing is made of it.
    #[error("{path} is refused{}: {rule}", entry.as_deref().map(in_entry).unwrap_or_default())]
    Refused {
        /// The wheel.
        path: Utf8PathBuf,
        /// Where in it; `None` for the whole file.
        entry: Option<String>,
        /// What it breaks.
        rule: Rule,
    },
    /// An index gives no answer that can be used.
    #[error("cannot use the index {url}: {problem}")]
    Index {
        /// Its address, or that of one of its pages or files, without secrets.
        url: String,
        /// Why.
        problem: IndexProblem,
    },
    /// A file of digests has a line that is none.
    #[error("{path}:{line}: {problem}")]
    Digests {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why not.
        problem: DigestsProblem,
    },
    /// A folder has no wheel in it.
    #[error("there is no wheel in {folder}")]
    NoWheels {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// A rebuild script replaced a wheel in the folder, and it could not be put back.
    #[error("cannot put {path} back, which the rebuild script replaced; the copy of it is {copy}")]
    NotPutBack {
        /// The wheel.
        path: Utf8PathBuf,
        /// Where it is now.
        copy: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is another one than the lock pins.
    #[error("{file} is not the file that is locked: it has {found}, and not {expected}")]
    WrongDigest {
        /// Its name.
        file: String,
        /// The digests that will do.
        expected: String,
        /// The one that it has.
        found: String,
    },
    /// Nothing but a digest that can be forged tells which file is meant.
    #[error("{file} is locked by MD5 or SHA-1 alone, which tell nothing")]
    WeakDigest {
        /// Its name.
        file: String,
    },
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// From the file system.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
    /// From a tool.
    #[error(transparent)]
    Tools(#[from] instep_tools::Error),
}

fn in_entry(entry: &str) -> String {
    // A name that somebody else chose: what could move a terminal's cursor is shown escaped.
    [" at `", &entry.escape_debug().to_string(), "`"].concat()
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// Whether it is only that somebody asked to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
            || matches!(self, Self::Tools(error) if error.is_cancelled())
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space and run it again"
                }
                io::ErrorKind::NotFound => "look at the path, and whether the file is there",
                _ => return None,
            },
            Self::FileName { .. } => {
                "a wheel's file name is NAME-VERSION-PYTHON-ABI-PLATFORM.whl; do not rename one"
            }
            Self::Digests { .. } => {
                "each line is `DIGITS  NAME`, as `instep wheels digest` and `sha256sum` write it"
            }
            Self::NoWheels { .. } => "look at the path; wheels are files that end with .whl",
            Self::NotPutBack { .. } => {
                "copy it back, and let the script build into INSTEP_REBUILD_DIR"
            }
            Self::Refused { .. } => "get it again from where it came from, or build it anew",
            Self::Index { problem, .. } => match problem {
                IndexProblem::Status { status: 401 | 403 } => {
                    "give the user and password in the address, in a netrc file, or by keyring"
                }
                IndexProblem::Status { status: 404 } => "look at the address of the index",
                IndexProblem::Unreachable { .. } | IndexProblem::Status { .. } => {
                    "look at the network, the proxy and the certificates; what has come is kept, so \
                     run it again"
                }
                IndexProblem::Version { .. } => "update instep",
                _ => "look at pip's settings (`pip config list`) and uv's variables",
            },
            Self::WrongDigest { .. } => {
                "if the index may have another file of that name, lock anew; else ask who runs it"
            }
            Self::WeakDigest { .. } => "lock with digests by SHA-256",
            Self::Fs(error) => return error.hint(),
            Self::Tools(error) => return error.hint(),
            Self::Cancelled => return None,
        };
        Some(text.to_owned())
    }
}
