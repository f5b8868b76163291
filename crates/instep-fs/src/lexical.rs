//! Paths as text.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// `path` with `.` and `..` resolved on the text alone, links not followed.
pub fn lexical(path: &Utf8Path) -> Utf8PathBuf {
    let mut out = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::ParentDir => {
                out.pop();
            }
            Utf8Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_up_take_the_folder_before_them_away() {
        for (path, expected) in [("/a/../b/./c", "/b/c"), ("a/b/../../c", "c"), ("/..", "/")] {
            assert_eq!(lexical(Utf8Path::new(path)), expected, "{path}");
        }
    }
}
