//! Removes secrets from text that a person or a log will see. Tools echo what they were given: index URLs with a
//! password in them, command lines with `--password`, headers of failed requests. Every line, command and error of the
//! process runner goes through [`redact`] before anybody else gets it.

use std::borrow::Cow;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Names whose value is a secret, in a query string, an option or an assignment; compared without case, with `_` read
/// as `-`.
const SECRET_NAMES: &[&str] = &[
    "access-key",
    "access-token",
    "api-key",
    "apikey",
    "auth",
    "auth-token",
    "client-secret",
    "credential",
    "id-token",
    "passphrase",
    "passwd",
    "password",
    "private-key",
    "secret",
    "secret-key",
    "sig",
    "signature",
    "token",
];

/// How tokens of well-known services begin. They are recognised alone, wherever a tool prints them.
const TOKEN_PREFIXES: &[&str] = &[
    "pypi-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "dckr_pat_",
    "hvs.",
];

/// A token is longer than any package name that begins the same way, such as `pypi-attestations`.
const SHORTEST_TOKEN: usize = 30;

/// The text without the secrets in it, each replaced by `***`:
///
/// - the user part of URLs (`https://user:token@host` becomes `https://***@host`; the bare `git@` of SSH is no secret),
/// - values of secret names in query strings, options and assignments (`?token=..`, `--password x`, `API_KEY=..`),
/// - `Authorization` headers (`Bearer ..`, `Basic ..`),
/// - tokens of well-known services (`pypi-..`, `ghp_..`).
///
/// Text without any is borrowed, not copied.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = Redactor { text, copied: 0, output: String::new() };
    redacted.scan();
    redacted.finish()
}

/// Whether the value after this option (`--password`, `--token=`) is a secret.
pub(crate) fn is_secret_option(argument: &str) -> bool {
    argument.strip_prefix("--").is_some_and(is_secret_name)
}

/// Whether a name, or its last words (`UV_PUBLISH_TOKEN`, `X-Amz-Signature`), is one of [`SECRET_NAMES`].
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET_NAMES.iter().any(|secret| {
        name.strip_suffix(secret).is_some_and(|before| before.is_empty() || before.ends_with('-'))
    })
}

/// Copies the text piece by piece, leaving secrets out.
struct Redactor<'a> {
    text: &'a str,
    /// Everything before this byte stands in `output`.
    copied: usize,
    output: String,
}

impl<'a> Redactor<'a> {
    fn scan(&mut self) {
        let mut at = 0;
        let mut word_start = true;
        while let Some(character) = self.rest(at).chars().next() {
            let secret = match character {
                ':' if self.rest(at).starts_with("://") => user_info(self.text, at),
                '=' => assigned(self.text, at),
                _ if word_start => option_value(self.text, at)
                    .or_else(|| header_value(self.text, at))
                    .or_else(|| known_token(self.text, at)),
                _ => None,
            };
            if let Some((start, end)) = secret {
                self.mask(start, end);
                at = end;
                word_start = false;
                continue;
            }
            at += character.len_utf8();
            word_start = !is_word(character);
        }
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    fn mask(&mut self, start: usize, end: usize) {
        self.output.push_str(self.text.get(self.copied..start).unwrap_or_default());
        self.output.push_str(MASK);
        self.copied = end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.output.push_str(self.rest(self.copied));
        Cow::Owned(self.output)
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// Where the user part of a URL stands whose `://` is at `colon`. It ends at the last `@` before the path, since a
/// password may hold an unescaped one.
fn user_info(text: &str, colon: usize) -> Option<(usize, usize)> {
    let start = colon + 3;
    let rest = text.get(start..)?;
    let authority = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>'))
        .and_then(|end| rest.get(..end))
        .unwrap_or(rest);
    let end = authority.rfind('@')?;
    let user = authority.get(..end)?;
    (!user.is_empty() && user != "git").then_some((start, start + end))
}

/// Where the value after the `=` at `equals` stands, if the name before it is a secret's.
fn assigned(text: &str, equals: usize) -> Option<(usize, usize)> {
    let before = text.get(..equals)?;
    let name_start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_word(*c))
        .last()
        .map_or(equals, |(index, _)| index);
    let name = before.get(name_start..)?.trim_start_matches('-');
    if !is_secret_name(name) {
        return None;
    }
    // `package==1.0` compares; `token==1` is a requirement, not an assignment.
    let start = equals + 1;
    if text.get(start..)?.starts_with('=') || before.ends_with(['=', '!', '<', '>', '~']) {
        return None;
    }
    value(text, start)
}

/// Where the value of the option that begins at `at` stands, for `--password VALUE`. The form with `=` is
/// [`assigned`]'s.
fn option_value(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?.strip_prefix("--")?;
    let name_end = rest.find(|c: char| !is_word(c))?;
    let gap = rest.get(name_end..)?;
    if !gap.starts_with(' ') || !is_secret_name(rest.get(..name_end)?) {
        return None;
    }
    let spaces = gap.len() - gap.trim_start_matches(' ').len();
    value(text, at + 2 + name_end + spaces)
}

/// Where the credentials after `Bearer` or `Basic` stand.
fn header_value(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    let scheme = ["bearer ", "basic "].into_iter().find(|scheme| {
        rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    let start = at + scheme.len();
    let (_, end) = value(text, start)?;
    // Prose says "basic support"; credentials are long.
    (end - start >= 12).then_some((start, end))
}

/// Where a token of a well-known service stands that begins at `at`.
fn known_token(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    TOKEN_PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    (length >= SHORTEST_TOKEN).then_some((at, at + length))
}

/// Where the value that begins at `start` stands: up to its closing quote, or to what ends an unquoted one.
fn value(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = text.get(start..)?;
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = rest.get(1..)?;
        let length = inside.find(quote).unwrap_or(inside.len());
        return (length > 0).then_some((start + 1, start + 1 + length));
    }
    let length = rest
        .find(|c: char| {
            c.is_whitespace() || matches!(c, '&' | '#' | '"' | '\'' | ',' | ';' | ')' | ']' | '>')
        })
        .unwrap_or(rest.len());
    (length > 0).then_some((start, start + length))
}
