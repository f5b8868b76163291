//! What a lock says of itself in its second line, so that it can be told without any tool whether it
//! is current.
//!
//! ```text
//! # Compiled by Instep from web.in: change that, then run `instep lock`.
//! # instep: inputs=blake3:... tool=uv@0.13.8 python=3.12 options=blake3:... pins=blake3:...
//! ```

use instep_manifest::Digest;

use crate::layer::Strategy;

const MARK: &str = "# instep: ";

/// The header of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The digest of the requirements that it was compiled from.
    pub inputs: Digest,
    /// The tool that compiled it.
    pub tool: String,
    /// The tool's version. Only layers keep it.
    pub version: Option<String>,
    /// How it was resolved. Only layers have a choice.
    pub strategy: Option<Strategy>,
    /// The minor version of Python that it was compiled for, and holds from.
    pub python: String,
    /// The platform that it was compiled for; `None`: every one.
    pub platform: Option<String>,
    /// The digest of everything that was asked of the tool beside. Only layers have such.
    pub options: Option<Digest>,
    /// The digest of the locks that it builds on.
    pub base: Option<Digest>,
    /// The digest of all that follows the header. Only layers keep it.
    pub pins: Option<Digest>,
}

impl Header {
    /// The header in a lock's text; `None` where there is none that can be read.
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().take(3).find_map(|line| line.strip_prefix(MARK))?;
        let value = |key: &str| {
            line.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .find_map(|(name, value)| (name == key).then(|| value.to_owned()))
        };
        let digest = |key: &str| value(key).and_then(|value| value.parse().ok());
        let tool = value("tool")?;
        let (tool, version) = match tool.split_once('@') {
            Some((tool, version)) => (tool.to_owned(), Some(version.to_owned())),
            None => (tool, None),
        };
        Some(Self {
            inputs: digest("inputs")?,
            tool,
            version,
            strategy: value("strategy").and_then(|word| Strategy::parse(&word)),
            python: value("python")?,
            platform: value("platform"),
            options: digest("options"),
            base: digest("base"),
            pins: digest("pins"),
        })
    }

    /// The header's two lines. `sources`: what the lock is compiled from, for people; `command`: what
    /// compiles it.
    pub fn print(&self, sources: &str, command: &str) -> String {
        let mut text = format!(
            "# Compiled by Instep from {sources}: change that, then run `{command}`.\n\
             {MARK}inputs={} tool={}",
            self.inputs, self.tool
        );
        if let Some(version) = &self.version {
            text.push('@');
            text.push_str(version);
        }
        if let Some(strategy) = self.strategy {
            text.push_str(" strategy=");
            text.push_str(strategy.as_str());
        }
        text.push_str(" python=");
        text.push_str(&self.python);
        let digest = |digest: &Option<Digest>| digest.map(|digest| digest.to_string());
        let rest = [
            ("platform", self.platform.clone()),
            ("options", digest(&self.options)),
            ("base", digest(&self.base)),
            ("pins", digest(&self.pins)),
        ];
        for (key, value) in rest {
            if let Some(value) = value {
                text.push_str(&[" ", key, "=", &value].concat());
            }
        }
        text.push('\n');
        text
    }

    /// Whether a lock with this header was compiled from the same as `wanted`, and holds for its
    /// interpreter and on the platform `here`.
    pub fn covers(&self, wanted: &Self, here: &str) -> bool {
        let python_fits = match &self.platform {
            None => numbers(&self.python) <= numbers(&wanted.python),
            Some(_) => self.python == wanted.python,
        };
        // A universal lock does on any platform; one for a platform does only there.
        let platform_fits = self.platform.as_deref().is_none_or(|platform| platform == here);
        self.inputs == wanted.inputs && python_fits && platform_fits
    }
}

/// What follows the header in a lock's text.
pub(crate) fn body(text: &str) -> &str {
    match text.split_once(MARK).and_then(|(_, rest)| rest.split_once('\n')) {
        Some((_, body)) => body,
        None => text,
    }
}

/// Whether nothing but comments stands above the header.
pub(crate) fn is_first(text: &str) -> bool {
    let above = text.split_once(MARK).map_or("", |(above, _)| above);
    above.lines().all(|line| line.starts_with('#'))
}

/// `3.12.1` to `3.12`.
pub fn minor(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// `3.12` as numbers, to be compared.
pub fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(python: &str, platform: Option<&str>) -> Header {
        Header {
            inputs: Digest::of(b"x"),
            tool: "uv".into(),
            version: None,
            strategy: None,
            python: python.into(),
            platform: platform.map(str::to_owned),
            options: None,
            base: None,
            pins: None,
        }
    }

    #[test]
    fn a_header_reads_back() {
        let full = Header {
            version: Some("0.13.8".into()),
            strategy: Some(Strategy::Joint),
            options: Some(Digest::of(b"o")),
            base: Some(Digest::of(b"b")),
            pins: Some(Digest::of(b"p")),
            ..header("3.12", Some("linux_x86_64"))
        };
        for header in [header("3.12", None), header("3.12", Some("linux_x86_64")), full] {
            let text = header.print("requirements.txt", "instep sync");
            assert_eq!(Header::parse(&text), Some(header));
            assert_eq!(body(&[&text, "six==1\n"].concat()), "six==1\n");
        }
        assert_eq!(Header::parse("six==1.0\n"), None);
        assert_eq!(body("six==1.0\n"), "six==1.0\n");
    }

    #[test]
    fn a_lock_does_where_it_was_made_for() {
        let table = [
            (header("3.11", None), header("3.13", None), true),
            (header("3.11", None), header("3.11", Some("linux_x86_64")), true),
            (header("3.13", None), header("3.9", None), false),
            (header("3.11", Some("linux_x86_64")), header("3.11", Some("linux_x86_64")), true),
            (header("3.11", Some("linux_x86_64")), header("3.11", None), true),
            (header("3.11", Some("linux_x86_64")), header("3.12", Some("linux_x86_64")), false),
            (header("3.11", Some("win_amd64")), header("3.11", Some("linux_x86_64")), false),
            (header("3.11", Some("win_amd64")), header("3.11", None), false),
        ];
        for (there, wanted, expected) in table {
            let found = there.covers(&wanted, "linux_x86_64");
            assert_eq!(found, expected, "{there:?} {wanted:?}");
        }
        let other = Header { inputs: Digest::of(b"y"), ..header("3.11", None) };
        assert!(!other.covers(&header("3.11", None), "linux_x86_64"));
    }

    #[test]
    fn what_stands_above_the_header_is_part_of_the_lock() {
        let text = header("3.12", None).print("a.in", "instep lock");
        assert!(is_first(&text));
        assert!(!is_first(&["evil==1\n", &text].concat()));
    }

    #[test]
    fn versions_are_cut_to_the_minor_one() {
        assert_eq!(minor("3.12.1"), "3.12");
        assert_eq!(minor("3.13.0rc1"), "3.13");
    }
}
