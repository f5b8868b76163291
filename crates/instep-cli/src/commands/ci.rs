//! `instep ci`.

use camino::{Utf8Path, Utf8PathBuf};
use instep::files::{FilePlan, Finding, Outcome, Parts, Plan, State};
use instep::{Error, Repository};
use serde_json::json;

use crate::args::{CiCommand, CiInstallArgs};
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

pub(crate) fn ci(session: &Session, command: &CiCommand) -> Result<Exit, Error> {
    let repository = Repository::open(&session.variables()?)?;
    match command {
        CiCommand::Status => status(session, &repository),
        CiCommand::Check => check(session, &repository),
        CiCommand::Sync { dry_run } => sync(session, &repository, *dry_run),
        CiCommand::Install(args) => install(session, &repository, args),
    }
}

fn status(session: &Session, repository: &Repository) -> Result<Exit, Error> {
    let plan = observe(session, repository)?;
    let exit = exit(&plan);
    if session.global.json {
        session.printer.json(&json!({ "commands": repository.settings().commands, "plan": plan }));
        return Ok(exit);
    }
    let printer = &session.printer;
    let origin = if repository.is_configured() { "" } else { " (derived)" };
    for (name, text) in &repository.settings().commands {
        printer.say(&format!("{} {text}{origin}", paint(Tone::Bold, name)));
    }
    for (file, finding) in plan.findings() {
        printer.result(&line(file, finding));
    }
    broken(session, &plan);
    summary(session, &plan);
    Ok(exit)
}

fn check(session: &Session, repository: &Repository) -> Result<Exit, Error> {
    let plan = observe(session, repository)?;
    if session.global.json {
        session.printer.json(&json!({ "inStep": plan.is_empty(), "plan": plan }));
        return Ok(exit(&plan));
    }
    diffs(session, &plan);
    if is_github() {
        for text in annotations(&plan, &folder_in_workspace(repository)) {
            session.printer.result(&text);
        }
    }
    broken(session, &plan);
    if !plan.is_empty() {
        session.printer.hint("`instep ci sync` brings it in step");
    }
    summary(session, &plan);
    Ok(exit(&plan))
}

fn sync(session: &Session, repository: &Repository, dry_run: bool) -> Result<Exit, Error> {
    let plan = observe(session, repository)?;
    if dry_run {
        diffs(session, &plan);
        broken(session, &plan);
        return Ok(if plan.broken.is_empty() { Exit::Done } else { Exit::Failed });
    }
    let changed = repository.sync(&plan)?;
    if session.global.json {
        let paths: Vec<&str> = plan.changed().map(|file| file.path.as_str()).collect();
        session.printer.json(&json!({ "changed": paths, "plan": plan }));
        return Ok(Exit::Done);
    }
    for file in plan.changed() {
        let drifted = file.findings.iter().filter(|one| matches!(one.state, State::Drifted { .. }));
        session.printer.say(&format!(
            "  {} {}",
            file.path,
            paint(Tone::Dim, &count(drifted.count(), "place"))
        ));
    }
    match changed {
        0 => session.printer.say(&format!("all files {}", paint(Tone::Good, "in step"))),
        changed => session.printer.say(&format!("{} changed", count(changed, "file"))),
    }
    left(session, &plan);
    Ok(Exit::Done)
}

fn install(
    session: &Session,
    repository: &Repository,
    args: &CiInstallArgs,
) -> Result<Exit, Error> {
    let all = !(args.workflow || args.hook || args.makefile);
    let parts = Parts {
        workflow: all || args.workflow,
        hook: all || args.hook,
        makefile: all || args.makefile,
    };
    let installed = repository.install(parts, args.dry_run)?;
    if session.global.json {
        session.printer.json(&installed);
        return Ok(Exit::Done);
    }
    let would = if args.dry_run { "would be " } else { "" };
    for file in &installed {
        let text = match file.outcome {
            Outcome::Made => format!("{} {would}{}", file.path, paint(Tone::Good, "made")),
            Outcome::Extended => format!("{} {would}{}", file.path, paint(Tone::Good, "extended")),
            Outcome::Kept => format!("{} has it already", file.path),
        };
        session.printer.say(&text);
    }
    Ok(Exit::Done)
}

fn observe(session: &Session, repository: &Repository) -> Result<Plan, Error> {
    let settings = repository.settings();
    if settings.commands.is_empty() && settings.python.is_empty() && settings.uv.is_none() {
        session.printer.note(
            "nothing is configured to follow: `[ci.commands]` names commands, `[tools]` versions",
        );
    }
    repository.plan()
}

fn exit(plan: &Plan) -> Exit {
    match (plan.broken.is_empty(), plan.is_empty()) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Done,
        (true, false) => Exit::No,
    }
}

/// `path:line: what stands there: what becomes of it`.
fn line(file: &FilePlan, finding: &Finding) -> String {
    let place = paint(Tone::Dim, &format!("{}:{}:", file.path, finding.line));
    let text = &finding.text;
    match &finding.state {
        State::InStep { follows } => {
            format!("{place} {text} {}", paint(Tone::Good, &format!("follows {follows}")))
        }
        State::Drifted { follows, becomes } => {
            let told = paint(Tone::Bad, &format!("out of step with {follows}:"));
            format!("{place} {text} {told} {becomes}")
        }
        State::Left { reason } => {
            format!("{place} {text} {} {reason}", paint(Tone::Warn, "left alone:"))
        }
    }
}

fn diffs(session: &Session, plan: &Plan) {
    for line in plan.changed().map(FilePlan::diff).collect::<String>().lines() {
        let tone = match line.chars().next() {
            Some('+') => Some(Tone::Good),
            Some('-') => Some(Tone::Bad),
            Some('@') => Some(Tone::Dim),
            _ => None,
        };
        let text = tone.map_or_else(|| line.to_owned(), |tone| paint(tone, line));
        session.printer.result(&text);
    }
}

fn broken(session: &Session, plan: &Plan) {
    for file in &plan.broken {
        session.printer.error(&file.to_string());
    }
    if !plan.broken.is_empty() {
        session.printer.hint("mend them, or name them in `exclude` of the table `[ci]`");
    }
}

fn summary(session: &Session, plan: &Plan) {
    let all = || plan.findings().map(|(_, finding)| &finding.state);
    let follows = all().filter(|state| !matches!(state, State::Left { .. })).count();
    let drifted = all().filter(|state| matches!(state, State::Drifted { .. })).count();
    let text = match drifted {
        0 => format!("{} {}", count(follows, "place"), paint(Tone::Good, "in step")),
        drifted => {
            format!("{drifted} of {} {}", count(follows, "place"), paint(Tone::Bad, "out of step"))
        }
    };
    session.printer.say(&text);
    left(session, plan);
}

fn left(session: &Session, plan: &Plan) {
    let left = plan.findings().filter(|(_, finding)| matches!(finding.state, State::Left { .. }));
    let left = left.count();
    if left > 0 {
        let text = format!("{} left alone: `instep ci status` says why", count(left, "place"));
        session.printer.say(&paint(Tone::Dim, &text));
    }
}

/// The folder of the configuration in the checkout of a workflow: paths are told from there.
fn folder_in_workspace(repository: &Repository) -> Utf8PathBuf {
    let workspace = std::env::var("GITHUB_WORKSPACE").ok().filter(|path| !path.is_empty());
    let below = workspace.and_then(|workspace| repository.root().strip_prefix(workspace).ok());
    below.map(Utf8Path::to_owned).unwrap_or_default()
}

fn is_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// [Workflow commands](https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands)
/// that show what is out of step beside the lines of a pull request.
/// `folder`: where the files are, as GitHub sees them.
fn annotations(plan: &Plan, folder: &Utf8Path) -> Vec<String> {
    let property = |text: &str| {
        let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        text.replace(':', "%3A").replace(',', "%2C")
    };
    let message = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let one = |(file, finding): (&FilePlan, &Finding)| match &finding.state {
        State::Drifted { follows, becomes } => Some(format!(
            "::error file={},line={},title=out of step with {}::{}",
            property(&folder.join(&file.path).as_str().replace('\\', "/")),
            finding.line,
            property(follows),
            message(&format!("{} is to be: {becomes}", finding.text))
        )),
        _ => None,
    };
    plan.findings().filter_map(one).collect()
}
