//! What can go wrong with a mirror as a whole. What goes wrong with one file is a [`Problem`], and does
//! not stop the others.
//!
//! [`Problem`]: crate::Problem

use std::io;

use camino::Utf8PathBuf;

use crate::node::Side;

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
    /// A root is not there.
    #[error("the {side} folder `{path}` is not there")]
    RootMissing {
        /// Which one.
        side: Side,
        /// Where.
        path: Utf8PathBuf,
    },
    /// A root is a file.
    #[error("`{path}`, which is to be the {side} folder, is no folder")]
    RootIsNoFolder {
        /// Which one.
        side: Side,
        /// Where.
        path: Utf8PathBuf,
    },
    /// A root cannot be reached.
    #[error("the {side} folder `{path}` cannot be reached")]
    Unreachable {
        /// Which one.
        side: Side,
        /// Where.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One root is, or is inside of, the other.
    #[error("`{network}` and `{local}` cannot be mirrored: one is inside of the other")]
    Nested {
        /// The network's.
        network: Utf8PathBuf,
        /// The local one.
        local: Utf8PathBuf,
    },
    /// The root of the network is another than the one that is recorded, or the drive is not mounted.
    #[error(
        "`{path}` is not the folder that was mirrored: its mark `{mark}` is gone or another; nothing was changed"
    )]
    Replaced {
        /// The root.
        path: Utf8PathBuf,
        /// The file that says which folder it is.
        mark: Utf8PathBuf,
    },
    /// The root of the network, which has no mark, holds nothing any more, or the drive is not mounted.
    #[error("`{path}` is empty, and was not when it was mirrored last; nothing was changed")]
    Emptied {
        /// The root.
        path: Utf8PathBuf,
    },
    /// More would be deleted than is allowed.
    #[error("{deletes} of {recorded} would be deleted on the {side} side; nothing was changed")]
    TooManyDeletes {
        /// Where.
        side: Side,
        /// How many files and links.
        deletes: usize,
        /// How many are recorded.
        recorded: usize,
    },
    /// A pattern that does not parse.
    #[error("`{pattern}` is no pattern")]
    Pattern {
        /// As it is written.
        pattern: String,
        /// Why.
        source: Box<ignore::Error>,
    },
    /// A record from a later version.
    #[error("`{path}` was written by a later version (schema {version})")]
    NewerState {
        /// Which.
        path: Utf8PathBuf,
        /// Its schema.
        version: u32,
    },
    /// A conflict that is not there.
    #[error("there is no conflict at `{path}`")]
    NoConflict {
        /// The path.
        path: String,
    },
    /// Several versions beside one path.
    #[error("there are several versions beside `{path}`: {}", copies.join(", "))]
    SeveralConflicts {
        /// The path.
        path: String,
        /// The names of the others.
        copies: Vec<String>,
    },
    /// Something that is not in the trash.
    #[error("there is no `{path}` in the trash")]
    NotInTrash {
        /// The path.
        path: String,
    },
    /// Something is in the way of what is restored.
    #[error("there is a `{path}` already; it was left alone")]
    InTheWay {
        /// The path.
        path: String,
    },
    /// The system cannot watch a folder.
    #[error("cannot watch `{path}`")]
    Watch {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: notify::Error,
    },
    /// The work was cancelled.
    #[error("cancelled; what was done is recorded")]
    Cancelled,
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
}

const AGAIN: &str = "run it again; if that fails too, look after the drive";

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::RootMissing { side: Side::Network, .. } => {
                "mount the drive; the local files can be worked with meanwhile".to_owned()
            }
            Self::RootMissing { side: Side::Local, .. } => {
                "`instep mirror init` makes it".to_owned()
            }
            Self::RootIsNoFolder { .. } => "name a folder".to_owned(),
            Self::Unreachable { side: Side::Network, .. } => {
                "work goes on with the local files; the next run catches up".to_owned()
            }
            Self::Unreachable { side: Side::Local, .. } => AGAIN.to_owned(),
            Self::Nested { .. } => "name another folder for one of the two".to_owned(),
            Self::Replaced { .. } => {
                "if the drive is not mounted, mount it; if this is the right folder, \
                 `instep mirror init` takes it: everything on both sides is kept then"
                    .to_owned()
            }
            Self::Emptied { .. } => {
                "if the drive is not mounted, mount it; if everything in it was deleted, \
                 `instep mirror init` begins anew: what is local is kept then"
                    .to_owned()
            }
            Self::TooManyDeletes { deletes, .. } => {
                format!("if that is right, say `--allow-deletes {deletes}`")
            }
            Self::Pattern { .. } => "patterns are those of .gitignore".to_owned(),
            Self::NewerState { .. } => "use that version of Instep".to_owned(),
            Self::NoConflict { .. } => "`instep mirror status` lists them".to_owned(),
            Self::SeveralConflicts { .. } => "name one of them instead of the path".to_owned(),
            Self::NotInTrash { .. } => "`instep mirror status` says what is in it".to_owned(),
            Self::Watch { .. } => {
                "on Linux, a larger `fs.inotify.max_user_watches` may help".to_owned()
            }
            Self::InTheWay { .. } => "move it away first".to_owned(),
            Self::Read { source, .. } | Self::Write { source, .. } => {
                instep_fs::hint_for(source).unwrap_or(AGAIN).to_owned()
            }
            Self::Cancelled => return None,
            Self::Fs(error) => return error.hint().or_else(|| Some(AGAIN.to_owned())),
        };
        Some(hint)
    }

    /// Whether the work ended because it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Fs(instep_fs::Error::Cancelled { .. }))
    }

    /// Whether the network cannot be reached at the moment: the local side can be worked with.
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { side: Side::Network, .. }
                | Self::RootMissing { side: Side::Network, .. }
                | Self::Replaced { .. }
                | Self::Emptied { .. }
        )
    }
}
