//! What an air-gapped site needs, in one folder: wheels, images, files; signed, checked, pushed, pulled.

mod carry;
mod copy;
pub mod create;
mod digest;
mod error;
mod event;
mod files;
mod hash;
mod image;
pub mod install;
mod layout;
mod manifest;
mod names;
mod place;
mod registry;
mod runtime;
mod trust;

pub use carry::{CarryProblem, Pulled, Pushed, pull, push};
pub use digest::Digest;
pub use error::Error;
pub use event::Event;
pub use image::{
    ArchiveProblem, BlobProblem, Engine, ImageFile, ImagePlatform, ImageProblem, ImageRequest,
    ImageSources, ResolvedImage, SavedImage, inspect as inspect_image, resolve as resolve_image,
    save as save_image,
};
pub use manifest::{
    Kind, Manifest, ManifestFile, ManifestImage, ManifestImageFile, ManifestTarget, Missing, line,
};
pub use names::NameProblem;
pub use registry::{RegistryProblem, RegistrySettings};
pub use trust::{
    Fault, KeyProblem, Passwords, RoleSettings, RootProblem, SignRequest, SignedBundle, Timestamp,
    TopRole, Trust, TrustProblem, TrustRoot, TrustSettings, Verified, VerifiedFile, ensure_root,
    renew_root, sign, verify,
};
