//! How a command is shown to people: quoted so that it can be pasted into a shell, with its secrets taken out.

use std::borrow::Cow;

use crate::redact::{is_secret_option, redact};

/// The program and its arguments as one line, quoted for the platform's shell and redacted. A script given as an
/// argument of several lines is shown as `...`.
pub(crate) fn show<'a>(program: &'a str, args: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = quote(&redact(program)).into_owned();
    let mut secret = false;
    for arg in args {
        line.push(' ');
        if secret {
            line.push_str("***");
        } else if let Some((option, _)) = arg.split_once('=').filter(|(o, _)| is_secret_option(o)) {
            line.push_str(option);
            line.push_str("=***");
        } else if arg.contains('\n') {
            line.push_str("...");
        } else {
            line.push_str(&quote(&redact(arg)));
        }
        secret = is_secret_option(arg);
    }
    line
}

fn quote(text: &str) -> Cow<'_, str> {
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '+' | '@' | '%')
            || (cfg!(windows) && c == '\\')
            || (c == '*' && text.contains("***@"))
    };
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    if cfg!(windows) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\\\"")))
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_for_a_shell_and_holds_no_secret() {
        let cases: &[(&str, &[&str], &str)] = &[
            ("uv", &["pip", "sync", "requirements.txt"], "uv pip sync requirements.txt"),
            ("/opt/my tools/uv", &["--version"], "'/opt/my tools/uv' --version"),
            ("echo", &["it's", ""], r"echo 'it'\''s' ''"),
            ("python", &["-c", "import sys\nprint(sys)"], "python -c ..."),
            ("pip", &["--password", "it's me"], "pip --password ***"),
            ("pip", &["--password=it's me", "x"], "pip --password=*** x"),
            ("pip", &["-i", "https://u:p@h/simple"], "pip -i https://***@h/simple"),
            (
                "pip",
                &["install", "a>=1; python_version < '4'"],
                r"pip install 'a>=1; python_version < '\''4'\'''",
            ),
        ];
        for (program, args, expected) in cases {
            assert_eq!(show(program, args.iter().copied()), *expected);
        }
    }
}
