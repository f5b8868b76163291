//! A tool's command: what it is beside what runs it, and what each of its arguments is for.

use std::ops::Range;

use crate::syntax::shell::Word;

/// A command of a tool, found among words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The tool and what it is to do, as in `uv sync`.
    pub(crate) head: String,
    /// The words from the tool's own on: what is before them runs it.
    pub(crate) words: Range<usize>,
    /// The words between the tool and what it is to do, and those behind that.
    pub(crate) arguments: Vec<Argument>,
    /// The word behind which arguments begin.
    pub(crate) last_of_head: usize,
}

/// An option with its value, or a word by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The option's long name; empty for a word by itself.
    pub(crate) name: String,
    /// `None` where there is none, or it is known only when it runs.
    pub(crate) value: Option<String>,
    pub(crate) is_dynamic: bool,
    /// Which words it is written in.
    pub(crate) words: Range<usize>,
}

/// What an argument is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It says how, and not what: it survives.
    How,
    /// It asks for everything of a kind.
    All,
    /// It selects what is installed, where, or from what.
    Selection,
}

impl Argument {
    /// Whether both ask for the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        !self.is_dynamic
            && !other.is_dynamic
            && self.name == other.name
            && self.value == other.value
    }

    /// As it is told to people.
    pub(crate) fn text(&self) -> String {
        match (&*self.name, &self.value) {
            ("", Some(value)) => value.clone(),
            ("", None) => "an expression".to_owned(),
            (name, Some(value)) => [name, " ", value].concat(),
            (name, None) => name.to_owned(),
        }
    }
}

/// Options of one command: the long name, its short one, whether a value follows, and what it is for.
type Options = &'static [(&'static str, &'static str, bool, Role)];

use Role::{All, How, Selection};

/// `uv sync --help`, and uv's global options.
const UV_SYNC: Options = &[
    ("--all-extras", "", false, All),
    ("--all-groups", "", false, All),
    ("--dev", "", false, All),
    ("--python", "-p", true, How),
    ("--quiet", "-q", false, How),
    ("--verbose", "-v", false, How),
    ("--no-progress", "", false, How),
    ("--color", "", true, How),
    ("--native-tls", "", false, How),
    ("--system-certs", "", false, How),
    ("--offline", "", false, How),
    ("--no-cache", "-n", false, How),
    ("--cache-dir", "", true, How),
    ("--refresh", "", false, How),
    ("--refresh-package", "", true, How),
    ("--reinstall", "", false, How),
    ("--reinstall-package", "", true, How),
    ("--link-mode", "", true, How),
    ("--compile-bytecode", "", false, How),
    ("--no-compile-bytecode", "", false, How),
    ("--python-preference", "", true, How),
    ("--managed-python", "", false, How),
    ("--no-managed-python", "", false, How),
    ("--no-python-downloads", "", false, How),
    ("--allow-insecure-host", "", true, How),
    ("--index", "", true, How),
    ("--default-index", "", true, How),
    ("--index-url", "-i", true, How),
    ("--extra-index-url", "", true, How),
    ("--find-links", "-f", true, How),
    ("--index-strategy", "", true, How),
    ("--keyring-provider", "", true, How),
    ("--preview", "", false, How),
    ("--preview-features", "", true, How),
    ("--config-setting", "-C", true, How),
    ("--config-file", "", true, How),
    ("--no-config", "", false, How),
    ("--no-build-isolation", "", false, How),
    ("--extra", "", true, Selection),
    ("--no-extra", "", true, Selection),
    ("--group", "", true, Selection),
    ("--no-group", "", true, Selection),
    ("--only-group", "", true, Selection),
    ("--package", "", true, Selection),
    ("--directory", "", true, Selection),
    ("--project", "", true, Selection),
    ("--script", "", true, Selection),
    ("--upgrade-package", "-P", true, Selection),
    ("--no-install-package", "", true, Selection),
    ("--no-binary-package", "", true, Selection),
    ("--no-build-package", "", true, Selection),
    ("--resolution", "", true, Selection),
    ("--prerelease", "", true, Selection),
    ("--exclude-newer", "", true, Selection),
    ("--python-platform", "", true, Selection),
    ("--output-format", "", true, Selection),
];

/// `pip install --help`, and pip's general options; also for `uv pip install`.
const PIP_INSTALL: Options = &[
    ("--quiet", "-q", false, How),
    ("--verbose", "-v", false, How),
    ("--no-cache-dir", "", false, How),
    ("--cache-dir", "", true, How),
    ("--progress-bar", "", true, How),
    ("--no-color", "", false, How),
    ("--no-input", "", false, How),
    ("--disable-pip-version-check", "", false, How),
    ("--no-python-version-warning", "", false, How),
    ("--root-user-action", "", true, How),
    ("--break-system-packages", "", false, How),
    ("--no-warn-script-location", "", false, How),
    ("--require-virtualenv", "", false, How),
    ("--isolated", "", false, How),
    ("--log", "", true, How),
    ("--proxy", "", true, How),
    ("--retries", "", true, How),
    ("--timeout", "", true, How),
    ("--exists-action", "", true, How),
    ("--trusted-host", "", true, How),
    ("--cert", "", true, How),
    ("--client-cert", "", true, How),
    ("--use-feature", "", true, How),
    ("--use-pep517", "", false, How),
    ("--keyring-provider", "", true, How),
    ("--index-url", "-i", true, How),
    ("--extra-index-url", "", true, How),
    ("--prefer-binary", "", false, How),
    ("--no-compile", "", false, How),
    ("--user", "", false, How),
    ("--system", "", false, How),
    ("--no-cache", "-n", false, How),
    ("--python", "-p", true, How),
    ("--requirement", "-r", true, Selection),
    ("--constraint", "-c", true, Selection),
    ("--editable", "-e", true, Selection),
    ("--upgrade", "-U", false, Selection),
    ("--find-links", "-f", true, Selection),
    ("--target", "-t", true, Selection),
    ("--prefix", "", true, Selection),
    ("--root", "", true, Selection),
    ("--group", "", true, Selection),
    ("--platform", "", true, Selection),
    ("--python-version", "", true, Selection),
    ("--implementation", "", true, Selection),
    ("--abi", "", true, Selection),
    ("--only-binary", "", true, Selection),
    ("--no-binary", "", true, Selection),
    ("--upgrade-strategy", "", true, Selection),
    ("--src", "", true, Selection),
    ("--extra", "", true, Selection),
];

/// What is known of a command's options; of others, nothing.
fn options(head: &str) -> Options {
    match head {
        "uv sync" => UV_SYNC,
        "pip install" | "uv pip install" | "uv pip sync" => PIP_INSTALL,
        _ => &[],
    }
}

/// What an argument of a command is for. What is not known selects.
pub(crate) fn role(head: &str, argument: &Argument) -> Role {
    let known = options(head).iter().find(|(long, ..)| *long == argument.name);
    known.map_or(Selection, |(.., role)| *role)
}

/// Commands that are worth a line where nothing of their kind is configured.
pub(crate) const KNOWN: [&str; 6] =
    ["uv sync", "uv pip install", "uv pip sync", "pip install", "pip download", "pip wheel"];

/// Programs that run what follows them, and which of their options take a value.
const WRAPPERS: [(&str, &[&str]); 8] = [
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-T", "-D", "-R"]),
    ("env", &["-u", "-C", "-S"]),
    ("time", &["-f", "-o"]),
    ("nice", &["-n"]),
    ("exec", &["-a"]),
    ("command", &[]),
    ("nohup", &[]),
    ("timeout", &["-k", "-s"]),
];

/// Finds a tool's command among the words of a shell's.
pub(crate) fn invocation(words: &[Word]) -> Option<Invocation> {
    let first = behind_wrappers(words)?;
    let value = |at: usize| words.get(at).and_then(|word| word.value.as_deref());
    let program = value(first)?.rsplit(['/', '\\']).next()?.trim_end_matches(".exe");
    let (tool, mut at) = if is_numbered(program, "pip") {
        ("pip", first + 1)
    } else if (is_numbered(program, "python") || program == "py")
        && value(first + 1) == Some("-m")
        && value(first + 2) == Some("pip")
    {
        ("pip", first + 3)
    } else {
        (program, first + 1)
    };
    // Options between the tool and what it is to do.
    let between = at;
    let globals = options(if tool == "uv" { "uv sync" } else { "pip install" });
    while let Some(word) = value(at).filter(|word| word.starts_with('-')) {
        at += 1 + usize::from(!word.contains('=') && takes_value(globals, word));
    }
    let mut head = [tool, " ", value(at)?].concat();
    let mut last = at;
    if matches!(&*head, "uv pip" | "uv python") {
        last = at + 1;
        head = [&head, " ", value(last)?].concat();
    }
    let known = options(&head);
    let mut arguments = arguments(globals, words, between..at);
    arguments.extend(self::arguments(known, words, last + 1..words.len()));
    Some(Invocation { head, words: first..words.len(), arguments, last_of_head: last })
}

fn behind_wrappers(words: &[Word]) -> Option<usize> {
    let value = |at: usize| words.get(at).and_then(|word| word.value.as_deref());
    let mut at = 0;
    loop {
        let word = value(at)?;
        let Some((name, with_value)) = WRAPPERS.iter().find(|(name, _)| *name == word) else {
            return Some(at);
        };
        at += 1;
        while let Some(word) = value(at) {
            let is_assignment = *name == "env" && word.contains('=');
            let is_duration =
                *name == "timeout" && word.starts_with(|char: char| char.is_ascii_digit());
            if !word.starts_with('-') && !is_assignment && !is_duration {
                break;
            }
            at += 1 + usize::from(with_value.contains(&word));
        }
    }
}

/// `python`, `python3`, `python3.12`.
fn is_numbered(program: &str, name: &str) -> bool {
    program
        .strip_prefix(name)
        .is_some_and(|rest| rest.chars().all(|char| char.is_ascii_digit() || char == '.'))
}

fn takes_value(known: Options, word: &str) -> bool {
    known.iter().any(|(long, short, takes, _)| *takes && (*long == word || *short == word))
}

fn arguments(known: Options, words: &[Word], range: Range<usize>) -> Vec<Argument> {
    let mut found = Vec::new();
    let mut at = range.start;
    while let Some(word) = words.get(at).filter(|_| at < range.end) {
        let start = at;
        at += 1;
        let Some(text) = word.value.as_deref() else {
            let name = String::new();
            found.push(Argument { name, value: None, is_dynamic: true, words: start..at });
            continue;
        };
        if !text.starts_with('-') || text == "-" {
            let value = Some(text.to_owned());
            let name = String::new();
            found.push(Argument { name, value, is_dynamic: false, words: start..at });
            continue;
        }
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let of_name = known.iter().find(|(long, short, ..)| *long == name || *short == name);
        // `-rFILE` is `-r FILE`.
        let of_short = || {
            let short = name.get(..2).filter(|_| !name.starts_with("--") && name.len() > 2)?;
            let known = known.iter().find(|(_, known, takes, _)| *takes && *known == short)?;
            Some((known, name.get(2..)?.to_owned()))
        };
        let (long, value, takes) = match (of_name, of_short()) {
            (Some((long, _, takes, _)), _) => (*long, attached, *takes),
            (None, Some(((long, ..), value))) => (*long, Some(value), true),
            (None, None) => (name, attached, false),
        };
        let mut argument =
            Argument { name: long.to_owned(), value, is_dynamic: false, words: start..at };
        if takes
            && argument.value.is_none()
            && let Some(word) = words.get(at).filter(|_| at < range.end)
        {
            at += 1;
            argument.value.clone_from(&word.value);
            argument.is_dynamic = word.value.is_none();
            argument.words = start..at;
        }
        found.push(argument);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::shell::parse;

    fn read(text: &str) -> Option<(String, Vec<String>)> {
        let script = parse(text, &[]);
        let found = invocation(&script.commands.first()?.words)?;
        Some((found.head, found.arguments.iter().map(Argument::text).collect()))
    }

    #[test]
    fn the_tool_is_found_behind_what_runs_it() {
        let table: [(&str, &str, &[&str]); 14] = [
            ("uv sync --dev", "uv sync", &["--dev"]),
            ("sudo -E -u root uv sync", "uv sync", &[]),
            ("env -u X A=b uv sync", "uv sync", &[]),
            ("timeout -k 5 10m uv sync", "uv sync", &[]),
            (
                "uv --quiet --directory sub sync -p 3.12",
                "uv sync",
                &["--quiet", "--directory sub", "--python 3.12"],
            ),
            ("uv sync --extra=a --extra b", "uv sync", &["--extra a", "--extra b"]),
            ("python3.12 -m pip install -rx.txt", "pip install", &["--requirement x.txt"]),
            (
                ".venv/bin/pip install -r x.txt -q",
                "pip install",
                &["--requirement x.txt", "--quiet"],
            ),
            ("pip3 install --upgrade pip", "pip install", &["--upgrade", "pip"]),
            ("uv pip install -r x.txt", "uv pip install", &["--requirement x.txt"]),
            ("pip download -d w -r x.txt", "pip download", &["-d", "w", "-r", "x.txt"]),
            ("poetry install --with dev", "poetry install", &["--with", "dev"]),
            ("uv sync $OPTIONS", "uv sync", &["an expression"]),
            ("uv sync --new-option", "uv sync", &["--new-option"]),
        ];
        for (text, head, arguments) in table {
            let (found, rest) = read(text).unwrap();
            assert_eq!(
                (found.as_str(), rest.iter().map(String::as_str).collect()),
                (head, arguments.to_vec()),
                "{text}"
            );
        }
        assert_eq!(read("$UV sync"), None);
        assert_eq!(read("uv"), None);
    }
}
