//! Which Python is wished for, as people write it: `3`, `3.12`, `3.12.4`, `>=3.11,<3.14`, or a path.

use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use pep440_rs::{Version, VersionSpecifiers};

use crate::Error;

/// Which Python is wished for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PythonRequest {
    /// A version that begins with these numbers: `3.12` is any 3.12.x. One to three numbers.
    Version(Vec<u64>),
    /// A range as in `requires-python`, such as `>=3.11,<3.14`.
    Range(VersionSpecifiers),
    /// This interpreter, or the one of this environment or installation.
    Path(Utf8PathBuf),
}

impl PythonRequest {
    /// Whether a Python of this version is what is wished for. A path is content with any.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            PythonRequest::Version(numbers) => {
                let release = version.release();
                numbers.iter().enumerate().all(|(index, number)| {
                    release.get(index).copied().unwrap_or_default() == *number
                })
            }
            // A pre-release is as good as its release here: whoever has installed 3.15rc1 wants to use it.
            PythonRequest::Range(range) => {
                range.contains(&Version::new(version.release().iter().copied()))
            }
            PythonRequest::Path(_) => true,
        }
    }

    /// `3.12` where that much is known, else `3` or nothing: the end of the names on `PATH` such a Python goes by.
    pub(crate) fn name_suffix(&self) -> Option<String> {
        match self {
            PythonRequest::Version(numbers) => {
                let numbers: Vec<String> = numbers.iter().take(2).map(u64::to_string).collect();
                Some(numbers.join("."))
            }
            PythonRequest::Range(_) | PythonRequest::Path(_) => None,
        }
    }
}

impl FromStr for PythonRequest {
    type Err = Error;

    /// Reads a wish. `python3.12`, `cpython@3.12` and `cpython-3.12` are `3.12`; what begins with a dot or
    /// holds a path separator is a path.
    fn from_str(text: &str) -> Result<PythonRequest, Error> {
        let refused = |problem: String| Error::PythonRequest { text: text.to_owned(), problem };
        let wish = text.trim();
        if wish.starts_with('.') || wish.contains('/') || wish.contains(std::path::MAIN_SEPARATOR) {
            return Ok(PythonRequest::Path(Utf8PathBuf::from(wish)));
        }
        if wish.starts_with(['<', '>', '=', '~', '!']) {
            return VersionSpecifiers::from_str(wish)
                .map(PythonRequest::Range)
                .map_err(|error| refused(error.to_string()));
        }
        let numbers = ["cpython@", "cpython-", "python@", "cpython", "python"]
            .into_iter()
            .find_map(|prefix| wish.strip_prefix(prefix))
            .unwrap_or(wish);
        let numbers: Result<Vec<u64>, _> = numbers.split('.').map(str::parse).collect();
        match numbers {
            Ok(numbers) if numbers.len() <= 3 => Ok(PythonRequest::Version(numbers)),
            Ok(_) => Err(refused("a Python version has at most three numbers".to_owned())),
            Err(_) => Err(refused("not a version".to_owned())),
        }
    }
}

impl fmt::Display for PythonRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PythonRequest::Version(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                formatter.write_str(&numbers.join("."))
            }
            PythonRequest::Range(range) => write!(formatter, "{range}"),
            PythonRequest::Path(path) => write!(formatter, "{path}"),
        }
    }
}
