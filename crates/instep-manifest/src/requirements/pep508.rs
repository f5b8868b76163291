//! Requirements and markers as PEP 508 has them, one at a time.
//!
//! The parser is that of `pep508_rs` 0.9. It panics at a few texts that a file may well hold, so
//! those are found and refused before it sees them.

use std::str::FromStr;

use pep508_rs::{MarkerTree, PackageName, Requirement};

use super::parse::Fault;
use super::problem::LineProblem;
use super::target::Target;

/// How deep parentheses of a marker may be nested: each level is a call, and the stack has an end.
const DEEPEST: usize = 64;

/// Reads one requirement as [PEP 508](https://peps.python.org/pep-0508/) has it: `name[extra]>=1 ;
/// marker`, or `name @ url`. It is not a line: comments, options and variables mean nothing in it.
///
/// # Errors
///
/// What is wrong with it.
pub fn requirement(text: &str) -> Result<Requirement<Target>, LineProblem> {
    parse_requirement(text, 0).map_err(|fault| fault.problem)
}

/// Reads what stands behind the `;` of a requirement.
///
/// # Errors
///
/// What is wrong with it.
pub fn marker(text: &str) -> Result<MarkerTree, LineProblem> {
    parse_marker(text, 0).map_err(|fault| fault.problem)
}

/// A normalised name; `None` for what is none.
pub(super) fn name(text: &str) -> Option<PackageName> {
    // The empty text is a name for the parser.
    if text.is_empty() { None } else { PackageName::from_str(text).ok() }
}

/// Reads a requirement that begins at byte `at` of its line.
pub(super) fn parse_requirement(text: &str, at: usize) -> Result<Requirement<Target>, Fault> {
    check_names(text, at)?;
    if let Some(start) = marker_start(text) {
        check_marker(text.get(start..).unwrap_or_default(), at + start)?;
    }
    Requirement::from_str(text).map_err(|error| {
        let start = at + error.start;
        let problem = LineProblem::Requirement(error.message.to_string());
        Fault { at: start..start + error.len, problem }
    })
}

/// Reads a marker that begins at byte `at` of its line.
pub(super) fn parse_marker(text: &str, at: usize) -> Result<MarkerTree, Fault> {
    check_marker(text, at)?;
    MarkerTree::from_str(text).map_err(|error| {
        let start = at + error.start;
        let problem = LineProblem::Marker(error.message.to_string());
        Fault { at: start..start + error.len, problem }
    })
}

/// Refuses names and extras that end in a separator and are followed by something.
fn check_names(text: &str, at: usize) -> Result<(), Fault> {
    let (name, rest) = split_name(text);
    check_end(name, at)?;
    let behind = rest.trim_start();
    let Some(extras) = behind.strip_prefix('[') else { return Ok(()) };
    let extras = extras.split(']').next().unwrap_or_default();
    let mut start = at + text.len() - behind.len() + 1;
    for part in extras.split(',') {
        let extra = part.trim_start();
        check_end(split_name(extra).0, start + part.len() - extra.len())?;
        start += part.len() + 1;
    }
    Ok(())
}

fn check_end(name: &str, at: usize) -> Result<(), Fault> {
    if name.ends_with(['-', '_', '.']) {
        let end = at + name.len();
        return Err(Fault { at: end - 1..end, problem: LineProblem::NameEnd });
    }
    Ok(())
}

/// Refuses letters that PEP 508 does not have in markers, by which the parser cuts a text in the
/// midst of a letter, and parentheses that are nested too deeply.
fn check_marker(text: &str, at: usize) -> Result<(), Fault> {
    let mut depth: usize = 0;
    for (position, letter) in text.char_indices() {
        let fault = |problem| {
            let start = at + position;
            Err(Fault { at: start..start + letter.len_utf8(), problem })
        };
        if !letter.is_ascii() {
            return fault(LineProblem::MarkerLetter(letter));
        }
        match letter {
            '(' if depth == DEEPEST => return fault(LineProblem::MarkerDepth),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Where the marker of a requirement begins at the earliest. In a URL, a `;` is one of its letters
/// unless white space is before it.
fn marker_start(text: &str) -> Option<usize> {
    let in_url = is_direct_reference(text);
    let mut separators = text.match_indices(';').map(|(position, _)| position);
    let separator = separators.find(|&position| {
        let before = text.get(..position).unwrap_or_default();
        !in_url || before.ends_with(char::is_whitespace)
    });
    separator.map(|position| position + 1)
}

/// The letters that a name can have, and the rest.
fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| {
        !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// `name @` or `name[extras] @`.
pub(super) fn is_direct_reference(text: &str) -> bool {
    behind_name(text).is_some_and(|rest| rest.starts_with('@'))
}

/// `name ==` or `name[extras] >`, and so no path, whatever follows.
pub(super) fn has_specifier(text: &str) -> bool {
    const COMPARISONS: [&str; 6] = ["==", "!=", "~=", ">=", "<", ">"];
    behind_name(text)
        .is_some_and(|rest| COMPARISONS.iter().any(|comparison| rest.starts_with(comparison)))
}

/// What follows the name and the extras that a text begins with.
fn behind_name(text: &str) -> Option<&str> {
    let (name, rest) = split_name(text);
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[').and_then(|extras| extras.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => rest,
    };
    name.starts_with(|first: char| first.is_ascii_alphanumeric()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn what_the_parser_panics_at_is_refused() {
        let deep = ["a ; ", &"(".repeat(100_000)].concat();
        let table: [(&str, Range<usize>); 8] = [
            ("a- ==1", 1..2),
            ("a[b, c_ ]", 6..7),
            ("a.;os_name=='nt'", 1..2),
            ("a ; os_name == 'nt' h\u{8c}x", 21..23),
            ("a;os_name=='nt'é", 15..17),
            ("a ; os_name == 'é'", 16..18),
            ("a @ https://h/é;é ; os_name == 'nt' é", 38..40),
            (&deep, 4 + DEEPEST..5 + DEEPEST),
        ];
        for (text, at) in table {
            let fault = parse_requirement(text, 0).unwrap_err();
            assert_eq!(fault.at, at, "{text:.60}: {:?}", fault.problem);
        }
    }

    #[test]
    fn what_only_looks_like_that_is_read() {
        for text in [
            "a @ https://h/é;é",
            "a @ https://h/é;é ; os_name == 'nt'",
            "a ; (os_name == '((' or (os_name == 'x')) and os_name != ')'",
        ] {
            assert!(requirement(text).is_ok(), "{text}");
        }
        assert_eq!(name(""), None);
    }
}
