//! What is not mirrored: patterns in the words of
//! [`.gitignore`](https://git-scm.com/docs/gitignore#_pattern_format), and our own files.

use std::sync::LazyLock;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::Error;

/// The folder of our own in each root.
pub(crate) const OWN: &str = ".instep-mirror";
/// The log beside it.
pub(crate) const LOG: &str = ".sync_log.json";
/// The ending of files that are on their way.
pub(crate) const TEMPORARY: &str = ".instep-tmp";

/// Ignored in every mirror: what is made again by itself on each machine.
const ALWAYS: [&str; 5] = ["__pycache__/", ".DS_Store", "Thumbs.db", "desktop.ini", "/.instep/"];

/// Those patterns, made when something is met that is not recorded: most runs meet nothing.
static USUAL: LazyLock<Gitignore> =
    LazyLock::new(|| of_patterns(&[]).unwrap_or_else(|_| Gitignore::empty()));

/// The patterns of a mirror.
#[derive(Clone, Debug)]
pub(crate) struct Ignored {
    /// None where there are no more than those that always are.
    patterns: Option<Gitignore>,
    /// Of all of them.
    pub(crate) digest: String,
}

impl Ignored {
    /// # Errors
    ///
    /// [`Error::Pattern`] for one that does not parse.
    pub(crate) fn of(patterns: &[String]) -> Result<Self, Error> {
        let mut digest = blake3::Hasher::new();
        for pattern in ALWAYS.into_iter().chain(patterns.iter().map(String::as_str)) {
            digest.update(pattern.as_bytes()).update(b"\n");
        }
        let digest = digest.finalize().to_hex().to_string();
        let patterns = if patterns.is_empty() { None } else { Some(of_patterns(patterns)?) };
        Ok(Self { patterns, digest })
    }

    /// Whether a path is not mirrored. What is above it is taken to be.
    pub(crate) fn covers(&self, path: &str, is_dir: bool) -> bool {
        let patterns = self.patterns.as_ref().unwrap_or_else(|| &USUAL);
        is_own(path) || patterns.matched(path, is_dir).is_ignore()
    }
}

fn of_patterns(patterns: &[String]) -> Result<Gitignore, Error> {
    let mut builder = GitignoreBuilder::new("");
    for pattern in ALWAYS.into_iter().chain(patterns.iter().map(String::as_str)) {
        builder.add_line(None, pattern).map_err(|source| Error::Pattern {
            pattern: pattern.to_owned(),
            source: Box::new(source),
        })?;
    }
    builder
        .build()
        .map_err(|source| Error::Pattern { pattern: patterns.join(", "), source: Box::new(source) })
}

/// Whether it is a file of ours.
pub(crate) fn is_own(path: &str) -> bool {
    path == OWN || path == LOG || is_temporary(path)
}

/// Whether it is a file on its way, of whichever machine.
pub(crate) fn is_temporary(path: &str) -> bool {
    path.ends_with(TEMPORARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_git() {
        let ignored = Ignored::of(&["*.tmp".into(), "/build/".into(), "!keep.tmp".into()]).unwrap();
        let table = [
            ("a/__pycache__", true, true),
            ("__pycache__", false, false),
            ("a/.DS_Store", false, true),
            ("a/b.tmp", false, true),
            ("a/keep.tmp", false, false),
            ("build", true, true),
            ("a/build", true, false),
            (".instep", true, true),
            ("a/.instep", true, false),
            (".instep-mirror", true, true),
            ("a/.x.instep-tmp", false, true),
            (".hidden", false, false),
        ];
        for (path, is_dir, expected) in table {
            assert_eq!(ignored.covers(path, is_dir), expected, "{path}");
        }
        let usual = Ignored::of(&[]).unwrap();
        for (path, is_dir, expected) in table {
            let is_usual = expected && !path.contains(".tmp") && path != "build";
            assert_eq!(usual.covers(path, is_dir), is_usual, "{path}");
        }
        assert!(matches!(Ignored::of(&["[z-a]".into()]), Err(Error::Pattern { .. })));
    }
}
