//! Requirements, compiled to locks: those of one environment ([`compile()`]), or layers of them that
//! share what they have in common.
//!
//! Layers go the way that everything goes:
//!
//! 1. **observe** ([`observe()`]): what the layers ask for, what they build on, what their locks say.
//! 2. **plan** ([`plan()`]): which locks are not current and why, from their headers alone. No tool is
//!    asked, and nothing read.
//! 3. **apply** ([`compile_layers()`]): compiles, jointly or layer by layer ([`Strategy`]), in a folder
//!    of its own.
//! 4. **record** ([`write_locks()`]): all new locks take their places, or none.
//!
//! # What is promised
//!
//! - A lock that is current is not touched; one that is not is compiled: what decides is in its
//!   [`Header`].
//! - The same requirements and the same index give the same bytes on every machine: relative paths,
//!   LF, sorted, no credentials.
//! - Pins stay until they have to move, or an upgrade is asked for.

mod apply;
mod compile;
mod conflicts;
mod error;
mod event;
mod graph;
mod header;
mod joint;
mod layer;
mod layered;
mod observe;
mod parallel;
mod pins;
mod plan;
mod platform;
mod pyproject;
mod settings;

pub use apply::{
    Job, Locked, Split, VersionChange, compile_layers, splits, splits_of, write_locks,
};
pub use compile::{Compile, Compiler, Upgrade, compile};
pub use conflicts::{Asked, Conflict, Demand, Edit, Fix, conflicts};
pub use error::Error;
pub use event::Event;
pub use graph::GraphFormat;
pub use header::{Header, minor, numbers};
pub use layer::{Input, Layer, Strategy};
pub use observe::{Known, Link, Observed, observe};
pub use plan::{LayerPlan, Plan, Stale, Upgrades, Wish, plan};
pub use settings::settings_files;
