//! The manifest of a bundle, written and read.

use std::collections::BTreeMap;

use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};

use super::problem::CarryProblem;
use super::{Entry, names};
use crate::digest::Digest;
use crate::error::Error;
use crate::registry::{Content, LARGEST_MANIFEST, RawManifest};

/// What the artifact is. Its number changes when an older Instep could not read it.
const ARTIFACT: &str = "application/vnd.instep.bundle.v1";
/// The same without its number.
const ANY_ARTIFACT: &str = "application/vnd.instep.bundle.";
/// What a layer is: the bytes of a file.
const FILE: &str = "application/vnd.instep.bundle.file.v1";
/// Where a file's path stands.
const TITLE: &str = "org.opencontainers.image.title";
/// An artifact without a configuration has this one (OCI image specification, "Guidance for an empty descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";
pub(super) const MEDIA_TYPE: &str = OCI_IMAGE_MEDIA_TYPE;

/// The empty configuration.
pub(super) fn empty_config() -> Content {
    Content { digest: Digest::of(EMPTY_CONFIG), size: EMPTY_CONFIG.len() as u64 }
}

/// The manifest of these files, which are in the order of their paths.
///
/// # Errors
///
/// [`Error::Carry`] where it is larger than registries take.
pub(super) fn write(bundle: &str, entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let descriptor = |content: Content, media_type: &str| OciDescriptor {
        media_type: media_type.to_owned(),
        digest: content.digest.to_string(),
        size: i64::try_from(content.size).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    };
    let layer = |entry: &Entry| {
        let title = BTreeMap::from([(TITLE.to_owned(), entry.path.to_string())]);
        OciDescriptor { annotations: Some(title), ..descriptor(entry.content, FILE) }
    };
    let manifest = OciImageManifest {
        media_type: Some(MEDIA_TYPE.to_owned()),
        artifact_type: Some(ARTIFACT.to_owned()),
        config: descriptor(empty_config(), EMPTY),
        layers: entries.iter().map(layer).collect(),
        ..OciImageManifest::default()
    };
    let bytes = serde_json::to_vec(&manifest).unwrap_or_default();
    let (files, size) = (entries.len(), bytes.len() as u64);
    if size > LARGEST_MANIFEST {
        let problem = CarryProblem::TooManyFiles { files, bytes: size, limit: LARGEST_MANIFEST };
        return Err(Error::Carry { path: bundle.to_owned(), problem });
    }
    Ok(bytes)
}

/// The files that a manifest names, in the order of their paths. Whoever wrote it may mean harm.
///
/// # Errors
///
/// [`Error::Carry`] where it is no bundle, or a name in it leads elsewhere.
pub(super) fn read(reference: &str, raw: &RawManifest) -> Result<Vec<Entry>, Error> {
    let refused = |reason: String| Error::Carry {
        path: reference.to_owned(),
        problem: CarryProblem::NotABundle { reason },
    };
    if raw.media_type != MEDIA_TYPE {
        let shown: String = raw.media_type.escape_debug().take(100).collect();
        return Err(refused(format!("it is of the type `{shown}`")));
    }
    let manifest: OciImageManifest = serde_json::from_slice(&raw.bytes)
        .map_err(|error| refused(format!("its manifest cannot be read: {error}")))?;
    if manifest.schema_version != 2 {
        return Err(refused("its manifest is of another version".to_owned()));
    }
    match manifest.artifact_type.as_deref() {
        Some(ARTIFACT) => {}
        Some(other) if other.starts_with(ANY_ARTIFACT) => {
            let shown: String = other.escape_debug().take(100).collect();
            return Err(refused(format!("it is `{shown}`, which is for a newer Instep")));
        }
        other => {
            let shown: String = other.unwrap_or_default().escape_debug().take(100).collect();
            return Err(refused(format!("its artifact type is `{shown}`")));
        }
    }
    let mut entries = Vec::with_capacity(manifest.layers.len());
    for layer in &manifest.layers {
        let title = layer.annotations.as_ref().and_then(|annotations| annotations.get(TITLE));
        let title = title.ok_or_else(|| refused("a layer has no title".to_owned()))?;
        let path = names::path(title)?;
        let content = content(layer)
            .ok_or_else(|| refused(format!("`{path}` has no right digest or size")))?;
        entries.push(Entry { path, content });
    }
    if entries.is_empty() {
        return Err(refused("it holds nothing".to_owned()));
    }
    names::distinct(entries.iter().map(|entry| &entry.path))?;
    let mut sizes = BTreeMap::new();
    for Entry { path, content } in &entries {
        if sizes.insert(content.digest, content.size).is_some_and(|size| size != content.size) {
            return Err(refused(format!("`{path}` has two sizes")));
        }
    }
    let total = entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.content.size));
    // No file system takes more.
    if total.is_none_or(|total| i64::try_from(total).is_err()) {
        return Err(refused("its files are larger than anything can be".to_owned()));
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

fn content(layer: &OciDescriptor) -> Option<Content> {
    let digest = layer.digest.parse().ok()?;
    Some(Content { digest, size: u64::try_from(layer.size).ok()? })
}

#[cfg(test)]
mod tests {
    use instep_fs::RelativePath;

    use super::*;

    fn entry(path: &str, text: &str) -> Entry {
        let content = Content { digest: Digest::of(text.as_bytes()), size: text.len() as u64 };
        Entry { path: RelativePath::new(path).unwrap(), content }
    }

    fn raw(bytes: Vec<u8>) -> RawManifest {
        let digest = Digest::of(&bytes);
        RawManifest { bytes, media_type: MEDIA_TYPE.to_owned(), digest }
    }

    #[test]
    fn a_bundle_has_this_manifest() {
        let entries = [entry("a/b", "one"), entry("c", "one")];
        let bytes = write("bundle", &entries).unwrap();
        insta::assert_snapshot!(str::from_utf8(&bytes).unwrap());
        assert_eq!(read("r", &raw(bytes)).unwrap(), entries);
    }

    #[test]
    fn a_list_that_no_registry_takes_is_refused_before_anything_goes() {
        let entries: Vec<Entry> =
            (0..20_000).map(|number| entry(&format!("wheels/{number:05}"), "x")).collect();
        let error = write("site.bundle", &entries).unwrap_err().to_string();
        assert!(error.starts_with("site.bundle: the list of its 20000 files has "), "{error}");
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let right = write("b", &[entry("a", "one"), entry("b", "two")]).unwrap();
        let right = String::from_utf8(right).unwrap();
        let (one, two) = (Digest::of(b"one").to_string(), Digest::of(b"two").to_string());
        let config = empty_config().digest.to_string();
        let table = [
            (right.replace("bundle.v1", "bundle.v2"), "newer Instep"),
            (right.replace("vnd.instep.bundle.v1", "vnd.other\\u001b"), "its artifact type is"),
            (right.replace(&one, "sha512:00"), "`a` has no right digest"),
            (right.replace("\"size\":3", "\"size\":-3"), "no right digest or size"),
            (right.replace("\"size\":3", "\"size\":9223372036854775807"), "larger than anything"),
            (right.replace(&one, &two).replacen("\"size\":3", "\"size\":4", 1), "two sizes"),
            (right.replace(TITLE, "other"), "no title"),
            (right.replace("title\":\"b\"", "title\":\"../b\""), "does not stay"),
            (right.replace("title\":\"b\"", "title\":\"A\""), "beside"),
            (right.replace("\"schemaVersion\":2", "\"schemaVersion\":1"), "another version"),
            (right.replace("layers", "others"), "cannot be read"),
            ("[]".to_owned(), "cannot be read"),
        ];
        for (text, expected) in table {
            assert_ne!(text, right);
            let error = read("r", &raw(text.clone().into_bytes())).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}\n{text}");
        }
        let mut index = raw(right.clone().into_bytes());
        index.media_type = "application/vnd.oci.image.index.v1+json".to_owned();
        assert!(read("r", &index).unwrap_err().to_string().contains("index"));
        let empty = write("b", &[]).unwrap();
        assert!(read("r", &raw(empty)).unwrap_err().to_string().contains("nothing"));
        assert!(right.contains(&config));
    }
}
