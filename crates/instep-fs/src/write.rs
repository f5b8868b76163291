//! Replacing a file's content in one step.

use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Action, Error, failed};
use crate::retry::while_in_use;
use crate::temporary::{builder, folder_of, prefix};

/// Replaces the content of `path` by `bytes`, so that a reader (also after a crash or a power cut)
/// finds either the old content or the new one.
///
/// Folders that are missing are made. The new content is written to a temporary file beside the
/// target, flushed to the disk and renamed over it, and then the folder is flushed. The permission
/// bits of an existing target are kept; a new file gets those that the process's umask leaves. A
/// symbolic link to a file stays, and the file it leads to is replaced.
///
/// On Windows a target that another program has open for a moment is tried again for about two
/// seconds.
///
/// # Errors
///
/// [`Error::Io`] with the path. The old content still stands and no temporary file is left; after a
/// `SIGKILL` one may be, see [`remove_stale_temporaries`](crate::remove_stale_temporaries).
pub fn write_atomic(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    let target = follow(path);
    replace(path, &target, bytes, true)?;
    flush_folder(folder_of(&target));
    Ok(())
}

/// Like [`write_atomic`], without waiting for the disk: a reader finds the old content or the new one,
/// also after a crash of the program, but a power cut may leave the file empty. For what can be had anew.
///
/// # Errors
///
/// Those of [`write_atomic`].
pub fn write_unflushed(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    replace(path, &follow(path), bytes, false)
}

/// The file that `path` leads to: itself, unless it is a symbolic link to something that exists.
fn follow(path: &Utf8Path) -> Utf8PathBuf {
    if path.is_symlink()
        && let Ok(target) = path.canonicalize_utf8()
    {
        return target;
    }
    path.to_owned()
}

/// Replaces `target`, which `path` leads to.
fn replace(
    path: &Utf8Path,
    target: &Utf8Path,
    bytes: &[u8],
    is_flushed: bool,
) -> Result<(), Error> {
    let folder = folder_of(target);
    std::fs::create_dir_all(folder).map_err(failed(Action::CreateFolder, folder))?;
    rename_over(target, folder, bytes, is_flushed).map_err(failed(Action::Write, path))
}

fn rename_over(
    target: &Utf8Path,
    folder: &Utf8Path,
    bytes: &[u8],
    is_flushed: bool,
) -> io::Result<()> {
    let prefix = prefix(target);
    // Opened plainly, so that a new file gets the permissions any new file gets, and on Windows not
    // the "temporary" attribute.
    let mut temporary = builder(&prefix).make_in(folder, |path| std::fs::File::create_new(path))?;
    temporary.write_all(bytes)?;
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(target) {
        temporary.as_file().set_permissions(metadata.permissions())?;
    }
    if is_flushed {
        temporary.as_file().sync_all()?;
    }

    // Closed before it is renamed: some Windows file systems do not rename an open file. Dropping
    // the path on failure removes the file.
    let mut temporary = temporary.into_temp_path();
    while_in_use(|| std::fs::rename(&temporary, target))?;
    temporary.disable_cleanup(true);
    Ok(())
}

/// Makes a rename in `folder` last through a power cut. The new content stands already, so a file
/// system that cannot flush a folder is no reason to report a failure.
#[cfg(unix)]
pub(crate) fn flush_folder(folder: &Utf8Path) {
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Windows has no way to flush a folder, and needs none: its journal keeps renames in order.
#[cfg(not(unix))]
pub(crate) fn flush_folder(_folder: &Utf8Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, root)
    }

    fn names(folder: &Utf8Path) -> Vec<String> {
        let mut names: Vec<_> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn missing_folders_are_made_and_nothing_else_is_left() {
        let (_guard, root) = folder();
        let path = root.join("a/b/manifest.json");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(names(&root.join("a/b")), ["manifest.json"]);
    }

    #[test]
    fn a_folder_in_the_way_fails_and_leaves_no_temporary() {
        let (_guard, root) = folder();
        let path = root.join("taken");
        fs_err::create_dir_all(path.join("inside")).unwrap();
        let error = write_atomic(&path, b"new").unwrap_err();
        assert!(matches!(&error, Error::Io { path: named, .. } if *named == path), "{error:?}");
        assert_eq!(names(&root), ["taken"]);
    }

    #[test]
    fn readers_see_the_old_or_the_new_content_and_nothing_between() {
        let (_guard, root) = folder();
        let path = root.join("f");
        let contents = [vec![b'a'; 64 * 1024], vec![b'b'; 128 * 1024]];
        write_atomic(&path, &contents[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..40 {
                    write_atomic(&path, &contents[round % 2]).unwrap();
                    write_unflushed(&path, &contents[(round + 1) % 2]).unwrap();
                }
            });
            while !writer.is_finished() {
                let seen = fs_err::read(&path).unwrap();
                assert!(contents.contains(&seen), "half written: {} bytes", seen.len());
                if cfg!(windows) {
                    // There a file cannot be replaced while it is open; the writer tries again.
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
        });
    }

    #[cfg(unix)]
    #[test]
    fn permission_bits_of_the_target_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let (_guard, root) = folder();
        let path = root.join("script");
        for mode in [0o755, 0o600] {
            fs_err::write(&path, "old").unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            write_atomic(&path, b"new").unwrap();
            assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_gets_what_any_new_file_gets() {
        use std::os::unix::fs::PermissionsExt;
        let (_guard, root) = folder();
        let mode =
            |name: &str| fs_err::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
        fs_err::write(root.join("plain"), "").unwrap();
        write_atomic(&root.join("atomic"), b"").unwrap();
        assert_eq!(mode("atomic"), mode("plain"));
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_and_its_file_is_replaced() {
        let (_guard, root) = folder();
        fs_err::create_dir(root.join("real")).unwrap();
        fs_err::write(root.join("real/file"), "old").unwrap();
        std::os::unix::fs::symlink("real/file", root.join("link")).unwrap();
        write_atomic(&root.join("link"), b"new").unwrap();
        assert!(root.join("link").is_symlink());
        assert_eq!(fs_err::read_to_string(root.join("real/file")).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn a_write_that_stops_half_way_leaves_the_old_content_and_no_temporary() {
        if let Some(path) = crate::testing::role() {
            let error = write_atomic(path.as_str().into(), &vec![b'x'; 100_000]).unwrap_err();
            assert!(matches!(error, Error::Io { action: Action::Write, .. }), "{error:?}");
            return;
        }
        let (_guard, root) = folder();
        let path = root.join("f");
        write_atomic(&path, b"old").unwrap();
        // A limit on the size of files stands in for a full disk: any user can set it for a
        // process.
        let status = crate::testing::child_after(
            "trap '' XFSZ; ulimit -f 8",
            "write::tests::a_write_that_stops_half_way_leaves_the_old_content_and_no_temporary",
            path.as_str(),
        )
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
        assert!(status.success());
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(names(&root), ["f"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_known_as_one() {
        let error = fs_err::write("/dev/full", b"x").unwrap_err();
        assert!(crate::disk_full(&error), "{error:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_old_content_and_says_so_skipped_unless_tmpfs_can_be_mounted() {
        let (_guard, root) = folder();
        let mount = |program: &str, arguments: &[&str]| {
            let quiet = std::process::Stdio::null();
            std::process::Command::new(program)
                .args(arguments)
                .arg(&root)
                .stderr(quiet)
                .status()
                .is_ok_and(|status| status.success())
        };
        if !mount("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]) {
            println!("skipped: this user cannot mount a file system to fill");
            return;
        }
        let path = root.join("f");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic(&path, &vec![b'x'; 200_000]).unwrap_err();
        let (content, left) = (fs_err::read(&path).unwrap(), names(&root));
        assert!(mount("umount", &[]));
        assert!(error.hint().unwrap().contains("disk space"), "{error:?}");
        assert_eq!((content.as_slice(), left), (b"old".as_slice(), vec!["f".to_owned()]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_may_not_be_written_is_named_skipped_as_root_without_setpriv() {
        use std::os::unix::fs::PermissionsExt;
        if let Some(path) = crate::testing::role() {
            let error = write_atomic(path.as_str().into(), b"new").unwrap_err();
            assert!(matches!(&error, Error::Io { path: named, .. } if *named == path), "{error:?}");
            assert!(error.hint().unwrap().contains("permissions"), "{error:?}");
            println!("refused");
            return;
        }
        let (_guard, root) = folder();
        let path = root.join("f");
        fs_err::write(&path, "old").unwrap();
        fs_err::set_permissions(&root, std::fs::Permissions::from_mode(0o555)).unwrap();
        // Root may write anywhere, so it becomes somebody else.
        let become_user = if rustix::process::geteuid().is_root() {
            "exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\" \"$@\""
        } else {
            "true"
        };
        let test = "write::tests::\
                    a_folder_that_may_not_be_written_is_named_skipped_as_root_without_setpriv";
        let output =
            crate::testing::child_after(become_user, test, path.as_str()).output().unwrap();
        fs_err::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
        if matches!(output.status.code(), Some(126 | 127)) {
            println!("skipped: root could not become another user");
            return;
        }
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("refused"), "{output:?}");
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(names(&root), ["f"]);
    }
}
