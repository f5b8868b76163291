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
        json::load_at_once(path, Self::SCHEMA_VERSION, |manifest: &mut Self| {
            manifest.unknown.remove(json::SCHEMA_VERSION)?.as_u64()
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("env/manifest.json");
        (folder, path)
    }

    fn manifest() -> Manifest {
        Manifest {
            app_version: Some("1.4.0".to_owned()),
            requirements_hash: Digest::of(b"requirements"),
            last_sync_time: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            python_version: "3.12.4".to_owned(),
            sync_reason: Reason::PythonChanged,
            reasons: vec![Reason::PythonChanged, Reason::RequirementsChanged],
            tool: Tool { name: "uv".to_owned(), version: "0.9.1".to_owned() },
            platform_tag: "linux_x86_64".to_owned(),
            abi_tag: "cp312".to_owned(),
            interpreter: "/p/.venv/bin/python".into(),
            base_interpreter: "/usr/bin/python3.12".into(),
            environment: "/p/.venv".into(),
            inputs: vec![
                Input {
                    path: "requirements.txt".to_owned(),
                    kind: InputKind::Requirements,
                    digest: Digest::of(b"file"),
                },
                Input {
                    path: "pkg/pyproject.toml".to_owned(),
                    kind: InputKind::LocalMetadata,
                    digest: Digest::of(b"metadata"),
                },
            ],
            options: BTreeMap::from([("exact".to_owned(), "true".to_owned())]),
            packages: BTreeMap::from([("Typing_Extensions".parse().unwrap(), "4.1".to_owned())]),
            steps: BTreeMap::from([("playwright".to_owned(), Digest::of(b"step"))]),
            run_id: "20260102T030405678Z-1a2b".parse().unwrap(),
            unknown: Map::new(),
        }
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back() {
        let (_guard, path) = place();
        manifest().save(&path).unwrap();
        insta::assert_snapshot!(fs_err::read_to_string(&path).unwrap());
        assert_eq!(Manifest::load(&path).unwrap(), Some(manifest()));
    }

    #[test]
    fn no_application_version_is_said_as_null() {
        let (_guard, path) = place();
        let manifest = Manifest { app_version: None, ..manifest() };
        manifest.save(&path).unwrap();
        assert!(fs_err::read_to_string(&path).unwrap().contains("\"appVersion\": null"));
        assert_eq!(Manifest::load(&path).unwrap(), Some(manifest));
    }

    #[test]
    fn keys_that_are_not_known_are_kept() {
        let (_guard, path) = place();
        manifest().save(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let note = "{\n  \"note\": {\"by\": [1, null]},";
        fs_err::write(&path, text.replacen('{', note, 1)).unwrap();

        let mut read = Manifest::load(&path).unwrap().unwrap();
        assert_eq!(read.unknown.keys().collect::<Vec<_>>(), ["note"]);
        read.python_version = "3.13.0".to_owned();
        read.save(&path).unwrap();
        let again = Manifest::load(&path).unwrap().unwrap();
        assert_eq!(again.unknown, read.unknown);
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(text.matches("schemaVersion").count(), 1, "{text}");
    }

    #[test]
    fn a_missing_one_is_none_and_removing_it_is_fine() {
        let (_guard, path) = place();
        assert_eq!(Manifest::load(&path).unwrap(), None);
        Manifest::remove(&path).unwrap();
        manifest().save(&path).unwrap();
        Manifest::remove(&path).unwrap();
        assert_eq!(Manifest::load(&path).unwrap(), None);
    }

    #[test]
    fn a_newer_schema_is_refused_however_it_looks() {
        let (_guard, path) = place();
        manifest().save(&path).unwrap();
        for text in [
            fs_err::read_to_string(&path).unwrap().replace("ersion\": 1,", "ersion\": 2,"),
            "{\"everything\": \"else\", \"schemaVersion\": 7}".to_owned(),
        ] {
            fs_err::write(&path, &text).unwrap();
            match Manifest::load(&path) {
                Err(error @ Error::NewerSchema { found: 2 | 7, supported: 1, .. }) => {
                    assert!(error.hint().unwrap().contains("update instep"));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn half_a_file_is_corrupt_wherever_it_ends() {
        let (_guard, path) = place();
        manifest().save(&path).unwrap();
        let whole = fs_err::read(&path).unwrap();
        for end in 0..whole.len() - 2 {
            fs_err::write(&path, &whole[..end]).unwrap();
            let loaded = Manifest::load(&path);
            assert!(matches!(loaded, Err(Error::Corrupt { .. })), "{end}: {loaded:?}");
        }
    }

    #[test]
    fn a_corrupt_one_says_where() {
        let (_guard, path) = place();
        manifest().save(&path).unwrap();
        let whole = fs_err::read_to_string(&path).unwrap();
        let table = [
            (whole.replace("python_changed", "because"), 7),
            (whole.replace("blake3:", "md5:"), 4),
            (whole.replace("\"3.12.4\"", "3.12.4"), 6),
            ("[]".to_owned(), 1),
            ("\0\0\0".to_owned(), 1),
        ];
        for (text, expected) in table {
            fs_err::write(&path, &text).unwrap();
            match Manifest::load(&path) {
                Err(error @ Error::Corrupt { line, .. }) => {
                    assert_eq!(line, expected, "{text}");
                    assert!(error.to_string().contains("manifest.json"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
