//! The text of a requirements file.

#![no_main]

use camino::Utf8Path;
use instep_fuzz::assert_in_text;
use instep_manifest::requirements::{Entry, Line, LineKind, Requirements, parse};
use instep_manifest::{Digest, Error};
use libfuzzer_sys::fuzz_target;

/// The value of a variable that must not be shown.
const SECRET: &str = "Zq9xKw3Hidden";

fn variables(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some([SECRET, "/", SECRET].concat()),
        "V" => Some("1.2".to_owned()),
        "ALL" => Some(" # ; 'a' -r\\\n${V}".to_owned()),
        _ => None,
    }
}

fn parsed(text: &str) -> Result<Vec<Line>, Error> {
    parse(text, Utf8Path::new("requirements.txt"), &variables)
}

fuzz_target!(|text: &str| {
    if text.contains(SECRET) {
        return;
    }
    let lines = match parsed(text) {
        Ok(lines) => lines,
        Err(error) => return check_error(text, &error),
    };
    check_places(text, &lines);
    check_lines_alone(&lines);
    check_spellings(text, &lines);
});

fn check_error(text: &str, error: &Error) {
    let Error::Requirement { line, column, length, source_line, .. } = error else {
        panic!("no file is opened, yet {error:?}");
    };
    assert_in_text(text, *line, *column, *length, source_line);
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(!shown.contains(SECRET), "{text:?} shows a variable's value: {shown}");
}

fn check_places(text: &str, lines: &[Line]) {
    let mut behind = 0;
    for line in lines {
        assert_eq!(text.get(line.span.clone()), Some(line.text.as_str()));
        assert!(line.span.start >= behind, "{:?} stands before its predecessor", line.text);
        let before = &text[..line.span.start];
        let breaks = before.replace("\r\n", "\n").matches(['\n', '\r']).count();
        assert_eq!(line.number, breaks + 1);
        behind = line.span.start;
    }
}

/// A line means the same without the others.
fn check_lines_alone(lines: &[Line]) {
    for together in lines.chunk_by(|one, next| one.span == next.span) {
        let text = &together[0].text;
        let alone = parsed(text).expect("a line of a file that can be read");
        assert!(alone.iter().map(|line| &line.kind).eq(together.iter().map(|line| &line.kind)));
    }
}

/// What is only another spelling has the same digest.
fn check_spellings(text: &str, lines: &[Line]) {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let expected = digest(lines);
    let mut spellings = vec![
        unix.replace('\n', "\r\n"),
        unix.replace('\n', "\r"),
        ["# first\n\n", &unix].concat(),
        [&unix, "\n\n# last"].concat(),
    ];
    if !lines.iter().any(|line| matches!(line.kind, LineKind::Option { .. })) {
        spellings.push([&unix, "\n\n", &unix].concat());
        let groups: Vec<_> = lines.chunk_by(|one, next| one.span == next.span).collect();
        let turned: Vec<_> = groups.iter().rev().map(|group| group[0].text.as_str()).collect();
        spellings.push(turned.join("\n\n"));
    }
    spellings.push(unix);
    for spelling in spellings {
        match parsed(&spelling) {
            Ok(lines) => assert_eq!(digest(&lines), expected, "{text:?} and {spelling:?}"),
            Err(error) => panic!("{text:?} can be read, {spelling:?} not: {error:?}"),
        }
    }
}

fn digest(lines: &[Line]) -> Digest {
    let entry = |line: &Line| Entry {
        file: "requirements.txt".into(),
        constraint: false,
        line: line.clone(),
    };
    let requirements = Requirements {
        entries: lines.iter().map(entry).collect(),
        files: Vec::new(),
        local_files: Vec::new(),
        variables: Default::default(),
        root: "/project".into(),
    };
    let pins = requirements.pins();
    assert_eq!(pins.is_none(), !requirements.unpinned().is_empty());
    let names = pins.iter().flatten().filter_map(|pin| pin.name.as_ref());
    assert!(names.into_iter().all(|name| !name.as_ref().is_empty()));
    requirements.digest()
}
