//! `instep reset`.

use instep::Error;
use serde_json::json;

use crate::args::Environments;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn reset(session: &Session, args: &Environments) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let mut names = Vec::new();
    for environment in workspace.select(&args.environments)? {
        environment.reset_manifest()?;
        session
            .printer
            .say(&format!("{} forgotten; the environment itself stays", environment.name()));
        names.push(environment.name().to_owned());
    }
    if session.global.json {
        session.printer.json(&json!({ "environments": names }));
    }
    Ok(Exit::Done)
}
