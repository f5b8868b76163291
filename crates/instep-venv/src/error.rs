//! What can go wrong with an environment.

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
    /// The environment's path is a file.
    #[error("`{path}` is a file, not a folder for an environment")]
    NotAFolder {
        /// Which.
        path: Utf8PathBuf,
    },
    /// The environment's path is a folder with something else in it.
    #[error(
        "`{path}` is a folder with files in it, and not a virtual environment; it was left alone"
    )]
    NotAnEnvironment {
        /// Which.
        path: Utf8PathBuf,
    },
    /// The environment's path is a link to a place that does not exist.
    #[error("`{path}` is a link to a place that does not exist")]
    DanglingLink {
        /// Which.
        path: Utf8PathBuf,
    },
    /// No free name for an environment in the making.
    #[error("there is no free name beside `{path}` to build its replacement under")]
    NoRoomToStage {
        /// The environment.
        path: Utf8PathBuf,
    },
    /// A `RECORD` is not the table it should be.
    #[error("cannot read the list of installed files `{path}`")]
    Record {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: csv::Error,
    },
    /// A lock names something without an exact version.
    #[error("{path}:{line}: `{requirement}` is not pinned to one version, so this is not a lock")]
    Unpinned {
        /// The lock.
        path: Utf8PathBuf,
        /// 1-based.
        line: usize,
        /// As it stands there.
        requirement: String,
    },
    /// One lock names a package in two versions for the same interpreter.
    #[error("{path}:{line}: `{name}` is pinned to {second}, and before to {first}")]
    PinnedTwice {
        /// The lock.
        path: Utf8PathBuf,
        /// 1-based, of the second.
        line: usize,
        /// The package.
        name: String,
        /// The first version, or place.
        first: String,
        /// The second version, or place.
        second: String,
    },
    /// A `pylock.toml` is not what PEP 751 says.
    #[error("`{path}` is not a pylock.toml that can be read")]
    Pylock {
        /// Which.
        path: Utf8PathBuf,
        /// Why, and where.
        source: Box<toml::de::Error>,
    },
    /// A `pylock.toml` of a version, or with a feature, that is not known.
    #[error("`{path}` cannot be installed from")]
    PylockUnsupported {
        /// Which.
        path: Utf8PathBuf,
        /// What is in the way.
        #[source]
        problem: crate::pylock::Problem,
    },
    /// After the tools had ended, the environment was not what was planned.
    #[error("{tool} ended without an error, but the environment is not as planned: {difference}")]
    NotAsPlanned {
        /// `uv` or `pip`.
        tool: &'static str,
        /// The first differences.
        difference: String,
    },
    /// A tool failed.
    #[error(transparent)]
    Tools(#[from] instep_tools::Error),
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
    /// A requirements file or a state file failed.
    #[error(transparent)]
    Manifest(#[from] instep_manifest::Error),
}

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotAFolder { .. } | Self::NotAnEnvironment { .. } => {
                "move it away, or give the environment another `path` in instep.toml"
            }
            Self::DanglingLink { .. } => "mount or create what it links to, or remove the link",
            Self::NoRoomToStage { .. } => {
                "remove the leftovers beside it whose names end in `~` or a digit"
            }
            Self::Record { .. } => "run `instep sync --rebuild` to make the environment anew",
            Self::Unpinned { .. } => {
                "compile it first (`instep sync` does, unless `lock = false`), or pin it with `==`"
            }
            Self::PinnedTwice { .. } => {
                "keep one of the two lines, or tell them apart with markers"
            }
            Self::Pylock { .. } | Self::PylockUnsupported { .. } => {
                "write it anew with the tool that made it"
            }
            Self::NotAsPlanned { .. } => {
                "run `instep sync --rebuild`; `--verbose` shows what the tool printed"
            }
            Self::Read { source, .. } | Self::Write { source, .. } => {
                return instep_fs::hint_for(source).map(str::to_owned);
            }
            Self::Tools(error) => return error.hint(),
            Self::Fs(error) => return error.hint(),
            Self::Manifest(error) => return error.hint(),
        };
        Some(hint.to_owned())
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
