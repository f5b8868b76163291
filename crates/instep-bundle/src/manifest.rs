//! `bundle.json`: what is in a bundle, and what could not be had.

use camino::Utf8Path;
use instep_fs::RelativePath;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;
use crate::layout::{MANIFEST, METADATA};

/// The version of the format that this version writes. Others are read up to it.
pub(crate) const SCHEMA: u32 = 1;

/// What a bundle says of itself. It is for people and for programs that look for something; what vouches for the
/// contents is the TUF metadata, and this file is one of its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The version of this format.
    pub schema_version: u32,
    /// `instep`.
    pub tool: String,
    /// The version of the tool that made it.
    pub tool_version: String,
    /// Its name, as the configuration says.
    pub name: String,
    /// When it was made: RFC 3339, UTC.
    pub created_at: String,
    /// The Pythons and platforms that it has wheels for.
    pub targets: Vec<ManifestTarget>,
    /// Wheels, by path.
    pub wheels: Vec<ManifestFile>,
    /// Images of containers.
    pub images: Vec<ManifestImage>,
    /// Configuration, locks and files of the project, by path.
    pub project: Vec<ManifestFile>,
    /// What was wanted and could not be had.
    pub missing: Vec<Missing>,
}

/// A Python on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestTarget {
    /// Its version: `3.12`.
    pub python: String,
    /// Its platform: `linux-x86_64`.
    pub platform: String,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestFile {
    /// Where it lies in the bundle.
    pub path: RelativePath,
    /// Bytes.
    pub size: u64,
    /// Of its content.
    pub digest: Digest,
}

/// An image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestImage {
    /// As it was asked for.
    pub reference: String,
    /// `linux/amd64`.
    pub platform: String,
    /// The digest of its manifest, by which a registry has it.
    pub digest: Digest,
    /// The digest of its configuration, by which docker and podman name it.
    pub image_id: Digest,
    /// The tar file.
    #[serde(flatten)]
    pub file: ManifestImageFile,
}

/// The tar file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestImageFile {
    /// Where it lies in the bundle.
    pub path: RelativePath,
    /// Bytes.
    pub size: u64,
}

/// What could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// What it would have been.
    pub kind: Kind,
    /// A package, an image's name, a path.
    pub what: String,
    /// Why, without secrets.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a part of a bundle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A wheel, or all of a lock.
    Wheel,
    /// An image of a container.
    Image,
    /// A file of the project.
    File,
}

impl Manifest {
    /// Reads that of a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::NotABundle`], and [`Error::Newer`] for a format of a later version.
    pub fn read(bundle: &Utf8Path) -> Result<Self, Error> {
        /// What every version of the format has.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
        }
        let path = bundle.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotABundle { path, reason: "it is not there".to_owned() });
            }
            Err(source) => return Err(Error::Io { action: "read", path, source }),
        };
        let wrong = |error: serde_json::Error| Error::NotABundle {
            path: path.clone(),
            reason: error.to_string(),
        };
        let version: Version = serde_json::from_slice(&text).map_err(wrong)?;
        if version.schema_version > SCHEMA {
            return Err(Error::Newer { path, found: version.schema_version, known: SCHEMA });
        }
        serde_json::from_slice(&text).map_err(wrong)
    }

    /// Writes it into a bundle.
    ///
    /// # Errors
    ///
    /// [`Error::Fs`].
    pub(crate) fn write(&self, bundle: &Utf8Path) -> Result<(), Error> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        Ok(instep_fs::write_atomic(&bundle.join(MANIFEST), &text)?)
    }
}

/// What tells one line of bundles from another, for whoever remembers the newest of each: the name, and the first of the
/// roots, which stays when keys change. It says nothing of who made the bundle before that is verified.
///
/// # Errors
///
/// Those of [`Manifest::read`].
pub fn line(bundle: &Utf8Path) -> Result<String, Error> {
    let name = Manifest::read(bundle)?.name;
    let first = bundle.join(METADATA).join("1.root.json");
    let root = if first.is_file() { Digest::of_file(&first)?.0.hex() } else { String::new() };
    Ok(Digest::of([&root, " ", &name].concat().as_bytes()).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(text: &str) -> (tempfile::TempDir, Result<Manifest, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(path.join(MANIFEST), text).unwrap();
        let read = Manifest::read(path);
        (folder, read)
    }

    #[test]
    fn the_file_is_as_documented_and_reads_back() {
        let file = |path: &str| ManifestFile {
            path: RelativePath::new(path).unwrap(),
            size: 3,
            digest: Digest::of(b"abc"),
        };
        let manifest = Manifest {
            schema_version: SCHEMA,
            tool: "instep".to_owned(),
            tool_version: "0.1.0".to_owned(),
            name: "site".to_owned(),
            created_at: "2026-01-02T03:04:05.678Z".to_owned(),
            targets: vec![ManifestTarget {
                python: "3.12".to_owned(),
                platform: "win-amd64".to_owned(),
            }],
            wheels: vec![file("wheels/a-1-py3-none-any.whl")],
            images: vec![ManifestImage {
                reference: "python:3.12-slim".to_owned(),
                platform: "linux/amd64".to_owned(),
                digest: Digest::of(b"manifest"),
                image_id: Digest::of(b"configuration"),
                file: ManifestImageFile {
                    path: RelativePath::new("images/python.tar").unwrap(),
                    size: 7,
                },
            }],
            project: vec![file("project/requirements.txt")],
            missing: vec![Missing {
                kind: Kind::Image,
                what: "nobody/nothing".to_owned(),
                reason: "no such image".to_owned(),
                hint: None,
            }],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        manifest.write(path).unwrap();
        assert_eq!(Manifest::read(path).unwrap(), manifest);
        insta::assert_snapshot!(std::fs::read_to_string(path.join(MANIFEST)).unwrap());
    }

    #[test]
    fn a_newer_one_is_refused_whatever_else_it_says() {
        let (_folder, read) = bundle(r#"{ "schemaVersion": 2, "name": ["new", "form"] }"#);
        assert!(matches!(read, Err(Error::Newer { found: 2, known: 1, .. })), "{read:?}");
    }

    #[test]
    fn what_is_none_is_said() {
        for text in ["", "{}", "[]", r#"{ "schemaVersion": 1 }"#, r#"{ "schemaVersion": -1 }"#] {
            let (_folder, read) = bundle(text);
            assert!(matches!(read, Err(Error::NotABundle { .. })), "{text}: {read:?}");
        }
        let nowhere = Manifest::read(Utf8Path::new("nowhere"));
        assert!(matches!(nowhere, Err(Error::NotABundle { .. })), "{nowhere:?}");
    }

    #[test]
    fn a_path_that_climbs_out_is_refused() {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/snapshots/instep_bundle__manifest__tests__the_file_is_as_documented_and_reads_back.snap"
        ));
        let text = text.unwrap();
        let json = text.splitn(3, "---").nth(2).unwrap();
        let (_folder, read) =
            bundle(&json.replace("project/requirements", "project/../../requirements"));
        assert!(matches!(read, Err(Error::NotABundle { .. })), "{read:?}");
        let (_folder, read) = bundle(json);
        read.unwrap();
    }
}
