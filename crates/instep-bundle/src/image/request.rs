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
