//! Where a package that is not looked up on an index comes from.

use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use camino::Utf8PathBuf;
use pep440_rs::Version;
use pep508_rs::{PackageName, Pep508Url};
use percent_encoding::percent_decode_str;

use super::pep508;

/// A URL or a local path.
///
/// `Display` gives it as a tool needs it, credentials included; `Debug` hides them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Something to download or check out: `https://..`, `git+ssh://..@rev#egg=..`.
    Url(String),
    /// A folder or an archive on this machine, also when written as a `file:` URL.
    Local {
        /// As it is written, decoded; relative to the root.
        path: Utf8PathBuf,
        /// What follows `#`, such as `egg=name` or `subdirectory=sub`.
        fragment: Option<String>,
    },
}

/// What version control systems put before a URL.
const VCS_PREFIXES: [&str; 4] = ["git+", "hg+", "svn+", "bzr+"];

/// What a fragment of a local path begins with; any other `#` belongs to a file name.
const FRAGMENT_KEYS: [&str; 6] = ["egg=", "subdirectory=", "sha256=", "sha384=", "sha512=", "md5="];

impl Target {
    /// Tells URLs from paths. Every text is one of the two.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(rest) = strip_scheme(text, "file") {
            let (path, fragment) = match rest.split_once('#') {
                Some((path, fragment)) => (path, Some(fragment.to_owned())),
                None => (rest, None),
            };
            return Self::Local { path: file_url_path(path), fragment };
        }
        if is_url(text) {
            return Self::Url(text.to_owned());
        }
        match text.split_once('#') {
            Some((path, fragment)) if FRAGMENT_KEYS.iter().any(|key| fragment.starts_with(key)) => {
                Self::Local { path: path.into(), fragment: Some(fragment.to_owned()) }
            }
            _ => Self::Local { path: text.into(), fragment: None },
        }
    }

    /// What follows `#`.
    pub(super) fn fragment(&self) -> Option<&str> {
        match self {
            Self::Url(url) => url.split_once('#').map(|(_, fragment)| fragment),
            Self::Local { fragment, .. } => fragment.as_deref(),
        }
    }

    /// Name and version from the file name of a wheel
    /// ([specification](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention)).
    pub(super) fn wheel(&self) -> Option<(PackageName, Version)> {
        let file = self.file_name()?;
        let mut parts = file.strip_suffix(".whl")?.split('-');
        let name = pep508::name(parts.next()?)?;
        let version = Version::from_str(parts.next()?).ok()?;
        matches!(parts.count(), 3 | 4).then_some((name, version))
    }

    /// The version, where the file name of a wheel says it.
    pub(super) fn version(&self) -> Option<Version> {
        self.wheel().map(|(_, version)| version)
    }

    /// The last part of the path, decoded.
    fn file_name(&self) -> Option<String> {
        match self {
            Self::Local { path, .. } => path.as_str().rsplit(['/', '\\']).next().map(str::to_owned),
            Self::Url(url) => {
                let path = url.split(['#', '?']).next()?;
                let name = path.rsplit('/').next()?;
                Some(percent_decode_str(name).decode_utf8_lossy().into_owned())
            }
        }
    }
}

/// Whether a text has the form of a URL, `file:` ones included.
pub(super) fn is_url(text: &str) -> bool {
    let scheme = |scheme: &str| {
        // One letter is a drive.
        scheme.len() > 1
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    text.split_once("://").is_some_and(|(before, _)| scheme(before))
        || strip_scheme(text, "file").is_some()
        || VCS_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// What follows `scheme:`, in any case.
fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (before, rest) = text.split_once(':')?;
    before.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The path of a `file:` URL ([RFC 8089](https://www.rfc-editor.org/rfc/rfc8089)): `///a`,
/// `//localhost/a`, `/a`, relative paths as pip and uv take them, and `///C:/a` for a drive.
fn file_url_path(rest: &str) -> Utf8PathBuf {
    let path = match rest.strip_prefix("//") {
        Some(authority) => match authority.strip_prefix("localhost/") {
            // The slash is the path's own.
            Some(_) => authority.get("localhost".len()..).unwrap_or_default(),
            None if authority.starts_with('/') => authority,
            // A share on another machine keeps its two slashes.
            None => rest,
        },
        None => rest,
    };
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut letters = decoded.bytes();
    let drive = letters.next() == Some(b'/')
        && letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(b':');
    if drive { decoded.trim_start_matches('/').into() } else { decoded.into() }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Local { path, fragment: None } => f.write_str(path.as_str()),
            Self::Local { path, fragment: Some(fragment) } => write!(f, "{path}#{fragment}"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_credentials(&self.to_string()))
    }
}

impl Pep508Url for Target {
    type Err = Infallible;

    fn parse_url(url: &str, _working_dir: Option<&Path>) -> Result<Self, Infallible> {
        Ok(Self::parse(url))
    }
}

/// The text without what stands between `://` and `@` in its URLs.
pub fn without_credentials(text: &str) -> String {
    replace_credentials(text, |_, _| {})
}

/// The text with every character of the user and password of its URLs replaced by `*`, so that
/// places in it stay where they are.
pub(super) fn mask_credentials(text: &str) -> String {
    replace_credentials(text, |secret, masked| {
        masked.extend(secret.strip_suffix('@').unwrap_or(secret).chars().map(|_| '*'));
        masked.push('@');
    })
}

fn replace_credentials(text: &str, replace: impl Fn(&str, &mut String)) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(range) = credentials(rest) {
        let (before, from) = rest.split_at(range.start);
        let (secret, after) = from.split_at(range.len());
        replaced.push_str(before);
        replace(secret, &mut replaced);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Where the first `user:password@` of a URL is in a text, the `@` included.
fn credentials(text: &str) -> Option<Range<usize>> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let start = from + rest.find("://")? + "://".len();
        let authority = text.get(start..)?;
        let end = authority
            .find(|letter: char| matches!(letter, '/' | '?' | '#') || letter.is_whitespace())
            .unwrap_or(authority.len());
        match authority.get(..end)?.rfind('@') {
            Some(at) => return Some(start..start + at + 1),
            None => from = start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(path: &str, fragment: Option<&str>) -> Target {
        Target::Local { path: path.into(), fragment: fragment.map(str::to_owned) }
    }

    #[test]
    fn urls_and_paths_are_told_apart() {
        let url = |text: &str| Target::Url(text.to_owned());
        let table = [
            ("https://h/a.whl#sha256=ab", url("https://h/a.whl#sha256=ab")),
            ("git+ssh://git@h/r.git@v1#egg=a", url("git+ssh://git@h/r.git@v1#egg=a")),
            ("git+git@h:r.git", url("git+git@h:r.git")),
            (".", local(".", None)),
            ("./a b", local("./a b", None)),
            ("./a#egg=a", local("./a", Some("egg=a"))),
            ("./a#1", local("./a#1", None)),
            ("C:/a", local("C:/a", None)),
            ("C:\\a", local("C:\\a", None)),
            ("file:///a/b%20c.whl", local("/a/b c.whl", None)),
            ("FILE:///a#egg=a", local("/a", Some("egg=a"))),
            ("file://localhost/a", local("/a", None)),
            ("file:/a", local("/a", None)),
            ("file:./a", local("./a", None)),
            ("file:///C:/a", local("C:/a", None)),
            ("file://server/share/a", local("//server/share/a", None)),
            ("file:///a/%C3%A9", local("/a/é", None)),
        ];
        for (text, expected) in table {
            assert_eq!(Target::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn credentials_are_found_in_every_url_and_nowhere_else() {
        let table = [
            ("https://u:p@h/x", "https://***@h/x", "https://h/x"),
            (
                "--index-url https://t0k@h:8/s a@b",
                "--index-url https://***@h:8/s a@b",
                "--index-url https://h:8/s a@b",
            ),
            ("a://x@h b://ü@h", "a://*@h b://*@h", "a://h b://h"),
            ("https://u:p@ss@h", "https://******@h", "https://h"),
            ("https://h/a@v1", "https://h/a@v1", "https://h/a@v1"),
            ("https://h", "https://h", "https://h"),
            ("://", "://", "://"),
        ];
        for (text, masked, stripped) in table {
            assert_eq!(mask_credentials(text), masked);
            assert_eq!(without_credentials(text), stripped);
        }
        assert_eq!(format!("{:?}", Target::parse("https://u:p@h")), "https://***@h");
    }
}
