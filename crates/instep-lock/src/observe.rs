//! Observe: what the layers ask for, what they build on, and what their locks say.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::Digest;
use instep_manifest::requirements::{self, LineKind, Requirements};
use instep_tools::Environment;
use pep508_rs::PackageName;
use rayon::prelude::*;
use serde::Serialize;

use crate::error::Error;
use crate::header::{Header, body};
use crate::layer::{Input, Layer};
use crate::{pins, platform, pyproject, settings};

/// The layers of a workspace at one moment, those that others build on first.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What the paths in locks are relative to.
    pub root: Utf8PathBuf,
    /// The layers.
    pub layers: Vec<Known>,
    /// The digest of the settings of uv in the workspace that decide what is resolved; `None` where
    /// there are none.
    pub settings: Option<Digest>,
}

/// One layer, read.
#[derive(Clone, Debug)]
pub struct Known {
    /// What was read.
    pub layer: Layer,
    /// What it asks for by itself, without the layers that it builds on.
    pub own: Requirements,
    /// The layers that it builds on.
    pub base: BTreeMap<String, Link>,
    /// The digest of `own` and `base`.
    pub inputs: Digest,
    /// The text of its lock.
    pub lock: Option<String>,
    /// The digest of all of that but the header.
    pub pins: Option<Digest>,
    /// What that says of itself.
    pub header: Option<Header>,
}

impl Known {
    /// All of its lock but the header.
    pub(crate) fn body(&self) -> Option<&str> {
        self.lock.as_deref().map(body)
    }

    /// Everything that decides about its lock but the tool and the locks that it builds on.
    pub fn wish(&self) -> Digest {
        let layer = &self.layer;
        let mut parts = vec![self.inputs.to_string()];
        parts.extend(layer.options());
        let named = [("python=", &layer.python), ("platform=", &layer.platform)];
        for (key, value) in named {
            parts.extend(value.as_ref().map(|value| [key, value].concat()));
        }
        Digest::of_parts(parts.iter().map(String::as_bytes))
    }
}

/// How a layer builds on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// `-c`: what both have is of one version.
    Constrains,
    /// `-r`: it has all that the other has.
    Includes,
}

/// Reads the layers. `root` is what paths are shown, and local packages found, relative to.
///
/// # Errors
///
/// [`Error::Name`], [`Error::SameName`] and [`Error::SameOutput`] for layers that cannot stand side by
/// side, [`Error::Platform`], [`Error::Cycle`], [`Error::Pyproject`] and its kin, [`Error::Manifest`] for requirements that
/// cannot be read.
pub fn observe(
    root: &Utf8Path,
    layers: &[Layer],
    variables: &Environment,
) -> Result<Observed, Error> {
    let ends = Ends::of(layers)?;
    let known = layers
        .par_iter()
        .map(|layer| read(root, layer, &ends, variables))
        .collect::<Result<Vec<_>, _>>()?;
    let settings = settings::digest(root)?;
    Ok(Observed { root: root.to_owned(), layers: in_order(known)?, settings })
}

/// The files at which one layer ends and another begins.
struct Ends {
    /// The layer, and whether the file is its lock; by texts, which compare faster than paths.
    files: BTreeMap<String, (String, bool)>,
}

impl Ends {
    fn of(layers: &[Layer]) -> Result<Self, Error> {
        let mut files: BTreeMap<String, (String, bool)> = BTreeMap::new();
        let mut names: BTreeMap<PackageName, &str> = BTreeMap::new();
        for layer in layers {
            let name = PackageName::from_str(&layer.name)
                .map_err(|_| Error::Name { name: layer.name.clone() })?;
            if let Some(first) = names.insert(name, &layer.name) {
                return Err(Error::SameName {
                    first: first.to_owned(),
                    second: layer.name.clone(),
                });
            }
            if let Some(platform) = &layer.platform
                && platform::marker(platform).is_none()
            {
                let (platform, layer) = (platform.clone(), layer.name.clone());
                return Err(Error::Platform { platform, layer });
            }
            let output = lexical(&layer.output).into_string();
            if let Some((first, _)) = files.get(&output) {
                return Err(Error::SameOutput {
                    path: layer.output.clone(),
                    first: first.clone(),
                    second: layer.name.clone(),
                });
            }
            files.insert(output, (layer.name.clone(), true));
        }
        for layer in layers {
            let path = lexical(layer.input.path());
            if let Some((first, true)) = files.get(path.as_str()) {
                return Err(Error::SameOutput {
                    path,
                    first: first.clone(),
                    second: layer.name.clone(),
                });
            }
            if let Input::File(_) = &layer.input {
                files.insert(path.into_string(), (layer.name.clone(), false));
            }
        }
        Ok(Self { files })
    }
}

fn read(
    root: &Utf8Path,
    layer: &Layer,
    ends: &Ends,
    variables: &Environment,
) -> Result<Known, Error> {
    let value = |name: &str| variables.var(name).map(str::to_owned);
    let own = match &layer.input {
        Input::File(path) => requirements::read_up_to(root, path, &value, &|path| {
            ends.files.contains_key(path.as_str())
        })?,
        Input::Group { pyproject, group } => pyproject::group(root, pyproject, group)?,
        Input::Project { pyproject, extra } => {
            pyproject::project(root, pyproject, extra.as_deref())?
        }
    };
    let mut base: BTreeMap<String, Link> = BTreeMap::new();
    for entry in &own.entries {
        let link = match &entry.line.kind {
            LineKind::Include { .. } if !entry.constraint => Link::Includes,
            LineKind::Include { .. } | LineKind::Constraint { .. } => Link::Constrains,
            _ => continue,
        };
        let Some((name, is_lock)) = entry.included().and_then(|path| ends.files.get(path.as_str()))
        else {
            continue;
        };
        if *name == layer.name && *is_lock {
            return Err(Error::OwnLock {
                path: entry.file.clone(),
                line: entry.line.number,
                layer: layer.name.clone(),
            });
        }
        let known = base.entry(name.clone()).or_insert(link);
        *known = (*known).max(link);
    }
    let digest = own.digest().to_string();
    let mut parts = vec![digest.as_bytes()];
    for (name, link) in &base {
        parts.extend([name.as_bytes(), if *link == Link::Includes { b"-r" } else { b"-c" }]);
    }
    let inputs = Digest::of_parts(parts);
    let lock =
        if layer.output.exists() { Some(instep_fs::read_text(&layer.output)?) } else { None };
    // As git may have checked it out on Windows.
    let lock = lock.map(|text| if text.contains('\r') { text.replace("\r\n", "\n") } else { text });
    let header = lock.as_deref().and_then(Header::parse);
    if let (Some(text), None) = (&lock, &header)
        && pins::read(text, root, root).is_err()
    {
        return Err(Error::NotALock { path: layer.output.clone(), layer: layer.name.clone() });
    }
    let pins = lock.as_deref().map(|text| Digest::of(body(text).as_bytes()));
    Ok(Known { layer: layer.clone(), own, base, inputs, lock, pins, header })
}

/// Sorts layers so that each stands behind those that it builds on; by name where that leaves a
/// choice.
fn in_order(layers: Vec<Known>) -> Result<Vec<Known>, Error> {
    let mut waiting: BTreeMap<String, Known> =
        layers.into_iter().map(|known| (known.layer.name.clone(), known)).collect();
    let mut placed: BTreeSet<String> = BTreeSet::new();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_ready = |known: &Known| known.base.keys().all(|name| placed.contains(name));
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(_, known)| is_ready(known))
            .map(|(name, _)| name.clone())
            .collect();
        if ready.is_empty() {
            return Err(Error::Cycle { layers: cycle(&waiting) });
        }
        for name in ready {
            sorted.extend(waiting.remove(&name));
            placed.insert(name);
        }
    }
    Ok(sorted)
}

/// A way round among layers of which none is ready, the first one again at its end.
fn cycle(waiting: &BTreeMap<String, Known>) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut at = waiting.keys().next().cloned();
    while let Some(name) = at {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            path.drain(..start);
            path.push(name);
            return path;
        }
        let next =
            |known: &Known| known.base.keys().find(|name| waiting.contains_key(*name)).cloned();
        at = waiting.get(&name).and_then(next);
        path.push(name);
    }
    path
}

impl Observed {
    /// A layer by its name.
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.layers.iter().find(|known| known.layer.name == name)
    }

    /// A layer by its name.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchLayer`].
    pub fn find(&self, name: &str) -> Result<&Known, Error> {
        self.get(name).ok_or_else(|| Error::NoSuchLayer {
            name: name.to_owned(),
            known: self.layers.iter().map(|known| known.layer.name.clone()).collect(),
        })
    }

    /// What the locks say of themselves.
    pub fn headers(&self) -> impl Iterator<Item = &Header> {
        self.layers.iter().filter_map(|known| known.header.as_ref())
    }

    /// All that a layer builds on, near and far, and how: by `-r` only if every step is.
    pub fn closure(&self, name: &str) -> BTreeMap<&str, Link> {
        let mut found: BTreeMap<&str, Link> = BTreeMap::new();
        let mut open: Vec<(&str, Link)> = vec![(name, Link::Includes)];
        while let Some((at, so_far)) = open.pop() {
            let Some(known) = self.get(at) else { continue };
            for (base, link) in &known.base {
                let link = so_far.min(*link);
                if found.get(base.as_str()).is_none_or(|before| *before < link) {
                    found.insert(base, link);
                    open.push((base, link));
                }
            }
        }
        found
    }

    /// A path as locks and people read it: relative to the root.
    pub fn show(&self, path: &Utf8Path) -> String {
        show(&self.root, path)
    }
}

/// A path from the root on, `/` between folders: the same wherever the workspace lies. Only what is on
/// another drive stays absolute.
pub(crate) fn show(root: &Utf8Path, path: &Utf8Path) -> String {
    let path = lexical(path);
    let shown = pathdiff::diff_utf8_paths(&path, root).unwrap_or(path);
    let shown = if shown.as_str().is_empty() { "." } else { shown.as_str() };
    if cfg!(windows) { shown.replace('\\', "/") } else { shown.to_owned() }
}
