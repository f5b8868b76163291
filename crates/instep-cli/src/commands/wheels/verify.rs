//! `instep wheels verify`.

use std::time::Duration;

use camino::Utf8Path;
use indicatif::ProgressBar;
use instep::wheel::{
    self, Event, Outcome, Page, Report, Script, Section, VerifiedWheel, VerifyRequest, Which,
    visible,
};
use instep::{CancelToken, Error};

use super::compare::show;
use crate::args::VerifyArgs;
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

/// How many of the last lines of a script that failed are shown; `--verbose` shows all as they come.
const TAIL: usize = 15;

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
    let result = wheel::verify(&request, &mut |event| tell(session, bar.as_ref(), &event), &cancel);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let report = result?;
    if let Some(path) = &args.html {
        page(&report, &request.environment.cwd().join(path))?;
    }
    if session.global.json {
        session.printer.json(&report);
    } else {
        print(session, &report);
        if let Some(path) = &args.html {
            session.printer.say(&paint(Tone::Dim, &format!("the report is {path}")));
        }
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

fn tell(session: &Session, bar: Option<&ProgressBar>, event: &Event) {
    if session.global.events {
        if let Ok(line) = serde_json::to_string(event) {
            session.printer.result(&line);
        }
        return;
    }
    if let Event::Output { line } = event {
        let line = visible(line);
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
        let (tone, word) = told(&wheel.outcome);
        printer.result(&format!("{} {}", visible(&wheel.file), paint(tone, &word)));
        if let Outcome::Different { comparison } = &wheel.outcome {
            show(printer, comparison);
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

/// What became of a wheel, behind its name.
fn told(outcome: &Outcome) -> (Tone, String) {
    let instead = |word: &str, nearest: &Option<String>| match nearest {
        Some(name) => format!("{word}, but {} is", visible(name)),
        None => word.to_owned(),
    };
    let text = match outcome {
        Outcome::Reproduced { .. } if outcome.is_identical() => "is rebuilt byte for byte".into(),
        Outcome::Reproduced { comparison } => {
            let kinds: Vec<&str> =
                comparison.noise.iter().map(|noise| noise.kind.title()).collect();
            format!("is rebuilt, but for {}", kinds.join(", "))
        }
        Outcome::Different { comparison } => {
            format!("is rebuilt with {}", count(comparison.differences.len(), "difference"))
        }
        Outcome::NotRebuilt { nearest } => instead("is not rebuilt", nearest),
        Outcome::Extra { nearest } => instead("is built, and not in the folder", nearest),
        Outcome::Refused { which, entry, rule } => {
            let place = entry.as_deref().map(|entry| format!(" at `{}`", visible(entry)));
            format!("is refused{}{}: {rule}", of(*which), place.unwrap_or_default())
        }
        Outcome::NoWheel { problem, .. } => format!("does not have the name of a wheel: {problem}"),
        Outcome::ScriptFailed { .. } => "is not rebuilt: the script failed".into(),
        Outcome::TimedOut { seconds } => {
            format!("is not rebuilt: the script took longer than {seconds} s")
        }
        _ => "is not verified".into(),
    };
    (if outcome.is_reproduced() { Tone::Good } else { Tone::Bad }, text)
}

fn of(which: Which) -> &'static str {
    match which {
        Which::Original => "",
        Which::Rebuilt => ", the rebuilt one,",
    }
}

/// How the script ended, and what it wrote last.
fn script(session: &Session, report: &Report) {
    session.printer.error(&format!("`{}` {}", report.command, ending(report.script)));
    let lines = &report.output.lines;
    for line in lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default() {
        session.printer.text(&format!("  | {}", visible(line)));
    }
}

fn ending(script: Script) -> String {
    match script {
        Script::Succeeded => "ended well".to_owned(),
        Script::Failed { code: Some(code) } => format!("failed with exit code {code}"),
        Script::Failed { code: None } => "was ended by a signal".to_owned(),
        Script::TimedOut { seconds } => {
            format!("was ended after {seconds} s, with all that it had started")
        }
        _ => "ended".to_owned(),
    }
}

/// The report as a page.
fn page(report: &Report, path: &Utf8Path) -> Result<(), Error> {
    let ended = ending(report.script);
    let good = report.wheels.iter().filter(|wheel| wheel.outcome.is_reproduced()).count();
    let wheels = count(report.wheels.len(), "wheel");
    let lead = format!("`{}` {ended}. Of {wheels}, {good} reproduced.", report.command);
    let summaries: Vec<String> = report.wheels.iter().map(|one| told(&one.outcome).1).collect();
    let mut output = report.output.lines.join("\n");
    if report.output.omitted > 0 {
        let omitted = usize::try_from(report.output.omitted).unwrap_or(usize::MAX);
        output.insert_str(0, &format!("({} before these)\n", count(omitted, "line")));
    }
    let is_good = |is: bool| if is { wheel::Tone::Good } else { wheel::Tone::Bad };
    let mut sections: Vec<Section<'_>> = report
        .wheels
        .iter()
        .zip(&summaries)
        .map(|(one, summary)| Section {
            name: &one.file,
            summary,
            tone: is_good(one.outcome.is_reproduced()),
            comparison: one.outcome.comparison(),
            output: None,
        })
        .collect();
    sections.push(Section {
        name: "The script",
        summary: &ended,
        tone: is_good(report.script == Script::Succeeded),
        comparison: None,
        output: Some(&output).filter(|text| !text.is_empty()).map(String::as_str),
    });
    Ok(Page { title: "Wheels, rebuilt", lead: &lead, sections }.write(path)?)
}
