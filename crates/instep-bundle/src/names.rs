//! Names of files that mean the same on every system.

use std::collections::BTreeMap;

use instep_fs::RelativePath;
use serde::Serialize;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Bytes of one name; most file systems take no longer one.
const LONGEST_NAME: usize = 255;
/// Bytes of a path. Windows, where it has its older limit, and what stands before the bundle need the rest.
const LONGEST_PATH: usize = 1024;

/// Names of devices on Windows, with any extension
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a name cannot be one of a signed bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NameProblem {
    /// It is no relative path that stays inside.
    #[error("does not stay inside of the bundle, or has characters that not every system knows")]
    Path,
    /// There are other ways to write it.
    #[error("is not in its shortest form")]
    Form,
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// Its letters are composed otherwise than in NFC, in which metadata is signed.
    #[error("is not in Unicode's form NFC")]
    Composition,
    /// A part of it is the name of a device on Windows, whatever follows after a dot.
    #[error("is the name of a device on Windows")]
    Device,
    /// It has a character that Windows does not take, or takes for something else.
    #[error("has a character that Windows does not take")]
    Character,
    /// A part of it ends with a dot or a space.
    #[error("ends with a dot or a space, which Windows drops")]
    End,
    /// Not every file system can hold it.
    #[error("is too long")]
    Length,
}

/// The path, where it means the same everywhere.
pub(crate) fn portable(text: &str) -> Result<RelativePath, NameProblem> {
    let path = RelativePath::new(text).map_err(|_| NameProblem::Path)?;
    if path.as_str() != text {
        return Err(NameProblem::Form);
    }
    // Both begin a new line for some readers.
    if text.contains(['\u{2028}', '\u{2029}']) {
        return Err(NameProblem::Path);
    }
    if !is_nfc(text) {
        return Err(NameProblem::Composition);
    }
    if text.len() > LONGEST_PATH {
        return Err(NameProblem::Length);
    }
    text.split('/').try_for_each(part)?;
    Ok(path)
}

fn part(name: &str) -> Result<(), NameProblem> {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        let mut digits = stem.strip_prefix(port).unwrap_or_default().chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    });
    if name.len() > LONGEST_NAME {
        Err(NameProblem::Length)
    } else if name.ends_with(['.', ' ']) {
        Err(NameProblem::End)
    } else if name.contains([':', '*', '?', '"', '<', '>', '|']) {
        Err(NameProblem::Character)
    } else if is_port || DEVICES.contains(&stem.as_str()) {
        Err(NameProblem::Device)
    } else {
        Ok(())
    }
}

/// What the systems that tell least apart make of a path. Through upper case, which several lower-case letters
/// (`s` and `ſ`, `σ` and `ς`) share.
fn folded(path: &str) -> String {
    let upper = path.nfc().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect::<String>().nfc().collect()
}

/// Paths that are one on some systems, where one is a file and the other lies in a folder of its name, or where folders are
/// one: the other, and the path that cannot stand beside it.
pub(crate) fn clashes<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    // What a path and each folder above it are called where letters of both cases are one.
    let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    let mut found = Vec::new();
    for path in paths {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let part = path.get(..end).unwrap_or_default();
            let is_file = end == path.len();
            match seen.insert(folded(part), (part, is_file)) {
                Some((other, was_file)) if other != part || is_file || was_file => {
                    found.push((other.to_owned(), path.to_owned()));
                    break;
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{NameProblem, clashes, portable};

    #[test]
    fn a_name_that_some_system_reads_otherwise_is_refused() {
        let table: [(&str, NameProblem); 24] = [
            ("a/../b", NameProblem::Path),
            ("/etc/passwd", NameProblem::Path),
            ("C:/x", NameProblem::Path),
            ("a\\b", NameProblem::Path),
            ("a\nb", NameProblem::Path),
            ("a\u{2028}b", NameProblem::Path),
            ("", NameProblem::Path),
            ("a//b", NameProblem::Form),
            ("./a", NameProblem::Form),
            ("a/", NameProblem::Form),
            ("cafe\u{301}", NameProblem::Composition),
            ("a/b:c", NameProblem::Character),
            ("a./b", NameProblem::End),
            ("b ", NameProblem::End),
            ("x/NUL", NameProblem::Device),
            ("aux.txt", NameProblem::Device),
            ("com1 .x", NameProblem::Device),
            ("a/Com1.tar.gz", NameProblem::Device),
            ("a/LPT³", NameProblem::Device),
            ("CONIN$", NameProblem::Device),
            (&"a".repeat(256), NameProblem::Length),
            (&"abc/".repeat(300), NameProblem::Form),
            (&["abc/".repeat(300), "d".to_owned()].concat(), NameProblem::Length),
            ("what?", NameProblem::Character),
        ];
        for (name, problem) in table {
            assert_eq!(portable(name), Err(problem), "{name:?}");
        }
        for name in [
            "a",
            "a/b.txt",
            "..a/b..c",
            "café/名 前",
            ".gitignore",
            "auxiliary",
            "com10",
            "comm",
            "com",
            "com.txt",
        ] {
            assert_eq!(portable(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_are_one_on_some_system_clash() {
        let clash = |paths: &[&str]| clashes(paths.iter().copied());
        assert_eq!(clash(&["a/b", "a/c", "b"]), []);
        for (one, other) in [
            ("A/b", "a/c"),
            ("a/b", "A/B"),
            ("straße", "STRASSE"),
            ("a", "A/b"),
            ("a/b/c", "A/b"),
            ("ſ", "S"),
        ] {
            assert_eq!(clash(&[one, other]).len(), 1, "{one} {other}");
        }
    }
}
