//! The trash: what was replaced or deleted, by the time of the run that did it, under its own path.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::error::Error;
use crate::ignored::TEMPORARY;
use crate::listing::{Kind, list, look};
use crate::node::Side;
use crate::place;
use crate::reconcile::ancestors;
use crate::root::{Roots, native};

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
        let trash = roots.trash(side);
        let mut place = native(&trash.join(&self.run), path);
        // Twice in a run, when a file takes the place of another one that came in between.
        let mut number = 1;
        while place.symlink_metadata().is_ok() {
            number += 1;
            place = native(&trash.join(format!("{}.{number}", self.run)), path);
        }
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(place)
    }

    /// Moves what is at a path, and says where it is now.
    pub(crate) fn take(&self, roots: &Roots, side: Side, path: &str) -> io::Result<Utf8PathBuf> {
        let place = self.place(roots, side, path)?;
        place::put_new(&roots.at(side, path), &place)?;
        Ok(place)
    }

    /// Gives what is at a path a second name here, and says which.
    pub(crate) fn keep(&self, roots: &Roots, side: Side, path: &str) -> io::Result<Utf8PathBuf> {
        let place = self.place(roots, side, path)?;
        std::fs::hard_link(roots.at(side, path), &place)?;
        Ok(place)
    }

    /// Moves what was at a path and is at another place by now.
    pub(crate) fn take_from(
        &self,
        roots: &Roots,
        side: Side,
        path: &str,
        at: &Utf8Path,
    ) -> io::Result<()> {
        place::put_new(at, &self.place(roots, side, path)?)
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
    let folders = listing.items.into_iter().filter(|item| item.kind == Kind::Dir);
    let mut runs: Vec<String> = folders.map(|item| item.name).collect();
    runs.reverse();
    Ok(runs)
}

/// Removes what is older than `age`, a day at least. What cannot be removed stays.
pub(crate) fn expire(roots: &Roots, side: Side, age: Duration) {
    let age = age.max(Duration::from_hours(24));
    let trash = roots.trash(side);
    let oldest = jiff::Timestamp::now() - jiff::SignedDuration::try_from(age).unwrap_or_default();
    let oldest = oldest.strftime(FORMAT).to_string();
    for run in runs(&trash).unwrap_or_default() {
        // Anything else there is not ours.
        let is_run = run.get(oldest.len() - 1..oldest.len()) == Some("Z") && run.starts_with("20");
        if is_run && run < oldest {
            // Another user's.
            let _ = instep_fs::remove_tree(&trash.join(run));
        }
    }
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
    let from = native(&roots.trash(found.side).join(&found.time), &found.path);
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
        // It stays in the network's trash as well.
        Side::Network => {
            let read = |source| Error::Read { path: from.clone(), source };
            if from.is_symlink() {
                let target = from.read_link_utf8().map_err(read)?;
                crate::traits::link(target.as_str(), &to).map_err(write)?;
            } else {
                let temporary = to.with_file_name([".restored", TEMPORARY].concat());
                instep_fs::while_held(|| std::fs::copy(&from, &temporary)).map_err(read)?;
                let placed = place::put_new(&temporary, &to).map_err(write);
                if placed.is_err() {
                    let _ = std::fs::remove_file(&temporary);
                }
                placed?;
            }
        }
    }
    Ok(found)
}
