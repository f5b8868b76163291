//! `METADATA` and `WHEEL`: headers, and a text below them
//! ([core metadata](https://packaging.python.org/en/latest/specifications/core-metadata/)).

use std::collections::BTreeMap;

use super::comparison::{Change, HeaderChange};
use super::text::{Budget, diff};

/// What two texts with headers come to, `None` where they are the same. Line endings are LF.
pub(super) fn change(a: &str, b: &str, budget: &mut Budget) -> Option<Change> {
    let is_same = a == b;
    (!is_same).then(|| Change::Metadata {
        headers: header_changes(&headers(a), &headers(b)),
        diff: diff(a, b, budget),
    })
}

/// `WHEEL` without the lines that name its generator, and these lines. Their continuations, and what stands below the
/// headers, are left.
pub(super) fn without_generator(text: &str) -> (String, Vec<&str>) {
    let mut generators = Vec::new();
    let mut kept = String::with_capacity(text.len());
    let mut is_header = true;
    for line in text.split_inclusive('\n') {
        is_header &= !line.trim().is_empty();
        let name = line.split_once(':').map_or("", |(name, _)| name);
        // To some a CR alone ends a line, so that what follows it is another header.
        if is_header && name.eq_ignore_ascii_case("generator") && !line.contains('\r') {
            generators.push(line);
        } else {
            kept.push_str(line);
        }
    }
    (kept, generators)
}

/// Up to the first empty line; lines that go on with the one before them are put behind it.
fn headers(text: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = found.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            found.push((name.trim(), value.trim().to_owned()));
        }
    }
    found
}

type Headers<'a> = [(&'a str, String)];

/// A header in both: its name as it was first written, and its values on each side.
type Both<'a> = (&'a str, Vec<&'a str>, Vec<&'a str>);

/// By name.
fn header_changes(a: &Headers<'_>, b: &Headers<'_>) -> Vec<HeaderChange> {
    let mut both: BTreeMap<String, Both<'_>> = BTreeMap::new();
    for (name, value) in a {
        let new = || (*name, Vec::new(), Vec::new());
        both.entry(name.to_ascii_lowercase()).or_insert_with(new).1.push(value);
    }
    for (name, value) in b {
        let new = || (*name, Vec::new(), Vec::new());
        both.entry(name.to_ascii_lowercase()).or_insert_with(new).2.push(value);
    }
    let changes = both.into_values().map(|(name, a, b)| HeaderChange {
        name: name.to_owned(),
        a: without(&a, &b),
        b: without(&b, &a),
    });
    changes.filter(|change| !(change.a.is_empty() && change.b.is_empty())).collect()
}

/// What is more often in `values` than in `others`.
fn without(values: &[&str], others: &[&str]) -> Vec<String> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for other in others {
        *left.entry(other).or_default() += 1;
    }
    let mut more = Vec::new();
    for value in values {
        match left.get_mut(value).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => more.push((*value).to_owned()),
        }
    }
    more
}
