//! The four roles of a TUF repository.

use std::fmt;

use serde::Serialize;
use tough::schema::RoleType;

/// A top-level role: what it signs, and what its key can do, is in section 2.1 of the TUF specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopRole {
    /// Says whose keys the others are.
    Root,
    /// Says what is in the bundle.
    Targets,
    /// Says which targets belong to which version.
    Snapshot,
    /// Says which version is the newest.
    Timestamp,
}

impl TopRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// As it is written in metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }

    pub(super) fn tuf(self) -> RoleType {
        match self {
            Self::Root => RoleType::Root,
            Self::Targets => RoleType::Targets,
            Self::Snapshot => RoleType::Snapshot,
            Self::Timestamp => RoleType::Timestamp,
        }
    }
}

impl From<RoleType> for TopRole {
    fn from(role: RoleType) -> Self {
        match role {
            RoleType::Root => Self::Root,
            RoleType::Targets | RoleType::DelegatedTargets => Self::Targets,
            RoleType::Snapshot => Self::Snapshot,
            RoleType::Timestamp => Self::Timestamp,
        }
    }
}

impl fmt::Display for TopRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
