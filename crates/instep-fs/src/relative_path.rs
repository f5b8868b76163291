//! Paths inside a root, as they stand in files that are committed or travel to another machine.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::{Error, PathProblem};

/// A relative POSIX path that cannot climb out of its root and that every platform reads the same
/// way.
///
/// Empty components and `.` are dropped (`./a//b/` is `a/b`), so that equal paths compare equal.
/// Unicode is kept as it is: a file system may tell two normal forms of one name apart.
///
/// Refused are what is absolute or has a drive letter (`/a`, `C:a`), `..`, backslashes, control
/// characters, and a path that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

impl RelativePath {
    /// Checks a text and brings it into its one form.
    ///
    /// # Errors
    ///
    /// [`Error::NotRelative`] with the text and what is wrong with it.
    pub fn new(text: &str) -> Result<Self, Error> {
        let refused = |problem| Error::NotRelative { path: text.to_owned(), problem };
        if text.contains('\\') {
            return Err(refused(PathProblem::Backslash));
        }
        if text.contains(char::is_control) {
            return Err(refused(PathProblem::Control));
        }
        if text.starts_with('/') || starts_with_drive(text) {
            return Err(refused(PathProblem::Absolute));
        }
        let mut path = String::with_capacity(text.len());
        for component in text.split('/').filter(|component| !matches!(*component, "" | ".")) {
            if component == ".." {
                return Err(refused(PathProblem::Climbs));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(component);
        }
        // `./C:x` has lost what kept the drive letter from being one.
        if starts_with_drive(&path) {
            return Err(refused(PathProblem::Absolute));
        }
        if path.is_empty() { Err(refused(PathProblem::Empty)) } else { Ok(Self(path)) }
    }

    /// Where `path` lies below `root`, by their texts alone; `None` when it does not, or when it
    /// has a name that is not portable.
    pub fn between(root: &Utf8Path, path: &Utf8Path) -> Option<Self> {
        let below = path.strip_prefix(root).ok()?;
        let mut text = String::with_capacity(below.as_str().len());
        for component in below.components() {
            let Utf8Component::Normal(name) = component else { return None };
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(name);
        }
        Self::new(&text).ok()
    }

    /// The path below `root`, with the platform's separators.
    pub fn to_path(&self, root: &Utf8Path) -> Utf8PathBuf {
        if cfg!(windows) { root.join(self.0.replace('/', "\\")) } else { root.join(&self.0) }
    }

    /// The text, with `/` between folders.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `C:` also makes a path absolute (or relative to a drive's own folder) when joined on Windows.
fn starts_with_drive(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && bytes.next() == Some(b':')
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RelativePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for RelativePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for RelativePath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(&text)
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table_of_accepted_paths() {
        let table = [
            ("a", "a"),
            ("a/b.txt", "a/b.txt"),
            ("./a//b/", "a/b"),
            ("a/./b", "a/b"),
            ("..a/b..", "..a/b.."),
            ("...", "..."),
            ("Ünïcode/名 前", "Ünïcode/名 前"),
            ("a/c:d", "a/c:d"),
        ];
        for (text, expected) in table {
            assert_eq!(RelativePath::new(text).unwrap().as_str(), expected, "{text}");
        }
    }

    #[test]
    fn table_of_refused_paths() {
        let table = [
            ("", PathProblem::Empty),
            (".", PathProblem::Empty),
            ("./", PathProblem::Empty),
            ("/", PathProblem::Absolute),
            ("/etc/passwd", PathProblem::Absolute),
            ("//server/share", PathProblem::Absolute),
            ("C:/x", PathProblem::Absolute),
            ("c:x", PathProblem::Absolute),
            ("./C:x", PathProblem::Absolute),
            ("..", PathProblem::Climbs),
            ("a/../b", PathProblem::Climbs),
            ("a/..", PathProblem::Climbs),
            ("a\\..\\..\\b", PathProblem::Backslash),
            ("\\\\?\\C:\\x", PathProblem::Backslash),
            ("a\0b", PathProblem::Control),
            ("a\nb", PathProblem::Control),
        ];
        for (text, expected) in table {
            match RelativePath::new(text) {
                Err(Error::NotRelative { path, problem }) => {
                    assert_eq!((path.as_str(), problem), (text, expected));
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn between_is_the_way_from_the_root() {
        let table = [
            ("/p", "/p/a/b", Some("a/b")),
            ("/p/", "/p/./a", Some("a")),
            ("/p", "/p", None),
            ("/p", "/q/a", None),
            ("/p", "/pa", None),
            ("/p", "/p/../q", None),
            ("p", "p/a", Some("a")),
        ];
        for (root, path, expected) in table {
            let found = RelativePath::between(root.into(), path.into());
            assert_eq!(found.as_ref().map(RelativePath::as_str), expected, "{root} {path}");
        }
    }

    #[test]
    fn it_is_a_string_in_json_and_checked_when_read() {
        let path = RelativePath::new("a/b").unwrap();
        let json = serde_json::to_string(&path).unwrap();
        insta::assert_snapshot!(json, @r#""a/b""#);
        assert_eq!(serde_json::from_str::<RelativePath>(&json).unwrap(), path);
        assert!(serde_json::from_str::<RelativePath>(r#""../a""#).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_is_accepted_leaves_the_root(text in "[./\\\\:aC\u{e9} ]{0,12}") {
            if let Ok(path) = RelativePath::new(&text) {
                let root = Utf8Path::new("/root/of");
                let joined = path.to_path(root);
                prop_assert!(joined.starts_with(root));
                prop_assert!(joined != root);
                prop_assert!(
                    joined.components().all(|part| !matches!(part, Utf8Component::ParentDir))
                );
                // The one form is a fixed point, and the way back finds it.
                prop_assert_eq!(&RelativePath::new(path.as_str()).unwrap(), &path);
                prop_assert_eq!(RelativePath::between(root, &joined), Some(path));
            }
        }
    }
}
