//! The crate from the outside, with real programs: shells, Pythons, uv, pip.
//!
//! Tests that need uv or an index look for `INSTEP_TEST_TOOLS`, a folder with a real uv and pip-tools in it, and say so
//! when they are skipped.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod environment;
mod redact;
mod support;

// These stand in for tools with shell scripts and links.
#[cfg(unix)]
mod index;
#[cfg(unix)]
mod pip;
#[cfg(unix)]
mod python;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod uv;
