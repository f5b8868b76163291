//! Names: what a side can hold, and what a copy that goes beside another file is called.

use serde::{Deserialize, Serialize};

use crate::node::Side;

/// Names that Windows keeps for itself, with any ending
/// ([Naming Files](https://learn.microsoft.com/windows/win32/fileio/naming-a-file)).
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// What the file systems of Windows keep for themselves; control characters are too.
pub(crate) const SPECIAL: [char; 8] = ['<', '>', ':', '"', '|', '?', '*', '\\'];

/// Which of the names that are rare a file system can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Those with one of `<>:"|?*\` or a control character.
    pub special: bool,
    /// Those that end with a dot or a space.
    pub trailing: bool,
    /// Those of devices of Windows, such as `aux.txt`.
    pub devices: bool,
}

impl Names {
    /// All of them, or none.
    pub(crate) fn all(held: bool) -> Self {
        Self { special: held, trailing: held, devices: held }
    }

    /// Whether a name is held, as far as the name says it.
    pub(crate) fn hold(self, name: &str) -> bool {
        let is_special = || name.contains(SPECIAL) || name.contains(char::is_control);
        let is_trailing = || name.ends_with(['.', ' ']);
        (self.special || !is_special())
            && (self.trailing || !is_trailing())
            && (self.devices || !is_device(name))
    }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    RESERVED.contains(&stem.as_str())
}

/// A path below a root as a person gives it: on Windows, also with that system's slashes.
pub(crate) fn given(path: &str) -> String {
    if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() }
}

const MARK: &str = ".conflict-";
/// How many digits tell contents apart, most of the time.
pub(crate) const DIGITS: usize = 8;
/// What most file systems hold.
const LONGEST: usize = 255;

/// The name beside `path` for what `side` had there: `notes.conflict-network-1f3a9c04.txt`.
/// `digits`: how many of the hash's.
pub(crate) fn beside(path: &str, side: Side, hash: &blake3::Hash, digits: usize) -> String {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    };
    let (stem, ending) = split(name);
    let hash = hash.to_hex();
    let digits = hash.as_str().get(..digits).unwrap_or_default();
    let rest = [MARK, side.as_str(), "-", digits, ending].concat();
    let mut length = LONGEST.saturating_sub(rest.len()).min(stem.len());
    while !stem.is_char_boundary(length) {
        length -= 1;
    }
    let name = [stem.get(..length).unwrap_or_default(), &rest].concat();
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
    let (digits, ending) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let is_ours = digits.len() >= DIGITS
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (ending.is_empty() || ending.starts_with('.'))
        && !(stem.is_empty() && ending.is_empty());
    let name = [stem, ending].concat();
    is_ours.then(|| (folder.map_or(name.clone(), |folder| [folder, "/", &name].concat()), side))
}

/// The name of a copy that is to stay, without what tells that it is one: `notes.network-1f3a9c04.txt`.
pub(crate) fn settled(path: &str) -> String {
    let start = path.rfind('/').map_or(0, |slash| slash + 1);
    match path.get(start..).and_then(|name| name.rfind(MARK)) {
        Some(mark) => {
            let (before, after) = path.split_at(start + mark);
            [before, ".", after.get(MARK.len()..).unwrap_or_default()].concat()
        }
        None => path.to_owned(),
    }
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
                let name = beside(path, side, &hash, DIGITS);
                assert_eq!(original(&name), Some((path.to_owned(), side)), "{name}");
                let again = beside(&name, side.other(), &hash, 2 * DIGITS);
                assert_eq!(original(&again), Some((name, side.other())), "{again}");
            }
        }
        let name = beside("d/notes.txt", Side::Network, &hash, DIGITS);
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
    fn a_name_that_is_to_stay_is_that_of_no_copy() {
        let hash = blake3::hash(b"x");
        for path in ["a.txt", "x.conflict-y/a", "d/a.conflict-z", ".env"] {
            let copy = beside(path, Side::Local, &hash, DIGITS);
            let name = settled(&copy);
            assert_eq!(original(&name), None, "{name}");
            assert_eq!(
                name.rsplit_once('/').map(|one| one.0),
                path.rsplit_once('/').map(|one| one.0)
            );
        }
        let long = ["ü".repeat(120), ".txt".to_owned()].concat();
        let copy = beside(&long, Side::Local, &hash, DIGITS);
        assert!(copy.len() <= LONGEST && copy.contains(MARK), "{copy}");
    }

    #[test]
    fn windows_cannot_hold_every_name() {
        for name in ["con", "CON.txt", "a.", "a ", "a:b", "a?", "nul .x", "a\\b", "a\u{1}"] {
            assert!(!Names::all(false).hold(name), "{name:?}");
            assert!(Names::all(true).hold(name), "{name:?}");
        }
        for name in ["console", "a.b", ".env", "ü", "com10"] {
            assert!(Names::all(false).hold(name), "{name:?}");
        }
    }

    #[test]
    fn each_kind_of_rare_names_is_held_by_itself() {
        let none = Names::all(false);
        let table = [
            (Names { special: true, ..none }, "a:b", ["a.", "con"]),
            (Names { trailing: true, ..none }, "a.", ["a:b", "con"]),
            (Names { devices: true, ..none }, "con", ["a:b", "a."]),
        ];
        for (names, held, others) in table {
            assert!(names.hold(held), "{names:?} {held}");
            assert!(others.iter().all(|other| !names.hold(other)), "{names:?}");
        }
    }
}
