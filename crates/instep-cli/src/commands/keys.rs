//! `instep keys`.

use std::io::{IsTerminal as _, Write as _};

use instep::key::{Listed, Outcome, Readiness};
use instep::{Error, KeyCheck, KeyListing};

use crate::args::{KeysCheckArgs, KeysCommand, KeysGetArgs, KeysListArgs};
use crate::commands::sync::with_host;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;
use crate::table::columns;

pub(crate) fn keys(session: &Session, command: &KeysCommand) -> Result<Exit, Error> {
    match command {
        KeysCommand::List(args) => list(session, args),
        KeysCommand::Check(args) => check(session, args),
        KeysCommand::Get(args) => get(session, args),
    }
}

fn list(session: &Session, args: &KeysListArgs) -> Result<Exit, Error> {
    let listing = instep::list_keys(&session.variables()?, args.purpose.release)?;
    if session.global.json {
        session.printer.json(&listing);
        return Ok(Exit::Done);
    }
    for line in columns(&rows(&listing)) {
        session.printer.result(&line);
    }
    let names: Vec<&str> = listing.keys.iter().map(|key| key.role.as_str()).collect();
    session.printer.say(&format!("{} {}", paint(Tone::Bold, "keys:"), names.join(", ")));
    Ok(Exit::Done)
}

/// A line a backend, in their order.
fn rows(listing: &KeyListing) -> Vec<Vec<String>> {
    let Some(first) = listing.keys.first() else { return Vec::new() };
    let row = |(at, listed): (usize, &Listed)| {
        let is_ready = |key: &&instep::ListedKey| {
            key.backends.get(at).is_some_and(|one| one.readiness == Readiness::Ready)
        };
        let ready: Vec<&str> =
            listing.keys.iter().filter(is_ready).map(|key| key.role.as_str()).collect();
        let state = if ready.len() == listing.keys.len() {
            paint(Tone::Good, "configured")
        } else if !ready.is_empty() {
            paint(Tone::Good, &format!("configured for {}", ready.join(", ")))
        } else {
            paint(Tone::Dim, &why_not(&listed.readiness))
        };
        vec![(at + 1).to_string(), listed.backend.to_string(), state]
    };
    first.backends.iter().enumerate().map(row).collect()
}

fn why_not(readiness: &Readiness) -> String {
    match readiness {
        Readiness::Unconfigured { reason } => format!("not configured: {reason}"),
        Readiness::Refused { reason } => format!("refused: {reason}"),
        Readiness::NotCompiled => "not in this program".to_owned(),
        _ => String::new(),
    }
}

fn check(session: &Session, args: &KeysCheckArgs) -> Result<Exit, Error> {
    let variables = session.variables()?;
    let release = args.purpose.release;
    let check =
        with_host(session, |host| instep::check_key(&variables, &args.role, release, host))?;
    let exit = if check.answers.is_some() { Exit::Done } else { Exit::No };
    if session.global.json {
        session.printer.json(&check);
        return Ok(exit);
    }
    for line in columns(&attempts(&check)) {
        session.printer.result(&line);
    }
    for warning in check.attempts.iter().filter_map(|attempt| attempt.warning) {
        session.printer.note(warning);
    }
    let name = paint(Tone::Bold, check.role.as_str());
    match check.answers {
        Some(backend) => session.printer.say(&format!("{name}: {backend} answers")),
        None => session.printer.say(&format!("{name}: {}", paint(Tone::Bad, "nobody answers"))),
    }
    Ok(exit)
}

fn attempts(check: &KeyCheck) -> Vec<Vec<String>> {
    let row = |(at, attempt): (usize, &instep::key::Attempt)| {
        let tone = match attempt.outcome {
            Outcome::Found => Tone::Good,
            Outcome::Failed { .. } => Tone::Bad,
            _ => Tone::Dim,
        };
        vec![
            (at + 1).to_string(),
            attempt.backend.to_string(),
            format!("{} ms", attempt.duration_ms),
            paint(tone, &attempt.outcome.to_string()),
        ]
    };
    check.attempts.iter().enumerate().map(row).collect()
}

fn get(session: &Session, args: &KeysGetArgs) -> Result<Exit, Error> {
    if !args.show && std::io::stdout().is_terminal() {
        session.printer.error("a password is not printed on a terminal, where it stays in sight");
        session.printer.hint("pipe it to whoever needs it, or add `--show`");
        return Ok(Exit::Failed);
    }
    let variables = session.variables()?;
    let release = args.purpose.release;
    let password =
        with_host(session, |host| instep::key_password(&variables, &args.role, release, host))?;
    // Byte by byte as it is: what looks like a colour may be a part of it.
    let mut out = std::io::stdout().lock();
    let written = out.write_all(password.expose().as_bytes()).and_then(|()| out.write_all(b"\n"));
    written
        .and_then(|()| out.flush())
        .map_err(|source| Error::Write { path: "standard output".into(), source })?;
    Ok(Exit::Done)
}
