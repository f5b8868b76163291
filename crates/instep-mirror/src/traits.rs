//! What a side's file system can tell and hold.

use std::io;

use camino::Utf8Path;
use instep_fs::Stamp;
use serde::{Deserialize, Serialize};

use crate::drive;
use crate::ignored::OWN;
use crate::listing::{list, look};
use crate::names::{Names, SPECIAL};
use crate::place;

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
    /// Whether two files can change places in one step.
    pub exchanges: bool,
    /// Which rare names it holds.
    pub names: Names,
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
            exchanges: cfg!(unix),
            names: Names::all(!cfg!(windows)),
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
        // A file system that keeps no such time shows another one, which can be set back.
        let stamp = Stamp::of_metadata(&open.metadata()?);
        let keeps_changed = stamp.changed == 0 || stamp.changed > stamp.modified;
        Ok(Self {
            strict: !drive::is_network(root) && keeps_changed,
            executable: keeps_executable(&file)?,
            tells_case: look(&folder.join("PROBE"))?.is_none(),
            links: holds_links(&folder),
            exchanges: exchanges(&folder)?,
            names: rare_names(&folder)?,
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

/// Tries a name of each kind. Windows itself is not asked: some names are those of devices there.
fn rare_names(folder: &Utf8Path) -> io::Result<Names> {
    if cfg!(windows) {
        return Ok(Names::all(false));
    }
    let special: Vec<String> = SPECIAL.iter().map(|one| format!("special{one}")).collect();
    let wanted = [special, vec!["trailing.".into(), "trailing ".into()], vec!["aux.txt".into()]];
    for name in wanted.iter().flatten() {
        // One that is refused is not listed below; one may also be held under another name.
        let _ = std::fs::write(folder.join(name), b"");
    }
    let listing = list(folder)?;
    let held = |names: &[String]| {
        names.iter().all(|name| listing.items.iter().any(|item| item.name == *name))
    };
    let [special, trailing, devices] = wanted.each_ref().map(|names| held(names));
    Ok(Names { special, trailing, devices })
}

fn exchanges(folder: &Utf8Path) -> io::Result<bool> {
    let (one, other) = (folder.join("one"), folder.join("other"));
    std::fs::write(&one, b"1")?;
    std::fs::write(&other, b"2")?;
    Ok(place::exchange(&one, &other).is_ok() && std::fs::read(&one)? == b"2")
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
