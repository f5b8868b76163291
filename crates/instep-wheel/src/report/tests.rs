use std::collections::BTreeSet;

use scraper::{Html, Selector};

use super::*;
use crate::archive::Content;
use crate::compare::{Change, Diff, Difference, EntryKind, HeaderChange, Mode, Row, RowChange};
use crate::noise::{Example, NoiseKind};

/// What somebody writes who wants to be markup, and to be read in another order.
const HOSTILE: &str = "\u{202e}\u{1b}[2J</pre><script src=\"x\">alert('1')</script>&amp;";
const SHOWN: &str = "\\u{202e}\\u{1b}[2J</pre><script src=\"x\">alert('1')</script>&amp;";

fn side() -> Side {
    Side {
        path: HOSTILE.into(),
        file_name: HOSTILE.to_owned(),
        content: Content::of(b"wheel"),
        files: 3,
        files_size: 1_234_567,
    }
}

fn text() -> String {
    HOSTILE.to_owned()
}

fn diff(lines: usize) -> Diff {
    let change = ["-", HOSTILE, "\n+", HOSTILE, "\n"].concat();
    let text = ["@@ -1 +1 @@\n", &change.repeat(lines), "\\ No newline at end of file\n"].concat();
    Diff { text, is_cut: true }
}

fn changes() -> Vec<Change> {
    let (a, b) = (Content::of(b"a"), Content::of(b"b"));
    let row = Row { algorithm: Some(text()), has_size: true };
    vec![
        Change::FileName { a: text(), b: text() },
        Change::FolderName { a: text(), b: text() },
        Change::OnlyInA { content: Some(a) },
        Change::OnlyInB { content: None },
        Change::EntryKind { a: EntryKind::File, b: EntryKind::Folder },
        Change::Mode { a: Mode(0o100_644), b: Mode(0o100_755) },
        Change::Text { a, b, diff: diff(1) },
        Change::Text { a, b, diff: diff(LONG) },
        Change::Binary { a, b },
        Change::Metadata {
            headers: vec![HeaderChange { name: text(), a: vec![text(), text()], b: vec![] }],
            diff: diff(1),
        },
        Change::Record { rows: vec![RowChange { path: text(), a: Some(row), b: None }] },
    ]
}

const LONG: usize = 100;

fn comparison() -> Comparison {
    let difference = |change| Difference { path: text(), change };
    Comparison {
        schema_version: 1,
        verdict: Verdict::Different,
        is_reproducible: false,
        a: side(),
        b: side(),
        noise: vec![Noise {
            kind: NoiseKind::Comments,
            count: 2,
            examples: vec![Example { path: text(), a: text(), b: String::new() }],
        }],
        differences: changes().into_iter().map(difference).collect(),
    }
}

fn page() -> String {
    let comparison = comparison();
    let section = Section {
        name: HOSTILE,
        summary: HOSTILE,
        tone: Tone::Bad,
        comparison: Some(&comparison),
        output: Some(HOSTILE),
    };
    let sections = vec![section.clone(), section];
    Page { title: HOSTILE, lead: HOSTILE, sections }.html()
}

/// How many elements there are.
fn count(page: &Html, selector: &str) -> usize {
    page.select(&Selector::parse(selector).unwrap()).count()
}

#[test]
fn nothing_of_a_wheel_becomes_markup() {
    let page = page();
    let parsed = Html::parse_document(&page);
    assert_eq!(count(&parsed, "script"), 0);
    assert!(!page.contains(['\u{202e}', '\u{1b}']));
    let texts: String = parsed.root_element().text().collect();
    // Whatever came in comes out as a text, in each place where it was put.
    assert_eq!(texts.matches("alert(").count(), texts.matches(SHOWN).count());
    for (what, expected) in [("main section", 2), ("ul.contents li", 2), ("details", 6)] {
        assert_eq!(count(&parsed, what), expected, "{what}");
    }
    let paths = Selector::parse("section .card .path").unwrap();
    let shown = parsed.select(&paths).filter(|one| one.text().eq([SHOWN])).count();
    // Those of the differences, and that of the noise.
    assert_eq!(shown, 2 * (changes().len() + 1));
}

#[test]
fn a_page_needs_nothing_else() {
    let page = page();
    let parsed = Html::parse_document(&page);
    let attributes = parsed.tree.nodes().filter_map(|node| node.value().as_element());
    let names: BTreeSet<&str> =
        attributes.clone().flat_map(|element| element.attrs().map(|(name, _)| name)).collect();
    let known = [
        "charset",
        "class",
        "content",
        "data-side",
        "href",
        "http-equiv",
        "id",
        "lang",
        "name",
        "open",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    let links: Vec<&str> = attributes.filter_map(|element| element.attr("href")).collect();
    assert_eq!(links, ["#w0", "#w1"]);
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_long_diff_is_folded_and_a_cut_one_says_so() {
    let page = page();
    let parsed = Html::parse_document(&page);
    assert_eq!(count(&parsed, "details:not([open])"), 2);
    assert_eq!(count(&parsed, "details[open]"), 4);
    assert_eq!(count(&parsed, ".cut"), 6);
    assert_eq!(count(&parsed, "details:not([open]) pre .add"), 2 * LONG);
    assert_eq!(count(&parsed, "details:not([open]) pre .del"), 2 * LONG);
}

#[test]
fn a_verdict_has_its_words_and_its_colour() {
    let table = [
        (Verdict::Identical, "identical", "good"),
        (Verdict::Same, "the same but for noise", "good"),
        (Verdict::Different, "different", "bad"),
    ];
    for (verdict, words, class) in table {
        let comparison = Comparison { verdict, ..comparison() };
        let page = Page::of(&comparison).html();
        let badge = format!("<span class=\"badge {class}\">{words}</span>");
        assert_eq!(page.matches(&badge).count(), 1, "{verdict:?}");
        assert!(!page.contains("class=\"contents\""));
    }
}

#[test]
fn sizes_have_the_unit_that_suits_them() {
    let table = [
        (1_023, "1023 bytes"),
        (1_024, "1.00 KiB"),
        ((1 << 20) - 1, "1023.99 KiB"),
        (12_345_678, "11.77 MiB"),
        (5 << 30, "5.00 GiB"),
    ];
    for (bytes, shown) in table {
        assert_eq!(size(bytes), shown);
    }
}
