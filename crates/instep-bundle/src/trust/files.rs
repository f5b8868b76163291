//! What lies in the folder of a bundle.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;

use super::fault::Fault;
use crate::error::Error;
use crate::names::{clashes, portable};

/// The files of a bundle with their sizes in bytes, and what should not be there.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: BTreeMap<RelativePath, u64>,
    pub(super) faults: Vec<Fault>,
}

/// Lists a folder, following no link. Empty folders are nothing.
///
/// # Errors
///
/// [`Error::Io`] where a folder cannot be read.
pub(super) fn list(bundle: &Utf8Path) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        look(bundle, &folder, &mut folders, &mut listing)?;
    }
    for (path, other) in clashes(listing.files.keys().map(RelativePath::as_str)) {
        listing.faults.push(Fault::Clash { path, other });
    }
    Ok(listing)
}

/// Looks into one folder, whose path is relative to the bundle and empty for itself.
fn look(
    bundle: &Utf8Path,
    folder: &str,
    folders: &mut Vec<String>,
    listing: &mut Listing,
) -> Result<(), Error> {
    let place = if folder.is_empty() { bundle.to_owned() } else { bundle.join(folder) };
    let failed = |path: Utf8PathBuf| move |source| Error::Io { action: "read", path, source };
    for entry in std::fs::read_dir(&place).map_err(failed(place.clone()))? {
        let entry = entry.map_err(failed(place.clone()))?;
        let name = entry.file_name();
        let below = |name: &str| {
            if folder.is_empty() { name.to_owned() } else { [folder, name].join("/") }
        };
        let Some(name) = name.to_str() else {
            let path = below(&name.to_string_lossy());
            let problem = crate::names::NameProblem::Encoding;
            listing.faults.push(Fault::Name { path, problem });
            continue;
        };
        let path = below(name);
        // Of the entry itself, where it is a link.
        let metadata = entry.metadata().map_err(failed(place.join(name)))?;
        let kind = metadata.file_type();
        let is_odd = match portable(&path) {
            Ok(relative) if kind.is_file() => {
                listing.files.insert(relative, metadata.len());
                continue;
            }
            Ok(_) => None,
            Err(problem) => Some(problem),
        };
        if let Some(problem) = is_odd {
            listing.faults.push(Fault::Name { path, problem });
        } else if kind.is_symlink() {
            listing.faults.push(Fault::Link { path });
        } else if kind.is_dir() {
            folders.push(path);
        } else {
            listing.faults.push(Fault::Special { path });
        }
    }
    Ok(())
}
