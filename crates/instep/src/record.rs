//! Record: what a sync did, written last, each file by atomic replace.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Instant;

use camino::Utf8Path;
use instep_fs::Stamp;
use instep_manifest::{
    Change, HistoryEntry, Manifest, Outcome, Reason, RunId, StatCache, Tool, clock,
};
use instep_tools::Environment as Variables;
use instep_venv::{Observed, PackageName, Plan, Wanted, layout};

use crate::check::Check;
use crate::error::Error;
use crate::options;
use crate::sources::Inputs;
use crate::spec::Spec;
use crate::stamps::{self, Watched};
use crate::state::State;
use crate::toolbox::Toolbox;

/// What is recorded about, and where.
pub(crate) struct Recording<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) spec: &'a Spec,
    pub(crate) state: &'a State,
    pub(crate) variables: &'a Variables,
    pub(crate) run_id: &'a RunId,
    pub(crate) check: &'a Check,
    pub(crate) inexact: Option<bool>,
    pub(crate) app_version: Option<String>,
    pub(crate) rollback: Option<&'a RunId>,
    pub(crate) started: Instant,
}

/// Records a sync that ended well: history, manifest, stat cache.
pub(crate) fn success(
    recording: &Recording<'_>,
    toolbox: &Toolbox,
    inputs: &Inputs,
    wanted: &Wanted,
    plan: &Plan,
    observed: &Observed,
) -> Result<Manifest, Error> {
    let manifest = manifest(recording, toolbox, inputs, wanted, observed);
    let history = recording.state.history();
    history.append(&entry(recording, &manifest, plan), Some(wanted.snapshot().as_bytes()))?;
    history.prune(recording.spec.history.max(1))?;
    manifest.save(recording.state.manifest())?;
    let watched = Watched {
        root: recording.root,
        spec: recording.spec,
        state: recording.state,
        variables: recording.variables,
        inputs,
        // A rollback follows no files: there is nothing that could change under it.
        follows_files: recording.rollback.is_none(),
    };
    if let Some(cache) = stamps::take(&watched, observed)? {
        cache.save(&recording.state.stat_cache())?;
    }
    Ok(manifest)
}

/// Records a sync that failed, in the history alone. Best effort: the error that is on its way to the
/// user matters more than one of recording it.
pub(crate) fn failure(recording: &Recording<'_>, error: &Error) {
    let entry = HistoryEntry {
        run_id: recording.run_id.clone(),
        time: clock::now(),
        reasons: recording.check.reasons(),
        tool: None,
        python_version: None,
        duration_seconds: recording.started.elapsed().as_secs_f64(),
        outcome: if error.is_cancelled() { Outcome::Interrupted } else { Outcome::Failed },
        added: BTreeMap::new(),
        removed: BTreeMap::new(),
        changed: BTreeMap::new(),
        lock: None,
        error: Some(one_line(error)),
    };
    let _ = recording.state.history().append(&entry, None);
}

/// Writes a manifest anew after a step has been added to it, and the stamp that goes with it.
pub(crate) fn save(state: &State, manifest: &Manifest) -> Result<(), Error> {
    manifest.save(state.manifest())?;
    if let Some(mut cache) = StatCache::load(&state.stat_cache()) {
        cache.manifest = Stamp::of(state.manifest()).ok().flatten();
        cache.save(&state.stat_cache())?;
    }
    Ok(())
}

/// An error and its causes in one line.
pub(crate) fn one_line(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    instep_tools::redact(&text.replace('\n', " ")).into_owned()
}

fn manifest(
    recording: &Recording<'_>,
    toolbox: &Toolbox,
    inputs: &Inputs,
    wanted: &Wanted,
    observed: &Observed,
) -> Manifest {
    let previous = recording.check.manifest.as_ref();
    let mut options = options::of(recording.root, recording.spec, recording.inexact);
    if let Some(run) = recording.rollback {
        options.insert(options::ROLLBACK.to_owned(), run.to_string());
    }
    let reasons = recording.check.reasons();
    Manifest {
        app_version: recording.app_version.clone(),
        requirements_hash: inputs.digest,
        last_sync_time: clock::later_of(
            clock::now(),
            previous.map(|previous| previous.last_sync_time),
        ),
        python_version: toolbox.python.version.clone(),
        sync_reason: reasons.first().copied().unwrap_or(Reason::Forced),
        reasons,
        tool: Tool { name: toolbox.name().to_owned(), version: toolbox.version().to_owned() },
        platform_tag: toolbox.python.platform_tag.clone(),
        abi_tag: toolbox.python.abi_tag.clone(),
        interpreter: layout::interpreter(&recording.spec.path),
        base_interpreter: toolbox.python.executable.clone(),
        environment: recording.spec.path.clone(),
        inputs: inputs.list.clone(),
        options,
        packages: installed(wanted, observed),
        steps: kept_steps(recording.spec, previous),
        run_id: recording.run_id.clone(),
        unknown: previous.map(|previous| previous.unknown.clone()).unwrap_or_default(),
    }
}

/// The wanted packages in the versions that are installed; seeds and guests are left out.
fn installed(wanted: &Wanted, observed: &Observed) -> BTreeMap<PackageName, String> {
    let unnamed = wanted.installed_unnamed(&observed.distributions);
    wanted
        .packages
        .keys()
        .chain(unnamed.iter())
        .filter_map(|name| {
            let found = observed.distributions.get(name)?;
            Some((name.clone(), found.version.clone()))
        })
        .collect()
}

fn kept_steps(
    spec: &Spec,
    previous: Option<&Manifest>,
) -> BTreeMap<String, instep_manifest::Digest> {
    let Some(previous) = previous else { return BTreeMap::new() };
    previous
        .steps
        .iter()
        .filter(|(name, _)| spec.after.iter().any(|step| step.name == **name))
        .map(|(name, digest)| (name.clone(), *digest))
        .collect()
}

fn entry(recording: &Recording<'_>, manifest: &Manifest, plan: &Plan) -> HistoryEntry {
    let pairs = |packages: &[instep_venv::Package]| {
        packages
            .iter()
            .filter_map(|package| {
                let name = PackageName::new(package.name.clone()).ok()?;
                let version =
                    package.version.clone().or_else(|| manifest.packages.get(&name).cloned())?;
                Some((name, version))
            })
            .collect()
    };
    HistoryEntry {
        run_id: recording.run_id.clone(),
        time: manifest.last_sync_time,
        reasons: manifest.reasons.clone(),
        tool: Some(manifest.tool.clone()),
        python_version: Some(manifest.python_version.clone()),
        duration_seconds: recording.started.elapsed().as_secs_f64(),
        outcome: Outcome::Success,
        added: pairs(&plan.install),
        removed: pairs(&plan.remove),
        changed: plan
            .change
            .iter()
            .filter_map(|change| {
                let name = PackageName::new(change.name.clone()).ok()?;
                let to = change.to.clone().or_else(|| manifest.packages.get(&name).cloned())?;
                Some((name, Change { from: change.from.clone(), to }))
            })
            .collect(),
        lock: None,
        error: None,
    }
}
