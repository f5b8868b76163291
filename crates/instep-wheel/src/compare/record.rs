//! `RECORD` of both wheels, of which the digests and sizes were held against the files already
//! ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file)).

use std::collections::{BTreeMap, BTreeSet};

use super::comparison::{Row, RowChange};
use super::pairs::{Key, Keys, displaced};
use crate::noise::{Found, NoiseKind};

/// A row.
struct Line<'a> {
    key: Key<'a>,
    path: &'a str,
    digest: Option<(&'a str, &'a str)>,
    size: &'a str,
    /// As it is written, without what ends it.
    text: &'a str,
}

impl Line<'_> {
    fn row(&self) -> Row {
        Row {
            algorithm: self.digest.map(|(algorithm, _)| algorithm.to_owned()),
            has_size: !self.size.is_empty(),
        }
    }

    /// Whether both say the same in the same words, or in other ones.
    fn means(&self, other: &Self) -> bool {
        let value = |line: &Self| line.size.parse::<u64>().ok();
        (self.digest, value(self)) == (other.digest, value(other))
    }
}

/// What the rows say that does not follow from the files. `is_shared`: whether a path is in both wheels.
pub(super) fn changes(
    path: &str,
    (a, a_keys): (&str, Keys<'_>),
    (b, b_keys): (&str, Keys<'_>),
    is_shared: impl Fn(&Key<'_>) -> bool,
    noise: &mut Found,
) -> Vec<RowChange> {
    let (a_rows, b_rows) = (rows(a), rows(b));
    let (a_lines, b_lines) = (lines(a, &a_rows, a_keys), lines(b, &b_rows, b_keys));
    let a_by_key: BTreeMap<_, _> = a_lines.iter().map(|line| (line.key, line)).collect();
    let b_by_key: BTreeMap<_, _> = b_lines.iter().map(|line| (line.key, line)).collect();

    let mut changes = Vec::new();
    let keys: BTreeSet<Key<'_>> = a_by_key.keys().chain(b_by_key.keys()).copied().collect();
    for key in keys {
        let (a, b) = (a_by_key.get(&key), b_by_key.get(&key));
        let rows = (a.map(|line| line.row()), b.map(|line| line.row()));
        match (a, b) {
            (Some(a), Some(b)) if rows.0 == rows.1 => {
                if a.path == b.path && a.text != b.text && a.means(b) {
                    noise.add(NoiseKind::RecordFormat, a.path, a.text, b.text);
                }
            }
            // The file is only in one: that is told where it is missing.
            (Some(_), None) | (None, Some(_)) if !is_shared(&key) => {}
            _ => {
                let path = a.or(b).map_or("", |line| line.path).to_owned();
                changes.push(RowChange { path, a: rows.0, b: rows.1 });
            }
        }
    }
    let order = (common(&a_lines, &b_by_key), common(&b_lines, &a_by_key));
    for (key, a, b) in displaced(&order.0, &order.1) {
        let path = a_by_key.get(&key).map_or("", |line| line.path);
        let place = |at: usize| ["row ", &(at + 1).to_string()].concat();
        noise.add(NoiseKind::RecordOrder, path, place(a), place(b));
    }
    let is_same_text =
        a_lines.iter().map(|line| line.text).eq(b_lines.iter().map(|line| line.text));
    if is_same_text && a != b {
        noise.add(NoiseKind::RecordFormat, path, "the same rows", "with other empty lines or ends");
    }
    changes
}

/// The keys that are in the other one too, in their order.
fn common<'a>(lines: &[Line<'a>], other: &BTreeMap<Key<'_>, &Line<'_>>) -> Vec<Key<'a>> {
    lines.iter().map(|line| line.key).filter(|key| other.contains_key(key)).collect()
}

/// The rows of the table, with where each begins.
fn rows(text: &str) -> Vec<(usize, csv::StringRecord)> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader.records().filter_map(Result::ok);
    let start = |row: &csv::StringRecord| row.position().map_or(0, csv::Position::byte);
    rows.map(|row| (usize::try_from(start(&row)).unwrap_or_default(), row)).collect()
}

fn lines<'a>(
    text: &'a str,
    rows: &'a [(usize, csv::StringRecord)],
    keys: Keys<'_>,
) -> Vec<Line<'a>> {
    let ends = rows.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let line = |((start, row), end): (&'a (usize, csv::StringRecord), usize)| {
        let path = row.get(0)?;
        let digest = row.get(1).and_then(|text| text.split_once('='));
        Some(Line {
            key: keys.key(path),
            path,
            digest: digest.map(|(algorithm, digest)| (algorithm, digest.trim_end_matches('='))),
            size: row.get(2).unwrap_or_default(),
            text: text.get(*start..end).unwrap_or_default().trim_matches(['\r', '\n']),
        })
    };
    rows.iter().zip(ends).filter_map(line).collect()
}
