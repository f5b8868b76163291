//! Which platform: a system, the oldest version of it that must do, and a machine.

use std::env::consts;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::error::Error;

/// A platform that wheels are built for.
///
/// | written | is | wheels |
/// | --- | --- | --- |
/// | `linux-x86_64`, `linux-aarch64` | Linux with glibc 2.28 | up to `manylinux_2_28` |
/// | `manylinux_2_34_x86_64`, `manylinux2014_x86_64` | with another glibc (PEP 600) | up to that one |
/// | `musllinux-x86_64`, `musllinux-aarch64` | Linux with musl 1.2 | up to `musllinux_1_2` |
/// | `musllinux_1_1_x86_64` | with another musl (PEP 656) | up to that one |
/// | `win-amd64`, `win-arm64`, `win32` | Windows | of that machine |
/// | `macos-arm64`, `macos-x86_64` | macOS 13 | up to `macosx_13_0`, `universal2` too |
/// | `macos-14-arm64`, `macosx_14_0_arm64` | another macOS | up to that one |
///
/// The versions that are assumed are those that uv assumes for `--python-platform linux` and `macos`. Other machines of
/// Linux: `i686`, `armv7l`, `ppc64le`, `s390x`, `riscv64`. `-`, `_` and `.` are the same, and so is case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    system: System,
    machine: Machine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum System {
    /// glibc 2.x.
    Glibc(u8),
    /// musl 1.x.
    Musl(u8),
    Macos(u8, u8),
    Windows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Machine {
    X86_64,
    Aarch64,
    I686,
    Armv7l,
    Ppc64le,
    S390x,
    Riscv64,
}

/// What markers call a platform.
pub(super) struct Words {
    pub(super) os_name: &'static str,
    pub(super) sys_platform: &'static str,
    pub(super) system: &'static str,
    pub(super) machine: &'static str,
}

const DEFAULT_GLIBC: u8 = 28;
const DEFAULT_MUSL: u8 = 2;
const DEFAULT_MACOS: (u8, u8) = (13, 0);

/// glibc versions that had a name of their own before PEP 600.
const NAMED: [(u8, &str); 3] = [(17, "manylinux2014"), (12, "manylinux2010"), (5, "manylinux1")];

/// What is offered where a name is not known.
const KNOWN: [&str; 9] = [
    "linux-x86_64",
    "linux-aarch64",
    "musllinux-x86_64",
    "musllinux-aarch64",
    "win-amd64",
    "win-arm64",
    "win32",
    "macos-arm64",
    "macos-x86_64",
];

impl Platform {
    /// The platform of this machine, with the versions that are assumed where none is given; `None` where there are no
    /// wheels for it. Looks for musl's loader on Linux.
    pub fn current() -> Option<Self> {
        let machine = match consts::ARCH {
            "x86" => Machine::I686,
            "arm" => Machine::Armv7l,
            "powerpc64" if cfg!(target_endian = "little") => Machine::Ppc64le,
            other => Machine::read(other)?,
        };
        let system = match consts::OS {
            "linux" if has_musl_only() => System::Musl(DEFAULT_MUSL),
            "linux" => System::Glibc(DEFAULT_GLIBC),
            "macos" => System::Macos(DEFAULT_MACOS.0, DEFAULT_MACOS.1),
            "windows" => System::Windows,
            _ => return None,
        };
        Some(Self { system, machine })
    }

    /// The platforms of wheels that can be installed, the best first
    /// ([platform compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/#platform-tag)).
    /// A wheel for `linux_*` was built on such a machine, and is taken before a portable one.
    pub(super) fn tags(self) -> Vec<String> {
        let machine = self.machine.tag();
        match self.system {
            System::Glibc(newest) => {
                // CentOS 5 was the oldest for the machines of its time, CentOS 7 for all others.
                let is_old = matches!(self.machine, Machine::X86_64 | Machine::I686);
                let oldest = if is_old { 5 } else { 17 };
                let mut tags = vec![format!("linux_{machine}")];
                for version in (oldest..=newest).rev() {
                    tags.push(format!("manylinux_2_{version}_{machine}"));
                    let named = NAMED.iter().find(|(named, _)| *named == version);
                    tags.extend(named.map(|(_, name)| format!("{name}_{machine}")));
                }
                tags
            }
            System::Musl(newest) => {
                let versions = (0..=newest).rev();
                let portable = versions.map(|version| format!("musllinux_1_{version}_{machine}"));
                std::iter::once(format!("linux_{machine}")).chain(portable).collect()
            }
            System::Macos(major, minor) => self.macos_tags(major, minor),
            System::Windows => vec![self.machine.windows().to_owned()],
        }
    }

    fn macos_tags(self, major: u8, minor: u8) -> Vec<String> {
        let is_intel = self.machine == Machine::X86_64;
        let formats: &[&str] = if is_intel {
            &["x86_64", "intel", "fat64", "fat3", "universal2", "universal"]
        } else {
            &["arm64", "universal2"]
        };
        // The version of a tag counts by the minor number up to macOS 10, by the major one from 11 on.
        let mut versions: Vec<(u8, u8)> = (11..=major).rev().map(|major| (major, 0)).collect();
        let last_10 = if major == 10 { minor } else { 16 };
        let is_named = |minor: &u8| *minor >= 4;
        versions.extend((0..=last_10).rev().filter(is_named).map(|minor| (10, minor)));
        let mut tags = Vec::new();
        for (major, minor) in versions {
            // What is older than the machine can only be in a file for both.
            let formats = if major == 10 && !is_intel { &["universal2"] } else { formats };
            tags.extend(formats.iter().map(|format| format!("macosx_{major}_{minor}_{format}")));
        }
        tags
    }

    pub(super) fn words(self) -> Words {
        let (os_name, sys_platform, system, machine) = match self.system {
            System::Glibc(_) | System::Musl(_) => ("posix", "linux", "Linux", self.machine.tag()),
            System::Macos(..) if self.machine == Machine::Aarch64 => {
                ("posix", "darwin", "Darwin", "arm64")
            }
            System::Macos(..) => ("posix", "darwin", "Darwin", self.machine.tag()),
            System::Windows => {
                let machine = match self.machine {
                    Machine::Aarch64 => "ARM64",
                    Machine::I686 => "x86",
                    _ => "AMD64",
                };
                ("nt", "win32", "Windows", machine)
            }
        };
        Words { os_name, sys_platform, system, machine }
    }
}

/// Whether programs of this Linux are linked with musl. Its loader is on many others, too, beside glibc's.
fn has_musl_only() -> bool {
    const GLIBC: [&str; 7] = [
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/lib/ld-linux.so.2",
        "/lib/ld-linux-armhf.so.3",
        "/lib64/ld64.so.2",
        "/lib/ld64.so.1",
        "/lib/ld-linux-riscv64-lp64d.so.1",
    ];
    let is_musl = |name: &str| name.starts_with("ld-musl-");
    let mut files = Path::new("/lib").read_dir().into_iter().flatten().filter_map(Result::ok);
    files.any(|file| file.file_name().to_str().is_some_and(is_musl))
        && !GLIBC.iter().any(|loader| Path::new(loader).exists())
}

impl Machine {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "x86_64" | "amd64" => Self::X86_64,
            "aarch64" | "arm64" => Self::Aarch64,
            "i686" => Self::I686,
            "armv7l" => Self::Armv7l,
            "ppc64le" => Self::Ppc64le,
            "s390x" => Self::S390x,
            "riscv64" => Self::Riscv64,
            _ => return None,
        })
    }

    /// As tags of Linux, and markers there, have it.
    fn tag(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::I686 => "i686",
            Self::Armv7l => "armv7l",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
        }
    }

    /// As tags of Windows have it.
    fn windows(self) -> &'static str {
        match self {
            Self::Aarch64 => "win_arm64",
            Self::I686 => "win32",
            _ => "win_amd64",
        }
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).ok_or_else(|| Error::Platform {
            text: text.to_owned(),
            nearest: nearest(text),
            known: KNOWN.to_vec(),
        })
    }
}

fn read(text: &str) -> Option<Platform> {
    let text = text.trim().to_ascii_lowercase().replace(['-', '.'], "_");
    if text == "win32" {
        return Some(Platform { system: System::Windows, machine: Machine::I686 });
    }
    let (word, rest) = text.split_once('_')?;
    let (versions, machine) = split_versions(rest)?;
    let machine = Machine::read(machine)?;
    let named = NAMED.iter().find(|(_, name)| *name == word);
    let system = match (word, versions.as_slice()) {
        ("linux", []) => System::Glibc(DEFAULT_GLIBC),
        ("manylinux", [2, minor]) => System::Glibc(*minor),
        ("musllinux", []) => System::Musl(DEFAULT_MUSL),
        ("musllinux", [1, minor]) => System::Musl(*minor),
        ("win" | "windows", []) => System::Windows,
        ("macos" | "macosx", []) => System::Macos(DEFAULT_MACOS.0, DEFAULT_MACOS.1),
        ("macos" | "macosx", [major]) => System::Macos(*major, 0),
        ("macos" | "macosx", [major, minor]) => System::Macos(*major, *minor),
        (_, []) => System::Glibc(named?.0),
        _ => return None,
    };
    let exists = match system {
        System::Glibc(_) | System::Musl(_) => true,
        System::Windows => matches!(machine, Machine::X86_64 | Machine::Aarch64),
        System::Macos(10, _) => machine == Machine::X86_64,
        System::Macos(major, _) => {
            major > 10 && matches!(machine, Machine::X86_64 | Machine::Aarch64)
        }
    };
    exists.then_some(Platform { system, machine })
}

/// The numbers at the beginning of `14_0_arm64`, and the rest. `None` for a number that no system ever had.
fn split_versions(mut text: &str) -> Option<(Vec<u8>, &str)> {
    const MOST: u8 = 100;
    let mut versions = Vec::new();
    while let Some((number, rest)) = text.split_once('_') {
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        versions.push(number.parse().ok().filter(|number| *number < MOST)?);
        text = rest;
    }
    Some((versions, text))
}

/// The name that was perhaps meant.
fn nearest(text: &str) -> Option<&'static str> {
    const ALIKE: f32 = 0.6;
    similar::get_close_matches(text.to_ascii_lowercase().as_str(), &KNOWN, 1, ALIKE)
        .first()
        .copied()
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.machine.tag();
        match self.system {
            System::Glibc(DEFAULT_GLIBC) => write!(formatter, "linux-{machine}"),
            System::Glibc(minor) => write!(formatter, "manylinux_2_{minor}_{machine}"),
            System::Musl(DEFAULT_MUSL) => write!(formatter, "musllinux-{machine}"),
            System::Musl(minor) => write!(formatter, "musllinux_1_{minor}_{machine}"),
            System::Macos(major, minor) => {
                formatter.write_str("macos-")?;
                if (major, minor) != DEFAULT_MACOS {
                    write!(formatter, "{major}-")?;
                }
                if minor > 0 {
                    write!(formatter, "{minor}-")?;
                }
                formatter.write_str(self.words().machine)
            }
            System::Windows => formatter.write_str(&self.machine.windows().replace('_', "-")),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_one_name_and_is_read_by_several() {
        let table = [
            ("linux-x86_64", "linux-x86_64"),
            ("Linux_AMD64", "linux-x86_64"),
            ("linux-arm64", "linux-aarch64"),
            ("manylinux_2_28_x86_64", "linux-x86_64"),
            ("manylinux_2_34_x86_64", "manylinux_2_34_x86_64"),
            ("manylinux2014-aarch64", "manylinux_2_17_aarch64"),
            ("manylinux1_i686", "manylinux_2_5_i686"),
            ("musllinux-x86_64", "musllinux-x86_64"),
            ("musllinux_1_1_aarch64", "musllinux_1_1_aarch64"),
            ("win-amd64", "win-amd64"),
            ("win_amd64", "win-amd64"),
            ("windows-x86_64", "win-amd64"),
            ("win-arm64", "win-arm64"),
            ("win32", "win32"),
            ("macos-arm64", "macos-arm64"),
            ("macosx_13_0_arm64", "macos-arm64"),
            ("macos-14-arm64", "macos-14-arm64"),
            ("macos-13.2-aarch64", "macos-13-2-arm64"),
            ("macos-10.15-x86_64", "macos-10-15-x86_64"),
            ("linux-riscv64", "linux-riscv64"),
        ];
        for (text, expected) in table {
            let platform: Platform = text.parse().unwrap();
            assert_eq!(platform.to_string(), expected, "{text}");
            assert_eq!(expected.parse::<Platform>().unwrap(), platform, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        let table = [
            ("linux-x86-64_", None),
            ("linux-x86_46", Some("linux-x86_64")),
            ("macos-amr64", Some("macos-arm64")),
            ("win-amd46", Some("win-amd64")),
            ("solaris", None),
            ("manylinux_3_1_x86_64", None),
            ("manylinux_2_4000000000_x86_64", None),
            ("macos-10.15-arm64", None),
            ("macos-9-x86_64", None),
            ("win-riscv64", None),
            ("", None),
        ];
        for (text, expected) in table {
            let error = text.parse::<Platform>().unwrap_err();
            let Error::Platform { nearest, known, .. } = &error else { panic!("{error}") };
            if expected.is_some() {
                assert_eq!(*nearest, expected, "{text}");
            }
            assert_eq!(known.len(), KNOWN.len());
        }
    }

    #[test]
    fn this_machine_is_one_of_those_that_are_known() {
        let here = Platform::current().unwrap();
        assert_eq!(here.to_string().parse::<Platform>().unwrap(), here);
    }
}
