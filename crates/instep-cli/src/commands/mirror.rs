//! `instep mirror`.

use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use instep::mirror::{Action, Direction, Done, Plan, Side, SyncRequest};
use instep::{Error, MirrorRequest, ProjectMirror, Ran};
use serde_json::{Value, json};

use crate::args::{MirrorCommand, MirrorRunArgs, MirrorSyncArgs, WhichMirror};
use crate::commands::count;
use crate::commands::sync::with_host;
use crate::exit::Exit;
use crate::failure;
use crate::printer::{Tone, paint};
use crate::progress::{arrow, human};
use crate::run::Session;

/// How many paths are listed one by one; `--verbose` lists all.
const LISTED: usize = 20;
/// How long a step before another one may take.
const BEFORE: Duration = Duration::from_secs(30);
/// How long a step after another one may take.
const AFTER: Duration = Duration::from_mins(1);

pub(crate) fn mirror(session: &Session, command: &MirrorCommand) -> Result<Exit, Error> {
    match command {
        MirrorCommand::Init(which) => {
            let project = open(session, which)?;
            if is_unneeded(session, &project) {
                return Ok(Exit::Done);
            }
            let done = with_host(session, |host| project.init(host))?;
            Ok(report(session, &project, &done))
        }
        MirrorCommand::Down(args) => sync(session, args, Direction::NetworkToLocal),
        MirrorCommand::Up(args) => sync(session, args, Direction::LocalToNetwork),
        MirrorCommand::Sync(args) => sync(session, args, Direction::Both),
        MirrorCommand::Status(which) => status(session, which),
        MirrorCommand::Validate(which) => validate(session, which),
        MirrorCommand::Watch(which) => {
            let project = open(session, which)?;
            if !is_unneeded(session, &project) {
                session.printer.say("watching; Ctrl-C ends it");
                with_host(session, |host| project.watch(host))?;
            }
            Ok(Exit::Done)
        }
        MirrorCommand::Run(args) => run(session, args),
        MirrorCommand::PreStep(which) => before_step(session, which),
        MirrorCommand::PostStep(args) => {
            step(session, "up", &args.which, AFTER, &format!("after the step `{}`", args.id))
        }
        MirrorCommand::Resolve(args) => {
            let project = open(session, &args.which)?;
            let Some(mirror) = project.mirror() else { return Ok(unneeded(session)) };
            let conflict = mirror.resolve(&args.path, args.keep.into())?;
            session.printer.say(&format!("{} is resolved", conflict.path));
            session.printer.hint("`instep mirror sync` carries it to the network");
            Ok(Exit::Done)
        }
        MirrorCommand::Restore(args) => {
            let project = open(session, &args.which)?;
            let Some(mirror) = project.mirror() else { return Ok(unneeded(session)) };
            let found = mirror.restore(&args.path)?;
            session.printer.say(&format!("{} is as it was until {}", found.path, found.time));
            Ok(Exit::Done)
        }
    }
}

fn open(session: &Session, which: &WhichMirror) -> Result<ProjectMirror, Error> {
    let request = MirrorRequest {
        name: which.name.clone(),
        network: which.network.clone(),
        local: which.local.clone(),
    };
    ProjectMirror::open(&session.variables()?, &request)
}

fn is_unneeded(session: &Session, project: &ProjectMirror) -> bool {
    let is_unneeded = project.mirror().is_none();
    if is_unneeded {
        unneeded(session);
    }
    is_unneeded
}

fn unneeded(session: &Session) -> Exit {
    if session.global.json {
        session.printer.json(&json!({ "needed": false }));
    } else {
        session.printer.say("no mirror is needed: the project lies on a local disk");
    }
    Exit::Done
}

fn sync(session: &Session, args: &MirrorSyncArgs, direction: Direction) -> Result<Exit, Error> {
    let project = open(session, &args.which)?;
    let Some(mirror) = project.mirror() else { return Ok(unneeded(session)) };
    if args.dry_run {
        let plan = mirror.plan(&mirror.observe(&|| false)?, direction);
        if session.global.json {
            session.printer.json(&plan_json(&plan));
        } else {
            for line in lines(&plan, true) {
                session.printer.result(&line);
            }
            problems(session, &plan.problems);
        }
        return Ok(Exit::Done);
    }
    let request = SyncRequest { direction, allow_deletes: args.allow_deletes };
    let done = with_host(session, |host| project.sync(request, host))?;
    Ok(report(session, &project, &done))
}

/// What a sync did, in a line.
fn report(session: &Session, project: &ProjectMirror, done: &Done) -> Exit {
    if session.global.json {
        session.printer.json(&json!({
            "mirror": project.name(),
            "copied": { "network": done.copied.network, "local": done.copied.local },
            "deleted": { "network": done.deleted.network, "local": done.deleted.local },
            "bytes": done.bytes,
            "conflicts": done.conflicts.iter()
                .map(|(path, beside)| json!({ "path": path, "beside": beside }))
                .collect::<Vec<Value>>(),
            "problems": done.problems,
        }));
    } else {
        let parts: Vec<String> = [
            (done.copied.local, "down"),
            (done.copied.network, "up"),
            (done.deleted.local, "deleted locally"),
            (done.deleted.network, "deleted on the network"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
        let in_step = paint(Tone::Good, "in step");
        session.printer.say(&if parts.is_empty() {
            format!("{} {in_step}", paint(Tone::Bold, project.name()))
        } else {
            let (name, size) = (paint(Tone::Bold, project.name()), human(done.bytes));
            format!("{name} {in_step}: {}, {size}", parts.join(", "))
        });
        problems(session, &done.problems);
        if !done.conflicts.is_empty() {
            session.printer.hint("`instep mirror resolve PATH --keep network|local|both`");
        }
    }
    let is_whole = done.problems.is_empty() && done.conflicts.is_empty();
    if is_whole { Exit::Done } else { Exit::No }
}

fn problems(session: &Session, problems: &[instep::mirror::Problem]) {
    let limit = if session.printer.is_verbose() { usize::MAX } else { LISTED };
    for problem in problems.iter().take(limit) {
        session.printer.note(&format!(
            "{} ({}) is left alone: {}",
            problem.path, problem.side, problem.reason
        ));
    }
    if problems.len() > limit {
        session.printer.note(&format!("and {} more; --verbose lists them", problems.len() - limit));
    }
}

fn lines(plan: &Plan, all: bool) -> Vec<String> {
    let moves = plan.actions.iter().filter_map(|action| match action {
        Action::Agree { .. } => None,
        Action::Copy { path, from } => Some(format!("{} {path}", arrow(from.other()))),
        Action::Delete { path, side } => {
            Some(format!("{} {path}", paint(Tone::Bad, &format!("- {side}"))))
        }
        Action::Beside { path, side } => {
            Some(format!("{} {path}: the {side} one goes beside it", paint(Tone::Warn, "!")))
        }
    });
    let mut lines: Vec<String> = moves.collect();
    if !all && lines.len() > LISTED {
        let more = lines.len() - LISTED;
        lines.truncate(LISTED);
        lines.push(format!("and {more} more; --verbose lists them"));
    }
    lines
}

fn plan_json(plan: &Plan) -> Value {
    let actions = plan.actions.iter().filter_map(|action| match action {
        Action::Agree { .. } => None,
        Action::Copy { path, from } => {
            Some(json!({ "action": "copy", "path": path, "to": from.other() }))
        }
        Action::Delete { path, side } => {
            Some(json!({ "action": "delete", "path": path, "side": side }))
        }
        Action::Beside { path, side } => {
            Some(json!({ "action": "keep_both", "path": path, "side": side }))
        }
    });
    json!({
        "inStep": plan.is_empty(),
        "actions": actions.collect::<Vec<Value>>(),
        "bytes": plan.bytes,
        "problems": plan.problems,
    })
}

fn status(session: &Session, which: &WhichMirror) -> Result<Exit, Error> {
    let project = open(session, which)?;
    let Some(mirror) = project.mirror() else { return Ok(unneeded(session)) };
    let last = mirror.last_sync();
    let conflicts = mirror.conflicts()?;
    let plan = mirror.observe(&|| false).map(|observed| mirror.plan(&observed, Direction::Both));
    let is_in_step = plan.as_ref().is_ok_and(Plan::is_empty) && conflicts.is_empty();
    if session.global.json {
        session.printer.json(&json!({
            "mirror": project.name(),
            "network": mirror.root(Side::Network),
            "local": mirror.root(Side::Local),
            "onNetworkDrive": instep::mirror::is_network(mirror.root(Side::Network)),
            "lastSync": last,
            "conflicts": conflicts,
            "trash": { "network": mirror.trash(Side::Network).ok(), "local": mirror.trash(Side::Local).ok() },
            "plan": plan.as_ref().ok().map(plan_json),
            "error": plan.as_ref().err().map(ToString::to_string),
        }));
        return Ok(if is_in_step { Exit::Done } else { Exit::No });
    }
    let printer = &session.printer;
    for side in Side::BOTH {
        let root = mirror.root(side);
        let drive = if instep::mirror::is_network(root) { " (a network drive)" } else { "" };
        printer.result(&format!("{side:8}{root}{drive}"));
    }
    let last = last.map_or_else(|| "never synced".to_owned(), |last| last.last_sync);
    printer.result(&format!("last    {last}"));
    for conflict in &conflicts {
        printer.result(&format!(
            "{} {}: the {} version is {}",
            paint(Tone::Warn, "conflict"),
            conflict.path,
            conflict.side,
            conflict.beside
        ));
    }
    let trashed: Vec<String> = Side::BOTH
        .into_iter()
        .filter_map(|side| Some((side, mirror.trash(side).ok()?)))
        .filter(|(_, trash)| !trash.is_empty())
        .map(|(side, trash)| {
            let bytes = human(trash.iter().map(|one| one.bytes).sum());
            format!("{} ({bytes}) {side}", count(trash.len(), "file"))
        })
        .collect();
    if !trashed.is_empty() {
        printer.result(&format!("trash   {}", trashed.join(", ")));
    }
    let plan = plan?;
    for line in lines(&plan, printer.is_verbose()) {
        printer.result(&line);
    }
    problems(session, &plan.problems);
    if !conflicts.is_empty() {
        printer.hint("`instep mirror resolve PATH --keep network|local|both`");
    } else if plan.is_empty() {
        printer.result(&paint(Tone::Good, "in step"));
    } else {
        printer.hint("`instep mirror sync` brings both in step");
    }
    Ok(if is_in_step { Exit::Done } else { Exit::No })
}

fn validate(session: &Session, which: &WhichMirror) -> Result<Exit, Error> {
    let project = open(session, which)?;
    let Some(mirror) = project.mirror() else { return Ok(unneeded(session)) };
    let traits = mirror.validate()?;
    let free = |side: Side| instep::mirror::free_space(mirror.root(side));
    if session.global.json {
        session.printer.json(&json!({
            "network": { "path": mirror.root(Side::Network), "traits": traits.network, "free": free(Side::Network) },
            "local": { "path": mirror.root(Side::Local), "traits": traits.local, "free": free(Side::Local) },
        }));
        return Ok(Exit::Done);
    }
    for side in Side::BOTH {
        let traits = traits.of(side);
        let yes = |is: bool| if is { "yes" } else { "no" };
        let free = free(side).map_or_else(|| "unknown".to_owned(), human);
        let names = traits.names.special && traits.names.trailing && traits.names.devices;
        session.printer.result(&format!("{side} {}", mirror.root(side)));
        let rows = [
            ("writable, free", free),
            ("steps of its clock", format!("{} ns", traits.granularity)),
            ("tells upper from lower case", yes(traits.tells_case).to_owned()),
            ("keeps what may be executed", yes(traits.executable).to_owned()),
            ("holds links", yes(traits.links).to_owned()),
            ("holds names that Windows does not", yes(names).to_owned()),
        ];
        for (what, value) in rows {
            session.printer.result(&format!("  {what}: {value}"));
        }
    }
    Ok(Exit::Done)
}

fn run(session: &Session, args: &MirrorRunArgs) -> Result<Exit, Error> {
    let project = open(session, &args.which)?;
    let Ran { status, synced } = with_host(session, |host| project.run(&args.command, host))?;
    let code = code_of(status);
    match synced {
        None => {}
        Some(Ok(done)) => {
            report(session, &project, &done);
        }
        Some(Err(error)) => {
            failure::print(&session.printer, None, &error.into());
            return Ok(if code == 0 { Exit::Failed } else { Exit::Code(code) });
        }
    }
    Ok(Exit::Code(code))
}

/// The code of a command as shells have it: 128 and the signal for one that a signal ended.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().map_or(1, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

fn before_step(session: &Session, which: &WhichMirror) -> Result<Exit, Error> {
    let project = open(session, which)?;
    let exit = match project.mirror() {
        Some(_) => step(session, "down", which, BEFORE, "before the step")?,
        None => Exit::Done,
    };
    for (name, value) in project.variables() {
        session.printer.result(&format!("{name}={value}"));
    }
    Ok(exit)
}

/// Syncs in a process of its own, that is ended when its time is over: a call on a drive that hangs cannot
/// be interrupted. What it did until then is kept.
fn step(
    session: &Session,
    command: &str,
    which: &WhichMirror,
    limit: Duration,
    when: &str,
) -> Result<Exit, Error> {
    let failed = |source| Error::Command { program: "instep".to_owned(), source };
    let program = std::env::current_exe().map_err(failed)?;
    let variables = session.variables()?;
    let mut process = Command::new(program);
    process.args(["mirror", command, "--directory", variables.cwd().as_str()]);
    let named = [("--network", &which.network), ("--local", &which.local)];
    for (option, path) in named {
        if let Some(path) = path {
            process.args([option, path.as_str()]);
        }
    }
    if let Some(name) = &which.name {
        process.args(["--mirror", name]);
    }
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = process.spawn().map_err(failed)?;
    let mut output = child.stderr.take();
    let text = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(output) = &mut output {
            // What it said until it was ended.
            let _ = output.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait().map_err(failed)? {
            if let Ok(text) = text.join() {
                session.printer.say(text.trim_end());
            }
            return Ok(match status.code() {
                Some(0) => Exit::Done,
                Some(1) => Exit::No,
                _ => Exit::Failed,
            });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // It may hang in a call of the system, and not end even so: nobody waits for it.
    let _ = child.kill();
    session.printer.error(&format!(
        "the sync {when} did not end within {} s; what it did until then is kept",
        limit.as_secs()
    ));
    session.printer.hint(
        "`instep mirror sync` completes it; `instep mirror status` says whether the drive answers",
    );
    Ok(Exit::Failed)
}
