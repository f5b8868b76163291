//! Which paths a bundle may have: those that mean the same on every system, and never the same as another.

use instep_fs::RelativePath;

use super::problem::CarryProblem;
use crate::error::Error;
use crate::names::{clashes, portable};

/// Bytes of a refused name that are shown.
const SHOWN: usize = 1024;

/// A path as somebody else wrote it.
pub(super) fn path(text: &str) -> Result<RelativePath, Error> {
    let refused = |reason: &str| Error::Carry {
        // Nothing of it may be taken for something else on a terminal.
        path: text.escape_debug().take(SHOWN).collect(),
        problem: CarryProblem::Name { reason: reason.to_owned() },
    };
    portable(text).map_err(|problem| refused(&format!("it {problem}")))
}

/// That every system tells these paths apart, and that none is the folder of another.
pub(super) fn distinct<'a>(paths: impl Iterator<Item = &'a RelativePath>) -> Result<(), Error> {
    match clashes(paths.map(RelativePath::as_str)).into_iter().next() {
        None => Ok(()),
        Some((other, path)) => {
            Err(Error::Carry { path, problem: CarryProblem::Collides { other } })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_mean_the_same_everywhere_are_taken() {
        for text in [
            "bundle.json",
            "wheels/alpha-1.0-py3-none-any.whl",
            "project/Ünïcode/名 前.txt",
            "a/.hidden",
            "console/com/lpt10/nullify/auxiliary.c",
            "com.txt",
        ] {
            assert_eq!(path(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_or_are_none_are_refused() {
        let long = "a".repeat(256);
        let deep = "abc/".repeat(300) + "d";
        let table = [
            ("", "does not stay"),
            ("/etc/passwd", "does not stay"),
            ("C:/x", "does not stay"),
            ("c:x", "does not stay"),
            ("//server/share/x", "does not stay"),
            ("../x", "does not stay"),
            ("a/../../x", "does not stay"),
            ("a\\b", "does not stay"),
            ("\\\\?\\C:\\x", "does not stay"),
            ("a\nb", "does not stay"),
            ("a\u{1b}[31m", "does not stay"),
            ("a//b", "shortest form"),
            ("./a", "shortest form"),
            ("a/", "shortest form"),
            ("a/.. ", "dot or a space"),
            ("a./b", "dot or a space"),
            ("a ", "dot or a space"),
            ("a/b:c", "character"),
            ("a/b?", "character"),
            ("NUL", "device"),
            ("a/nul.txt", "device"),
            ("a/Com1.tar.gz", "device"),
            ("a/LPT³", "device"),
            ("con .x", "device"),
            ("CONIN$", "device"),
            (&long, "too long"),
            (&deep, "too long"),
        ];
        for (text, expected) in table {
            let error = path(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn paths_that_are_one_somewhere_are_refused() {
        let table: [(&[&str], bool); 9] = [
            (&["a", "b", "c/d", "c/e", "cc"], true),
            (&["a", "a"], false),
            (&["a", "A"], false),
            (&["A/b", "a/c"], false),
            (&["a", "a/b"], false),
            (&["a/b", "a"], false),
            (&["a/b", "A"], false),
            (&["é", "e\u{301}"], false),
            (&["s", "ſ"], false),
        ];
        for (texts, is_right) in table {
            let paths: Vec<RelativePath> =
                texts.iter().map(|text| RelativePath::new(text).unwrap()).collect();
            assert_eq!(distinct(paths.iter()).is_ok(), is_right, "{texts:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_below_its_folder(text in "[./\\\\:aCo1nul $\u{e9}]{0,12}") {
            if let Ok(path) = path(&text) {
                let root = camino::Utf8Path::new("/root/of");
                let joined = path.to_path(root);
                prop_assert!(joined.starts_with(root) && joined != root);
                prop_assert!(!text.contains(['\\', ':']));
                prop_assert!(text.split('/').all(|part| !part.is_empty() && !part.ends_with(['.', ' '])));
            }
        }
    }
}
