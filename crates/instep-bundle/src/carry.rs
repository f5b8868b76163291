//! A bundle in a registry: pushed and pulled, one blob a content.
//!
//! What stands in a registry is an artifact as the OCI image specification 1.1 has it: a manifest of the type
//! `application/vnd.instep.bundle.v1` with the empty configuration, and a layer for each file, in the order of their
//! paths. A layer's title (`org.opencontainers.image.title`) is the path, as ORAS does it. Files of the same content
//! are several layers of one digest, so the content travels once, and the same bundle has the same manifest whoever
//! pushes it.
//!
//! What is pulled is checked by size and digest on its way in. Who made it says nothing but the bundle's own metadata,
//! which is for the caller of [`pull`] to check, before the folder gets its name.

mod list;
mod manifest;
mod names;
mod problem;
mod pull;
mod push;
mod room;

pub use problem::CarryProblem;
pub use pull::{Pulled, pull};
pub use push::{Pushed, push};

use instep_fs::RelativePath;

use crate::registry::Content;

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    path: RelativePath,
    content: Content,
}
