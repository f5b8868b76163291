//! An error as a person reads it: what, where, what now.

use std::error::Error as _;
use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::printer::{Printer, stderr_has_colour};

/// How many of a tool's last lines are shown.
const TAIL: usize = 15;

/// Prints an error.
pub(crate) fn print(printer: &Printer, environment: Option<&str>, error: &instep::Error) {
    if error.is_cancelled() {
        printer
            .error("cancelled; what was under way has been undone, or the next sync completes it");
        return;
    }
    let mut text = String::new();
    let title = match environment {
        Some(name) => format!("{name}: {}", with_causes(error)),
        None => with_causes(error),
    };
    match error.snippet() {
        Some(snippet) => text.push_str(&underlined(&title, &snippet)),
        None => text.push_str(&title),
    }
    let output = error.tool_output();
    for line in output.get(output.len().saturating_sub(TAIL)..).unwrap_or_default() {
        let _ = write!(text, "\n  | {line}");
    }
    match error.snippet() {
        Some(_) => printer.text(&text),
        None => printer.error(&text),
    }
    if let Some(hint) = error.hint() {
        printer.hint(&hint);
    }
}

/// The same for `--json`.
pub(crate) fn to_json(error: &instep::Error) -> Value {
    let place = error.snippet().map(
        |snippet| json!({ "path": snippet.path, "line": snippet.line, "column": snippet.column }),
    );
    json!({
        "message": with_causes(error),
        "hint": error.hint(),
        "place": place,
        "output": error.tool_output(),
        "cancelled": error.is_cancelled(),
    })
}

fn with_causes(error: &instep::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            let _ = write!(text, ": {part}");
        }
        cause = error.source();
    }
    text
}

fn underlined(title: &str, snippet: &instep::Snippet) -> String {
    let byte = |column: usize| {
        snippet.text.char_indices().nth(column).map_or(snippet.text.len(), |(at, _)| at)
    };
    let start = byte(snippet.column - 1);
    let end = byte(snippet.column - 1 + snippet.length).max(start);
    let source = Snippet::source(snippet.text.as_str())
        .line_start(snippet.line)
        .path(snippet.path.as_str())
        .annotation(AnnotationKind::Primary.span(start..end));
    let report = [Level::ERROR.primary_title(title).element(source)];
    let renderer = if stderr_has_colour() { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&report)
}
