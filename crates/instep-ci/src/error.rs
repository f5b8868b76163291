//! What can go wrong with the files of a repository as a whole.

use std::io;

use camino::Utf8PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configured command is none.
    #[error("the configured command `{name}` is no single command whose words are known: `{text}`")]
    Command {
        /// Its name.
        name: String,
        /// As it is configured.
        text: String,
    },
    /// A pattern that does not parse.
    #[error("`{pattern}` is no pattern")]
    Pattern {
        /// As it is written.
        pattern: String,
        /// Why.
        source: Box<ignore::Error>,
    },
    /// A file could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written; those that were written before are as they were.
    #[error("cannot write `{path}`; no file was changed")]
    Write {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written, and one that was written before could not be brought back.
    #[error("cannot write `{path}`, and `{changed}` could not be brought back")]
    HalfWritten {
        /// Which.
        path: Utf8PathBuf,
        /// What has its new content already.
        changed: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files that are not what their names say, or cannot be read: nothing was written.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Broken>),
    /// A file is another than it was when it was looked at.
    #[error("`{path}` was changed meanwhile; no file was changed")]
    Changed {
        /// Which.
        path: Utf8PathBuf,
    },
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
}

/// A file that could not be read, or is not what its name says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// Relative to the repository.
    pub path: String,
    /// Counted from 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.path, self.what),
            None => write!(formatter, "{}: {}", self.path, self.what),
        }
    }
}

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Command { .. } => {
                "write the tool and its arguments, as in `uv sync --all-extras --dev`".to_owned()
            }
            Self::Pattern { .. } => "patterns are those of .gitignore".to_owned(),
            Self::Read { source, .. } | Self::Write { source, .. } => {
                return instep_fs::hint_for(source).map(str::to_owned);
            }
            Self::HalfWritten { .. } => "look at `git diff`, and run it again".to_owned(),
            Self::Invalid(_) => {
                "mend them, or name them in `exclude` of the table `[ci]`; no file was changed"
                    .to_owned()
            }
            Self::Changed { .. } => "run it again".to_owned(),
            Self::Fs(error) => return error.hint(),
        };
        Some(hint)
    }
}
