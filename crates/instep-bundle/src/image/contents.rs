//! An image whose contents lie somewhere here: checked, and written as one tar file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};

use camino::Utf8Path;
use instep_tools::CancelToken;
use serde::Serialize;

use super::archive::{self, Part, Piece, Pieces};
use super::error::{BlobProblem, ImageProblem};
use super::layer::{self, Passed, Stop};
use super::manifest::{Config, Descriptor, Manifest};
use super::request::ImageRequest;
use super::{ImageFile, archive::BLOBS};
use crate::digest::Digest;
use crate::error::Error;
use crate::place;

/// The name in an OCI layout that containerd, podman and docker give an image.
pub(super) const IMAGE_NAME: &str = "io.containerd.image.name";
/// The tag in an OCI layout
/// ([annotations](https://github.com/opencontainers/image-spec/blob/main/annotations.md)).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The media type of an OCI index.
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image: what describes it as text, and its layers where they lie.
#[derive(Debug)]
pub(super) struct Contents {
    /// The bytes of the manifest.
    pub(super) manifest: Vec<u8>,
    /// What they say.
    pub(super) described: Manifest,
    /// The bytes of the configuration.
    pub(super) config: Vec<u8>,
    /// Where each layer lies, by its digest.
    pub(super) layers: BTreeMap<Digest, Part>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexText<'a> {
    schema_version: u8,
    media_type: &'a str,
    manifests: [EntryText<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryText<'a> {
    media_type: &'a str,
    digest: Digest,
    size: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
    platform: PlatformText<'a>,
}

#[derive(Serialize)]
struct PlatformText<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerText<'a> {
    config: String,
    repo_tags: Option<[&'a str; 1]>,
    layers: Vec<String>,
}

/// Why an image is not written to its end.
pub(super) enum Halt {
    /// It cannot be read.
    Read(Error),
    /// It cannot be written.
    Write(io::Error),
    /// The host asked to stop.
    Cancelled,
    /// It is damaged.
    Problem(ImageProblem),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Contents {
    /// Writes it to `out`, whole or not at all. Every byte is looked at on the way.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Cancelled`]; [`Error::Image`] for what is damaged, or for another platform.
    pub(super) fn save(
        &self,
        request: &ImageRequest,
        out: &Utf8Path,
        cancel: &CancelToken,
    ) -> Result<ImageFile, Error> {
        let failed = |problem| Error::image(&request.to_string(), problem);
        let config = self.read_config().map_err(failed)?;
        config.check(request.platform()).map_err(failed)?;
        let name = request.tagged();
        let size = place::put(out, |file| {
            let mut to = BufWriter::with_capacity(1 << 20, &mut *file);
            self.write(&mut to, name.as_deref(), &config, cancel).map_err(|halt| match halt {
                Halt::Read(error) => error,
                Halt::Write(source) => Error::Io { action: "write", path: out.to_owned(), source },
                Halt::Cancelled => Error::Cancelled,
                Halt::Problem(problem) => failed(problem),
            })?;
            drop(to);
            let flushed = file.sync_all().and_then(|()| Ok(file.metadata()?.len()));
            flushed.map_err(Error::io("write", out))
        })?;
        Ok(self.told(out, size, name, config))
    }

    /// Reads the configuration.
    pub(super) fn read_config(&self) -> Result<Config, ImageProblem> {
        let (found, digest) = (Digest::of(&self.config), self.described.config.digest);
        if found != digest {
            let source = BlobProblem::Digest { found };
            return Err(ImageProblem::Blob { what: "configuration", digest, source });
        }
        Config::parse(&self.config, self.described.layers.len())
    }

    /// What a file of it is.
    pub(super) fn told(
        &self,
        path: &Utf8Path,
        size: u64,
        name: Option<String>,
        config: Config,
    ) -> ImageFile {
        ImageFile {
            path: path.to_owned(),
            size,
            name,
            platform: config.platform,
            digest: Digest::of(&self.manifest),
            image_id: self.described.config.digest,
            layers: config.diff_ids,
        }
    }

    /// Writes the tar file of it, under a name with a tag: entries in the order of their names. Every byte is looked at
    /// on the way.
    pub(super) fn write(
        &self,
        to: &mut dyn Write,
        name: Option<&str>,
        config: &Config,
        cancel: &CancelToken,
    ) -> Result<(), Halt> {
        let mut to = Pieces::new(to);
        to.add("blobs/", Piece::Folder)?;
        to.add(BLOBS, Piece::Folder)?;
        let manifest = Digest::of(&self.manifest);
        let texts = [(manifest, &self.manifest), (self.described.config.digest, &self.config)];
        let layers = self.described.layers.iter().map(|layer| layer.digest);
        let blobs: BTreeSet<_> = layers.chain(texts.iter().map(|(digest, _)| *digest)).collect();
        for digest in blobs {
            match texts.iter().find(|(text, _)| *text == digest) {
                Some((_, bytes)) => to.add(&blob_entry(digest), Piece::Bytes(bytes))?,
                None => self.write_layer(&mut to, digest, config, cancel)?,
            }
        }
        let index = index_text(name, &self.described, manifest, self.manifest.len(), config);
        let docker = docker_text(name, &self.described);
        to.add(archive::INDEX, Piece::Bytes(&json(&index)?))?;
        to.add(archive::MANIFEST, Piece::Bytes(&json(&[docker])?))?;
        to.add(archive::LAYOUT, Piece::Bytes(archive::LAYOUT_TEXT.as_bytes()))?;
        Ok(to.finish()?)
    }

    fn write_layer(
        &self,
        to: &mut Pieces<'_>,
        digest: Digest,
        config: &Config,
        cancel: &CancelToken,
    ) -> Result<(), Halt> {
        let damaged = |source| Halt::Problem(ImageProblem::Blob { what: "layer", digest, source });
        // The same content may be there several times, and then has to be the same each time.
        let same = || {
            let pairs = self.described.layers.iter().zip(&config.diff_ids);
            pairs.filter(|(layer, _)| layer.digest == digest)
        };
        let part = self.layers.get(&digest).ok_or_else(|| damaged(BlobProblem::Missing))?;
        if let Some((layer, _)) = same().find(|(layer, _)| layer.size != part.size) {
            return Err(damaged(BlobProblem::Size { found: part.size, expected: layer.size }));
        }
        to.add(&blob_entry(digest), Piece::Content { size: part.size })?;
        let mut from = part.open().map_err(Halt::Read)?;
        let passed = layer::pass(&mut from, to.inner(), layer::most(part.size), cancel);
        let passed = passed.map_err(|stop| match stop {
            Stop::Read(source) => Halt::Read(part.failed(source)),
            Stop::Write(source) => Halt::Write(source),
            Stop::Cancelled => Halt::Cancelled,
            Stop::Problem(problem) => damaged(problem),
        })?;
        for (layer, diff_id) in same() {
            check(&passed, layer, *diff_id).map_err(damaged)?;
        }
        Ok(to.pad(part.size)?)
    }
}

/// Whether a layer is the one that the manifest and the configuration name.
fn check(passed: &Passed, layer: &Descriptor, diff_id: Digest) -> Result<(), BlobProblem> {
    if passed.size != layer.size {
        return Err(BlobProblem::Size { found: passed.size, expected: layer.size });
    }
    if passed.digest != layer.digest {
        return Err(BlobProblem::Digest { found: passed.digest });
    }
    if passed.diff_id != diff_id {
        return Err(BlobProblem::DiffId { found: passed.diff_id, expected: diff_id });
    }
    Ok(())
}

/// Where a content lies in the tar.
pub(super) fn blob_entry(digest: Digest) -> String {
    [BLOBS, &digest.hex()].concat()
}

fn index_text<'a>(
    name: Option<&'a str>,
    described: &'a Manifest,
    digest: Digest,
    size: usize,
    config: &'a Config,
) -> IndexText<'a> {
    let tag = name.and_then(|name| name.rsplit_once(':')).map(|(_, tag)| tag);
    let annotations = [(IMAGE_NAME, name), (REF_NAME, tag)].into_iter();
    let platform = PlatformText {
        architecture: config.platform.architecture(),
        os: config.platform.os(),
        variant: config.platform.variant(),
    };
    IndexText {
        schema_version: 2,
        media_type: OCI_INDEX,
        manifests: [EntryText {
            media_type: &described.media_type,
            digest,
            size,
            annotations: annotations.filter_map(|(key, value)| Some((key, value?))).collect(),
            platform,
        }],
    }
}

fn docker_text<'a>(name: Option<&'a str>, described: &Manifest) -> DockerText<'a> {
    DockerText {
        config: blob_entry(described.config.digest),
        repo_tags: name.map(|name| [name]),
        layers: described.layers.iter().map(|layer| blob_entry(layer.digest)).collect(),
    }
}

fn json(text: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(text).map_err(io::Error::other)
}
