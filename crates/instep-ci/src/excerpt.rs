//! A text as it is meant, and where each part of it stands in the file: the script of a `run:` key
//! without its indentation, a JSON string without its escapes, a recipe without its tabs.

use std::ops::Range;

/// A text that stands in a file, quoted as the file's format has it.
#[derive(Clone, Debug)]
pub(crate) struct Excerpt {
    text: String,
    pieces: Vec<Piece>,
    quoting: Quoting,
}

/// What follows each other in the text and in the file. Where both are of one length, byte for byte; a
/// piece of which they are not (an escape, a folded line break) is never cut.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    text: Range<usize>,
    source: Range<usize>,
}

/// How a text has to be written so that the file's format reads it as it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// As it is, on one line.
    Verbatim,
    /// A YAML scalar without quotes; `in_flow`: within `[]` or `{}`.
    Plain { in_flow: bool },
    /// A YAML scalar in `'`.
    Single,
    /// A YAML scalar, a JSON or a TOML string in `"`.
    Double,
    /// A recipe of a makefile, in which `$` is `$$`.
    Make,
}

impl Excerpt {
    pub(crate) fn new(quoting: Quoting) -> Self {
        Self { text: String::new(), pieces: Vec::new(), quoting }
    }

    /// A part of a file that means what it says.
    pub(crate) fn verbatim(source: &str, range: Range<usize>) -> Self {
        let mut excerpt = Self::new(Quoting::Verbatim);
        excerpt.push(source.get(range.clone()).unwrap_or_default(), range.start);
        excerpt
    }

    /// Adds what stands in the file as it is meant, from `at` on.
    pub(crate) fn push(&mut self, text: &str, at: usize) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        let end = self.text.len();
        match self.pieces.last_mut() {
            Some(last) if last.source.end == at && last.is_verbatim() => {
                last.text.end = end;
                last.source.end = at + text.len();
            }
            _ => self.pieces.push(Piece { text: start..end, source: at..at + text.len() }),
        }
    }

    /// Adds what is meant by something else in the file.
    pub(crate) fn push_meaning(&mut self, text: &str, source: Range<usize>) {
        if text.len() == source.len() {
            // Byte for byte would be a lie only where it is cut, and one byte cannot be.
            return self.push(text, source.start);
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push(Piece { text: start..self.text.len(), source });
    }

    /// Moves it in the file.
    pub(crate) fn shift(&mut self, by: usize) {
        for piece in &mut self.pieces {
            piece.source.start += by;
            piece.source.end += by;
        }
    }

    /// What is left behind the first bytes of the text.
    pub(crate) fn tail(&self, from: usize) -> Self {
        let mut tail = Self::new(self.quoting);
        for piece in &self.pieces {
            let Some(text) = self.text.get(piece.text.start.max(from)..piece.text.end) else {
                continue;
            };
            if piece.is_verbatim() {
                let cut = from.saturating_sub(piece.text.start);
                tail.push(text, piece.source.start + cut);
            } else {
                tail.push_meaning(text, piece.source.clone());
            }
        }
        tail
    }

    /// A part of it that means what it says and stands on a line.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::new(Quoting::Verbatim);
        let start = self.source(&range).start;
        part.push(self.text.get(range).unwrap_or_default(), start);
        part
    }

    /// As it is meant.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Range<usize> {
        0..self.text.len()
    }

    /// Where a part of the text stands in the file. An empty part stands behind what is before it.
    pub(crate) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let end = self.source_end(range.end);
        if range.is_empty() {
            return end..end;
        }
        self.source_start(range.start)..end
    }

    /// Whether something stands between the parts of a range that is no part of the text: a comment.
    pub(crate) fn is_interrupted(&self, range: &Range<usize>, source: &str) -> bool {
        let mut at = self.source(range).start;
        let is_inside =
            |piece: &&Piece| piece.text.start < range.end && range.start < piece.text.end;
        self.pieces.iter().filter(is_inside).any(|piece| {
            let between = source.get(at..piece.source.start).unwrap_or_default();
            at = piece.source.end;
            !between.trim().is_empty()
        })
    }

    /// The piece that holds a byte of the text.
    fn piece(&self, at: usize) -> Option<&Piece> {
        let index = self.pieces.partition_point(|piece| piece.text.end <= at);
        self.pieces.get(index)
    }

    fn source_start(&self, at: usize) -> usize {
        match self.piece(at) {
            Some(piece) if piece.is_verbatim() => piece.source.start + (at - piece.text.start),
            Some(piece) => piece.source.start,
            None => self.pieces.last().map_or(0, |piece| piece.source.end),
        }
    }

    fn source_end(&self, at: usize) -> usize {
        let Some(before) = at.checked_sub(1) else {
            return self.pieces.first().map_or(0, |piece| piece.source.start);
        };
        match self.piece(before) {
            Some(piece) if piece.is_verbatim() => piece.source.start + (at - piece.text.start),
            Some(piece) => piece.source.end,
            None => self.pieces.last().map_or(0, |piece| piece.source.end),
        }
    }

    /// A text as it has to be written in the place of a part of this one; `None` where the format cannot
    /// hold it there.
    pub(crate) fn quote(&self, text: &str) -> Option<String> {
        if text.contains(['\n', '\r']) {
            return None;
        }
        match self.quoting {
            Quoting::Verbatim => Some(text.to_owned()),
            Quoting::Plain { in_flow } => {
                let is_special = text.contains(": ")
                    || text.ends_with(':')
                    || text.contains(" #")
                    || (in_flow && text.contains(['[', ']', '{', '}', ',']));
                (!is_special).then(|| text.to_owned())
            }
            Quoting::Single => Some(text.replace('\'', "''")),
            Quoting::Double => Some(text.replace('\\', "\\\\").replace('"', "\\\"")),
            Quoting::Make => Some(text.replace('$', "$$")),
        }
    }
}

impl Piece {
    fn is_verbatim(&self) -> bool {
        self.text.len() == self.source.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_again_in_the_file() {
        // `a\n  b` in the file, with its indentation and a line break of Windows.
        let source = "a\r\n  b\\\"c";
        let mut excerpt = Excerpt::new(Quoting::Double);
        excerpt.push("a", 0);
        excerpt.push_meaning(" ", 1..5);
        excerpt.push("b", 5);
        excerpt.push_meaning("\"", 6..8);
        excerpt.push("c", 8);
        assert_eq!(excerpt.text(), "a b\"c");
        let table = [
            (0..1, "a"),
            (0..3, "a\r\n  b"),
            (2..4, "b\\\""),
            (2..3, "b"),
            (4..5, "c"),
            (1..1, ""),
            (0..5, source),
        ];
        for (range, expected) in table {
            assert_eq!(source.get(excerpt.source(&range)), Some(expected), "{range:?}");
        }
        assert_eq!(excerpt.source(&(1..1)), 1..1, "behind what is before it");
        assert_eq!(excerpt.quote("x \"y\"").as_deref(), Some("x \\\"y\\\""));
    }

    #[test]
    fn what_a_format_cannot_hold_is_not_written() {
        let table = [
            (Quoting::Plain { in_flow: false }, "uv sync", Some("uv sync")),
            (Quoting::Plain { in_flow: false }, "uv sync: x", None),
            (Quoting::Plain { in_flow: false }, "uv sync #x", None),
            (Quoting::Plain { in_flow: true }, "pip install a[b]", None),
            (Quoting::Plain { in_flow: false }, "pip install a[b]", Some("pip install a[b]")),
            (Quoting::Single, "it's", Some("it''s")),
            (Quoting::Make, "$HOME", Some("$$HOME")),
            (Quoting::Verbatim, "a\nb", None),
        ];
        for (quoting, text, expected) in table {
            assert_eq!(Excerpt::new(quoting).quote(text).as_deref(), expected, "{text}");
        }
    }
}
