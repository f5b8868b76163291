//! The `instep` command as a library: `instep` itself is [`run`] and nothing else.
//!
//! This crate decides nothing. It turns arguments into requests to [`instep`], events into text, and
//! results into an exit code: 0 done, or in step; 1 the answer is no; 2 it could not be done.
//!
//! # For a monorepo
//!
//! A Rust workspace with Python tools of its own keeps them in step with three lines in its `xtask`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     instep_cli::sync_env(std::path::Path::new(env!("CARGO_MANIFEST_DIR")))
//! }
//! ```

mod args;
mod commands;
mod exit;
mod failure;
mod hand_over;
mod printer;
mod progress;
mod prompt;
mod run;
mod table;

#[cfg(feature = "network")]
pub use run::run_network;
pub use run::{run, sync_env};
