//! `instep wheels verify`.

use std::time::Duration;

use indicatif::ProgressBar;
use instep::wheel::{self, Event, Outcome, Report, Script, VerifiedWheel, VerifyRequest, Which};
use instep::{CancelToken, Error};

use crate::args::VerifyArgs;
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

/// How many of the last lines of a script that failed are shown; `--verbose` shows all as they come.
const TAIL: usize = 15;
/// How many differences are listed of a wheel; the others are counted.
const LISTED: usize = 10;

pub(crate) fn verify(session: &Session, args: &VerifyArgs) -> Result<Exit, Error> {
    let request = VerifyRequest {
        folder: args.folder.clone(),
        command: args.rebuild.clone(),
        timeout: Duration::from_secs(args.timeout),
        environment: session.variables()?,
    };
    let cancel = CancelToken::new();
    let on_signal = cancel.clone();
    // Somebody who embeds this crate may have a handler of their own: then that one decides.
    let _ = ctrlc::set_handler(move || on_signal.cancel());
    let bar = spinner(session);
    let result = wheel::verify(&request, &mut |event| show(session, bar.as_ref(), &event), &cancel);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let report = result?;
    if session.global.json {
        session.printer.json(&report);
    } else {
        print(session, &report);
    }
    Ok(if report.is_reproduced() { Exit::Done } else { Exit::No })
}

fn spinner(session: &Session) -> Option<ProgressBar> {
    session.printer.is_interactive().then(|| {
        let bar = session.printer.bars().add(ProgressBar::new_spinner());
        bar.set_message("rebuilding");
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    })
}

fn show(session: &Session, bar: Option<&ProgressBar>, event: &Event) {
    if session.global.events {
        if let Ok(line) = serde_json::to_string(event) {
            session.printer.result(&line);
        }
        return;
    }
    if let Event::Output { line } = event {
        let line = line.escape_debug();
        if session.printer.is_verbose() {
            session.printer.say(&paint(Tone::Dim, &format!("  | {line}")));
        } else if let Some(bar) = bar {
            bar.set_message(line.to_string());
        }
    }
}

fn print(session: &Session, report: &Report) {
    let printer = &session.printer;
    for wheel in &report.wheels {
        let (tone, word, details) = told(&wheel.outcome);
        printer.result(&format!("{} {}", wheel.file.escape_debug(), paint(tone, &word)));
        for detail in details {
            printer.result(&format!("  {detail}"));
        }
    }
    if report.script != Script::Succeeded {
        script(session, report);
    }
    let in_place: Vec<&VerifiedWheel> = report.wheels.iter().filter(|one| one.in_place).collect();
    if !in_place.is_empty() {
        printer.note(&format!(
            "the script built {} in the folder of the wheels; those that it replaced are there again",
            count(in_place.len(), "wheel")
        ));
        printer.hint("let it build into the folder that INSTEP_REBUILD_DIR names");
    }
    let good = report.wheels.iter().filter(|wheel| wheel.outcome.is_reproduced()).count();
    let tone = if report.is_reproduced() { Tone::Good } else { Tone::Bad };
    let wheels = count(report.wheels.len(), "wheel");
    printer.say(&format!("{wheels}: {}", paint(tone, &format!("{good} reproduced"))));
}

/// What became of a wheel: in a word, and in lines.
fn told(outcome: &Outcome) -> (Tone, String, Vec<String>) {
    let bad = |word: &str, details| (Tone::Bad, word.to_owned(), details);
    match outcome {
        Outcome::Reproduced { .. } if outcome.is_identical() => {
            (Tone::Good, "is rebuilt byte for byte".to_owned(), Vec::new())
        }
        Outcome::Reproduced { comparison } => {
            let kinds: Vec<String> =
                comparison.noise.iter().map(|noise| noise.kind.title().to_owned()).collect();
            let word = format!("is rebuilt, but for noise: {}", kinds.join(", "));
            (Tone::Good, word, Vec::new())
        }
        Outcome::Different { comparison } => {
            let differences = &comparison.differences;
            let word = format!("is rebuilt with {}", count(differences.len(), "difference"));
            let paths = differences.iter().take(LISTED);
            let mut lines: Vec<String> =
                paths.map(|one| one.path.escape_debug().to_string()).collect();
            if differences.len() > LISTED {
                lines.push(format!("and {} more", differences.len() - LISTED));
            }
            (Tone::Bad, word, lines)
        }
        Outcome::NotRebuilt { nearest } => bad("is not rebuilt", instead("built", nearest)),
        Outcome::Extra { nearest } => bad("is built, and not there", instead("there", nearest)),
        Outcome::Refused { which, entry, rule } => {
            let place = entry.as_deref().map(|entry| format!(" at `{}`", entry.escape_debug()));
            let place = place.unwrap_or_default();
            bad(&format!("is refused{}{place}: {rule}", of(*which)), Vec::new())
        }
        Outcome::NoWheel { problem, .. } => {
            bad(&format!("does not have the name of a wheel: {problem}"), Vec::new())
        }
        Outcome::ScriptFailed { .. } => bad("is not rebuilt: the script failed", Vec::new()),
        Outcome::TimedOut { seconds } => {
            bad(&format!("is not rebuilt: the script took longer than {seconds} s"), Vec::new())
        }
        _ => bad("is not verified", Vec::new()),
    }
}

fn instead(what: &str, nearest: &Option<String>) -> Vec<String> {
    nearest.iter().map(|name| format!("{} is {what} instead", name.escape_debug())).collect()
}

fn of(which: Which) -> &'static str {
    match which {
        Which::Original => "",
        Which::Rebuilt => ", the rebuilt one,",
    }
}

/// How the script ended, and what it wrote last.
fn script(session: &Session, report: &Report) {
    let how = match report.script {
        Script::Failed { code: Some(code) } => format!("failed with exit code {code}"),
        Script::Failed { code: None } => "was ended by a signal".to_owned(),
        Script::TimedOut { seconds } => {
            format!("was ended after {seconds} s, with all that it had started")
        }
        _ => return,
    };
    session.printer.error(&format!("`{}` {how}", report.command));
    let lines = &report.output.lines;
    for line in lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default() {
        session.printer.text(&format!("  | {}", line.escape_debug()));
    }
}
