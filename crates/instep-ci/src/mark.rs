//! Marks in comments: `# instep: ignore` and `# instep: use NAME`, at the end of a line or on the one
//! above it.

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Ignore,
    Use(String),
}

/// Where the lines of a text begin.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line that holds a byte, counted from 1.
    pub(crate) fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    /// A line without its end.
    pub(crate) fn line(&self, number: usize) -> &'a str {
        let Some(start) = number.checked_sub(1).and_then(|at| self.starts.get(at)) else {
            return "";
        };
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        self.text.get(*start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    /// The mark for what stands from one line to another.
    pub(crate) fn mark(&self, first: usize, last: usize) -> Option<Mark> {
        let above = self.line(first.saturating_sub(1)).trim_start();
        let is_comment = above.starts_with('#') || above.starts_with("//");
        (first..=last)
            .find_map(|number| parse(self.line(number)))
            .or_else(|| if is_comment { parse(above) } else { None })
    }

    /// Whether a byte stands on a line that is a comment and nothing else.
    pub(crate) fn is_comment(&self, at: usize) -> bool {
        let line = self.line(self.number(at)).trim_start();
        line.starts_with('#') || line.starts_with("//")
    }
}

fn parse(line: &str) -> Option<Mark> {
    let comment = line.split_once('#').or_else(|| line.split_once("//"))?.1;
    let (_, said) = comment.split_once("instep:")?;
    let mut words = said.split_whitespace();
    match words.next()? {
        "ignore" => Some(Mark::Ignore),
        "use" => {
            let is_name = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
            let name: String = words.next()?.chars().take_while(|char| is_name(*char)).collect();
            (!name.is_empty()).then_some(Mark::Use(name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_the_end_of_a_line_or_above_it() {
        let text =
            "a # instep: ignore\nb\n  # instep: use docs, please\nc\nd\n// instep: ignore\ne";
        let lines = Lines::of(text);
        let table = [
            (1, 1, Some(Mark::Ignore)),
            (2, 2, None),
            (4, 4, Some(Mark::Use("docs".into()))),
            (5, 5, None),
            (4, 5, Some(Mark::Use("docs".into()))),
            (7, 7, Some(Mark::Ignore)),
        ];
        for (first, last, expected) in table {
            assert_eq!(lines.mark(first, last), expected, "{first}");
        }
        assert_eq!((lines.number(0), lines.number(19), lines.number(text.len())), (1, 2, 7));
        assert_eq!(parse("echo instep: ignore"), None);
        assert_eq!(parse("x # instep: perhaps"), None);
    }
}
