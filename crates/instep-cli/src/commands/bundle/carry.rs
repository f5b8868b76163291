//! `instep bundle push` and `instep bundle pull`.

use instep::{Error, PullRequest};
use serde_json::json;

use super::contents;
use super::site::{refused, said};
use crate::args::{PullArgs, PushArgs};
use crate::commands::count;
use crate::commands::sync::with_host;
use crate::exit::Exit;
use crate::progress::human;
use crate::run::Session;

pub(crate) fn push(session: &Session, args: &PushArgs) -> Result<Exit, Error> {
    let variables = session.variables()?;
    let pushed =
        with_host(session, |host| instep::push_bundle(&variables, &args.bundle, &args.to, host))?;
    if session.global.json {
        session.printer.json(&pushed);
        return Ok(Exit::Done);
    }
    session.printer.say(&format!(
        "{} is {} at {}: {} sent, {}; {} there already",
        args.bundle,
        pushed.digest,
        args.to,
        count(pushed.sent, "content"),
        human(pushed.bytes),
        pushed.there
    ));
    Ok(Exit::Done)
}

pub(crate) fn pull(session: &Session, args: &PullArgs) -> Result<Exit, Error> {
    let request =
        PullRequest { from: args.from.clone(), out: args.out.clone(), root: args.root.clone() };
    let variables = session.variables()?;
    let result = with_host(session, |host| instep::pull_bundle(&variables, &request, host));
    let (pulled, verified) = match result {
        Ok(found) => found,
        Err(error) => return refused(session, error),
    };
    if session.global.json {
        session.printer.json(&json!({ "pulled": pulled, "bundle": verified }));
        return Ok(Exit::Done);
    }
    session.printer.say(&format!(
        "{} is in {}: {} fetched, {}; {} there already",
        args.from,
        args.out,
        count(pulled.fetched, "content"),
        human(pulled.bytes),
        pulled.there
    ));
    said(session, &verified);
    contents(session, &verified.manifest);
    Ok(Exit::Done)
}
