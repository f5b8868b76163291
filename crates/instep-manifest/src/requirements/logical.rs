//! From physical to logical lines, as pip does it before it looks at what a line says:
//! continuations joined, comments cut off, variables expanded. Every character still knows where it
//! came from.

use std::ops::Range;

/// A logical line that says something.
#[derive(Debug)]
pub(super) struct Logical {
    /// The physical line on which it starts, from 1.
    pub(super) number: usize,
    /// Where it stands in the file, comments and continuations included.
    pub(super) span: Range<usize>,
    /// Without comments, continuations, and white space at its ends; variables expanded.
    pub(super) text: String,
    /// The variables that it names.
    pub(super) variables: Vec<String>,
    pieces: Vec<Piece>,
}

/// A stretch of a line and the stretch of the file that it came from. They are of one length, but
/// for the value of a variable, which came from the whole of its name.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    length: usize,
    source: usize,
    source_length: usize,
    expanded: bool,
}

impl Logical {
    /// Whether a part of `text` is, or touches, the value of a variable.
    pub(super) fn is_expanded(&self, part: &Range<usize>) -> bool {
        self.pieces.iter().any(|piece| {
            piece.expanded && piece.start <= part.end && part.start <= piece.start + piece.length
        })
    }

    /// Where a part of `text` came from.
    pub(super) fn source(&self, part: &Range<usize>) -> Range<usize> {
        let start = self.source_of(part.start, |piece| piece.source);
        let end = self.source_of(part.end, |piece| piece.source + piece.source_length);
        start..end.max(start)
    }

    fn source_of(&self, position: usize, inside_value: fn(&Piece) -> usize) -> usize {
        let piece = self.pieces.iter().rev().find(|piece| piece.start <= position);
        match piece {
            Some(piece) if !piece.expanded => {
                piece.source + (position - piece.start).min(piece.length)
            }
            Some(piece) => inside_value(piece),
            None => self.span.start,
        }
    }
}

/// The logical lines of a file that say something.
pub(super) fn lines(text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Vec<Logical> {
    let mut lines = Vec::new();
    let mut joined: Option<Joined> = None;
    for physical in physical_lines(text) {
        let line = text.get(physical.span.clone()).unwrap_or_default();
        let comment = line.trim_start().starts_with('#');
        let continues = line.ends_with('\\') && !comment;
        let current = joined.get_or_insert_with(|| Joined::at(&physical));
        if comment {
            // The white space that makes a comment of it also behind a continuation.
            current.text.push(' ');
        }
        current.push(line.trim_end_matches(if continues { '\\' } else { '\n' }), &physical);
        if !continues {
            lines.extend(joined.take().and_then(|joined| joined.finish(variables)));
        }
    }
    lines.extend(joined.and_then(|joined| joined.finish(variables)));
    lines
}

struct Physical {
    number: usize,
    span: Range<usize>,
}

/// Splits as Python's `str.splitlines` does, which pip uses: also at form feeds and the like. Those
/// are no line ends for an editor, so they do not count in the numbers.
fn physical_lines(text: &str) -> Vec<Physical> {
    let mut lines = Vec::new();
    let mut number = 1;
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((position, letter)) = letters.next() {
        let counts = matches!(letter, '\n' | '\r');
        let other = matches!(
            letter,
            '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        );
        if !counts && !other {
            continue;
        }
        lines.push(Physical { number, span: start..position });
        start = position + letter.len_utf8();
        if letter == '\r' && letters.next_if(|&(_, next)| next == '\n').is_some() {
            start += 1;
        }
        number += usize::from(counts);
    }
    if start < text.len() {
        lines.push(Physical { number, span: start..text.len() });
    }
    lines
}

/// Physical lines that are being joined.
struct Joined {
    number: usize,
    span: Range<usize>,
    text: String,
    pieces: Vec<Piece>,
}

impl Joined {
    fn at(physical: &Physical) -> Self {
        Self {
            number: physical.number,
            span: physical.span.clone(),
            text: String::new(),
            pieces: Vec::new(),
        }
    }

    fn push(&mut self, line: &str, physical: &Physical) {
        self.pieces.push(Piece {
            start: self.text.len(),
            length: line.len(),
            source: physical.span.start,
            source_length: line.len(),
            expanded: false,
        });
        self.text.push_str(line);
        self.span.end = physical.span.end;
    }

    fn finish(self, variables: &dyn Fn(&str) -> Option<String>) -> Option<Logical> {
        let said = without_comment(&self.text);
        let start = said.len() - said.trim_start().len();
        let end = said.trim_end().len();
        if start >= end {
            return None;
        }
        let mut logical = Logical {
            number: self.number,
            span: self.span.clone(),
            text: String::with_capacity(end - start),
            variables: Vec::new(),
            pieces: Vec::new(),
        };
        let mut from = start;
        while let Some(found) = self.text.get(from..end).and_then(find_variable) {
            let (name, range) = (found.name, from + found.range.start..from + found.range.end);
            self.copy(from..range.start, &mut logical);
            // An empty value is as good as none for pip.
            match variables(name).filter(|value| !value.is_empty()) {
                Some(value) => self.insert(&value, &range, &mut logical),
                None => self.copy(range.clone(), &mut logical),
            }
            if !logical.variables.iter().any(|known| known == name) {
                logical.variables.push(name.to_owned());
            }
            from = range.end;
        }
        self.copy(from..end, &mut logical);
        Some(logical)
    }

    fn copy(&self, range: Range<usize>, to: &mut Logical) {
        for piece in &self.pieces {
            let start = piece.start.max(range.start);
            let end = (piece.start + piece.length).min(range.end);
            if start < end {
                to.pieces.push(Piece {
                    start: to.text.len() + (start - range.start),
                    length: end - start,
                    source: piece.source + (start - piece.start),
                    source_length: end - start,
                    expanded: false,
                });
            }
        }
        to.text.push_str(self.text.get(range).unwrap_or_default());
    }

    fn insert(&self, value: &str, name: &Range<usize>, to: &mut Logical) {
        let source = self
            .pieces
            .iter()
            .rev()
            .find(|piece| piece.start <= name.start)
            .map_or(self.span.start, |piece| piece.source + (name.start - piece.start));
        to.pieces.push(Piece {
            start: to.text.len(),
            length: value.len(),
            source,
            source_length: name.len(),
            expanded: true,
        });
        to.text.push_str(value);
    }
}

/// Cuts at a `#` that stands at the start or behind white space; any other belongs to a URL.
fn without_comment(text: &str) -> &str {
    let comment = text.match_indices('#').map(|(position, _)| position).find(|&position| {
        let before = text.get(..position).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    });
    comment.and_then(|position| text.get(..position)).unwrap_or(text)
}

struct Variable<'a> {
    name: &'a str,
    range: Range<usize>,
}

/// The first `${NAME}`; upper-case letters, digits and `_` alone, as pip has it.
fn find_variable(text: &str) -> Option<Variable<'_>> {
    text.match_indices("${").find_map(|(start, opening)| {
        let rest = text.get(start + opening.len()..)?;
        let (name, _) = rest.split_once('}')?;
        let valid = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        valid.then(|| Variable { name, range: start..start + opening.len() + name.len() + 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("example.org".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn table_of_logical_lines() {
        // Text of a file, then the number and text of each logical line.
        let table: [(&str, &[(usize, &str)]); 17] = [
            ("", &[]),
            ("\n \t\n#c\n  # c\n", &[]),
            ("a\nb", &[(1, "a"), (2, "b")]),
            ("a\r\nb\r\n", &[(1, "a"), (2, "b")]),
            ("a\rb", &[(1, "a"), (2, "b")]),
            ("a\x0cb\nc", &[(1, "a"), (1, "b"), (2, "c")]),
            ("a # c", &[(1, "a")]),
            ("a\t# c", &[(1, "a")]),
            ("a#c", &[(1, "a#c")]),
            ("https://h/x#egg=a # c", &[(1, "https://h/x#egg=a")]),
            ("a \\\n  b\nc", &[(1, "a   b"), (3, "c")]),
            ("a \\\r\n  b\r\n", &[(1, "a   b")]),
            ("a\\\nb", &[(1, "ab")]),
            ("# c \\\nb", &[(2, "b")]),
            ("a \\\n# c\nb", &[(1, "a"), (3, "b")]),
            ("a \\\n", &[(1, "a")]),
            ("a # c \\\nb\nd", &[(1, "a"), (3, "d")]),
        ];
        for (text, expected) in table {
            let found = lines(text, &value);
            let found: Vec<_> =
                found.iter().map(|line| (line.number, line.text.as_str())).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn variables_are_expanded_as_pip_does() {
        let table = [
            ("https://${HOST}/${HOST}", "https://example.org/example.org"),
            ("${NOT_SET} ${EMPTY}", "${NOT_SET} ${EMPTY}"),
            ("$HOST ${host} ${} ${HOST", "$HOST ${host} ${} ${HOST"),
            ("${a${HOST}", "${aexample.org"),
        ];
        for (text, expected) in table {
            assert_eq!(lines(text, &value)[0].text, expected, "{text}");
        }
        assert_eq!(lines("${B_2} ${HOST} ${B_2}", &value)[0].variables, ["B_2", "HOST"]);
        // After the comments are gone: a value may hold what looks like one.
        assert_eq!(lines("a${X}b", &|_| Some(" #".to_owned()))[0].text, "a #b");
    }

    #[test]
    fn every_character_knows_where_it_came_from() {
        let text = "x\n  ab \\\n\tc ${HOST}d # e\n";
        let line = &lines(text, &value)[1];
        assert_eq!(line.text, "ab \tc example.orgd");
        assert_eq!(&text[line.span.clone()], "  ab \\\n\tc ${HOST}d # e");
        let source = |part: &str| {
            let start = line.text.find(part).unwrap();
            &text[line.source(&(start..start + part.len()))]
        };
        assert_eq!(source("ab"), "ab");
        assert_eq!(source("c"), "c");
        assert_eq!(source("ample"), "${HOST}");
        assert_eq!(source("d"), "d");
        assert_eq!(
            line.source(&(line.text.len()..line.text.len())).start,
            text.find(" # e").unwrap()
        );
    }
}
