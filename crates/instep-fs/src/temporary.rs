//! Names of the files and folders that exist only while another is being replaced, so that what a
//! killed process left behind is known by its name and can be dropped.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Action, Error, failed};
use crate::tree::delete;

/// The ending of every temporary name. Anything that lists a folder for a person can skip names
/// with it.
const SUFFIX: &str = ".instep-tmp";

/// A builder of `.<name>.<random>.instep-tmp` in the folder of `path`.
pub(crate) fn builder(prefix: &str) -> tempfile::Builder<'_, '_> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX).rand_bytes(8);
    builder
}

/// The part of a temporary name that says what it stands in for: `.<name>.`.
pub(crate) fn prefix(path: &Utf8Path) -> String {
    [".", path.file_name().unwrap_or("root"), "."].concat()
}

/// The folder that `path` stands in; the working folder for a bare name.
pub(crate) fn folder_of(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    }
}

/// Drops what killed writers of `path` left beside it: files of
/// [`write_atomic`](crate::write_atomic) and trees of [`remove_tree`](crate::remove_tree). Returns
/// how many there were.
///
/// A temporary of a writer that is still at work looks the same, so call it only while holding the
/// lock that the writers take. A folder that does not exist has no leftovers.
pub fn remove_stale_temporaries(path: &Utf8Path) -> Result<usize, Error> {
    match path.file_name() {
        Some(name) => remove_where(folder_of(path), &|target| target == name),
        None => Ok(0),
    }
}

/// Like [`remove_stale_temporaries`], whatever it was that was written: for a folder in which nobody
/// else writes.
pub fn remove_all_stale_temporaries(folder: &Utf8Path) -> Result<usize, Error> {
    remove_where(folder, &|_| true)
}

fn remove_where(folder: &Utf8Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<usize, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(Action::Read, folder)(error)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(failed(Action::Read, folder))?;
        let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
        if path.file_name().and_then(target_of).is_some_and(is_wanted) {
            delete(&path).map_err(failed(Action::Remove, &path))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The name of what a temporary was to become; `None` for anything else.
fn target_of(found: &str) -> Option<&str> {
    let (name, random) = found.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let is_random = !random.is_empty() && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_random && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_temporaries_go_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        for name in [".a.json.Ab1.instep-tmp", ".b.x9.instep-tmp", "c.instep-tmp", ".d", "e.json"] {
            fs_err::write(folder.join(name), "x").unwrap();
        }
        assert_eq!(remove_all_stale_temporaries(folder).unwrap(), 2);
        let mut left: Vec<String> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        left.sort();
        assert_eq!(left, [".d", "c.instep-tmp", "e.json"]);
    }

    #[test]
    fn only_temporaries_of_the_name_are_known() {
        let table = [
            (".manifest.json.a1B2c3d4.instep-tmp", "manifest.json", true),
            ("..venv.a1B2c3d4.instep-tmp", ".venv", true),
            (".manifest.json.instep-tmp", "manifest.json", false),
            (".manifest.json..instep-tmp", "manifest.json", false),
            (".manifest.json.bak.a1B2.instep-tmp", "manifest.json", false),
            (".other.json.a1B2c3d4.instep-tmp", "manifest.json", false),
            ("manifest.json", "manifest.json", false),
            (".manifest.json.a1B2c3d4.tmp", "manifest.json", false),
        ];
        for (found, name, expected) in table {
            assert_eq!(target_of(found) == Some(name), expected, "{found}");
        }
    }

    #[test]
    fn leftovers_are_dropped_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::write(root.join(".f.abcdefgh.instep-tmp"), "half").unwrap();
        fs_err::create_dir_all(root.join(".f.hgfedcba.instep-tmp/sub")).unwrap();
        fs_err::write(root.join("f"), "whole").unwrap();
        fs_err::write(root.join(".g.abcdefgh.instep-tmp"), "another's").unwrap();

        assert_eq!(remove_stale_temporaries(&root.join("f")).unwrap(), 2);
        assert_eq!(remove_stale_temporaries(&root.join("f")).unwrap(), 0);
        assert!(root.join("f").exists() && root.join(".g.abcdefgh.instep-tmp").exists());
        assert_eq!(remove_stale_temporaries(&root.join("absent").join("f")).unwrap(), 0);
    }
}
