//! Removes secrets from text that a person or a log will see. Tools echo what they were given: index URLs with a
//! password in them, command lines with `--password`, headers of failed requests. Every line, command and error of the
//! process runner goes through [`redact`] before anybody else gets it.

use std::borrow::Cow;
use std::ops::Range;

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
    let mut output = String::new();
    // Everything before this byte stands in `output`.
    let mut copied = 0;
    let mut secret: Option<Range<usize>> = None;
    let mut word_start = true;
    for (at, character) in text.char_indices() {
        if let Some(found) = secret_at(text, at, word_start) {
            // Secrets that overlap are one: a URL with a password may be an option's value, and end behind it.
            secret = match secret {
                Some(open) if found.start <= open.end => {
                    Some(open.start.min(found.start)..open.end.max(found.end))
                }
                open => {
                    mask(text, &mut copied, &mut output, open);
                    Some(found)
                }
            };
        }
        word_start = !is_word(character);
    }
    mask(text, &mut copied, &mut output, secret);
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    output.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(output)
}

fn mask(text: &str, copied: &mut usize, output: &mut String, secret: Option<Range<usize>>) {
    if let Some(secret) = secret {
        output.push_str(text.get(*copied..secret.start).unwrap_or_default());
        output.push_str(MASK);
        *copied = secret.end;
    }
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

/// The secret, if any, that begins to show at byte `at`; `word_start` says that no word goes on there.
fn secret_at(text: &str, at: usize, word_start: bool) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    if rest.starts_with("://") {
        return user_info(text, at);
    }
    if rest.starts_with('=') {
        return assigned(text, at);
    }
    if !word_start {
        return None;
    }
    option_value(text, at).or_else(|| header_value(text, at)).or_else(|| known_token(text, at))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// Where the user part of a URL stands whose `://` is at `colon`. It ends at the last `@` before the path, since a
/// password may hold an unescaped one. Where a password holds an unescaped `/`, what stands before it looks like a
/// host whose port is no number; it ends at the last `@` of the word then.
fn user_info(text: &str, colon: usize) -> Option<Range<usize>> {
    let start = colon + "://".len();
    let rest = text.get(start..)?;
    let word = until(rest, |c| c.is_whitespace() || matches!(c, '"' | '<' | '>'));
    let authority = until(word, |c| matches!(c, '/' | '?' | '#'));
    let end = match authority.rfind('@') {
        Some(end) => end,
        None if has_odd_port(authority) => word.rfind('@')?,
        None => return None,
    };
    let user = word.get(..end)?;
    (!user.is_empty() && user != "git").then_some(start..start + end)
}

fn has_odd_port(authority: &str) -> bool {
    !authority.starts_with('[')
        && authority
            .split_once(':')
            .is_some_and(|(_, port)| port.contains(|c: char| !c.is_ascii_digit()))
}

/// Where the value after the `=` at `equals` stands, if the name before it is a secret's.
fn assigned(text: &str, equals: usize) -> Option<Range<usize>> {
    let before = text.get(..equals)?;
    let name_start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_word(*c))
        .last()
        .map_or(equals, |(index, _)| index);
    let name = before.get(name_start..)?;
    if !is_secret_name(name.trim_start_matches('-')) {
        return None;
    }
    let start = equals + 1;
    // `package==1.0` compares; `token==1` is a requirement, not an assignment.
    let is_option = name.starts_with("--");
    if !is_option && text.get(start..)?.starts_with('=') {
        return None;
    }
    let in_query = before.get(..name_start)?.ends_with(['?', '&']);
    value(text, start, if in_query { &['&', '#'] } else { &[] })
}

/// Where the value of the option that begins at `at` stands, for `--password VALUE`. The form with `=` is
/// [`assigned`]'s.
fn option_value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?.strip_prefix("--")?;
    let name = until(rest, |c| !is_word(c));
    let gap = rest.get(name.len()..)?;
    if !gap.starts_with(' ') || !is_secret_name(name) {
        return None;
    }
    let spaces = gap.len() - gap.trim_start_matches(' ').len();
    value(text, at + 2 + name.len() + spaces, &[])
}

/// Where the credentials after `Bearer` or `Basic` stand.
fn header_value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let scheme = ["bearer ", "basic "].into_iter().find(|scheme| {
        rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    // Prose says "basic support"; credentials are long.
    value(text, at + scheme.len(), &[]).filter(|found| found.len() >= 12)
}

/// Where a token of a well-known service stands that begins at `at`.
fn known_token(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    TOKEN_PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let token = until(rest, |c| !is_word(c));
    (token.len() >= SHORTEST_TOKEN).then_some(at..at + token.len())
}

/// Where the value that begins at `start` stands: up to its closing quote, or to white space or one of `ends`, without
/// the punctuation before that.
fn value(text: &str, start: usize, ends: &[char]) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = until(rest.get(1..)?, |c| c == quote);
        return (!inside.is_empty()).then_some(start + 1..start + 1 + inside.len());
    }
    let whole = until(rest, |c| c.is_whitespace() || c == '"' || ends.contains(&c));
    let length = whole.trim_end_matches(['\'', ',', ';', ')', ']', '>']).len();
    (length > 0).then_some(start..start + length)
}

/// The beginning of a text, up to the first character of these.
fn until(text: &str, ends: impl Fn(char) -> bool) -> &str {
    text.split(ends).next().unwrap_or(text)
}
