//! The trash: what was replaced or deleted, by the time of the run that did it, under its own path.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::error::Error;
use crate::listing::{Kind, list, look};
use crate::node::Side;
use crate::place;
use crate::reconcile::ancestors;
use crate::root::Roots;

/// How a run is named: a time that sorts, in UTC.
const FORMAT: &str = "%Y%m%dT%H%M%S%3fZ";

/// The trash of one run.
#[derive(Clone, Debug)]
pub(crate) struct Trash {
    run: String,
}

/// Something in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discarded {
    /// Where it was.
    pub path: String,
    /// On which side.
    pub side: Side,
    /// When it was replaced or deleted: a time in UTC such as `20260214T093000123Z`.
    pub time: String,
    /// Its bytes.
    pub bytes: u64,
}

impl Trash {
    /// That of a run that begins now.
    pub(crate) fn now() -> Self {
        Self { run: jiff::Timestamp::now().strftime(FORMAT).to_string() }
    }

    fn place(&self, roots: &Roots, side: Side, path: &str) -> io::Result<Utf8PathBuf> {
        let run = roots.trash(side).join(&self.run);
        let mut place = run.join(path);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Twice in a run, when a file takes the place of another one that came in between.
        let mut number = 1;
        while place.symlink_metadata().is_ok() {
            number += 1;
            place = run.join(format!("{path}.{number}"));
        }
        Ok(place)
    }

    /// Moves what is at a path.
    pub(crate) fn take(&self, roots: &Roots, side: Side, path: &str) -> io::Result<()> {
        let place = self.place(roots, side, path)?;
        place::put_new(&roots.at(side, path), &place)
    }

    /// Keeps what is at a path, which is about to be replaced: by a second name where the file system has
    /// such, so that there is always something at the path.
    pub(crate) fn keep(&self, roots: &Roots, side: Side, path: &str) -> io::Result<Kept> {
        let place = self.place(roots, side, path)?;
        let at = roots.at(side, path);
        if std::fs::hard_link(&at, &place).is_ok() {
            return Ok(Kept { place, is_moved: false });
        }
        place::put_new(&at, &place)?;
        Ok(Kept { place, is_moved: true })
    }
}

/// What is kept of a file that is being replaced.
pub(crate) struct Kept {
    place: Utf8PathBuf,
    is_moved: bool,
}

impl Kept {
    /// Undoes it, since it was not replaced after all.
    pub(crate) fn give_back(self, at: &Utf8Path) {
        // What cannot be moved back stays in the trash.
        let _ = if self.is_moved {
            place::put_new(&self.place, at)
        } else {
            std::fs::remove_file(&self.place)
        };
    }
}

/// Everything in the trash of a side, the latest first.
pub(crate) fn contents(roots: &Roots, side: Side) -> Result<Vec<Discarded>, Error> {
    let trash = roots.trash(side);
    let mut found = Vec::new();
    for run in runs(&trash)? {
        let mut open = vec![(trash.join(&run), String::new())];
        while let Some((folder, below)) = open.pop() {
            let read = |source| Error::Read { path: folder.clone(), source };
            for item in list(&folder).map_err(read)?.items {
                let path = crate::state::join(&below, &item.name);
                if item.kind == Kind::Dir {
                    open.push((folder.join(&item.name), path));
                } else {
                    let (time, bytes) = (run.clone(), item.stamp.size);
                    found.push(Discarded { path, side, time, bytes });
                }
            }
        }
    }
    found.sort_by(|one, other| (&other.time, &one.path).cmp(&(&one.time, &other.path)));
    Ok(found)
}

/// The names of runs, the latest first.
fn runs(trash: &Utf8Path) -> Result<Vec<String>, Error> {
    let listing = match list(trash) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Read { path: trash.to_owned(), source }),
    };
    let mut runs: Vec<String> = listing.items.into_iter().map(|item| item.name).collect();
    runs.reverse();
    Ok(runs)
}

/// Removes what is older than `age`.
pub(crate) fn expire(roots: &Roots, side: Side, age: Duration) -> Result<(), Error> {
    let trash = roots.trash(side);
    let oldest = jiff::Timestamp::now() - jiff::SignedDuration::try_from(age).unwrap_or_default();
    let oldest = oldest.strftime(FORMAT).to_string();
    for run in runs(&trash)? {
        // Anything else there is not ours.
        let is_run = run.len() == oldest.len() && run.ends_with('Z') && run.starts_with("20");
        if is_run && run < oldest {
            instep_fs::remove_tree(&trash.join(run))?;
        }
    }
    Ok(())
}

/// Puts the latest of a path from the trash back where it was, on the local side.
pub(crate) fn restore(roots: &Roots, path: &str) -> Result<Discarded, Error> {
    let mut all = contents(roots, Side::Local)?;
    if roots.guard_side(Side::Network).is_ok() {
        all.extend(contents(roots, Side::Network)?);
    }
    all.sort_by(|one, other| other.time.cmp(&one.time));
    let found = all.into_iter().find(|one| one.path == path);
    let found = found.ok_or_else(|| Error::NotInTrash { path: path.to_owned() })?;
    let from = roots.trash(found.side).join(&found.time).join(&found.path);
    let to = roots.at(Side::Local, path);
    let write = |source| Error::Write { path: to.clone(), source };
    if look(&to).map_err(write)?.is_some() {
        return Err(Error::InTheWay { path: path.to_owned() });
    }
    // Not through a link, which may lead out of the root.
    for above in ancestors(path) {
        if roots.at(Side::Local, above).is_symlink() {
            return Err(Error::InTheWay { path: above.to_owned() });
        }
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(write)?;
    }
    match found.side {
        Side::Local => place::put_new(&from, &to).map_err(write)?,
        Side::Network => {
            // It stays in the network's trash as well.
            let bytes = std::fs::read(&from)
                .map_err(|source| Error::Read { path: from.clone(), source })?;
            instep_fs::write_atomic(&to, &bytes)?;
        }
    }
    Ok(found)
}
