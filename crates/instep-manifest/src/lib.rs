//! What a Python environment was built from, and the reasons to build it again.
//!
//! | question | answer |
//! | --- | --- |
//! | what do these requirements files ask for, wherever and however it is written | [`requirements`] |
//! | what does a `pylock.toml` hold | [`pylock`] |
//! | what was the environment built from | [`Manifest`] |
//! | why would it have to be built again | [`Reason`], [`Finding`] |
//! | has any of that been touched since, without reading it | [`StatCache`] |
//! | is there a run that never came to its end | [`InProgress`] |
//! | what did earlier runs do, and what was installed then | [`History`] |
//!
//! Contents are compared by [`Digest`] (BLAKE3), times are in UTC with milliseconds (the
//! [`clock`]).
//!
//! # Files
//!
//! Every file is JSON with a `schemaVersion`, written by atomic replace. What the manifest and the
//! history say matters, so a file from a newer schema is refused and never rewritten. The stat
//! cache only saves time: one that cannot be used is as good as none.

pub mod clock;
mod digest;
mod error;
mod history;
mod in_progress;
mod json;
mod manifest;
pub mod pylock;
mod reason;
pub mod requirements;
mod run_id;
mod stat_cache;

pub use digest::Digest;
pub use error::Error;
pub use history::{Change, Entry as HistoryEntry, History, Listing, Outcome};
pub use in_progress::{InProgress, Interrupted, Operation};
pub use jiff::Timestamp;
pub use manifest::{Input, InputKind, Manifest, Tool};
pub use reason::{Finding, Reason};
pub use run_id::RunId;
pub use stat_cache::StatCache;
