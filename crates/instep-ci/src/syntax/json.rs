//! JSON with comments: values that keep their places.

use jsonc_parser::ast::{Object, ObjectPropName, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};

use crate::excerpt::{Excerpt, Quoting};
use crate::problem::Invalid;

/// How deeply a file may be nested.
const DEEPEST: usize = 100;

/// Parses a file; `None` where it is empty.
///
/// # Errors
///
/// [`Invalid`] with the line at which it is no JSON, or nested too deeply.
pub(crate) fn parse(text: &str) -> Result<Option<Value<'_>>, Invalid> {
    if depth(text) > DEEPEST {
        return Err(Invalid { line: 1, what: "it is nested too deeply" });
    }
    let options = ParseOptions::default();
    match jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => Ok(parsed.value),
        Err(error) => Err(Invalid { line: error.line_display(), what: "it is no JSON" }),
    }
}

/// More than the depth of any value, as it may count in strings too.
fn depth(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The value of a key.
pub(crate) fn get<'a, 'b>(object: &'b Object<'a>, key: &str) -> Option<&'b Value<'a>> {
    let found = object.properties.iter().find(|property| name(&property.name) == key);
    found.map(|property| &property.value)
}

/// A key.
pub(crate) fn name<'a>(name: &'a ObjectPropName<'_>) -> &'a str {
    match name {
        ObjectPropName::String(name) => &name.value,
        ObjectPropName::Word(name) => name.value,
    }
}

/// A string, and where each part of it stands in `source`.
pub(crate) fn string(literal: &StringLit<'_>, source: &str) -> Excerpt {
    let range = literal.range();
    let mut excerpt = Excerpt::new(Quoting::Double);
    let mut at = range.start + 1;
    let end = range.end.saturating_sub(1);
    while let Some(rest) = source.get(at..end).filter(|rest| !rest.is_empty()) {
        if let Some(escaped) = rest.strip_prefix('\\') {
            let (meaning, length) = escape(escaped);
            excerpt.push_meaning(&meaning, at..at + 1 + length);
            at += 1 + length;
        } else {
            let length = rest.find('\\').unwrap_or(rest.len());
            excerpt.push(rest.get(..length).unwrap_or_default(), at);
            at += length;
        }
    }
    excerpt
}

/// What follows a backslash, and how long that is ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
fn escape(rest: &str) -> (String, usize) {
    let Some(char) = rest.chars().next() else { return (String::new(), 0) };
    let meaning = match char {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'b' => "\u{8}",
        'f' => "\u{c}",
        'u' => {
            let code = rest.get(1..5).and_then(|code| u32::from_str_radix(code, 16).ok());
            // Half of a pair means nothing by itself; no command has one.
            let char = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            return (char.to_string(), rest.len().min(5));
        }
        other => return (other.to_string(), other.len_utf8()),
    };
    (meaning.to_owned(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_mean_what_json_says() {
        let source = r#"{"k": "uv sync\n&& a \u00e9 \"b\"", // c
}"#;
        let Some(Value::Object(object)) = parse(source).unwrap() else { panic!("no object") };
        let Some(Value::StringLit(literal)) = get(&object, "k") else { panic!("no string") };
        let excerpt = string(literal, source);
        assert_eq!(excerpt.text(), "uv sync\n&& a é \"b\"");
        assert_eq!(&source[excerpt.source(&(0..7))], "uv sync");
        assert_eq!(&source[excerpt.source(&(13..16))], "\\u00e9 ");
    }

    #[test]
    fn what_is_no_json_is_told_with_its_line() {
        assert_eq!(parse("{\n\"a\": }").unwrap_err().line, 2);
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("").unwrap().is_none());
    }
}
