//! `instep wheels compare`.

use instep::Error;
use instep::wheel::{
    Change, Comparison, Content, Diff, Difference, EntryKind, HeaderChange, Noise, Page, Row,
    Verdict, Wheel, compare as compare_wheels, visible,
};

use crate::args::CompareArgs;
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Printer, Tone, paint};
use crate::progress::human;
use crate::run::Session;

/// Lines of a diff that are shown without `--verbose`.
const LINES: usize = 60;

pub(crate) fn compare(session: &Session, args: &CompareArgs) -> Result<Exit, Error> {
    let folder = session.variables()?.cwd().to_owned();
    let (a, b) = (Wheel::open(&folder.join(&args.a))?, Wheel::open(&folder.join(&args.b))?);
    let comparison = compare_wheels(&a, &b)?;
    if let Some(path) = &args.html {
        Page::of(&comparison).write(&folder.join(path))?;
    }
    if session.global.json {
        session.printer.json(&comparison);
    } else {
        show(&session.printer, &comparison);
        session.printer.say(&verdict(&comparison));
        if let Some(path) = &args.html {
            session.printer.say(&paint(Tone::Dim, &format!("the report is {path}")));
        }
    }
    Ok(if comparison.is_reproducible { Exit::Done } else { Exit::No })
}

/// What differs, and the noise.
pub(super) fn show(printer: &Printer, comparison: &Comparison) {
    for difference in &comparison.differences {
        show_difference(printer, difference);
    }
    for noise in &comparison.noise {
        printer.say(&noise_line(noise));
    }
}

fn verdict(comparison: &Comparison) -> String {
    match comparison.verdict {
        Verdict::Identical => format!("{}, byte for byte", paint(Tone::Good, "identical")),
        Verdict::Same => {
            format!("{} but for {}", paint(Tone::Good, "the same"), kinds(&comparison.noise))
        }
        Verdict::Different => {
            let found = count(comparison.differences.len(), "difference");
            let told = paint(Tone::Bad, "different");
            match comparison.noise.as_slice() {
                [] => format!("{told}: {found}"),
                noise => format!("{told}: {found}, and {}", kinds(noise)),
            }
        }
    }
}

fn kinds(noise: &[Noise]) -> String {
    noise.iter().map(|one| one.kind.title()).collect::<Vec<_>>().join(", ")
}

fn noise_line(noise: &Noise) -> String {
    let title = paint(Tone::Warn, noise.kind.title());
    let places = count(noise.count, "place");
    let Some(example) = noise.examples.first() else { return format!("{title}: {places}") };
    let path = match example.path.as_str() {
        "" => String::new(),
        path => format!("{}: ", visible(path)),
    };
    let (a, b) = (short(&example.a), short(&example.b));
    format!("{title}: {places}, as {path}{a} and {b}")
}

/// A text for a line, cut where it is long.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let text = if text.is_empty() { "nothing" } else { text };
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", visible(text.get(..end).unwrap_or_default())),
        None => visible(text).into_owned(),
    }
}

fn show_difference(printer: &Printer, difference: &Difference) {
    let path = paint(Tone::Bold, &visible(&difference.path));
    let line = |what: &str| printer.result(&format!("{path} {what}"));
    let sides = |a: &str, b: &str| {
        printer.result(&paint(Tone::Bad, &format!("- {}", visible(a))));
        printer.result(&paint(Tone::Good, &format!("+ {}", visible(b))));
    };
    match &difference.change {
        Change::FileName { a, b } => {
            line("is another file name");
            sides(a, b);
        }
        Change::FolderName { a, b } => {
            line("has another name");
            sides(a, b);
        }
        Change::OnlyInA { content } => line(&format!("only in A, {}", what(*content))),
        Change::OnlyInB { content } => line(&format!("only in B, {}", what(*content))),
        Change::EntryKind { a: EntryKind::File, .. } => line("is a file in A and a folder in B"),
        Change::EntryKind { .. } => line("is a folder in A and a file in B"),
        Change::Mode { a, b } => {
            let told = match (a.is_executable(), b.is_executable()) {
                (true, false) => ", executable in A only",
                (false, true) => ", executable in B only",
                _ => "",
            };
            line(&format!("mode {a} and {b}{told}"));
        }
        Change::Text { a, b, diff } => {
            line(&sizes(*a, *b));
            show_diff(printer, diff);
        }
        Change::Binary { a, b } => {
            line(&sizes(*a, *b));
            sides(&format!("sha256 {}", a.hex()), &format!("sha256 {}", b.hex()));
        }
        Change::Metadata { headers, diff } => {
            line(&header_names(headers));
            show_diff(printer, diff);
        }
        Change::Record { rows } => {
            line("gives something else");
            for row in rows {
                let shown = |side: Option<&Row>| {
                    let row = side.map_or_else(|| "no row".to_owned(), ToString::to_string);
                    format!("{row}: ")
                };
                sides(
                    &[&shown(row.a.as_ref()), row.path.as_str()].concat(),
                    &[&shown(row.b.as_ref()), row.path.as_str()].concat(),
                );
            }
        }
        _ => line("differs"),
    }
}

fn what(content: Option<Content>) -> String {
    content.map_or_else(|| "a folder".to_owned(), |content| human(content.size))
}

fn sizes(a: Content, b: Content) -> String {
    if a.size == b.size {
        human(a.size)
    } else {
        format!("{} and {}", human(a.size), human(b.size))
    }
}

fn header_names(headers: &[HeaderChange]) -> String {
    let names: Vec<_> = headers.iter().map(|header| visible(&header.name)).collect();
    if names.is_empty() { "says something else".to_owned() } else { names.join(", ") }
}

fn show_diff(printer: &Printer, diff: &Diff) {
    let most = if printer.is_verbose() { usize::MAX } else { LINES };
    let mut lines = diff.text.split_terminator('\n');
    for line in lines.by_ref().take(most) {
        let tone = match line.chars().next() {
            Some('+') => Some(Tone::Good),
            Some('-') => Some(Tone::Bad),
            Some('@' | '\\') => Some(Tone::Dim),
            _ => None,
        };
        let text = visible(line);
        printer.result(&tone.map_or_else(|| text.clone().into_owned(), |tone| paint(tone, &text)));
    }
    match (lines.count(), diff.is_cut) {
        (0, false) => {}
        (0, true) => printer.result(&paint(Tone::Dim, "the rest of the diff is left out")),
        (more, _) => {
            let told = format!("{} more: --verbose shows them", count(more, "line"));
            printer.result(&paint(Tone::Dim, &told));
        }
    }
}
