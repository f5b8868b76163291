//! Names: what a side can hold, and what a copy that goes beside another file is called.

use crate::node::Side;

/// Names that Windows keeps for itself, with any ending
/// ([Naming Files](https://learn.microsoft.com/windows/win32/fileio/naming-a-file)).
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Whether a side can hold a name, as far as the name says it; `windows`: whether Windows is asked.
pub(crate) fn can_hold(windows: bool, name: &str) -> bool {
    if !windows {
        return true;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    !RESERVED.contains(&stem.as_str())
        && !name.ends_with(['.', ' '])
        && !name.contains(['<', '>', ':', '"', '|', '?', '*', '\\'])
        && !name.contains(char::is_control)
}

const MARK: &str = ".conflict-";
const DIGITS: usize = 8;

/// The name beside `path` for what `side` had there: `notes.conflict-network-1f3a9c04.txt`.
pub(crate) fn beside(path: &str, side: Side, hash: &blake3::Hash) -> String {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    };
    let (stem, ending) = split(name);
    let digits = hash.to_hex();
    let digits = digits.as_str().get(..DIGITS).unwrap_or_default();
    let name = [stem, MARK, side.as_str(), "-", digits, ending].concat();
    folder.map_or(name.clone(), |folder| [folder, "/", &name].concat())
}

/// The path that a copy stands beside, and the side that it is from; `None` for any other path.
pub(crate) fn original(path: &str) -> Option<(String, Side)> {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    };
    let (stem, rest) = name.rsplit_once(MARK)?;
    let (side, rest) = rest.split_once('-')?;
    let side = Side::BOTH.into_iter().find(|one| one.as_str() == side)?;
    let (digits, ending) = rest.split_at_checked(DIGITS)?;
    let is_ours = digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (ending.is_empty() || ending.starts_with('.'))
        && !(stem.is_empty() && ending.is_empty());
    let name = [stem, ending].concat();
    is_ours.then(|| (folder.map_or(name.clone(), |folder| [folder, "/", &name].concat()), side))
}

/// A name and its ending; `.env` has none.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.').filter(|place| *place > 0).map(|place| name.split_at(place)) {
        // What stands beside a copy that stands beside a file.
        Some((_, ending)) if ending.starts_with(MARK) => (name, ""),
        Some(parts) => parts,
        None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beside_leads_back_to_its_original() {
        let hash = blake3::hash(b"x");
        let table = ["a", "a.txt", "d/e/a.tar.gz", ".env", "d/.env.local", "ü b.c", "a.conflict-x"];
        for path in table {
            for side in Side::BOTH {
                let name = beside(path, side, &hash);
                assert_eq!(original(&name), Some((path.to_owned(), side)), "{name}");
                let again = beside(&name, side.other(), &hash);
                assert_eq!(original(&again), Some((name, side.other())), "{again}");
            }
        }
        let name = beside("d/notes.txt", Side::Network, &hash);
        assert_eq!(name, format!("d/notes.conflict-network-{}.txt", &hash.to_hex()[..8]));
        for other in [
            "a.txt",
            "a.conflict-network-12.txt",
            "a.conflict-cloud-12345678.txt",
            ".conflict-local-12345678",
        ] {
            assert_eq!(original(other), None, "{other}");
        }
    }

    #[test]
    fn windows_cannot_hold_every_name() {
        for name in ["con", "CON.txt", "a.", "a ", "a:b", "a?", "nul .x", "a\\b", "a\u{1}"] {
            assert!(!can_hold(true, name), "{name:?}");
            assert!(can_hold(false, name), "{name:?}");
        }
        for name in ["console", "a.b", ".env", "ü", "com10"] {
            assert!(can_hold(true, name), "{name:?}");
        }
    }
}
