//! Names of entries: that they lead nowhere else, and that every system tells them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::PackageName;
use unicode_normalization::UnicodeNormalization as _;

use super::Entry;
use crate::file_name::FileName;
use crate::rule::Rule;

/// The name of an entry, as it stands in the file. Where it does not say that it is UTF-8, readers take it for
/// something else.
pub(super) fn read(bytes: &[u8], is_utf8: bool) -> Result<String, Rule> {
    let name = std::str::from_utf8(bytes).map_err(|_| Rule::NameEncoding)?;
    if !is_utf8 && !name.is_ascii() {
        return Err(Rule::NameEncoding);
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    // Windows does not see dots and spaces at the end, so that `.. ` climbs too.
    let is_odd = name.contains(['\\', ':'])
        || name.chars().any(ends_lines)
        || path.split('/').any(|part| part.trim_end_matches(['.', ' ']).is_empty());
    if is_odd { Err(Rule::NamePath) } else { Ok(name.to_owned()) }
}

/// Control characters, and the two others at which Python, and so pip in `RECORD`, begins a new line.
fn ends_lines(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// What the systems that tell least apart make of a name. Through upper case, which several lower-case letters
/// (`s` and `ſ`, `σ` and `ς`) share.
fn folded(name: &str) -> String {
    let parts = name.split('/').map(|part| {
        let upper = part.nfc().flat_map(char::to_uppercase);
        let lower = upper.flat_map(char::to_lowercase).collect::<String>();
        lower.nfc().collect::<String>().trim_end_matches(['.', ' ']).to_owned()
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The entries by name.
pub(super) fn distinct(entries: &[Entry]) -> Result<BTreeMap<String, usize>, (String, Rule)> {
    let mut keys: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in entries {
        let key = folded(entry.name.strip_suffix('/').unwrap_or(&entry.name));
        if let Some(other) = keys.insert(key, entry) {
            let is_both = other.is_folder() != entry.is_folder();
            let rule = if is_both { Rule::NameFolder } else { Rule::NameTwice };
            return Err((entry.name.clone(), rule));
        }
    }
    for (key, entry) in keys.iter().filter(|(_, entry)| !entry.is_folder()) {
        let below = [key, "/"].concat();
        let next = keys.range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded)).next();
        if next.is_some_and(|(key, _)| key.starts_with(&below)) {
            return Err((entry.name.clone(), Rule::NameFolder));
        }
    }
    let names = entries.iter().enumerate();
    Ok(names.map(|(index, entry)| (entry.name.clone(), index)).collect())
}

/// The one `.dist-info` folder, where its name and version are those of the file name.
pub(super) fn dist_info(entries: &[Entry], file_name: &FileName) -> Option<String> {
    let tops = entries.iter().filter_map(|entry| entry.name.split_once('/')).map(|(top, _)| top);
    let found: BTreeSet<&str> =
        tops.filter(|top| top.to_ascii_lowercase().ends_with(".dist-info")).collect();
    let mut found = found.into_iter();
    let (folder, None) = (found.next()?, found.next()) else { return None };
    let (name, version) = folder.strip_suffix(".dist-info")?.rsplit_once('-')?;
    let is_name = PackageName::from_str(name).ok()? == file_name.name;
    let is_version = Version::from_str(&version.replace('_', "-")).ok()? == file_name.version;
    (is_name && is_version).then(|| folder.to_owned())
}
