//! Shell scripts: the commands in them, and where each word stands.

use std::cell::RefCell;
use std::ops::Range;

/// A script.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Command>,
    /// Texts that are no commands, by where they stand.
    pub(crate) asides: Vec<(Range<usize>, Aside)>,
    /// The first line that is no shell, counted from 1; what is in such a script is not certain.
    pub(crate) error: Option<usize>,
}

/// A command with its words, as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    pub(crate) within: Within,
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Within {
    /// Among the commands.
    Script,
    /// In a string, in `$(...)`.
    String,
    /// In a heredoc, in `$(...)`.
    Heredoc,
}

/// A text that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    Comment,
    String,
    Heredoc,
}

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands in the script, quotes included.
    pub(crate) range: Range<usize>,
    /// What it means; `None` where that is known only when it runs.
    pub(crate) value: Option<String>,
}

/// What a format puts into scripts before a shell sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Nothing.
    None,
    /// `${{ ... }}`, and `$(name)`: GitHub and Azure.
    Expressions,
    /// `<< parameters.name >>`.
    CircleCi,
    /// `$[[ inputs.name ]]`.
    GitLab,
    /// `{{ name }}`.
    Just,
}

thread_local! {
    static PARSER: RefCell<Option<tree_sitter::Parser>> = RefCell::new(bash());
}

fn bash() -> Option<tree_sitter::Parser> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).ok()?;
    Some(parser)
}

/// Reads a script. What is in `masks` is put there by something else before the script runs, and may be
/// anything within a word.
pub(crate) fn parse(text: &str, masks: &[Range<usize>]) -> Script {
    let masked = mask(text, masks);
    let is_sane = super::tree::is_within_bounds(&masked);
    let parse = |parser: &mut Option<_>| super::tree::parse(parser.as_mut()?, &masked);
    let tree = if is_sane { PARSER.with_borrow_mut(parse) } else { None };
    let Some(tree) = tree else { return Script { error: Some(1), ..Script::default() } };
    let error = tree.root_node().has_error().then(|| super::yaml::error_line(&tree));
    let reader = Reader { text: &masked, masks };
    let mut script = Script { error, ..Script::default() };
    reader.read(&tree, &mut script);
    script
}

/// Where a format puts something into a text before a shell sees it.
pub(crate) fn templates(text: &str, template: Template) -> Vec<Range<usize>> {
    let name = |inside: &str| {
        let inside = inside.trim();
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '.' | '_' | '-');
        !inside.is_empty() && inside.chars().all(is_part)
    };
    match template {
        Template::None => Vec::new(),
        Template::Expressions => {
            let mut all = between(text, "${{", "}}", &|_| true);
            all.extend(between(text, "$(", ")", &name));
            all
        }
        Template::CircleCi => between(text, "<<", ">>", &name),
        Template::GitLab => between(text, "$[[", "]]", &|_| true),
        Template::Just => between(text, "{{", "}}", &|inside| !inside.starts_with('{')),
    }
}

fn between(
    text: &str,
    open: &str,
    close: &str,
    is_one: &dyn Fn(&str) -> bool,
) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(open)).map(|at| from + at) {
        let inside = start + open.len();
        let Some(length) = text.get(inside..).and_then(|rest| rest.find(close)) else { break };
        if text.get(inside..inside + length).is_some_and(is_one) {
            from = inside + length + close.len();
            found.push(start..from);
        } else {
            from = inside;
        }
    }
    found
}

fn mask(text: &str, masks: &[Range<usize>]) -> String {
    let mut masked = text.to_owned();
    for range in masks {
        // Of one length, so that every place stays.
        if masked.get(range.clone()).is_some() {
            masked.replace_range(range.clone(), &"x".repeat(range.len()));
        }
    }
    masked
}

struct Reader<'a> {
    text: &'a str,
    masks: &'a [Range<usize>],
}

impl Reader<'_> {
    fn read(&self, tree: &tree_sitter::Tree, script: &mut Script) {
        let mut within = vec![Within::Script];
        let mut cursor = tree.walk();
        loop {
            let node = cursor.node();
            let here = within.last().copied().unwrap_or(Within::Script);
            if node.kind() == "command" {
                let words = self.words(node);
                if !words.is_empty() {
                    script.commands.push(Command { words, within: here });
                }
            }
            let aside = match node.kind() {
                "comment" => Some(Aside::Comment),
                "string" | "raw_string" | "ansi_c_string" => Some(Aside::String),
                "heredoc_body" => Some(Aside::Heredoc),
                _ => None,
            };
            script.asides.extend(aside.map(|aside| (node.byte_range(), aside)));
            let inner = match node.kind() {
                "string" | "translated_string" => Within::String,
                "heredoc_body" => Within::Heredoc,
                _ => here,
            };
            if cursor.goto_first_child() {
                within.push(inner);
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    script.commands.sort_by_key(|command| {
                        command.words.first().map_or(0, |word| word.range.start)
                    });
                    return;
                }
                within.pop();
            }
        }
    }

    /// The name and the arguments; not the variables before them, and not what is redirected.
    fn words(&self, command: tree_sitter::Node<'_>) -> Vec<Word> {
        let mut cursor = command.walk();
        let mut words = Vec::new();
        if !cursor.goto_first_child() {
            return words;
        }
        loop {
            if matches!(cursor.field_name(), Some("name" | "argument")) {
                words.push(self.word(cursor.node()));
            }
            if !cursor.goto_next_sibling() {
                return words;
            }
        }
    }

    fn word(&self, node: tree_sitter::Node<'_>) -> Word {
        let range = node.byte_range();
        let is_masked =
            self.masks.iter().any(|mask| mask.start < range.end && range.start < mask.end);
        let value = if is_masked { None } else { self.value(node) };
        Word { range, value }
    }

    fn value(&self, node: tree_sitter::Node<'_>) -> Option<String> {
        let text = self.text.get(node.byte_range())?;
        match node.kind() {
            "word" | "number" => Some(unescape(text)),
            "raw_string" => Some(text.trim_matches('\'').to_owned()),
            "command_name" => self.value(node.named_child(0)?),
            "string" => {
                let is_plain = |child: tree_sitter::Node<'_>| child.kind() == "string_content";
                let mut cursor = node.walk();
                let is_plain = node.named_children(&mut cursor).all(is_plain);
                let inside = text.strip_prefix('"')?.strip_suffix('"')?;
                (is_plain && !inside.contains('\\')).then(|| inside.to_owned())
            }
            "concatenation" => {
                let mut cursor = node.walk();
                let mut end = node.start_byte();
                let mut value = String::new();
                for child in node.children(&mut cursor) {
                    // Parts that the grammar has no node for.
                    value.push_str(self.text.get(end..child.start_byte())?);
                    value.push_str(&self.value(child)?);
                    end = child.end_byte();
                }
                Some(value)
            }
            kind if !node.is_named() && kind == text => Some(text.to_owned()),
            _ => None,
        }
    }
}

fn unescape(word: &str) -> String {
    let mut value = String::with_capacity(word.len());
    let mut chars = word.chars();
    while let Some(char) = chars.next() {
        if char == '\\' {
            match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => value.push(escaped),
            }
        } else {
            value.push(char);
        }
    }
    value
}

/// Whether a program is a shell whose language this is.
pub(crate) fn is_posix(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    matches!(name.trim_end_matches(".exe"), "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let masks = templates(text, Template::Expressions);
        let script = parse(text, &masks);
        assert_eq!(script.error, None, "{text}");
        let words = |command: &Command| {
            let written = command.words.iter().map(|word| &text[word.range.clone()]);
            written.collect::<Vec<_>>().join(" ")
        };
        let in_script = |command: &&Command| command.within == Within::Script;
        script.commands.iter().filter(in_script).map(words).collect()
    }

    #[test]
    fn commands_are_found_wherever_a_shell_runs_them() {
        let table: [(&str, &[&str]); 16] = [
            ("uv sync", &["uv sync"]),
            ("a && uv sync --dev || b; c", &["a", "uv sync --dev", "b", "c"]),
            ("if uv sync; then echo x; fi", &["uv sync", "echo x"]),
            ("for i in 1 2; do uv sync; done", &["uv sync"]),
            ("f() { uv sync; }\n(uv sync -q)", &["uv sync", "uv sync -q"]),
            ("uv sync \\\n  --dev \\\n  --all-extras\n", &["uv sync --dev --all-extras"]),
            ("A=b uv sync > log 2>&1 # not this: uv sync", &["uv sync"]),
            ("uv sync | tee log", &["uv sync", "tee log"]),
            ("# uv sync\necho 'uv sync'", &["echo 'uv sync'"]),
            ("cat <<EOF\nuv sync\n$(uv sync)\nEOF\nb", &["cat", "b"]),
            ("echo \"$(uv sync)\"", &["echo \"$(uv sync)\""]),
            ("x=$(uv sync)", &["uv sync"]),
            (
                "uv sync --python ${{ matrix.python }} --dev",
                &["uv sync --python ${{ matrix.python }} --dev"],
            ),
            ("case $x in uv) uv sync ;; esac", &["uv sync"]),
            ("sudo -E uv sync", &["sudo -E uv sync"]),
            ("\tuv sync\r\n\tb\r\n", &["uv sync", "b"]),
        ];
        for (text, expected) in table {
            let text = text.replace("\r\n", "\n");
            assert_eq!(commands(&text), expected, "{text}");
        }
    }

    #[test]
    fn words_mean_what_they_mean_without_quotes() {
        let script = parse("a 'b c' \"d\" e\\ f g\"h\"i $j \"k$l\" --x=\"y\"", &[]);
        let values: Vec<Option<&str>> =
            script.commands[0].words.iter().map(|word| word.value.as_deref()).collect();
        assert_eq!(
            values,
            [
                Some("a"),
                Some("b c"),
                Some("d"),
                Some("e f"),
                Some("ghi"),
                None,
                None,
                Some("--x=y")
            ]
        );
    }

    #[test]
    fn a_script_that_is_none_is_told() {
        assert!(parse("if true; then\n  echo (\n", &[]).error.is_some());
    }
}
