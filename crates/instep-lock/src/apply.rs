//! Apply: compile what a plan says is stale, and put all new locks in place, or none.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use instep_manifest::Digest;
use instep_tools::{CancelToken, Environment, Interpreter};
use pep508_rs::PackageName;
use serde::Serialize;

use crate::compile::Compiler;
use crate::error::Error;
use crate::event::Event;
use crate::header::{body, numbers};
use crate::layer::Strategy;
use crate::observe::{Known, Link, Observed};
use crate::plan::{Plan, Wish, base, header_of};
use crate::{joint, layered, pins};

/// What is to be compiled, with what.
#[derive(Debug)]
pub struct Job<'a> {
    /// The layers.
    pub observed: &'a Observed,
    /// What is stale.
    pub plan: &'a Plan,
    /// What was wished for.
    pub wish: &'a Wish,
    /// The tool.
    pub compiler: &'a Compiler,
    /// What runs it, and builds what has to be built.
    pub python: &'a Interpreter,
    /// The variables that the tool sees.
    pub variables: &'a Environment,
    /// A private folder.
    pub scratch: &'a Utf8Path,
}

/// All of a lock that follows its header.
pub(crate) type Body = String;

/// A layer's lock after compiling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    /// The layer.
    pub name: String,
    /// Its lock, relative to the root where it is inside.
    pub lock: String,
    /// Whether the text is another than the one that is there.
    pub is_new: bool,
    /// Versions that differ from those that were pinned; `None` on one side where there was, or is,
    /// no such package.
    pub changes: BTreeMap<PackageName, VersionChange>,
    /// Its path.
    #[serde(skip)]
    pub path: Utf8PathBuf,
    /// Its text.
    #[serde(skip)]
    pub text: String,
    /// The text that is there.
    #[serde(skip)]
    previous: Option<String>,
}

/// A package's version before and after; several where markers tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionChange {
    /// Before.
    pub from: Option<String>,
    /// After.
    pub to: Option<String>,
}

/// Compiles, and writes nothing outside of the scratch folder.
///
/// # Errors
///
/// [`Error::NoJointSolution`], [`Error::JointNeedsUv`], [`Error::Unable`], and those of the tools.
pub fn compile_layers(
    job: &Job<'_>,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<Locked>, Error> {
    reject_nonsense(job.observed, &job.wish.python)?;
    let bodies = match (job.plan.strategy, job.compiler) {
        (Strategy::Joint, Compiler::Uv { uv, options }) => {
            joint::compile(job, uv, options, cancel, on_event)?
        }
        (Strategy::Joint, _) => return Err(Error::JointNeedsUv),
        (Strategy::Layered, _) => layered::compile_all(job, cancel, on_event)?,
    };
    let mut digests: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
    let mut locked = Vec::with_capacity(bodies.len());
    debug_assert_eq!(bodies.len(), job.observed.layers.len());
    for (known, new) in job.observed.layers.iter().zip(bodies) {
        let Some(body) = new else {
            digests.insert(&known.layer.name, known.pins);
            continue;
        };
        let pins = Digest::of(body.as_bytes());
        let base = base(job.observed, known, &digests);
        let mut header = header_of(job.observed, known, job.wish, base);
        header.pins = Some(pins);
        digests.insert(&known.layer.name, Some(pins));
        let source = job.observed.show(known.layer.input.path());
        let text = [&header.print(&source, "instep lock"), body.as_str()].concat();
        locked.push(locked_layer(job.observed, known, text));
    }
    Ok(locked)
}

fn reject_nonsense(observed: &Observed, default_python: &str) -> Result<(), Error> {
    let python_of =
        |known: &Known| known.layer.python.clone().unwrap_or_else(|| default_python.to_owned());
    for known in &observed.layers {
        let closure = observed.closure(&known.layer.name);
        for (base, link) in &closure {
            let Some(below) = observed.get(base).filter(|_| *link == Link::Includes) else {
                continue;
            };
            let (python, base_python) = (python_of(known), python_of(below));
            if numbers(&base_python) > numbers(&python) {
                return Err(Error::LaterPython {
                    layer: known.layer.name.clone(),
                    python,
                    base: (*base).to_owned(),
                    base_python,
                });
            }
        }
        for other in &known.layer.conflicts {
            observed.find(other)?;
            if closure.contains_key(other.as_str()) {
                let layer = known.layer.name.clone();
                return Err(Error::ConflictWithBase { layer, base: other.clone() });
            }
        }
    }
    Ok(())
}

fn locked_layer(observed: &Observed, known: &Known, text: String) -> Locked {
    let before = pins::printed_versions(known.body().unwrap_or_default());
    let after = pins::printed_versions(body(&text));
    let names: BTreeSet<&PackageName> = before.keys().chain(after.keys()).collect();
    let changes = names
        .into_iter()
        .map(|name| (name, before.get(name), after.get(name)))
        .filter(|(_, from, to)| from != to)
        .map(|(name, from, to)| {
            (name.clone(), VersionChange { from: from.cloned(), to: to.cloned() })
        })
        .collect();
    Locked {
        name: known.layer.name.clone(),
        lock: observed.show(&known.layer.output),
        is_new: known.lock.as_deref() != Some(&text),
        changes,
        path: known.layer.output.clone(),
        text,
        previous: known.lock.clone(),
    }
}

/// Record: puts the new locks in place, each by atomic replace. Where one cannot be written, those
/// before it get their old text back.
pub fn write_locks(locked: &[Locked]) -> Result<(), Error> {
    let new: Vec<&Locked> = locked.iter().filter(|locked| locked.is_new).collect();
    for (place, lock) in new.iter().enumerate() {
        if let Err(error) = instep_fs::write_atomic(&lock.path, lock.text.as_bytes()) {
            for written in new.iter().take(place) {
                // The first error is the one to tell.
                let _ = match &written.previous {
                    Some(text) => instep_fs::write_atomic(&written.path, text.as_bytes()).is_ok(),
                    None => fs_err::remove_file(&written.path).is_ok(),
                };
            }
            return Err(error.into());
        }
    }
    Ok(())
}

/// A package of which a layer has another version than one that it builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// The package.
    pub package: PackageName,
    /// The layer.
    pub layer: String,
    /// Its versions.
    pub versions: String,
    /// The layer that it builds on.
    pub base: String,
    /// The versions there.
    pub base_versions: String,
}

/// Compares the locks of layers with those that they build on: what both have must be of one version.
/// Nothing is found in locks that were compiled together.
pub fn splits(observed: &Observed) -> Vec<Split> {
    let locked = observed.layers.iter().map(|known| {
        (known.layer.name.clone(), pins::printed_versions(known.body().unwrap_or_default()))
    });
    splits_of(observed, &locked.collect())
}

/// The same of what is installed: the versions of packages, by layer.
pub fn splits_of(
    observed: &Observed,
    versions: &BTreeMap<String, BTreeMap<PackageName, String>>,
) -> Vec<Split> {
    let mut found = Vec::new();
    for (layer, own) in versions {
        for base in observed.closure(layer).into_keys() {
            for (package, theirs) in versions.get(base).into_iter().flatten() {
                if let Some(ours) = own.get(package).filter(|ours| *ours != theirs) {
                    found.push(Split {
                        package: package.clone(),
                        layer: layer.clone(),
                        versions: ours.clone(),
                        base: base.to_owned(),
                        base_versions: theirs.clone(),
                    });
                }
            }
        }
    }
    found
}
