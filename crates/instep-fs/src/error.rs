//! What can go wrong with a file, said so that a person knows which file, what was being done with
//! it, and what to do next.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

/// What was being done when an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Reading a file or a folder.
    Read,
    /// Writing a file's new content.
    Write,
    /// Adding a line to a file.
    Append,
    /// Making a folder.
    CreateFolder,
    /// Moving or replacing a file or folder.
    Rename,
    /// Deleting a file or folder.
    Remove,
    /// Taking or probing an advisory lock.
    Lock,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append to",
            Self::CreateFolder => "create the folder",
            Self::Rename => "replace",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// Why a text is not a portable relative path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// It names nothing below the root: empty, or only `.`.
    #[error("it is empty")]
    Empty,
    /// It starts at a root or a drive.
    #[error("it is absolute")]
    Absolute,
    /// It has a `..` component.
    #[error("it contains `..`")]
    Climbs,
    /// It contains a backslash, which is a separator on Windows and a letter elsewhere.
    #[error("it contains a backslash; use `/`")]
    Backslash,
    /// It contains a NUL or another control character.
    #[error("it contains a control character")]
    Control,
}

/// An operation on a file that could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("could not {action} `{path}`")]
    Io {
        /// What was being done.
        action: Action,
        /// The file or folder it was done to.
        path: Utf8PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file that should be text is not.
    #[error("`{path}` is not text: line {line} is neither UTF-8 nor UTF-16")]
    NotText {
        /// The file.
        path: Utf8PathBuf,
        /// The first line that could not be decoded, from 1.
        line: usize,
    },
    /// Waiting for a lock was given up because the caller asked for it.
    #[error("cancelled while waiting for the lock `{path}`")]
    Cancelled {
        /// The lock file.
        path: Utf8PathBuf,
    },
    /// A tree is gone from its place, but what it was could not be deleted wholly.
    #[error("`{path}` was removed, but `{leftover}` could not be deleted")]
    LeftBehind {
        /// Where the tree was. Nothing is there any more.
        path: Utf8PathBuf,
        /// Where the rest of it is now.
        leftover: Utf8PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A text that should be a portable relative path is not.
    #[error("`{path}` is not a portable relative path: {problem}")]
    NotRelative {
        /// The text as it was given.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
}

impl Error {
    /// What a person can do about it, where there is something to do.
    ///
    /// Disk full, read-only file system, missing permission and a file in use each have their own
    /// answer.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { action: Action::Lock, source, .. } if locks_unsupported(source) => {
                "the file system does not support locks; put the state folder on one that does"
            }
            Self::Io { source, .. } => return hint_for(source).map(str::to_owned),
            Self::NotText { .. } => "save the file as UTF-8",
            Self::LeftBehind { .. } => {
                "close the programs that still use it; the next run deletes what is left"
            }
            Self::NotRelative { .. } => "write it relative to its root, with `/` between folders",
            Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// What a person can do about an error of the operating system, where there is something to do.
pub fn hint_for(error: &io::Error) -> Option<&'static str> {
    if disk_full(error) {
        return Some(
            "free some disk space (or raise the quota) and run it again; nothing was lost",
        );
    }
    if in_use(error) {
        return Some("another program has it open; close that program and run it again");
    }
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("the file system is mounted read-only; use a folder that can be written to")
        }
        io::ErrorKind::PermissionDenied => {
            Some("check the owner and the permissions of the file and of its folder")
        }
        io::ErrorKind::CrossesDevices => {
            Some("both places must lie on the same file system for one to replace the other")
        }
        _ => None,
    }
}

/// Whether an operation failed because there is no room left: a full file system or an exhausted
/// quota.
pub fn disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether another process has the file open in a way that forbids the operation. Only Windows
/// knows this: `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`.
pub fn in_use(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33))
}

/// Whether the file system has no locks to offer, such as an NFS mount without its lock daemon.
fn locks_unsupported(error: &io::Error) -> bool {
    // Linux ENOLCK has no `ErrorKind` of its own.
    error.kind() == io::ErrorKind::Unsupported
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(37))
}

/// Turns an `io::Error` into [`Error::Io`] with what was being done to which path.
pub(crate) fn failed(action: Action, path: &Utf8Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(kind: io::ErrorKind) -> Option<String> {
        failed(Action::Write, Utf8Path::new("f"))(io::Error::from(kind)).hint()
    }

    #[test]
    fn full_disk_read_only_and_permission_have_different_hints() {
        let full = hint(io::ErrorKind::StorageFull).unwrap();
        let read_only = hint(io::ErrorKind::ReadOnlyFilesystem).unwrap();
        let denied = hint(io::ErrorKind::PermissionDenied).unwrap();
        assert!(full.contains("disk space"), "{full}");
        assert!(read_only.contains("read-only"), "{read_only}");
        assert!(denied.contains("permissions"), "{denied}");
        assert_eq!(hint(io::ErrorKind::InvalidData), None);
    }

    #[test]
    fn a_quota_is_a_full_disk() {
        assert!(disk_full(&io::Error::from(io::ErrorKind::QuotaExceeded)));
        assert!(!disk_full(&io::Error::from(io::ErrorKind::PermissionDenied)));
    }

    #[test]
    fn messages_name_the_path_and_what_was_done() {
        let error = failed(Action::Append, Utf8Path::new("logs/a.jsonl"))(io::Error::other("no"));
        assert_eq!(error.to_string(), "could not append to `logs/a.jsonl`");
    }
}
