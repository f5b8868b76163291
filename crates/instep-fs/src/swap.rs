//! Putting a finished folder in the place of an old one.

use std::io;

use camino::Utf8Path;

use crate::error::{Action, Error, failed};
use crate::retry::while_in_use;
use crate::temporary::folder_of;
use crate::write::flush_folder;

/// Makes `target` be what `staged` was, and moves what was at `target` to `aside`, where nothing
/// may be yet. `target` may be missing, and then nothing is at `aside` afterwards. All three must
/// lie on one file system. Symbolic links are moved themselves, never followed.
///
/// On Linux the two are exchanged in one step (`renameat2` with `RENAME_EXCHANGE`): at no moment is
/// `target` missing. Where the platform or the file system cannot do that, `target` is moved aside
/// first and moved back if the second step fails; a process killed just between the two leaves the
/// old tree whole at `aside`.
///
/// # Errors
///
/// [`Error::Io`] with the path that could not be moved; `target` and `staged` are then as they
/// were.
pub fn swap_trees(staged: &Utf8Path, target: &Utf8Path, aside: &Utf8Path) -> Result<(), Error> {
    if is_there(aside)? {
        return Err(failed(Action::Rename, aside)(io::ErrorKind::AlreadyExists.into()));
    }
    if !is_there(target)? {
        rename(staged, target)?;
    } else if exchange(staged, target)? {
        if let Err(error) = rename(staged, aside) {
            // Should this fail too, both trees are still whole, and the first error says more.
            let _ = exchange(staged, target);
            return Err(error);
        }
    } else {
        by_two_renames(staged, target, aside)?;
    }
    for path in [target, aside] {
        flush_folder(folder_of(path));
    }
    Ok(())
}

fn by_two_renames(staged: &Utf8Path, target: &Utf8Path, aside: &Utf8Path) -> Result<(), Error> {
    rename(target, aside)?;
    if let Err(error) = rename(staged, target) {
        let _ = rename(aside, target);
        return Err(error);
    }
    Ok(())
}

fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    while_in_use(|| std::fs::rename(from, to)).map_err(failed(Action::Rename, from))
}

fn is_there(path: &Utf8Path) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(Action::Read, path)(error)),
    }
}

/// Exchanges the two in one step; false when this file system or kernel cannot.
#[cfg(target_os = "linux")]
fn exchange(one: &Utf8Path, other: &Utf8Path) -> Result<bool, Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one.as_str(), CWD, other.as_str(), RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        Err(errno) => Err(failed(Action::Rename, other)(errno.into())),
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "it fails where it can be done")]
fn exchange(_one: &Utf8Path, _other: &Utf8Path) -> Result<bool, Error> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    struct Places {
        _guard: tempfile::TempDir,
        staged: Utf8PathBuf,
        target: Utf8PathBuf,
        aside: Utf8PathBuf,
    }

    fn places(old: bool) -> Places {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let places = Places {
            staged: root.join("staged"),
            target: root.join(".venv"),
            aside: root.join("aside"),
            _guard: guard,
        };
        fs_err::create_dir_all(places.staged.join("bin")).unwrap();
        fs_err::write(places.staged.join("bin/python"), "new").unwrap();
        if old {
            fs_err::create_dir_all(places.target.join("bin")).unwrap();
            fs_err::write(places.target.join("bin/python"), "old").unwrap();
        }
        places
    }

    fn python(tree: &Utf8Path) -> Option<String> {
        fs_err::read_to_string(tree.join("bin/python")).ok()
    }

    fn state(places: &Places) -> (Option<String>, Option<String>, Option<String>) {
        (python(&places.staged), python(&places.target), python(&places.aside))
    }

    #[test]
    fn the_old_tree_goes_aside() {
        let places = places(true);
        swap_trees(&places.staged, &places.target, &places.aside).unwrap();
        assert_eq!(state(&places), (None, Some("new".into()), Some("old".into())));
    }

    #[test]
    fn a_missing_target_is_just_filled() {
        let places = places(false);
        swap_trees(&places.staged, &places.target, &places.aside).unwrap();
        assert_eq!(state(&places), (None, Some("new".into()), None));
        assert!(!places.aside.exists());
    }

    #[test]
    fn two_renames_do_the_same() {
        let places = places(true);
        by_two_renames(&places.staged, &places.target, &places.aside).unwrap();
        assert_eq!(state(&places), (None, Some("new".into()), Some("old".into())));
    }

    #[test]
    fn a_failing_second_rename_puts_the_old_tree_back() {
        let places = places(true);
        let missing = places.staged.with_file_name("missing");
        assert!(by_two_renames(&missing, &places.target, &places.aside).is_err());
        assert_eq!(state(&places), (Some("new".into()), Some("old".into()), None));
    }

    #[test]
    fn a_place_aside_that_is_taken_changes_nothing() {
        let places = places(true);
        fs_err::create_dir(&places.aside).unwrap();
        let error = swap_trees(&places.staged, &places.target, &places.aside).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if *path == places.aside), "{error:?}");
        assert_eq!(state(&places), (Some("new".into()), Some("old".into()), None));
    }

    #[test]
    fn a_place_aside_that_cannot_be_reached_changes_nothing() {
        let places = places(true);
        let aside = places.aside.join("missing/folder");
        swap_trees(&places.staged, &places.target, &aside).unwrap_err();
        assert_eq!(state(&places), (Some("new".into()), Some("old".into()), None));
    }

    #[test]
    fn a_missing_staged_tree_leaves_the_target() {
        let places = places(true);
        let missing = places.staged.with_file_name("missing");
        swap_trees(&missing, &places.target, &places.aside).unwrap_err();
        assert_eq!(state(&places), (Some("new".into()), Some("old".into()), None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_target_is_never_missing() {
        let places = places(true);
        if !exchange(&places.staged, &places.target).unwrap() {
            // The file system of the temporary folder cannot exchange; the promise is not made
            // there.
            return;
        }
        std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                for _ in 0..200 {
                    swap_trees(&places.staged, &places.target, &places.aside).unwrap();
                    fs_err::rename(&places.aside, &places.staged).unwrap();
                }
            });
            while !swapping.is_finished() {
                assert!(places.target.exists());
            }
        });
    }
}
