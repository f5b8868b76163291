//! A package given by where it lies: `./folder[extra]`, `archive.whl ; marker`,
//! `git+https://..#egg=name`.

use std::ops::Range;
use std::str::FromStr;

use pep508_rs::{ExtraName, MarkerTree, PackageName};

use super::parse::Fault;
use super::pep508::{self, parse_marker};
use super::problem::LineProblem;
use super::target::{Target, is_url};

/// Where a package lies, and what is said with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The package's name where it is said: by `name @`, by `#egg=` or by the file name of a wheel.
    pub name: Option<PackageName>,
    /// The URL or the path.
    pub target: Target,
    /// The extras that are asked for.
    pub extras: Vec<ExtraName>,
    /// Where it applies; true for everywhere.
    pub marker: MarkerTree,
}

/// The endings of files that pip takes for packages.
const ARCHIVES: [&str; 12] = [
    ".whl",
    ".zip",
    ".tar.gz",
    ".tgz",
    ".tar",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tlz",
    ".tar.lz",
    ".tar.lzma",
];

impl Place {
    /// Reads a place that begins at byte `at` of its line.
    pub(super) fn parse(text: &str, at: usize) -> Result<Self, Fault> {
        let (place, marker) = split_marker(text);
        let marker = match marker {
            Some(range) if !text.get(range.clone()).unwrap_or_default().trim().is_empty() => {
                let start = at + range.start;
                parse_marker(text.get(range).unwrap_or_default(), start)?
            }
            _ => MarkerTree::TRUE,
        };
        let (target, mut extras) = match split_extras(place) {
            Some((target, extras)) => (target, parse_extras(extras, at + target.len() + 1)?),
            None => (place, Vec::new()),
        };
        let target = Target::parse(target);
        let (name, egg_extras) = egg(&target);
        extras.extend(egg_extras);
        let name = name.or_else(|| target.wheel().map(|(name, _)| name));
        Ok(Self { name, target, extras, marker })
    }
}

/// Whether a text without option and marker is a place and not the name of a package. What pip
/// finds out by looking at the disk is decided by the text alone: a separator, a leading dot, or
/// the ending of an archive.
pub(super) fn is_place(text: &str) -> bool {
    let (place, _) = split_marker(text);
    is_url(place) || place.contains(['/', '\\']) || place.starts_with('.') || is_archive(place)
}

fn is_archive(text: &str) -> bool {
    let path = split_extras(text).map_or(text, |(path, _)| path).to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| path.ends_with(ending))
}

/// Splits at the `;` before a marker. In a URL it may be a part of the URL, unless white space is
/// beside it.
fn split_marker(text: &str) -> (&str, Option<Range<usize>>) {
    let plain = !is_url(text);
    let separator = text.match_indices(';').map(|(position, _)| position).find(|&position| {
        let before = text.get(..position).unwrap_or_default();
        let after = text.get(position + 1..).unwrap_or_default();
        plain || before.ends_with(char::is_whitespace) || after.starts_with(char::is_whitespace)
    });
    match separator {
        Some(position) => {
            (text.get(..position).unwrap_or(text).trim_end(), Some(position + 1..text.len()))
        }
        None => (text.trim_end(), None),
    }
}

/// Splits `[extras]` from the end.
fn split_extras(text: &str) -> Option<(&str, &str)> {
    let (target, extras) = text.strip_suffix(']')?.rsplit_once('[')?;
    // `https://[::1]` ends in brackets too.
    (!target.is_empty() && !target.ends_with('/')).then_some((target, extras))
}

fn parse_extras(text: &str, at: usize) -> Result<Vec<ExtraName>, Fault> {
    let mut extras = Vec::new();
    let mut start = at;
    for part in text.split(',') {
        if !part.trim().is_empty() {
            extras.push(ExtraName::from_str(part.trim()).map_err(|_| Fault {
                at: start..start + part.len(),
                problem: LineProblem::Extra(part.trim().to_owned()),
            })?);
        }
        start += part.len() + 1;
    }
    Ok(extras)
}

/// The name and extras of `#egg=name[extra]`. What is no name there is nobody's error any more: pip
/// has deprecated it.
fn egg(target: &Target) -> (Option<PackageName>, Vec<ExtraName>) {
    let value = target
        .fragment()
        .and_then(|fragment| fragment.split('&').find_map(|pair| pair.strip_prefix("egg=")));
    let Some(value) = value else { return (None, Vec::new()) };
    let (name, extras) = match split_extras(value) {
        Some((name, extras)) => (name, parse_extras(extras, 0).unwrap_or_default()),
        None => (value, Vec::new()),
    };
    (pep508::name(name), extras)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_places() {
        // Text, then name, target, extras and marker.
        let table = [
            ("./a", "", "./a", "", ""),
            ("./a[dev, Doc_s]", "", "./a", "dev,doc-s", ""),
            ("./a b/c ; os_name == 'nt'", "", "./a b/c", "", "os_name == 'nt'"),
            ("a.tar.gz;os_name=='nt'", "", "a.tar.gz", "", "os_name == 'nt'"),
            ("https://h/a;b.zip", "", "https://h/a;b.zip", "", ""),
            ("https://h/a.zip ; os_name == 'nt'", "", "https://h/a.zip", "", "os_name == 'nt'"),
            (
                "git+https://h/r@v1#egg=A.B[x]&subdirectory=s",
                "a-b",
                "git+https://h/r@v1#egg=A.B[x]&subdirectory=s",
                "x",
                "",
            ),
            ("w/A_b-1.0-py3-none-any.whl", "a-b", "w/A_b-1.0-py3-none-any.whl", "", ""),
            (
                "https://h/a-1.0%2Bcpu-1-cp312-cp312-win_amd64.whl?x=1#sha256=ab",
                "a",
                "https://h/a-1.0%2Bcpu-1-cp312-cp312-win_amd64.whl?x=1#sha256=ab",
                "",
                "",
            ),
            ("https://[::1]", "", "https://[::1]", "", ""),
            ("./a ;", "", "./a", "", ""),
        ];
        for (text, name, target, extras, marker) in table {
            let place = Place::parse(text, 0).unwrap();
            assert!(is_place(text), "{text}");
            let found = place.name.map(|name| name.to_string()).unwrap_or_default();
            assert_eq!(found, name, "{text}");
            assert_eq!(place.target.to_string(), target, "{text}");
            let found: Vec<_> = place.extras.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(","), extras, "{text}");
            assert_eq!(place.marker.try_to_string().unwrap_or_default(), marker, "{text}");
        }
    }

    #[test]
    fn names_are_no_places() {
        for text in ["a", "a.b", "a==1.0", "a[x]>=1;os_name=='a/b'", "zip", "whl"] {
            assert!(!is_place(text), "{text}");
        }
    }

    #[test]
    fn faults_say_where_they_are() {
        let table = [("./a[x,-y]", 6..8), ("./a ; nonsense == 'x'", 6..14)];
        for (text, expected) in table {
            let fault = Place::parse(text, 0).unwrap_err();
            assert_eq!(fault.at, expected, "{text}: {fault:?}");
        }
    }

    #[test]
    fn the_version_is_a_wheels() {
        let version = |text: &str| {
            Place::parse(text, 0).unwrap().target.version().map(|version| version.to_string())
        };
        assert_eq!(version("./a-1.0+cpu-py3-none-any.whl").as_deref(), Some("1.0+cpu"));
        assert_eq!(version("./a-1.0.tar.gz"), None);
        assert_eq!(version("./a-1.0-any.whl"), None);
    }
}
