//! What a layer is.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::Serialize;

/// Requirements with a lock of their own, which may build on other layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name, unique, and one that a package could have (PEP 508).
    pub name: String,
    /// What it asks for.
    pub input: Input,
    /// Its lock.
    pub output: Utf8PathBuf,
    /// The minor version of Python that it holds from, such as `3.12`; by default the interpreter's.
    pub python: Option<String>,
    /// The one platform that it is for, in uv's words (`linux`, `x86_64-manylinux_2_28`); by default
    /// every one.
    pub platform: Option<String>,
    /// Whether its lock has the digests of the files.
    pub hashes: bool,
    /// Layers that are never installed together with this one, and may have other versions.
    pub conflicts: BTreeSet<String>,
}

impl Layer {
    /// What is asked of the tool for it beside Python and platform, a text each.
    pub(crate) fn options(&self) -> Vec<String> {
        let mut options = vec![["hashes=", if self.hashes { "1" } else { "0" }].concat()];
        options.extend(self.conflicts.iter().map(|other| ["conflicts=", other].concat()));
        options
    }
}

/// Where the requirements of a layer stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// In a requirements file, by custom `NAME.in`.
    File(Utf8PathBuf),
    /// In the dependency group of a `pyproject.toml`
    /// ([PEP 735](https://peps.python.org/pep-0735/)).
    Group {
        /// The file.
        pyproject: Utf8PathBuf,
        /// The group.
        group: String,
    },
    /// In the `dependencies` of a `pyproject.toml`, and those of one of its extras.
    Project {
        /// The file.
        pyproject: Utf8PathBuf,
        /// The extra.
        extra: Option<String>,
    },
}

impl Input {
    /// The file that they stand in.
    pub fn path(&self) -> &Utf8PathBuf {
        match self {
            Self::File(path) => path,
            Self::Group { pyproject, .. } | Self::Project { pyproject, .. } => pyproject,
        }
    }
}

/// How layers are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once: a package has one version everywhere by construction. Needs uv.
    Joint,
    /// One after the other, those that are built on first, and the others held to their pins.
    Layered,
}

impl Strategy {
    /// Reads it from a lock.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Joint, Self::Layered].into_iter().find(|strategy| strategy.as_str() == word)
    }

    /// As it is written in configurations and locks.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Layered => "layered",
        }
    }
}
