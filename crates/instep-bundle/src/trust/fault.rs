//! What is wrong with a bundle.

use jiff::Timestamp;
use serde::Serialize;

use super::problem::RootProblem;
use super::role::TopRole;
use crate::names::NameProblem;

/// A reason to refuse a bundle. Paths are relative to its folder. They are ordered: what may be the cause of others comes
/// first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "fault")]
#[non_exhaustive]
pub enum Fault {
    /// A root that does not follow the one before.
    #[error("version {version} of the root is refused: {problem}")]
    Root {
        /// Its version, as the name of the file has it.
        version: u64,
        /// Why.
        problem: RootProblem,
    },
    /// Signed for another root.
    #[error("{role} is signed by none of the keys that the trusted root knows")]
    WrongRoot {
        /// For which role.
        role: TopRole,
    },
    /// Written to a specification that this version does not know.
    #[error("{role} is written to version {version} of the TUF specification")]
    NewerSpec {
        /// Of which role.
        role: TopRole,
        /// As it says.
        version: String,
    },
    /// Too few keys have signed.
    #[error("{role} is signed by {valid} of the {needed} keys that it needs")]
    Signatures {
        /// For which role.
        role: TopRole,
        /// How many signatures hold.
        valid: u64,
        /// How many have to.
        needed: u64,
    },
    /// Enough keys have signed, and there is a signature more that does not hold.
    #[error("{role} has a signature that does not hold, as if by the key {key}")]
    Signature {
        /// For which role.
        role: TopRole,
        /// The key that it names, in hexadecimal digits.
        key: String,
    },
    /// What was signed is not good any more.
    #[error("{role} has expired at {since}")]
    Expired {
        /// Of which role.
        role: TopRole,
        /// When.
        since: Timestamp,
    },
    /// Older than what this site has accepted before.
    #[error("{role} is of version {found}, and version {seen} was accepted here before")]
    RolledBack {
        /// Of which role.
        role: TopRole,
        /// The newest version that was accepted.
        seen: u64,
        /// The version in the bundle.
        found: u64,
    },
    /// This machine's clock goes backwards, so that nothing can be said about what has expired.
    #[error("the clock says {now}, and it was {last} before")]
    Clock {
        /// The time that it shows.
        now: Timestamp,
        /// The time at which a bundle was accepted.
        last: Timestamp,
    },
    /// Well signed, but not together with the rest.
    #[error("{path} is of version {found}, and the rest was signed with version {wanted}")]
    Mixed {
        /// The file.
        path: String,
        /// Its version.
        found: u64,
        /// The version that belongs to the rest.
        wanted: u64,
    },
    /// Metadata that cannot be understood.
    #[error("{path} cannot be understood: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Metadata that is larger than any real one.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// Bytes.
        limit: u64,
    },
    /// What `tough` says, where it says what nothing here does.
    #[error("the metadata is refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// A name that does not mean the same everywhere.
    #[error("the name {path:?} {problem}")]
    Name {
        /// The name; what is not UTF-8 in it is replaced.
        path: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Two names that are one on some systems.
    #[error("{path} and {other} are one name on some systems")]
    Clash {
        /// The one.
        path: String,
        /// The other.
        other: String,
    },
    /// A symbolic link, or what acts like one.
    #[error("{path} is a link")]
    Link {
        /// The link.
        path: String,
    },
    /// Neither a file nor a folder: a pipe, a device, a socket.
    #[error("{path} is neither a file nor a folder")]
    Special {
        /// What it is about.
        path: String,
    },
    /// A file's content is another one.
    #[error("{path} is not what was signed")]
    Changed {
        /// The file.
        path: String,
    },
    /// A file is gone.
    #[error("{path} was signed and is missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file has another name.
    #[error("{to} was signed under the name {from}")]
    Renamed {
        /// The name that was signed.
        from: String,
        /// The name that it has.
        to: String,
    },
    /// A file that nobody signed for.
    #[error("{path} was not signed")]
    Added {
        /// The file.
        path: String,
    },
}

impl Fault {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Expired { role: TopRole::Root, .. } => {
                Some("renew the root where bundles are made, and sign again")
            }
            Self::Expired { .. } => {
                Some("get a newer bundle, or have this one signed again where it was made")
            }
            Self::RolledBack { .. } => Some("get the newest bundle"),
            Self::WrongRoot { .. } | Self::Root { .. } => {
                Some("compare the root that you were handed with that of who makes the bundles")
            }
            Self::NewerSpec { .. } => Some("get a newer instep"),
            Self::Clock { .. } => Some("set the clock of this machine"),
            _ => None,
        }
    }
}
