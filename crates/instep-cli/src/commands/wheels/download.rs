//! `instep wheels download`.

use std::collections::{BTreeMap, BTreeSet};

use instep::wheel::{Missing, Plan, Target};
use instep::{Error, Wheelhouse, WheelhouseRequest};

use crate::args::DownloadArgs;
use crate::commands::count;
use crate::commands::sync::with_host;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::progress::human;
use crate::run::Session;
use crate::table::columns;

/// How many files of what there is instead are shown; `--verbose` shows all.
const SHOWN: usize = 5;

pub(crate) fn download(session: &Session, args: &DownloadArgs) -> Result<Exit, Error> {
    let request = WheelhouseRequest {
        lock: args.lock.clone(),
        pythons: args.python.clone(),
        platforms: args.platform.clone(),
        out: args.out.clone(),
        dry_run: args.dry_run,
    };
    let variables = session.variables()?;
    let wheelhouse = with_host(session, |host| instep::wheelhouse(&variables, &request, host))?;
    let exit = exit(&wheelhouse);
    if session.global.json {
        session.printer.json(&wheelhouse);
        return Ok(exit);
    }
    if args.dry_run {
        list(session, &wheelhouse);
    }
    summary(session, &wheelhouse);
    withdrawn(session, &wheelhouse.plan);
    failed(session, &wheelhouse);
    for missing in &wheelhouse.plan.missing {
        tell(session, missing, &wheelhouse.targets);
    }
    Ok(exit)
}

fn exit(wheelhouse: &Wheelhouse) -> Exit {
    let has_failed = wheelhouse.fetched.as_ref().is_some_and(|fetched| !fetched.failed.is_empty());
    match (has_failed, wheelhouse.plan.missing.is_empty()) {
        (true, _) => Exit::Failed,
        (false, false) => Exit::No,
        (false, true) => Exit::Done,
    }
}

/// Each file, its size, and what it is for.
fn list(session: &Session, wheelhouse: &Wheelhouse) {
    let row = |planned: &instep::wheel::PlannedFile| {
        let size = planned.file.size.map_or_else(|| "?".to_owned(), human);
        let targets = names(&planned.targets, &wheelhouse.targets, "every target");
        vec![planned.file.name.clone(), size, paint(Tone::Dim, &targets)]
    };
    let rows: Vec<Vec<String>> = wheelhouse.plan.files.iter().map(row).collect();
    for line in columns(&rows) {
        session.printer.result(&line);
    }
}

fn summary(session: &Session, wheelhouse: &Wheelhouse) {
    let files = &wheelhouse.plan.files;
    let size: u64 = files.iter().filter_map(|planned| planned.file.size).sum();
    let is_exact = files.iter().all(|planned| planned.file.size.is_some());
    let size = match (size, is_exact) {
        (0, false) => String::new(),
        (size, true) => format!(", {}", human(size)),
        (size, false) => format!(", more than {}", human(size)),
    };
    let targets = count(wheelhouse.targets.len(), "target");
    let text = match &wheelhouse.fetched {
        None => format!("{}{size} for {targets}", count(files.len(), "wheel")),
        Some(fetched) => {
            let there = fetched.fetched + fetched.cached + fetched.kept;
            let mut parts = vec![format!("{} fetched", fetched.fetched)];
            if fetched.cached > 0 {
                parts.push(format!("{} from the cache", fetched.cached));
            }
            if fetched.kept > 0 {
                parts.push(format!("{} there already", fetched.kept));
            }
            format!(
                "{} for {targets} in `{}`: {}",
                count(there, "wheel"),
                wheelhouse.out,
                parts.join(", ")
            )
        }
    };
    session.printer.say(&text);
}

fn withdrawn(session: &Session, plan: &Plan) {
    for planned in &plan.files {
        let Some(reason) = &planned.file.yanked else { continue };
        let reason = match reason.trim() {
            "" => String::new(),
            reason => format!(": {}", reason.escape_debug()),
        };
        session.printer.note(&format!("{} was withdrawn{reason}", planned.file.name));
    }
}

fn failed(session: &Session, wheelhouse: &Wheelhouse) {
    let Some(fetched) = &wheelhouse.fetched else { return };
    let mut hints = BTreeSet::new();
    for failed in &fetched.failed {
        session.printer.error(&format!("{} could not be had: {}", failed.file, failed.reason));
        hints.extend(failed.hint.as_deref());
    }
    for hint in hints {
        session.printer.hint(hint);
    }
}

/// What has no wheel, why, and what there is instead.
fn tell(session: &Session, missing: &Missing, all: &[Target]) {
    let version = missing.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let printer = &session.printer;
    printer.error(&format!(
        "{}{version} has no wheel for {}: {}",
        missing.package,
        names(&missing.targets, all, "any target"),
        missing.reason
    ));
    let shown = if printer.is_verbose() { missing.available.len() } else { SHOWN };
    for name in missing.available.iter().take(shown) {
        printer.text(&paint(Tone::Dim, &format!("  there is {name}")));
    }
    let more = missing.available.len().saturating_sub(shown);
    if more > 0 {
        printer.text(&paint(Tone::Dim, &format!("  and {more} more (`--verbose` shows all)")));
    }
}

/// `Python 3.11, 3.12 on linux-x86_64; 3.12 on win-amd64`, or the word for all of several.
fn names(targets: &[Target], all: &[Target], word_for_all: &str) -> String {
    if targets.len() == all.len() && all.len() > 1 {
        return word_for_all.to_owned();
    }
    let mut by_platform: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for target in targets {
        by_platform.entry(target.platform).or_default().push(target.python.to_string());
    }
    let parts = by_platform
        .iter()
        .map(|(platform, pythons)| format!("{} on {platform}", pythons.join(", ")));
    format!("Python {}", parts.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_by_platform() {
        let target = |python: &str, platform: &str| Target {
            python: python.parse().unwrap(),
            platform: platform.parse().unwrap(),
        };
        let all = [
            target("3.11", "linux-x86_64"),
            target("3.12", "linux-x86_64"),
            target("3.12", "win-amd64"),
        ];
        assert_eq!(names(&all, &all, "all"), "all");
        assert_eq!(names(&all[..1], &all[..1], "all"), "Python 3.11 on linux-x86_64");
        let four = [all.as_slice(), &[target("3.13", "win32")]].concat();
        assert_eq!(
            names(&all, &four, "all"),
            "Python 3.11, 3.12 on linux-x86_64; 3.12 on win-amd64"
        );
    }
}
