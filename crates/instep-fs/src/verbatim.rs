//! Paths of any length on Windows.

use camino::{Utf8Path, Utf8PathBuf};

/// The form of a path in which Windows takes it at any length. The standard library gives it to the system by
/// itself, so this is for what is called past it. Elsewhere a path has but one form.
pub fn verbatim(path: &Utf8Path) -> Utf8PathBuf {
    platform::verbatim(path)
}

#[cfg(windows)]
mod platform {
    use camino::{Utf8Path, Utf8PathBuf};

    /// Nothing in such a path is looked at any more, so it is made absolute before, with one kind of slash.
    pub(super) fn verbatim(path: &Utf8Path) -> Utf8PathBuf {
        let absolute = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
        match absolute.as_str().strip_prefix(r"\\") {
            Some(device) if device.starts_with(['?', '.']) => absolute,
            Some(share) => [r"\\?\UNC\", share].concat().into(),
            None => [r"\\?\", absolute.as_str()].concat().into(),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_kind_of_path_has_a_form_of_any_length() {
            let table = [
                (r"C:\a\b", r"\\?\C:\a\b"),
                (r"C:\a/b\..\c", r"\\?\C:\a\c"),
                (r"\\server\share\a/b", r"\\?\UNC\server\share\a\b"),
                (r"\\?\C:\a", r"\\?\C:\a"),
                (r"\\?\UNC\server\share\a", r"\\?\UNC\server\share\a"),
                (r"\\.\pipe\a", r"\\.\pipe\a"),
            ];
            for (path, expected) in table {
                assert_eq!(verbatim(Utf8Path::new(path)), expected, "{path}");
            }
            let relative = verbatim(Utf8Path::new("a"));
            assert!(
                relative.as_str().starts_with(r"\\?\") && relative.ends_with("a"),
                "{relative}"
            );
        }
    }
}

#[cfg(not(windows))]
mod platform {
    use camino::{Utf8Path, Utf8PathBuf};

    pub(super) fn verbatim(path: &Utf8Path) -> Utf8PathBuf {
        path.to_owned()
    }
}
