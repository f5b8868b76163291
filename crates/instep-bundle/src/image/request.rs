//! Which image: its name as the user wrote it, and its platform.

use std::fmt;

use oci_client::Reference;
use serde::{Deserialize, Serialize};

use super::platform::ImagePlatform;
use crate::digest::Digest;
use crate::error::Error;
use crate::registry;

/// The longest part of a file name that is taken from an image's name, in bytes.
const LONGEST: usize = 120;

/// How many digits tell two images apart whose file names would be the same.
const TOLD_APART: usize = 8;

/// An image that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    reference: Reference,
    pin: Option<Digest>,
    platform: ImagePlatform,
}

impl ImageRequest {
    /// Reads a name as docker does: `python:3.12-slim` is `docker.io/library/python:3.12-slim`, and no tag is `latest`.
    /// `NAME@sha256:..` and `NAME:TAG@sha256:..` are pinned; the digest is that of an image or of an index of images.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`] for what is no name ([reference](https://pkg.go.dev/github.com/distribution/reference)), or has a
    /// digest other than SHA-256; [`Error::Digest`].
    pub fn new(name: &str, platform: ImagePlatform) -> Result<Self, Error> {
        let reference = registry::reference(name)?;
        let pin = reference.digest().map(str::parse).transpose()?;
        Ok(Self { reference, pin, platform })
    }

    /// The same image of one platform, by the digest of its manifest: what is saved then cannot change any more.
    pub fn pinned(&self, digest: Digest) -> Self {
        let (registry, name) = (self.reference.registry(), self.reference.repository());
        let digits = digest.to_string();
        let reference = match self.reference.tag() {
            Some(tag) => Reference::with_tag_and_digest(
                registry.to_owned(),
                name.to_owned(),
                tag.to_owned(),
                digits,
            ),
            None => Reference::with_digest(registry.to_owned(), name.to_owned(), digits),
        };
        Self { reference, pin: Some(digest), platform: self.platform.clone() }
    }

    /// For which machines.
    pub fn platform(&self) -> &ImagePlatform {
        &self.platform
    }

    /// The digest that it is pinned to: of a manifest, or of an index.
    pub fn pin(&self) -> Option<Digest> {
        self.pin
    }

    /// What `docker load` calls it, with host and tag: `docker.io/library/python:3.12-slim`. None where it has no tag, but
    /// a digest alone.
    pub fn tagged(&self) -> Option<String> {
        let tag = self.reference.tag()?;
        Some([&self.repository(), ":", tag].concat())
    }

    /// The host, and the name on it, without tag and digest.
    pub(crate) fn repository(&self) -> String {
        [self.reference.registry(), "/", self.reference.repository()].concat()
    }

    /// The tag.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.reference.tag()
    }

    /// The host of its registry.
    pub(crate) fn host(&self) -> &str {
        self.reference.registry()
    }

    /// What a registry is asked for.
    pub(crate) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The name of a file for it, such as `python-3.12-slim-linux-amd64.tar`: safe on every system, and another one for
    /// every other name or platform, also where names differ in case only. The pin is not in it. What is not an image of
    /// Docker's own library, or could be taken for another one, has digits of a digest at its end.
    pub fn file_name(&self) -> String {
        let library = self.repository().strip_prefix("docker.io/library/").map(str::to_owned);
        let short = library.clone().unwrap_or_else(|| self.repository());
        let platform = self.platform.to_string();
        let name = [&short, "-", self.tag().unwrap_or("untagged"), "-", &platform].concat();
        let slug: String = name
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() || one == '.' { one } else { '-' })
            .collect::<String>()
            .to_ascii_lowercase();
        // The first `-` ends the name, and the last `-linux-` the tag.
        let words = [Some(self.platform.architecture()), self.platform.variant()];
        let is_word = |word: &str| word != "linux" && word.bytes().all(is_plain);
        let is_plain = library.is_some_and(|name| name.bytes().all(is_plain))
            && self.tag().is_some_and(|tag| tag.bytes().all(|one| is_plain(one) || one == b'-'))
            && self.platform.os() == "linux"
            && words.into_iter().flatten().all(is_word)
            && slug.len() <= LONGEST;
        if is_plain {
            return [&slug, ".tar"].concat();
        }
        let whole = match (self.tagged(), self.pin) {
            (Some(tagged), _) => tagged,
            (None, Some(pin)) => format!("{}@{pin}", self.repository()),
            (None, None) => self.repository(),
        };
        let digits = Digest::of([&whole, " ", &platform].concat().as_bytes()).hex();
        let digits = digits.get(..TOLD_APART).unwrap_or_default();
        let slug = slug.get(..LONGEST.min(slug.len())).unwrap_or_default();
        [slug, "-", digits, ".tar"].concat()
    }
}

/// What stands for itself in a file name.
fn is_plain(one: u8) -> bool {
    matches!(one, b'a'..=b'z' | b'0'..=b'9' | b'.')
}

impl fmt::Display for ImageRequest {
    /// The whole name: host, name, tag and digest.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.reference, formatter)
    }
}

/// What an image is had by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Engine {
    /// This program asks the registry itself. No other program and no daemon is needed.
    Native,
    /// Docker, with its daemon.
    Docker,
    /// Podman.
    Podman,
    /// skopeo.
    Skopeo,
}

impl Engine {
    /// Its name, as in the configuration; that of the program where it is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Skopeo => "skopeo",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ImageRequest;
    use crate::digest::Digest;

    fn request(name: &str, platform: &str) -> ImageRequest {
        ImageRequest::new(name, platform.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_name_has_one_whole_form_and_a_tag_to_be_loaded_by() {
        let pin = Digest::of(b"").to_string();
        let table = [
            ("python:3.12-slim", "docker.io/library/python:3.12-slim", ""),
            ("python", "docker.io/library/python:latest", ""),
            ("docker://user/tool:1", "docker.io/user/tool:1", ""),
            ("localhost:5000/a/b:c", "localhost:5000/a/b:c", ""),
            ("python@PIN", "", "docker.io/library/python@PIN"),
            ("python:3@PIN", "docker.io/library/python:3", "docker.io/library/python:3@PIN"),
        ];
        for (given, tagged, whole) in table {
            let request = request(&given.replace("PIN", &pin), "linux/amd64");
            assert_eq!(request.tagged().unwrap_or_default(), tagged, "{given}");
            let whole = if whole.is_empty() { tagged } else { whole };
            assert_eq!(request.to_string(), whole.replace("PIN", &pin), "{given}");
            assert_eq!(request.pin().is_some(), given.contains("PIN"), "{given}");
        }
    }

    #[test]
    fn a_request_is_pinned_to_another_digest_and_keeps_its_tag() {
        let digest = Digest::of(b"manifest");
        let pinned = request("python:3", "linux/arm64").pinned(digest);
        assert_eq!(pinned.to_string(), format!("docker.io/library/python:3@{digest}"));
        assert_eq!(pinned.pin(), Some(digest));
        assert_eq!(pinned.platform().to_string(), "linux/arm64");
        let pinned = request(&format!("python@{}", Digest::of(b"")), "linux/amd64").pinned(digest);
        assert_eq!(pinned.to_string(), format!("docker.io/library/python@{digest}"));
        let again = request(&pinned.to_string(), "linux/amd64");
        assert_eq!(again, pinned);
    }

    #[test]
    fn what_is_no_name_is_refused_without_a_login() {
        let short = ["python@sha256:", &"a".repeat(63)].concat();
        let upper = ["python@sha256:", &"A".repeat(64)].concat();
        let other = ["python@sha512:", &"a".repeat(128)].concat();
        let bad = [
            "",
            "Python",
            "python:",
            ":1",
            "a b",
            "../a",
            "a//b",
            "https://host/a",
            &short,
            &upper,
            &other,
        ];
        for name in bad {
            assert!(ImageRequest::new(name, "linux/amd64".parse().unwrap()).is_err(), "{name}");
        }
        for name in ["user:hunter2@host.test/a", "user:hunter2@host.test/a@sha256:0"] {
            let error = ImageRequest::new(name, "linux/amd64".parse().unwrap()).unwrap_err();
            let text = format!("{error} {error:?} {:?}", error.hint());
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn file_names_are_plain_for_the_library_and_have_digits_elsewhere() {
        let table = [
            ("python:3.12-slim", "linux/amd64", "python-3.12-slim-linux-amd64.tar"),
            ("python:3.12", "linux/arm64/v8", "python-3.12-linux-arm64.tar"),
            ("python", "linux/arm/v7", "python-latest-linux-arm-v7.tar"),
            (
                "mcr.microsoft.com/devcontainers/python:3.13",
                "linux/amd64",
                "mcr.microsoft.com-devcontainers-python-3.13-linux-amd64-DIGITS.tar",
            ),
            ("hello-world:linux", "linux/amd64", "hello-world-linux-linux-amd64-DIGITS.tar"),
            ("python:3.12-Slim", "linux/amd64", "python-3.12-slim-linux-amd64-DIGITS.tar"),
            ("python:3", "windows/amd64", "python-3-windows-amd64-DIGITS.tar"),
        ];
        for (name, platform, expected) in table {
            let name = request(name, platform).file_name();
            match expected.split_once("DIGITS") {
                None => assert_eq!(name, expected),
                Some((before, after)) => {
                    let digits =
                        name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                    assert!(digits.is_some_and(|digits| digits.len() == 8), "{name}");
                }
            }
        }
    }

    #[test]
    fn no_two_images_have_the_same_file_name_on_any_system() {
        let names = [
            "a:b",
            "a-b",
            "a:b-c",
            "a-b:c",
            "a/b:c",
            "a.b:c",
            "a_b:c",
            "a__b:c",
            "a:B",
            "a:b_c",
            "a:linux",
            "a:b-linux-amd64",
            "a:b-linux",
            "x.test/a:b",
            "x.test:1/a:b",
            "x.test/a/b:c",
            "localhost/a:b",
            "library/a:c",
            "con:prn",
            "a:latest-linux-arm",
        ];
        let platforms = [
            "linux/amd64",
            "linux/arm64",
            "linux/arm/v7",
            "linux/arm/v6",
            "linux/linux/amd64",
            "linux/amd64/linux",
            "windows/amd64",
            "linux/a-b",
            "linux/a/b",
            "linux/a_b",
        ];
        let mut seen = BTreeSet::new();
        for name in names {
            for platform in platforms {
                let file = request(name, platform).file_name();
                let letter = |one: char| one.is_ascii_alphanumeric() || one == '.' || one == '-';
                assert!(file.chars().all(letter) && file.contains('-'), "{file}");
                assert!(file.len() < 150 && !file.starts_with(['.', '-']), "{file}");
                assert!(seen.insert(file.to_ascii_lowercase()), "{name} {platform}: {file}");
            }
        }
        let long = format!("x.test/{}:{}", ["a"; 100].join("/"), "t".repeat(128));
        assert!(request(&long, "linux/amd64").file_name().len() < 150);
    }
}
