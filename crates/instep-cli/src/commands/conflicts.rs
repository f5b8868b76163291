//! `instep conflicts`.

use instep::Error;
use instep::layer::{Conflict, Fix};
use serde_json::json;

use super::sync::{count, with_host};
use crate::args::ConflictsArgs;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

pub(crate) fn conflicts(session: &Session, args: &ConflictsArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let found = with_host(session, |host| workspace.conflicts(host))?;
    let mut written: Vec<&Fix> = Vec::new();
    if args.fix {
        for conflict in &found {
            if let Some(fix) = conflict.fixes.first() {
                fix.write()?;
                written.push(fix);
            }
        }
    }
    let is_mended = written.len() == found.len();
    if session.global.json {
        session.printer.json(&json!({ "conflicts": found, "written": written }));
    } else {
        for conflict in &found {
            report(session, conflict);
        }
        for fix in &written {
            session.printer.result(&format!("{}:", paint(Tone::Good, "written")));
            edits(session, fix);
        }
        if found.is_empty() {
            session.printer.say(&paint(Tone::Good, "everything resolves"));
        } else if !args.fix && found.iter().any(|conflict| !conflict.fixes.is_empty()) {
            session.printer.hint("`instep conflicts --fix` writes the first of them");
        }
    }
    Ok(if is_mended { Exit::Done } else { Exit::No })
}

fn report(session: &Session, conflict: &Conflict) {
    let printer = &session.printer;
    printer.result(&format!("{}:", paint(Tone::Bold, "these lines do not fit together")));
    for line in &conflict.lines {
        printer.result(&format!("  {}:{}  {}", line.file, line.line, line.requirement));
    }
    if !conflict.demands.is_empty() {
        printer.result(&format!("{}:", paint(Tone::Bold, "since")));
    }
    for demand in &conflict.demands {
        printer.result(&format!("  {} asks for {}", demand.by, demand.on));
    }
    if printer.is_verbose() {
        for line in &conflict.explanation {
            printer.say(&paint(Tone::Dim, line));
        }
    }
    if conflict.fixes.is_empty() {
        printer.result("no edit of up to three lines was found that would mend it");
    }
    for (number, fix) in conflict.fixes.iter().enumerate() {
        let what = count(fix.edits.len(), "edit");
        let word = if number == 0 { "mended by" } else { "or by" };
        printer.result(&format!("{}:", paint(Tone::Bold, &format!("{word} {what}"))));
        edits(session, fix);
    }
}

fn edits(session: &Session, fix: &Fix) {
    for edit in &fix.edits {
        session.printer.result(&format!(
            "  {}:{}  {}  {} -> {}  (takes {})",
            edit.file, edit.line, edit.package, edit.from, edit.to, edit.version
        ));
    }
}
