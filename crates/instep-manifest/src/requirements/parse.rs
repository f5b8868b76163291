//! From the text of a requirements file to what its lines say.

use std::ops::Range;

use camino::Utf8Path;
use pep508_rs::VersionOrUrl;

use super::line::{Line, LineKind};
use super::logical::{self, Logical};
use super::options::{self, Given, Scope};
use super::pep508::{has_specifier, is_direct_reference, parse_requirement};
use super::place::{Place, is_place};
use super::problem::LineProblem;
use super::target::mask_credentials;
use crate::error::Error;

/// What is wrong with a line, and where in its logical text, in bytes.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) problem: LineProblem,
}

/// Reads the text of a requirements file, in the order of its lines. `path` is for messages alone:
/// no file is opened.
///
/// `${NAME}` is replaced by what `variables` gives for `NAME` (upper-case letters, digits and `_`);
/// without a value, or with an empty one, it stays.
///
/// # Errors
///
/// [`Error::Requirement`] for the first line that cannot be understood.
pub fn parse(
    text: &str,
    path: &Utf8Path,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for logical in logical::lines(text, variables) {
        let kinds =
            parse_line(&logical.text).map_err(|fault| locate(fault, &logical, text, path))?;
        lines.extend(kinds.into_iter().map(|kind| Line {
            number: logical.number,
            span: logical.span.clone(),
            text: text.get(logical.span.clone()).unwrap_or_default().to_owned(),
            variables: logical.variables.clone(),
            kind,
        }));
    }
    Ok(lines)
}

/// Most lines say one thing; several options may stand on one.
fn parse_line(text: &str) -> Result<Vec<LineKind>, Fault> {
    let begin = options::begin(text);
    let options = options::parse(text, begin)?;
    let head = text.get(..begin).unwrap_or_default().trim_end();
    if head.is_empty() { parse_options(options) } else { Ok(vec![parse_head(head, &options)?]) }
}

fn parse_head(head: &str, options: &[Given<'_>]) -> Result<LineKind, Fault> {
    let (hashes, settings) = attached(options)?;
    if !is_direct_reference(head) && !has_specifier(head) && is_place(head) {
        return Ok(LineKind::Path { place: Place::parse(head, 0)?, hashes, settings });
    }
    Ok(LineKind::Requirement { requirement: parse_requirement(head, 0)?, hashes, settings })
}

/// A line of options: an editable with what is attached to it, or options for the whole file.
fn parse_options(options: Vec<Given<'_>>) -> Result<Vec<LineKind>, Fault> {
    if let Some((editable, others)) = options.split_first()
        && editable.scope == Scope::Editable
    {
        let (hashes, settings) = attached(others)?;
        let place = parse_editable(editable)?;
        return Ok(vec![LineKind::Editable { place, hashes, settings }]);
    }
    options.into_iter().map(parse_option).collect()
}

fn parse_option(option: Given<'_>) -> Result<LineKind, Fault> {
    let name = option.name.to_owned();
    let value = option.value.unwrap_or_default();
    match option.scope {
        Scope::Include => Ok(LineKind::Include { path: value }),
        Scope::Constraint => Ok(LineKind::Constraint { path: value }),
        Scope::File => Ok(LineKind::Option { name, value: (!value.is_empty()).then_some(value) }),
        Scope::Hash | Scope::Requirement => {
            Err(Fault { at: option.at, problem: LineProblem::NoRequirement(name) })
        }
        Scope::Editable => Err(Fault { at: option.at, problem: LineProblem::OwnLine(name) }),
    }
}

fn parse_editable(option: &Given<'_>) -> Result<Place, Fault> {
    let text = option.value.as_deref().unwrap_or_default();
    // Past the quotation mark, if there is one.
    let at = option.value_at.start + (option.value_at.len() - text.len()) / 2;
    if !is_direct_reference(text) {
        return Place::parse(text, at);
    }
    let requirement = parse_requirement(text, at)?;
    let Some(VersionOrUrl::Url(target)) = requirement.version_or_url else {
        return Place::parse(text, at);
    };
    Ok(Place {
        name: Some(requirement.name),
        target,
        extras: requirement.extras,
        marker: requirement.marker,
    })
}

/// Hashes, and other options with their values.
type Attached = (Vec<String>, Vec<(String, String)>);

fn attached(options: &[Given<'_>]) -> Result<Attached, Fault> {
    let mut hashes = Vec::new();
    let mut settings = Vec::new();
    for option in options {
        let value = option.value.clone().unwrap_or_default();
        match option.scope {
            Scope::Hash if is_hash(&value) => hashes.push(value),
            Scope::Hash => {
                return Err(Fault { at: option.value_at.clone(), problem: LineProblem::Hash });
            }
            Scope::Editable | Scope::Include | Scope::Constraint => {
                let problem = LineProblem::OwnLine(option.name.to_owned());
                return Err(Fault { at: option.at.clone(), problem });
            }
            Scope::Requirement | Scope::File => settings.push((option.name.to_owned(), value)),
        }
    }
    Ok((hashes, settings))
}

fn is_hash(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digest)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !digest.is_empty()
            && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Says where a fault is in the file: line and column as an editor shows them.
fn locate(fault: Fault, logical: &Logical, text: &str, path: &Utf8Path) -> Error {
    let source = logical.source(&fault.at);
    let before = text.get(..source.start).unwrap_or_default();
    let line_start = before.rfind(['\n', '\r']).map_or(0, |position| position + 1);
    let line = text.get(line_start..).unwrap_or_default();
    let line = line.split(['\n', '\r']).next().unwrap_or_default();
    let characters =
        |from: usize, to: usize| text.get(from..to).unwrap_or_default().chars().count();
    let end = source.end.min(line_start + line.len());
    Error::Requirement {
        path: path.to_owned(),
        line: 1 + line_breaks(before),
        column: 1 + characters(line_start, source.start),
        length: characters(source.start, end).max(1),
        source_line: mask_credentials(line),
        problem: if logical.is_expanded(&fault.at) { LineProblem::Expanded } else { fault.problem },
    }
}

/// `\n`, `\r` and `\r\n` each break one line.
fn line_breaks(text: &str) -> usize {
    text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count()
}

#[cfg(test)]
mod tests;
