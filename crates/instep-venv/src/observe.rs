//! Observe: what stands at an environment's path, changing nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use pep508_rs::PackageName;

use crate::distribution::{self, Distribution};
use crate::error::Error;
use crate::layout;
use crate::pyvenv_cfg::PyvenvCfg;
use crate::record::{self, Damage, Depth};

/// What stands at an environment's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The path that was looked at.
    pub root: Utf8PathBuf,
    /// What it is.
    pub state: State,
    /// `pyvenv.cfg`, where there is one.
    pub config: Option<PyvenvCfg>,
    /// Where packages are, if the environment is whole enough to have such a place.
    pub site_packages: Option<Utf8PathBuf>,
    /// The packages that are installed.
    pub distributions: BTreeMap<PackageName, Distribution>,
}

/// What a path is, as an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing, or an empty folder.
    Missing,
    /// A virtual environment whose interpreter is there.
    Ready,
    /// A virtual environment that cannot work.
    Broken(Breakage),
}

/// Why an environment cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// There is no interpreter inside.
    NoInterpreter,
    /// The interpreter inside is a link to one that is gone.
    DanglingInterpreter,
    /// There is no `site-packages`.
    NoSitePackages,
}

impl Breakage {
    /// In words, for a finding.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NoInterpreter => "it has no interpreter",
            Self::DanglingInterpreter => "its interpreter links to one that is gone",
            Self::NoSitePackages => "it has no site-packages folder",
        }
    }
}

/// Looks at `root`.
///
/// # Errors
///
/// [`Error::NotAFolder`] and [`Error::NotAnEnvironment`] where something stands there that is not
/// ours to touch; [`Error::Read`].
pub fn observe(root: &Utf8Path) -> Result<Observed, Error> {
    let Some(config) = probe(root)? else { return Ok(Observed::missing(root)) };
    let mut observed = Observed { config: Some(config), ..Observed::missing(root) };
    observed.state = match interpreter_breakage(root) {
        Some(breakage) => State::Broken(breakage),
        None => State::Ready,
    };
    observed.site_packages = layout::site_packages(root);
    match &observed.site_packages {
        Some(site_packages) => observed.distributions = distribution::list(site_packages)?,
        None if observed.state == State::Ready => {
            observed.state = State::Broken(Breakage::NoSitePackages);
        }
        None => {}
    }
    Ok(observed)
}

impl Observed {
    /// The packages that are not whole: files are missing, or have another size than was installed.
    pub fn damaged(&self) -> BTreeSet<PackageName> {
        let all: Vec<&Distribution> = self.distributions.values().collect();
        record::verify(&self.root, &all, Depth::Size)
            .into_iter()
            .filter(|(_, damage)| damage.iter().any(|one| !matches!(one, Damage::Outside { .. })))
            .map(|(name, _)| name)
            .collect()
    }

    /// An environment that is not there.
    pub fn missing(root: &Utf8Path) -> Self {
        Self {
            root: root.to_owned(),
            state: State::Missing,
            config: None,
            site_packages: None,
            distributions: BTreeMap::new(),
        }
    }
}

/// The `pyvenv.cfg` of `root`; `None` where nothing stands there, or an empty folder.
fn probe(root: &Utf8Path) -> Result<Option<PyvenvCfg>, Error> {
    let read = |source| Error::Read { path: root.to_owned(), source };
    match fs::read_to_string(layout::pyvenv_cfg(root)) {
        Ok(text) => return Ok(Some(PyvenvCfg::parse(&text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
        Err(error) => return Err(read(error)),
    }
    match fs::metadata(root) {
        Ok(metadata) if !metadata.is_dir() => Err(Error::NotAFolder { path: root.to_owned() }),
        Ok(_) => match fs::read_dir(root).map_err(read)?.next() {
            None => Ok(None),
            Some(_) => Err(Error::NotAnEnvironment { path: root.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(root).is_ok() {
                return Err(Error::DanglingLink { path: root.to_owned() });
            }
            Ok(None)
        }
        Err(error) => Err(read(error)),
    }
}

/// Whether, and how, the interpreter of `root` is unusable, by looking only.
pub fn interpreter_breakage(root: &Utf8Path) -> Option<Breakage> {
    let interpreter = layout::interpreter(root);
    if fs::metadata(&interpreter).is_ok() {
        None
    } else if fs::symlink_metadata(&interpreter).is_ok() {
        Some(Breakage::DanglingInterpreter)
    } else {
        Some(Breakage::NoInterpreter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("env ü")).unwrap();
        (dir, path)
    }

    #[test]
    fn nothing_and_an_empty_folder_are_both_missing() {
        let (_keep, root) = folder();
        assert_eq!(observe(&root).unwrap().state, State::Missing);
        fs::create_dir(&root).unwrap();
        assert_eq!(observe(&root).unwrap().state, State::Missing);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let (_keep, root) = folder();
        fs::write(&root, "a file").unwrap();
        assert!(matches!(observe(&root), Err(Error::NotAFolder { .. })));
        fs::remove_file(&root).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(root.join("thesis.tex"), "years of work").unwrap();
        assert!(matches!(observe(&root), Err(Error::NotAnEnvironment { .. })));
    }

    #[test]
    fn an_environment_without_an_interpreter_is_broken() {
        let (_keep, root) = folder();
        fs::create_dir(&root).unwrap();
        fs::write(layout::pyvenv_cfg(&root), "home = /nowhere\n").unwrap();
        assert_eq!(observe(&root).unwrap().state, State::Broken(Breakage::NoInterpreter));
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_interpreter_is_named_so() {
        let (_keep, root) = folder();
        fs::create_dir_all(layout::scripts_dir(&root)).unwrap();
        fs::write(layout::pyvenv_cfg(&root), "home = /nowhere\n").unwrap();
        std::os::unix::fs::symlink("/nowhere/python", layout::interpreter(&root)).unwrap();
        assert_eq!(observe(&root).unwrap().state, State::Broken(Breakage::DanglingInterpreter));
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_link_is_not_an_empty_place() {
        let (_keep, root) = folder();
        std::os::unix::fs::symlink("/nowhere/env", &root).unwrap();
        assert!(matches!(observe(&root), Err(Error::DanglingLink { .. })));
    }
}
