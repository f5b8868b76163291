//! Which configured command governs one that was found, and what becomes of it. Pure.
//!
//! A command is compared with the configured ones of its kind: those with the same tool and the same
//! thing to do, as in `uv sync`. Its arguments are of three sorts:
//!
//! - *how* it is done (`--quiet`, `--python`, `--index-url`): they survive whatever else changes;
//! - *everything of a kind* (`--all-extras`, `--all-groups`, `--dev`);
//! - a *selection* (`--group docs`, `--locked`, `-r FILE`, a package), and whatever is not known.
//!
//! | rule | case | outcome |
//! | --- | --- | --- |
//! | 1 | a mark says `ignore` | it is left alone |
//! | 2 | a mark says `use NAME` | that command governs it |
//! | 3 | it says the same as a configured command, the order and the *how* aside | in step |
//! | 4 | it says the same as what was configured before, under a name | the command of that name governs it |
//! | 5 | it selects something that no configured command of its kind selects | it is left alone |
//! | 6 | what it selects, some configured commands select too | the one with which it has most in common governs it |
//! | 7 | several have as much | the one named like the tool, as in `uv`; else it is left alone |
//!
//! Nothing is rewritten by a guess: what a rule does not cover is left alone and listed.

use std::ops::Range;

use crate::command::{Argument, Invocation, KNOWN, Role, invocation, role};
use crate::error::Error;
use crate::mark::Mark;
use crate::problem::Reason;
use crate::settings::Settings;
use crate::syntax::shell;

/// A configured command.
#[derive(Clone, Debug)]
pub(crate) struct Canonical {
    pub(crate) name: String,
    invocation: Invocation,
    words: Vec<String>,
    former: Vec<Vec<Argument>>,
}

/// What becomes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    InStep { name: String },
    Rewrite { name: String, words: Vec<NewWord> },
    Left(Reason),
}

/// A word of a command as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewWord {
    /// As it is.
    Kept(usize),
    New(String),
}

/// A command that was found.
pub(crate) struct Found<'a> {
    pub(crate) invocation: &'a Invocation,
    pub(crate) mark: Option<&'a Mark>,
}

/// The configured commands.
///
/// # Errors
///
/// [`Error::Command`] where one is no single command whose words are known.
pub(crate) fn canonicals(settings: &Settings) -> Result<Vec<Canonical>, Error> {
    let one = |(name, text): (&String, &String)| {
        let read = read(text);
        let invalid = || Error::Command { name: name.clone(), text: text.clone() };
        let (invocation, words) = read.ok_or_else(invalid)?;
        let former = settings.former.get(name).into_iter().flatten();
        let of_its_kind = |(other, _): &(Invocation, _)| other.head == invocation.head;
        let former = former
            .filter_map(|text| self::read(text))
            .filter(of_its_kind)
            .map(|read| read.0.arguments);
        let former = former.collect();
        Ok(Canonical { name: name.clone(), invocation, words, former })
    };
    settings.commands.iter().map(one).collect()
}

/// A command with its words, all of which are known.
fn read(text: &str) -> Option<(Invocation, Vec<String>)> {
    let script = shell::parse(text, &[]);
    let [command] = script.commands.as_slice() else { return None };
    let start = command.words.first()?.range.start;
    let end = command.words.last()?.range.end;
    // Nothing but the command: no variables before it, nothing behind it.
    if script.error.is_some() || text.trim() != text.get(start..end)? {
        return None;
    }
    let invocation = invocation(&command.words)?;
    let is_known = invocation.arguments.iter().all(|argument| !argument.is_dynamic);
    let words = command.words.iter().map(|word| text.get(word.range.clone()).map(str::to_owned));
    (is_known && invocation.words.start == 0).then_some((invocation, words.collect::<Option<_>>()?))
}

/// Decides. `None`: it is no command that anybody asked about.
pub(crate) fn judge(found: &Found<'_>, canonicals: &[Canonical]) -> Option<Verdict> {
    let head = found.invocation.head.as_str();
    let of_kind: Vec<&Canonical> =
        canonicals.iter().filter(|canonical| canonical.invocation.head == head).collect();
    match found.mark {
        Some(Mark::Ignore) if !of_kind.is_empty() => return Some(Verdict::Left(Reason::Ignored)),
        Some(Mark::Use(name)) if !of_kind.is_empty() || KNOWN.contains(&head) => {
            let Some(named) = canonicals.iter().find(|canonical| canonical.name == *name) else {
                return Some(Verdict::Left(Reason::UnknownName(name.clone())));
            };
            return Some(named.verdict(found.invocation));
        }
        _ => {}
    }
    if of_kind.is_empty() {
        let is_known = KNOWN.contains(&head) && !canonicals.is_empty();
        return is_known.then(|| Verdict::Left(Reason::OtherCommand(head.to_owned())));
    }
    let arguments = &found.invocation.arguments;
    for canonical in &of_kind {
        if canonical.says(&canonical.invocation.arguments, arguments) {
            return Some(Verdict::InStep { name: canonical.name.clone() });
        }
    }
    for canonical in &of_kind {
        if canonical.former.iter().any(|former| canonical.says(former, arguments)) {
            return Some(canonical.verdict(found.invocation));
        }
    }
    Some(by_selection(found.invocation, &of_kind))
}

/// Rules 5 to 7.
fn by_selection(found: &Invocation, of_kind: &[&Canonical]) -> Verdict {
    let selects = |argument: &&Argument| role(&found.head, argument) == Role::Selection;
    let selection: Vec<&Argument> = found.arguments.iter().filter(selects).collect();
    if selection.iter().any(|argument| argument.is_dynamic) {
        return Verdict::Left(Reason::Dynamic);
    }
    let common = |canonical: &Canonical| {
        let own = &canonical.invocation.arguments;
        let has = |argument: &&&Argument| own.iter().any(|one| one.is_same(argument));
        selection.iter().filter(has).count()
    };
    let covering: Vec<&&Canonical> =
        of_kind.iter().filter(|canonical| common(canonical) == selection.len()).collect();
    // The fewer others it selects, the more they have in common.
    let distance = |canonical: &Canonical| {
        let own = canonical.invocation.arguments.iter().filter(selects).count();
        if selection.is_empty() { 0 } else { own }
    };
    let Some(nearest) = covering.iter().map(|canonical| distance(canonical)).min() else {
        let foreign = selection.iter().filter(|argument| {
            let has = |one: &Argument| one.is_same(argument);
            !of_kind.iter().any(|canonical| canonical.invocation.arguments.iter().any(has))
        });
        // What is named says more than an option does.
        let foreign = foreign.min_by_key(|argument| !argument.name.is_empty());
        let told = foreign.or(selection.first()).map(|argument| argument.text());
        return Verdict::Left(Reason::Selection(told.unwrap_or_default()));
    };
    let fitting: Vec<&&Canonical> =
        covering.into_iter().filter(|canonical| distance(canonical) == nearest).collect();
    let tool = found.head.split(' ').next().unwrap_or_default();
    let own = fitting.iter().find(|canonical| canonical.name == tool);
    match (fitting.as_slice(), own) {
        ([one], _) | (_, Some(one)) => one.verdict(found),
        (several, None) => {
            let names = several.iter().map(|canonical| canonical.name.clone()).collect();
            Verdict::Left(Reason::Ambiguous(names))
        }
    }
}

impl Canonical {
    /// Whether somebody who wrote this kind of command meant it.
    pub(crate) fn head(&self) -> &str {
        &self.invocation.head
    }

    /// Whether arguments say the same as wanted ones, the order and the *how* aside.
    fn says(&self, wanted: &[Argument], found: &[Argument]) -> bool {
        let counts = |argument: &&Argument| {
            role(self.head(), argument) != Role::How
                || wanted.iter().any(|one| one.name == argument.name)
        };
        let found: Vec<&Argument> = found.iter().filter(counts).collect();
        let mut rest: Vec<&Argument> = wanted.iter().collect();
        for argument in &found {
            match rest.iter().position(|one| self.is_as_good(one, argument)) {
                Some(at) => {
                    rest.swap_remove(at);
                }
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// An expression that says how stays, whatever is configured.
    fn is_as_good(&self, wanted: &Argument, found: &Argument) -> bool {
        let is_how = role(self.head(), wanted) == Role::How;
        wanted.is_same(found) || (is_how && found.is_dynamic && found.name == wanted.name)
    }

    fn verdict(&self, found: &Invocation) -> Verdict {
        let name = self.name.clone();
        if found.head != self.head() {
            let words = self.words.iter().cloned().map(NewWord::New).collect();
            return Verdict::Rewrite { name, words };
        }
        if self.says(&self.invocation.arguments, &found.arguments) {
            return Verdict::InStep { name };
        }
        Verdict::Rewrite { name, words: self.words_for(found) }
    }

    /// The words of a command as they should be: what runs it and the tool as they are, then what is
    /// configured, then what says how.
    fn words_for(&self, found: &Invocation) -> Vec<NewWord> {
        let kept = |range: &Range<usize>| range.clone().map(NewWord::Kept);
        let is_between = |argument: &&Argument| argument.words.start <= found.last_of_head;
        let wanted = &self.invocation.arguments;
        let stays = |argument: &&Argument| {
            let is_how = role(self.head(), argument) == Role::How;
            let is_configured = wanted.iter().any(|one| one.name == argument.name);
            is_how && (!is_configured || argument.is_dynamic)
        };
        let mut words = Vec::new();
        for at in found.words.start..=found.last_of_head {
            let goes = found
                .arguments
                .iter()
                .filter(is_between)
                .any(|argument| argument.words.contains(&at) && !stays(&argument));
            if !goes {
                words.push(NewWord::Kept(at));
            }
        }
        for argument in wanted {
            let is_kept_anyway =
                found.arguments.iter().any(|one| one.is_dynamic && self.is_as_good(argument, one));
            if is_kept_anyway {
                continue;
            }
            let same = found.arguments.iter().find(|one| one.is_same(argument) && !is_between(one));
            if let Some(one) = same {
                words.extend(kept(&one.words));
            } else {
                let own = argument.words.clone().filter_map(|at| self.words.get(at).cloned());
                words.extend(own.map(NewWord::New));
            }
        }
        let behind = found.arguments.iter().filter(|argument| !is_between(argument)).filter(stays);
        words.extend(behind.flat_map(|argument| kept(&argument.words)));
        words
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(commands: &[(&str, &str)], former: &[(&str, &str)]) -> Settings {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let commands: BTreeMap<String, String> = commands.iter().map(owned).collect();
        let former = former.iter().map(owned).map(|(name, text)| (name, vec![text])).collect();
        Settings { commands, former, ..Settings::default() }
    }

    /// What a command becomes: its text, or `=NAME` where it is in step, or `(why)`.
    fn outcome(settings: &Settings, text: &str, mark: Option<&Mark>) -> String {
        let canonicals = canonicals(settings).unwrap();
        let masks = shell::templates(text, shell::Template::Expressions);
        let script = shell::parse(text, &masks);
        let words = &script.commands[0].words;
        let invocation = invocation(words).unwrap();
        match judge(&Found { invocation: &invocation, mark }, &canonicals) {
            None => "-".to_owned(),
            Some(Verdict::InStep { name }) => format!("={name}"),
            Some(Verdict::Left(reason)) => format!("({reason})"),
            Some(Verdict::Rewrite { words: new, .. }) => {
                let one = |word: &NewWord| match word {
                    NewWord::Kept(at) => text[words[*at].range.clone()].to_owned(),
                    NewWord::New(text) => text.clone(),
                };
                new.iter().map(one).collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Configured commands, one that is found, and what becomes of it.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

    #[test]
    fn table_of_the_rule() {
        let plain =
            [("uv", "uv sync --all-extras --dev"), ("pip", "pip install -r requirements.txt")];
        let table: [Case<'_>; 29] = [
            (&plain, "uv sync", "uv sync --all-extras --dev"),
            (&plain, "uv sync --dev", "uv sync --all-extras --dev"),
            (&plain, "uv sync --dev --all-extras", "=uv"),
            (&plain, "uv sync --all-groups", "uv sync --all-extras --dev"),
            (&plain, "uv sync -q --dev -p 3.12", "uv sync --all-extras --dev -q -p 3.12"),
            (&plain, "uv --quiet sync --dev", "uv --quiet sync --all-extras --dev"),
            (
                &plain,
                "uv sync --python ${{ matrix.python }}",
                "uv sync --all-extras --dev --python ${{ matrix.python }}",
            ),
            (&plain, "uv sync ${{ inputs.flags }}", "(only known when it runs)"),
            (&plain, "uv sync $FLAGS", "(only known when it runs)"),
            (&plain, "uv sync --group docs", "(a selection of its own: `--group docs`)"),
            (&plain, "uv sync --only-group lint", "(a selection of its own: `--only-group lint`)"),
            (&plain, "uv sync --package web --dev", "(a selection of its own: `--package web`)"),
            (&plain, "uv --directory sub sync", "(a selection of its own: `--directory sub`)"),
            (&plain, "uv sync --locked", "(a selection of its own: `--locked`)"),
            (&plain, "uv sync --frozen --no-dev", "(a selection of its own: `--frozen`)"),
            (&plain, "uv sync --extra docs", "(a selection of its own: `--extra docs`)"),
            (&plain, "uv sync --new-option", "(a selection of its own: `--new-option`)"),
            (&plain, "uv run pytest", "-"),
            (&plain, "python -m pip install -r requirements.txt -q", "=pip"),
            (
                &plain,
                "pip install -r docs/requirements.txt",
                "(a selection of its own: `--requirement docs/requirements.txt`)",
            ),
            (&plain, "pip install --upgrade pip", "(a selection of its own: `pip`)"),
            (&plain, "pip install .", "(a selection of its own: `.`)"),
            (&plain, "pip download -r requirements.txt", "(no `pip download` is configured)"),
            (
                &[("uv", "uv sync --locked --dev"), ("docs", "uv sync --locked --group docs")],
                "uv sync --group docs",
                "uv sync --locked --group docs",
            ),
            (
                &[("uv", "uv sync --locked --dev"), ("docs", "uv sync --locked --group docs")],
                "uv sync --dev",
                "uv sync --locked --dev",
            ),
            (
                &[("uv", "uv sync --locked --dev"), ("docs", "uv sync --locked --group docs")],
                "uv sync --locked",
                "uv sync --locked --dev",
            ),
            (
                &[("a", "uv sync --dev"), ("b", "uv sync --all-extras")],
                "uv sync",
                "(it could follow a or b; say which: `# instep: use NAME`)",
            ),
            (&[("uv", "uv sync --python 3.13")], "uv sync --python 3.12", "uv sync --python 3.13"),
            (&[("uv", "uv sync --python 3.13")], "uv sync --python ${{ matrix.python }}", "=uv"),
        ];
        for (commands, text, expected) in table {
            assert_eq!(outcome(&settings(commands, &[]), text, None), expected, "{text}");
        }
    }

    #[test]
    fn marks_and_what_was_configured_before_decide() {
        let now = [
            ("uv", "uv sync --dev"),
            ("docs", "uv sync --group docs"),
            ("pip", "pip install -r b.txt"),
        ];
        let settings = settings(
            &now,
            &[("uv", "uv sync --locked --group all"), ("pip", "pip install -r a.txt")],
        );
        let docs = Mark::Use("docs".into());
        let table = [
            ("uv sync --group all --locked -q", None, "uv sync --dev -q"),
            ("pip install -q -r a.txt", None, "pip install -r b.txt -q"),
            ("pip install -r c.txt", None, "(a selection of its own: `--requirement c.txt`)"),
            ("uv sync --dev -q", Some(&docs), "uv sync --group docs -q"),
            ("pip install -r x.txt", Some(&docs), "uv sync --group docs"),
            ("uv sync", Some(&Mark::Ignore), "(marked `instep: ignore`)"),
            ("uv run x", Some(&docs), "-"),
        ];
        for (text, mark, expected) in table {
            assert_eq!(outcome(&settings, text, mark), expected, "{text}");
        }
        let nobody = Mark::Use("nobody".into());
        assert_eq!(
            outcome(&settings, "uv sync", Some(&nobody)),
            "(marked `instep: use nobody`, which is not configured)"
        );
    }

    #[test]
    fn a_configured_command_is_one_and_known() {
        for text in [
            "",
            "uv",
            "uv sync && x",
            "A=b uv sync",
            "uv sync $X",
            "sudo uv sync",
            "uv sync # x",
            "uv sync 'x",
        ] {
            let error = canonicals(&settings(&[("uv", text)], &[])).unwrap_err();
            assert!(matches!(error, Error::Command { .. }), "{text}");
        }
    }
}
