//! The configuration: its keys, and where it is found.

mod keys;
mod load;
mod model;

pub use keys::*;
pub use load::{Located, find, parse};
pub use model::*;

/// The JSON schema of the configuration.
#[cfg(feature = "schema")]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Config)
}
