//! What an environment holds, read from the metadata of its packages.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// The packages of a virtual environment and their versions, by normalised name; pip itself too, where it
/// is there.
///
/// # Panics
///
/// When there is no such environment, or a package in it is broken (no METADATA, or without name or
/// version), or installed twice.
pub fn installed(venv: &Utf8Path) -> BTreeMap<String, String> {
    let mut packages = BTreeMap::new();
    for entry in site_packages(venv).read_dir_utf8().unwrap() {
        let folder = entry.unwrap().into_path();
        if folder.extension() != Some("dist-info") {
            continue;
        }
        let metadata = fs::read_to_string(folder.join("METADATA")).unwrap();
        let field = |name: &str| {
            let line = metadata.lines().take_while(|line| !line.is_empty());
            let value = line.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
            value.unwrap_or_else(|| panic!("{folder}: METADATA without {name}")).1.to_owned()
        };
        let name = normalized(&field("Name"));
        let twice = packages.insert(name.clone(), field("Version"));
        assert!(twice.is_none(), "{venv}: {name} is installed twice");
    }
    packages
}

/// `lib/python3.N/site-packages`, or `Lib\site-packages` on Windows.
pub(crate) fn site_packages(venv: &Utf8Path) -> Utf8PathBuf {
    if cfg!(windows) {
        return venv.join("Lib").join("site-packages");
    }
    let lib = venv.join("lib");
    let found = lib.read_dir_utf8().unwrap_or_else(|error| panic!("{lib}: {error}"));
    found
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages"))
        .find(|path| path.is_dir())
        .unwrap_or_else(|| panic!("{venv}: no site-packages"))
}

/// A name as PEP 503 compares it: lower case, one `-` for each run of `-_.`.
pub(crate) fn normalized(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn names_are_compared_as_pep_503_says() {
        assert_eq!(normalized("Friendly-._.Bard"), "friendly-bard");
        assert_eq!(normalized("FrIeNdLy_BaRd"), "friendly-bard");
    }
}
