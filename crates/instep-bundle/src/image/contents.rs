//! An image whose contents lie somewhere here: checked, and written as one tar file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
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
    annotations: BTreeMap<&'a str, String>,
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
struct DockerText {
    config: String,
    repo_tags: Option<[String; 1]>,
    layers: Vec<String>,
}

impl Contents {
    /// Writes it to `out`, whole or not at all. Every byte is looked at on the way.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Cancelled`]; [`Error::Image`] for what is damaged, or for another platform.
    pub(super) fn write(
        &self,
        request: &ImageRequest,
        out: &Utf8Path,
        cancel: &CancelToken,
    ) -> Result<ImageFile, Error> {
        let failed = |problem| Error::image(&request.to_string(), problem);
        let config = Digest::of(&self.config);
        let expected = self.described.config.digest;
        if config != expected {
            let source = BlobProblem::Digest { found: config };
            let (what, digest) = ("configuration", expected);
            return Err(failed(ImageProblem::Blob { what, digest, source }));
        }
        let read = Config::parse(&self.config, self.described.layers.len()).map_err(failed)?;
        read.check(request.platform()).map_err(failed)?;
        let size = put(out, &mut |file| {
            let to = Pieces::new(BufWriter::with_capacity(1 << 20, file));
            self.write_to(to, request, &read, out, cancel)
        })?;
        Ok(ImageFile {
            path: out.to_owned(),
            size,
            name: request.tagged(),
            platform: read.platform,
            digest: Digest::of(&self.manifest),
            image_id: config,
            layers: read.diff_ids,
        })
    }

    /// Writes the entries in the order of their names.
    fn write_to(
        &self,
        mut to: Pieces<BufWriter<&mut File>>,
        request: &ImageRequest,
        config: &Config,
        out: &Utf8Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let io = |source| Error::Io { action: "write", path: out.to_owned(), source };
        to.add("blobs/", Piece::Folder).map_err(io)?;
        to.add(BLOBS, Piece::Folder).map_err(io)?;
        let manifest = Digest::of(&self.manifest);
        let texts = [(manifest, &self.manifest), (self.described.config.digest, &self.config)];
        let layers = self.described.layers.iter().map(|layer| layer.digest);
        let blobs: BTreeSet<Digest> =
            layers.chain(texts.iter().map(|(digest, _)| *digest)).collect();
        for digest in blobs {
            let name = [BLOBS, &digest.hex()].concat();
            match texts.iter().find(|(text, _)| *text == digest) {
                Some((_, bytes)) => to.add(&name, Piece::Bytes(bytes)).map_err(io)?,
                None => self.write_layer(&mut to, digest, request, config, out, cancel)?,
            }
        }
        let index = index_text(request, &self.described, manifest, self.manifest.len(), config);
        let docker = docker_text(request, &self.described);
        to.add(archive::INDEX, Piece::Bytes(&json(&index, out)?)).map_err(io)?;
        to.add(archive::MANIFEST, Piece::Bytes(&json(&[docker], out)?)).map_err(io)?;
        to.add(archive::LAYOUT, Piece::Bytes(archive::LAYOUT_TEXT.as_bytes())).map_err(io)?;
        to.finish().and_then(|mut to| to.flush()).map_err(io)
    }

    fn write_layer(
        &self,
        to: &mut Pieces<BufWriter<&mut File>>,
        digest: Digest,
        request: &ImageRequest,
        config: &Config,
        out: &Utf8Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let io = |source| Error::Io { action: "write", path: out.to_owned(), source };
        let failed = |source| {
            let problem = ImageProblem::Blob { what: "layer", digest, source };
            Error::image(&request.to_string(), problem)
        };
        // The same content may be there several times, and then has to be the same each time.
        let pairs = || {
            let pairs = self.described.layers.iter().zip(&config.diff_ids);
            pairs.filter(|(layer, _)| layer.digest == digest)
        };
        let Some(part) = self.layers.get(&digest) else {
            return Err(failed(BlobProblem::Missing));
        };
        if let Some((layer, _)) = pairs().find(|(layer, _)| layer.size != part.size) {
            return Err(failed(BlobProblem::Size { found: part.size, expected: layer.size }));
        }
        let name = [BLOBS, &digest.hex()].concat();
        to.add(&name, Piece::Content { size: part.size }).map_err(io)?;
        let passed = layer::pass(&mut part.open()?, to.inner(), layer::most(part.size), cancel);
        let passed = passed.map_err(|stop| match stop {
            Stop::Read(source) => part.failed(source),
            Stop::Write(source) => io(source),
            Stop::Cancelled => Error::Cancelled,
            Stop::Problem(problem) => failed(problem),
        })?;
        for (layer, diff_id) in pairs() {
            check(&passed, layer, *diff_id).map_err(failed)?;
        }
        to.pad(part.size).map_err(io)
    }
}

/// Whether a layer is the one that the manifest and the configuration name.
pub(super) fn check(
    passed: &Passed,
    layer: &Descriptor,
    diff_id: Digest,
) -> Result<(), BlobProblem> {
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

fn index_text<'a>(
    request: &ImageRequest,
    described: &'a Manifest,
    digest: Digest,
    size: usize,
    config: &'a Config,
) -> IndexText<'a> {
    let name = request.tagged().map(|name| (IMAGE_NAME, name));
    let tag = request.tag().map(|tag| (REF_NAME, tag.to_owned()));
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
            annotations: name.into_iter().chain(tag).collect(),
            platform,
        }],
    }
}

fn docker_text(request: &ImageRequest, described: &Manifest) -> DockerText {
    let blob = |digest: Digest| [BLOBS, &digest.hex()].concat();
    DockerText {
        config: blob(described.config.digest),
        repo_tags: request.tagged().map(|name| [name]),
        layers: described.layers.iter().map(|layer| blob(layer.digest)).collect(),
    }
}

fn json(text: &impl Serialize, out: &Utf8Path) -> Result<Vec<u8>, Error> {
    let written = serde_json::to_vec(text).map_err(io::Error::other);
    written.map_err(|source| Error::Io { action: "write", path: out.to_owned(), source })
}

/// Writes a file under another name beside its place first, and tells its size.
fn put(
    out: &Utf8Path,
    write: &mut dyn FnMut(&mut File) -> Result<(), Error>,
) -> Result<u64, Error> {
    let io = |source| Error::Io { action: "write", path: out.to_owned(), source };
    let folder = folder_of(out);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let prefix = [".", out.file_name().unwrap_or("image"), "."].concat();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".instep-tmp").rand_bytes(8);
    // Made plainly, so that it gets the permissions that any new file gets.
    let mut beside = builder.make_in(&folder, |path| File::create_new(path)).map_err(io)?;
    write(beside.as_file_mut())?;
    beside.as_file().sync_all().map_err(io)?;
    let size = beside.as_file().metadata().map_err(io)?.len();
    // Closed before it is renamed: some file systems of Windows do not rename an open file.
    let mut beside = beside.into_temp_path();
    instep_fs::while_in_use(|| std::fs::rename(&beside, out)).map_err(io)?;
    beside.disable_cleanup(true);
    Ok(size)
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Utf8Path) -> Utf8PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    }
}
