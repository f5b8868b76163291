//! The metadata of a bundle, read once, in bounded memory, and shown to `tough` as if it were a server's.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::sync::Arc;

use camino::Utf8Path;
use instep_fs::RelativePath;
use tough::{Bytes, Transport, TransportError, TransportErrorKind, TransportStream};
use url::Url;

use super::fault::Fault;
use crate::error::Error;
use crate::layout::METADATA;

/// The largest root, snapshot or timestamp: room for a hundred RSA keys.
pub(super) const SMALL: u64 = 256 * 1024;
/// All roots together.
pub(super) const ROOTS: u64 = 8 * 1024 * 1024;
/// The largest list of targets: about a quarter of a million files.
pub(super) const TARGETS: u64 = 64 * 1024 * 1024;
/// Where `tough` thinks that it is.
const BASE: &str = "file:///metadata/";

/// The files in `metadata/`, by their names in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata(Arc<BTreeMap<String, Vec<u8>>>);

impl Metadata {
    /// Reads those of a bundle that have a meaning. One that is too large is a fault and is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn read<'a>(
        bundle: &Utf8Path,
        paths: impl Iterator<Item = &'a RelativePath>,
    ) -> Result<(Self, Vec<Fault>), Error> {
        let (mut files, mut faults, mut roots) = (BTreeMap::new(), Vec::new(), 0_u64);
        for path in paths {
            let Some(name) = name_of(path) else { continue };
            let is_root = root_version(name).is_some();
            let limit = match name {
                "targets.json" => TARGETS,
                _ if is_root => SMALL.min(ROOTS.saturating_sub(roots)),
                _ => SMALL,
            };
            let file = path.to_path(bundle);
            let read = read_at_most(&file, limit).map_err(|source| Error::Io {
                action: "read",
                path: file,
                source,
            })?;
            let Some(bytes) = read else {
                faults.push(Fault::TooLarge { path: path.as_str().to_owned(), limit });
                continue;
            };
            if is_root {
                roots += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            }
            files.insert(name.to_owned(), bytes);
        }
        Ok((Self(Arc::new(files)), faults))
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The URL of the folder.
    pub(super) fn base() -> Option<Url> {
        Url::parse(BASE).ok()
    }
}

/// Its name, where a path is that of metadata with a meaning.
pub(super) fn name_of(path: &RelativePath) -> Option<&str> {
    let name = path.as_str().strip_prefix(METADATA)?.strip_prefix('/')?;
    let is_known = matches!(name, "targets.json" | "snapshot.json" | "timestamp.json");
    (is_known || root_version(name).is_some()).then_some(name)
}

/// The version in the file name of a root.
pub(super) fn root_version(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".root.json")?;
    let version: u64 = digits.parse().ok()?;
    // Each version has one name.
    (version > 0 && version.to_string() == digits).then_some(version)
}

/// The file name of a root.
pub(super) fn root_name(version: u64) -> String {
    format!("{version}.root.json")
}

/// The content of a file, or nothing where it has more bytes than `limit`.
///
/// # Errors
///
/// Those of reading.
pub(super) fn read_at_most(path: &Utf8Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let is_more = u64::try_from(bytes.len()).is_ok_and(|size| size > limit);
    Ok((!is_more).then_some(bytes))
}

#[tough::async_trait]
impl Transport for Metadata {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let Some(bytes) = self.get(name) else {
            return Err(TransportError::new(TransportErrorKind::FileNotFound, url));
        };
        let bytes = Bytes::copy_from_slice(bytes);
        Ok(Box::pin(futures_util::stream::iter([Ok(bytes)])))
    }
}
