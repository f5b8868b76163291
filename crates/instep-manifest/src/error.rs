//! What can be wrong with a requirements file or with a record, said with the place it is at.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Action;
use thiserror::Error;

use crate::requirements::LineProblem;

/// Something that could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] instep_fs::Error),
    /// A record is not what this program writes.
    #[error("`{path}` is corrupt at line {line}, column {column}")]
    Corrupt {
        /// The record.
        path: Utf8PathBuf,
        /// Where reading stopped, from 1.
        line: usize,
        /// Where reading stopped, from 1; 0 before the first character of a line.
        column: usize,
        /// What is wrong there.
        #[source]
        message: serde_json::Error,
    },
    /// A record was written by a newer Instep. It is left as it is.
    #[error("`{path}` has schema version {found}, and this instep knows up to {supported}")]
    NewerSchema {
        /// The record.
        path: Utf8PathBuf,
        /// The version it has.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// A requirements file is not there.
    #[error("there is no requirements file `{path}`")]
    MissingFile {
        /// Where it was looked for.
        path: Utf8PathBuf,
    },
    /// A requirements file names another that is not there.
    #[error("`{path}` is not there, but line {line} of `{from}` includes it")]
    MissingInclude {
        /// Where it was looked for.
        path: Utf8PathBuf,
        /// The file that names it.
        from: Utf8PathBuf,
        /// The line that names it, from 1.
        line: usize,
    },
    /// A line of a requirements file cannot be understood.
    #[error("{path}:{line}:{column}: {problem}")]
    Requirement {
        /// The requirements file.
        path: Utf8PathBuf,
        /// The line that is wrong, from 1.
        line: usize,
        /// The first character that is wrong, from 1, in characters.
        column: usize,
        /// How many characters are wrong, at least 1.
        length: usize,
        /// The line as it stands in the file, with the credentials of URLs replaced by as many `*`.
        source_line: String,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A text is not a digest.
    #[error("`{text}` is not a digest; expected `blake3:` and 64 hexadecimal digits")]
    NotADigest {
        /// The text.
        text: String,
    },
    /// A text is not a run id.
    #[error("`{text}` is not a run id")]
    NotARunId {
        /// The text.
        text: String,
    },
    /// No run of the history has this id.
    #[error("no run in `{folder}` begins with `{id}`")]
    UnknownRun {
        /// The folder of the history.
        folder: Utf8PathBuf,
        /// The id or the beginning of one.
        id: String,
    },
    /// Several runs of the history begin like this.
    #[error("`{id}` could be any of {}", .candidates.join(", "))]
    AmbiguousRun {
        /// The beginning of an id.
        id: String,
        /// The ids that begin so, newest first.
        candidates: Vec<String>,
    },
}

impl Error {
    /// What a person can do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::File(error) => return error.hint(),
            Self::Corrupt { .. } => "delete it; the next sync writes a new one",
            Self::NewerSchema { .. } => {
                "update instep, or delete the file to have this version write a new one"
            }
            Self::MissingFile { .. } => "create it, or name another one in instep.toml",
            Self::MissingInclude { .. } => {
                "`-r` and `-c` are relative to the file they stand in; correct the line or add the file"
            }
            Self::Requirement { problem, .. } => return problem.hint().map(str::to_owned),
            Self::UnknownRun { .. } => "`instep history` lists the runs that are kept",
            Self::AmbiguousRun { .. } => "give more of the id",
            Self::NotADigest { .. } | Self::NotARunId { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// A file that is there and cannot be read.
pub(crate) fn unreadable(path: &Utf8Path, source: io::Error) -> Error {
    instep_fs::Error::Io { action: Action::Read, path: path.to_owned(), source }.into()
}

/// Deletes a file that may not be there.
pub(crate) fn remove_file(path: &Utf8Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(instep_fs::Error::Io { action: Action::Remove, path: path.to_owned(), source }
                .into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_and_say_what_to_do() {
        let errors = [
            Error::Corrupt {
                path: "m.json".into(),
                line: 3,
                column: 7,
                message: serde_json::from_str::<u8>("x").unwrap_err(),
            },
            Error::NewerSchema { path: "m.json".into(), found: 2, supported: 1 },
            Error::MissingFile { path: "r.txt".into() },
            Error::MissingInclude { path: "b.txt".into(), from: "a.txt".into(), line: 4 },
            Error::Requirement {
                path: "r.txt".into(),
                line: 2,
                column: 5,
                length: 1,
                source_line: "foo bar".to_owned(),
                problem: LineProblem::NameEnd,
            },
            Error::NotADigest { text: "x".to_owned() },
            Error::NotARunId { text: "x/y".to_owned() },
            Error::UnknownRun { folder: "h".into(), id: "2".to_owned() },
            Error::AmbiguousRun {
                id: "2".to_owned(),
                candidates: vec!["21".to_owned(), "20".to_owned()],
            },
            unreadable(Utf8Path::new("f"), io::ErrorKind::PermissionDenied.into()),
        ];
        let said: Vec<_> = errors
            .iter()
            .map(|error| format!("{error}\n  {}", error.hint().unwrap_or_default()))
            .collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
