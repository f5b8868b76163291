//! For which machines an image is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ImageProblem;

/// An operating system, an architecture and its variant, in the words of Go, as every registry writes them
/// (`linux/amd64`, `linux/arm64/v8`, `linux/arm/v7`).
///
/// Names of the same thing are brought into one form, as containerd does: `x86_64` is `amd64`, `aarch64` and `arm64/v8`
/// are `arm64`, `armhf` is `arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePlatform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl ImagePlatform {
    /// From its parts, as somebody wrote them; an empty variant is none. None for what are no words.
    pub(crate) fn read(os: &str, architecture: &str, variant: Option<&str>) -> Option<Self> {
        let variant = variant.filter(|variant| !variant.is_empty());
        let are_words = [Some(os), Some(architecture), variant].into_iter().flatten().all(is_word);
        are_words.then(|| Self::new(os, architecture, variant))
    }

    fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (os, architecture) = (os.to_ascii_lowercase(), architecture.to_ascii_lowercase());
        let variant = variant.map(str::to_ascii_lowercase);
        let variant = variant.map(|variant| match variant.as_bytes() {
            [b'0'..=b'9', ..] => ["v", &variant].concat(),
            _ => variant,
        });
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", None | Some("v1")) => ("amd64", None),
            ("x86_64" | "x86-64", Some(_)) => ("amd64", variant),
            ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386", None),
            ("aarch64" | "arm64", None | Some("v8")) => ("arm64", None),
            ("aarch64", Some(_)) => ("arm64", variant),
            ("armhf", _) | ("arm", None) => ("arm", Some("v7".to_owned())),
            ("armel", _) => ("arm", Some("v6".to_owned())),
            ("powerpc64le", _) => ("ppc64le", None),
            (architecture, _) => (architecture, variant),
        };
        Self { os, architecture: architecture.to_owned(), variant }
    }

    /// Linux, on the architecture that this program was built for: what a container runs here.
    pub fn of_this_machine() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// `linux`, `windows`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// `amd64`, `arm64`, `arm`, `s390x`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// `v6`, `v7`; none where it is the usual one.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// What a machine of this platform runs, the best first: a processor runs what was made for those before it.
    pub(crate) fn runs(&self) -> Vec<Self> {
        let newest = |known: &[&str]| {
            let at = known.iter().position(|one| Some(*one) == self.variant.as_deref());
            let older = at.and_then(|at| known.get(at..)).unwrap_or_default();
            older.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()
        };
        let (variants, usual) = match self.architecture.as_str() {
            "arm" => (newest(&["v8", "v7", "v6", "v5"]), false),
            "amd64" => (newest(&["v4", "v3", "v2"]), true),
            "arm64" => (self.variant.iter().cloned().collect(), true),
            _ => (self.variant.iter().cloned().collect(), self.variant.is_none()),
        };
        let variants = if variants.is_empty() && !usual {
            self.variant.iter().cloned().collect()
        } else {
            variants
        };
        let all = variants.into_iter().map(Some).chain(usual.then_some(None));
        all.map(|variant| Self { variant, ..self.clone() }).collect()
    }
}

/// What may be a part of a platform.
fn is_word(part: &str) -> bool {
    let is_letter = |one: u8| one.is_ascii_alphanumeric() || one == b'_' || one == b'-';
    !part.is_empty() && part.len() <= 32 && part.bytes().all(is_letter)
}

impl fmt::Display for ImagePlatform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(formatter, "/{variant}"))
    }
}

impl FromStr for ImagePlatform {
    type Err = ImageProblem;

    fn from_str(text: &str) -> Result<Self, ImageProblem> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture] => Self::read(os, architecture, None),
            [_, _, ""] => None,
            [os, architecture, variant] => Self::read(os, architecture, Some(variant)),
            _ => None,
        }
        .ok_or_else(|| ImageProblem::Platform { given: text.to_owned() })
    }
}

impl TryFrom<String> for ImagePlatform {
    type Error = ImageProblem;

    fn try_from(text: String) -> Result<Self, ImageProblem> {
        text.parse()
    }
}

impl From<ImagePlatform> for String {
    fn from(platform: ImagePlatform) -> Self {
        platform.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::ImagePlatform;

    #[test]
    fn names_of_the_same_platform_have_one_form() {
        let table = [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/arm64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64/8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/7", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("windows/amd64", "windows/amd64"),
            ("linux/s390x", "linux/s390x"),
        ];
        for (given, expected) in table {
            let platform: ImagePlatform = given.parse().unwrap();
            assert_eq!(platform.to_string(), expected, "{given}");
            assert_eq!(expected.parse::<ImagePlatform>().unwrap(), platform, "{given}");
        }
    }

    #[test]
    fn what_names_no_platform_is_refused() {
        for given in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/arm/",
            "linux/amd64/v1/x",
            "linux/am d64",
            "a/../b",
        ] {
            assert!(given.parse::<ImagePlatform>().is_err(), "{given}");
        }
    }

    #[test]
    fn a_processor_runs_what_was_made_for_those_before_it() {
        let table = [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64"),
            ("linux/arm64", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9 linux/arm64"),
            ("linux/arm/v7", "linux/arm/v7 linux/arm/v6 linux/arm/v5"),
            ("linux/arm/v6", "linux/arm/v6 linux/arm/v5"),
            ("linux/s390x", "linux/s390x"),
            ("linux/riscv64/rva20", "linux/riscv64/rva20"),
        ];
        for (given, expected) in table {
            let runs = given.parse::<ImagePlatform>().unwrap().runs();
            let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
            assert_eq!(runs.join(" "), expected, "{given}");
        }
    }
}
