//! What a `pylock.toml` holds, the standard lock ([specification]). It is only read here: what is made of it is for
//! those who install or download from it.
//!
//! [specification]: https://packaging.python.org/en/latest/specifications/pylock-toml/

use std::collections::BTreeMap;

use serde::Deserialize;

/// A `pylock.toml`. Keys that say nothing about what is to be installed are left aside.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pylock {
    /// `1.0`; see [`Pylock::is_known`].
    pub lock_version: String,
    /// The Pythons that the lock is for.
    pub requires_python: Option<String>,
    /// Markers, one of which must hold; empty for everywhere.
    #[serde(default)]
    pub environments: Vec<String>,
    /// What is locked.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// A package. One of `wheels` and `sdist`, `archive`, `vcs` and `directory` says where it comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, where it has a fixed one.
    pub version: Option<String>,
    /// Where it is installed; `None` for everywhere.
    pub marker: Option<String>,
    /// The Pythons that it is for.
    pub requires_python: Option<String>,
    /// The index that it was found on.
    pub index: Option<String>,
    /// Its wheels.
    #[serde(default)]
    pub wheels: Vec<Artifact>,
    /// Its source distribution.
    pub sdist: Option<Artifact>,
    /// An archive that no index has.
    pub archive: Option<Artifact>,
    /// A checkout.
    pub vcs: Option<Vcs>,
    /// A folder.
    pub directory: Option<Directory>,
}

/// A file.
#[derive(Clone, Debug, Deserialize)]
pub struct Artifact {
    /// Its file name, where it is not the last part of the URL or the path.
    pub name: Option<String>,
    /// Where to get it.
    pub url: Option<String>,
    /// Where it lies, relative to the folder of the lock.
    pub path: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Digests in hexadecimal digits, by the name of their algorithm.
    #[serde(default)]
    pub hashes: BTreeMap<String, String>,
}

/// A revision of a version control system.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Vcs {
    /// `git`, `hg`, `svn`, `bzr`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The repository.
    pub url: Option<String>,
    /// Where the repository lies, relative to the folder of the lock.
    pub path: Option<String>,
    /// The revision.
    pub commit_id: String,
    /// The package's folder in the repository.
    pub subdirectory: Option<String>,
}

/// A folder on this machine.
#[derive(Clone, Debug, Deserialize)]
pub struct Directory {
    /// Where it lies, relative to the folder of the lock.
    pub path: String,
    /// Whether the package is used where it lies.
    #[serde(default)]
    pub editable: bool,
    /// The package's folder in it.
    pub subdirectory: Option<String>,
}

impl Pylock {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Where it is not TOML, or not of this form; with the line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether its format is one that can be read: 1.x.
    pub fn is_known(&self) -> bool {
        self.lock_version.split('.').next() == Some("1")
    }
}
