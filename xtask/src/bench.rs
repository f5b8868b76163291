//! `cargo xtask bench`: what the numbers in `docs/benchmarks.md` are measured with.

mod check;
mod ci;
mod hyperfine;
mod lock;
mod mirror;
mod page;
mod peers;
mod sync;
mod wheelhouse;
mod wheels;

pub(crate) use check::check;
pub(crate) use ci::ci;
pub(crate) use lock::lock;
pub(crate) use mirror::{mirror, mirror_large, walk};
pub(crate) use sync::sync;
pub(crate) use wheels::wheels;
