//! Making a bundle: [`observe`] asks indexes and registries, [`plan`] says what there will be, [`apply`] collects it, and
//! writes and signs what vouches for it, last.

mod apply;
mod observe;
mod plan;
mod staging;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;
use instep_tools::{Environment, IndexSettings};
use instep_wheel::Target;

use crate::image::{ImageRequest, ImageSources};

pub use apply::{Created, apply};
pub use observe::{Observed, observe};
pub use plan::{Plan, PlannedFile, PlannedImage, PlannedLock, plan};

/// What a bundle is to hold.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The folder of the project.
    pub root: Utf8PathBuf,
    /// Locks, whose wheels are collected.
    pub locks: Vec<WantedLock>,
    /// The Pythons and platforms that they are for.
    pub targets: Vec<Target>,
    /// Images of containers.
    pub images: Vec<ImageRequest>,
    /// Files and folders of the project, relative to its folder: configuration, locks, models.
    pub files: Vec<RelativePath>,
    /// What is known not to be had before anything is asked.
    pub missing: Vec<crate::manifest::Missing>,
}

/// A lock.
#[derive(Clone, Debug)]
pub struct WantedLock {
    /// As people know it: its path in the project, an environment's name.
    pub label: String,
    /// The file.
    pub path: Utf8PathBuf,
}

/// What it is collected with.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// The variables.
    pub variables: &'a Environment,
    /// Where packages come from, but for what a lock says.
    pub index: &'a IndexSettings,
    /// Where wheels are kept from one bundle to the next.
    pub cache: Option<&'a Utf8Path>,
    /// Where images come from.
    pub images: ImageSources<'a>,
}
