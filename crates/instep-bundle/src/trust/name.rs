//! Names of files that mean the same on every system.

use std::collections::BTreeMap;

use instep_fs::RelativePath;
use serde::Serialize;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// What Windows takes for a device, whatever follows after a dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

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
    /// Windows takes it for something else: a device, a stream of another file, a name without its end.
    #[error("means something else on Windows")]
    Windows,
}

/// The path, where it means the same everywhere.
pub(super) fn portable(text: &str) -> Result<RelativePath, NameProblem> {
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
    if text.split('/').any(is_odd_on_windows) {
        return Err(NameProblem::Windows);
    }
    Ok(path)
}

fn is_odd_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|digit| digit.len() == 1 && digit.as_bytes() != b"0")
    });
    part.contains([':', '*', '?', '"', '<', '>', '|'])
        || part.ends_with(['.', ' '])
        || is_port
        || DEVICES.contains(&stem.as_str())
}

/// What the systems that tell least apart make of a path. Through upper case, which several lower-case letters
/// (`s` and `ſ`, `σ` and `ς`) share.
fn folded(path: &str) -> String {
    let upper = path.nfc().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect::<String>().nfc().collect()
}

/// Pairs of paths that are one on some systems, or where one is a file and the other lies in a folder of its name.
pub(super) fn clashes<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    let mut found = Vec::new();
    for path in paths {
        if let Some(other) = files.insert(folded(path), path) {
            found.push((other.to_owned(), path.to_owned()));
        }
    }
    for (key, path) in &files {
        let folders = key.char_indices().filter(|(_, letter)| *letter == '/');
        for (end, _) in folders {
            if let Some(other) = key.get(..end).and_then(|folder| files.get(folder)) {
                found.push(((*other).to_owned(), (*path).to_owned()));
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
        let table = [
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
            ("a/b:c", NameProblem::Windows),
            ("a./b", NameProblem::Windows),
            ("b ", NameProblem::Windows),
            ("x/NUL", NameProblem::Windows),
            ("aux.txt", NameProblem::Windows),
            ("com1 .x", NameProblem::Windows),
            ("what?", NameProblem::Windows),
        ];
        for (name, problem) in table {
            assert_eq!(portable(name), Err(problem), "{name:?}");
        }
        for name in ["a", "a/b.txt", "..a/b..c", "café/名 前", ".gitignore", "auxiliary", "com10"]
        {
            assert_eq!(portable(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_are_one_on_some_system_clash() {
        let clash = |paths: &[&str]| clashes(paths.iter().copied());
        assert_eq!(clash(&["a/b", "a/c", "b"]), []);
        for (one, other) in
            [("a/b", "A/B"), ("straße", "STRASSE"), ("a", "A/b"), ("a/b/c", "A/b"), ("ſ", "S")]
        {
            assert_eq!(clash(&[one, other]).len(), 1, "{one} {other}");
        }
    }
}
