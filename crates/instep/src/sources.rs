//! What an environment follows, read: the files, their meaning as one digest, and the lock.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::Layer;
use instep_manifest::requirements::{self, Requirements};
use instep_manifest::{Digest, Input, InputKind, Manifest};
use instep_tools::Environment as Variables;
use instep_venv::{Origin, PackageName, Wanted};

use crate::error::Error;
use crate::spec::{Source, Spec};

/// The inputs of an environment at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// What they mean (row M7): the manifest's `requirementsHash`.
    pub(crate) digest: Digest,
    /// Each file.
    pub(crate) list: Vec<Input>,
    /// Files that are not there, and whose coming would be a change.
    pub(crate) absent: Vec<Utf8PathBuf>,
    /// The variables that the files name.
    pub(crate) variables: BTreeMap<String, Digest>,
    /// The options of the requirements files that say where packages come from.
    pub(crate) index_options: Vec<String>,
}

impl Inputs {
    /// What differs from what an environment was built from, a sentence each.
    pub(crate) fn differences(&self, manifest: &Manifest) -> Vec<String> {
        let recorded: BTreeMap<&str, &Input> =
            manifest.inputs.iter().map(|input| (input.path.as_str(), input)).collect();
        let mut changed = Vec::new();
        for input in &self.list {
            let before = recorded.get(input.path.as_str());
            if before.is_none_or(|before| before.digest != input.digest) {
                changed.push(input);
            }
        }
        let lock_changed = changed.iter().any(|input| input.kind == InputKind::Lock);
        let is_gone = |input: &&Input| !self.list.iter().any(|now| now.path == input.path);
        let gone: Vec<&Input> = manifest.inputs.iter().filter(is_gone).collect();
        let lock_gone = gone.iter().any(|input| input.kind == InputKind::Lock);
        if self.digest == manifest.requirements_hash && !lock_changed && !lock_gone {
            return Vec::new();
        }
        let mut details: Vec<String> = changed
            .iter()
            .filter(|input| {
                self.digest != manifest.requirements_hash || input.kind == InputKind::Lock
            })
            .map(|input| {
                let verb =
                    if recorded.contains_key(input.path.as_str()) { "changed" } else { "is new" };
                format!("`{}` {verb}", input.path)
            })
            .collect();
        details.extend(gone.iter().map(|input| format!("`{}` is gone", input.path)));
        if details.is_empty() {
            details.push("a variable that the requirements name has another value".to_owned());
        }
        details
    }
}

/// Reads everything that `spec` follows.
pub(crate) fn read(root: &Utf8Path, spec: &Spec, variables: &Variables) -> Result<Inputs, Error> {
    match &spec.source {
        Source::Requirements { files, lock } => {
            read_requirements(root, files, lock.as_deref(), variables)
        }
        Source::Pylock { path } => read_whole(root, &[(path.clone(), InputKind::Pylock)]),
        Source::Layer { name, layers } => read_layer(root, name, layers, variables),
        Source::Project { folder, member, .. } => {
            let mut files = vec![
                (folder.join("pyproject.toml"), InputKind::Project),
                (folder.join("uv.lock"), InputKind::Lock),
            ];
            if let Some(member) = member {
                let pyproject = folder.join(&member.folder).join("pyproject.toml");
                files.push((pyproject, InputKind::Project));
            }
            read_whole(root, &files)
        }
    }
}

/// The digest of a variable's value; one that is not set means the same as an empty one.
pub(crate) fn variable_digest(variables: &Variables, name: &str) -> Digest {
    Digest::of(variables.var(name).unwrap_or_default().as_bytes())
}

/// A path for people and files: relative to `root` where it is inside, `/` between folders.
pub(crate) fn show(root: &Utf8Path, path: &Utf8Path) -> String {
    if path == root {
        return ".".to_owned();
    }
    instep_fs::RelativePath::between(root, path)
        .map_or_else(|| path.to_string(), |relative| relative.as_str().to_owned())
}

/// Reads a lock of pins.
pub(crate) fn read_lock(
    root: &Utf8Path,
    lock: &Utf8Path,
    variables: &Variables,
) -> Result<Requirements, Error> {
    Ok(requirements::read(root, lock, &|name| variables.var(name).map(str::to_owned))?)
}

fn read_requirements(
    root: &Utf8Path,
    files: &[Utf8PathBuf],
    lock: Option<&Utf8Path>,
    variables: &Variables,
) -> Result<Inputs, Error> {
    let mut inputs = Inputs {
        digest: Digest::of(b""),
        list: Vec::new(),
        absent: Vec::new(),
        variables: BTreeMap::new(),
        index_options: Vec::new(),
    };
    let mut digests = Vec::new();
    for file in files {
        let found = read_lock(root, file, variables)?;
        digests.push(found.digest());
        inputs.add(root, &found)?;
    }
    inputs.digest = match digests.as_slice() {
        [one] => *one,
        several => combine(several),
    };
    if let Some(lock) = lock {
        inputs.add_lock(root, lock, variables)?;
    }
    Ok(inputs)
}

/// A layer's lock decides what is installed; its requirements, and those of the layers that it
/// includes, whether the lock is current.
fn read_layer(
    root: &Utf8Path,
    name: &str,
    layers: &[Layer],
    variables: &Variables,
) -> Result<Inputs, Error> {
    let observed = instep_lock::observe(root, layers, variables)?;
    let mut inputs = Inputs::of_snapshot(Digest::of(b""));
    let closure = observed.closure(name);
    let mut digests = Vec::new();
    for known in &observed.layers {
        if known.layer.name == name || closure.contains_key(known.layer.name.as_str()) {
            digests.push(known.wish());
            inputs.add(root, &known.own)?;
        }
        if known.layer.name == name {
            inputs.add_lock(root, &known.layer.output, variables)?;
        }
    }
    digests.extend(observed.settings);
    for path in instep_lock::settings_files(root) {
        let digest = Digest::of_file(&path)?;
        inputs.push(root, &path, InputKind::Project, digest);
    }
    inputs.digest = combine(&digests);
    Ok(inputs)
}

impl Inputs {
    /// What a rollback follows: a snapshot, and none of the files of today.
    pub(crate) fn of_snapshot(digest: Digest) -> Self {
        Self {
            digest,
            list: Vec::new(),
            absent: Vec::new(),
            variables: BTreeMap::new(),
            index_options: Vec::new(),
        }
    }

    /// The wanted packages at local paths of which a file that decides about them has changed since.
    pub(crate) fn changed_local(
        &self,
        root: &Utf8Path,
        manifest: &Manifest,
        wanted: &Wanted,
    ) -> Vec<PackageName> {
        let is_local = |input: &&Input| input.kind == InputKind::LocalMetadata;
        let changed: Vec<Utf8PathBuf> = self
            .list
            .iter()
            .filter(is_local)
            .filter(|input| !manifest.inputs.contains(input))
            .map(|input| root.join(&input.path))
            .collect();
        wanted
            .packages
            .iter()
            .filter(|(_, package)| match &package.origin {
                Origin::Path { path, .. } => changed.iter().any(|file| file.starts_with(path)),
                _ => false,
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn add(&mut self, root: &Utf8Path, found: &Requirements) -> Result<(), Error> {
        for path in &found.files {
            self.push(root, path, InputKind::Requirements, Digest::of_file(path)?);
        }
        for local in &found.local_files {
            self.push(root, &local.path, InputKind::LocalMetadata, local.digest);
        }
        self.variables.extend(found.variables.clone());
        self.index_options.extend(instep_venv::index_options(found));
        Ok(())
    }

    fn add_lock(
        &mut self,
        root: &Utf8Path,
        lock: &Utf8Path,
        variables: &Variables,
    ) -> Result<(), Error> {
        if lock.exists() {
            let mut found = read_lock(root, lock, variables)?;
            // Local folders have been looked at through the requirements that name them.
            found.local_files.clear();
            let digest = found.digest();
            self.push(root, lock, InputKind::Lock, Some(digest));
        } else {
            self.absent.push(lock.to_owned());
        }
        Ok(())
    }

    fn push(&mut self, root: &Utf8Path, path: &Utf8Path, kind: InputKind, digest: Option<Digest>) {
        match digest {
            Some(digest) => self.list.push(Input { path: show(root, path), kind, digest }),
            None => self.absent.push(path.to_owned()),
        }
    }
}

/// Files that are taken as they are.
fn read_whole(root: &Utf8Path, files: &[(Utf8PathBuf, InputKind)]) -> Result<Inputs, Error> {
    let mut list = Vec::new();
    for (path, kind) in files {
        let digest = Digest::of_file(path)?.ok_or_else(|| {
            Error::Manifest(instep_manifest::Error::MissingFile { path: path.clone() })
        })?;
        list.push(Input { path: show(root, path), kind: *kind, digest });
    }
    let digests: Vec<Digest> = list.iter().map(|input| input.digest).collect();
    Ok(Inputs {
        digest: combine(&digests),
        list,
        absent: Vec::new(),
        variables: BTreeMap::new(),
        index_options: Vec::new(),
    })
}

fn combine(digests: &[Digest]) -> Digest {
    let texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
    Digest::of_parts(texts.iter().map(String::as_bytes))
}
