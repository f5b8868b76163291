//! From the registry itself.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use instep_fs::FileLock;
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
    let tell = Tell::new(tell);
    runtime::run(cancel, async {
        let registry = Registry::new(sources.registry, sources.environment)?;
        let found = walk(&registry, request, &tell).await?;
        if found.index.is_none() {
            let folder = tempfile::tempdir().map_err(|source| temporary(&source))?;
            let store = Store::of(&folder)?;
            check(&registry, request, &found, &store).await?;
        }
        Ok(found)
    })
}

/// Saves it.
pub(super) fn save(
    request: &ImageRequest,
    out: &Utf8Path,
    sources: &ImageSources<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SavedImage, Error> {
    let what = request.to_string();
    let teller = Tell::new(tell);
    let fetched = runtime::run(cancel, async {
        let registry = Registry::new(sources.registry, sources.environment)?;
        let found = walk(&registry, request, &teller).await?;
        let mut tell = |event| teller.tell(event);
        if let Some(there) = there(request, out, &has_manifest(&found), &mut tell, cancel)? {
            return Ok(Fetched::There(there));
        }
        let (guard, store) = Store::new(sources.cache, out)?;
        let _lock = sources.cache.map(|cache| lock(cache, request, cancel)).transpose()?;
        // First, since it says whether the rest is worth it.
        check(&registry, request, &found, &store).await?;
        let layers = found.manifest.layers.iter();
        let layers = layers.map(|layer| (layer.digest, layer.size)).collect::<BTreeMap<_, _>>();
        let layers = layers.into_iter().map(|(digest, size)| Content { digest, size });
        let missing = store.missing(layers.collect())?;
        let bytes = Some(missing.iter().fold(0, |sum: u64, one| sum.saturating_add(one.size)));
        teller.tell(Event::Started { what: what.clone(), bytes });
        fetch(&registry, request, &store, &missing, &teller).await?;
        Ok(Fetched::Here(guard, store, Box::new(found)))
    })?;
    let (_guard, store, found) = match fetched {
        Fetched::There(there) => return Ok(there),
        Fetched::Here(guard, store, found) => (guard, store, *found),
    };
    let contents = store.contents(found)?;
    let file = contents.save(request, out, cancel)?;
    teller.tell(Event::Finished { what });
    Ok(SavedImage { file, engine: Some(Engine::Native), unchecked: None })
}

/// What was asked for, before it is written.
enum Fetched {
    /// It is written already.
    There(SavedImage),
    /// All of it lies in a store, which is there as long as its guard.
    Here(Option<TempDir>, Store, Box<Found>),
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

/// Lets one process at a time fetch into a cache: two that fetch the same would be in each other's way.
fn lock(cache: &Utf8Path, request: &ImageRequest, cancel: &CancelToken) -> Result<FileLock, Error> {
    let who = instep_tools::holder(&["fetch ", &request.to_string()].concat());
    let path = cache.join("blobs").join("lock");
    let lock = FileLock::acquire(&path, &who, &mut |_| {}, &|| cancel.is_cancelled());
    lock.map_err(|error| match error {
        instep_fs::Error::Cancelled { .. } => Error::Cancelled,
        instep_fs::Error::Io { path, source, .. } => Error::Io { action: "lock", path, source },
        error => Error::Io { action: "lock", path, source: io::Error::other(error) },
    })
}

/// Fetches the configuration, and looks whether it is for the platform.
async fn check(
    registry: &Registry,
    request: &ImageRequest,
    found: &Found,
    store: &Store,
) -> Result<(), Error> {
    let failed = |problem| Error::image(&request.to_string(), problem);
    let missing = store.missing(vec![config(found)])?;
    let mut quiet = |_| {};
    fetch(registry, request, store, &missing, &Tell::new(&mut quiet)).await?;
    let bytes = store.part(config(found)).bytes()?;
    let config = Config::parse(&bytes, found.manifest.layers.len()).map_err(failed)?;
    config.check(request.platform()).map_err(failed)
}

/// Fetches what is missing, several at once.
async fn fetch(
    registry: &Registry,
    request: &ImageRequest,
    store: &Store,
    missing: &[Content],
    tell: &Tell<'_>,
) -> Result<(), Error> {
    let one = async |content: &Content| {
        let path = store.part(*content).path;
        registry.blob(request.reference(), *content, &path, tell).await.map(drop)
    };
    stream::iter(missing).map(one).buffer_unordered(TRANSFERS).try_collect::<()>().await
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
        let folder = path.ok_or_else(|| temporary(&io::ErrorKind::InvalidFilename.into()))?;
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

fn temporary(source: &io::Error) -> Error {
    let path = Utf8PathBuf::try_from(std::env::temp_dir()).unwrap_or_default();
    Error::Io { action: "write", path, source: source.kind().into() }
}
