//! The name of one run, by which its journal lines, its history and its snapshot find each other.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The id of one run: `20260102T030405678Z-1a2b`, its time in UTC with milliseconds and four
/// random hexadecimal digits. Ids sort by time, and are fit for file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// A new id for a run that begins at `now`.
    pub fn new(now: Timestamp) -> Self {
        // The standard library seeds each of its hashers from the system's random numbers; that two
        // runs of one environment begin in the same millisecond is what the process id excludes.
        let random = RandomState::new().hash_one(std::process::id()) & 0xffff;
        Self(format!("{}-{random:04x}", now.strftime("%Y%m%dT%H%M%S%3fZ")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for RunId {
    type Err = Error;

    /// Any text of ASCII letters, digits and `-` is an id; it becomes part of file names.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let fits = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(Self(text)) } else { Err(Error::NotARunId { text }) }
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_show_their_time_and_sort_by_it() {
        let early = RunId::new("2026-01-02T03:04:05.678Z".parse().unwrap());
        let late = RunId::new("2026-01-02T03:04:05.679Z".parse().unwrap());
        assert!(early.as_str().starts_with("20260102T030405678Z-"), "{early}");
        assert_eq!(early.as_str().len(), "20260102T030405678Z-1a2b".len());
        assert!(early < late);
        assert_eq!(early.as_str().parse::<RunId>().unwrap(), early);
    }

    #[test]
    fn runs_of_one_millisecond_differ() {
        let now = crate::clock::now();
        let mut ids: Vec<_> = (0..8).map(|_| RunId::new(now)).collect();
        ids.sort();
        ids.dedup();
        // Two of eight sharing 16 bits by chance is a matter of once in two thousand runs.
        assert!(ids.len() >= 7, "{ids:?}");
    }

    #[test]
    fn what_could_leave_the_folder_is_no_id() {
        for text in ["", "..", "a/b", "a\\b", "a.json", "ü", &"a".repeat(65)] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
