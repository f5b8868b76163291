//! Whether a folder lies on a network drive: what the system says of the drive, never its letter.

use camino::Utf8Path;

/// Whether a folder lies on a drive of another machine. Where the system does not say, it does not.
pub fn is_network(folder: &Utf8Path) -> bool {
    platform::is_network(folder)
}

/// A folder, or what is there of the way to it, as far as the system says.
fn existing(folder: &Utf8Path) -> &Utf8Path {
    folder.ancestors().find(|above| !matches!(above.try_exists(), Ok(false))).unwrap_or(folder)
}

/// The bytes that are free on the drive of a folder, for us; `None` where the system does not say.
pub fn free_space(folder: &Utf8Path) -> Option<u64> {
    space::free(existing(folder))
}

#[cfg(unix)]
mod space {
    use camino::Utf8Path;

    pub(super) fn free(folder: &Utf8Path) -> Option<u64> {
        let found = rustix::fs::statvfs(folder.as_std_path()).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[cfg(windows)]
mod space {
    use camino::Utf8Path;

    pub(super) fn free(folder: &Utf8Path) -> Option<u64> {
        let (folder, mut free) = (instep_fs::verbatim(folder).join(""), 0);
        winsafe::GetDiskFreeSpaceEx(Some(folder.as_str()), Some(&mut free), None, None).ok()?;
        Some(free)
    }
}

#[cfg(not(any(unix, windows)))]
mod space {
    use camino::Utf8Path;

    pub(super) fn free(_folder: &Utf8Path) -> Option<u64> {
        None
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use camino::Utf8Path;

    /// File systems of other machines by the numbers of `statfs(2)`.
    const NETWORK: [u64; 12] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x5346_414f, // AFS
        0x6b41_4653, // kAFS
        0x7375_7245, // Coda
        0x0102_1997, // 9P
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
        0x786f_4256, // folders that VirtualBox shares
    ];

    const FUSE: u64 = 0x6573_5546;

    /// What runs over FUSE on this machine's own disks, by the type in `mountinfo`.
    const LOCAL_FUSE: [&str; 8] = [
        "fuseblk",
        "fuse.ntfs",
        "fuse.ntfs-3g",
        "fuse.overlayfs",
        "fuse.fuse-overlayfs",
        "fuse.bindfs",
        "fuse.mergerfs",
        "fuse.portal",
    ];

    pub(super) fn is_network(folder: &Utf8Path) -> bool {
        let folder = super::existing(folder);
        let Ok(found) = rustix::fs::statfs(folder.as_std_path()) else { return false };
        // The width of the number differs from one processor to the next.
        #[expect(clippy::cast_sign_loss, reason = "it is a bit pattern")]
        let kind = (found.f_type as u64) & 0xffff_ffff;
        if kind == FUSE {
            return std::fs::read_to_string("/proc/self/mountinfo")
                .is_ok_and(|mounts| is_network_fuse(&mounts, folder));
        }
        NETWORK.contains(&kind)
    }

    /// Whether the innermost mount that holds `folder` is of another machine.
    pub(super) fn is_network_fuse(mounts: &str, folder: &Utf8Path) -> bool {
        let real = folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned());
        let mut innermost: Option<(usize, bool)> = None;
        for line in mounts.lines() {
            let Some((before, after)) = line.split_once(" - ") else { continue };
            let Some(point) = before.split(' ').nth(4) else { continue };
            let point = unescape(point);
            let kind = after.split(' ').next().unwrap_or_default();
            if real.starts_with(&point) && innermost.is_none_or(|(length, _)| point.len() >= length)
            {
                innermost = Some((point.len(), !LOCAL_FUSE.contains(&kind)));
            }
        }
        innermost.is_some_and(|(_, is_network)| is_network)
    }

    /// `\040` and its like, as `proc_pid_mountinfo(5)` has them.
    fn unescape(text: &str) -> String {
        text.replace("\\040", " ")
            .replace("\\011", "\t")
            .replace("\\012", "\n")
            .replace("\\134", "\\")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_innermost_mount_decides() {
            let mounts = "22 1 8:1 / / rw - ext4 /dev/sda rw\n\
                          40 22 0:50 / /mnt/net rw - fuse.sshfs me@host:/ rw\n\
                          41 40 0:51 / /mnt/net/own rw - fuseblk /dev/sdb rw\n\
                          42 22 0:52 / /mnt/a\\040b rw - fuse.rclone x: rw\n";
            let table =
                [("/mnt/net/project", true), ("/mnt/net/own/x", false), ("/mnt/a b/x", true)];
            for (folder, expected) in table {
                assert_eq!(is_network_fuse(mounts, Utf8Path::new(folder)), expected, "{folder}");
            }
        }
    }
}

#[cfg(target_os = "macos")]
mod platform {
    use camino::Utf8Path;

    /// `MNT_LOCAL` of `statfs(2)`.
    const LOCAL: u32 = 0x1000;

    pub(super) fn is_network(folder: &Utf8Path) -> bool {
        rustix::fs::statfs(super::existing(folder).as_std_path())
            .is_ok_and(|found| found.f_flags & LOCAL == 0)
    }
}

#[cfg(windows)]
mod platform {
    use camino::{Utf8Component, Utf8Path, Utf8Prefix};

    pub(super) fn is_network(folder: &Utf8Path) -> bool {
        // Where the path tells it, a drive that does not answer is not asked.
        is_remote(folder)
            || super::existing(folder).canonicalize_utf8().is_ok_and(|real| is_remote(&real))
    }

    fn is_remote(path: &Utf8Path) -> bool {
        let Some(Utf8Component::Prefix(prefix)) = path.components().next() else { return false };
        match prefix.kind() {
            Utf8Prefix::UNC(..) | Utf8Prefix::VerbatimUNC(..) => true,
            Utf8Prefix::Disk(letter) | Utf8Prefix::VerbatimDisk(letter) => {
                let root = [char::from(letter).to_string().as_str(), ":\\"].concat();
                winsafe::GetDriveType(Some(&root)) == winsafe::co::DRIVE::REMOTE
            }
            _ => false,
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", windows)))]
mod platform {
    use camino::Utf8Path;

    pub(super) fn is_network(_folder: &Utf8Path) -> bool {
        false
    }
}
