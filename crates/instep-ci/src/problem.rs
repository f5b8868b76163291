//! What is left alone, and why.

use serde::{Serialize, Serializer};

/// A file that is not what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// Why a place is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A mark says so.
    #[error("marked `instep: ignore`")]
    Ignored,
    /// A mark names a command that is not configured.
    #[error("marked `instep: use {0}`, which is not configured")]
    UnknownName(String),
    /// It asks for something that no configured command asks for.
    #[error("a selection of its own: `{0}`")]
    Selection(String),
    /// Several configured commands fit it equally well.
    #[error("it could follow {}; say which: `# instep: use NAME`", .0.join(" or "))]
    Ambiguous(Vec<String>),
    /// No command of its kind is configured.
    #[error("no `{0}` is configured")]
    OtherCommand(String),
    /// Which command it is shows when it runs.
    #[error("only known when it runs")]
    Dynamic,
    /// It stands in a comment.
    #[error("in a comment")]
    Comment,
    /// It stands in a string.
    #[error("in a string")]
    String,
    /// It stands in a heredoc.
    #[error("in a heredoc")]
    Heredoc,
    /// It stands in a text that is no script.
    #[error("in a text that is no command")]
    Text,
    /// Another language than that of POSIX shells.
    #[error("in another shell: {0}")]
    OtherShell(String),
    /// A command that is written as a list of words.
    #[error("written as a list of words")]
    Words,
    /// A script that is none.
    #[error("the script does not parse (line {0} of the file)")]
    Script(usize),
    /// A version that an expression gives.
    #[error("an expression gives it")]
    Expression,
    /// A version that is no plain one.
    #[error("no plain version: `{0}`")]
    NotPlain(String),
    /// An image that is pinned by its digest.
    #[error("pinned by its digest")]
    Digest,
    /// A matrix that adds or excludes single combinations.
    #[error("in `{0}` of a matrix")]
    MatrixSpecial(String),
    /// What would be rewritten has a comment in its middle.
    #[error("a comment stands in the middle of it; it is to be `{0}`")]
    Interrupted(String),
    /// The format cannot hold what would be written there.
    #[error("`{0}` cannot be written there")]
    CannotHold(String),
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
