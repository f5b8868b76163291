//! What lies where in a bundle. Every path is relative to its folder.
//!
//! ```text
//! bundle.json            what is in it, and what could not be had
//! project/               configuration, locks and files of the project, where the project has them
//! wheels/                a wheelhouse: wheels, and the pages of an index
//! images/NAME.tar        images of containers
//! metadata/              the TUF repository's metadata; every other file is one of its targets, the roots too
//! ```

/// What is in it.
pub(crate) const MANIFEST: &str = "bundle.json";
/// The TUF metadata.
pub(crate) const METADATA: &str = "metadata";
/// The wheelhouse.
pub(crate) const WHEELS: &str = "wheels";
/// Images of containers.
pub(crate) const IMAGES: &str = "images";
/// Configuration, locks and files of the project.
pub(crate) const PROJECT: &str = "project";
