//! Manifests, indexes and configurations of images, as texts of somebody else.
//!
//! [Manifests and indexes of the OCI](https://github.com/opencontainers/image-spec/blob/main/manifest.md), and those of
//! [Docker's schema 2](https://github.com/distribution/distribution/blob/main/docs/content/spec/manifest-v2-2.md), whose
//! fields are the same.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::ImageProblem;
use super::platform::ImagePlatform;
use crate::digest::Digest;

/// The largest manifest that is read, in bytes: what registries take.
pub(super) const LARGEST_MANIFEST: u64 = 4 << 20;

/// The largest configuration that is read, in bytes. Those of real images have some thousand.
pub(super) const LARGEST_CONFIG: u64 = 8 << 20;

/// The most layers. Docker loads 125, and overlay file systems take 500.
pub(super) const MOST_LAYERS: usize = 500;

/// The media type of an image where the text has none.
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// That of an OCI configuration.
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// That of a layer that is not compressed.
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What a manifest says of a content.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub(super) media_type: String,
    /// Of its bytes.
    pub(super) digest: Digest,
    /// Bytes.
    pub(super) size: u64,
    #[serde(default)]
    urls: Option<Vec<String>>,
    #[serde(default)]
    platform: Option<PlatformText>,
    #[serde(default)]
    artifact_type: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct PlatformText {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

impl Descriptor {
    /// For which platform, where it says so. Attestations say `unknown`.
    fn platform(&self) -> Option<ImagePlatform> {
        let text = self.platform.as_ref()?;
        ImagePlatform::read(&text.os, &text.architecture, text.variant.as_deref())
            .filter(|platform| platform.os() != "unknown")
    }

    fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_INDEX | DOCKER_LIST)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestText {
    #[serde(default)]
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

/// The manifest of one image.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    /// Its own media type.
    pub(super) media_type: String,
    /// Its configuration, whose digest is the image's id.
    pub(super) config: Descriptor,
    /// Its layers, the lowest first.
    pub(super) layers: Vec<Descriptor>,
}

impl Manifest {
    /// The bytes of all that it names, each content once.
    pub(super) fn size(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let all = self.layers.iter().chain([&self.config]);
        all.filter(|one| seen.insert(one.digest)).fold(0, |sum, one| sum.saturating_add(one.size))
    }
}

/// What a registry answers when it is asked for a name.
#[derive(Clone, Debug)]
pub(super) enum Document {
    /// One image.
    Image(Box<Manifest>),
    /// One for each of several platforms.
    Index(Vec<Descriptor>),
}

/// Reads a manifest or an index.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, ImageProblem> {
    let unclear = |reason: &str| ImageProblem::Manifest { reason: reason.to_owned() };
    let size = bytes.len() as u64;
    if size > LARGEST_MANIFEST {
        return Err(ImageProblem::TooLarge { what: "manifest", size, most: LARGEST_MANIFEST });
    }
    let version: Version =
        serde_json::from_slice(bytes).map_err(|error| unclear(&error.to_string()))?;
    if version.schema_version == Some(1) {
        return Err(ImageProblem::Schema1);
    }
    let text: ManifestText =
        serde_json::from_slice(bytes).map_err(|error| unclear(&error.to_string()))?;
    if text.schema_version != 2 {
        return Err(unclear("its `schemaVersion` is not 2"));
    }
    let media_type = text.media_type.as_deref();
    match (text.manifests, text.config, text.layers) {
        // What is both is taken for one by some, and for the other by others (CVE-2021-41190).
        (Some(manifests), None, None) => match media_type {
            None | Some(OCI_INDEX | DOCKER_LIST) => Ok(Document::Index(manifests)),
            Some(_) => Err(unclear("it is an index by what it holds, and none by its `mediaType`")),
        },
        (None, Some(config), Some(layers)) => match media_type {
            None | Some(OCI_MANIFEST | DOCKER_MANIFEST) => {
                let media_type = media_type.unwrap_or(OCI_MANIFEST).to_owned();
                let manifest = Manifest { media_type, config, layers };
                check(&manifest, text.artifact_type.as_deref())?;
                Ok(Document::Image(Box::new(manifest)))
            }
            Some(_) => Err(unclear("it is an image by what it holds, and none by its `mediaType`")),
        },
        _ => Err(unclear(
            "it is neither an image with `config` and `layers`, nor an index with `manifests`",
        )),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: Option<u64>,
}

/// Whether it is an image of a container that can be saved.
fn check(manifest: &Manifest, artifact: Option<&str>) -> Result<(), ImageProblem> {
    let other = |media_type: &str| {
        let media_type = media_type.chars().filter(|one| !one.is_control()).take(200).collect();
        ImageProblem::NotAnImage { media_type }
    };
    let config = &manifest.config;
    if !matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG) {
        return Err(other(artifact.unwrap_or(&config.media_type)));
    }
    if config.size > LARGEST_CONFIG {
        let (size, most) = (config.size, LARGEST_CONFIG);
        return Err(ImageProblem::TooLarge { what: "configuration", size, most });
    }
    if manifest.layers.len() > MOST_LAYERS {
        let (count, most) = (manifest.layers.len(), MOST_LAYERS);
        return Err(ImageProblem::TooManyLayers { count, most });
    }
    for layer in &manifest.layers {
        let media_type = layer.media_type.as_str();
        if media_type.contains(".foreign.") || media_type.contains(".nondistributable.") {
            let urls = layer.urls.iter().flatten().take(3);
            let urls = urls.map(|url| instep_tools::redact(url).into_owned()).collect();
            return Err(ImageProblem::ForeignLayer { digest: layer.digest, urls });
        }
        let is_tar = ["tar", "tar.gzip", "tar+gzip", "tar+zstd", "tar.zstd"];
        if !is_tar.iter().any(|end| media_type.ends_with(&[".", end].concat())) {
            return Err(other(media_type));
        }
    }
    Ok(())
}

/// The one of an index that a machine of this platform runs best.
pub(super) fn choose<'a>(
    index: &'a [Descriptor],
    wanted: &ImagePlatform,
) -> Result<&'a Descriptor, ImageProblem> {
    // What is hung onto an image, such as a signature, is no image.
    let images = || index.iter().filter(|one| one.artifact_type.is_none());
    let fitting = |runs: &ImagePlatform| images().find(|one| one.platform().as_ref() == Some(runs));
    if let Some(found) = wanted.runs().iter().find_map(fitting) {
        return Ok(found);
    }
    // One that says nothing is looked at itself.
    let mut silent = images().filter(|one| one.platform.is_none());
    if let (Some(only), None) = (silent.next(), silent.next())
        && (only.is_index() || index.len() == 1)
    {
        return Ok(only);
    }
    let offered: BTreeSet<_> = index.iter().filter_map(Descriptor::platform).collect();
    let offered = offered.iter().take(40).map(ToString::to_string).collect();
    Err(ImageProblem::NoPlatform { wanted: wanted.clone(), offered })
}

/// From the answer for a name to the manifest of one image, over an index or two.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    wanted: &'a ImagePlatform,
    asked: Option<Digest>,
    size: Option<u64>,
    indexes: Vec<Digest>,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// This manifest has to be asked for.
    Ask(Digest),
    /// It is found.
    Found(Box<Found>),
}

/// The manifest of an image.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its bytes, as the registry has them.
    pub(super) bytes: Vec<u8>,
    /// Of these.
    pub(super) digest: Digest,
    /// What they say.
    pub(super) manifest: Manifest,
    /// Of the index that led to it.
    pub(super) index: Option<Digest>,
}

impl<'a> Walk<'a> {
    /// Begins with a name, which may be pinned.
    pub(super) fn new(wanted: &'a ImagePlatform, pin: Option<Digest>) -> Self {
        Self { wanted, asked: pin, size: None, indexes: Vec::new() }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, bytes: Vec<u8>) -> Result<Step, ImageProblem> {
        let digest = Digest::of(&bytes);
        let found = bytes.len() as u64;
        let damaged = |digest, source| ImageProblem::Blob { what: "manifest", digest, source };
        if let Some(asked) = self.asked.filter(|asked| *asked != digest) {
            return Err(damaged(asked, super::error::BlobProblem::Digest { found: digest }));
        }
        if let Some(expected) = self.size.filter(|size| *size != found) {
            return Err(damaged(digest, super::error::BlobProblem::Size { found, expected }));
        }
        match parse(&bytes)? {
            Document::Image(manifest) => {
                let index = self.indexes.first().copied();
                let manifest = *manifest;
                Ok(Step::Found(Box::new(Found { bytes, digest, manifest, index })))
            }
            Document::Index(_) if self.indexes.len() > 1 => Err(ImageProblem::Nested),
            Document::Index(entries) => {
                let chosen = choose(&entries, self.wanted)?;
                self.indexes.push(digest);
                (self.asked, self.size) = (Some(chosen.digest), Some(chosen.size));
                Ok(Step::Ask(chosen.digest))
            }
        }
    }
}

/// What is read of a configuration.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// For which machines.
    pub(super) platform: ImagePlatform,
    /// Many configurations leave the variant out.
    has_variant: bool,
    /// The digests of the layers' contents, the lowest first.
    pub(super) diff_ids: Vec<Digest>,
}

#[derive(Debug, Deserialize)]
struct ConfigText {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    rootfs: RootfsText,
}

#[derive(Debug, Deserialize)]
struct RootfsText {
    // `null` where there are no layers.
    diff_ids: Option<Vec<Digest>>,
}

impl Config {
    /// Reads it, for an image of so many layers.
    pub(super) fn parse(bytes: &[u8], layers: usize) -> Result<Self, ImageProblem> {
        let unclear = |reason: String| ImageProblem::Config { reason };
        let text: ConfigText =
            serde_json::from_slice(bytes).map_err(|error| unclear(error.to_string()))?;
        let diff_ids = text.rootfs.diff_ids.unwrap_or_default();
        if diff_ids.len() != layers {
            let named = diff_ids.len();
            return Err(unclear(format!("it names {named} layers, and the manifest {layers}")));
        }
        let platform = ImagePlatform::read(&text.os, &text.architecture, text.variant.as_deref());
        let platform = platform.ok_or_else(|| unclear("it names no platform".to_owned()))?;
        let has_variant = text.variant.is_some_and(|variant| !variant.is_empty());
        Ok(Self { platform, has_variant, diff_ids })
    }

    /// Whether it is for the wanted platform.
    pub(super) fn check(&self, wanted: &ImagePlatform) -> Result<(), ImageProblem> {
        let runs = wanted.runs();
        let is_same = |one: &ImagePlatform| {
            (one.os(), one.architecture()) == (self.platform.os(), self.platform.architecture())
        };
        if runs.contains(&self.platform) || (!self.has_variant && runs.iter().any(is_same)) {
            return Ok(());
        }
        let offered = vec![self.platform.to_string()];
        Err(ImageProblem::NoPlatform { wanted: wanted.clone(), offered })
    }
}

#[cfg(test)]
mod tests;
