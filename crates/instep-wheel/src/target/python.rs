//! Which Python.

use std::fmt;
use std::iter;
use std::str::FromStr;

use pep440_rs::Version;
use serde::{Serialize, Serializer};

use crate::error::Error;

/// A version of `CPython` 3: `3.12`, `3.12.4`, or `3.13t` for the free-threaded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonVersion {
    minor: u8,
    patch: Option<u8>,
    is_free_threaded: bool,
}

/// Stands for the latest patch release, whichever that is: none ever had a number this high.
const LATEST_PATCH: u8 = 99;
/// The first one that has a free-threaded build (PEP 703).
const FIRST_FREE_THREADED: u8 = 13;

impl PythonVersion {
    /// The number behind `3.`.
    pub fn minor(self) -> u8 {
        self.minor
    }

    /// Whether it is the free-threaded build, which needs wheels of its own.
    pub fn is_free_threaded(self) -> bool {
        self.is_free_threaded
    }

    /// The patch releases that decide: its own, or the first and the latest.
    pub(super) fn patches(self) -> impl Iterator<Item = u8> {
        let other = if self.patch.is_some() { None } else { Some(LATEST_PATCH) };
        iter::once(self.patch.unwrap_or(0)).chain(other)
    }

    pub(super) fn version(self, patch: u8) -> Version {
        Version::new([3, u64::from(self.minor), u64::from(patch)])
    }

    pub(super) fn minor_version(self) -> Version {
        Version::new([3, u64::from(self.minor)])
    }
}

impl FromStr for PythonVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).ok_or_else(|| Error::Python { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<PythonVersion> {
    let (version, is_free_threaded) = match text.trim().strip_suffix('t') {
        Some(version) => (version, true),
        None => (text.trim(), false),
    };
    let number = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|number| is_plain && *number < LATEST_PATCH)
    };
    let (minor, patch) = match version.split('.').collect::<Vec<_>>().as_slice() {
        ["3", minor] => (number(minor)?, None),
        ["3", minor, patch] => (number(minor)?, Some(number(patch)?)),
        _ => return None,
    };
    if is_free_threaded && minor < FIRST_FREE_THREADED {
        return None;
    }
    Some(PythonVersion { minor, patch, is_free_threaded })
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "3.{}", self.minor)?;
        if let Some(patch) = self.patch {
            write!(formatter, ".{patch}")?;
        }
        formatter.write_str(if self.is_free_threaded { "t" } else { "" })
    }
}

impl Serialize for PythonVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_written() {
        for text in ["3.8", "3.12", "3.12.4", "3.13t", "3.14.0t"] {
            assert_eq!(text.parse::<PythonVersion>().unwrap().to_string(), text);
        }
        assert_eq!(" 3.12 ".parse::<PythonVersion>().unwrap().to_string(), "3.12");
    }

    #[test]
    fn what_is_no_python_3_is_refused_by_name() {
        for text in [
            "", "3", "2.7", "3.x", "3.12.", "3.+1", "3.12.4.1", "3.12t", "3.300", "3.13tt",
            "pp310", ">=3.11",
        ] {
            let error = text.parse::<PythonVersion>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
