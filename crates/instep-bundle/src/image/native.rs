//! From the registry itself.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use instep_tools::CancelToken;
use tempfile::TempDir;

use super::archive::Part;
use super::contents::Contents;
use super::manifest::{Config, Found, Step, Walk};
use super::request::{Engine, ImageRequest};
use super::save::{folder_beside, has_manifest, there};
use super::{ImageSources, SavedImage};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::{Event, Tell};
use crate::registry::{Content, Registry, TRANSFERS};
use crate::runtime;

/// The manifest that the registry has for a request.
pub(super) fn find(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Found, Error> {
    let tell = Tell::new(tell);
    runtime::run(cancel, async {
        let registry = Registry::new(sources.registry, sources.environment)?;
        walk(&registry, request, &tell).await
    })
}

/// The same, and whether it is for the platform, which only the configuration says where there is no index.
pub(super) fn resolve(
    request: &ImageRequest,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Found, Error> {
    let found = find(request, sources, tell, cancel)?;
    if found.index.is_none() {
        let folder = tempfile::tempdir().map_err(|source| temporary(&source))?;
        let store = Store::of(&folder)?;
        let quiet = &mut |_| {};
        fetch(request, &found, &store, &[config(&found)], sources, quiet, cancel)?;
        check(request, &found, &store)?;
    }
    Ok(found)
}

/// Saves it.
pub(super) fn save(
    request: &ImageRequest,
    out: &Utf8Path,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SavedImage, Error> {
    let found = find(request, sources, tell, cancel)?;
    if let Some(there) = there(request, out, &has_manifest(&found), tell, cancel)? {
        return Ok(there);
    }
    let (_guard, store) = Store::new(sources.cache, out)?;
    // First, since it says whether the rest is worth it.
    fetch(request, &found, &store, &[config(&found)], sources, &mut |_| {}, cancel)?;
    check(request, &found, &store)?;
    let layers = found.manifest.layers.iter();
    let layers = layers.map(|layer| (layer.digest, layer.size)).collect::<BTreeMap<_, _>>();
    let layers = layers.into_iter().map(|(digest, size)| Content { digest, size });
    let missing = store.missing(layers.collect())?;
    let what = request.to_string();
    let bytes = Some(missing.iter().fold(0, |sum: u64, one| sum.saturating_add(one.size)));
    tell(Event::Started { what: what.clone(), bytes });
    fetch(request, &found, &store, &missing, sources, tell, cancel)?;
    let contents = store.contents(found)?;
    let file = contents.save(request, out, cancel)?;
    tell(Event::Finished { what });
    Ok(SavedImage { file, engine: Some(Engine::Native), unchecked: None })
}

async fn walk(
    registry: &Registry,
    request: &ImageRequest,
    tell: &Tell<'_>,
) -> Result<Found, Error> {
    let mut walk = Walk::new(request.platform(), request.pin());
    let mut reference = request.reference().clone();
    loop {
        let manifest = registry.manifest(&reference, tell).await?;
        let step = walk.take(manifest.bytes);
        match step.map_err(|problem| Error::image(&request.to_string(), problem))? {
            Step::Ask(digest) => reference = reference.clone_with_digest(digest.to_string()),
            Step::Found(found) => return Ok(*found),
        }
    }
}

fn config(found: &Found) -> Content {
    let config = &found.manifest.config;
    Content { digest: config.digest, size: config.size }
}

/// Whether the configuration, which is there, is for the platform.
fn check(request: &ImageRequest, found: &Found, store: &Store) -> Result<(), Error> {
    let failed = |problem| Error::image(&request.to_string(), problem);
    let bytes = store.part(config(found)).bytes()?;
    let config = Config::parse(&bytes, found.manifest.layers.len()).map_err(failed)?;
    config.check(request.platform()).map_err(failed)
}

/// Fetches what is missing, several at once.
fn fetch(
    request: &ImageRequest,
    found: &Found,
    store: &Store,
    missing: &[Content],
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let reference = request.reference().clone_with_digest(found.digest.to_string());
    let tell = Tell::new(tell);
    runtime::run(cancel, async {
        let registry = Registry::new(sources.registry, sources.environment)?;
        let one = async |content: &Content| {
            let part = store.part(*content);
            registry.blob(&reference, *content, &part.path, &tell).await.map(drop)
        };
        stream::iter(missing).map(one).buffer_unordered(TRANSFERS).try_collect::<()>().await
    })
}

/// A folder of contents by their digests.
struct Store {
    folder: Utf8PathBuf,
}

impl Store {
    /// In the cache, or beside `out` until the guard is dropped.
    fn new(cache: Option<&Utf8Path>, out: &Utf8Path) -> Result<(Option<TempDir>, Self), Error> {
        let Some(cache) = cache else {
            let guard = folder_beside(out)?;
            let store = Self::of(&guard)?;
            return Ok((Some(guard), store));
        };
        let folder = cache.join("blobs").join("sha256");
        let io = |source| Error::Io { action: "write", path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(io)?;
        Ok((None, Self { folder }))
    }

    fn of(folder: &TempDir) -> Result<Self, Error> {
        let path = Utf8Path::from_path(folder.path());
        let folder = path.ok_or_else(|| temporary(&std::io::ErrorKind::InvalidFilename.into()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where a content lies, once it is there.
    fn part(&self, content: Content) -> Part {
        Part { path: self.folder.join(content.digest.hex()), at: 0, size: content.size }
    }

    /// Those that are not there, or are damaged.
    fn missing(&self, contents: Vec<Content>) -> Result<Vec<Content>, Error> {
        let mut missing = Vec::new();
        for content in contents {
            let path = self.part(content).path;
            let size = std::fs::metadata(&path).ok().map(|metadata| metadata.len());
            let there = match size {
                Some(size) if size == content.size => Digest::of_file(&path)?.0 == content.digest,
                _ => false,
            };
            if !there {
                if size.is_some() {
                    let io = |source| Error::Io { action: "remove", path: path.clone(), source };
                    std::fs::remove_file(&path).map_err(io)?;
                }
                missing.push(content);
            }
        }
        Ok(missing)
    }

    /// The image, all of which is there.
    fn contents(&self, found: Found) -> Result<Contents, Error> {
        let bytes = self.part(config(&found)).bytes()?;
        let layers = found.manifest.layers.iter();
        let layers = layers.map(|layer| {
            let content = Content { digest: layer.digest, size: layer.size };
            (layer.digest, self.part(content))
        });
        let layers = layers.collect();
        Ok(Contents { manifest: found.bytes, described: found.manifest, config: bytes, layers })
    }
}

fn temporary(source: &std::io::Error) -> Error {
    let path = Utf8PathBuf::try_from(std::env::temp_dir()).unwrap_or_default();
    Error::Io { action: "write", path, source: source.kind().into() }
}
