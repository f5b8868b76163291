//! Versions of Python and uv: which are plain, and which of them follow.

use std::ops::Range;

/// What a version is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// Python.
    Python,
    /// uv.
    Uv,
}

impl Runtime {
    /// Its name.
    #[cfg(test)]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Uv => "uv",
        }
    }
}

/// Whether a text is a version and nothing else, as in `3.12` or `0.9.1`: not `3`, not `3.x`.
pub(crate) fn is_plain(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(is_number)
}

/// Whether what was found is the wanted version, or a patch release of it.
pub(crate) fn fits(found: &str, wanted: &str) -> bool {
    found.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Where versions stand in the name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Image {
    /// It is of neither Python nor uv.
    Other,
    /// What gives the tag is not known, it floats, or its digest pins it.
    Left(Why),
    Versions(Vec<(Runtime, Range<usize>)>),
}

/// Why an image is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Expression,
    Digest,
    Floats,
}

/// Reads the name of an image, as in `mcr.microsoft.com/devcontainers/python:1-3.12-bookworm`.
///
/// Images of Python are those whose name ends in `python`; of uv, `astral-sh/uv` and `astral/uv`. A tag's
/// parts are divided by `-`.
pub(crate) fn image(text: &str) -> Image {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    // A colon before a slash is that of a port.
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let colon = name.get(slash..).and_then(|last| last.find(':')).map(|at| slash + at);
    let repository = name.get(..colon.unwrap_or(name.len())).unwrap_or(name);
    let is_uv = ["astral-sh/uv", "astral/uv"]
        .iter()
        .any(|uv| repository == *uv || repository.ends_with(&["/", uv].concat()));
    let is_python = repository == "python" || repository.ends_with("/python");
    if !is_uv && !is_python {
        return Image::Other;
    }
    if digest.is_some() {
        return Image::Left(Why::Digest);
    }
    let Some(colon) = colon else { return Image::Left(Why::Floats) };
    let tag = name.get(colon + 1..).unwrap_or_default();
    if tag.contains(['$', '{', '<']) {
        return Image::Left(Why::Expression);
    }
    let mut found = Vec::new();
    let mut at = colon + 1;
    for part in tag.split('-') {
        let of_python = part.strip_prefix("python").filter(|version| is_plain(version));
        if let Some(version) = of_python.filter(|_| is_uv) {
            let start = at + part.len() - version.len();
            found.push((Runtime::Python, start..at + part.len()));
        } else if is_plain(part) {
            // The devcontainers' own version comes first: `1.1-3.12`.
            let runtime = if is_uv { Runtime::Uv } else { Runtime::Python };
            found.retain(|(known, _)| *known != runtime);
            found.push((runtime, at..at + part.len()));
        }
        at += part.len() + 1;
    }
    if found.is_empty() { Image::Left(Why::Floats) } else { Image::Versions(found) }
}

/// The configured versions of Python that are versions, and not interpreters.
pub(crate) fn plain(versions: &[String]) -> Vec<String> {
    versions.iter().filter(|version| is_plain(version)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_plain_and_fit() {
        for text in ["3.12", "3.12.4", "0.9.1"] {
            assert!(is_plain(text), "{text}");
        }
        for text in
            ["3", "3.x", "3.12-dev", "pypy3.10", ">=3.11", "", "3.", "3.12.4.1", "v1.2", " 3.12"]
        {
            assert!(!is_plain(text), "{text}");
        }
        assert!(fits("3.12", "3.12") && fits("3.12.4", "3.12"));
        assert!(!fits("3.1", "3.12") && !fits("3.120", "3.12") && !fits("0.9", "0.9.1"));
    }

    #[test]
    fn versions_are_found_in_the_names_of_images() {
        let table: [(&str, &[&str]); 14] = [
            ("python:3.12-slim", &["Python 3.12"]),
            ("docker.io/library/python:3.12.4-bookworm", &["Python 3.12.4"]),
            ("localhost:5000/python:3.12", &["Python 3.12"]),
            ("mcr.microsoft.com/devcontainers/python:1-3.12-bookworm", &["Python 3.12"]),
            ("mcr.microsoft.com/devcontainers/python:1.1-3.12", &["Python 3.12"]),
            ("mcr.microsoft.com/devcontainers/python:dev-3.12", &["Python 3.12"]),
            ("cimg/python:3.12", &["Python 3.12"]),
            ("ghcr.io/astral-sh/uv:0.9.1", &["uv 0.9.1"]),
            ("ghcr.io/astral-sh/uv:0.9.1-python3.12-alpine", &["uv 0.9.1", "Python 3.12"]),
            ("ghcr.io/astral-sh/uv:python3.12-bookworm-slim", &["Python 3.12"]),
            ("node:20.1", &[]),
            ("my/python-app:3.12", &[]),
            ("postgres:16.4", &[]),
            ("other/uv:0.9.1", &[]),
        ];
        for (text, expected) in table {
            let found = match image(text) {
                Image::Versions(found) => found,
                Image::Other => Vec::new(),
                Image::Left(why) => panic!("{text}: {why:?}"),
            };
            let told: Vec<String> = found
                .into_iter()
                .map(|(runtime, range)| format!("{} {}", runtime.as_str(), &text[range]))
                .collect();
            assert_eq!(told, expected, "{text}");
        }
        assert_eq!(image("python"), Image::Left(Why::Floats));
        assert_eq!(image("python:3"), Image::Left(Why::Floats));
        assert_eq!(image("python:${VERSION}-slim"), Image::Left(Why::Expression));
        assert_eq!(image("python:3.12@sha256:abc"), Image::Left(Why::Digest));
    }
}
