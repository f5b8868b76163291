//! One Python virtual environment, kept exactly as its lock says.
//!
//! The crate has the rooms that every capability of Instep has:
//!
//! 1. **observe** ([`observe()`]): what stands at a path, changing nothing.
//! 2. **plan** ([`plan()`]): from what was [`Observed`] and what is [`Wanted`] to a [`Plan`], without
//!    any I/O.
//! 3. **apply** ([`apply()`]): carries a plan out with uv or pip ([`Engine`]), telling [`Event`]s.
//!    Interrupted at any point, it leaves what [`recover()`] and the next run can finish.
//! 4. **record**: the caller's, who knows what the environment was built for (`instep-manifest`).
//!
//! Beside them stand the readers of what packaging tools leave on the disk: [`distribution`],
//! [`record`], [`metadata`], [`PyvenvCfg`] and [`pylock`].
//!
//! # What is promised
//!
//! - Whichever tool works, the result is the set of packages that the lock names, in its versions:
//!   it is compared after the tools have ended.
//! - A rebuild stays out of sight until it is complete; a failed creation or rebuild leaves what was
//!   there before.
//! - Nothing is deleted that is not an environment, or carries no mark of ours.

mod apply;
mod consistency;
pub mod distribution;
mod engine;
mod error;
mod event;
pub mod layout;
pub mod metadata;
mod observe;
mod plan;
pub mod pylock;
mod pyvenv_cfg;
pub mod record;
mod recover;
mod relocate;
#[cfg(test)]
mod testing;
mod wanted;

pub use apply::{Job, apply};
pub use consistency::{Unmet, unmet};
pub use distribution::Distribution;
pub use engine::Engine;
pub use error::Error;
pub use event::{Activity, Event, Step};
pub use observe::{Breakage, Observed, State, interpreter_breakage, observe};
pub use pep440_rs::Version;
pub use pep508_rs::PackageName;
pub use plan::{Change, Operation, Options, Package, Plan, is_seed, plan};
pub use pyvenv_cfg::PyvenvCfg;
pub use record::{Damage, Depth, verify};
pub use recover::{Recovered, recover};
pub use wanted::{Origin, Wanted, WantedPackage, index_options, same_version};
