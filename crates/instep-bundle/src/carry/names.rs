//! Which paths a bundle may have: those that mean the same on every system, and never the same as another.

use std::collections::BTreeMap;

use instep_fs::RelativePath;
use unicode_normalization::UnicodeNormalization as _;

use super::problem::CarryProblem;
use crate::error::Error;

/// Bytes of one name; most file systems take no longer one.
const LONGEST_NAME: usize = 255;
/// Bytes of a path. Windows, where it has its older limit, and what stands before the bundle need the rest.
const LONGEST_PATH: usize = 1024;

/// Names of devices on Windows, with any extension
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A path as somebody else wrote it.
pub(super) fn path(text: &str) -> Result<RelativePath, Error> {
    let refused = |reason: &str| Error::Carry {
        // Nothing of it may be taken for something else on a terminal.
        path: text.escape_debug().take(LONGEST_PATH).collect(),
        problem: CarryProblem::Name { reason: reason.to_owned() },
    };
    let path = RelativePath::new(text).map_err(|error| match error {
        instep_fs::Error::NotRelative { problem, .. } => refused(&problem.to_string()),
        _ => refused("it is no path"),
    })?;
    if path.as_str() != text {
        return Err(refused("it has an empty part, or one that is `.`"));
    }
    if text.len() > LONGEST_PATH {
        return Err(refused("it is too long"));
    }
    for name in text.split('/') {
        if let Some(reason) = not_portable(name) {
            return Err(refused(reason));
        }
    }
    Ok(path)
}

/// Why a name is not one everywhere.
fn not_portable(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        let number = stem.strip_prefix(port).unwrap_or_default();
        let mut digits = number.chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    });
    if name.len() > LONGEST_NAME {
        Some("a part of it is too long")
    } else if name.ends_with(['.', ' ']) {
        Some("a part of it ends with a dot or a space, which Windows drops")
    } else if name.contains(['<', '>', ':', '"', '|', '?', '*']) {
        Some("it has a character that Windows does not take")
    } else if is_port || DEVICES.contains(&stem.as_str()) {
        Some("a part of it is the name of a device on Windows")
    } else {
        None
    }
}

/// That every system tells these paths apart, and that none is the folder of another.
pub(super) fn distinct<'a>(paths: impl Iterator<Item = &'a RelativePath>) -> Result<(), Error> {
    // What a path and each folder above it are called where letters of both cases are one.
    let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    for path in paths {
        let text = path.as_str();
        let ends = text.match_indices('/').map(|(end, _)| end).chain([text.len()]);
        for end in ends {
            let part = text.get(..end).unwrap_or_default();
            let is_file = end == text.len();
            match seen.insert(folded(part), (part, is_file)) {
                Some((other, was_file)) if other != part || is_file || was_file => {
                    let problem = CarryProblem::Collides { other: other.to_owned() };
                    return Err(Error::Carry { path: text.to_owned(), problem });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What the systems that tell least apart make of a name. Through upper case, which several lower-case letters
/// (`s` and `ſ`, `σ` and `ς`) share.
fn folded(text: &str) -> String {
    let upper = text.nfc().flat_map(char::to_uppercase);
    let lower: String = upper.flat_map(char::to_lowercase).collect();
    lower.nfc().collect()
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
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("C:/x", "it is absolute"),
            ("c:x", "it is absolute"),
            ("//server/share/x", "it is absolute"),
            ("../x", "`..`"),
            ("a/../../x", "`..`"),
            ("a\\b", "backslash"),
            ("\\\\?\\C:\\x", "backslash"),
            ("a\nb", "control"),
            ("a\u{1b}[31m", "control"),
            ("a//b", "empty part"),
            ("./a", "empty part"),
            ("a/", "empty part"),
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
