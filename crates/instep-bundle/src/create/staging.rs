//! The folder that a bundle is collected in: `OUT.new`, beside the place that it gets when it is whole. What a run
//! that was ended has left there is used by the next one; so is what the bundle before has.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::{FileLock, Holder, RelativePath, remove_tree, swap_trees};
use instep_tools::CancelToken;

use crate::error::Error;
use crate::layout::{IMAGES, MANIFEST, METADATA, WHEELS};
use crate::place::{is_ours, lock_of};

/// A bundle in the making. Nobody else makes the same one meanwhile.
#[derive(Debug)]
pub(crate) struct Staging {
    /// Where it will lie.
    out: Utf8PathBuf,
    /// Where it lies now.
    pub(crate) folder: Utf8PathBuf,
    _lock: FileLock,
}

impl Staging {
    /// Waits for whoever makes the same bundle, and says so.
    pub(crate) fn begin(
        out: &Utf8Path,
        command: &str,
        waiting: &mut dyn FnMut(Option<u32>),
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        refuse_what_is_none(out)?;
        let folder = beside(out, ".new");
        let parent = out.parent().filter(|parent| !parent.as_str().is_empty());
        for path in parent.into_iter().chain([folder.as_path()]) {
            fs::create_dir_all(path).map_err(Error::io("create", path))?;
        }
        let mut on_wait = |holder: Option<&Holder>| waiting(holder.map(|holder| holder.pid));
        let lock = FileLock::acquire(
            &lock_of(out),
            &instep_tools::holder(command),
            &mut on_wait,
            &|| cancel.is_cancelled(),
        )?;
        recover(out)?;
        // Whoever was waited for has given the folder its place.
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self { out: out.to_owned(), folder, _lock: lock })
    }

    /// Takes wheels and images of the bundle that lies at the place, where they are not there yet. They are looked at
    /// before they are used, as is everything that was there.
    pub(crate) fn take_over(&self) -> Result<(), Error> {
        for part in [WHEELS, IMAGES] {
            let folder = self.folder.join(part);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
            let Ok(entries) = fs::read_dir(self.out.join(part)) else { continue };
            for entry in entries.flatten() {
                let Ok(path) = Utf8PathBuf::try_from(entry.path()) else { continue };
                let Some(name) = path.file_name() else { continue };
                let to = folder.join(name);
                if entry.file_type().is_ok_and(|kind| kind.is_file()) && !to.exists() {
                    // A file system without links has it fetched again.
                    let _ = fs::hard_link(&path, &to);
                }
            }
        }
        Ok(())
    }

    /// Removes what is not to be in the bundle.
    pub(crate) fn keep_only(&self, wanted: &BTreeSet<RelativePath>) -> Result<(), Error> {
        remove_tree(&self.folder.join(METADATA))?;
        self.tidy(&self.folder, wanted).map(drop)
    }

    /// Whether nothing is left in the folder.
    fn tidy(&self, folder: &Utf8Path, wanted: &BTreeSet<RelativePath>) -> Result<bool, Error> {
        let mut is_empty = true;
        for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
            let path = entry.map_err(Error::io("read", folder))?.path();
            let Ok(path) = Utf8PathBuf::try_from(path) else {
                return Err(Error::NotOurs { path: folder.to_owned() });
            };
            let kind = fs::symlink_metadata(&path).map_err(Error::io("read", &path))?;
            let stays = if kind.is_dir() {
                !self.tidy(&path, wanted)?
            } else {
                let relative = RelativePath::between(&self.folder, &path);
                kind.is_file() && relative.is_some_and(|path| wanted.contains(&path))
            };
            if stays {
                is_empty = false;
            } else {
                remove_tree(&path)?;
            }
        }
        Ok(is_empty)
    }

    /// Gives it its place. What lay there goes.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let aside = beside(&self.out, ".old");
        remove_tree(&aside)?;
        swap_trees(&self.folder, &self.out, &aside)?;
        remove_tree(&aside)?;
        Ok(())
    }
}

/// Where two renames stand for an exchange, a run that was killed between them has moved the old bundle aside.
fn recover(out: &Utf8Path) -> Result<(), Error> {
    let aside = beside(out, ".old");
    if aside.join(MANIFEST).is_file() && !out.exists() {
        fs::rename(&aside, out).map_err(Error::io("write", out))?;
    }
    Ok(())
}

/// A path with something behind its name.
pub(crate) fn beside(path: &Utf8Path, ending: &str) -> Utf8PathBuf {
    let name = [path.file_name().unwrap_or("bundle"), ending].concat();
    path.with_file_name(name)
}

/// What a bundle replaces is a bundle, or nothing.
fn refuse_what_is_none(out: &Utf8Path) -> Result<(), Error> {
    if is_ours(out, MANIFEST) { Ok(()) } else { Err(Error::NotOurs { path: out.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(out: &Utf8Path) -> Result<Staging, Error> {
        Staging::begin(out, "test", &mut |_| {}, &CancelToken::new())
    }

    #[test]
    fn a_folder_that_is_no_bundle_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(folder.path()).unwrap();
        fs::write(home.join("letter.txt"), "").unwrap();
        assert!(matches!(begin(home), Err(Error::NotOurs { .. })));
        let file = home.join("letter.txt");
        assert!(matches!(begin(&file), Err(Error::NotOurs { .. })));
        begin(&home.join("new/site.bundle")).unwrap();
        fs::create_dir(home.join("empty")).unwrap();
        begin(&home.join("empty")).unwrap().finish().unwrap();
    }

    #[test]
    fn a_bundle_that_was_moved_aside_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let out = Utf8Path::from_path(folder.path()).unwrap().join("site.bundle");
        fs::create_dir(beside(&out, ".old")).unwrap();
        fs::write(beside(&out, ".old").join("bundle.json"), "old").unwrap();
        begin(&out).unwrap();
        assert_eq!(fs::read_to_string(out.join("bundle.json")).unwrap(), "old");
    }

    #[test]
    fn what_is_not_wanted_goes_and_the_rest_gets_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let out = Utf8Path::from_path(folder.path()).unwrap().join("site.bundle");
        fs::create_dir_all(out.join("wheels")).unwrap();
        for name in ["bundle.json", "wheels/old.whl", "wheels/kept.whl"] {
            fs::write(out.join(name), name).unwrap();
        }
        let staging = begin(&out).unwrap();
        staging.take_over().unwrap();
        for name in ["deep/er/stale", "metadata/targets.json", "bundle.json"] {
            fs::create_dir_all(staging.folder.join(name).parent().unwrap()).unwrap();
            fs::write(staging.folder.join(name), "new").unwrap();
        }
        let wanted = ["bundle.json", "wheels/kept.whl"];
        let wanted = wanted.map(|path| RelativePath::new(path).unwrap());
        staging.keep_only(&BTreeSet::from(wanted)).unwrap();
        staging.finish().unwrap();
        let mut names: Vec<String> = fs::read_dir(&out)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["bundle.json", "wheels"]);
        assert_eq!(fs::read_to_string(out.join("wheels/kept.whl")).unwrap(), "wheels/kept.whl");
        assert!(!out.join("wheels/old.whl").exists());
        assert_eq!(fs::read_to_string(out.join("bundle.json")).unwrap(), "new");
        assert!(!beside(&out, ".new").exists() && !beside(&out, ".old").exists());
    }
}
