//! Secrets that stand in any text around them are taken out of it.

#![no_main]

use instep_tools::redact;
use libfuzzer_sys::fuzz_target;
use url::Url;

/// What may not be seen again. Its first letter cannot be part of an escape, so that it is found
/// whatever stands before it.
const SECRET: &str = "Zq9xKw3Hidden";

/// A line for each part, the rest for the last.
struct Input<'a> {
    form: Form,
    before: &'a str,
    user: &'a str,
    /// What the secret begins with.
    head: &'a str,
    /// What the secret ends with.
    tail: &'a str,
    after: &'a str,
}

/// How a secret is written.
#[derive(Clone, Copy)]
enum Form {
    /// In a URL, escaped by its rules.
    Url,
    /// In a URL, as somebody typed it.
    TypedUrl,
    /// As the only user of a URL.
    Token,
    /// Behind `?token=`.
    Query,
    /// Behind `--password`.
    Option,
    /// Behind `--password=`.
    OptionValue,
    /// Behind `PIP_PASSWORD=`.
    Variable,
}

impl<'a> Input<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, '\n');
        let form = match parts.next()? {
            "url" => Form::Url,
            "typed" => Form::TypedUrl,
            "token" => Form::Token,
            "query" => Form::Query,
            "option" => Form::Option,
            "value" => Form::OptionValue,
            "variable" => Form::Variable,
            _ => return None,
        };
        let mut part = || parts.next();
        Some(Self {
            form,
            before: part()?,
            user: part()?,
            head: part()?,
            tail: part()?,
            after: part()?,
        })
    }
}

fuzz_target!(|text: &str| {
    let Some(input) = Input::of(text) else {
        let _ = redact(text);
        return;
    };
    let Some(said) = said(&input) else { return };
    let text = [input.before, &said, input.after].concat();
    // Built of pieces, it may be there twice.
    if text.matches(SECRET).count() != 1 {
        return;
    }
    let redacted = redact(&text);
    assert!(!redacted.contains(SECRET), "{text:?} became {redacted:?}");
});

/// The secret in its form; `None` where the parts cannot make one.
fn said(input: &Input) -> Option<String> {
    let secret = [input.head, SECRET, input.tail].concat();
    let plain = |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control());
    Some(match input.form {
        Form::Url => url(input.user, &secret)?,
        Form::Token => url(&secret, "")?,
        Form::TypedUrl => {
            let typed = |text: &str| plain(text) && !text.contains(['"', '<', '>']);
            if !typed(input.user) || !typed(&secret) || input.user.contains(['/', '?', '#']) {
                return None;
            }
            // What is typed may look as good as a host, its port, and an `@` in a path.
            if let Some((begin, _)) = secret.split_once(['/', '?', '#'])
                && (input.user.contains(['@', '['])
                    || begin.contains('@')
                    || begin.chars().all(|c| c.is_ascii_digit()))
            {
                return None;
            }
            ["https://", input.user, ":", &secret, "@example.org/simple"].concat()
        }
        Form::Query => {
            let value: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            ["https://example.org/simple?token=", &value].concat()
        }
        form => {
            // A quoted value ends with its quotation mark.
            if !plain(&secret) || secret.contains('"') || secret.starts_with('\'') {
                return None;
            }
            let name = match form {
                Form::Option => "--password ",
                Form::OptionValue => "--password=",
                // `password==1` is a requirement.
                _ if secret.starts_with('=') => return None,
                _ => "PIP_PASSWORD=",
            };
            // What goes before would otherwise be a part of the name.
            [" ", name, &secret].concat()
        }
    })
}

fn url(user: &str, password: &str) -> Option<String> {
    let mut url = Url::parse("https://example.org/simple").ok()?;
    url.set_username(user).ok()?;
    url.set_password(Some(password).filter(|text| !text.is_empty())).ok()?;
    Some(url.into())
}
