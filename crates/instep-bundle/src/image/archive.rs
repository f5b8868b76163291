//! Tar files of images: read with care, written the same way each time.

mod read;
mod write;

pub(super) use read::{Archive, Part};
pub(super) use write::{Piece, Pieces};

/// The folder of contents, in the tar and in an OCI layout.
pub(super) const BLOBS: &str = "blobs/sha256/";
/// The index of an OCI layout.
pub(super) const INDEX: &str = "index.json";
/// The version of an OCI layout.
pub(super) const LAYOUT: &str = "oci-layout";
/// What is in a docker archive.
pub(super) const MANIFEST: &str = "manifest.json";

/// The only version of an OCI layout that there is.
pub(super) const LAYOUT_TEXT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// What a tar file consists of.
const BLOCK: usize = 512;
