//! By docker or podman, which keep what comes out of the layers, and not the layers as the registry has them.
//!
//! The configuration and the contents are the registry's, and so is the image's id; the manifest is written anew, with layers
//! that are not compressed.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Run};
use serde::{Deserialize, Serialize};

use super::archive::{self, Archive, Part};
use super::contents::Contents;
use super::error::{ArchiveProblem, BlobProblem, ImageProblem};
use super::layer::{self, Form, Stop};
use super::manifest::{
    Config, Document, Found, LARGEST_CONFIG, MOST_LAYERS, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST,
    parse,
};
use super::request::{Engine, ImageRequest};
use super::save::{folder_beside, there};
use super::{ImageSources, SavedImage, native};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::registry::RegistrySettings;

/// Saves it by this program.
pub(super) fn save(
    engine: Engine,
    request: &ImageRequest,
    out: &Utf8Path,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SavedImage, Error> {
    // The program may well reach it where we do not, so it is not waited for long.
    let settings = RegistrySettings { tries: 2, ..sources.registry.clone() };
    let asked = ImageSources { registry: &settings, ..*sources };
    let known = match native::find(request, &asked, tell, cancel) {
        Ok(found) => Ok(found),
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(error) => Err(error.whole()),
    };
    if let Ok(found) = &known {
        let id = found.manifest.config.digest;
        if let Some(there) = there(request, out, &|file| file.image_id == id, tell, cancel)? {
            return Ok(there);
        }
    }
    let what = request.to_string();
    tell(Event::Started { what: what.clone(), bytes: None });
    let guard = folder_beside(out)?;
    let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap_or_default();
    let tar = folder.join("image.tar");
    pull_and_save(engine, request, &tar, sources, cancel)?;
    let contents = contents(engine, request, &tar, cancel)?;
    is_known(engine, request, &contents, known.as_ref().ok())?;
    let file = contents.save(request, out, cancel)?;
    tell(Event::Finished { what });
    Ok(SavedImage { file, engine: Some(engine), unchecked: known.err() })
}

/// Whether it is the image that the registry has.
fn is_known(
    engine: Engine,
    request: &ImageRequest,
    contents: &Contents,
    known: Option<&Found>,
) -> Result<(), Error> {
    let found = contents.described.config.digest;
    match known.map(|known| known.manifest.config.digest) {
        Some(expected) if expected != found => {
            let problem = ImageProblem::Differs { engine, found, expected };
            Err(Error::image(&request.to_string(), problem))
        }
        _ => Ok(()),
    }
}

/// Lets the program fetch it, and write it.
fn pull_and_save(
    engine: Engine,
    request: &ImageRequest,
    tar: &Utf8Path,
    sources: &ImageSources<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    // Neither takes every name with both a tag and a digest.
    let name = match (request.pin(), request.tagged()) {
        (Some(pin), _) => format!("{}@{pin}", request.repository()),
        (None, Some(tagged)) => tagged,
        (None, None) => request.repository(),
    };
    let run = || program(engine, sources);
    let platform = ["--platform=", &request.platform().to_string()].concat();
    let pull = run().args(["pull", "--quiet", &platform]);
    let is_plain = engine == Engine::Podman && sources.registry.is_plain(request.host());
    let pull = pull.args(is_plain.then_some("--tls-verify=false")).arg(&name);
    let pulled = finish(&pull, engine, request, cancel);
    if pulled.as_ref().is_err_and(Error::is_cancelled) {
        return Err(Error::Cancelled);
    }
    let id = pulled.as_deref().unwrap_or_default().lines().last().unwrap_or_default().trim();
    // Podman says the id, which is more exact: its name may be that of an image for another platform.
    let is_id = id.len() == 64 && id.bytes().all(|one| one.is_ascii_hexdigit());
    let save = match engine {
        Engine::Podman => run().args(["save", "--format=docker-archive"]),
        _ => run().arg("save"),
    };
    let save = save.args(["--output", tar.as_str(), if is_id { id } else { &name }]);
    // What it cannot fetch, it may have: an image that was built here.
    match (finish(&save, engine, request, cancel), pulled) {
        (Ok(_), _) => Ok(()),
        (Err(error), Err(_)) if error.is_cancelled() => Err(error),
        (Err(error), Ok(_)) | (Err(_), Err(error)) => Err(error),
    }
}

/// A run of a program, with its time limit.
pub(super) fn program(engine: Engine, sources: &ImageSources<'_>) -> Run {
    Run::new(engine.name(), sources.environment).timeout(sources.patience)
}

/// Runs a program to its end, and gives what it wrote.
pub(super) fn finish(
    run: &Run,
    engine: Engine,
    request: &ImageRequest,
    cancel: &CancelToken,
) -> Result<String, Error> {
    match run.run(cancel, &mut |_, _| {}) {
        Ok(output) => Ok(output.stdout),
        Err(source) if source.is_cancelled() => Err(Error::Cancelled),
        Err(source) => {
            Err(Error::image(&request.to_string(), ImageProblem::Engine { engine, source }))
        }
    }
}

/// What a docker archive holds
/// ([specification](https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format)).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerText {
    config: String,
    layers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestText<'a> {
    schema_version: u8,
    media_type: &'a str,
    config: DescriptorText<'a>,
    layers: Vec<DescriptorText<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptorText<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
}

/// The image in a docker archive.
pub(super) fn contents(
    engine: Engine,
    request: &ImageRequest,
    tar: &Utf8Path,
    cancel: &CancelToken,
) -> Result<Contents, Error> {
    let failed = |problem| Error::image(&request.to_string(), problem);
    let written = |error| match error {
        Error::ImageFile { source, .. } => failed(ImageProblem::Written { engine, source }),
        error => error,
    };
    let archive = Archive::open(tar).map_err(written)?;
    let text = archive.text(archive::MANIFEST).map_err(written)?;
    let items: Vec<DockerText> = serde_json::from_slice(&text).map_err(|error| {
        let (entry, reason) = (archive::MANIFEST, error.to_string());
        failed(ImageProblem::Written { engine, source: ArchiveProblem::Text { entry, reason } })
    })?;
    let mut problem = None;
    for item in items.iter().take(MOST_LAYERS) {
        let config = archive.part(&item.config).map_err(written)?;
        if config.size > LARGEST_CONFIG {
            let (what, size, most) = ("configuration", config.size, LARGEST_CONFIG);
            return Err(failed(ImageProblem::TooLarge { what, size, most }));
        }
        if item.layers.len() > MOST_LAYERS {
            let (count, most) = (item.layers.len(), MOST_LAYERS);
            return Err(failed(ImageProblem::TooManyLayers { count, most }));
        }
        let bytes = config.bytes()?;
        let read = Config::parse(&bytes, item.layers.len()).map_err(failed)?;
        match read.check(request.platform()) {
            Ok(()) => {
                let layers = item.layers.iter().map(|layer| archive.part(layer).map_err(written));
                let layers = layers.collect::<Result<Vec<_>, _>>()?;
                return described(request, bytes, &read, layers, cancel);
            }
            Err(other) => problem = Some(other),
        }
    }
    let empty = || ArchiveProblem::Missing { entry: request.to_string() };
    let none = || ImageProblem::Written { engine, source: empty() };
    Err(failed(problem.unwrap_or_else(none)))
}

/// A manifest for a configuration and its layers.
fn described(
    request: &ImageRequest,
    config: Vec<u8>,
    read: &Config,
    parts: Vec<Part>,
    cancel: &CancelToken,
) -> Result<Contents, Error> {
    let failed = |problem| Error::image(&request.to_string(), problem);
    let (mut layers, mut texts) = (BTreeMap::new(), Vec::new());
    for (part, expected) in parts.into_iter().zip(&read.diff_ids) {
        let most = layer::most(part.size);
        let passed = layer::pass(&mut part.open()?, &mut io::sink(), most, cancel);
        let blob = |source| failed(ImageProblem::Blob { what: "layer", digest: *expected, source });
        let passed = passed.map_err(|stop| match stop {
            Stop::Read(source) | Stop::Write(source) => part.failed(source),
            Stop::Cancelled => Error::Cancelled,
            Stop::Problem(problem) => blob(problem),
        })?;
        if passed.diff_id != *expected {
            let found = passed.diff_id;
            return Err(blob(BlobProblem::DiffId { found, expected: *expected }));
        }
        let media_type = match passed.form {
            Form::Plain => OCI_LAYER,
            Form::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Form::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        };
        texts.push(DescriptorText { media_type, digest: passed.digest, size: passed.size });
        layers.insert(passed.digest, part);
    }
    let digest = Digest::of(&config);
    let text = ManifestText {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: DescriptorText { media_type: OCI_CONFIG, digest, size: config.len() as u64 },
        layers: texts,
    };
    let unclear = |reason: String| failed(ImageProblem::Manifest { reason });
    let manifest = serde_json::to_vec(&text).map_err(|error| unclear(error.to_string()))?;
    match parse(&manifest).map_err(failed)? {
        Document::Image(described) => {
            Ok(Contents { manifest, described: *described, config, layers })
        }
        Document::Index(_) => Err(unclear(String::new())),
    }
}

#[cfg(test)]
mod tests;
