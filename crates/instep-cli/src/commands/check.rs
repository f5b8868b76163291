//! `instep check`.

use instep::{CheckRequest, Error};
use serde_json::json;

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

pub(crate) fn check(session: &Session, args: &CheckArgs) -> Result<Exit, Error> {
    let workspace = session.workspace()?;
    let environments = workspace.select(&args.environments.environments)?;
    let request = CheckRequest {
        deep: args.deep,
        app_version: args.app_version.clone(),
        ..CheckRequest::default()
    };
    let mut checks = Vec::with_capacity(environments.len());
    for environment in &environments {
        checks.push(environment.check_sync_needed(&request)?);
    }
    let needed = checks.iter().any(|check| check.needed);
    if session.global.json || session.global.events {
        session.printer.json(&json!({ "needed": needed, "environments": checks }));
    } else {
        for check in &checks {
            let name = paint(Tone::Bold, &check.environment);
            if !check.needed {
                if !session.global.quiet {
                    let answer = paint(Tone::Good, "in step");
                    session.printer.result(&format!("{name} {answer}"));
                }
                continue;
            }
            session.printer.result(&format!("{name} {}", paint(Tone::Bad, "out of step")));
            for finding in &check.findings {
                session.printer.result(&format!("  {}: {}", finding.reason, finding.detail));
            }
        }
    }
    Ok(if needed { Exit::No } else { Exit::Done })
}
