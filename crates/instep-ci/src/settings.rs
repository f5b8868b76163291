//! What everything follows.

use std::collections::BTreeMap;

/// The commands and versions that every file follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Install commands by name, as in `uv sync --all-extras --dev`.
    pub commands: BTreeMap<String, String>,
    /// What commands were configured before, by name: what is still written like that follows too.
    pub former: BTreeMap<String, Vec<String>>,
    /// Versions of Python: matrices get all of them, everything else the first.
    pub python: Vec<String>,
    /// The version of uv.
    pub uv: Option<String>,
    /// Files that are looked at beside those that are known by their names, as in `.gitignore`.
    pub include: Vec<String>,
    /// Files that are not looked at, as in `.gitignore`.
    pub exclude: Vec<String>,
}
