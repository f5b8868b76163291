//! The few file-system promises that every other Instep crate relies on.
//!
//! | promise | where |
//! | --- | --- |
//! | a file holds its old content or its new one, never a part of either | [`write_atomic`] |
//! | a journal never holds half a line, however many processes write to it | [`append_line`], [`rotate`] |
//! | one process at a time, and the others can say for whom they wait | [`FileLock`], [`Holder`] |
//! | a file that was not touched is recognised without being read | [`Stamp`] |
//! | text that an editor on any platform wrote can be read | [`read_text`] |
//! | a path from a file cannot climb out of its root, and means the same everywhere | [`RelativePath`] |
//! | a folder is replaced whole, or stays | [`swap_trees`], [`remove_tree`] |
//!
//! Paths are [`camino`]'s, since every path here ends up in a file or a message as UTF-8. Errors
//! carry the path they speak of, and [`Error::hint`] says what to do about them.
//!
//! All of it works on Linux, macOS and Windows; where a platform promises less, the item says so.

mod append;
mod error;
mod lexical;
mod lock;
mod relative_path;
mod retry;
mod stamp;
mod swap;
mod temporary;
#[cfg(test)]
mod testing;
mod text;
mod tree;
mod verbatim;
mod write;

pub use append::{append_line, rotate};
pub use error::{Action, Error, PathProblem, disk_full, hint_for, in_use};
pub use lexical::lexical;
pub use lock::{FileLock, Holder};
pub use relative_path::RelativePath;
pub use retry::{while_held, while_in_use};
pub use stamp::Stamp;
pub use swap::swap_trees;
pub use temporary::{remove_all_stale_temporaries, remove_stale_temporaries};
pub use text::read_text;
pub use tree::{remove_tree, remove_tree_in_place};
pub use verbatim::verbatim;
pub use write::{write_atomic, write_unflushed};
