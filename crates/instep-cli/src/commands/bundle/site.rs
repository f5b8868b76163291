//! `instep bundle verify` and `instep bundle install`.

use instep::bundles::Error as BundleError;
use instep::{Error, InstallRequest, Installed, VerifiedBundle, VerifyRequest};
use serde_json::json;

use super::create::day;
use super::{contents, targets};
use crate::args::{InstallArgs, VerifyBundleArgs};
use crate::commands::count;
use crate::commands::sync::{summary, with_host};
use crate::exit::Exit;
use crate::failure;
use crate::printer::{Tone, paint};
use crate::progress::human;
use crate::run::Session;

/// How many faults are shown; `--verbose` shows all.
const SHOWN: usize = 20;

pub(crate) fn verify(session: &Session, args: &VerifyBundleArgs) -> Result<Exit, Error> {
    let request = VerifyRequest { bundle: args.bundle.clone(), root: args.root.clone() };
    let variables = session.variables()?;
    let result = with_host(session, |host| instep::verify_bundle(&variables, &request, host));
    let verified = match result {
        Ok(verified) => verified,
        Err(error) => return refused(session, error),
    };
    if session.global.json {
        session.printer.json(&json!({ "isVerified": true, "bundle": verified }));
        return Ok(Exit::Done);
    }
    said(session, &verified);
    contents(session, &verified.manifest);
    Ok(Exit::Done)
}

/// That a bundle is what was signed.
pub(super) fn said(session: &Session, verified: &VerifiedBundle) {
    session.printer.say(&format!(
        "{} {}: {}, {}, version {}, good until {}",
        paint(Tone::Bold, &verified.manifest.name),
        paint(Tone::Good, "is what was signed"),
        count(verified.files, "file"),
        human(verified.bytes),
        verified.version,
        day(&verified.expires)
    ));
}

/// Everything that is wrong with a bundle: the answer is no. Other errors stay what they are.
pub(super) fn refused(session: &Session, error: Error) -> Result<Exit, Error> {
    let Error::Bundle(inner) = &error else { return Err(error) };
    let BundleError::Refused { bundle, faults } = inner.as_ref() else { return Err(error) };
    if session.global.json {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        session.printer.json(&json!({ "isVerified": false, "bundle": bundle, "faults": faults }));
        return Ok(Exit::No);
    }
    let printer = &session.printer;
    let many = count(faults.len(), "fault");
    printer.error(&format!("{bundle} is not what was signed: {many}"));
    let shown = if printer.is_verbose() { faults.len() } else { SHOWN };
    for fault in faults.iter().take(shown) {
        printer.text(&format!("  {fault}"));
    }
    let more = faults.len().saturating_sub(shown);
    if more > 0 {
        printer.text(&paint(Tone::Dim, &format!("  and {more} more (`--verbose` shows all)")));
    }
    if let Some(hint) = error.hint() {
        printer.hint(&hint);
    }
    Ok(Exit::No)
}

pub(crate) fn install(session: &Session, args: &InstallArgs) -> Result<Exit, Error> {
    let request = InstallRequest {
        bundle: args.bundle.clone(),
        root: args.root.clone(),
        into: args.into.clone(),
        environments: args.environments.clone(),
        replace: args.replace,
        dry_run: args.dry_run,
    };
    let variables = session.variables()?;
    let result = with_host(session, |host| instep::install_bundle(&variables, &request, host));
    let installed = match result {
        Ok(installed) => installed,
        Err(error) => return refused(session, error),
    };
    let exit = if installed.failed.is_empty() { Exit::Done } else { Exit::Failed };
    if session.global.json {
        let failed: Vec<_> = installed
            .failed
            .iter()
            .map(|(name, error)| json!({ "environment": name, "error": failure::to_json(error) }))
            .collect();
        session.printer.json(&json!({ "installed": installed, "failed": failed }));
        return Ok(exit);
    }
    said(session, &installed.verified);
    files(session, &installed, args.dry_run);
    for synced in &installed.environments {
        summary(session, synced);
    }
    for (name, error) in &installed.failed {
        failure::print(&session.printer, Some(name), error);
    }
    if exit == Exit::Failed {
        let targets = targets(&installed.verified.manifest);
        session.printer.hint(&format!("the bundle has wheels for {targets}"));
    }
    for image in &installed.verified.manifest.images {
        let tar = installed.verified.bundle.join(image.file.path.as_str());
        session.printer.hint(&format!("`docker load -i {tar}` gives {}", image.reference));
    }
    Ok(exit)
}

fn files(session: &Session, installed: &Installed, is_dry_run: bool) {
    let plan = &installed.project;
    let verb = if is_dry_run { "would be written" } else { "written" };
    session.printer.say(&format!(
        "  project  {} {verb} to {}, {} there already",
        count(plan.create.len() + plan.replace.len(), "file"),
        installed.into,
        plan.same.len()
    ));
    if session.printer.is_verbose() || is_dry_run {
        for path in plan.create.iter().chain(&plan.replace) {
            session.printer.say(&paint(Tone::Dim, &format!("           {path}")));
        }
    }
}
