//! `instep status`, and `instep` alone: what is out of step, in one screen.

use std::fmt::Write as _;

use instep::{CheckRequest, Error, Repository};
use serde_json::json;

use super::sync::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn status(session: &Session) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let files = files(session)?;
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
        let drifted = files.as_ref().map(|files| &files.drifted);
        session
            .printer
            .json(&json!({ "needed": needed, "environments": values, "filesOutOfStep": drifted }));
        return Ok(files.map_or(exit, |files| exit.max(files.exit())));
    }
    rows.extend(files.as_ref().map(Files::row));
    for line in columns(&rows).into_iter().chain(notes) {
        session.printer.result(&line);
    }
    if exit == Exit::No {
        session.printer.hint("`instep sync` brings it in step, `instep sync --dry-run` shows how");
    }
    if files.as_ref().is_some_and(|files| files.exit() == Exit::No) {
        session.printer.hint("`instep ci sync` brings files in step, `instep ci check` shows how");
    }
    Ok(files.map_or(exit, |files| exit.max(files.exit())))
}

/// How many files are named; the rest is counted.
const SHOWN: usize = 3;

/// The files of the repository that follow the configuration.
struct Files {
    drifted: Vec<String>,
    broken: usize,
}

/// `None` where no command is configured.
fn files(session: &Session) -> Result<Option<Files>, Error> {
    let repository = Repository::open(&session.variables()?)?;
    if !repository.is_configured() {
        return Ok(None);
    }
    let plan = repository.plan()?;
    let drifted = plan.changed().map(|file| file.path.clone()).collect();
    Ok(Some(Files { drifted, broken: plan.broken.len() }))
}

impl Files {
    fn exit(&self) -> Exit {
        if self.drifted.is_empty() && self.broken == 0 { Exit::Done } else { Exit::No }
    }

    fn row(&self) -> Vec<String> {
        let answer = match self.exit() {
            Exit::Done => paint(Tone::Good, "in step"),
            _ => paint(Tone::Bad, "out of step"),
        };
        let shown = self.drifted.iter().take(SHOWN).cloned().collect::<Vec<_>>();
        let mut told = shown.join(", ");
        if self.drifted.len() > SHOWN {
            let _ = write!(told, " and {} more", self.drifted.len() - SHOWN);
        }
        if self.broken > 0 {
            told = format!(
                "{} cannot be read: `instep ci status` says why",
                count(self.broken, "file")
            );
        }
        vec![paint(Tone::Bold, "files"), answer, told]
    }
}
