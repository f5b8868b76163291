//! The clocks of file systems: whether a stamp can be trusted to tell a later change.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8Path;
use instep_fs::Stamp;

use crate::ignored::TEMPORARY;
use crate::traits::Traits;

/// How far a clock may have gone astray since it was tried, in nanoseconds: ten minutes.
const ASTRAY: i64 = 600 * 1_000_000_000;
/// How far a clock that was never tried is taken to be behind, in nanoseconds: a day.
const FAR_BEHIND: i64 = 24 * 3_600 * 1_000_000_000;

/// How many nanoseconds the clock of a file system is ahead of ours, tried in a folder of ours.
pub(crate) fn ahead(folder: &Utf8Path) -> io::Result<i64> {
    let file = tempfile::Builder::new().suffix(TEMPORARY).tempfile_in(folder)?;
    let before = SystemTime::now();
    file.as_file().write_all(b"x")?;
    let there = file.as_file().metadata()?.modified()?;
    Ok(match there.duration_since(before) {
        Ok(ahead) => i64::try_from(ahead.as_nanos()).unwrap_or(i64::MAX),
        Err(behind) => i64::try_from(behind.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    })
}

/// The same where nothing may be written: the clock of this machine's own disks is ours, and another one is
/// taken to be behind what it was when it was `tried`, so that no stamp of late is trusted.
pub(crate) fn ahead_untried(traits: Traits, tried: Option<i64>) -> i64 {
    if traits.strict {
        return 0;
    }
    tried.map_or(-FAR_BEHIND, |ahead| ahead.saturating_sub(ASTRAY))
}

/// So many changes in a row, each of which is looked at.
const CHANGES: u32 = 32;
/// How long they may take: a clock that steps every millisecond, as the quickest of Linux, cannot have another
/// time for each.
const QUICK: Duration = Duration::from_millis(16);

/// Whether each change after a look gets a time of its own, however soon it follows (Linux calls these
/// multigrain timestamps), tried in a folder of ours. A machine that is busy is given another try.
pub(crate) fn tells_changes(folder: &Utf8Path) -> io::Result<bool> {
    let file = tempfile::Builder::new().suffix(TEMPORARY).tempfile_in(folder)?;
    let mut file = file.as_file();
    for _ in 0..3 {
        let begin = Instant::now();
        let mut times = BTreeSet::new();
        for _ in 0..CHANGES {
            file.write_all(b"x")?;
            times.insert(Stamp::of_metadata(&file.metadata()?).changed);
        }
        let is_each = u32::try_from(times.len()).is_ok_and(|count| count == CHANGES);
        if !is_each || begin.elapsed() < QUICK {
            return Ok(is_each);
        }
    }
    Ok(false)
}

/// The stamp, if no write that followed could have left it as it is. `started`: when looking began, by our
/// clock. Of a clock that is not known, nothing can be told.
pub(crate) fn settled(
    stamp: Stamp,
    traits: Traits,
    started: SystemTime,
    ahead: Option<i64>,
) -> Option<Stamp> {
    let ahead = ahead?;
    let distance = Duration::from_nanos(ahead.unsigned_abs());
    let started = if ahead < 0 { started - distance } else { started + distance };
    // The time of the last change of any kind, where there is one, cannot be set back.
    let is_strict = traits.strict && stamp.changed != 0;
    let told = if is_strict { Stamp { modified: stamp.changed, ..stamp } } else { stamp };
    told.is_settled(started).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const NOW: i64 = 1_800_000_000 * SECOND + 1;

    fn trusts(stamp: Stamp, strict: bool, ahead: Option<i64>) -> bool {
        let traits = Traits { strict, ..Traits::likely(Utf8Path::new("/")) };
        let now = UNIX_EPOCH + Duration::from_nanos(NOW.unsigned_abs());
        settled(stamp, traits, now, ahead).is_some()
    }

    #[test]
    fn a_stamp_is_trusted_by_the_clock_that_made_it() {
        let modified = |modified| Stamp { size: 1, modified, file_id: 0, changed: 0 };
        let table = [
            (NOW - SECOND, Some(0), true),
            (NOW, Some(0), false),
            (NOW, Some(SECOND), true),
            (NOW - SECOND, Some(-SECOND), false),
            (NOW - 2 * SECOND, Some(-SECOND), true),
            (NOW - 2 * FAR_BEHIND, None, false),
        ];
        for (time, ahead, expected) in table {
            assert_eq!(trusts(modified(time), false, ahead), expected, "{time} {ahead:?}");
        }
    }

    #[test]
    fn by_a_clock_that_is_not_tried_nothing_of_late_is_trusted() {
        let traits = |strict| Traits { strict, ..Traits::likely(Utf8Path::new("/")) };
        let stamp = |age| Stamp { size: 1, modified: NOW - age, file_id: 1, changed: NOW - age };
        let table = [
            (false, None, SECOND, false),
            (false, None, FAR_BEHIND - SECOND, false),
            (false, None, FAR_BEHIND + SECOND, true),
            (false, Some(0), SECOND, false),
            (false, Some(0), ASTRAY - SECOND, false),
            (false, Some(0), ASTRAY + SECOND, true),
            (false, Some(-2 * ASTRAY), ASTRAY + SECOND, false),
            (false, Some(i64::MIN), FAR_BEHIND, false),
            (true, None, 0, false),
            (true, None, SECOND, true),
        ];
        for (strict, tried, age, expected) in table {
            let ahead = Some(ahead_untried(traits(strict), tried));
            assert_eq!(trusts(stamp(age), strict, ahead), expected, "{strict} {tried:?} {age}");
        }
    }

    #[test]
    fn where_changes_are_said_to_be_told_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        if !tells_changes(folder).unwrap() {
            return;
        }
        let mut file = std::fs::File::create(folder.join("file")).unwrap();
        let mut times = BTreeSet::new();
        for _ in 0..10_000 {
            file.write_all(b"x").unwrap();
            times.insert(Stamp::of_metadata(&file.metadata().unwrap()).changed);
        }
        assert_eq!(times.len(), 10_000);
    }

    #[test]
    fn a_time_that_was_set_back_does_not_make_a_stamp_trusted() {
        let set_back = Stamp { size: 1, modified: NOW - 9 * SECOND, file_id: 1, changed: NOW };
        assert!(!trusts(set_back, true, Some(0)));
        // On a network, all that is known is what the file says of itself.
        assert!(trusts(Stamp { file_id: 0, changed: 0, ..set_back }, false, Some(0)));
    }
}
