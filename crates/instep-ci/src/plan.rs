//! Plan: what is in step, what is to be rewritten, and what is left alone and why. Pure.

use std::ops::Range;

use rayon::prelude::*;
use serde::Serialize;

use crate::edit::{Edit, apply, is_in_step, relist, rewrite, text};
use crate::error::{Broken, Error};
use crate::mark::{Lines, Mark};
use crate::observe::{File, Observed};
use crate::place::{CommandPlace, Place, Versions, Wants};
use crate::problem::Reason;
use crate::rule::{Canonical, Found, Verdict, canonicals, judge};
use crate::settings::Settings;
use crate::version::{self, Runtime};

/// What is to be done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The files in which something was found.
    pub files: Vec<FilePlan>,
    /// Files that could not be read, or are not what their names say.
    pub broken: Vec<Broken>,
}

/// What is to be done in a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilePlan {
    /// Relative to the repository.
    pub path: String,
    /// What was found, in the order of the file.
    pub findings: Vec<Finding>,
    /// The file as it is.
    #[serde(skip)]
    pub before: String,
    /// The file as it should be.
    #[serde(skip)]
    pub after: String,
}

/// A command or a version, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Counted from 1.
    pub line: usize,
    /// As it is written.
    pub text: String,
    /// What becomes of it.
    #[serde(flatten)]
    pub state: State,
}

/// What becomes of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum State {
    /// It is as it should be.
    InStep {
        /// The name of the command, or `python`, or `uv`.
        follows: String,
    },
    /// It is to be rewritten.
    Drifted {
        /// The name of the command, or `python`, or `uv`.
        follows: String,
        /// As it should be.
        becomes: String,
    },
    /// It is left alone.
    Left {
        /// Why.
        reason: Reason,
    },
}

impl Plan {
    /// Whether everything that follows the configuration is in step.
    pub fn is_empty(&self) -> bool {
        self.changed().next().is_none()
    }

    /// The files that are to be rewritten.
    pub fn changed(&self) -> impl Iterator<Item = &FilePlan> {
        self.files.iter().filter(|file| file.before != file.after)
    }

    /// All findings with their files.
    pub fn findings(&self) -> impl Iterator<Item = (&FilePlan, &Finding)> {
        self.files.iter().flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    }
}

impl FilePlan {
    /// What changes, as a unified diff; empty where nothing does.
    pub fn diff(&self) -> String {
        if self.before == self.after {
            return String::new();
        }
        similar::TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .header(&["a/", &self.path].concat(), &["b/", &self.path].concat())
            .to_string()
    }
}

/// Decides what is to be done.
///
/// # Errors
///
/// [`Error::Command`] where a configured command is none.
pub fn plan(observed: Observed, settings: &Settings) -> Result<Plan, Error> {
    let planner = Planner::of(settings)?;
    let files = observed.files.into_par_iter().map(|file| planner.file(file));
    let files = files.filter(|file| !file.findings.is_empty()).collect();
    Ok(Plan { files, broken: observed.broken })
}

struct Planner {
    commands: Vec<Canonical>,
    python: Vec<String>,
    uv: Option<String>,
}

/// A finding, and the edits that it takes.
type Decision = (Finding, Vec<Edit>);

impl Planner {
    fn of(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            commands: canonicals(settings)?,
            python: version::plain(&settings.python),
            uv: settings.uv.clone().filter(|version| version::is_plain(version)),
        })
    }

    fn file(&self, file: File) -> FilePlan {
        let mut decisions = self.decisions(&file);
        let all: Vec<Edit> = edits(&decisions);
        let mut after = apply(&file.text, &all);
        if !all.is_empty() && !self.holds(&file, &after, &decisions) {
            after = self.one_by_one(&file, &mut decisions);
        }
        let findings = decisions.into_iter().map(|(finding, _)| finding).collect();
        FilePlan { path: file.path, findings, before: file.text, after }
    }

    fn decisions(&self, file: &File) -> Vec<Decision> {
        let lines = Lines::of(&file.text);
        let mut decisions: Vec<(usize, Decision)> = Vec::new();
        let mut taken: Vec<Range<usize>> = Vec::new();
        for place in &file.places {
            let range = place.range();
            let (first, last) = (lines.number(range.start), lines.number(range.end));
            let mark = lines.mark(first, last);
            let decided = match place {
                Place::Command(command) => self.command(file, command, mark.as_ref()),
                Place::Versions(versions) => self.versions(file, versions, mark.as_ref()),
                Place::Left { reason, .. } => self.left(place, reason),
            };
            let Some((state, edits)) = decided else { continue };
            if matches!(place, Place::Command(_)) {
                taken.push(range.clone());
            }
            let text = match place {
                Place::Versions(versions) => {
                    let values = versions.items.iter().map(|item| item.value.as_str());
                    values.collect::<Vec<_>>().join(", ")
                }
                _ => one_line(file.text.get(range.clone()).unwrap_or_default()),
            };
            decisions.push((range.start, (Finding { line: first, text, state }, edits)));
        }
        decisions.extend(self.texts(file, &lines, &taken));
        decisions.sort_by_key(|(start, _)| *start);
        decisions.into_iter().map(|(_, decision)| decision).collect()
    }

    fn left(&self, place: &Place, reason: &Reason) -> Option<(State, Vec<Edit>)> {
        // Nobody asks about versions where none is configured.
        let is_asked = match (place, reason) {
            (_, Reason::Words) => !self.commands.is_empty(),
            _ => !self.python.is_empty() || self.uv.is_some(),
        };
        is_asked.then(|| (State::Left { reason: reason.clone() }, Vec::new()))
    }

    fn command(
        &self,
        file: &File,
        place: &CommandPlace,
        mark: Option<&Mark>,
    ) -> Option<(State, Vec<Edit>)> {
        let found = Found { invocation: &place.invocation, mark };
        let verdict = judge(&found, &self.commands)?;
        let left = |reason| Some((State::Left { reason }, Vec::new()));
        if let (Some(doubt), false) = (&place.doubt, verdict == Verdict::Left(Reason::Ignored)) {
            // The line of a script is one of its own; what a person looks for is that of the file.
            let reason = match doubt {
                Reason::Script(line) => Reason::Script(line_of(file, place, *line)),
                other => other.clone(),
            };
            return left(reason);
        }
        match verdict {
            Verdict::InStep { name } => Some((State::InStep { follows: name }, Vec::new())),
            Verdict::Left(reason) => left(reason),
            Verdict::Rewrite { name, words } => {
                let texts = words.iter().map(|word| text(place, word));
                let becomes = texts.collect::<Vec<_>>().join(" ");
                let (range, text) = rewrite(place, &words)?;
                if place.script.is_interrupted(&range, &file.text) {
                    return left(Reason::Interrupted(becomes));
                }
                match place.script.quote(&text) {
                    Some(text) => {
                        let edit = Edit { range: place.script.source(&range), text };
                        Some((State::Drifted { follows: name, becomes }, vec![edit]))
                    }
                    None => left(Reason::CannotHold(becomes)),
                }
            }
        }
    }

    fn versions(
        &self,
        file: &File,
        versions: &Versions,
        mark: Option<&Mark>,
    ) -> Option<(State, Vec<Edit>)> {
        let (wanted, follows) = match versions.runtime {
            Runtime::Python => (self.python.clone(), "python"),
            Runtime::Uv => (self.uv.iter().cloned().collect(), "uv"),
        };
        let first = wanted.first()?.clone();
        if mark == Some(&Mark::Ignore) {
            return Some((State::Left { reason: Reason::Ignored }, Vec::new()));
        }
        let follows = follows.to_owned();
        let wanted = match versions.wants {
            Wants::First => vec![first; versions.items.len()],
            Wants::All => wanted,
        };
        if is_in_step(versions, &wanted) {
            return Some((State::InStep { follows }, Vec::new()));
        }
        let becomes = wanted.join(", ");
        let edits = relist(&file.text, versions, &wanted);
        Some(match edits {
            Some(edits) => (State::Drifted { follows, becomes }, edits),
            None => (State::Left { reason: Reason::CannotHold(becomes) }, Vec::new()),
        })
    }

    /// What looks like a configured command and is none: in comments, strings, other languages.
    fn texts(
        &self,
        file: &File,
        lines: &Lines<'_>,
        taken: &[Range<usize>],
    ) -> Vec<(usize, Decision)> {
        let mut heads: Vec<&str> = self.commands.iter().map(Canonical::head).collect();
        heads.sort_unstable();
        heads.dedup();
        let mut found = Vec::new();
        for head in heads {
            for (at, _) in file.text.match_indices(head) {
                let end = at + head.len();
                let is_part =
                    |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '/' | '.');
                let before = file.text.get(..at).and_then(|text| text.chars().next_back());
                let after = file.text.get(end..).and_then(|text| text.chars().next());
                let is_taken = taken.iter().any(|range| range.start < end && at < range.end);
                if before.is_some_and(is_part)
                    || after.is_some_and(|char| is_part(char) && char != '.')
                    || is_taken
                {
                    continue;
                }
                let within = file.other.iter().filter(|(range, _)| range.contains(&at));
                let within = within.min_by_key(|(range, _)| range.len());
                let reason = match within {
                    Some((_, reason)) => reason.clone(),
                    None if lines.is_comment(at) => Reason::Comment,
                    None => Reason::Text,
                };
                let line = lines.number(at);
                let text = one_line(lines.line(line));
                found.push((
                    at,
                    (Finding { line, text, state: State::Left { reason } }, Vec::new()),
                ));
            }
        }
        found
    }

    /// Whether a rewritten file is what it should be: it parses, what was rewritten is in step, and
    /// nothing else is another thing than it was.
    fn holds(&self, file: &File, after: &str, decisions: &[Decision]) -> bool {
        let Ok(again) = File::of(file.path.clone(), file.kind, after.to_owned()) else {
            return false;
        };
        let again = self.decisions(&again);
        let is_as_planned =
            |(planned, found): (&Decision, &Decision)| match (&planned.0.state, &found.0.state) {
                (State::Drifted { follows, .. }, State::InStep { follows: now }) => follows == now,
                (State::Drifted { .. }, _) => false,
                (State::Left { reason: Reason::Script(_) }, now) => {
                    matches!(now, State::Left { .. })
                }
                (planned, now) => planned == now,
            };
        again.len() == decisions.len() && decisions.iter().zip(&again).all(is_as_planned)
    }

    /// Takes each change by itself, and leaves out those that would make another file than is planned.
    fn one_by_one(&self, file: &File, decisions: &mut [Decision]) -> String {
        for at in 0..decisions.len() {
            let mut alone: Vec<Decision> = decisions.to_vec();
            for (other, decision) in alone.iter_mut().enumerate() {
                if other != at {
                    decision.1.clear();
                }
            }
            let own = edits(&alone);
            if own.is_empty() {
                continue;
            }
            let after = apply(&file.text, &own);
            let holds = File::of(file.path.clone(), file.kind, after)
                .map(|again| self.decisions(&again))
                .is_ok_and(|again| {
                    again.len() == decisions.len()
                        && again
                            .get(at)
                            .is_some_and(|(found, _)| matches!(found.state, State::InStep { .. }))
                });
            if let Some((finding, edits)) = decisions.get_mut(at).filter(|_| !holds) {
                if let State::Drifted { becomes, .. } = &finding.state {
                    finding.state = State::Left { reason: Reason::CannotHold(becomes.clone()) };
                }
                edits.clear();
            }
        }
        apply(&file.text, &edits(decisions))
    }
}

fn edits(decisions: &[Decision]) -> Vec<Edit> {
    let mut all: Vec<Edit> = decisions.iter().flat_map(|(_, edits)| edits.clone()).collect();
    all.sort_by_key(|edit| (edit.range.start, edit.range.end));
    all.dedup();
    all
}

fn line_of(file: &File, place: &CommandPlace, line: usize) -> usize {
    let text = place.script.text();
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let start = start.min(text.len().saturating_sub(1));
    Lines::of(&file.text).number(place.script.source(&(start..start + 1)).start)
}

/// A text as it is told on a line.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| *word != "\\");
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((end, _)) => [line.get(..end).unwrap_or_default(), "..."].concat(),
        None => line,
    }
}
