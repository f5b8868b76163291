//! Dockerfiles: instructions over their continued lines, without the comments between
//! ([Dockerfile reference](https://docs.docker.com/reference/dockerfile/)).

use crate::excerpt::{Excerpt, Quoting};

/// An instruction.
#[derive(Debug)]
pub(crate) struct Instruction {
    /// In capital letters; of `ONBUILD RUN`, `RUN`.
    pub(crate) keyword: String,
    /// What follows it.
    pub(crate) rest: Excerpt,
    /// The texts of its heredocs.
    pub(crate) heredocs: Vec<Excerpt>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Dockerfile {
    pub(crate) instructions: Vec<Instruction>,
    /// Whether lines are continued by the character of Windows.
    pub(crate) is_windows: bool,
}

struct Line<'a> {
    text: &'a str,
    at: usize,
}

pub(crate) fn parse(source: &str) -> Dockerfile {
    let mut at = 0;
    let mut lines = Vec::new();
    for whole in source.split_inclusive('\n') {
        let text = whole.trim_end_matches(['\n', '\r']);
        // A mark of the encoding is no part of the first line.
        let mark = if at == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        lines.push(Line { text: text.get(mark..).unwrap_or_default(), at: at + mark });
        at += whole.len();
    }
    let is_windows = escapes_with_backtick(&lines);
    let continues = if is_windows { '`' } else { '\\' };
    let mut instructions = Vec::new();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        if is_blank_or_comment(line.text) {
            continue;
        }
        let mut whole = Excerpt::new(Quoting::Verbatim);
        whole.push(line.text, line.at);
        let mut is_continued = line.text.trim_end().ends_with(continues);
        while let Some(line) = lines.get(next).filter(|_| is_continued) {
            next += 1;
            if is_blank_or_comment(line.text) {
                continue;
            }
            let end =
                lines.get(next.saturating_sub(2)).map_or(line.at, |last| last.at + last.text.len());
            whole.push_meaning("\n", end..line.at);
            whole.push(line.text, line.at);
            is_continued = line.text.trim_end().ends_with(continues);
        }
        let mut heredocs = Vec::new();
        for (name, strips_tabs) in heredoc_names(whole.text()) {
            let mut body = Excerpt::new(Quoting::Verbatim);
            while let Some(line) = lines.get(next) {
                next += 1;
                let text = if strips_tabs { line.text.trim_start_matches('\t') } else { line.text };
                if text == name {
                    break;
                }
                let start = line.at + line.text.len() - text.len();
                body.push(text, start);
                let end = start + text.len();
                body.push_meaning("\n", end..lines.get(next).map_or(end, |next| next.at));
            }
            heredocs.push(body);
        }
        instructions.extend(instruction(&whole, heredocs));
    }
    Dockerfile { instructions, is_windows }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// `# escape=` among the directives at the top.
fn escapes_with_backtick(lines: &[Line<'_>]) -> bool {
    lines
        .iter()
        .map_while(|line| line.text.trim_start().strip_prefix('#'))
        .map_while(|directive| directive.split_once('='))
        .any(|(name, value)| name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`")
}

fn instruction(whole: &Excerpt, heredocs: Vec<Excerpt>) -> Option<Instruction> {
    let mut from = 0;
    loop {
        let rest = whole.text().get(from..)?;
        let start = from + rest.len() - rest.trim_start().len();
        let word: String =
            whole.text().get(start..)?.chars().take_while(char::is_ascii_alphabetic).collect();
        if word.is_empty() {
            return None;
        }
        from = start + word.len();
        let keyword = word.to_ascii_uppercase();
        if keyword != "ONBUILD" {
            return Some(Instruction { keyword, rest: whole.tail(from), heredocs });
        }
    }
}

/// `<<EOF`, `<<-"EOF"`; whether tabs before its lines are dropped.
fn heredoc_names(text: &str) -> Vec<(String, bool)> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("<<") {
        let (strips, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let quoted = after.trim_start_matches(['"', '\'']);
        let name: String =
            quoted.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
        if !name.is_empty() && !after.starts_with('<') {
            names.push((name, strips));
        }
        rest = after;
    }
    names
}

impl Instruction {
    /// The flags at its beginning, and what follows them.
    pub(crate) fn behind_flags(&self) -> (Vec<&str>, Excerpt) {
        let text = self.rest.text();
        let mut flags = Vec::new();
        let mut from = 0;
        loop {
            let rest = text.get(from..).unwrap_or_default();
            let is_space = |char: char| char.is_whitespace() || char == '\\';
            let start = from + rest.len() - rest.trim_start_matches(is_space).len();
            let rest = text.get(start..).unwrap_or_default();
            if !rest.starts_with("--") {
                return (flags, self.rest.tail(start));
            }
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            flags.push(rest.get(..length).unwrap_or_default());
            from = start + length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<(String, String)> {
        let file = parse(source);
        let one = |one: Instruction| (one.keyword.clone(), one.behind_flags().1.text().to_owned());
        file.instructions.into_iter().map(one).collect()
    }

    #[test]
    fn instructions_go_over_lines_and_comments() {
        let source = "# syntax=docker/dockerfile:1\nFROM python:3.12 AS a\r\n\r\nrun --mount=type=cache,target=/c \\\n    --network=none \\\n  # why\n\n  uv sync \\\n  --dev && \\\n  b\nONBUILD RUN c\nRUN <<EOF\nuv sync\n# not the end\nEOF\nCMD [\"x\"]";
        let found = read(source);
        let keywords: Vec<&str> = found.iter().map(|one| one.0.as_str()).collect();
        assert_eq!(keywords, ["FROM", "RUN", "RUN", "RUN", "CMD"]);
        assert_eq!(found[0].1, "python:3.12 AS a");
        assert_eq!(found[1].1, "uv sync \\\n  --dev && \\\n  b");
        assert_eq!(found[2].1, "c");
        let file = parse(source);
        assert_eq!(file.instructions[3].heredocs[0].text(), "uv sync\n# not the end\n");
        let (flags, rest) = file.instructions[1].behind_flags();
        assert_eq!(flags, ["--mount=type=cache,target=/c", "--network=none"]);
        let place = rest.source(&(0..7));
        assert_eq!(&source[place], "uv sync");
        assert!(parse("# escape=`\nFROM x").is_windows);
        assert!(!parse("FROM x\n# escape=`").is_windows);
    }
}
