//! `instep lock`.

use std::collections::{BTreeMap, BTreeSet};

use instep::layer::{GraphFormat, Plan, Strategy};
use instep::venv::PackageName;
use instep::{Error, LockRequest, LockedLayers, Upgrades, Workspace};
use serde_json::json;

use super::sync::{count, upgrade, with_host};
use crate::args::{Graph, LockArgs, LockCommand};
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn lock(session: &Session, args: &LockArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    if workspace.layers().is_empty() {
        return Err(Error::NoLayers);
    }
    if let Some(LockCommand::Graph { format }) = args.command {
        let format = match format {
            Graph::Mermaid => GraphFormat::Mermaid,
            Graph::Dot => GraphFormat::Dot,
        };
        session.printer.result(workspace.observe_layers()?.graph(format).trim_end());
        return Ok(Exit::Done);
    }
    let request = LockRequest {
        layers: if args.upgrade { Vec::new() } else { args.layers.clone() },
        dry_run: args.dry_run,
        upgrade: upgrades(args, &workspace)?,
        strategy: args.strategy.map(Into::into),
    };
    if args.check {
        return check(session, &workspace, &request);
    }
    let locked = with_host(session, |host| workspace.lock(&request, host))?;
    // What was not written cannot be compared.
    let splits = if args.dry_run { Vec::new() } else { workspace.layer_splits()? };
    if session.global.json {
        let LockedLayers { plan, layers } = &locked;
        session.printer.json(&json!({ "plan": plan, "layers": layers, "splits": splits }));
    } else {
        report(session, &locked, args.dry_run);
    }
    for split in &splits {
        session.printer.note(&format!(
            "{} is {} in {}, and {} in {}, which it builds on",
            split.package, split.versions, split.layer, split.base_versions, split.base
        ));
    }
    Ok(if splits.is_empty() { Exit::Done } else { Exit::No })
}

fn upgrades(args: &LockArgs, workspace: &Workspace) -> Result<Upgrades, Error> {
    if !args.upgrade || args.layers.is_empty() {
        return Ok(upgrade(args.upgrade, &args.upgrade_package)?.into());
    }
    let observed = workspace.observe_layers()?;
    for name in &args.layers {
        observed.find(name)?;
    }
    Ok(Upgrades::Layers(args.layers.iter().cloned().collect()))
}

fn check(session: &Session, workspace: &Workspace, request: &LockRequest) -> Result<Exit, Error> {
    let plan = workspace.check_layers(request)?;
    let exit = if plan.is_empty() { Exit::Done } else { Exit::No };
    if session.global.json {
        session.printer.json(&json!({ "current": plan.is_empty(), "plan": plan }));
        return Ok(exit);
    }
    for line in stale(&plan) {
        session.printer.result(&line);
    }
    if exit == Exit::No {
        session.printer.hint("`instep lock` compiles what is not current");
    } else {
        session.printer.say(&format!(
            "{} {}",
            count(plan.layers.len(), "lock"),
            paint(Tone::Good, "in step")
        ));
    }
    Ok(exit)
}

fn stale(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let selected = plan.layers.iter().filter(|layer| layer.is_selected);
    for layer in selected.filter(|layer| !layer.stale.is_empty()) {
        let why: Vec<&str> = layer.stale.iter().map(|stale| stale.describe()).collect();
        lines.push(format!(
            "{} {}: {}",
            paint(Tone::Bold, &layer.name),
            layer.lock,
            why.join("; ")
        ));
    }
    lines
}

fn report(session: &Session, locked: &LockedLayers, dry_run: bool) {
    let printer = &session.printer;
    let new = locked.layers.iter().filter(|layer| layer.is_new).count();
    if locked.layers.is_empty() {
        let locks = count(locked.plan.layers.len(), "lock");
        printer.say(&format!("{locks} {}", paint(Tone::Good, "in step")));
    } else {
        let is_first = locked
            .layers
            .iter()
            .all(|layer| layer.changes.values().all(|change| change.from.is_none()));
        if !is_first || printer.is_verbose() {
            for line in changes(locked) {
                printer.say(&line);
            }
        }
        let how = match locked.plan.strategy {
            Strategy::Joint => "resolved jointly",
            Strategy::Layered => "resolved one after the other",
        };
        let verb = if dry_run { "would change" } else { "changed" };
        printer.say(&format!("{} {how}; {new} {verb}", count(locked.layers.len(), "layer")));
    }
}

/// A package, the version that it had, and the one that it has.
type Move<'a> = (&'a PackageName, Option<&'a str>, Option<&'a str>);

/// A table of versions that moved: the package, from, to, and the layers in which they did.
fn changes(locked: &LockedLayers) -> Vec<String> {
    let mut moves: BTreeMap<Move<'_>, BTreeSet<&str>> = BTreeMap::new();
    for layer in &locked.layers {
        for (name, change) in &layer.changes {
            let key = (name, change.from.as_deref(), change.to.as_deref());
            moves.entry(key).or_default().insert(&layer.name);
        }
    }
    if moves.is_empty() {
        return Vec::new();
    }
    let heads = ["package", "was", "is", "in"];
    let mut rows: Vec<Vec<String>> =
        vec![heads.iter().map(|head| paint(Tone::Bold, head)).collect()];
    for ((name, from, to), layers) in moves {
        rows.push(vec![
            name.to_string(),
            from.unwrap_or("-").to_owned(),
            to.unwrap_or("-").to_owned(),
            Vec::from_iter(layers).join(", "),
        ]);
    }
    columns(&rows)
}
