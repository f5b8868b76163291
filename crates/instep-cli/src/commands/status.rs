//! `instep status`, and `instep` alone: what is out of step, in one screen.

use instep::{CheckRequest, Error};
use serde_json::json;

use super::sync::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn status(session: &Session) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let mut exit = Exit::Done;
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let mut values = Vec::new();
    for environment in workspace.environments() {
        let check = environment.check_sync_needed(&CheckRequest::default())?;
        let name = environment.name();
        let answer = if check.needed {
            exit = Exit::No;
            paint(Tone::Bad, "out of step")
        } else {
            paint(Tone::Good, "in step")
        };
        let mut row = vec![paint(Tone::Bold, name), answer];
        let path = environment.spec().path.strip_prefix(workspace.root());
        row.push(path.map_or_else(|_| environment.spec().path.to_string(), ToString::to_string));
        if let Some(manifest) = &check.manifest {
            row.push(count(manifest.packages.len(), "package"));
            row.push(format!("Python {}", manifest.python_version));
            row.push(format!("{} {}", manifest.tool.name, manifest.tool.version));
            row.push(paint(Tone::Dim, &format!("synced {:.0}", manifest.last_sync_time)));
        }
        rows.push(row);
        for finding in &check.findings {
            notes.push(format!("  {name}: {} ({})", finding.detail, finding.reason));
        }
        values.push(json!({ "check": check, "manifest": check.manifest }));
    }
    if session.global.json || session.global.events {
        let needed = exit == Exit::No;
        session.printer.json(&json!({ "needed": needed, "environments": values }));
        return Ok(exit);
    }
    for line in columns(&rows).into_iter().chain(notes) {
        session.printer.result(&line);
    }
    if exit == Exit::No {
        session.printer.hint("`instep sync` brings it in step, `instep sync --dry-run` shows how");
    }
    Ok(exit)
}
