//! Images of containers, saved as tar files.
//!
//! A tar is an OCI layout and a docker archive in one, as `docker save` writes it since version 25, so that `docker load`,
//! `podman load` and `skopeo` read it. What the registry has stays as it is, byte for byte: the manifest with its digest, and
//! the layers compressed as they are.
//!
//! | file | what |
//! | --- | --- |
//! | `request.rs`, `platform.rs` | which image |
//! | `manifest.rs` | the texts of a registry, and the choice of a platform; no I/O |
//! | `save.rs` | the engines, in their order |
//! | `native.rs`, `skopeo.rs`, `daemon.rs` | one way to an image each |
//! | `contents.rs` | an image that is here: checked, and written |
//! | `layer.rs` | one pass over a layer, for both of its digests |
//! | `archive.rs` | tar files, read with care and written the same way each time |
//! | `inspect.rs` | a saved image, read and checked |

mod archive;
mod contents;
mod daemon;
mod error;
mod inspect;
mod layer;
mod manifest;
mod native;
mod platform;
mod request;
mod save;
mod skopeo;
#[cfg(test)]
mod testing;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::Environment;
use serde::{Deserialize, Serialize};

pub use error::{ArchiveProblem, BlobProblem, ImageProblem};
pub use inspect::inspect;
pub use platform::ImagePlatform;
pub use request::{Engine, ImageRequest};
pub use save::{resolve, save};

use crate::digest::Digest;
use crate::registry::RegistrySettings;

/// Where images come from.
#[derive(Clone, Copy, Debug)]
pub struct ImageSources<'a> {
    /// Who is asked, in this order, until one can. Empty is the same as [`Engine::Native`] alone.
    pub engines: &'a [Engine],
    /// A folder that layers are kept in, by their digests, for the next image and after an interruption. Without one
    /// they lie beside the tar until it is written.
    pub cache: Option<&'a Utf8Path>,
    /// How registries are spoken to.
    pub registry: &'a RegistrySettings,
    /// Variables: `PATH` for the programs, and where logins lie.
    pub environment: &'a Environment,
    /// How long one run of docker, podman or skopeo may take.
    pub patience: Duration,
}

impl ImageSources<'_> {
    /// How long a program may take for one image, unless it is told otherwise: an hour.
    pub const PATIENCE: Duration = Duration::from_hours(1);
}

/// What would be saved, as the registry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedImage {
    /// The whole name that was asked for: host, name, tag and digest.
    pub name: String,
    /// For which machines.
    pub platform: ImagePlatform,
    /// Of the manifest for this platform.
    pub digest: Digest,
    /// Of the index that led to it, where there is one: what most people pin.
    pub index: Option<Digest>,
    /// Of its configuration: what docker and podman call the image's id.
    pub image_id: Digest,
    /// What would be fetched, in bytes, if nothing of it were here.
    pub size: u64,
}

/// An image in a tar file, of which every byte was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFile {
    /// The tar file.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What it is called when it is loaded: `docker.io/library/python:3.12-slim`. None for one that was asked for by its
    /// digest alone.
    pub name: Option<String>,
    /// For which machines.
    pub platform: ImagePlatform,
    /// Of the manifest. It is the registry's own where the engine was `native` or `skopeo`.
    pub digest: Digest,
    /// Of its configuration: what docker and podman call the image's id.
    pub image_id: Digest,
    /// Of the contents of its layers, the lowest first: their diff ids.
    pub layers: Vec<Digest>,
}

/// What became of an image that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedImage {
    /// The file.
    pub file: ImageFile,
    /// Who gave it; none where it was there already.
    pub engine: Option<Engine>,
    /// Why nobody could say whether the registry has the same image, without secrets: docker or podman gave it, and the
    /// registry could not be asked. None where it is the same.
    pub unchecked: Option<String>,
}
