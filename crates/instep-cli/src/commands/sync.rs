//! `instep sync` and `instep rollback`.

use std::cell::RefCell;

use instep::venv::{Operation, PackageName, Plan};
use instep::{
    CancelToken, Environment, Error, Host, SyncOutcome, SyncRequest, Synced, Upgrade, Workspace,
    sync_all,
};
use serde_json::{Value, json};

use crate::args::{RollbackArgs, SyncArgs};
use crate::exit::Exit;
use crate::failure;
use crate::printer::{Tone, paint};
use crate::progress::Progress;
use crate::prompt;
use crate::run::Session;

/// How many packages are listed one by one after a sync; `--verbose` lists all.
const LISTED: usize = 20;

pub(crate) fn sync(session: &Session, args: &SyncArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let environments = if args.all {
        workspace.all_environments()?
    } else {
        workspace.select(&args.environments.environments)?
    };
    explain(session, &environments, args);
    let request = SyncRequest {
        rebuild: args.rebuild,
        dry_run: args.dry_run,
        tool: args.tool.map(Into::into),
        inexact: args.inexact.then_some(true),
        upgrade: upgrade(args.upgrade, &args.upgrade_package)?,
        deep: args.deep,
        app_version: args.app_version.clone(),
    };
    let results = with_host(session, |host| {
        if args.auto {
            environments
                .iter()
                .filter_map(|environment| environment.auto_sync(&request, host).transpose())
                .collect()
        } else {
            sync_all(&environments, &request, host)
        }
    });
    let exit = report(session, &environments, results);
    if !args.dry_run {
        beside(session, &environments)?;
    }
    Ok(exit.max(shared(session, &workspace, &environments)?))
}

/// `.envrc` and editor settings of the environments of layers.
fn beside(session: &Session, environments: &[Environment<'_>]) -> Result<(), Error> {
    for environment in environments {
        for file in environment.write_beside()? {
            if file.is_new {
                session.printer.say(&format!("  {} was written", file.file));
            } else if file.is_foreign && session.printer.is_verbose() {
                session.printer.note(&format!("{} is your own, and was left alone", file.file));
            }
        }
    }
    Ok(())
}

/// Whether packages that layers share are of one version in all environments that were synced.
fn shared(
    session: &Session,
    workspace: &Workspace,
    environments: &[Environment<'_>],
) -> Result<Exit, Error> {
    let splits = workspace.installed_splits(environments)?;
    for split in &splits {
        session.printer.note(&format!(
            "{} is {} in the environment {}, and {} in {}, which it builds on",
            split.package, split.versions, split.layer, split.base_versions, split.base
        ));
    }
    Ok(if splits.is_empty() { Exit::Done } else { Exit::No })
}

pub(crate) fn rollback(session: &Session, args: &RollbackArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let environment = workspace.environment(&args.environment)?;
    let result = with_host(session, |host| environment.rollback(args.to.as_deref(), host));
    let exit = report(session, &[environment], vec![result]);
    if exit == Exit::Done {
        session.printer.note(
            "requirements and lock are as they were; `instep sync` goes back to what they ask for",
        );
    }
    Ok(exit)
}

/// Which pins may move: all, those of these packages, or none.
pub(crate) fn upgrade(all: bool, packages: &[String]) -> Result<Upgrade, Error> {
    if all {
        return Ok(Upgrade::All);
    }
    if packages.is_empty() {
        return Ok(Upgrade::None);
    }
    let name = |name: &String| {
        PackageName::new(name.clone()).map_err(|_| Error::NotAName { name: name.clone() })
    };
    let names: Result<Vec<PackageName>, Error> = packages.iter().map(name).collect();
    Ok(Upgrade::Packages(names?))
}

fn explain(session: &Session, environments: &[Environment<'_>], args: &SyncArgs) {
    for environment in environments {
        let spec = environment.spec();
        let tools: Vec<&str> = spec.tools.iter().map(|tool| tool.as_str()).collect();
        let tool = args.tool.map_or_else(
            || tools.join(", "),
            |tool| instep::config::Tool::from(tool).as_str().to_owned(),
        );
        session.explain("tool", &tool, spec.tool_is_fixed);
        session.explain("inexact", &(args.inexact || spec.inexact).to_string(), spec.inexact);
    }
}

/// Runs `work` with a host that shows progress, asks questions, and is cancelled by Ctrl-C.
pub(crate) fn with_host<T>(session: &Session, work: impl FnOnce(&mut Host<'_>) -> T) -> T {
    let cancel = CancelToken::new();
    let on_signal = cancel.clone();
    // Somebody who embeds this crate may have a handler of their own: then that one decides.
    let _ = ctrlc::set_handler(move || on_signal.cancel());
    let progress = RefCell::new(Progress::new(&session.printer, session.global.events));
    let result = {
        let mut host = Host::new(|event| progress.borrow_mut().show(&event))
            .with_cancel(cancel)
            .with_confirm(|question| prompt::confirm(&session.printer, question));
        work(&mut host)
    };
    progress.borrow_mut().clear();
    result
}

fn report(
    session: &Session,
    environments: &[Environment<'_>],
    results: Vec<Result<Synced, Error>>,
) -> Exit {
    let mut exit = Exit::Done;
    let mut values: Vec<Value> = Vec::new();
    for (index, result) in results.into_iter().enumerate() {
        match result {
            Ok(synced) => {
                summary(session, &synced);
                values.push(json!(synced));
            }
            Err(error) => {
                exit = Exit::Failed;
                let name = environments.get(index).map(Environment::name);
                failure::print(&session.printer, name, &error);
                values.push(json!({ "environment": name, "error": failure::to_json(&error) }));
            }
        }
    }
    if session.global.json {
        session.printer.json(&json!({ "environments": values }));
    }
    exit
}

pub(crate) fn summary(session: &Session, synced: &Synced) {
    let printer = &session.printer;
    let name = paint(Tone::Bold, &synced.environment);
    let seconds = if synced.duration_seconds < 0.1 {
        format!("{:.0} ms", synced.duration_seconds * 1000.0)
    } else {
        format!("{:.1} s", synced.duration_seconds)
    };
    let packages = count(synced.packages, "package");
    let tool = synced.tool.as_deref().unwrap_or("nothing");
    match synced.outcome {
        SyncOutcome::InStep => {
            printer.say(&format!("{name} {}: {packages}", paint(Tone::Good, "in step")));
        }
        SyncOutcome::Synced => {
            if let Some(plan) = &synced.plan {
                let all = printer.is_verbose() || changes(plan) <= LISTED;
                for line in lines(plan, all) {
                    printer.say(&line);
                }
            }
            if let Some(lock) = &synced.lock {
                printer.say(&format!("  lock: {lock} was written"));
            }
            for step in &synced.steps {
                printer.say(&format!("  step: {step} was run"));
            }
            printer.say(&format!(
                "{name} {}: {packages}, by {tool}, in {seconds}",
                paint(Tone::Good, "in step")
            ));
        }
        SyncOutcome::DryRun => {
            if session.global.json || session.global.events {
                return;
            }
            printer.result(&format!("{} ({tool}):", synced.environment));
            if let Some(lock) = &synced.lock {
                printer.result(&format!("  would write {lock}"));
            }
            if let Some(plan) = &synced.plan {
                for line in lines(plan, true) {
                    printer.result(&line);
                }
                printer.result(&format!("  {}", crate::progress::plan_line(plan)));
            }
        }
    }
}

fn changes(plan: &Plan) -> usize {
    plan.install.len() + plan.change.len() + plan.reinstall.len() + plan.remove.len()
}

/// A plan, a line for each package, or a line for each kind of change.
fn lines(plan: &Plan, all: bool) -> Vec<String> {
    let version = |version: &Option<String>| version.clone().unwrap_or_default();
    if !all {
        return vec![format!("  {}", done_line(plan))];
    }
    let mut lines = Vec::new();
    for package in &plan.install {
        let sign = paint(Tone::Good, "+");
        lines.push(format!("  {sign} {} {}", package.name, version(&package.version)));
    }
    for change in &plan.change {
        let to = change.to.clone().unwrap_or_else(|| "?".to_owned());
        let source = change.source.as_ref().map_or(String::new(), |from| format!(" from {from}"));
        let sign = paint(Tone::Warn, "~");
        lines.push(format!("  {sign} {} {} -> {to}{source}", change.name, change.from));
    }
    for package in &plan.reinstall {
        let sign = paint(Tone::Warn, "=");
        lines.push(format!("  {sign} {} {} again", package.name, version(&package.version)));
    }
    for package in &plan.remove {
        let sign = paint(Tone::Bad, "-");
        lines.push(format!("  {sign} {} {}", package.name, version(&package.version)));
    }
    lines
}

fn done_line(plan: &Plan) -> String {
    let counts = [
        ("installed", plan.install.len()),
        ("changed", plan.change.len()),
        ("installed again", plan.reinstall.len()),
        ("removed", plan.remove.len()),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    let made = match plan.operation {
        Operation::Create => "made; ",
        Operation::Rebuild => "made anew; ",
        Operation::Update => "",
    };
    format!("{made}{}", parts.join(", "))
}

pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
