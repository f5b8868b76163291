//! Plan: which files serve which targets.

use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::Serialize;

use crate::index::IndexFile;
use crate::target::Target;

/// What is to be downloaded.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Each file once, whatever the number of targets that it serves.
    pub files: Vec<PlannedFile>,
    /// Packages that a target needs, and has no wheel for.
    pub missing: Vec<Missing>,
}

/// A file that serves targets.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFile {
    /// The package.
    pub package: PackageName,
    /// The version that the lock pins.
    pub version: Version,
    /// The file.
    pub file: IndexFile,
    /// `ALGORITHM:DIGITS` of the lock, any of which will do; of the index, where the lock has none.
    pub hashes: Vec<String>,
    /// What it serves.
    pub targets: Vec<Target>,
}

/// A package without a wheel for a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The package.
    pub package: PackageName,
    /// The version that the lock pins, where it pins one.
    pub version: Option<Version>,
    /// The targets.
    pub targets: Vec<Target>,
    /// Why.
    pub reason: Reason,
    /// The file names of what there is instead.
    pub available: Vec<String>,
}

/// Why a package has no wheel for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// No index has the package.
    NoPackage,
    /// No index has the version.
    NoVersion,
    /// There is only a source distribution.
    OnlySource,
    /// There are wheels, but none fits.
    NoMatch,
    /// A wheel fits, but is not among the digests of the lock.
    NotInLock,
    /// It comes from a folder or a version control system.
    NotFromIndex,
}
