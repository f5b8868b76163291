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

    /// Moves what is at a path here and `new` to the path, in one step: at every moment there is something
    /// at the path, and whatever was there is here. An error where the file system cannot do that; `new` is
    /// where it was then.
    pub(crate) fn exchange(
        &self,
        roots: &Roots,
        side: Side,
        path: &str,
        new: &Utf8Path,
    ) -> io::Result<()> {
        let place = self.place(roots, side, path)?;
        place::put_new(new, &place)?;
        let exchanged = place::exchange(&place, &roots.at(side, path));
        if exchanged.is_err() {
            place::put_new(&place, new)?;
        }
        exchanged
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

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;

    /// Roots in a folder, with a trash each.
    fn roots(folder: &tempfile::TempDir) -> Roots {
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        for side in Side::BOTH {
            fs::create_dir(folder.join(side.as_str())).unwrap();
        }
        let roots = Roots::new(&folder.join("network"), &folder.join("local")).unwrap();
        for side in Side::BOTH {
            roots.prepare_side(side).unwrap();
        }
        roots
    }

    #[test]
    fn what_a_run_takes_twice_from_a_path_is_kept_twice() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(&folder);
        let trash = Trash::now();
        let at = roots.at(Side::Local, "d/a.txt");
        fs::create_dir(at.parent().unwrap()).unwrap();
        for text in ["first", "second", "third"] {
            fs::write(&at, text).unwrap();
            trash.take(&roots, Side::Local, "d/a.txt").unwrap();
        }
        let found = contents(&roots, Side::Local).unwrap();
        assert!(found.iter().all(|one| one.path == "d/a.txt"), "{found:?}");
        assert_eq!(found.len(), 3);
        // The latest comes back first.
        for text in ["third", "second", "first"] {
            restore(&roots, "d/a.txt").unwrap();
            assert_eq!(fs::read_to_string(&at).unwrap(), text);
            fs::remove_file(&at).unwrap();
        }
    }

    #[test]
    fn what_changes_places_is_in_the_trash() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(&folder);
        let (new, at) = (roots.at(Side::Local, "new"), roots.at(Side::Local, "a"));
        fs::write(&new, "new").unwrap();
        fs::write(&at, "old").unwrap();
        let trash = Trash::now();
        // Where it cannot be done, everything is as it was.
        if let Err(error) = trash.exchange(&roots, Side::Local, "a", &new) {
            assert!(place::is_unable(&error), "{error:?}");
            assert_eq!(fs::read_to_string(&new).unwrap(), "new");
            assert_eq!(fs::read_to_string(&at).unwrap(), "old");
            return;
        }
        assert_eq!(fs::read_to_string(&at).unwrap(), "new");
        assert!(!new.exists());
        let [one] = contents(&roots, Side::Local).unwrap().try_into().unwrap();
        assert_eq!(
            fs::read_to_string(roots.trash(Side::Local).join(one.time).join("a")).unwrap(),
            "old"
        );
    }

    #[test]
    fn what_is_old_is_thrown_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(&folder);
        let hours_ago = |hours: i64| {
            let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
            time.strftime(FORMAT).to_string()
        };
        // Less than a day is a day: a run may still be at work.
        let (fresh, old) = (hours_ago(23), hours_ago(25));
        let old_again = [&old, ".2"].concat();
        for run in [fresh.as_str(), &old, &old_again, "mine", "20", "20200101-of-mine"] {
            fs::create_dir_all(roots.trash(Side::Local).join(run).join("d")).unwrap();
        }
        fs::write(roots.trash(Side::Local).join("20200101T000000000Z"), "a file").unwrap();
        expire(&roots, Side::Local, Duration::ZERO);
        let left: Vec<String> = list(&roots.trash(Side::Local))
            .unwrap()
            .items
            .into_iter()
            .map(|one| one.name)
            .collect();
        assert_eq!(left, ["20", "20200101-of-mine", "20200101T000000000Z", fresh.as_str(), "mine"]);
    }
}
