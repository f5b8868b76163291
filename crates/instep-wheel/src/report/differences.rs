//! What differs and is material, as a page shows it.

use super::{Html, escaped, size};
use crate::archive::Content;
use crate::compare::{Change, Diff, Difference, EntryKind, Mode};

/// A diff of more lines is folded.
const LONG: usize = 60;

pub(super) fn differences(html: &mut Html, differences: &[Difference]) {
    let only = |is_a: bool| {
        differences.iter().filter_map(move |one| match one.change {
            Change::OnlyInA { content } if is_a => Some((one.path.as_str(), content)),
            Change::OnlyInB { content } if !is_a => Some((one.path.as_str(), content)),
            _ => None,
        })
    };
    let is_only =
        |one: &&Difference| matches!(one.change, Change::OnlyInA { .. } | Change::OnlyInB { .. });
    let changed: Vec<&Difference> = differences.iter().filter(|one| !is_only(one)).collect();
    if !changed.is_empty() {
        html.add(format_args!("<h3>Differences</h3>\n"));
    }
    for one in changed {
        changed_file(html, one);
    }
    for (title, is_a) in [("Only in A", true), ("Only in B", false)] {
        let files: Vec<(&str, Option<Content>)> = only(is_a).collect();
        if files.is_empty() {
            continue;
        }
        html.add(format_args!("<h3>{title}</h3>\n<div class=\"card\"><table><tbody>\n"));
        for (path, content) in files {
            let size = content.map_or_else(|| "folder".to_owned(), |content| size(content.size));
            html.add(format_args!(
                "<tr><td class=\"path\">{}</td><td class=\"number\">{size}</td></tr>\n",
                escaped(path)
            ));
        }
        html.add(format_args!("</tbody></table></div>\n"));
    }
}

fn changed_file(html: &mut Html, difference: &Difference) {
    let diff = match &difference.change {
        Change::Text { diff, .. } | Change::Metadata { diff, .. } => Some(diff),
        _ => None,
    };
    let (outer, head) = match diff {
        Some(diff) if diff.text.split_terminator('\n').count() > LONG => ("details", "summary"),
        Some(_) => ("details open", "summary"),
        None => ("div", "div"),
    };
    let class = if head == "div" { " class=\"head\"" } else { "" };
    html.add(format_args!(
        "<{outer} class=\"card\"><{head}{class}><span class=\"path\">{}</span>\
         <span class=\"kind\">{}</span></{head}>\n<div class=\"body\">",
        escaped(&difference.path),
        kind(&difference.change)
    ));
    body(html, &difference.change);
    if let Some(diff) = diff {
        lines(html, diff);
    }
    let outer = outer.split(' ').next().unwrap_or_default();
    html.add(format_args!("</div></{outer}>\n"));
}

fn kind(change: &Change) -> String {
    let sizes = |a: Content, b: Content| match (size(a.size), size(b.size)) {
        (a, b) if a == b => a,
        (a, b) => [a, b].join(" → "),
    };
    match change {
        Change::FileName { .. } => "file name".to_owned(),
        Change::FolderName { .. } => "name of the folder".to_owned(),
        Change::EntryKind { .. } => "file or folder".to_owned(),
        Change::Mode { a, b } if a.is_executable() != b.is_executable() => {
            if b.is_executable() { "executable in B only" } else { "executable in A only" }
                .to_owned()
        }
        Change::Mode { .. } => "mode".to_owned(),
        Change::Text { a, b, .. } => ["text, ", &sizes(*a, *b)].concat(),
        Change::Binary { a, b } => ["binary, ", &sizes(*a, *b)].concat(),
        Change::Metadata { headers, .. } => match headers.len() {
            0 => "metadata".to_owned(),
            1 => "metadata, 1 header".to_owned(),
            count => format!("metadata, {count} headers"),
        },
        Change::Record { .. } => "what RECORD gives".to_owned(),
        Change::OnlyInA { .. } | Change::OnlyInB { .. } => String::new(),
    }
}

fn body(html: &mut Html, change: &Change) {
    match change {
        Change::FileName { a, b } | Change::FolderName { a, b } => {
            table(html, &[("", code(a), code(b))]);
        }
        Change::EntryKind { a, b } => {
            let name = |kind: EntryKind| match kind {
                EntryKind::File => "file".to_owned(),
                EntryKind::Folder => "folder".to_owned(),
            };
            table(html, &[("", name(*a), name(*b))]);
        }
        Change::Mode { a, b } => {
            let shown = |mode: Mode| {
                let told = if mode.is_executable() { ", executable" } else { "" };
                [&code(&mode.to_string()), told].concat()
            };
            table(html, &[("Mode", shown(*a), shown(*b))]);
        }
        Change::Binary { a, b } => table(
            html,
            &[("Size", bytes(a.size), bytes(b.size)), ("SHA-256", code(&a.hex()), code(&b.hex()))],
        ),
        Change::Metadata { headers, .. } if !headers.is_empty() => {
            let shown = |values: &[String]| match values {
                [] => "<span class=\"same\">–</span>".to_owned(),
                values => values.iter().map(|one| code(one)).collect::<Vec<_>>().join("<br>"),
            };
            let rows: Vec<_> = headers
                .iter()
                .map(|header| (header.name.as_str(), shown(&header.a), shown(&header.b)))
                .collect();
            table(html, &rows);
        }
        Change::Record { rows } => {
            let shown = |row: Option<&crate::compare::Row>| match row {
                Some(row) => escaped(&row.to_string()),
                None => "<span class=\"same\">no row</span>".to_owned(),
            };
            let rows: Vec<_> = rows
                .iter()
                .map(|row| (row.path.as_str(), shown(row.a.as_ref()), shown(row.b.as_ref())))
                .collect();
            table(html, &rows);
        }
        Change::Metadata { .. }
        | Change::Text { .. }
        | Change::OnlyInA { .. }
        | Change::OnlyInB { .. } => {}
    }
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Exactly, since two of nearly the same size are set beside each other.
fn bytes(count: u64) -> String {
    format!("{count} bytes")
}

/// Rows of a name, which is escaped here, and of HTML for each side.
fn table(html: &mut Html, rows: &[(&str, String, String)]) {
    html.add(format_args!(
        "<table class=\"facts\"><thead><tr><th></th><th>A</th><th>B</th></tr></thead><tbody>\n"
    ));
    for (name, a, b) in rows {
        html.add(format_args!(
            "<tr><th>{}</th><td data-side=\"A\">{a}</td><td data-side=\"B\">{b}</td></tr>\n",
            escaped(name)
        ));
    }
    html.add(format_args!("</tbody></table>"));
}

fn lines(html: &mut Html, diff: &Diff) {
    html.add(format_args!("<pre>"));
    for line in diff.text.split_terminator('\n') {
        let class = match line.chars().next() {
            Some('+') => " class=\"add\"",
            Some('-') => " class=\"del\"",
            Some('@') => " class=\"hunk\"",
            Some('\\') => " class=\"note\"",
            _ => "",
        };
        html.add(format_args!("<span{class}>{}</span>", escaped(line)));
    }
    html.add(format_args!("</pre>"));
    if diff.is_cut {
        html.add(format_args!(
            "<p class=\"cut\">The diff is longer; its end is left out here.</p>"
        ));
    }
}
