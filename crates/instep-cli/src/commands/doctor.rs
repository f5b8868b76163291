//! `instep doctor`.

use instep::{Error, Severity};
use serde_json::json;

use super::sync::with_host;
use crate::args::Environments;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

pub(crate) fn doctor(session: &Session, args: &Environments) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let environments = workspace.select(&args.environments)?;
    let diagnoses = with_host(session, |host| {
        environments
            .iter()
            .map(|environment| environment.doctor(&host.cancel_token()))
            .collect::<Result<Vec<_>, Error>>()
    })?;
    let is_healthy = diagnoses.iter().all(instep::Diagnosis::is_healthy);
    if session.global.json || session.global.events {
        session.printer.json(&json!({ "healthy": is_healthy, "environments": diagnoses }));
        return Ok(if is_healthy { Exit::Done } else { Exit::No });
    }
    for diagnosis in &diagnoses {
        let answer = if diagnosis.is_healthy() {
            paint(Tone::Good, "healthy")
        } else {
            paint(Tone::Bad, "not well")
        };
        let name = paint(Tone::Bold, &diagnosis.environment);
        session.printer.result(&format!("{name} {answer} ({})", diagnosis.path));
        for fact in &diagnosis.facts {
            session.printer.result(&paint(Tone::Dim, &format!("  {fact}")));
        }
        for problem in &diagnosis.problems {
            let sign = match problem.severity {
                Severity::Error => paint(Tone::Bad, "error:"),
                Severity::Warning => paint(Tone::Warn, "warning:"),
            };
            session.printer.result(&format!("  {sign} {}", problem.what));
            if let Some(mend) = &problem.mend {
                session.printer.result(&format!("    mend: {mend}"));
            }
        }
    }
    Ok(if is_healthy { Exit::Done } else { Exit::No })
}
