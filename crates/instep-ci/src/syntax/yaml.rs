//! YAML, read so that every byte keeps its place: the concrete tree of tree-sitter, and scalars as
//! excerpts.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::excerpt::{Excerpt, Quoting};
use crate::problem::Invalid;

/// How deeply a file may be nested.
const DEEPEST: usize = 100;
/// How many values may be looked at: aliases of aliases can stand for more than anybody can read.
const MOST: usize = 1_000_000;

/// A parsed file.
pub(crate) struct Yaml<'a> {
    tree: tree_sitter::Tree,
    text: &'a str,
}

/// Everything in it by the names of its anchors, in the order of the file.
type Anchors<'a> = HashMap<&'a str, Vec<tree_sitter::Node<'a>>>;

/// A view of a parsed file.
pub(crate) struct Document<'a> {
    text: &'a str,
    anchors: Anchors<'a>,
    roots: Vec<tree_sitter::Node<'a>>,
    /// How many values may still be looked at.
    rest: Cell<usize>,
}

/// A node that stands for a value.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    node: tree_sitter::Node<'a>,
    document: &'a Document<'a>,
    depth: usize,
}

impl<'a> Yaml<'a> {
    /// # Errors
    ///
    /// [`Invalid`] with the line at which it is no YAML, or nested too deeply.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Invalid> {
        super::tree::check_yaml(text)?;
        let mut parser = tree_sitter::Parser::new();
        let tree = parser
            .set_language(&tree_sitter_yaml::LANGUAGE.into())
            .ok()
            .and_then(|()| super::tree::parse(&mut parser, text))
            .ok_or(Invalid { line: 1, what: "it takes too long to parse" })?;
        if tree.root_node().has_error() {
            return Err(Invalid { line: error_line(&tree), what: "it is no YAML" });
        }
        Ok(Self { tree, text })
    }

    pub(crate) fn document(&'a self) -> Result<Document<'a>, Invalid> {
        let mut document = Document {
            text: self.text,
            anchors: Anchors::new(),
            roots: Vec::new(),
            rest: Cell::new(MOST),
        };
        let mut cursor = self.tree.walk();
        let mut depth = 0_usize;
        loop {
            let node = cursor.node();
            match node.kind() {
                "anchor" => {
                    if let (Some(name), Some(holder)) = (node.named_child(0), node.parent()) {
                        document.anchors.entry(slice(self.text, name)).or_default().push(holder);
                    }
                }
                "document" => document.roots.extend(content(node)),
                _ => {}
            }
            if cursor.goto_first_child() {
                depth += 1;
                // Each level of the text is up to four of the tree.
                if depth > 4 * DEEPEST {
                    let line = node.start_position().row + 1;
                    return Err(Invalid { line, what: "it is nested too deeply" });
                }
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return Ok(document);
                }
                depth -= 1;
            }
        }
    }
}

/// The line at which the parser gave up: that of the innermost error, and of several the first. One that has
/// swallowed the whole file is where the last that made sense ends.
pub(crate) fn error_line(tree: &tree_sitter::Tree) -> usize {
    let mut cursor = tree.walk();
    let mut found: Option<(usize, usize)> = None;
    let mut depth = 0_usize;
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            let at = if depth == 0 || node.start_byte() == 0 {
                end_of_sense(node)
            } else {
                node.start_position().row
            };
            if found.is_none_or(|(known, _)| depth > known) {
                found = Some((depth, at + 1));
            }
        }
        if node.has_error() && cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found.map_or(1, |(_, line)| line);
            }
            depth -= 1;
        }
    }
}

fn end_of_sense(error: tree_sitter::Node<'_>) -> usize {
    let last = children(error).into_iter().rfind(|child| !child.is_error());
    last.map_or(error.start_position().row, |last| last.end_position().row)
}

impl<'a> Document<'a> {
    /// The values of its documents.
    pub(crate) fn roots(&'a self) -> impl Iterator<Item = Value<'a>> {
        self.roots.iter().map(move |node| Value { node: *node, document: self, depth: 0 })
    }

    /// Whether everything that was asked for could be looked at.
    ///
    /// # Errors
    ///
    /// [`Invalid`] where its aliases stand for too much.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let is_all = self.rest.get() > 0;
        is_all.then_some(()).ok_or(Invalid { line: 1, what: "its aliases stand for too much" })
    }

    /// Counts values; `false` where there were too many.
    fn spend(&self, values: usize) -> bool {
        let rest = self.rest.get().saturating_sub(values + 1);
        self.rest.set(rest);
        rest > 0
    }
}

impl<'a> Value<'a> {
    fn of(self, node: tree_sitter::Node<'a>) -> Self {
        Self { node, depth: self.depth + 1, document: self.document }
    }

    /// What an alias stands for, and what a tag or an anchor stands before.
    fn resolved(self) -> Option<tree_sitter::Node<'a>> {
        let mut node = self.node;
        for _ in 0..DEEPEST {
            let inner = content(node).filter(|_| matches!(node.kind(), "block_node" | "flow_node"));
            let Some(inner) = inner else { break };
            if inner.kind() != "alias" {
                return Some(inner);
            }
            let name = slice(self.document.text, inner.named_child(0)?);
            // The last one before it.
            let all = self.document.anchors.get(name)?;
            node = *all.iter().rev().find(|one| one.start_byte() < inner.start_byte())?;
        }
        (!matches!(node.kind(), "block_node" | "flow_node")).then_some(node)
    }

    /// The keys and values of a mapping, those that are merged into it last; of others, nothing.
    pub(crate) fn entries(self) -> Vec<(String, Value<'a>)> {
        let mut found = Vec::new();
        self.collect_entries(&mut found, &mut HashSet::new());
        if self.document.spend(found.len()) { found } else { Vec::new() }
    }

    /// `seen`: the mappings that were taken, of which a second time brings nothing new.
    fn collect_entries(self, found: &mut Vec<(String, Value<'a>)>, seen: &mut HashSet<usize>) {
        if self.depth > DEEPEST {
            return;
        }
        let Some(node) = self.resolved().filter(|node| seen.insert(node.id())) else { return };
        if !matches!(node.kind(), "block_mapping" | "flow_mapping") {
            return;
        }
        let mut merged = Vec::new();
        for pair in children(node) {
            if !matches!(pair.kind(), "block_mapping_pair" | "flow_pair") {
                continue;
            }
            let (Some(key), Some(value)) =
                (pair.child_by_field_name("key"), pair.child_by_field_name("value"))
            else {
                continue;
            };
            let Some(key) = self.of(key).scalar() else { continue };
            let value = self.of(value);
            if key.text() == "<<" {
                merged.push(value);
            } else {
                found.push((key.text().to_owned(), value));
            }
        }
        for value in merged {
            let all = value.items();
            let sources = if all.is_empty() { vec![value] } else { all };
            for source in sources {
                let mut inherited = Vec::new();
                source.collect_entries(&mut inherited, seen);
                for (key, value) in inherited {
                    if !found.iter().any(|(known, _)| *known == key) {
                        found.push((key, value));
                    }
                }
            }
        }
    }

    /// The value of a key.
    pub(crate) fn get(self, key: &str) -> Option<Value<'a>> {
        self.entries().into_iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The values of a sequence; of others, nothing.
    pub(crate) fn items(self) -> Vec<Value<'a>> {
        if self.depth > DEEPEST {
            return Vec::new();
        }
        let Some(node) = self.resolved() else { return Vec::new() };
        if !self.document.spend(node.named_child_count()) {
            return Vec::new();
        }
        match node.kind() {
            "block_sequence" => {
                let items =
                    children(node).into_iter().filter(|item| item.kind() == "block_sequence_item");
                items.filter_map(content).map(|item| self.of(item)).collect()
            }
            "flow_sequence" => {
                let items = children(node).into_iter().filter(|item| item.kind() == "flow_node");
                items.map(|item| self.of(item)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(self) -> Option<String> {
        self.scalar().map(|excerpt| excerpt.text().to_owned())
    }

    /// A scalar, and where each part of it stands.
    pub(crate) fn scalar(self) -> Option<Excerpt> {
        let node = self.resolved()?;
        let text = self.document.text;
        match node.kind() {
            "plain_scalar" => {
                let in_flow = ancestors(node)
                    .any(|above| matches!(above.kind(), "flow_mapping" | "flow_sequence"));
                Some(flow_scalar(text, node.byte_range(), Quoting::Plain { in_flow }))
            }
            "single_quote_scalar" => Some(flow_scalar(text, inside(node), Quoting::Single)),
            "double_quote_scalar" => Some(flow_scalar(text, inside(node), Quoting::Double)),
            "block_scalar" => Some(block_scalar(text, node)),
            _ => None,
        }
    }

    /// Where it stands in the file, quotes included; of an alias, what it stands for.
    pub(crate) fn range(self) -> Option<Range<usize>> {
        self.resolved().map(|node| node.byte_range())
    }

    /// Where the last of it ends: not what follows it up to the next value.
    pub(crate) fn end(self) -> Option<usize> {
        let mut node = self.resolved()?;
        while let Some(last) = children(node).into_iter().rfind(|child| child.kind() != "comment") {
            node = last;
        }
        Some(node.end_byte())
    }

    /// Whether it is written in `[]`.
    pub(crate) fn is_flow_sequence(self) -> bool {
        self.resolved().is_some_and(|node| node.kind() == "flow_sequence")
    }
}

fn slice<'a>(text: &'a str, node: tree_sitter::Node<'_>) -> &'a str {
    text.get(node.byte_range()).unwrap_or_default()
}

fn inside(node: tree_sitter::Node<'_>) -> Range<usize> {
    let range = node.byte_range();
    range.start + 1..range.end.saturating_sub(1).max(range.start + 1)
}

fn children(node: tree_sitter::Node<'_>) -> Vec<tree_sitter::Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

/// What a node that wraps others stands for: not its tag, its anchor, or a comment.
fn content(node: tree_sitter::Node<'_>) -> Option<tree_sitter::Node<'_>> {
    let is_content =
        |kind: &str| !matches!(kind, "anchor" | "tag" | "comment") && !kind.ends_with("_directive");
    children(node).into_iter().find(|child| is_content(child.kind()))
}

fn ancestors(node: tree_sitter::Node<'_>) -> impl Iterator<Item = tree_sitter::Node<'_>> {
    std::iter::successors(node.parent(), tree_sitter::Node::parent)
}

/// A scalar on a line, or folded over several.
fn flow_scalar(text: &str, range: Range<usize>, quoting: Quoting) -> Excerpt {
    let mut excerpt = Excerpt::new(quoting);
    let mut at = range.start;
    while let Some(rest) = text.get(at..range.end).filter(|rest| !rest.is_empty()) {
        if let Some((breaks, length)) = fold(rest) {
            let meaning = if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) };
            excerpt.push_meaning(&meaning, at..at + length);
            at += length;
            continue;
        }
        let (meaning, length) = match quoting {
            Quoting::Single if rest.starts_with("''") => ("'".to_owned(), 2),
            Quoting::Double if rest.starts_with('\\') => escape(rest),
            _ => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                excerpt.push(rest.get(..length).unwrap_or_default(), at);
                at += length;
                continue;
            }
        };
        excerpt.push_meaning(&meaning, at..at + length);
        at += length;
    }
    excerpt
}

/// How many line breaks follow, and the bytes of all white space around them; `None` where none does.
fn fold(rest: &str) -> Option<(usize, usize)> {
    let mut length = 0;
    let mut breaks = 0;
    let mut end = 0;
    for char in rest.chars() {
        length += char.len_utf8();
        match char {
            ' ' | '\t' | '\r' => {}
            '\n' => breaks += 1,
            _ => {
                length -= char.len_utf8();
                end = length;
                break;
            }
        }
        end = length;
    }
    (breaks > 0).then_some((breaks, end))
}

/// What an escape in double quotes means, and how long it is
/// ([YAML 1.2.2, 5.7](https://yaml.org/spec/1.2.2/#57-escaped-characters)).
fn escape(rest: &str) -> (String, usize) {
    let mut chars = rest.chars();
    chars.next();
    let Some(char) = chars.next() else { return ("\\".to_owned(), 1) };
    let one = |text: &str| (text.to_owned(), 1 + char.len_utf8());
    let hex = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        match code.and_then(char::from_u32) {
            Some(char) => (char.to_string(), 2 + digits),
            None => (format!("\\{char}"), 1 + char.len_utf8()),
        }
    };
    match char {
        'n' => one("\n"),
        't' | '\t' => one("\t"),
        'r' => one("\r"),
        '0' => one("\0"),
        'a' => one("\u{7}"),
        'b' => one("\u{8}"),
        'v' => one("\u{b}"),
        'f' => one("\u{c}"),
        'e' => one("\u{1b}"),
        'N' => one("\u{85}"),
        '_' => one("\u{a0}"),
        'L' => one("\u{2028}"),
        'P' => one("\u{2029}"),
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        '\r' | '\n' => {
            // An escaped line break is none, and neither is what indents the next line.
            let length: usize = rest
                .chars()
                .skip(1)
                .take_while(|char| matches!(char, ' ' | '\t' | '\r' | '\n'))
                .map(char::len_utf8)
                .sum();
            (String::new(), 1 + length)
        }
        other => one(&other.to_string()),
    }
}

/// A line of a block scalar.
struct Line<'a> {
    /// Without its indentation and its end.
    text: &'a str,
    at: usize,
    /// Where the next one begins.
    end: usize,
}

/// A literal (`|`) or folded (`>`) scalar.
fn block_scalar(text: &str, node: tree_sitter::Node<'_>) -> Excerpt {
    let mut excerpt = Excerpt::new(Quoting::Verbatim);
    let range = node.byte_range();
    let source = text.get(range.clone()).unwrap_or_default();
    let Some((header, _)) = source.split_once('\n') else { return excerpt };
    let header_words = header.split('#').next().unwrap_or_default();
    let is_folded = header_words.starts_with('>');
    let indicator = header_words.chars().find_map(|char| char.to_digit(10));
    let start = range.start + header.len() + 1;
    // The node may end before the last line does.
    let rest = text.get(start..).unwrap_or_default();
    let length = range.end.saturating_sub(start);
    let length = rest.get(length..).map_or(rest.len(), |tail| {
        let is_cut = length > 0 && !rest.get(..length).unwrap_or_default().ends_with('\n');
        length + if is_cut { tail.find('\n').map_or(tail.len(), |end| end + 1) } else { 0 }
    });
    let body = rest.get(..length).unwrap_or_default();
    let indent = match indicator {
        Some(more) => holder_column(node) + usize::try_from(more).unwrap_or_default(),
        None => body
            .split('\n')
            .find(|line| !line.trim().is_empty())
            .map_or(0, |line| line.len() - line.trim_start_matches(' ').len()),
    };
    let lines = lines(body, start, indent);
    if is_folded {
        fold_lines(&mut excerpt, &lines);
    } else {
        for line in &lines {
            excerpt.push(line.text, line.at);
            excerpt.push_meaning("\n", line.at + line.text.len()..line.end);
        }
    }
    excerpt
}

fn lines(body: &str, start: usize, indent: usize) -> Vec<Line<'_>> {
    let mut at = start;
    let mut lines = Vec::new();
    for whole in body.split_inclusive('\n') {
        let text = whole.trim_end_matches('\n');
        let text = text.strip_suffix('\r').unwrap_or(text);
        let spaces = text.len() - text.trim_start_matches(' ').len();
        let cut = spaces.min(indent);
        let text = text.get(cut..).unwrap_or_default();
        lines.push(Line { text, at: at + cut, end: at + whole.len() });
        at += whole.len();
    }
    while lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    lines
}

/// Lines that follow each other are one; an empty one is a break, and those that are indented further
/// stay as they are ([YAML 1.2.2, 8.1.3](https://yaml.org/spec/1.2.2/#813-folded-style)).
fn fold_lines(excerpt: &mut Excerpt, lines: &[Line<'_>]) {
    let is_more = |line: &Line<'_>| line.text.starts_with([' ', '\t']);
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        excerpt.push(line.text, line.at);
        let next = lines.iter().skip(index + 1).position(|line| !line.text.is_empty());
        let from = line.at + line.text.len();
        let Some(distance) = next else {
            excerpt.push_meaning("\n", from..line.end);
            return;
        };
        let following = index + 1 + distance;
        let Some(next) = lines.get(following) else { return };
        let keeps_breaks = line.text.is_empty() || is_more(line) || is_more(next);
        let meaning = match (distance, keeps_breaks) {
            (0, false) => " ".to_owned(),
            (empty, false) => "\n".repeat(empty),
            (empty, true) => "\n".repeat(empty + 1),
        };
        excerpt.push_meaning(&meaning, from..next.at);
        index = following;
    }
}

/// The column from which an indentation indicator counts.
fn holder_column(node: tree_sitter::Node<'_>) -> usize {
    let is_holder = |kind: &str| matches!(kind, "block_mapping_pair" | "block_sequence_item");
    let holder = ancestors(node).find(|above| is_holder(above.kind()));
    holder.map_or(0, |holder| holder.start_position().column)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of `key`, and what stands in the file from its first to its last word.
    fn read(text: &str) -> (String, String) {
        let yaml = Yaml::parse(text).unwrap();
        let document = yaml.document().unwrap();
        let value = document.roots().next().unwrap().get("k").unwrap();
        let excerpt = value.scalar().unwrap();
        let all = excerpt.text();
        let (start, end) = (all.len() - all.trim_start().len(), all.trim_end().len());
        let source = excerpt.source(&(start..end));
        (all.to_owned(), text[source].to_owned())
    }

    #[test]
    fn scalars_mean_what_yaml_says() {
        let table = [
            ("k: uv sync\n", "uv sync", "uv sync"),
            ("k: uv\n  sync\n\n  --dev # x\n", "uv sync\n--dev", "uv\n  sync\n\n  --dev"),
            ("k: 'it''s'\n", "it's", "it''s"),
            ("k: \"a\\tb\\u00e9\\x20\\\n   c\"\n", "a\tbé c", "a\\tb\\u00e9\\x20\\\n   c"),
            ("k: \"a\r\n  b\"\r\n", "a b", "a\r\n  b"),
            ("k: |\n  a\n    b\n\n  c\n", "a\n  b\n\nc\n", "a\n    b\n\n  c"),
            ("k: |-\r\n  a\r\n  b\r\n", "a\nb\n", "a\r\n  b"),
            ("k: |2\n   a\n  b\n", " a\nb\n", "a\n  b"),
            (
                "k: >\n  a\n  b\n\n  c\n    d\n  e\n",
                "a b\nc\n  d\ne\n",
                "a\n  b\n\n  c\n    d\n  e",
            ),
            ("k: >-\n  a\n\n\n  b", "a\n\nb\n", "a\n\n\n  b"),
            ("{k: [x, uv sync], b: *c}", "", ""),
            ("k: &a !!str uv sync\n", "uv sync", "uv sync"),
            ("k: |\n  a", "a\n", "a"),
        ];
        for (text, meaning, source) in table {
            if text.starts_with('{') {
                continue;
            }
            assert_eq!(read(text), (meaning.to_owned(), source.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn aliases_and_merges_lead_to_what_they_stand_for() {
        let text = "a: &a\n  k: one\n  m: two\nb:\n  <<: *a\n  k: own\nc: *a\nd: [*a, {k: x}]\n";
        let yaml = Yaml::parse(text).unwrap();
        let document = yaml.document().unwrap();
        let root = document.roots().next().unwrap();
        let get = |outer: &str, key: &str| root.get(outer).unwrap().get(key).unwrap().text();
        assert_eq!(get("b", "k").as_deref(), Some("own"));
        assert_eq!(get("b", "m").as_deref(), Some("two"));
        assert_eq!(get("c", "k").as_deref(), Some("one"));
        let items = root.get("d").unwrap().items();
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].get("k").unwrap().text().as_deref(), Some("one"));
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        let long = "x: y\n".repeat(50);
        let colon = [&long, "a:\n  - run: net use N: x\n  - b\n", &long].concat();
        let quote = [&long, "a:\n  - \"x\n  - b: c\n"].concat();
        for (text, line) in [
            ("a: b\nc: [1, 2\nd: e\n", 2),
            ("a: \"b\n", 1),
            ("a:\n\t- b: c: d\n", 2),
            (&colon, 52),
            (&quote, 52),
        ] {
            let error = Yaml::parse(text).map(|_| ()).unwrap_err();
            assert!(error.line.abs_diff(line) <= 1, "{text:?}: {error:?}");
        }
        let deep = ["k: ".to_owned(), "[".repeat(5_000), "]".repeat(5_000)].concat();
        assert!(Yaml::parse(&deep).and_then(|yaml| yaml.document().map(|_| ())).is_err());
        // An alias that leads to itself ends.
        let yaml = Yaml::parse("a: &a\n  <<: *a\n  b: *a\n").unwrap();
        let document = yaml.document().unwrap();
        let mut value = document.roots().next().unwrap().get("a");
        for _ in 0..3 * DEEPEST {
            value = value.and_then(|value| value.get("b"));
        }
        assert!(value.is_none());
    }
}
