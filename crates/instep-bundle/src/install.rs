//! The files of a bundle, put into a project: [`observe`] compares, [`apply`] copies. The environment is made from them
//! and from the wheelhouse by whoever calls.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;
use instep_tools::CancelToken;
use serde::Serialize;

use crate::copy::copy;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::layout::{PROJECT, WHEELS};
use crate::manifest::{Manifest, ManifestFile};

/// What becomes of the files of a bundle in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstallPlan {
    /// Those that are not there.
    pub create: Vec<RelativePath>,
    /// Those that are there, the same.
    pub same: Vec<RelativePath>,
    /// Those that are there, and others.
    pub replace: Vec<RelativePath>,
}

/// Compares the project's files of a bundle with those of a folder. The bundle has been verified.
///
/// # Errors
///
/// [`Error::Io`]; [`Error::NotABundle`] for a file that would not lie in the project.
pub fn observe(
    manifest: &Manifest,
    bundle: &Utf8Path,
    into: &Utf8Path,
) -> Result<InstallPlan, Error> {
    let mut plan = InstallPlan::default();
    for file in &manifest.project {
        let path = in_project(file, bundle)?;
        let to = path.to_path(into);
        match fs::symlink_metadata(&to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => plan.create.push(path),
            Err(source) => return Err(Error::Io { action: "read", path: to, source }),
            Ok(there) if there.is_file() && there.len() == file.size => {
                let is_same = Digest::of_file(&to)?.0 == file.digest;
                if is_same { plan.same.push(path) } else { plan.replace.push(path) }
            }
            Ok(_) => plan.replace.push(path),
        }
    }
    Ok(plan)
}

/// Copies what is not there, and what is other, too. Each file is the old or the new one at any time.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Cancelled`].
pub fn apply(
    plan: &InstallPlan,
    bundle: &Utf8Path,
    into: &Utf8Path,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<(), Error> {
    let project = bundle.join(PROJECT);
    for path in plan.create.iter().chain(&plan.replace) {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let to = path.to_path(into);
        let (_, bytes) = copy(&path.to_path(&project), &to)?;
        tell(Event::Moved { bytes });
    }
    Ok(())
}

/// The wheelhouse of a bundle.
pub fn wheelhouse(bundle: &Utf8Path) -> Utf8PathBuf {
    bundle.join(WHEELS)
}

/// Its path in the project.
fn in_project(file: &ManifestFile, bundle: &Utf8Path) -> Result<RelativePath, Error> {
    let below = file.path.as_str().strip_prefix(PROJECT).and_then(|rest| rest.strip_prefix('/'));
    below.and_then(|below| RelativePath::new(below).ok()).ok_or_else(|| Error::NotABundle {
        path: bundle.join(crate::layout::MANIFEST),
        reason: format!("`{}` is no file of the project", file.path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::SCHEMA;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        Manifest {
            schema_version: SCHEMA,
            tool: "instep".to_owned(),
            tool_version: "0".to_owned(),
            name: "site".to_owned(),
            created_at: "2026-01-01T00:00:00Z".to_owned(),
            targets: Vec::new(),
            wheels: Vec::new(),
            images: Vec::new(),
            project: files
                .iter()
                .map(|(path, text)| ManifestFile {
                    path: RelativePath::new(path).unwrap(),
                    size: u64::try_from(text.len()).unwrap(),
                    digest: Digest::of(text.as_bytes()),
                })
                .collect(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn what_is_new_the_same_and_other_is_told_apart_and_brought_to_be_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let (bundle, into) = (root.join("bundle"), root.join("site"));
        let files = [
            ("project/a/new", "1"),
            ("project/same", "2"),
            ("project/longer", "33"),
            ("project/other", "4"),
        ];
        for (path, text) in files {
            let path = bundle.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(&into).unwrap();
        for (name, text) in [("same", "2"), ("longer", "3"), ("other", "5"), ("own", "6")] {
            fs::write(into.join(name), text).unwrap();
        }
        let manifest = manifest(&files);
        let plan = observe(&manifest, &bundle, &into).unwrap();
        let names = |paths: &[RelativePath]| {
            paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&plan.create), "a/new");
        assert_eq!(names(&plan.same), "same");
        assert_eq!(names(&plan.replace), "longer other");
        apply(&plan, &bundle, &into, &mut |_| {}, &CancelToken::new()).unwrap();
        let plan = observe(&manifest, &bundle, &into).unwrap();
        assert_eq!(plan.same.len(), 4);
        assert_eq!(fs::read_to_string(into.join("own")).unwrap(), "6");
    }

    #[test]
    fn a_file_that_would_lie_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        for path in ["wheels/a.whl", "projects/a", "project"] {
            let manifest = manifest(&[(path, "")]);
            assert!(
                matches!(observe(&manifest, root, root), Err(Error::NotABundle { .. })),
                "{path}"
            );
        }
    }
}
