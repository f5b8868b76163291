//! The clocks of file systems: whether a stamp can be trusted to tell a later change.

use std::io;
use std::time::{Duration, SystemTime};

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
    io::Write::write_all(&mut file.as_file(), b"x")?;
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

/// The stamp, if no write that followed could have left it as it is. `started`: when looking began, by our
/// clock. Of a clock that is not known, nothing can be told.
pub(crate) fn settled(
    stamp: Stamp,
    traits: Traits,
    started: SystemTime,
    ahead: Option<i64>,
) -> Option<Stamp> {
    // The time of the last change of any kind, where there is one, cannot be set back.
    let is_strict = traits.strict && stamp.changed != 0;
    if is_strict && traits.tells_changes {
        return Some(stamp);
    }
    let ahead = ahead?;
    let distance = Duration::from_nanos(ahead.unsigned_abs());
    let started = if ahead < 0 { started - distance } else { started + distance };
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
    fn where_each_change_has_its_time_every_stamp_is_trusted() {
        let stamp = Stamp { size: 1, modified: NOW, file_id: 1, changed: NOW };
        let now = UNIX_EPOCH + Duration::from_nanos(NOW.unsigned_abs());
        for (strict, tells_changes, expected) in
            [(true, true, true), (true, false, false), (false, true, false)]
        {
            let likely = Traits::likely(Utf8Path::new("/"));
            let traits = Traits { strict, tells_changes, ..likely };
            let found = settled(stamp, traits, now, Some(0));
            assert_eq!(found.is_some(), expected, "{strict} {tells_changes}");
        }
        // A time of change that is none tells nothing.
        let traits = Traits { strict: true, tells_changes: true, ..Traits::likely("/".into()) };
        assert!(settled(Stamp { changed: 0, ..stamp }, traits, now, Some(0)).is_none());
    }

    #[test]
    fn a_time_that_was_set_back_does_not_make_a_stamp_trusted() {
        let set_back = Stamp { size: 1, modified: NOW - 9 * SECOND, file_id: 1, changed: NOW };
        assert!(!trusts(set_back, true, Some(0)));
        // On a network, all that is known is what the file says of itself.
        assert!(trusts(Stamp { file_id: 0, changed: 0, ..set_back }, false, Some(0)));
    }
}
