//! The header of an installed package's `METADATA`.

use instep_manifest::requirements::{Target, requirement};
use pep508_rs::Requirement;

/// What Instep needs of a `METADATA` file
/// ([core metadata](https://packaging.python.org/en/latest/specifications/core-metadata/)).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// `Name`, as its author spells it.
    pub name: Option<String>,
    /// `Version`, unparsed: what is installed may be older than PEP 440.
    pub version: Option<String>,
    /// `Requires-Dist`, those that parse.
    pub requires_dist: Vec<Requirement<Target>>,
    /// `Requires-Dist` lines that do not parse; old packages have them, and pip passes over them too.
    pub unreadable: Vec<String>,
    /// `Requires-Python`, unparsed.
    pub requires_python: Option<String>,
}

impl Metadata {
    /// Reads the header; the description below the first blank line is not looked at.
    pub fn parse(text: &str) -> Self {
        let mut metadata = Self::default();
        for (key, value) in headers(text) {
            match key.to_ascii_lowercase().as_str() {
                "name" if metadata.name.is_none() => metadata.name = Some(value),
                "version" if metadata.version.is_none() => metadata.version = Some(value),
                "requires-python" => metadata.requires_python = Some(value),
                "requires-dist" => match requirement(&value) {
                    Ok(requirement) => metadata.requires_dist.push(requirement),
                    Err(_) => metadata.unreadable.push(value),
                },
                _ => {}
            }
        }
        metadata
    }
}

/// The `Key: value` pairs of an RFC 822 header, folded lines joined.
fn headers(text: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = pairs.last_mut() {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            pairs.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_header_and_stops_at_the_description() {
        let metadata = Metadata::parse(
            "Metadata-Version: 2.1\r\nName: Foo.Bar\r\nVersion: 1.0\r\nRequires-Python: >=3.8\r\n\
             Requires-Dist: idna (>=2.8) ; extra == 'x'\r\nRequires-Dist: six\r\n\
             License: MIT\r\n  folded\r\nRequires-Dist: not a requirement\r\n\r\n\
             Version: 9.9\r\nRequires-Dist: evil\r\n",
        );
        assert_eq!(metadata.name.as_deref(), Some("Foo.Bar"));
        assert_eq!(metadata.version.as_deref(), Some("1.0"));
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8"));
        assert_eq!(metadata.requires_dist.len(), 2);
        assert_eq!(metadata.unreadable, ["not a requirement"]);
    }

    #[test]
    fn a_value_may_begin_on_its_second_line() {
        assert_eq!(Metadata::parse("Name:\n  foo\n bar\n").name.as_deref(), Some("foo bar"));
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_it_is() {
        for value in ["a- ==1", "a[b_]>=1", "a ; os_name=='nt' h\u{8c}x"] {
            let metadata = Metadata::parse(&["Requires-Dist: ", value].concat());
            assert_eq!(metadata.unreadable, [value]);
        }
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(Metadata::parse(""), Metadata::default());
        assert_eq!(Metadata::parse("\nName: late"), Metadata::default());
    }
}
