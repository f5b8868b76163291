//! The options of a line: which there are, and where each begins and ends.

use std::ops::Range;

use super::parse::Fault;
use super::problem::LineProblem;

/// What an option is for, and so where it may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// `-e`: it is a requirement itself.
    Editable,
    /// `-r`.
    Include,
    /// `-c`.
    Constraint,
    /// `--hash`, behind a requirement.
    Hash,
    /// For one requirement, behind it.
    Requirement,
    /// For the whole installation.
    File,
}

/// One option of a line.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// The long name, or as it is written when it is not known.
    pub(super) name: &'a str,
    pub(super) scope: Scope,
    /// The value, without quotation marks.
    pub(super) value: Option<String>,
    /// Where name and value stand in the line.
    pub(super) at: Range<usize>,
    /// Where the value stands in the line.
    pub(super) value_at: Range<usize>,
}

struct Known {
    long: &'static str,
    short: Option<char>,
    takes_value: bool,
    scope: Scope,
}

const fn known(long: &'static str, short: Option<char>, takes_value: bool, scope: Scope) -> Known {
    Known { long, short, takes_value, scope }
}

/// What pip knows (`SUPPORTED_OPTIONS` and `SUPPORTED_OPTIONS_REQ` of its `req_file.py`), newer and
/// older versions together.
const KNOWN: [Known; 19] = [
    known("--editable", Some('e'), true, Scope::Editable),
    known("--requirement", Some('r'), true, Scope::Include),
    known("--constraint", Some('c'), true, Scope::Constraint),
    known("--index-url", Some('i'), true, Scope::File),
    known("--pypi-url", None, true, Scope::File),
    known("--extra-index-url", None, true, Scope::File),
    known("--find-links", Some('f'), true, Scope::File),
    known("--no-index", None, false, Scope::File),
    known("--pre", None, false, Scope::File),
    known("--prefer-binary", None, false, Scope::File),
    known("--require-hashes", None, false, Scope::File),
    known("--no-binary", None, true, Scope::File),
    known("--only-binary", None, true, Scope::File),
    known("--trusted-host", None, true, Scope::File),
    known("--use-feature", None, true, Scope::File),
    known("--hash", None, true, Scope::Hash),
    known("--config-settings", Some('C'), true, Scope::Requirement),
    known("--config-setting", None, true, Scope::Requirement),
    known("--global-option", None, true, Scope::Requirement),
];

/// Two names of one thing.
const ALIASES: [(&str, &str); 2] =
    [("--pypi-url", "--index-url"), ("--config-setting", "--config-settings")];

/// Where the options of a line begin: at the first word that starts with `-`, as pip has it.
pub(super) fn begin(text: &str) -> usize {
    let mut before = ' ';
    for (position, letter) in text.char_indices() {
        if letter == '-' && before.is_whitespace() {
            return position;
        }
        before = letter;
    }
    text.len()
}

/// The options from `start` to the end of the line.
///
/// A long option that is not known is taken as it is, with all that follows as its value: a newer
/// pip or uv may know it, and it is for them to refuse it.
pub(super) fn parse(text: &str, start: usize) -> Result<Vec<Given<'_>>, Fault> {
    let mut options = Vec::new();
    let mut position = start;
    while position < text.len() {
        let end = end_of_option(text, position)?;
        let option = text.get(position..end).unwrap_or_default();
        options.push(parse_one(option.trim_end(), position)?);
        position = end;
    }
    Ok(options)
}

/// Where the next option begins: at a `-` behind white space outside of quotation marks.
fn end_of_option(text: &str, start: usize) -> Result<usize, Fault> {
    let mut quote: Option<(usize, char)> = None;
    let mut escaped = false;
    let mut before = '-';
    for (position, letter) in text.char_indices().skip_while(|&(position, _)| position <= start) {
        match quote {
            _ if escaped => escaped = false,
            Some((_, mark)) if letter == mark => quote = None,
            None if letter == '\\' => escaped = true,
            None if matches!(letter, '"' | '\'') => quote = Some((position, letter)),
            None if letter == '-' && before.is_whitespace() => return Ok(position),
            _ => {}
        }
        before = letter;
    }
    match quote {
        Some((position, _)) => {
            Err(Fault { at: position..position + 1, problem: LineProblem::OpenQuote })
        }
        None => Ok(text.len()),
    }
}

fn parse_one(option: &str, at: usize) -> Result<Given<'_>, Fault> {
    let name_end = option.find(|letter: char| letter == '=' || letter.is_whitespace());
    let (name, rest) = match option.strip_prefix("--") {
        Some(_) => option.split_at(name_end.unwrap_or(option.len())),
        // `-rfile` is `-r file`.
        None => option.split_at(option.char_indices().nth(2).map_or(option.len(), |(end, _)| end)),
    };
    let fault = |problem: fn(String) -> LineProblem| Fault {
        at: at..at + name.len(),
        problem: problem(name.to_owned()),
    };
    let known = KNOWN
        .iter()
        .find(|known| known.long == name || known.short.is_some_and(|short| is_short(name, short)));
    if known.is_none() && !name.starts_with("--") {
        return Err(fault(LineProblem::UnknownOption));
    }
    let raw = rest.strip_prefix('=').unwrap_or(rest).trim();
    let value_start = at + option.len() - raw.len();
    let scope = known.map_or(Scope::File, |known| known.scope);
    let value = if scope == Scope::Editable { unwrapped(raw).to_owned() } else { unquoted(raw) };
    match known.map(|known| known.takes_value) {
        Some(true) if value.is_empty() => return Err(fault(LineProblem::MissingValue)),
        Some(false) if !raw.is_empty() => return Err(fault(LineProblem::UnexpectedValue)),
        _ => {}
    }
    let long = known.map_or(name, |known| known.long);
    let canonical = ALIASES.iter().find(|(alias, _)| *alias == long).map_or(long, |(_, name)| name);
    Ok(Given {
        name: canonical,
        scope,
        value: (!value.is_empty()).then_some(value),
        at: at..at + option.len(),
        value_at: value_start..at + option.len(),
    })
}

fn is_short(name: &str, short: char) -> bool {
    name.strip_prefix('-').is_some_and(|rest| rest.chars().eq([short]))
}

/// Without the quotation marks around the whole; those inside are a marker's own.
fn unwrapped(raw: &str) -> &str {
    for mark in ['"', '\''] {
        let inner = raw.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        if let Some(inner) = inner
            && !inner.contains(mark)
        {
            return inner;
        }
    }
    raw
}

/// Without quotation marks and the backslashes that escape them or white space, as a shell would.
/// Other backslashes stay: they are Windows's separators.
fn unquoted(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut quote = None;
    let mut letters = raw.chars().peekable();
    while let Some(letter) = letters.next() {
        match quote {
            Some(mark) if letter == mark => quote = None,
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if letter == '\\' => {
                let escaped =
                    letters.next_if(|next| next.is_whitespace() || matches!(next, '"' | '\''));
                value.push(escaped.unwrap_or(letter));
            }
            _ => value.push(letter),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Vec<(String, Option<String>)> {
        parse(text, begin(text))
            .unwrap()
            .into_iter()
            .map(|option| (option.name.to_owned(), option.value))
            .collect()
    }

    #[test]
    fn table_of_options() {
        type Options = &'static [(&'static str, Option<&'static str>)];
        let table: [(&str, Options); 18] = [
            ("a==1", &[]),
            ("a-b==1", &[]),
            ("--pre", &[("--pre", None)]),
            ("-r x.txt", &[("--requirement", Some("x.txt"))]),
            ("-rx.txt", &[("--requirement", Some("x.txt"))]),
            ("-r   \"my file.txt\"", &[("--requirement", Some("my file.txt"))]),
            ("-r 'a -b.txt'", &[("--requirement", Some("a -b.txt"))]),
            ("-r my file.txt", &[("--requirement", Some("my file.txt"))]),
            ("-r my\\ file.txt", &[("--requirement", Some("my file.txt"))]),
            ("-r sub\\x.txt", &[("--requirement", Some("sub\\x.txt"))]),
            ("--requirement=x.txt", &[("--requirement", Some("x.txt"))]),
            ("--index-url=https://h/s?a=b", &[("--index-url", Some("https://h/s?a=b"))]),
            ("-i https://h", &[("--index-url", Some("https://h"))]),
            ("--no-index --find-links ./w", &[("--no-index", None), ("--find-links", Some("./w"))]),
            (
                "a==1 --hash=sha256:ab\t--hash sha256:cd",
                &[("--hash", Some("sha256:ab")), ("--hash", Some("sha256:cd"))],
            ),
            (
                "a -C k=v --config-setting=\"x=y z\"",
                &[("--config-settings", Some("k=v")), ("--config-settings", Some("x=y z"))],
            ),
            (
                "-e ./a ; python_version > \"3\"",
                &[("--editable", Some("./a ; python_version > \"3\""))],
            ),
            ("--new-option x y", &[("--new-option", Some("x y"))]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                .collect();
            assert_eq!(given(text), expected, "{text}");
        }
    }

    #[test]
    fn table_of_faults() {
        let table = [
            ("-x a", 0..2, LineProblem::UnknownOption("-x".to_owned())),
            ("-", 0..1, LineProblem::UnknownOption("-".to_owned())),
            ("a -é", 2..5, LineProblem::UnknownOption("-é".to_owned())),
            ("a --hash", 2..8, LineProblem::MissingValue("--hash".to_owned())),
            ("-r \"\"", 0..2, LineProblem::MissingValue("-r".to_owned())),
            ("--pre=x", 0..5, LineProblem::UnexpectedValue("--pre".to_owned())),
            ("-r \"a", 3..4, LineProblem::OpenQuote),
        ];
        for (text, at, problem) in table {
            let fault = parse(text, begin(text)).unwrap_err();
            assert_eq!((fault.at, fault.problem), (at, problem), "{text}");
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = "a --hash=sha256:ab";
        let options = parse(text, begin(text)).unwrap();
        assert_eq!(&text[options[0].value_at.clone()], "sha256:ab");
        assert_eq!(&text[options[0].at.clone()], "--hash=sha256:ab");
    }
}
