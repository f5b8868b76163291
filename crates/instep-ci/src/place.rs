//! Places: where a file runs a command or names a version.

use std::ops::Range;
use std::sync::Arc;

use crate::command::{Invocation, KNOWN, invocation};
use crate::excerpt::Excerpt;
use crate::problem::Reason;
use crate::syntax::shell::{self, Aside, Command, Template, Within};
use crate::syntax::yaml::Value;
use crate::version::{self, Image, Runtime, Why, is_plain};

/// Where something stands that may follow the configuration.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Command(CommandPlace),
    Versions(Versions),
    /// Something that is left alone for what it is.
    Left {
        range: Range<usize>,
        reason: Reason,
    },
}

/// A command of a script.
#[derive(Clone, Debug)]
pub(crate) struct CommandPlace {
    pub(crate) script: Arc<Excerpt>,
    pub(crate) command: Command,
    pub(crate) invocation: Invocation,
    /// Why it cannot be trusted to be one.
    pub(crate) doubt: Option<Reason>,
}

/// Versions that belong together: one by itself, or a list.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    pub(crate) runtime: Runtime,
    pub(crate) wants: Wants,
    pub(crate) items: Vec<Item>,
    pub(crate) shape: Shape,
}

/// Which of the configured versions belong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// The first.
    First,
    All,
}

/// A version.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: String,
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// What stands around it.
    pub(crate) around: Around,
}

/// How a version is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// Within something else, or in no quotes that matter.
    Nothing,
    /// By itself, as a YAML scalar without quotes: `3.10` would be a number there.
    Plain,
    /// In these quotes, which its range does not include.
    Quotes(char),
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Single,
    /// On a line, with this between two.
    Line(&'static str),
    /// Each on a line of its own.
    Rows,
}

impl Place {
    /// From its first to its last byte.
    pub(crate) fn range(&self) -> Range<usize> {
        match self {
            Self::Command(place) => place.range(),
            Self::Versions(versions) => {
                let start = versions.items.first().map_or(0, |item| item.range.start);
                start..versions.items.last().map_or(start, |item| item.range.end)
            }
            Self::Left { range, .. } => range.clone(),
        }
    }
}

impl CommandPlace {
    pub(crate) fn range(&self) -> Range<usize> {
        let word = |at: usize| self.command.words.get(at).map(|word| word.range.clone());
        let start = word(self.invocation.words.start).map_or(0, |range| range.start);
        let end =
            word(self.invocation.words.end.saturating_sub(1)).map_or(start, |range| range.end);
        self.script.source(&(start..end))
    }
}

/// The names under which matrices and variables hold versions of Python.
pub(crate) const PYTHON_KEYS: [&str; 6] = [
    "python-version",
    "python_version",
    "python-versions",
    "python",
    "PYTHON_VERSION",
    "UV_PYTHON",
];

/// The names under which they hold the version of uv.
pub(crate) const UV_KEYS: [&str; 3] = ["uv-version", "uv_version", "UV_VERSION"];

/// What a key holds the version of.
pub(crate) fn runtime_of(key: &str) -> Option<Runtime> {
    if PYTHON_KEYS.contains(&key) {
        return Some(Runtime::Python);
    }
    UV_KEYS.contains(&key).then_some(Runtime::Uv)
}

/// Collects the places of one file.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) all: Vec<Place>,
    /// Where commands are not read, and why.
    pub(crate) other: Vec<(Range<usize>, Reason)>,
}

impl Places {
    /// Moves all of them in the file.
    pub(crate) fn shift(&mut self, by: usize) {
        if by == 0 {
            return;
        }
        let moved = |range: &Range<usize>| range.start + by..range.end + by;
        for place in &mut self.all {
            match place {
                Place::Command(place) => Arc::make_mut(&mut place.script).shift(by),
                Place::Versions(versions) => {
                    for item in &mut versions.items {
                        item.range = moved(&item.range);
                    }
                }
                Place::Left { range, .. } => *range = moved(range),
            }
        }
        for (range, _) in &mut self.other {
            *range = moved(range);
        }
    }

    /// A script, into which its format puts something before a shell sees it.
    pub(crate) fn script(&mut self, script: Excerpt, template: Template) {
        let masks = shell::templates(script.text(), template);
        self.masked_script(script, &masks);
    }

    pub(crate) fn masked_script(&mut self, script: Excerpt, masks: &[Range<usize>]) {
        let parsed = shell::parse(script.text(), masks);
        let script = Arc::new(script);
        for (range, aside) in &parsed.asides {
            let reason = match aside {
                Aside::Comment => Reason::Comment,
                Aside::String => Reason::String,
                Aside::Heredoc => Reason::Heredoc,
            };
            self.other.push((script.source(range), reason));
        }
        for command in parsed.commands {
            let Some(invocation) = invocation(&command.words) else { continue };
            let doubt = match (command.within, parsed.error) {
                (Within::String, _) => Some(Reason::String),
                (Within::Heredoc, _) => Some(Reason::Heredoc),
                (Within::Script, Some(line)) => Some(Reason::Script(line)),
                (Within::Script, None) => None,
            };
            if doubt.is_none() && matches!(&*invocation.head, "uv python install" | "uv python pin")
            {
                self.versions_of_command(&script, &command, &invocation);
                continue;
            }
            let script = Arc::clone(&script);
            self.all.push(Place::Command(CommandPlace { script, command, invocation, doubt }));
        }
    }

    /// A command that is written as a list of words.
    pub(crate) fn words(&mut self, words: &[&str], range: Range<usize>) {
        let word = |text: &&str| shell::Word { range: 0..0, value: Some((*text).to_owned()) };
        let words: Vec<shell::Word> = words.iter().map(word).collect();
        let is_known = invocation(&words).is_some_and(|found| KNOWN.contains(&found.head.as_str()));
        if is_known {
            self.left(range, Reason::Words);
        }
    }

    fn versions_of_command(&mut self, script: &Excerpt, command: &Command, found: &Invocation) {
        let words = found.arguments.iter().filter(|argument| argument.name.is_empty());
        let mut items = Vec::new();
        for word in words.filter_map(|argument| command.words.get(argument.words.start)) {
            let range = script.source(&word.range);
            match word.value.as_deref() {
                Some(value) if is_plain(value) && value.len() == word.range.len() => {
                    let value = value.to_owned();
                    items.push(Item { value, range, around: Around::Nothing });
                }
                Some(value) if is_plain(value) && value.len() + 2 == word.range.len() => {
                    let inside = script.source(&(word.range.start + 1..word.range.end - 1));
                    let written = script.text().get(word.range.start..).unwrap_or_default();
                    let around = Around::Quotes(written.chars().next().unwrap_or('"'));
                    items.push(Item { value: value.to_owned(), range: inside, around });
                }
                Some(value) => self.left(range, Reason::NotPlain(value.to_owned())),
                None => self.left(range, Reason::Expression),
            }
        }
        let is_list = items.len() > 1 && found.head == "uv python install";
        self.add(Versions {
            runtime: Runtime::Python,
            wants: if is_list { Wants::All } else { Wants::First },
            items,
            shape: if is_list { Shape::Line(" ") } else { Shape::Single },
        });
    }

    /// A script for another shell: what looks like a command there is told, and left alone.
    pub(crate) fn other_shell(&mut self, range: Range<usize>, shell: &str) {
        self.other.push((range, Reason::OtherShell(shell.to_owned())));
    }

    pub(crate) fn left(&mut self, range: Range<usize>, reason: Reason) {
        self.all.push(Place::Left { range, reason });
    }

    pub(crate) fn add(&mut self, versions: Versions) {
        if !versions.items.is_empty() {
            self.all.push(Place::Versions(versions));
        }
    }

    /// A version by itself, which follows the first of those that are configured.
    fn single(&mut self, runtime: Runtime, item: Item) {
        self.add(Versions {
            runtime,
            wants: Wants::First,
            items: vec![item],
            shape: Shape::Single,
        });
    }

    /// The name of an image.
    pub(crate) fn image(&mut self, name: &Excerpt) {
        let text = name.text().trim();
        match version::image(text) {
            Image::Other => {}
            Image::Left(why) => {
                let reason = match why {
                    Why::Expression => Reason::Expression,
                    Why::Digest => Reason::Digest,
                    Why::Floats => Reason::NotPlain(text.to_owned()),
                };
                self.left(name.source(&name.whole()), reason);
            }
            Image::Versions(found) => {
                let offset = name.text().len() - name.text().trim_start().len();
                for (runtime, range) in found {
                    let value = text.get(range.clone()).unwrap_or_default().to_owned();
                    let range = name.source(&(offset + range.start..offset + range.end));
                    self.single(runtime, Item { value, range, around: Around::Nothing });
                }
            }
        }
    }

    /// One version, behind a prefix such as `==` or `python` that is no part of it.
    pub(crate) fn version(&mut self, runtime: Runtime, text: &Excerpt, prefix: &str) {
        let whole = text.text();
        let trimmed = whole.trim();
        let range = text.source(&text.whole());
        if trimmed.contains("${{") || trimmed.starts_with('$') || trimmed.contains("<<") {
            return self.left(range, Reason::Expression);
        }
        let version = trimmed.strip_prefix(prefix).unwrap_or(trimmed).trim_start();
        if !is_plain(version) {
            if !trimmed.is_empty() {
                self.left(range, Reason::NotPlain(trimmed.to_owned()));
            }
            return;
        }
        let start = whole.find(version).unwrap_or(0);
        let range = text.source(&(start..start + version.len()));
        let value = version.to_owned();
        self.single(runtime, Item { value, range, around: Around::Nothing });
    }

    /// One version in a YAML scalar; several where it is a list of lines.
    pub(crate) fn yaml_version(&mut self, runtime: Runtime, value: Value<'_>, source: &str) {
        let Some(scalar) = value.scalar() else { return };
        let rows: Vec<&str> =
            scalar.text().lines().filter(|line| !line.trim().is_empty()).collect();
        if rows.len() > 1 && rows.iter().all(|row| is_plain(row.trim())) {
            return self.rows(runtime, &scalar);
        }
        match item(value, source) {
            Some(item) => self.single(runtime, item),
            None => self.version(runtime, &scalar, ""),
        }
    }

    fn rows(&mut self, runtime: Runtime, scalar: &Excerpt) {
        let mut items = Vec::new();
        let mut at = 0;
        for line in scalar.text().split('\n') {
            let value = line.trim();
            if !value.is_empty() {
                let start = at + line.len() - line.trim_start().len();
                let range = scalar.source(&(start..start + value.len()));
                items.push(Item { value: value.to_owned(), range, around: Around::Nothing });
            }
            at += line.len() + 1;
        }
        let shape = if items.len() > 1 { Shape::Rows } else { Shape::Single };
        self.add(Versions { runtime, wants: Wants::All, items, shape });
    }

    /// The lines of a file that hold a version each; comments aside.
    pub(crate) fn lines(&mut self, runtime: Runtime, source: &str) {
        let mut items = Vec::new();
        let mut at = 0;
        for line in source.split_inclusive('\n') {
            let value = line.split('#').next().unwrap_or_default().trim();
            let start = at + line.find(value).unwrap_or(0);
            let range = start..start + value.len();
            if is_plain(value) {
                items.push(Item { value: value.to_owned(), range, around: Around::Nothing });
            } else if !value.is_empty() && value != "\u{feff}" {
                self.left(range, Reason::NotPlain(value.to_owned()));
            }
            at += line.len();
        }
        let is_list = items.len() > 1;
        let (wants, shape) =
            if is_list { (Wants::All, Shape::Rows) } else { (Wants::First, Shape::Single) };
        self.add(Versions { runtime, wants, items, shape });
    }

    /// The versions of a matrix: all of them.
    pub(crate) fn matrix(&mut self, runtime: Runtime, value: Value<'_>, source: &str) {
        let Some(range) = value.range() else { return };
        let all = value.items();
        if all.is_empty() {
            let text = value.text().unwrap_or_default();
            let is_expression = text.contains("${{") || text.contains("<<");
            let reason = if is_expression { Reason::Expression } else { Reason::NotPlain(text) };
            return self.left(range, reason);
        }
        let items: Vec<Item> = all.iter().filter_map(|value| item(*value, source)).collect();
        if items.len() < all.len() {
            let odd = all.iter().find(|value| item(**value, source).is_none());
            let text = odd.and_then(|value| value.text()).unwrap_or_else(|| "a list".to_owned());
            return self.left(range, Reason::NotPlain(text));
        }
        let shape = if value.is_flow_sequence() { Shape::Line(", ") } else { Shape::Rows };
        self.add(Versions { runtime, wants: Wants::All, items, shape });
    }

    /// The variables of a mapping that hold a version.
    pub(crate) fn variables(&mut self, value: Option<Value<'_>>, source: &str) {
        for (key, value) in value.into_iter().flat_map(Value::entries) {
            let is_variable = matches!(&*key, "PYTHON_VERSION" | "UV_PYTHON" | "UV_VERSION");
            if let Some(runtime) = runtime_of(&key).filter(|_| is_variable) {
                self.yaml_version(runtime, value, source);
            }
        }
    }
}

/// A scalar that is a plain version and stands on a line.
fn item(value: Value<'_>, source: &str) -> Option<Item> {
    let (scalar, node) = (value.scalar()?, value.range()?);
    let text = scalar.text();
    let written = source.get(node.clone())?;
    if !is_plain(text) {
        return None;
    }
    let value = text.to_owned();
    match written.chars().next()? {
        quote @ ('\'' | '"') if written.len() == text.len() + 2 => {
            Some(Item { value, range: node.start + 1..node.end - 1, around: Around::Quotes(quote) })
        }
        _ if written == text => Some(Item { value, range: node, around: Around::Plain }),
        _ => None,
    }
}
