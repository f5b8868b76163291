//! A bundle comes from a registry.
//!
//! | where | what |
//! | --- | --- |
//! | `OUT` | the bundle: the old one, or none, until the new one is whole and accepted |
//! | `OUT.partial/blobs/DIGEST` | a content that has come |
//! | `OUT.partial/blobs/DIGEST.part` | what has come of one: the next pull goes on behind it |
//! | `OUT.partial/tree` | the bundle that is to be |
//! | `OUT.partial/old` | the bundle that was, for a moment |
//! | `.OUT.lock` | one pull at a time |
//!
//! Whenever it is interrupted, the next pull takes what is there of it by its digest, wherever it stands.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use instep_fs::{FileLock, RelativePath};
use instep_tools::{CancelToken, Environment};
use oci_client::Reference;
use serde::Serialize;

use super::problem::CarryProblem;
use super::{Entry, manifest, room};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::{Event, Tell};
use crate::layout;
use crate::place::{is_ours, lock_of};
use crate::registry::{Content, Registry, RegistrySettings, TRANSFERS, digest_of, reference};
use crate::runtime;

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// Where it came from.
    pub reference: String,
    /// What it is: the digest of its manifest.
    pub digest: Digest,
    /// Files of the bundle.
    pub files: usize,
    /// Contents that came, or of which a part came.
    pub fetched: usize,
    /// Contents that were there, from the old bundle or an interrupted pull.
    pub there: usize,
    /// Bytes that came.
    pub bytes: u64,
}

/// Pulls a bundle from `oci://HOST/NAME:TAG` (or `@DIGEST`) into the folder `out`.
///
/// Where all of it has come, `accept` is asked with the folder that it stands in; only when it finds nothing wrong does
/// that folder become `out`, in one step where the system can. Whenever this is interrupted or fails, `out` is what it
/// was, and the next pull goes on where this one was. What `out` holds of the new bundle does not come again.
///
/// # Errors
///
/// [`Error::Registry`]; [`Error::NotOurs`] where `out` is something else than a bundle; [`Error::Carry`] where what
/// comes is no bundle or has names that lead elsewhere, another process pulls into `out`, or there is no room;
/// [`Error::Io`], [`Error::Fs`]; [`Error::Cancelled`]; those of `accept`.
pub fn pull(
    from: &str,
    out: &Utf8Path,
    settings: &RegistrySettings,
    environment: &Environment,
    accept: impl FnOnce(&Utf8Path) -> Result<(), Error>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Pulled, Error> {
    let from = reference(from)?;
    let places = Places::of(&environment.cwd().join(out))?;
    let _lock = places.lock()?;
    places.recover()?;
    places.claim()?;
    let registry = Registry::new(settings, environment)?;
    let work = Pull {
        registry: &registry,
        from: &from,
        places: &places,
        tell: Tell::new(tell),
        fetched: Cell::default(),
        bytes: Cell::default(),
    };
    let (digest, entries) = runtime::run(cancel, work.all())?;
    places.build(&entries, cancel)?;
    accept(&places.tree())?;
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    instep_fs::swap_trees(&places.tree(), &places.out, &places.old())?;
    // It is no longer needed, whatever is left of it.
    let _ = instep_fs::remove_tree(&places.staging);
    let contents: BTreeSet<Content> = entries.iter().map(|entry| entry.content).collect();
    let fetched = work.fetched.get();
    Ok(Pulled {
        reference: from.whole(),
        digest,
        files: entries.len(),
        fetched,
        there: contents.len() - fetched,
        bytes: work.bytes.get(),
    })
}

/// Where what stands.
struct Places {
    out: Utf8PathBuf,
    /// `OUT.partial`.
    staging: Utf8PathBuf,
}

impl Places {
    fn of(out: &Utf8Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { action: "read", path: out.to_owned(), source };
        // A link stays, and what it leads to is replaced.
        let out = if out.is_symlink() {
            out.canonicalize_utf8().map_err(failed)?
        } else {
            out.components().collect()
        };
        let (Some(name), Some(parent)) = (out.file_name(), out.parent()) else {
            return Err(failed(io::ErrorKind::InvalidFilename.into()));
        };
        create(parent)?;
        let staging = out.with_file_name([name, ".partial"].concat());
        Ok(Self { out, staging })
    }

    fn lock(&self) -> Result<FileLock, Error> {
        let path = lock_of(&self.out);
        let who = instep_tools::holder("instep bundle pull");
        if let Some(lock) = FileLock::try_acquire(&path, &who)? {
            return Ok(lock);
        }
        let holder = FileLock::holder(&path);
        let by = holder.map(|holder| format!("{} (process {})", holder.command, holder.pid));
        Err(Error::Carry { path: self.out.to_string(), problem: CarryProblem::InUse { by } })
    }

    /// Brings to an end what a pull left that was killed.
    fn recover(&self) -> Result<(), Error> {
        instep_fs::remove_stale_temporaries(&self.staging)?;
        if self.old().exists() && !self.out.exists() {
            let moved = std::fs::rename(self.old(), &self.out);
            moved.map_err(|source| Error::Io {
                action: "write",
                path: self.out.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Makes the folders, where nothing stands that is not ours: neither is replaced by us.
    fn claim(&self) -> Result<(), Error> {
        for (folder, mark) in [(&self.out, layout::MANIFEST), (&self.staging, "blobs")] {
            if !is_ours(folder, mark) {
                return Err(Error::NotOurs { path: folder.clone() });
            }
        }
        create(&self.blobs())
    }

    fn blobs(&self) -> Utf8PathBuf {
        self.staging.join("blobs")
    }

    fn blob(&self, digest: Digest) -> Utf8PathBuf {
        self.blobs().join(digest.hex())
    }

    fn tree(&self) -> Utf8PathBuf {
        self.staging.join("tree")
    }

    fn old(&self) -> Utf8PathBuf {
        self.staging.join("old")
    }

    /// Puts every content where its paths are.
    fn build(&self, entries: &[Entry], cancel: &CancelToken) -> Result<(), Error> {
        let tree = self.tree();
        instep_fs::remove_tree(&tree)?;
        instep_fs::remove_tree(&self.old())?;
        let mut paths: BTreeMap<Digest, Vec<&RelativePath>> = BTreeMap::new();
        for entry in entries {
            paths.entry(entry.content.digest).or_default().push(&entry.path);
        }
        for (digest, paths) in paths {
            let blob = self.blob(digest);
            let Some((last, others)) = paths.split_last() else { continue };
            for path in others {
                // A copy, so that who changes one of them does not change another.
                place(&path.to_path(&tree), |to| std::fs::copy(&blob, to).map(drop))?;
            }
            place(&last.to_path(&tree), |to| {
                instep_fs::while_in_use(|| std::fs::rename(&blob, to))
            })?;
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }
}

fn place(to: &Utf8Path, put: impl Fn(&Utf8Path) -> io::Result<()>) -> Result<(), Error> {
    if let Some(folder) = to.parent() {
        create(folder)?;
    }
    put(to).map_err(|source| Error::Io { action: "write", path: to.to_owned(), source })
}

fn create(folder: &Utf8Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

struct Pull<'a> {
    registry: &'a Registry,
    from: &'a Reference,
    places: &'a Places,
    tell: Tell<'a>,
    fetched: Cell<usize>,
    bytes: Cell<u64>,
}

impl Pull<'_> {
    /// Lets every content come that is not there.
    async fn all(&self) -> Result<(Digest, Vec<Entry>), Error> {
        let raw = self.registry.manifest(self.from, &self.tell).await?;
        let entries = manifest::read(&self.from.whole(), &raw)?;
        let mut wanted: BTreeMap<Content, Vec<&RelativePath>> = BTreeMap::new();
        for entry in &entries {
            wanted.entry(entry.content).or_default().push(&entry.path);
        }
        self.drop_others(&wanted)?;
        let mut missing = Vec::new();
        for (content, paths) in &wanted {
            let Some(path) = paths.first() else { continue };
            if self.find(*content, paths).await? {
                self.tell.tell(Event::There { what: path.to_string() });
            } else {
                missing.push((*content, *path));
            }
        }
        room::check(&self.places.staging, self.needed(&wanted, &missing))?;
        // The largest first, so that none of them is alone in the end.
        missing.sort_by_key(|(content, _)| std::cmp::Reverse(content.size));
        stream::iter(missing)
            .map(|(content, path)| self.one(content, path))
            .buffer_unordered(TRANSFERS)
            .try_collect::<()>()
            .await?;
        Ok((raw.digest, entries))
    }

    async fn one(&self, content: Content, path: &RelativePath) -> Result<(), Error> {
        let what = path.to_string();
        self.tell.tell(Event::Started { what: what.clone(), bytes: Some(content.size) });
        let to = self.places.blob(content.digest);
        let came = self.registry.blob(self.from, content, &to, &self.tell).await?;
        self.fetched.set(self.fetched.get() + 1);
        self.bytes.set(self.bytes.get() + came);
        self.tell.tell(Event::Finished { what });
        Ok(())
    }

    /// Drops what came of another bundle.
    fn drop_others(&self, wanted: &BTreeMap<Content, Vec<&RelativePath>>) -> Result<(), Error> {
        let folder = self.places.blobs();
        let failed = |source| Error::Io { action: "read", path: folder.clone(), source };
        let names: BTreeSet<String> = wanted.keys().map(|content| content.digest.hex()).collect();
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !names.contains(name.strip_suffix(".part").unwrap_or(name)) {
                instep_fs::remove_tree(entry.path())?;
            }
        }
        Ok(())
    }

    /// Whether a content is among the blobs. One that stands in a tree of ours, or in the old bundle, gets there.
    async fn find(&self, content: Content, paths: &[&RelativePath]) -> Result<bool, Error> {
        let blob = self.places.blob(content.digest);
        if is_content(&blob, content).await? {
            return Ok(true);
        }
        let tree = self.places.tree();
        for path in paths.iter().map(|path| path.to_path(&tree)) {
            if is_content(&path, content).await? {
                place(&blob, |to| std::fs::rename(&path, to))?;
                return Ok(true);
            }
        }
        for path in paths.iter().map(|path| path.to_path(&self.places.out)) {
            if is_content(&path, content).await? {
                // Where there are no links, or it is on another file system, it is a copy.
                if std::fs::hard_link(&path, &blob).is_err() {
                    let copy = blob.with_extension("part");
                    place(&copy, |to| std::fs::copy(&path, to).map(drop))?;
                    place(&blob, |to| std::fs::rename(&copy, to))?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Bytes that there must be room for: what comes, and the copies of what has several paths.
    fn needed(
        &self,
        wanted: &BTreeMap<Content, Vec<&RelativePath>>,
        missing: &[(Content, &RelativePath)],
    ) -> u64 {
        let part = |content: &Content| {
            let path = self.places.blob(content.digest).with_extension("part");
            std::fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        let comes = |(content, _): &(Content, _)| content.size.saturating_sub(part(content));
        let copied = |(content, paths): (&Content, &Vec<_>)| {
            content.size.saturating_mul(paths.len().saturating_sub(1) as u64)
        };
        let sum = missing.iter().map(comes).fold(0, u64::saturating_add);
        wanted.iter().map(copied).fold(sum, u64::saturating_add)
    }
}

/// Whether a file is this content. What cannot be read is not.
async fn is_content(path: &Utf8Path, content: Content) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() && found.len() == content.size => {
            Ok(digest_of(path).await? == content.digest)
        }
        _ => Ok(false),
    }
}
