//! Requirements files: what they say, where they say it, and whether two of them mean the same.
//!
//! The format is pip's ([reference]), read as pip reads it: continuation lines, comments, `${NAME}`
//! variables, `-r` and `-c`, and options of a line. Where uv understands more (a path with spaces
//! that is not quoted, a marker behind an editable path), so does this.
//!
//! - [`parse`] is pure: text to [`Line`]s that know their place; [`requirement`] reads one alone,
//!   [`marker`] its condition.
//! - [`read`] follows `-r` and `-c` and gives [`Requirements`].
//! - [`Requirements::digest`] is equal for requirements that ask for the same.
//! - [`Requirements::pins`] reads a lock.
//!
//! [reference]: https://pip.pypa.io/en/stable/reference/requirements-file-format/

mod canonical;
mod line;
mod logical;
mod options;
mod parse;
mod pep508;
mod pin;
mod place;
mod problem;
mod read;
mod target;

pub use line::{Line, LineKind};
pub use parse::parse;
pub use pep508::{marker, requirement};
pub use pin::Pin;
pub use place::Place;
pub use problem::LineProblem;
pub use read::{Entry, LocalFile, Requirements, read, read_up_to};
pub use target::{Target, without_credentials};
