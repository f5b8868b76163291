//! tree-sitter, kept within its bounds: its grammars are written in C, and what they were not made for must
//! not reach them.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{ParseOptions, Parser, Tree};

use crate::problem::Invalid;

/// A file that somebody wrote takes milliseconds.
const LONGEST: Duration = Duration::from_secs(5);
/// How many brackets may be open.
const BRACKETS: usize = 1000;
/// How many levels of indentation may be open. The YAML scanner keeps at most 253, two for each of ours.
const LEVELS: usize = 120;
/// The YAML scanner counts lines and columns in 16 bits.
const LINES: usize = 32_000;

/// Parses a text; `None` where that takes too long.
pub(crate) fn parse(parser: &mut Parser, text: &str) -> Option<Tree> {
    let started = Instant::now();
    let mut watch = |_: &tree_sitter::ParseState| {
        if started.elapsed() > LONGEST { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut watch);
    let bytes = text.as_bytes();
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    if tree.is_none() {
        // It would go on where it was stopped.
        parser.reset();
    }
    tree
}

/// Whether a script is one that the grammar can read.
pub(crate) fn is_within_bounds(text: &str) -> bool {
    brackets(text).is_ok()
}

/// Whether a YAML file is one that the scanner can read.
///
/// # Errors
///
/// [`Invalid`] with the first line that is too much.
pub(crate) fn check_yaml(text: &str) -> Result<(), Invalid> {
    let deep = |line| Invalid { line, what: "it is nested too deeply" };
    brackets(text).map_err(deep)?;
    let mut open: Vec<usize> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        if number > LINES {
            return Err(Invalid { line: number, what: "it has too many lines" });
        }
        if line.len() > LINES {
            return Err(Invalid { line: number, what: "the line is too long" });
        }
        let mut rest = line.trim_start_matches([' ', '\t']);
        let mut column = line.len() - rest.len();
        if rest.trim().is_empty() {
            continue;
        }
        open.retain(|level| *level < column);
        open.push(column);
        // `- - key` opens a level with each of them.
        while let Some(inner) =
            rest.strip_prefix(['-', '?', ':']).filter(|inner| inner.starts_with([' ', '\t']))
        {
            let trimmed = inner.trim_start_matches([' ', '\t']);
            column += 1 + inner.len() - trimmed.len();
            open.push(column);
            rest = trimmed;
        }
        if open.len() > LEVELS {
            return Err(deep(number));
        }
    }
    Ok(())
}

/// The line on which too many brackets are open, whatever they are for.
fn brackets(text: &str) -> Result<(), usize> {
    let (mut open, mut line) = (0_usize, 1);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS {
            return Err(line);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scanner_cannot_hold_is_told_with_its_line() {
        let staircase: String = (0..3000).map(|level| " ".repeat(level) + "- \n").collect();
        let table = [
            (staircase, Some(120)),
            ("a: ".to_owned() + &"- ".repeat(500), None),
            ("- ".repeat(500) + "x", Some(1)),
            ("? ".repeat(500) + "x", Some(1)),
            ("a: ".to_owned() + &"[".repeat(5000), Some(1)),
            ("a\n".repeat(40_000), Some(32_001)),
            ("\na: ".to_owned() + &"x".repeat(40_000), Some(2)),
            ("a:\n  - b: |\n      ".to_owned() + &" ".repeat(400) + "x\n  - c\n", None),
            ("a: [b, {c: d}]\n".repeat(2000), None),
        ];
        for (text, line) in table {
            let found = check_yaml(&text).err().map(|error| error.line);
            assert_eq!(found, line, "{}", text.get(..40).unwrap_or(&text));
        }
    }
}
