//! The configuration: its keys, and where it is found.

mod load;
mod model;

pub use load::{Located, find, parse};
pub use model::*;
