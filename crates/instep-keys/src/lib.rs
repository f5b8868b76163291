//! Where the password of a signing key comes from.

mod error;
mod role;

pub use error::Error;
pub use role::Role;
