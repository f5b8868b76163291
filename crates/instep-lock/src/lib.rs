//! Requirements, compiled to locks with uv, pip-tools or pip ([`compile()`]).

mod compile;
mod error;

pub use compile::{Compile, Compiler, Upgrade, compile};
pub use error::Error;
