//! What can go wrong.

use std::io;

use camino::Utf8PathBuf;

use crate::digest::DigestsProblem;
use crate::file_name::FileNameProblem;
use crate::index::IndexProblem;
use crate::lock::LockProblem;
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
    /// A text is not a version of Python that wheels are collected for.
    #[error("`{text}` is not a version of CPython 3, such as 3.12, 3.12.4 or 3.13t")]
    Python {
        /// The text.
        text: String,
    },
    /// A text is not a platform that wheels are collected for.
    #[error("`{text}` is not a platform that is known")]
    Platform {
        /// The text.
        text: String,
        /// What was perhaps meant.
        nearest: Option<&'static str>,
        /// What would do.
        known: Vec<&'static str>,
    },
    /// Which platform this is cannot be said.
    #[error("wheels are not built for this platform")]
    NoPlatform,
    /// It was not said for which Python, and there is none here.
    #[error("there is no Python here that says which version is meant")]
    NoPython,
    /// A line of a lock leaves a choice.
    #[error("{path}:{line}: `{text}` does not pin a version")]
    Unpinned {
        /// The file that it stands in.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// It, without secrets.
        text: String,
    },
    /// A `pylock.toml` is none.
    #[error("{path} cannot be read")]
    Pylock {
        /// The file.
        path: Utf8PathBuf,
        /// Why, and where.
        source: Box<toml::de::Error>,
    },
    /// A lock that is well-formed says something that nothing can be downloaded from.
    #[error("{path}: {problem}")]
    Lock {
        /// The file.
        path: Utf8PathBuf,
        /// What it says.
        problem: LockProblem,
    },
    /// It was asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// From a requirements file.
    #[error(transparent)]
    Manifest(#[from] instep_manifest::Error),
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
        match self {
            Self::Cancelled | Self::Fs(instep_fs::Error::Cancelled { .. }) => true,
            Self::Tools(error) => error.is_cancelled(),
            _ => false,
        }
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
            Self::Python { .. } => {
                "name minor versions, as in `3.12,3.13`; the free-threaded one is `3.13t`"
            }
            Self::Platform { nearest, known, .. } => {
                let meant = nearest.map(|one| ["did you mean `", one, "`? "].concat());
                return Some(
                    [
                        &meant.unwrap_or_default(),
                        "there is ",
                        &known.join(", "),
                        "; a version can be named, as in `manylinux_2_34_x86_64` or `macos-14-arm64`",
                    ]
                    .concat(),
                );
            }
            Self::NoPlatform => "name one, such as `--platform linux-x86_64`",
            Self::NoPython => "name versions, such as `--python 3.12,3.13`",
            Self::Unpinned { .. } => {
                "give a lock, as `instep lock`, `uv pip compile` or `pip-compile` write it"
            }
            Self::Pylock { .. } => "write it anew, with `uv export --format pylock.toml`",
            Self::Lock { problem, .. } => problem.hint(),
            Self::Manifest(error) => return error.hint(),
            Self::Fs(error) => return error.hint(),
            Self::Tools(error) => return error.hint(),
            Self::Cancelled => return None,
        };
        Some(text.to_owned())
    }
}
