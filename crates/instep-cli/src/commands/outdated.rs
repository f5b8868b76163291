//! `instep outdated`.

use instep::Error;
use serde_json::json;

use super::sync::with_host;
use crate::args::Environments;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn outdated(session: &Session, args: &Environments) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let environments = workspace.select(&args.environments)?;
    let found = with_host(session, |host| {
        environments
            .iter()
            .map(|environment| environment.outdated(host))
            .collect::<Result<Vec<_>, Error>>()
    })?;
    let is_current = found.iter().all(|one| one.packages.is_empty());
    let exit = if is_current { Exit::Done } else { Exit::No };
    if session.global.json || session.global.events {
        session.printer.json(&json!({ "current": is_current, "environments": found }));
        return Ok(exit);
    }
    for one in &found {
        if one.packages.is_empty() {
            let name = paint(Tone::Bold, &one.environment);
            session.printer.result(&format!("{name} {}", paint(Tone::Good, "nothing is outdated")));
            continue;
        }
        let heads = [one.environment.as_str(), "installed", "locked", "upgrade", "latest"];
        let mut rows = vec![heads.iter().map(|head| paint(Tone::Bold, head)).collect()];
        for package in &one.packages {
            let cell = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".to_owned());
            rows.push(vec![
                package.name.to_string(),
                cell(&package.installed),
                cell(&package.locked),
                cell(&package.compatible),
                cell(&package.latest),
            ]);
        }
        for line in columns(&rows) {
            session.printer.result(&line);
        }
    }
    Ok(exit)
}
