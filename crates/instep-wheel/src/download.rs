//! A wheelhouse: the wheels of a lock, for several Pythons and platforms.

mod plan;

pub use plan::{Missing, Plan, PlannedFile, Reason};
