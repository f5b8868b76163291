//! The file name of a wheel, which says what it is and where it fits.

use std::fmt;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::{Serialize, Serializer};

use crate::tag::Tag;

/// `NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl`
/// ([binary distribution format](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Normalised.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The build number and what follows it, which decide between wheels that are else the same.
    pub build: Option<(u64, String)>,
    /// Every tag that the compressed ones stand for.
    pub tags: Vec<Tag>,
    text: String,
}

/// Why a text is not the file name of a wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileNameProblem {
    /// No `.whl`.
    #[error("it does not end with .whl")]
    Ending,
    /// Not five or six parts.
    #[error("it does not have five or six parts, with a - between them")]
    Parts,
    /// The name is none.
    #[error("what stands first is not a package's name")]
    Name,
    /// The version is none.
    #[error("what stands second is not a version")]
    Version,
    /// The build number is none.
    #[error("its build number does not begin with a digit")]
    Build,
    /// A tag has a part that is empty, or too many of them.
    #[error("its tags are empty, or too many")]
    Tags,
}

/// Compressed tags of a real wheel stand for a few dozen at most.
const MOST_TAGS: usize = 1024;

impl FileName {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for FileName {
    type Err = FileNameProblem;

    fn from_str(text: &str) -> Result<Self, FileNameProblem> {
        let stem = text.strip_suffix(".whl").ok_or(FileNameProblem::Ending)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts.as_slice() {
            [name, version, python, abi, platform] => {
                (*name, *version, None, [*python, *abi, *platform])
            }
            [name, version, build, python, abi, platform] => {
                (*name, *version, Some(*build), [*python, *abi, *platform])
            }
            _ => return Err(FileNameProblem::Parts),
        };
        let build = match build {
            None => None,
            Some(text) => {
                let digits = text.bytes().take_while(u8::is_ascii_digit).count();
                let (number, rest) = text.split_at(digits);
                let number = number.parse().map_err(|_| FileNameProblem::Build)?;
                Some((number, rest.to_owned()))
            }
        };
        // An empty one is a name to `PackageName`.
        let name = Some(name).filter(|name| !name.is_empty()).ok_or(FileNameProblem::Name)?;
        Ok(Self {
            name: PackageName::from_str(name).map_err(|_| FileNameProblem::Name)?,
            version: Version::from_str(&version.replace('_', "-"))
                .map_err(|_| FileNameProblem::Version)?,
            build,
            tags: Tag::expand(tags, MOST_TAGS).ok_or(FileNameProblem::Tags)?,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for FileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_is_and_where_it_fits() {
        let name: FileName =
            "Ruamel.yaml_clib-0.2.8+local.1-1b-cp311.cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
                .parse()
                .unwrap();
        assert_eq!(name.name.to_string(), "ruamel-yaml-clib");
        assert_eq!(name.version.to_string(), "0.2.8+local.1");
        assert_eq!(name.build, Some((1, "b".to_owned())));
        let tags: Vec<String> = name.tags.iter().map(ToString::to_string).collect();
        assert_eq!(
            tags,
            [
                "cp311-abi3-manylinux_2_17_x86_64",
                "cp311-abi3-manylinux2014_x86_64",
                "cp312-abi3-manylinux_2_17_x86_64",
                "cp312-abi3-manylinux2014_x86_64"
            ]
        );
    }

    #[test]
    fn what_is_none_is_refused_with_the_part_that_is_wrong() {
        let many = format!("a-1-{0}-{0}-{0}.whl", ["x"; 20].join("."));
        let table = [
            ("a-1-py3-none-any.zip", FileNameProblem::Ending),
            ("a-1-py3-none.whl", FileNameProblem::Parts),
            ("a-1-1-py3-none-any-x.whl", FileNameProblem::Parts),
            ("-1-py3-none-any.whl", FileNameProblem::Name),
            ("a-one-py3-none-any.whl", FileNameProblem::Version),
            ("a-1-b1-py3-none-any.whl", FileNameProblem::Build),
            ("a-1--py3-none-any.whl", FileNameProblem::Build),
            ("a-1-py3..py2-none-any.whl", FileNameProblem::Tags),
            ("a-1-py3-none-.whl", FileNameProblem::Tags),
            (many.as_str(), FileNameProblem::Tags),
        ];
        for (text, problem) in table {
            assert_eq!(text.parse::<FileName>().unwrap_err(), problem, "{text}");
        }
    }
}
