//! The commands, one file each.

#[cfg(feature = "network")]
mod bundle;
mod check;
mod ci;
mod conflicts;
mod doctor;
mod generate;
mod history;
mod init;
#[cfg(feature = "network")]
mod keys;
mod lock;
mod mirror;
mod outdated;
mod reset;
mod status;
mod sync;
#[cfg(feature = "network")]
mod wheels;

#[cfg(feature = "network")]
pub(crate) use bundle::bundle;
pub(crate) use check::check;
pub(crate) use ci::ci;
pub(crate) use conflicts::conflicts;
pub(crate) use doctor::doctor;
pub(crate) use generate::{completions, man, schema};
pub(crate) use history::history;
pub(crate) use init::init;
#[cfg(feature = "network")]
pub(crate) use keys::keys;
pub(crate) use lock::lock;
pub(crate) use mirror::mirror;
pub(crate) use outdated::outdated;
pub(crate) use reset::reset;
pub(crate) use status::status;
pub(crate) use sync::{count, rollback, sync};
#[cfg(feature = "network")]
pub(crate) use wheels::wheels;
