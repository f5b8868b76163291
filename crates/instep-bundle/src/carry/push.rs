//! A bundle goes to a registry.

use std::cell::Cell;
use std::collections::BTreeMap;

use camino::Utf8Path;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use instep_fs::RelativePath;
use instep_tools::{CancelToken, Environment};
use oci_client::Reference;
use serde::Serialize;

use super::problem::CarryProblem;
use super::{list, manifest};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::{Event, Tell};
use crate::registry::{Access, Content, Registry, RegistrySettings, Source, TRANSFERS, reference};
use crate::runtime;

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// Where it is, with its tag.
    pub reference: String,
    /// What it is, for who wants exactly this one.
    pub digest: Digest,
    /// Files of the bundle.
    pub files: usize,
    /// Contents that went.
    pub sent: usize,
    /// Contents that were there.
    pub there: usize,
    /// Bytes that went.
    pub bytes: u64,
}

/// Pushes a bundle to `oci://HOST/NAME:TAG`. What the registry has already does not go again.
///
/// The manifest goes last: until then the tag is what it was.
///
/// # Errors
///
/// [`Error::Carry`] for a folder that is no bundle, and for a file that changes meanwhile; [`Error::Registry`];
/// [`Error::Io`]; [`Error::Cancelled`].
pub fn push(
    bundle: &Utf8Path,
    to: &str,
    settings: &RegistrySettings,
    environment: &Environment,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Pushed, Error> {
    let to = reference(to)?;
    if to.digest().is_some() {
        return Err(Error::Carry { path: to.whole(), problem: CarryProblem::Pinned });
    }
    let entries = list::files(&environment.cwd().join(bundle), cancel)?;
    let bytes = manifest::write(bundle.as_str(), &entries)?;
    let mut contents: BTreeMap<Content, &RelativePath> = BTreeMap::new();
    for entry in &entries {
        contents.entry(entry.content).or_insert(&entry.path);
    }
    let registry = Registry::new(settings, environment)?;
    let work = Push {
        registry: &registry,
        to: &to,
        bundle: &environment.cwd().join(bundle),
        tell: Tell::new(tell),
        sent: Cell::default(),
        bytes: Cell::default(),
    };
    runtime::run(cancel, work.all(&contents, &bytes))?;
    let sent = work.sent.get();
    Ok(Pushed {
        reference: to.whole(),
        digest: Digest::of(&bytes),
        files: entries.len(),
        sent,
        there: contents.len() - sent,
        bytes: work.bytes.get(),
    })
}

struct Push<'a> {
    registry: &'a Registry,
    to: &'a Reference,
    bundle: &'a Utf8Path,
    tell: Tell<'a>,
    sent: Cell<usize>,
    bytes: Cell<u64>,
}

impl Push<'_> {
    async fn all(
        &self,
        contents: &BTreeMap<Content, &RelativePath>,
        manifest: &[u8],
    ) -> Result<(), Error> {
        let (registry, to, tell) = (self.registry, self.to, &self.tell);
        // The largest first, so that none of them is alone in the end.
        let mut largest: Vec<_> = contents.iter().collect();
        largest.sort_by_key(|(content, _)| std::cmp::Reverse(content.size));
        stream::iter(largest)
            .map(|(content, path)| self.one(*content, path))
            .buffer_unordered(TRANSFERS)
            .try_collect::<()>()
            .await?;
        let config = manifest::empty_config();
        if !registry.has_blob(to, config.digest, Access::Push, tell).await? {
            let bytes = Source::Bytes(manifest::EMPTY_CONFIG);
            registry.send_blob(to, config, bytes, tell).await?;
        }
        registry.put_manifest(to, manifest, manifest::MEDIA_TYPE, tell).await
    }

    async fn one(&self, content: Content, path: &RelativePath) -> Result<(), Error> {
        let what = path.to_string();
        if self.registry.has_blob(self.to, content.digest, Access::Push, &self.tell).await? {
            self.tell.tell(Event::There { what });
            return Ok(());
        }
        self.tell.tell(Event::Started { what: what.clone(), bytes: Some(content.size) });
        let at = path.to_path(self.bundle);
        self.registry.send_blob(self.to, content, Source::File(&at), &self.tell).await?;
        self.sent.set(self.sent.get() + 1);
        self.bytes.set(self.bytes.get() + content.size);
        self.tell.tell(Event::Finished { what });
        Ok(())
    }
}
