//! What one logical line of a requirements file says.

use std::fmt;
use std::ops::Range;

use camino::Utf8Path;
use pep508_rs::Requirement;

use super::canonical;
use super::place::Place;
use super::target::{Target, mask_credentials};

/// One logical line: physical lines that end in `\` are joined with the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The physical line on which it starts, from 1.
    pub number: usize,
    /// Where it stands in the file's text, in bytes, without the final line ending.
    pub span: Range<usize>,
    /// It as it stands there, with its continuations and comments; variables are not expanded.
    pub text: String,
    /// The environment variables it names, whether they are set or not.
    pub variables: Vec<String>,
    /// What it says, with variables expanded.
    pub kind: LineKind,
}

/// What a line says.
///
/// Variables are expanded in it, so it may hold secrets; `Debug` hides the credentials of URLs.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum LineKind {
    /// A package by name: `name[extra]>=1 ; marker`, or `name @ url`.
    Requirement {
        /// The requirement (PEP 508).
        requirement: Requirement<Target>,
        /// `algorithm:digest` of each `--hash`.
        hashes: Vec<String>,
        /// Other options of this line alone, such as `--config-settings`, with their values.
        settings: Vec<(String, String)>,
    },
    /// `-e`: a package that is used where it lies.
    Editable {
        /// Where it lies.
        place: Place,
        /// `algorithm:digest` of each `--hash`.
        hashes: Vec<String>,
        /// Other options of this line alone, with their values.
        settings: Vec<(String, String)>,
    },
    /// A folder, an archive or a URL without the name of the package.
    Path {
        /// Where it lies.
        place: Place,
        /// `algorithm:digest` of each `--hash`.
        hashes: Vec<String>,
        /// Other options of this line alone, with their values.
        settings: Vec<(String, String)>,
    },
    /// `-r`: another requirements file.
    Include {
        /// As it is written: a URL, or a path relative to the file that it stands in.
        path: String,
    },
    /// `-c`: a constraints file.
    Constraint {
        /// As it is written: a URL, or a path relative to the file that it stands in.
        path: String,
    },
    /// An option for the whole installation.
    Option {
        /// The long name: `--index-url`, also for `-i`.
        name: String,
        /// Its value, if it takes one.
        value: Option<String>,
    },
}

impl fmt::Debug for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_credentials(&canonical::text(self, Utf8Path::new(""))))
    }
}
