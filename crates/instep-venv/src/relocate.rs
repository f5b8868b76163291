//! Moving a finished environment to its place.
//!
//! An environment is not relocatable: the scripts in it start with the absolute path of its
//! interpreter. A rebuild therefore happens beside the old environment under a name *of the same
//! length* ([`staged_path`]), and what mentions that name is rewritten byte for byte before the
//! two are swapped. The equal length is what makes this safe for every format that holds the path:
//! script texts, `pyvenv.cfg`, and the launchers that pip and uv write on Windows, where offsets
//! into the file would otherwise shift.

use std::collections::HashMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use memchr::memmem;

use crate::distribution::Distribution;
use crate::error::Error;
use crate::layout;
use crate::record;

/// A free name beside `root`, as long as its own, for an environment in the making.
///
/// `.venv` gives `.ven~`; where something stands there, another last letter is tried.
pub(crate) fn staged_path(root: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let name = root.file_name().unwrap_or_default();
    let kept = name.char_indices().next_back().map_or("", |(at, _)| name.get(..at).unwrap_or(""));
    let width = name.len() - kept.len();
    std::iter::once('~')
        .chain('0'..='9')
        .map(|letter| {
            let tail: String = std::iter::repeat_n(letter, width).collect();
            root.with_file_name([kept, &tail].concat())
        })
        .find(|candidate| {
            candidate != root
                && fs::symlink_metadata(candidate)
                    .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        })
        .ok_or_else(|| Error::NoRoomToStage { path: root.to_owned() })
}

/// Makes the environment at `staged` one that lives at `root`, without moving it yet.
///
/// Rewrites the folder of scripts and `pyvenv.cfg`, and brings the `RECORD`s of the packages whose
/// scripts changed along, so that a later check of their digests holds.
pub(crate) fn adapt(
    staged: &Utf8Path,
    root: &Utf8Path,
    distributions: &[&Distribution],
) -> Result<(), Error> {
    let mut rewritten = HashMap::new();
    let scripts = layout::scripts_dir(staged);
    let read = |path: &Utf8Path, source| Error::Read { path: path.to_owned(), source };
    let mut files = vec![layout::pyvenv_cfg(staged)];
    for entry in scripts.read_dir_utf8().map_err(|source| read(&scripts, source))? {
        let entry = entry.map_err(|source| read(&scripts, source))?;
        // Links lead to the interpreter; only what the installers wrote is ours to adapt.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
        }
    }
    for path in files {
        let bytes = fs::read(&path).map_err(|source| read(&path, source))?;
        let Some(adapted) = replace(&bytes, staged.as_str(), root.as_str()) else { continue };
        write_in_place(&path, &adapted)?;
        rewritten.insert(path, record::sha256(&adapted));
    }
    for distribution in distributions {
        adapt_record(staged, distribution, &rewritten)?;
    }
    Ok(())
}

fn adapt_record(
    staged: &Utf8Path,
    distribution: &Distribution,
    rewritten: &HashMap<Utf8PathBuf, (String, String)>,
) -> Result<(), Error> {
    let path = distribution.record_path();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Read { path, source }),
    };
    if !text.contains("../") {
        return Ok(());
    }
    let mut entries = record::parse(&text, &path)?;
    let mut changed = false;
    for entry in &mut entries {
        let located = record::locate(staged, &distribution.site_packages, &entry.path);
        let digest = located.and_then(|file| rewritten.get(&file));
        if let (Some(digest), Some(_)) = (digest, &entry.hash) {
            entry.hash = Some(digest.clone());
            changed = true;
        }
    }
    if changed {
        write_in_place(&path, &record::print(&entries, &path)?)?;
    }
    Ok(())
}

/// The bytes with each `from` replaced by `to`, or `None` where there is none.
fn replace(bytes: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let mut found = false;
    while let Some(at) = memmem::find(rest, from) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(to);
        rest = after.get(from.len()..).unwrap_or_default();
        found = true;
    }
    out.extend_from_slice(rest);
    found.then_some(out)
}

/// Nobody sees the staged environment yet, so a plain write keeps the mode and is enough. Files may
/// be hard links into a cache (uv links what it installs), which must not be written through.
fn write_in_place(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    instep_fs::write_atomic(path, bytes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_staged_name_is_free_and_of_the_same_length() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        for name in [".venv", "v", "env ü", "日"] {
            let root = dir.join(name);
            let first = staged_path(&root).unwrap();
            assert_eq!(first.as_str().len(), root.as_str().len(), "{name}");
            assert_ne!(first, root);
            fs::create_dir(&first).unwrap();
            let second = staged_path(&root).unwrap();
            assert_ne!(second, first);
            fs::remove_dir(&first).unwrap();
        }
        assert_eq!(staged_path(&dir.join(".venv")).unwrap(), dir.join(".ven~"));
    }

    #[test]
    fn replaces_every_mention_and_nothing_else() {
        assert_eq!(
            replace(b"#!/p/.ven~/bin/python\n", "/p/.ven~", "/p/.venv").unwrap(),
            b"#!/p/.venv/bin/python\n"
        );
        assert_eq!(replace(b"\0a~a~\xff", "a~", "bb").unwrap(), b"\0bbbb\xff");
        assert_eq!(replace(b"nothing here", "/p/.ven~", "/p/.venv"), None);
    }
}
