//! What lies where in a bundle. Every path is relative to its folder.
//!
//! ```text
//! bundle.json            what is in it, and what could not be had
//! instep.toml            the configuration that its environments are made by
//! project/               the locks, and the other files of the project, where the project has them
//! wheels/                a wheelhouse: wheels, and pages of a simple index
//! images/NAME.tar        images of containers
//! metadata/              the TUF repository's metadata; every other file is one of its targets
//! ```

/// What is in it.
pub(crate) const MANIFEST: &str = "bundle.json";
/// The TUF metadata.
pub(crate) const METADATA: &str = "metadata";
/// The wheelhouse.
pub(crate) const WHEELS: &str = "wheels";
/// Images of containers.
pub(crate) const IMAGES: &str = "images";
/// Locks, configuration and files of the project.
pub(crate) const PROJECT: &str = "project";
