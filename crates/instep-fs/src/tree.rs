//! Deleting a folder with all it holds.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Action, Error, failed};
use crate::retry::while_in_use;
use crate::temporary::{builder, folder_of, prefix};

/// Removes what is at `path`: a folder with all it holds, a file, or a symbolic link (never what it
/// leads to). Nothing there is fine.
///
/// The tree is first renamed to `.<name>.<random>.instep-tmp` beside it, in one step, and deleted
/// then: nobody ever sees half of it at `path`, also when this process is killed. Read-only files
/// and folders are made writable as needed.
///
/// # Errors
///
/// [`Error::Io`] when it could not be moved aside (on Windows: a program runs from it); nothing was
/// deleted then. [`Error::LeftBehind`] when it is gone from `path` but could not be deleted wholly;
/// [`remove_stale_temporaries`](crate::remove_stale_temporaries) deletes the rest another time.
pub fn remove_tree(path: &Utf8Path) -> Result<(), Error> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return delete(path).map_err(failed(Action::Remove, path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(Action::Remove, path)(error)),
    }
    let aside = move_aside(path).map_err(failed(Action::Remove, path))?;
    delete(&aside).map_err(|source| Error::LeftBehind {
        path: path.to_owned(),
        leftover: aside,
        source,
    })
}

/// Like [`remove_tree`], but where it stands: killed half-way, it leaves a part of the tree at `path`,
/// for whom that is the sign that something was not brought to its end.
pub fn remove_tree_in_place(path: &Utf8Path) -> Result<(), Error> {
    delete(path).map_err(failed(Action::Remove, path))
}

fn move_aside(path: &Utf8Path) -> io::Result<Utf8PathBuf> {
    let prefix = prefix(path);
    // The rename itself takes the name: a folder that is there already, unless empty, refuses it.
    let moved = builder(&prefix)
        .make_in(folder_of(path), |aside| while_in_use(|| std::fs::rename(path, aside)))?;
    let mut aside = moved.into_temp_path();
    aside.disable_cleanup(true);
    Utf8PathBuf::from_path_buf(aside.to_path_buf())
        .map_err(|_| io::ErrorKind::InvalidFilename.into())
}

/// Deletes a file, a link or a whole tree in place.
pub(crate) fn delete(path: &Utf8Path) -> io::Result<()> {
    match delete_once(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            while_in_use(|| delete_once(path))
        }
        Err(_) if cfg!(windows) => while_in_use(|| delete_once(path)),
        done => done,
    }
}

fn delete_once(path: &Utf8Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        std::fs::remove_dir_all(path)
    } else if is_folder_link(&metadata) {
        std::fs::remove_dir(path)
    } else {
        std::fs::remove_file(path)
    }
}

/// Windows removes a link to a folder as it removes a folder.
#[cfg(windows)]
fn is_folder_link(metadata: &std::fs::Metadata) -> bool {
    use std::os::windows::fs::FileTypeExt;
    metadata.file_type().is_symlink_dir()
}

#[cfg(not(windows))]
fn is_folder_link(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// Takes away what keeps an owner from deleting: folders without write permission on Unix,
/// read-only files on Windows.
fn make_writable(path: &Utf8Path) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    if let Some(writable) = writable(&metadata) {
        std::fs::set_permissions(path, writable)?;
    }
    if metadata.is_dir() {
        for entry in path.read_dir_utf8()? {
            make_writable(entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn writable(metadata: &std::fs::Metadata) -> Option<std::fs::Permissions> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode();
    (metadata.is_dir() && mode & 0o700 != 0o700)
        .then(|| std::fs::Permissions::from_mode(mode | 0o700))
}

#[cfg(not(unix))]
#[expect(clippy::permissions_set_readonly_false, reason = "the attribute concerns the owner alone")]
fn writable(metadata: &std::fs::Metadata) -> Option<std::fs::Permissions> {
    let mut permissions = metadata.permissions();
    permissions.readonly().then(|| {
        permissions.set_readonly(false);
        permissions
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, root)
    }

    fn tree(path: &Utf8Path) {
        fs_err::create_dir_all(path.join("lib/deep")).unwrap();
        fs_err::write(path.join("lib/deep/file"), "x").unwrap();
    }

    fn is_empty(folder: &Utf8Path) -> bool {
        folder.read_dir_utf8().unwrap().next().is_none()
    }

    #[test]
    fn a_tree_a_file_and_nothing_are_removed_without_a_trace() {
        let (_guard, root) = root();
        tree(&root.join(".venv"));
        fs_err::write(root.join("file"), "x").unwrap();
        for name in [".venv", "file", "absent"] {
            remove_tree(&root.join(name)).unwrap();
        }
        assert!(is_empty(&root));
    }

    #[test]
    fn read_only_files_are_removed() {
        let (_guard, root) = root();
        tree(&root.join("t"));
        let file = root.join("t/lib/deep/file");
        let mut permissions = fs_err::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs_err::set_permissions(&file, permissions).unwrap();
        remove_tree(&root.join("t")).unwrap();
        assert!(is_empty(&root));
    }

    #[cfg(unix)]
    #[test]
    fn folders_without_permissions_are_made_writable() {
        use std::os::unix::fs::PermissionsExt;
        let (_guard, root) = root();
        tree(&root.join("t"));
        let locked = root.join("t/lib");
        fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
        // Root may delete in any folder, so what is asserted is the step that others need.
        make_writable(&root.join("t")).unwrap();
        let mode = fs_err::metadata(&locked).unwrap().permissions().mode();
        assert_eq!(mode & 0o700, 0o700);
        fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
        remove_tree(&root.join("t")).unwrap();
        assert!(is_empty(&root));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_unlinked_and_never_followed() {
        let (_guard, root) = root();
        tree(&root.join("kept"));
        tree(&root.join("t"));
        std::os::unix::fs::symlink(root.join("kept"), root.join("t/inside")).unwrap();
        std::os::unix::fs::symlink(root.join("kept"), root.join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        for name in ["t", "link", "dangling"] {
            remove_tree(&root.join(name)).unwrap();
            assert!(std::fs::symlink_metadata(root.join(name)).is_err(), "{name}");
        }
        assert!(root.join("kept/lib/deep/file").exists());
    }
}
