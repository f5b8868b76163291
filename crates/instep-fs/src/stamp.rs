//! What a file looked like from the outside, to know later without reading it that nobody touched
//! it.

use std::fs::Metadata;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// How close to a write a stamp may be taken and still be trusted, on a file system that keeps whole
/// seconds: two seconds is the coarsest clock in use (FAT).
const RACY: Duration = Duration::from_secs(2);

/// The same on one that keeps parts of a second; the coarsest of those counts in steps of 16 ms (NTFS
/// with the tick of Windows; exFAT and the slowest tick of Linux have 10 ms).
const RACY_FINE: Duration = Duration::from_millis(40);

/// Size, times and identity of a file or folder. Two equal stamps of one path mean that its content
/// is the same, as long as the earlier one [is settled](Stamp::is_settled).
///
/// Serialised as the compact array `[size, modified, file_id, changed]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(u64, i64, u64, i64)", into = "(u64, i64, u64, i64)")]
pub struct Stamp {
    /// Size in bytes; 0 for a folder, whose size means nothing.
    pub size: u64,
    /// Time of the last modification, in nanoseconds since the Unix epoch.
    pub modified: i64,
    /// The inode number on Unix, so that a file replaced by one of the same size and time is
    /// noticed; 0 elsewhere.
    pub file_id: u64,
    /// Time of the last change of content or attributes (`ctime`) in nanoseconds since the Unix
    /// epoch, which no program can set back; Unix only, 0 elsewhere.
    pub changed: i64,
}

impl Stamp {
    /// The stamp of what `path` leads to, links followed; `None` when nothing is there.
    pub fn of(path: &Utf8Path) -> io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::of_metadata(&metadata))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The stamp that metadata already at hand amounts to.
    pub fn of_metadata(metadata: &Metadata) -> Self {
        let (file_id, changed) = identity(metadata);
        Self {
            size: if metadata.is_dir() { 0 } else { metadata.len() },
            modified: metadata.modified().map_or(0, nanoseconds),
            file_id,
            changed,
        }
    }

    /// Whether the stamp can be trusted: the file was not modified shortly before `now`, the time at
    /// which the stamp was taken, nor in its future. Shortly is 40 ms where the time has parts of a
    /// second, and otherwise, since the file system may keep none, two seconds.
    ///
    /// A write that follows within the granularity of the file system's clock leaves the stamp as
    /// it was; git calls such an entry [racily clean](https://git-scm.com/docs/racy-git).
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let is_whole_seconds = self.modified % 1_000_000_000 == 0;
        let racy = if is_whole_seconds { RACY } else { RACY_FINE };
        let racy = i64::try_from(racy.as_nanos()).unwrap_or(i64::MAX);
        self.modified.saturating_add(racy) < nanoseconds(now)
    }
}

impl From<(u64, i64, u64, i64)> for Stamp {
    fn from((size, modified, file_id, changed): (u64, i64, u64, i64)) -> Self {
        Self { size, modified, file_id, changed }
    }
}

impl From<Stamp> for (u64, i64, u64, i64) {
    fn from(stamp: Stamp) -> Self {
        (stamp.size, stamp.modified, stamp.file_id, stamp.changed)
    }
}

/// Nanoseconds since the epoch, negative before it; clamped to what fits (the years 1677 to 2262).
fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, i64) {
    use std::os::unix::fs::MetadataExt;
    let changed =
        metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    (metadata.ino(), changed)
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> (u64, i64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), content).unwrap();
        file
    }

    fn stamp(file: &tempfile::NamedTempFile) -> Stamp {
        Stamp::of(Utf8Path::from_path(file.path()).unwrap()).unwrap().unwrap()
    }

    fn at(modified: SystemTime) -> Stamp {
        Stamp { size: 1, modified: nanoseconds(modified), file_id: 0, changed: 0 }
    }

    #[test]
    fn an_untouched_file_keeps_its_stamp_and_another_size_changes_it() {
        let file = file("one");
        let before = stamp(&file);
        assert_eq!(stamp(&file), before);
        fs_err::write(file.path(), "longer").unwrap();
        assert_ne!(stamp(&file), before);
    }

    #[test]
    fn what_is_not_there_has_no_stamp() {
        let file = file("");
        let path = Utf8Path::from_path(file.path()).unwrap();
        assert_eq!(Stamp::of(&path.with_extension("absent")).unwrap(), None);
        assert_eq!(Stamp::of(&path.join("below-a-file")).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_replacement_of_the_same_size_and_time_is_noticed() {
        let file = file("one");
        let before = stamp(&file);
        let time = fs_err::metadata(file.path()).unwrap().modified().unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        crate::write_atomic(path, b"two").unwrap();
        std::fs::File::options()
            .write(true)
            .open(path)
            .and_then(|replaced| replaced.set_modified(time))
            .unwrap();
        let after = stamp(&file);
        assert_eq!((after.size, after.modified), (before.size, before.modified));
        assert_ne!(after, before);
    }

    #[test]
    fn a_stamp_taken_too_close_to_the_write_is_not_settled() {
        let now = UNIX_EPOCH + Duration::from_hours(500_000);
        let table = [
            (now - Duration::from_mins(1), true),
            (now - Duration::from_secs(3), true),
            (now - Duration::from_secs(2), false),
            (now - Duration::from_millis(2001), true),
            (now - Duration::from_millis(41), true),
            (now - Duration::from_millis(40), false),
            (now - Duration::from_millis(10), false),
            (now, false),
            (now + Duration::from_hours(1), false),
            (UNIX_EPOCH - Duration::from_secs(5), true),
        ];
        for (modified, settled) in table {
            assert_eq!(at(modified).is_settled(now), settled, "{modified:?}");
        }
    }

    #[test]
    fn it_is_written_as_a_compact_array() {
        let stamp = Stamp { size: 12, modified: -3, file_id: 7, changed: 9 };
        let json = serde_json::to_string(&stamp).unwrap();
        insta::assert_snapshot!(json, @"[12,-3,7,9]");
        assert_eq!(serde_json::from_str::<Stamp>(&json).unwrap(), stamp);
    }
}
