//! What wheels are collected for: a Python on a platform.

mod platform;
mod python;
mod supported;

use std::fmt;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree};
use serde::Serialize;

pub use platform::Platform;
pub use python::PythonVersion;
pub(crate) use supported::Supported;

/// A `CPython` of one version on one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Target {
    /// Its Python.
    pub python: PythonVersion,
    /// Its platform.
    pub platform: Platform,
}

impl Target {
    /// The tags of the wheels that can be installed, the best first, in the order of `packaging.tags.sys_tags`.
    pub fn tags(&self) -> Vec<crate::Tag> {
        supported::tags(self.python, &self.platform.tags())
    }

    /// Whether something with this marker is installed. A Python without a patch number stands for all its patch
    /// releases: what the first or the latest of them needs is needed.
    pub(crate) fn holds(self, marker: &MarkerTree) -> bool {
        marker.is_true()
            || self.python.patches().any(|patch| {
                self.markers(patch).is_some_and(|markers| marker.evaluate(&markers, &[]))
            })
    }

    /// Whether one of its patch releases is in the range of a `requires-python`.
    pub(crate) fn is_in(self, range: &VersionSpecifiers) -> bool {
        self.python.patches().any(|patch| range.contains(&self.python.version(patch)))
    }

    /// The variables that markers are evaluated with
    /// ([dependency specifiers](https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers)).
    /// What differs from one machine to the next of the same platform, the release of the kernel, is empty.
    fn markers(self, patch: u8) -> Option<MarkerEnvironment> {
        let full = self.python.version(patch).to_string();
        let words = self.platform.words();
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: &full,
            os_name: words.os_name,
            platform_machine: words.machine,
            platform_python_implementation: "CPython",
            platform_release: "",
            platform_system: words.system,
            platform_version: "",
            python_full_version: &full,
            python_version: &self.python.minor_version().to_string(),
            sys_platform: words.sys_platform,
        })
        .ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Python {} on {}", self.python, self.platform)
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn target(python: &str, platform: &str) -> Target {
        Target { python: python.parse().unwrap(), platform: platform.parse().unwrap() }
    }

    #[test]
    fn markers_are_decided_for_the_target_and_not_for_this_machine() {
        let table = [
            ("sys_platform == 'win32'", "3.12", "win-amd64", true),
            ("sys_platform == 'win32'", "3.12", "linux-x86_64", false),
            ("platform_machine == 'AMD64' and os_name == 'nt'", "3.12", "win-amd64", true),
            ("platform_machine == 'x86'", "3.12", "win32", true),
            ("platform_machine == 'ARM64'", "3.12", "win-arm64", true),
            ("platform_machine == 'arm64'", "3.12", "macos-arm64", true),
            ("platform_machine == 'aarch64'", "3.12", "musllinux-aarch64", true),
            (
                "platform_system == 'Darwin' and sys_platform == 'darwin'",
                "3.12",
                "macos-x86_64",
                true,
            ),
            ("platform_system == 'Linux' and os_name == 'posix'", "3.12", "linux-x86_64", true),
            ("platform_python_implementation == 'PyPy'", "3.12", "linux-x86_64", false),
            ("implementation_name == 'cpython'", "3.12", "linux-x86_64", true),
            ("python_version >= '3.10'", "3.9", "linux-x86_64", false),
            ("python_version >= '3.10'", "3.10", "linux-x86_64", true),
            ("python_version < '3.13'", "3.13t", "linux-x86_64", false),
            ("extra == 'test'", "3.12", "linux-x86_64", false),
        ];
        for (marker, python, platform, expected) in table {
            let tree = MarkerTree::from_str(marker).unwrap();
            assert_eq!(
                target(python, platform).holds(&tree),
                expected,
                "{marker} for {python} on {platform}"
            );
        }
    }

    #[test]
    fn a_python_without_a_patch_number_stands_for_all_of_them() {
        let holds = |python: &str, marker: &str| {
            target(python, "linux-x86_64").holds(&MarkerTree::from_str(marker).unwrap())
        };
        for marker in ["python_full_version < '3.11.3'", "python_full_version >= '3.11.3'"] {
            assert!(holds("3.11", marker), "{marker}");
        }
        assert!(!holds("3.11.5", "python_full_version < '3.11.3'"));
        let is_in = |python: &str, range: &str| {
            target(python, "linux-x86_64").is_in(&VersionSpecifiers::from_str(range).unwrap())
        };
        assert!(is_in("3.9", ">=3.9.2,!=3.9.7"));
        assert!(is_in("3.9", "<=3.9.0"));
        assert!(!is_in("3.9.7", ">=3.9.2,!=3.9.7"));
        assert!(!is_in("3.8", ">=3.9"));
    }

    #[test]
    fn a_target_reads_as_a_sentence_and_as_json() {
        let target = target("3.13t", "manylinux2014_x86_64");
        assert_eq!(target.to_string(), "Python 3.13t on manylinux_2_17_x86_64");
        assert_eq!(
            serde_json::to_string(&target).unwrap(),
            r#"{"python":"3.13t","platform":"manylinux_2_17_x86_64"}"#
        );
    }
}
