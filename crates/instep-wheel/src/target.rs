//! What wheels are collected for: a Python on a platform.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A `CPython` of one version on one platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Target {
    /// Major and minor version.
    pub python: (u8, u8),
    /// `linux-x86_64`, `musllinux-aarch64`, `win-amd64`, `macos-arm64`.
    pub platform: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Python {}.{} on {}", self.python.0, self.python.1, self.platform)
    }
}

impl FromStr for Target {
    type Err = ();

    fn from_str(_: &str) -> Result<Self, ()> {
        Err(())
    }
}
