//! Cuts the bytes of a stream into lines as they arrive. Programs that draw progress rewrite a line with `\r`; each
//! state of it is a line of its own here. What is not UTF-8 is shown with the replacement character, since a line is
//! for people.

use std::mem;

/// Holds the bytes of a line that has not ended yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    after_return: bool,
}

impl Lines {
    /// Takes the next bytes of the stream and hands on every line that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            match piece.split_last() {
                Some((b'\n', text)) => {
                    // The end of `\r\n`, whose line was handed on at its `\r`.
                    if self.after_return && text.is_empty() && self.partial.is_empty() {
                        self.after_return = false;
                        continue;
                    }
                    self.partial.extend_from_slice(text);
                    self.end_line(on_line);
                }
                Some((b'\r', text)) => {
                    self.partial.extend_from_slice(text);
                    // `\r` at the start of a line only moves the cursor.
                    if !self.partial.is_empty() {
                        self.end_line(on_line);
                        self.after_return = true;
                    }
                }
                _ => {
                    self.partial.extend_from_slice(piece);
                }
            }
        }
    }

    /// How many bytes the line has that has not ended yet.
    pub(crate) fn pending(&self) -> usize {
        self.partial.len()
    }

    /// Hands on what is left when the stream has ended.
    pub(crate) fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if !self.partial.is_empty() {
            self.end_line(on_line);
        }
    }

    fn end_line(&mut self, on_line: &mut dyn FnMut(&str)) {
        self.after_return = false;
        let line = mem::take(&mut self.partial);
        on_line(&String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, &mut |line| seen.push(line.to_owned()));
        }
        lines.finish(&mut |line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_end_at_newlines_and_returns_wherever_the_chunks_are_cut() {
        let cases: &[(&[&[u8]], &[&str])] = &[
            (&[b"a\nb\n"], &["a", "b"]),
            (&[b"a\r\nb"], &["a", "b"]),
            (&[b"a\r", b"\nb"], &["a", "b"]),
            (&[b"a\r", b"\n\nb"], &["a", "", "b"]),
            (&[b"a", b"b\nc"], &["ab", "c"]),
            (&[b"\r10%\r20%\rdone\n"], &["10%", "20%", "done"]),
            (&[b"a\n\nb\n"], &["a", "", "b"]),
            (&[b"\n"], &[""]),
            (&[b"a\rb\n\n"], &["a", "b", ""]),
            (&[b"\r\n"], &[""]),
            (&[b""], &[]),
            (
                &["h\u{e9}".as_bytes().split_at(2).0, "h\u{e9}".as_bytes().split_at(2).1],
                &["h\u{e9}"],
            ),
            (&[b"caf\xe9\n"], &["caf\u{fffd}"]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(lines_of(chunks), *expected, "{chunks:?}");
        }
    }
}
