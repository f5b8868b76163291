//! `instep history`.

use instep::{Error, HistoryEntry};
use serde_json::json;

use crate::args::HistoryArgs;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn history(session: &Session, args: &HistoryArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let mut values = Vec::new();
    for environment in workspace.select(&args.environments.environments)? {
        let listing = environment.history()?;
        for error in &listing.skipped {
            session.printer.note(&error.to_string());
        }
        let entries: Vec<_> = listing.entries.iter().take(args.limit).collect();
        if session.global.json || session.global.events {
            values.push(json!({ "environment": environment.name(), "syncs": entries }));
            continue;
        }
        let name = paint(Tone::Bold, environment.name());
        if entries.is_empty() {
            session.printer.result(&format!("{name} has not been synced yet"));
            continue;
        }
        session.printer.result(&name);
        let rows: Vec<Vec<String>> = entries.into_iter().map(row).collect();
        for line in columns(&rows) {
            session.printer.result(&format!("  {line}"));
        }
    }
    if session.global.json || session.global.events {
        session.printer.json(&json!({ "environments": values }));
    }
    Ok(Exit::Done)
}

fn row(entry: &HistoryEntry) -> Vec<String> {
    let reasons: Vec<&str> = entry.reasons.iter().map(|reason| reason.as_str()).collect();
    let outcome = match &entry.error {
        None => format!("+{} ~{} -{}", entry.added.len(), entry.changed.len(), entry.removed.len()),
        Some(error) => paint(Tone::Bad, error),
    };
    let tool = entry
        .tool
        .as_ref()
        .map_or_else(|| "-".to_owned(), |tool| format!("{} {}", tool.name, tool.version));
    vec![
        entry.run_id.to_string(),
        format!("{:.1} s", entry.duration_seconds),
        tool,
        reasons.join(", "),
        outcome,
    ]
}
