//! What stands at a path: the words that scan, record and reconciler share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that others see too.
    Network,
    /// The one on this machine.
    Local,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Network, Self::Local];

    /// The one that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Network => Self::Local,
            Self::Local => Self::Network,
        }
    }

    /// `network` or `local`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something of each side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides<T> {
    /// The network's.
    pub network: T,
    /// The local one's.
    pub local: T,
}

impl<T> Sides<T> {
    /// That of a side.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Network => &self.network,
            Side::Local => &self.local,
        }
    }

    /// That of a side.
    pub fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Network => &mut self.network,
            Side::Local => &mut self.local,
        }
    }
}

/// What a file holds, as far as it had to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its BLAKE3 hash.
    Hash(blake3::Hash),
    /// It was not read, since it is known without that to be another than what it is compared with.
    Unread,
}

/// What stands at a path.
#[derive(Clone, Debug)]
pub enum Node {
    /// A file.
    File {
        /// What it holds.
        content: Content,
        /// Whether it may be executed; on a side that cannot say, as it was recorded.
        executable: bool,
        /// When it was modified, in nanoseconds since the Unix epoch. Decides about names only.
        modified: i64,
    },
    /// A symbolic link.
    Link {
        /// Where it leads, as it is written.
        target: String,
        /// When it was made.
        modified: i64,
    },
    /// A folder.
    Dir,
}

impl Node {
    /// Whether two nodes are the same: times do not count, and a file that was not read equals none.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File { content: Content::Hash(one), executable, .. },
                Self::File { content: Content::Hash(other), executable: is_other, .. },
            ) => one == other && executable == is_other,
            (Self::Link { target: one, .. }, Self::Link { target: other, .. }) => one == other,
            (Self::Dir, Self::Dir) => true,
            _ => false,
        }
    }

    /// Whether it is a folder.
    pub fn is_dir(&self) -> bool {
        matches!(self, Self::Dir)
    }

    /// When it was modified.
    pub(crate) fn modified(&self) -> i64 {
        match self {
            Self::File { modified, .. } | Self::Link { modified, .. } => *modified,
            Self::Dir => 0,
        }
    }
}

/// Whether two places hold the same, nothing included.
pub(crate) fn is_same(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_same(other),
        _ => false,
    }
}
