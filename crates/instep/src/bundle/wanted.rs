//! What the configuration wants a bundle to hold.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::create::{Wanted, WantedLock};
use instep_bundle::{ImagePlatform, ImageProblem, ImageRequest, Kind, Missing};
use instep_fs::RelativePath;
use instep_lock::Upgrade;
use instep_tools::Environment as Variables;
use instep_wheel::{Platform, PythonVersion, Target};

use crate::config::{AppVersion, BundleImage, Located};
use crate::error::Error;
use crate::host::Host;
use crate::project::{self, Export};
use crate::sources;
use crate::spec::{Source, Spec};
use crate::toolbox::{self, Choice};
use crate::wheels;
use crate::workspace::Workspace;

/// A folder for exports of locks, which goes at the end.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn new() -> Result<Self, Error> {
        let made = tempfile::tempdir();
        made.map(Self).map_err(|source| Error::Write { path: "a temporary folder".into(), source })
    }

    fn folder(&self, name: &str) -> Result<Utf8PathBuf, Error> {
        let path = self.0.path().join(name);
        let path = Utf8PathBuf::try_from(path).map_err(|error| Error::Write {
            path: "a temporary folder".into(),
            source: error.into_io_error(),
        })?;
        fs_err::create_dir_all(&path)
            .map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

/// The bundle's name.
pub(super) fn name(located: &Located) -> String {
    let folder = located.root.file_name().unwrap_or("site");
    located.config.bundle.name.clone().unwrap_or_else(|| folder.to_owned())
}

/// Reads the configuration's `[bundle]`, and the environments'.
pub(super) fn wanted(
    located: &Located,
    variables: &Variables,
    name: String,
    out: &Utf8Path,
    scratch: &Scratch,
    host: &mut Host<'_>,
) -> Result<Wanted, Error> {
    let bundle = &located.config.bundle;
    let mut draft = Draft {
        root: &located.root,
        variables,
        files: BTreeSet::new(),
        locks: Vec::new(),
        missing: Vec::new(),
    };
    draft.configuration(located);
    match Workspace::open(variables.clone()) {
        // Images and files alone are a bundle, too.
        Err(Error::NothingToFollow { .. }) if bundle.locks.is_none() => {}
        workspace => {
            for environment in workspace?.all_environments()? {
                draft.environment(environment.spec(), located, scratch, host)?;
            }
        }
    }
    if let Some(locks) = &bundle.locks {
        draft.locks.clear();
        for lock in locks {
            let path = located.root.join(lock);
            draft.file(&path);
            draft.locks.push(WantedLock { label: lock.to_string(), path });
        }
    }
    for file in &bundle.files {
        let path = instep_fs::lexical(&located.root.join(file));
        if out.starts_with(&path) {
            return Err(Error::BundleInItself { out: out.to_owned(), files: path });
        }
        draft.file(&path);
    }
    draft.locks.dedup_by(|second, first| second.path == first.path);
    Ok(Wanted {
        name,
        root: located.root.clone(),
        locks: draft.locks,
        targets: targets(located, variables, host)?,
        images: images(located)?,
        files: draft.files.into_iter().collect(),
        missing: draft.missing,
    })
}

struct Draft<'a> {
    root: &'a Utf8Path,
    variables: &'a Variables,
    files: BTreeSet<RelativePath>,
    locks: Vec<WantedLock>,
    missing: Vec<Missing>,
}

impl Draft<'_> {
    /// A file or folder of the project.
    fn file(&mut self, path: &Utf8Path) {
        match RelativePath::between(self.root, path) {
            Some(relative) => {
                self.files.insert(relative);
            }
            None => self.missing.push(Missing {
                kind: Kind::File,
                what: path.to_string(),
                reason:
                    "it does not lie in the project, or has a name that not every system can hold"
                        .to_owned(),
                hint: None,
            }),
        }
    }

    fn configuration(&mut self, located: &Located) {
        if let Some(file) = &located.file {
            self.file(file);
        }
        if let Some(AppVersion::File(version)) = &located.config.app.version {
            self.file(&located.root.join(&version.file));
        }
    }

    /// What an environment follows, and its lock.
    fn environment(
        &mut self,
        spec: &Spec,
        located: &Located,
        scratch: &Scratch,
        host: &mut Host<'_>,
    ) -> Result<(), Error> {
        let inputs = sources::read(self.root, spec, self.variables)?;
        for input in &inputs.list {
            self.file(&self.root.join(&input.path));
        }
        let paths = match &spec.source {
            Source::Requirements { files, lock: None } => files.clone(),
            Source::Pylock { path } => vec![path.clone()],
            Source::Project { folder, extras, groups, member } => {
                let choice = Choice {
                    root: self.root,
                    spec,
                    config: &located.config.tools,
                    variables: self.variables,
                    tool: None,
                    python: spec.python.as_deref(),
                };
                let export = Export {
                    folder,
                    extras,
                    groups,
                    member: member.as_ref().map(|member| member.name.as_str()),
                    upgrade: &Upgrade::None,
                    dry_run: true,
                    toolbox: &toolbox::choose(&choice, host)?,
                    scratch: &scratch.folder(&spec.name)?,
                };
                vec![project::export(&export, &spec.name, host)?]
            }
            Source::Requirements { .. } | Source::Layer { .. } => {
                spec.source.lock().cloned().into_iter().collect()
            }
        };
        for path in paths {
            if path.exists() {
                let label = RelativePath::between(self.root, &path);
                let label = label.map_or_else(|| spec.name.clone(), |label| label.to_string());
                self.locks.push(WantedLock { label, path });
            } else {
                self.missing.push(Missing {
                    kind: Kind::Wheel,
                    what: sources::show(self.root, &path),
                    reason: format!("the lock of the environment `{}` is not there", spec.name),
                    hint: Some("`instep sync` compiles it".to_owned()),
                });
            }
        }
        Ok(())
    }
}

fn targets(
    located: &Located,
    variables: &Variables,
    host: &mut Host<'_>,
) -> Result<Vec<Target>, Error> {
    let told = &located.config.bundle.targets;
    if told.is_empty() {
        return wheels::default_targets(variables, host);
    }
    let read = |told: &crate::config::BundleTarget| {
        let python: PythonVersion = told.python.parse()?;
        let platform: Platform = told.platform.parse()?;
        Ok(Target { python, platform })
    };
    let mut targets = told.iter().map(read).collect::<Result<Vec<_>, instep_wheel::Error>>()?;
    targets.sort_unstable();
    targets.dedup();
    Ok(targets)
}

fn images(located: &Located) -> Result<Vec<ImageRequest>, Error> {
    let bundle = &located.config.bundle;
    let wrong = |problem: ImageProblem| {
        let image = "the images of the configuration".to_owned();
        Error::from(instep_bundle::Error::Image { image, source: Box::new(problem) })
    };
    let platforms = if bundle.image_platforms.is_empty() {
        vec![ImagePlatform::of_this_machine()]
    } else {
        let platforms = bundle.image_platforms.iter().map(|text| text.parse());
        platforms.collect::<Result<Vec<ImagePlatform>, ImageProblem>>().map_err(wrong)?
    };
    let mut images: Vec<ImageRequest> = Vec::new();
    for image in &bundle.images {
        let (name, own) = match image {
            BundleImage::Name(name) => (name, None),
            BundleImage::On(on) => (&on.name, Some(on.platform.parse().map_err(wrong)?)),
        };
        let platforms = own.map_or_else(|| platforms.clone(), |own| vec![own]);
        for platform in platforms {
            let request = ImageRequest::new(name, platform)?;
            if !images.contains(&request) {
                images.push(request);
            }
        }
    }
    Ok(images)
}
