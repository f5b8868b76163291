//! The files of a project that a bundle carries, and those that a folder has.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;

use crate::error::Error;
use crate::names::{clashes, portable};

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Below the folder that was walked.
    pub(crate) path: RelativePath,
    /// Bytes.
    pub(crate) size: u64,
}

/// What cannot be carried, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// All that was found below some paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// By path, each once.
    pub(crate) files: Vec<Found>,
    pub(crate) refused: Vec<Refused>,
}

/// Every file at or below these paths, which are relative to `root`.
pub(crate) fn walk<'a>(root: &Utf8Path, paths: impl IntoIterator<Item = &'a RelativePath>) -> Walk {
    let mut walker = Walker { root, files: BTreeMap::new(), refused: Vec::new() };
    for path in paths {
        walker.visit(&path.to_path(root));
    }
    walker.refuse_names_that_are_one_elsewhere();
    let files = walker.files.into_iter().map(|(path, size)| Found { path, size }).collect();
    Walk { files, refused: walker.refused }
}

/// Every file of a folder.
///
/// # Errors
///
/// [`Error::Io`], also for what is neither a file nor a folder.
pub(crate) fn all(folder: &Utf8Path) -> Result<Vec<Found>, Error> {
    let mut walker = Walker { root: folder, files: BTreeMap::new(), refused: Vec::new() };
    walker.enter(folder);
    match walker.refused.pop() {
        None => Ok(walker.files.into_iter().map(|(path, size)| Found { path, size }).collect()),
        Some(Refused { path, reason }) => {
            Err(Error::NotCarried { path: folder.join(path), reason })
        }
    }
}

struct Walker<'a> {
    root: &'a Utf8Path,
    files: BTreeMap<RelativePath, u64>,
    refused: Vec<Refused>,
}

impl Walker<'_> {
    fn visit(&mut self, path: &Utf8Path) {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.refuse(path, error.to_string()),
        };
        if metadata.is_dir() {
            self.enter(path);
        } else if metadata.is_file() {
            let below = RelativePath::between(self.root, path);
            match below.map(|below| portable(below.as_str())) {
                Some(Ok(relative)) => {
                    self.files.insert(relative, metadata.len());
                }
                Some(Err(problem)) => self.refuse(path, format!("its name {problem}")),
                None => self.refuse(path, "not every system can hold its name".to_owned()),
            }
        } else if metadata.is_symlink() {
            self.refuse(path, "it is a link, and links are not carried".to_owned());
        } else {
            self.refuse(path, "it is neither a file nor a folder".to_owned());
        }
    }

    fn enter(&mut self, folder: &Utf8Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(folder, error.to_string()),
        };
        for entry in entries {
            match entry {
                Err(error) => self.refuse(folder, error.to_string()),
                Ok(entry) => match Utf8PathBuf::try_from(entry.path()) {
                    Ok(path) => self.visit(&path),
                    Err(error) => {
                        let shown = error.into_path_buf().display().to_string();
                        self.refuse(Utf8Path::new(&shown), "its name is not UTF-8".to_owned());
                    }
                },
            }
        }
    }

    fn refuse(&mut self, path: &Utf8Path, reason: String) {
        let path = path.strip_prefix(self.root).unwrap_or(path).to_string();
        self.refused.push(Refused { path, reason });
    }

    /// Names that differ in case alone are one file on Windows and macOS.
    fn refuse_names_that_are_one_elsewhere(&mut self) {
        for (first, path) in clashes(self.files.keys().map(RelativePath::as_str)) {
            if let Ok(path) = RelativePath::new(&path) {
                self.files.remove(&path);
            }
            let reason = format!("`{first}` is the same name on Windows and macOS");
            self.refused.push(Refused { path, reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(walk: &Walk) -> Vec<&str> {
        walk.files.iter().map(|found| found.path.as_str()).collect()
    }

    #[test]
    fn what_is_below_is_found_once_in_order_with_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        for (name, text) in
            [("models/b.bin", "22"), ("models/a/c.bin", "333"), ("notes", "1"), ("other", "")]
        {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        let wanted =
            ["models", "notes", "models/b.bin"].map(|path| RelativePath::new(path).unwrap());
        let walk = walk(root, &wanted);
        assert_eq!(paths(&walk), ["models/a/c.bin", "models/b.bin", "notes"]);
        assert_eq!(walk.files.iter().map(|found| found.size).collect::<Vec<_>>(), [3, 2, 1]);
        assert!(walk.refused.is_empty());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let walk = walk(root, &[RelativePath::new("models").unwrap()]);
        assert_eq!(walk.refused.len(), 1);
        assert_eq!(walk.refused[0].path, "models");
    }

    #[cfg(unix)]
    #[test]
    fn what_other_systems_cannot_hold_or_leads_elsewhere_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let models = root.join("models");
        fs::create_dir(&models).unwrap();
        fs::write(models.join("a"), "").unwrap();
        fs::write(models.join("A"), "").unwrap();
        fs::write(models.join("b\\c"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", models.join("link")).unwrap();
        let walk = walk(root, &[RelativePath::new("models").unwrap()]);
        assert_eq!(paths(&walk), ["models/A"]);
        let mut refused: Vec<_> =
            walk.refused.iter().map(|refused| refused.path.as_str()).collect();
        refused.sort_unstable();
        assert_eq!(refused, ["models/a", "models/b\\c", "models/link"]);
        assert!(all(&models).is_err());
    }
}
