//! The tools that an environment is made with: uv, pip, pip-tools and Python. Where they are, what version they are,
//! and how to run them.
//!
//! | question | answer |
//! | --- | --- |
//! | what surrounds us: variables, working folder, home | [`Environment`], a value that everything else is handed |
//! | which Python | [`find_python`], [`Interpreter`] |
//! | which uv, and why not that one | [`find_uv`], [`Found`], [`Notice`] |
//! | there is no uv | [`install_uv`], by way of the user's own index |
//! | which pip, which pip-tools | [`find_pip`], [`find_pip_tools`] |
//! | run it, see its lines, stop it | [`Run`], [`CancelToken`] |
//! | which index | [`IndexSettings`]: pip's settings, told to uv |
//!
//! Nothing here decides what should be installed, and nothing reads the state of the process behind the host's back
//! (except [`Environment::capture`], whose purpose it is). What was learned about a tool is kept in a [`ToolCache`].
//!
//! ```no_run
//! use instep_tools::{CancelToken, Environment, Search, ToolCache, find_python, find_uv};
//!
//! # fn main() -> Result<(), instep_tools::Error> {
//! let search = Search::new(Environment::capture()?);
//! let cache = ToolCache::open(search.cache_dir.as_deref());
//! let cancel = CancelToken::new();
//! let found = find_uv(None, None, &search, &cache, &cancel);
//! let python = find_python(Some(&"3.12".parse()?), &search.clone().with_uv(found.uv), &cache, &cancel)?;
//! let output = instep_tools::Run::new(&python.executable, &search.environment)
//!     .args(["-m", "venv", ".venv"])
//!     .run(&cancel, &mut |_stream, line| eprintln!("{line}"))?;
//! # let _ = output;
//! # Ok(())
//! # }
//! ```
//!
//! # Secrets
//!
//! Lines, command lines and errors have been through [`redact`] when they leave this crate. Only [`Output`] holds what
//! a program wrote as it was, since it is for programs to read.

mod cache;
mod cancel;
mod command_line;
mod environment;
mod error;
mod holder;
mod index;
mod install;
mod interpreter;
mod lines;
mod output;
mod pip;
mod pip_config;
mod pip_tools;
mod programs;
mod python;
mod redact;
mod request;
mod run;
mod search;
mod tree;
mod unpack;
mod uv;
mod uv_config;

pub use cache::{ToolCache, cache_dir};
pub use cancel::CancelToken;
pub use environment::Environment;
pub use error::{Error, Tried};
pub use holder::holder;
pub use index::IndexSettings;
pub use install::install_uv;
pub use interpreter::Interpreter;
pub use output::{Output, Stream};
pub use pip::{MINIMUM_PIP, Pip, find_pip};
pub use pip_tools::{PipTools, find_pip_tools};
pub use programs::find_program;
pub use python::find_python;
pub use redact::redact;
pub use request::PythonRequest;
pub use run::Run;
pub use search::Search;
pub use uv::{Found, MINIMUM_UV, Notice, Uv, find_uv};
