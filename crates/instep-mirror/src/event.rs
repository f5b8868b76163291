//! What happens while a mirror is synced.

use serde::Serialize;

use crate::node::Side;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// Both sides are being looked at.
    Scanning,
    /// What is to be done is known.
    Planned {
        /// Files and links to copy.
        copies: usize,
        /// Their bytes.
        bytes: u64,
        /// What goes to the trash.
        deletes: usize,
        /// Where both are kept.
        conflicts: usize,
    },
    /// A file, a link or a folder was copied.
    Copied {
        /// Where.
        path: String,
        /// To which side.
        to: Side,
        /// Its bytes.
        bytes: u64,
    },
    /// Something went to the trash, since the other side deleted it.
    Deleted {
        /// Where.
        path: String,
        /// On which side.
        side: Side,
    },
    /// Both sides changed something, and both are kept.
    Conflict {
        /// Where.
        path: String,
        /// The name of the other one.
        beside: String,
    },
    /// A sync of a watch could not be made; it is tried again.
    Interrupted {
        /// Why.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// Whether the network cannot be reached: the local side can be worked with.
        is_disconnected: bool,
    },
    /// After an interruption, both sides are in step again.
    Recovered,
    /// The machine stopped, or the disk was mounted anew, before it was known to have what the last sync brought
    /// down: that is read again.
    Unflushed {
        /// How many paths that are.
        paths: usize,
    },
    /// The record was damaged: it was put aside, and is made anew from both sides.
    RecordLost {
        /// Where it is now.
        aside: String,
    },
}
