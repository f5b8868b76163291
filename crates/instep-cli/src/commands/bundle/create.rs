//! `instep bundle create` and `instep bundle root`.

use instep::bundles::create::Plan;
use instep::bundles::{Kind, Missing};
use instep::{BundleRequest, BundleResult, Error};
use serde_json::json;

use super::contents;
use crate::args::{CreateArgs, RootArgs};
use crate::commands::count;
use crate::commands::sync::with_host;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::progress::human;
use crate::run::Session;
use crate::table::columns;

pub(crate) fn create(session: &Session, args: &CreateArgs) -> Result<Exit, Error> {
    let request =
        BundleRequest { out: args.out.clone(), dry_run: args.dry_run, release: args.release };
    let variables = session.variables()?;
    let made = with_host(session, |host| instep::create_bundle(&variables, &request, host))?;
    let missing = made.created.as_ref().map_or(&made.plan.missing, |made| &made.manifest.missing);
    let exit = if missing.is_empty() { Exit::Done } else { Exit::Failed };
    if session.global.json {
        session.printer.json(&made);
        return Ok(exit);
    }
    if args.dry_run {
        list(session, &made);
    } else {
        status(session, &made);
    }
    tell(session, missing);
    Ok(exit)
}

/// What would be fetched.
fn list(session: &Session, made: &BundleResult) {
    let plan = &made.plan;
    for line in columns(&rows(plan)) {
        session.printer.result(&line);
    }
    session.printer.say(&format!(
        "{} would be made in {}: {}, as far as sizes are known",
        paint(Tone::Bold, &plan.name),
        made.out,
        human(made.planned_bytes)
    ));
}

fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |what: &str, size: Option<u64>, of: &str| {
        let size = size.map_or_else(|| "?".to_owned(), human);
        rows.push(vec![what.to_owned(), size, paint(Tone::Dim, of)]);
    };
    let mut seen = std::collections::BTreeSet::new();
    for lock in &plan.locks {
        for planned in &lock.wheels.files {
            if seen.insert(&planned.file.name) {
                row(&planned.file.name, planned.file.size, &lock.label);
            }
        }
    }
    for image in &plan.images {
        let size = image.found.as_ref().map(|found| found.size);
        row(&image.request.to_string(), size, &image.request.platform().to_string());
    }
    for file in &plan.files {
        row(file.path.as_str(), Some(file.size), "project");
    }
    rows
}

/// What was made.
fn status(session: &Session, made: &BundleResult) {
    let Some(created) = &made.created else { return };
    let printer = &session.printer;
    printer.say(&format!(
        "{} {} in {}: {}, {}",
        paint(Tone::Bold, &created.manifest.name),
        paint(Tone::Good, "is signed"),
        made.out,
        count(created.files, "file"),
        human(created.bytes)
    ));
    contents(session, &created.manifest);
    for (image, why) in &created.unchecked {
        printer.note(&format!("whether the registry has the same {image} is not known: {why}"));
    }
    if let (Some(version), Some(expires)) = (made.version, &made.expires) {
        printer.say(&format!("  version  {version}, good until {}", day(expires)));
    }
    if !made.made_keys.is_empty() {
        printer.note(&format!(
            "keys were made: {}; keep the one of the root where nobody signs with it by mistake",
            made.made_keys.join(", ")
        ));
    }
    if let Some(root) = &made.root {
        printer.hint(&format!(
            "give {root} to the site by a way of its own; `instep bundle verify {} --root root.json` there",
            made.out.file_name().unwrap_or_default()
        ));
    }
}

/// What could not be had, and why.
fn tell(session: &Session, missing: &[Missing]) {
    for one in missing {
        let kind = match one.kind {
            Kind::Wheel => "wheel",
            Kind::Image => "image",
            Kind::File => "file",
        };
        session.printer.error(&format!("{kind} {} could not be had: {}", one.what, one.reason));
        if let Some(hint) = &one.hint {
            session.printer.hint(hint);
        }
    }
}

pub(crate) fn root(session: &Session, args: &RootArgs) -> Result<Exit, Error> {
    let variables = session.variables()?;
    let root = with_host(session, |host| {
        instep::renew_bundle_root(&variables, &args.before, args.release, host)
    })?;
    let made: Vec<String> = root.made.iter().map(ToString::to_string).collect();
    if session.global.json {
        session.printer.json(&json!({
            "path": root.path,
            "version": root.version,
            "expires": root.expires.to_string(),
            "madeKeys": made,
        }));
        return Ok(Exit::Done);
    }
    session.printer.say(&format!(
        "root {} is written to {}, good until {}",
        root.version,
        root.path,
        day(&root.expires.to_string())
    ));
    if !made.is_empty() {
        session.printer.note(&format!("keys were made: {}", made.join(", ")));
    }
    Ok(Exit::Done)
}

/// The day of a time.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}
