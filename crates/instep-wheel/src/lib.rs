//! Wheels: read safely, compared, rebuilt, collected.
//!
//! | question | answer |
//! | --- | --- |
//! | what is in a wheel, and is it safe to unpack | [`Wheel`], [`Rule`] |
//! | what does a file name say | [`FileName`], [`Tag`] |

mod archive;
mod digest;
mod download;
mod error;
mod event;
mod file_name;
mod index;
mod rule;
mod tag;
mod target;

pub use archive::{Content, Contents, Entry, Rest, Wheel};
pub use download::{Missing, Plan, PlannedFile, Reason};
pub use error::Error;
pub use event::Event;
pub use file_name::{FileName, FileNameProblem};
pub use index::IndexFile;
pub use rule::Rule;
pub use tag::Tag;
pub use target::Target;
