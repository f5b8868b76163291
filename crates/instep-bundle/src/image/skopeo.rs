//! By skopeo, which keeps the registry's manifest and layers as they are.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::CancelToken;

use super::archive::Part;
use super::contents::Contents;
use super::daemon::{finish, program};
use super::error::ImageProblem;
use super::manifest::{Found, LARGEST_CONFIG, Step, Walk};
use super::request::{Engine, ImageRequest};
use super::save::{folder_beside, has_manifest, there};
use super::{ImageSources, SavedImage};
use crate::error::Error;
use crate::event::Event;

/// The manifest that the registry has for a request.
pub(super) fn find(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    cancel: &CancelToken,
) -> Result<Found, Error> {
    let mut walk = Walk::new(request.platform(), request.pin());
    let mut wanted = match (request.pin(), request.tagged()) {
        (Some(pin), _) => by_digest(request, pin),
        (None, Some(tagged)) => ["docker://", &tagged].concat(),
        (None, None) => ["docker://", &request.repository()].concat(),
    };
    loop {
        let run = program(Engine::Skopeo, sources).args(["inspect", "--raw"]);
        let run = run.args(plain(request, sources, "--tls-verify=false")).arg(&wanted);
        let output = finish(&run, Engine::Skopeo, request, cancel)?;
        let step = walk.take(output.into_bytes());
        match step.map_err(|problem| Error::image(&request.to_string(), problem))? {
            Step::Ask(digest) => wanted = by_digest(request, digest),
            Step::Found(found) => return Ok(*found),
        }
    }
}

/// Saves it.
pub(super) fn save(
    request: &ImageRequest,
    out: &Utf8Path,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SavedImage, Error> {
    let found = find(request, sources, cancel)?;
    if let Some(there) = there(request, out, &has_manifest(&found), tell, cancel)? {
        return Ok(there);
    }
    let what = request.to_string();
    tell(Event::Started { what: what.clone(), bytes: Some(found.manifest.size()) });
    let guard = folder_beside(out)?;
    let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap_or_default();
    // skopeo names its target by a colon, and would take the drive's letter for a transport on Windows.
    let run = program(Engine::Skopeo, sources).cwd(&folder).args(["copy", "--retry-times=3"]);
    let run = run.args(plain(request, sources, "--src-tls-verify=false"));
    let run = run.args([by_digest(request, found.digest).as_str(), "dir:image"]);
    finish(&run, Engine::Skopeo, request, cancel)?;
    let contents = contents(request, found, &folder.join("image"))?;
    let file = contents.save(request, out, cancel)?;
    tell(Event::Finished { what });
    Ok(SavedImage { file, engine: Some(Engine::Skopeo), unchecked: None })
}

/// A folder of skopeo has each content under the digits of its digest
/// ([transports](https://github.com/containers/image/blob/main/docs/containers-transports.5.md)).
fn contents(request: &ImageRequest, found: Found, folder: &Utf8Path) -> Result<Contents, Error> {
    let part = |digest: crate::Digest| {
        let path = folder.join(digest.hex());
        let size = std::fs::metadata(&path);
        match size {
            Ok(metadata) => Ok(Part { path, at: 0, size: metadata.len() }),
            Err(source) => Err(Error::Io { action: "read", path, source }),
        }
    };
    let config = part(found.manifest.config.digest)?;
    if config.size > LARGEST_CONFIG {
        let (what, size, most) = ("configuration", config.size, LARGEST_CONFIG);
        let problem = ImageProblem::TooLarge { what, size, most };
        return Err(Error::image(&request.to_string(), problem));
    }
    let mut layers = BTreeMap::new();
    for layer in &found.manifest.layers {
        layers.insert(layer.digest, part(layer.digest)?);
    }
    let config = config.bytes()?;
    Ok(Contents { manifest: found.bytes, described: found.manifest, config, layers })
}

fn by_digest(request: &ImageRequest, digest: crate::Digest) -> String {
    // skopeo takes no name with both a tag and a digest.
    format!("docker://{}@{digest}", request.repository())
}

/// The option for a host that is spoken to without TLS.
fn plain<'a>(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    option: &'a str,
) -> Option<&'a str> {
    sources.registry.is_plain(request.host()).then_some(option)
}
