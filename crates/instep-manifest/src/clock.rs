//! The one clock: points in time are UTC with milliseconds, as RFC 3339 text in files.
//!
//! Durations are not taken from it but from [`std::time::Instant`]: this clock goes backwards when
//! a person or a time server sets it back.

use jiff::{Timestamp, Unit};

/// The present, cut to milliseconds, so that it reads back from a file as what it was.
pub fn now() -> Timestamp {
    truncated(Timestamp::now())
}

/// `now`, or `previous` where the clock has been set back since: a record never says that it was
/// made before the one it replaces.
pub fn later_of(now: Timestamp, previous: Option<Timestamp>) -> Timestamp {
    previous.map_or(now, |previous| now.max(previous))
}

/// RFC 3339 in UTC with exactly three decimals: `2026-01-02T03:04:05.678Z`.
pub fn rfc3339(time: Timestamp) -> String {
    format!("{:.3}", truncated(time))
}

fn truncated(time: Timestamp) -> Timestamp {
    let mode = jiff::RoundMode::Floor;
    time.round(jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(mode)).unwrap_or(time)
}

/// For `#[serde(with = "clock::milliseconds")]`.
pub(crate) mod milliseconds {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::rfc3339(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::deserialize(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_exactly_three_decimals() {
        let table = [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
            ("2026-01-02T03:04:05.6789Z", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05.999999999Z", "2026-01-02T03:04:05.999Z"),
            ("2026-01-02T04:04:05.5+01:00", "2026-01-02T03:04:05.500Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ];
        for (time, text) in table {
            assert_eq!(rfc3339(time.parse().unwrap()), text);
        }
    }

    #[test]
    fn the_present_reads_back_as_what_it_was() {
        let now = now();
        assert_eq!(rfc3339(now).parse::<Timestamp>().unwrap(), now);
    }

    #[test]
    fn a_clock_set_back_does_not_make_records_older() {
        let earlier: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        assert_eq!(later_of(earlier, Some(later)), later);
        assert_eq!(later_of(later, Some(earlier)), later);
        assert_eq!(later_of(earlier, None), earlier);
    }
}
