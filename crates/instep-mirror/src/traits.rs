//! What a side's file system can tell and hold.

use std::io;

use camino::Utf8Path;
use instep_fs::Stamp;
use serde::{Deserialize, Serialize};

use crate::drive;
use crate::ignored::OWN;
use crate::listing::look;

/// What a side's file system can tell and hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Traits {
    /// Whether files keep their number and the time of their last change of any kind: on a network they
    /// may not.
    pub strict: bool,
    /// Whether files can be marked as executable.
    pub executable: bool,
    /// Whether names that differ in case only are different names.
    pub tells_case: bool,
    /// Whether it holds symbolic links.
    pub links: bool,
    /// Whether names follow the rules of Windows.
    pub windows: bool,
    /// The smallest step between two times, in nanoseconds, as far as a few tries tell it.
    pub granularity: i64,
}

impl Traits {
    /// As much of a stamp as can be relied on.
    pub(crate) fn reduce(self, stamp: Stamp) -> Stamp {
        if self.strict { stamp } else { Stamp { file_id: 0, changed: 0, ..stamp } }
    }

    /// As it most likely is, until it was tried.
    pub(crate) fn likely(root: &Utf8Path) -> Self {
        Self {
            strict: !drive::is_network(root),
            executable: cfg!(unix),
            tells_case: cfg!(not(any(windows, target_os = "macos"))),
            links: cfg!(unix),
            windows: cfg!(windows),
            granularity: 100,
        }
    }

    /// Tries it out, in our own folder of a root.
    pub(crate) fn probe(root: &Utf8Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("probe-").tempdir_in(root.join(OWN))?;
        let folder =
            Utf8Path::from_path(folder.path()).ok_or(io::ErrorKind::InvalidData)?.to_owned();
        let file = folder.join("probe");
        std::fs::write(&file, b"x")?;
        // An odd number of nanoseconds shows what is left of it.
        let odd = std::time::UNIX_EPOCH + std::time::Duration::new(1_600_000_001, 123_456_700);
        let open = std::fs::File::options().write(true).open(&file)?;
        let kept = open.set_modified(odd).and_then(|()| open.metadata()?.modified());
        let granularity = match kept {
            Ok(kept) if kept == odd => 100,
            Ok(kept) => {
                let lost = odd.duration_since(kept).unwrap_or_default().as_nanos();
                // Rounded down to the next power of ten.
                [1_000, 1_000_000, 1_000_000_000]
                    .into_iter()
                    .find(|step| lost < *step)
                    .unwrap_or(2_000_000_000)
            }
            Err(_) => 2_000_000_000,
        };
        Ok(Self {
            strict: !drive::is_network(root),
            executable: keeps_executable(&file)?,
            tells_case: look(&folder.join("PROBE"))?.is_none(),
            links: holds_links(&folder),
            windows: cfg!(windows),
            granularity: i64::try_from(granularity).unwrap_or(i64::MAX),
        })
    }
}

#[cfg(unix)]
fn keeps_executable(file: &Utf8Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    for mode in [0o755, 0o644] {
        if std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).is_err() {
            return Ok(false);
        }
        let found = std::fs::metadata(file)?.permissions().mode();
        if found & 0o100 != mode & 0o100 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on other systems")]
fn keeps_executable(_file: &Utf8Path) -> io::Result<bool> {
    Ok(false)
}

fn holds_links(folder: &Utf8Path) -> bool {
    let place = folder.join("link");
    link("probe", &place).is_ok() && place.is_symlink()
}

/// Makes a symbolic link.
#[cfg(unix)]
pub(crate) fn link(target: &str, at: &Utf8Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Makes a symbolic link: to a folder if there is one by now.
#[cfg(windows)]
pub(crate) fn link(target: &str, at: &Utf8Path) -> io::Result<()> {
    let folder = at.parent().unwrap_or(Utf8Path::new(""));
    if folder.join(target).is_dir() {
        std::os::windows::fs::symlink_dir(target, at)
    } else {
        std::os::windows::fs::symlink_file(target, at)
    }
}
