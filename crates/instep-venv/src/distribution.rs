//! One installed package, as its `.dist-info` folder tells.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use pep508_rs::PackageName;
use serde::Deserialize;

use crate::error::Error;

/// An installed package
/// ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Normalised ([PEP 503](https://peps.python.org/pep-0503/)).
    pub name: PackageName,
    /// As the folder's name spells it.
    pub version: String,
    /// The name of its `.dist-info` (or, of old, `.egg-info`) folder.
    pub folder: String,
    /// The folder that holds it.
    pub site_packages: Utf8PathBuf,
    /// Where it was installed from, if not by name from an index.
    pub direct_url: Option<DirectUrl>,
    /// Whether its `METADATA` is there.
    pub has_metadata: bool,
    /// Whether its `RECORD` is there: installers write it last.
    pub has_record: bool,
}

impl Distribution {
    /// Path of its `METADATA`.
    pub fn metadata_path(&self) -> Utf8PathBuf {
        let folder = self.site_packages.join(&self.folder);
        if !self.is_egg_info() {
            return folder.join("METADATA");
        }
        if folder.is_file() { folder } else { folder.join("PKG-INFO") }
    }

    /// Path of its `RECORD`.
    pub fn record_path(&self) -> Utf8PathBuf {
        self.site_packages.join(&self.folder).join("RECORD")
    }

    /// Installed by distutils or `setup.py develop`: it has no `RECORD` to compare with.
    pub fn is_egg_info(&self) -> bool {
        self.folder.ends_with(".egg-info")
    }
}

/// `direct_url.json` ([PEP 610](https://peps.python.org/pep-0610/)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DirectUrl {
    /// The URL, without user-info.
    pub url: String,
    /// Set for a version control checkout.
    #[serde(default)]
    pub vcs_info: Option<VcsInfo>,
    /// Set for a local folder.
    #[serde(default)]
    pub dir_info: Option<DirInfo>,
    /// The folder inside the checkout or archive.
    #[serde(default)]
    pub subdirectory: Option<String>,
}

/// The version control part of a [`DirectUrl`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct VcsInfo {
    /// `git`, `hg`, `svn`, `bzr`.
    #[serde(default)]
    pub vcs: String,
    /// What was asked for: a branch, a tag, a commit.
    #[serde(default)]
    pub requested_revision: Option<String>,
    /// The commit that is installed.
    #[serde(default)]
    pub commit_id: String,
}

/// The folder part of a [`DirectUrl`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DirInfo {
    /// Installed in place (PEP 660).
    #[serde(default)]
    pub editable: bool,
}

impl DirectUrl {
    /// Installed in place.
    pub fn is_editable(&self) -> bool {
        self.dir_info.as_ref().is_some_and(|info| info.editable)
    }
}

/// All packages of a `site-packages` folder, by name.
///
/// Of two `.dist-info` folders with one name (an installation that was cut off), the later in
/// sorting order is listed; `apply` never leaves two behind.
pub fn list(site_packages: &Utf8Path) -> Result<BTreeMap<PackageName, Distribution>, Error> {
    let mut found = BTreeMap::new();
    for folder in folders(site_packages)? {
        let Some((name, version)) = split_folder(&folder) else { continue };
        let path = site_packages.join(&folder);
        let mut distribution = Distribution {
            name: name.clone(),
            version,
            folder,
            site_packages: site_packages.to_owned(),
            direct_url: read_direct_url(&path),
            has_metadata: false,
            has_record: path.join("RECORD").is_file(),
        };
        distribution.has_metadata = distribution.metadata_path().is_file();
        found.insert(name, distribution);
    }
    Ok(found)
}

/// The names of the folders that make packages of a `site-packages`, sorted.
///
/// This is all that the check of an unchanged environment reads of it.
pub fn folders(site_packages: &Utf8Path) -> Result<Vec<String>, Error> {
    let read = |source| Error::Read { path: site_packages.to_owned(), source };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(site_packages).map_err(read)? {
        // A name that is not UTF-8 is no package's: dist-info names are ASCII.
        let Ok(name) = entry.map_err(read)?.file_name().into_string() else { continue };
        let is_leftover = name.starts_with('~');
        if !is_leftover && (name.ends_with(".dist-info") || name.ends_with(".egg-info")) {
            folders.push(name);
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

/// Whether pip was cut off while it replaced something: it renames what it will delete to `~name`.
pub fn has_leftovers(site_packages: &Utf8Path) -> bool {
    site_packages.read_dir_utf8().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|e| e.file_name().starts_with('~')))
    })
}

/// `Foo_Bar-1.0.dist-info` to `foo-bar` and `1.0`.
pub fn split_folder(folder: &str) -> Option<(PackageName, String)> {
    let (stem, is_egg) = match folder.strip_suffix(".dist-info") {
        Some(stem) => (stem, false),
        None => (folder.strip_suffix(".egg-info")?, true),
    };
    let stem = match stem.rsplit_once("-py") {
        Some((before, python)) if is_egg && python.starts_with(|c: char| c.is_ascii_digit()) => {
            before
        }
        _ => stem,
    };
    // `setup.py develop` leaves `name.egg-info` without a version.
    let (name, version) = stem.rsplit_once('-').unwrap_or((stem, "0"));
    if name.is_empty() {
        return None;
    }
    Some((PackageName::new(name.to_owned()).ok()?, version.to_owned()))
}

fn read_direct_url(folder: &Utf8Path) -> Option<DirectUrl> {
    let text = fs::read_to_string(folder.join("direct_url.json")).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_give_name_and_version() {
        let table = [
            ("Foo_Bar-1.0.dist-info", Some(("foo-bar", "1.0"))),
            ("zope.interface-5.0+local.1.dist-info", Some(("zope-interface", "5.0+local.1"))),
            ("old-style-name-2.dist-info", Some(("old-style-name", "2"))),
            ("legacy-1.2-py3.11.egg-info", Some(("legacy", "1.2"))),
            ("py-pyfoo-1.0.dist-info", Some(("py-pyfoo", "1.0"))),
            ("develop.egg-info", Some(("develop", "0"))),
            ("numpy", None),
            (".dist-info", None),
            ("trailing_-1.0.dist-info", None),
            ("-1.0.dist-info", None),
            ("-1.0.dist-info", None),
        ];
        for (folder, expected) in table {
            let found = split_folder(folder);
            let found = found.as_ref().map(|(name, version)| (name.as_ref(), version.as_str()));
            assert_eq!(found, expected, "{folder}");
        }
    }

    #[test]
    fn what_pip_is_about_to_delete_is_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        let site = Utf8Path::from_path(dir.path()).unwrap();
        fs::create_dir(site.join("~oo-1.0.dist-info")).unwrap();
        fs::create_dir(site.join("foo-1.0.dist-info")).unwrap();
        assert_eq!(folders(site).unwrap(), ["foo-1.0.dist-info"]);
        assert!(has_leftovers(site));
        assert_eq!(list(site).unwrap().len(), 1);
    }
}
