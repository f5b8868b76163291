//! Texts: what differs between two of them, and how they are shown.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use similar::{ChangeTag, TextDiff};

use super::comparison::Diff;

/// The longest diff of one file in bytes.
const LONGEST: usize = 64 << 10;
/// The length of all diffs of a comparison together, in bytes.
const ALL: usize = 4 << 20;
/// How long the shortest diff is looked for, in all files together. After that a diff is right, but longer.
const TIME: Duration = Duration::from_secs(10);
/// Lines around a change.
const AROUND: usize = 3;

/// What may still be spent on diffs.
pub(super) struct Budget {
    bytes: usize,
    deadline: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { bytes: ALL, deadline: Instant::now() + TIME }
    }
}

/// Bytes as a text, where they are one that can be shown.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// A unified diff without file names.
pub(super) fn diff(a: &str, b: &str, budget: &mut Budget) -> Diff {
    // Only LF ends a line: a CR alone is a part of it, so that each line of the diff is one.
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (a, b) = (lines(a), lines(b));
    let mut configuration = TextDiff::configure();
    configuration.deadline(budget.deadline).newline_terminated(true);
    let diff = configuration.diff_slices(&a, &b);
    let mut unified = diff.unified_diff();
    let mut text = String::new();
    let most = LONGEST.min(budget.bytes);
    'hunks: for hunk in unified.context_radius(AROUND).iter_hunks() {
        text.push_str(&hunk.header().to_string());
        text.push('\n');
        for change in hunk.iter_changes() {
            text.push(match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            });
            text.push_str(change.value());
            if change.missing_newline() {
                text.push_str("\n\\ No newline at end of file\n");
            }
            if text.len() > most {
                break 'hunks;
            }
        }
    }
    let is_cut = text.len() > most;
    text.truncate(text.floor_char_boundary(most));
    budget.bytes -= text.len();
    Diff { text, is_cut }
}

/// CR LF as LF. A CR alone stays what it is: it may end a line, or be a part of one.
pub(super) fn normalised(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { text.replace("\r\n", "\n").into() } else { text.into() }
}

/// How the lines of a text end.
pub(super) fn endings(text: &str) -> &'static str {
    let crlf = text.matches("\r\n").count();
    match (crlf, text.matches('\n').count()) {
        (0, _) => "LF",
        (crlf, all) if crlf == all => "CR LF",
        _ => "CR LF and LF",
    }
}

/// A line of what somebody else wrote, so that nothing in it moves the cursor of a terminal, hides, or turns the
/// direction of what follows: such characters are escaped, as in `\u{1b}`.
pub fn visible(line: &str) -> Cow<'_, str> {
    let is_plain =
        |one: char| matches!(one, '\t' | '\'' | '"' | '\\') || one.escape_debug().len() == 1;
    if line.chars().all(is_plain) {
        return line.into();
    }
    let mut text = String::with_capacity(line.len() + 8);
    for one in line.chars() {
        if is_plain(one) { text.push(one) } else { text.extend(one.escape_debug()) }
    }
    text.into()
}
