//! The manifest: what one environment was built from, written when it stands.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock;
use crate::digest::Digest;
use crate::error::{Error, remove_file};
use crate::json;
use crate::reason::Reason;
use crate::run_id::RunId;

/// What an environment was built from, kept in `manifest.json` beside it.
///
/// camelCase JSON with a `schemaVersion`. Keys that this version does not know are kept when the
/// file is rewritten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The version of the application that the environment serves, if it has one.
    pub app_version: Option<String>,
    /// The digest of all that the requirements ask for,
    /// see [`Requirements::digest`](crate::requirements::Requirements::digest).
    pub requirements_hash: Digest,
    /// When the environment was last brought in step: RFC 3339, UTC, milliseconds. The machine's
    /// clock may have been wrong, see [`clock::later_of`].
    #[serde(with = "clock::milliseconds")]
    pub last_sync_time: Timestamp,
    /// The full version of the interpreter: `3.12.4`.
    pub python_version: String,
    /// The reason that led to the sync, the first of `reasons`.
    pub sync_reason: Reason,
    /// All reasons that applied.
    pub reasons: Vec<Reason>,
    /// What installed the packages.
    pub tool: Tool,
    /// The platform tag of wheels for this interpreter: `linux_x86_64`.
    pub platform_tag: String,
    /// The ABI tag of wheels for this interpreter: `cp312`.
    pub abi_tag: String,
    /// The interpreter inside the environment, absolute.
    pub interpreter: Utf8PathBuf,
    /// The interpreter that the environment was made with, absolute.
    pub base_interpreter: Utf8PathBuf,
    /// Where the environment was when it was built, absolute; another place now means that it was
    /// copied or moved.
    pub environment: Utf8PathBuf,
    /// The files it was built from.
    pub inputs: Vec<Input>,
    /// The options that decide what is installed, by name.
    pub options: BTreeMap<String, String>,
    /// What was installed: versions as the packages' metadata give them.
    pub packages: BTreeMap<PackageName, String>,
    /// Steps that ran after the sync, by name, with the digest of their inputs.
    pub steps: BTreeMap<String, Digest>,
    /// The run that wrote this.
    pub run_id: RunId,
    /// Keys that this version does not know.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// A program that installs packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `uv`, `pip` or `pip-tools`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One file that an environment was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Relative to the root, in POSIX form, when inside it, else absolute.
    pub path: String,
    /// What the file is.
    pub kind: InputKind,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// What a file that an environment was built from is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// A requirements file, given or included by `-r`.
    Requirements,
    /// A constraints file, included by `-c`.
    Constraint,
    /// A lock in the form of a requirements file.
    Lock,
    /// The metadata of a package at a local path.
    LocalMetadata,
    /// A project's `pyproject.toml` or `uv.lock`.
    Project,
    /// A `pylock.toml` (PEP 751).
    Pylock,
}

impl Manifest {
    /// The newest schema that this version reads, and the one it writes.
    pub const SCHEMA_VERSION: u32 = 1;

    /// Reads a manifest; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NewerSchema`], [`Error::Corrupt`] (also when it is only half there), or
    /// [`Error::File`].
    pub fn load(path: &Utf8Path) -> Result<Option<Self>, Error> {
        let mut manifest: Option<Self> = json::load(path, Self::SCHEMA_VERSION)?;
        if let Some(manifest) = &mut manifest {
            manifest.unknown.remove(json::SCHEMA_VERSION);
        }
        Ok(manifest)
    }

    /// Writes it by atomic replace: indented, with a final newline.
    pub fn save(&self, path: &Utf8Path) -> Result<(), Error> {
        json::save(path, Self::SCHEMA_VERSION, self)
    }

    /// Deletes a manifest; none there is fine.
    pub fn remove(path: &Utf8Path) -> Result<(), Error> {
        remove_file(path)
    }
}
