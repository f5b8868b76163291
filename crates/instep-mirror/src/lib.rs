//! Two trees kept equal: three-way, by content, and nothing ever lost.
//!
//! A mirror has a *network* root, which others see too, and a *local* one. What both agreed on last is
//! recorded; a change is a difference from that, never "newer wins".
//!
//! 1. **observe** ([`Mirror::observe`]): what differs from the record on either side. A file that looks
//!    as it did is not read.
//! 2. **plan** ([`Mirror::plan`]): the laws of [`reconcile()`], pure, and what the other side cannot take.
//! 3. **apply** ([`Mirror::sync`]): every file arrives whole or not at all; nothing is replaced or removed
//!    that is not what the plan saw; what is replaced or removed goes to the trash.
//! 4. **record**: one file, replaced whole.
//!
//! # What is promised
//!
//! - Every content that either side wrote last is on both sides afterwards, beside the other one of a
//!   conflict, or in the trash.
//! - A root that is not there, is another one, or has lost a large part of its files stops the run.
//! - A run that is cut off at any point, or meets errors at any call, loses nothing, and the next one
//!   completes it.

mod apply;
mod clock;
mod content;
mod drive;
mod error;
mod event;
mod flush;
mod ignored;
mod late;
mod listing;
mod log;
mod mirror;
mod names;
mod node;
mod observe;
mod place;
mod plan;
mod problem;
mod reconcile;
mod root;
mod scan;
mod state;
mod traits;
mod trash;
mod watch;

pub use apply::Done;
pub use drive::{free_space, is_network};
pub use error::Error;
pub use event::Event;
pub use log::SyncLog;
pub use mirror::{Conflict, Keep, Mirror, Settings, SyncRequest};
pub use names::Names;
pub use node::{Content, Node, Side, Sides};
pub use observe::Observed;
pub use plan::{Direction, Plan};
pub use problem::{Problem, Reason};
pub use reconcile::{Action, Changes, Situation, reconcile};
pub use traits::Traits;
pub use trash::Discarded;
