//! A saved image, read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::Utf8Path;
use instep_tools::CancelToken;
use serde::Deserialize;

use super::archive::{Archive, BLOBS, INDEX, LAYOUT, MANIFEST};
use super::contents::check;
use super::error::{ArchiveProblem, BlobProblem, ImageProblem};
use super::layer::{self, Stop};
use super::manifest::{
    Config, Descriptor, Document, LARGEST_CONFIG, LARGEST_MANIFEST, Manifest, parse,
};
use super::request::ImageRequest;
use super::{ImageFile, ImagePlatform};
use crate::digest::Digest;
use crate::error::Error;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutText {
    image_layout_version: String,
}

#[derive(Deserialize)]
struct IndexText {
    manifests: Vec<EntryText>,
}

#[derive(Deserialize)]
struct EntryText {
    digest: Digest,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerText {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Reads an image that [`save`](super::save()) wrote, and looks at every byte of it: that nothing is in it but one image,
/// that the two descriptions of it say the same, that each content has its digest, and what comes out of each layer
/// its diff id. Nothing is unpacked.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Cancelled`]; [`Error::ImageFile`] for any other file.
pub fn inspect(path: &Utf8Path, cancel: &CancelToken) -> Result<ImageFile, Error> {
    let failed = |problem| Error::image_file(path, problem);
    let archive = Archive::open(path)?;
    if !archive.ends_there() {
        return Err(failed(ArchiveProblem::Entry {
            entry: LAYOUT.to_owned(),
            reason: "is not followed by the end",
        }));
    }
    let layout: LayoutText = text(&archive, LAYOUT)?;
    if layout.image_layout_version != "1.0.0" {
        let reason = "its version is not 1.0.0".to_owned();
        return Err(failed(ArchiveProblem::Text { entry: LAYOUT, reason }));
    }
    let (entry, name) = entry(&archive)?;
    let bytes = blob(&archive, "manifest", (entry.digest, entry.size), LARGEST_MANIFEST)?;
    let manifest = match parse(&bytes).map_err(|problem| of_image(path, problem))? {
        Document::Image(manifest) => *manifest,
        Document::Index(_) => return Err(of_image(path, ImageProblem::Nested)),
    };
    let config = (manifest.config.digest, manifest.config.size);
    let config = blob(&archive, "configuration", config, LARGEST_CONFIG)?;
    let config = Config::parse(&config, manifest.layers.len());
    let config = config.map_err(|problem| of_image(path, problem))?;
    check_docker(&archive, &manifest, name.as_deref())?;
    check_names(&archive, entry.digest, &manifest)?;
    check_layers(&archive, &manifest, &config, cancel)?;
    Ok(ImageFile {
        path: path.to_owned(),
        size: archive.size(),
        name,
        platform: config.platform,
        digest: entry.digest,
        image_id: manifest.config.digest,
        layers: config.diff_ids,
    })
}

fn of_image(path: &Utf8Path, problem: ImageProblem) -> Error {
    Error::image_file(path, ArchiveProblem::Image { source: Box::new(problem) })
}

fn text<T: for<'a> Deserialize<'a>>(archive: &Archive, entry: &'static str) -> Result<T, Error> {
    serde_json::from_slice(&archive.text(entry)?).map_err(|error| {
        let reason = error.to_string();
        Error::image_file(archive.path(), ArchiveProblem::Text { entry, reason })
    })
}

/// The only entry of the index, and the name of the image.
fn entry(archive: &Archive) -> Result<(EntryText, Option<String>), Error> {
    let unclear = |reason: &str| {
        let (entry, reason) = (INDEX, reason.to_owned());
        Error::image_file(archive.path(), ArchiveProblem::Text { entry, reason })
    };
    let index: IndexText = text(archive, INDEX)?;
    let mut entries = index.manifests.into_iter();
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Err(unclear("it has not one image"));
    };
    let name = entry.annotations.get(super::contents::IMAGE_NAME).cloned();
    if let Some(name) = &name {
        let request = ImageRequest::new(name, ImagePlatform::of_this_machine());
        let tagged = request.ok().filter(|request| request.pin().is_none());
        if tagged.and_then(|request| request.tagged()).as_ref() != Some(name) {
            return Err(unclear("the name of the image is none"));
        }
    }
    Ok((entry, name))
}

/// A content that is read as a whole.
fn blob(
    archive: &Archive,
    what: &'static str,
    (digest, size): (Digest, u64),
    most: u64,
) -> Result<Vec<u8>, Error> {
    let failed = |problem| of_image(archive.path(), problem);
    let damaged = |source| failed(ImageProblem::Blob { what, digest, source });
    let part = archive.part(&[BLOBS, &digest.hex()].concat())?;
    if part.size != size {
        return Err(damaged(BlobProblem::Size { found: part.size, expected: size }));
    }
    if size > most {
        return Err(failed(ImageProblem::TooLarge { what, size, most }));
    }
    let bytes = part.bytes()?;
    let found = Digest::of(&bytes);
    if found != digest {
        return Err(damaged(BlobProblem::Digest { found }));
    }
    Ok(bytes)
}

/// Whether the docker archive is the same image, under the same name.
fn check_docker(archive: &Archive, manifest: &Manifest, name: Option<&str>) -> Result<(), Error> {
    let blob = |one: &Descriptor| [BLOBS, &one.digest.hex()].concat();
    let items: Vec<DockerText> = text(archive, MANIFEST)?;
    let is_same = match items.as_slice() {
        [item] => {
            let names = item.repo_tags.as_deref().unwrap_or_default();
            item.config == blob(&manifest.config)
                && item.layers == manifest.layers.iter().map(blob).collect::<Vec<_>>()
                && names.iter().map(String::as_str).eq(name)
        }
        _ => false,
    };
    if is_same {
        return Ok(());
    }
    let (entry, reason) = (MANIFEST, "it is another image than that of `index.json`".to_owned());
    Err(Error::image_file(archive.path(), ArchiveProblem::Text { entry, reason }))
}

/// Whether nothing is in it that is nobody's.
fn check_names(archive: &Archive, digest: Digest, manifest: &Manifest) -> Result<(), Error> {
    let layers = manifest.layers.iter().map(|layer| layer.digest);
    let blobs = layers.chain([digest, manifest.config.digest]);
    let mut known: BTreeSet<String> = blobs.map(|blob| [BLOBS, &blob.hex()].concat()).collect();
    known.extend([INDEX, LAYOUT, MANIFEST].map(str::to_owned));
    match archive.names().find(|name| !known.contains(*name)) {
        None => Ok(()),
        Some(name) => {
            let entry = name.escape_default().take(200).collect();
            let reason = "belongs to no image";
            Err(Error::image_file(archive.path(), ArchiveProblem::Entry { entry, reason }))
        }
    }
}

fn check_layers(
    archive: &Archive,
    manifest: &Manifest,
    config: &Config,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let mut seen = BTreeMap::new();
    for (layer, diff_id) in manifest.layers.iter().zip(&config.diff_ids) {
        let digest = layer.digest;
        let damaged =
            |source| of_image(archive.path(), ImageProblem::Blob { what: "layer", digest, source });
        let passed = if let Some(passed) = seen.get(&digest) {
            *passed
        } else {
            let part = archive.part(&[BLOBS, &digest.hex()].concat())?;
            let most = layer::most(part.size);
            let passed = layer::pass(&mut part.open()?, &mut io::sink(), most, cancel);
            passed.map_err(|stop| match stop {
                Stop::Read(source) | Stop::Write(source) => part.failed(source),
                Stop::Cancelled => Error::Cancelled,
                Stop::Problem(problem) => damaged(problem),
            })?
        };
        seen.insert(digest, passed);
        check(&passed, layer, *diff_id).map_err(damaged)?;
    }
    Ok(())
}
