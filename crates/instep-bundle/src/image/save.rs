//! An image saved by the first engine that can.

use camino::Utf8Path;
use instep_tools::CancelToken;

use super::error::ImageProblem;
use super::manifest::Found;
use super::request::{Engine, ImageRequest};
use super::{ImageFile, ImageSources, ResolvedImage, SavedImage, daemon, inspect, native, skopeo};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;

/// What `save` would save, and how large it is. Nothing is kept on disk.
///
/// Docker and podman do not say beforehand what they would fetch, so the registry is asked for them.
///
/// # Errors
///
/// [`Error::Cancelled`]; those of the only engine, or [`ImageProblem::Everywhere`] with what each of them said.
pub fn resolve(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<ResolvedImage, Error> {
    let found = first(request, sources, &mut |engine| match engine {
        Engine::Native | Engine::Docker | Engine::Podman => {
            native::resolve(request, sources, tell, cancel)
        }
        Engine::Skopeo => skopeo::find(request, sources, cancel),
    })?;
    Ok(ResolvedImage {
        name: request.to_string(),
        platform: request.platform().clone(),
        digest: found.digest,
        index: found.index,
        image_id: found.manifest.config.digest,
        size: found.manifest.size().saturating_add(found.bytes.len() as u64),
    })
}

/// Saves an image as the tar file `out`, an absolute path, whole or not at all. Where `out` is that image already, nothing is fetched but
/// the manifest.
///
/// What a killed run left beside `out` is for the caller to remove, who knows that nobody else is writing there
/// ([`instep_fs::remove_stale_temporaries`]).
///
/// # Errors
///
/// [`Error::Cancelled`]; [`Error::Io`] where `out` or the cache cannot be written, with which no other engine is asked;
/// those of the only engine, or [`ImageProblem::Everywhere`] with what each of them said.
pub fn save(
    request: &ImageRequest,
    out: &Utf8Path,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SavedImage, Error> {
    first(request, sources, &mut |engine| {
        let tell = &mut *tell;
        match engine {
            Engine::Native => native::save(request, out, sources, tell, cancel),
            Engine::Skopeo => skopeo::save(request, out, sources, tell, cancel),
            Engine::Docker | Engine::Podman => {
                daemon::save(engine, request, out, sources, tell, cancel)
            }
        }
    })
}

/// Asks one engine after the other.
fn first<T>(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    ask: &mut dyn FnMut(Engine) -> Result<T, Error>,
) -> Result<T, Error> {
    let engines = if sources.engines.is_empty() { &[Engine::Native] } else { sources.engines };
    let mut tried = Vec::new();
    for engine in engines {
        match ask(*engine) {
            Ok(done) => return Ok(done),
            // It will be no better with the next one.
            Err(error @ (Error::Io { .. } | Error::Cancelled)) => return Err(error),
            Err(error) if engines.len() == 1 => return Err(error),
            Err(error) => tried.push((*engine, error.whole())),
        }
    }
    Err(Error::image(&request.to_string(), ImageProblem::Everywhere { tried }))
}

/// What is there already, where it is this image under this name.
pub(super) fn there(
    request: &ImageRequest,
    out: &Utf8Path,
    is_same: &dyn Fn(&ImageFile) -> bool,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Option<SavedImage>, Error> {
    if !out.is_file() {
        return Ok(None);
    }
    match inspect(out, cancel) {
        Ok(file) if file.name == request.tagged() && is_same(&file) => {
            tell(Event::There { what: request.to_string() });
            Ok(Some(SavedImage { file, engine: None, unchecked: None }))
        }
        Err(Error::Cancelled) => Err(Error::Cancelled),
        // It is another one, or damaged, and is replaced.
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether a file has the manifest of the registry.
pub(super) fn has_manifest(found: &Found) -> impl Fn(&ImageFile) -> bool {
    let digest: Digest = found.digest;
    move |file| file.digest == digest
}

/// A folder beside `out`, which goes when it is dropped.
pub(super) fn folder_beside(out: &Utf8Path) -> Result<tempfile::TempDir, Error> {
    let folder = crate::place::folder_of(out);
    let io = |source| Error::Io { action: "write", path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(io)?;
    let prefix = [".", out.file_name().unwrap_or("image"), "."].concat();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".instep-tmp").rand_bytes(8).tempdir_in(&folder).map_err(io)
}
