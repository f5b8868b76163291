//! Plan: which files serve which targets.
//!
//! What holds of every plan:
//!
//! 1. Each package that a target needs is in it once for that target: in a file, or as missing.
//! 2. A file name is there once, whatever the number of targets that it serves.
//! 3. A file whose digest is known is among those that the lock allows.
//! 4. Between files that fit, the choice is pip's: one that is not withdrawn, the version (a local one is the later),
//!    the tag that the target prefers, the build number, the index that was asked first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;
use serde::Serialize;

use crate::file_name::FileName;
use crate::index::IndexFile;
use crate::lock::{LockedPackage, Origin};
use crate::target::{Supported, Target};

/// What is to be downloaded.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Each file once, whatever the number of targets that it serves; by package and file name.
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
    /// The version that its file name says.
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
    /// The package; where the lock does not name it, what it has instead.
    pub package: String,
    /// The version that the lock pins, where it pins one.
    pub version: Option<Version>,
    /// The targets.
    pub targets: Vec<Target>,
    /// Why.
    pub reason: Reason,
    /// What there is instead: file names; versions, the latest first, where the version is not there.
    pub available: Vec<String>,
}

/// Why a package has no wheel for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// A wheel fits, but is for other Pythons.
    RequiresPython,
    /// A wheel fits, but is not among the digests of the lock.
    NotInLock,
    /// It comes from a folder, a version control system, or an archive to build.
    NotFromIndex,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoPackage => "no index has the package",
            Self::NoVersion => "no index has the version",
            Self::OnlySource => "there is only a source distribution",
            Self::NoMatch => "no wheel fits",
            Self::RequiresPython => "its wheels are for other Pythons",
            Self::NotInLock => "no wheel that fits is among the digests of the lock",
            Self::NotFromIndex => "it is not from an index",
        })
    }
}

/// Decides which wheels serve which targets: each package, for each target that its marker holds for. `offers` has what
/// the indexes have, in the order in which they were asked.
pub fn plan(
    packages: &[LockedPackage],
    targets: &[Target],
    offers: &BTreeMap<PackageName, Vec<IndexFile>>,
) -> Plan {
    let mut targets: Vec<(Target, Supported)> =
        targets.iter().map(|target| (*target, Supported::of(*target))).collect();
    targets.sort_by_key(|(target, _)| *target);
    targets.dedup_by_key(|(target, _)| *target);
    let mut draft = Draft::default();
    for package in packages {
        let wanted: Vec<_> =
            targets.iter().filter(|(target, _)| target.holds(&package.marker)).collect();
        if wanted.is_empty() {
            continue;
        }
        let offered = match &package.origin {
            Origin::Elsewhere => None,
            Origin::Files(files) => Some(files.as_slice()),
            Origin::Index => {
                let files = package.name.as_ref().and_then(|name| offers.get(name));
                Some(files.map(Vec::as_slice).unwrap_or_default())
            }
        };
        let candidates = Candidates::of(package, offered);
        for (target, supported) in wanted {
            match candidates.best(*target, supported) {
                Ok(wheel) => draft.serve(package, &candidates, wheel, *target),
                Err(reason) => draft.miss(package, &candidates, reason, *target),
            }
        }
    }
    draft.plan()
}

/// A plan in the making.
#[derive(Default)]
struct Draft {
    /// By file name: a folder has each once.
    files: BTreeMap<String, PlannedFile>,
    missing: Vec<Missing>,
}

impl Draft {
    fn serve(
        &mut self,
        package: &LockedPackage,
        candidates: &Candidates<'_>,
        wheel: &Candidate<'_>,
        target: Target,
    ) {
        let planned = self.files.entry(wheel.file.name.clone()).or_insert_with(|| PlannedFile {
            package: wheel.name.name.clone(),
            version: wheel.name.version.clone(),
            file: wheel.file.clone(),
            hashes: hashes(package, wheel.file),
            targets: Vec::new(),
        });
        // Another entry of the lock may want other bytes by the same name.
        if planned.file != *wheel.file {
            self.miss(package, candidates, Reason::NotInLock, target);
            return;
        }
        // Or name the digests that the first one did not.
        if planned.hashes.is_empty() {
            planned.hashes = hashes(package, wheel.file);
        }
        if !planned.targets.contains(&target) {
            planned.targets.push(target);
        }
    }

    fn miss(
        &mut self,
        package: &LockedPackage,
        candidates: &Candidates<'_>,
        reason: Reason,
        target: Target,
    ) {
        let same = self.missing.iter_mut().find(|missing| {
            missing.package == package.label
                && missing.version == package.version
                && missing.reason == reason
        });
        match same {
            Some(missing) if missing.targets.contains(&target) => {}
            Some(missing) => missing.targets.push(target),
            None => self.missing.push(Missing {
                package: package.label.clone(),
                version: package.version.clone(),
                targets: vec![target],
                reason,
                available: candidates.available(reason),
            }),
        }
    }

    fn plan(self) -> Plan {
        let mut files: Vec<PlannedFile> = self.files.into_values().collect();
        files.sort_by(|a, b| a.package.cmp(&b.package));
        for file in &mut files {
            file.targets.sort_unstable();
        }
        let mut missing = self.missing;
        missing.sort_by(|a, b| (&a.package, a.reason).cmp(&(&b.package, b.reason)));
        Plan { files, missing }
    }
}

/// What there is of a package.
struct Candidates<'a> {
    /// Whether it comes from files at all.
    has_files: bool,
    /// Wheels of the version that the lock pins, each file name once.
    wheels: Vec<Candidate<'a>>,
    /// Other files of that version.
    sources: Vec<&'a str>,
    /// All versions of which there is a file.
    versions: Vec<Version>,
}

/// A wheel.
struct Candidate<'a> {
    file: &'a IndexFile,
    name: FileName,
    range: Option<VersionSpecifiers>,
    is_allowed: bool,
}

impl<'a> Candidates<'a> {
    fn of(package: &LockedPackage, offered: Option<&'a [IndexFile]>) -> Self {
        let mut found = Self {
            has_files: offered.is_some(),
            wheels: Vec::new(),
            sources: Vec::new(),
            versions: Vec::new(),
        };
        for file in offered.unwrap_or_default().iter().filter(|file| is_plain(&file.name)) {
            if let Ok(name) = file.name.parse::<FileName>() {
                if package.name.as_ref().is_some_and(|wanted| *wanted != name.name) {
                    continue;
                }
                found.versions.push(name.version.clone());
                if package.version.as_ref().is_none_or(|pinned| is_pinned(pinned, &name.version)) {
                    found.add(package, file, name);
                }
            } else if let Some(version) = source_version(package.name.as_ref(), &file.name) {
                if package.version.as_ref().is_none_or(|pinned| is_pinned(pinned, &version)) {
                    found.sources.push(&file.name);
                }
                found.versions.push(version);
            }
        }
        found.versions.sort_unstable();
        found.versions.dedup();
        found
    }

    /// Adds a wheel. Where several indexes have its name, the first one counts whose digest the lock allows.
    fn add(&mut self, package: &LockedPackage, file: &'a IndexFile, name: FileName) {
        // A range that cannot be read is none, as for pip.
        let range = file.requires_python.as_deref();
        let range = range.and_then(|range| VersionSpecifiers::from_str(range).ok());
        let is_allowed = is_allowed(&package.hashes, file);
        let candidate = Candidate { file, name, range, is_allowed };
        match self.wheels.iter_mut().find(|other| other.file.name == file.name) {
            None => self.wheels.push(candidate),
            Some(other) if is_allowed && !other.is_allowed => *other = candidate,
            Some(_) => {}
        }
    }

    fn best(&self, target: Target, supported: &Supported) -> Result<&Candidate<'a>, Reason> {
        let places = self.wheels.iter().map(|wheel| (supported.place(&wheel.name.tags), wheel));
        let fitting: Vec<(usize, &Candidate<'_>)> =
            places.filter_map(|(place, wheel)| place.map(|place| (place, wheel))).collect();
        let is_for =
            |wheel: &Candidate<'_>| wheel.range.as_ref().is_none_or(|range| target.is_in(range));
        let best = fitting
            .iter()
            .filter(|(_, wheel)| wheel.is_allowed && is_for(wheel))
            // The first of equals.
            .min_by_key(|(place, wheel)| {
                let name = &wheel.name;
                (wheel.file.yanked.is_some(), Reverse(&name.version), *place, Reverse(&name.build))
            })
            .map(|(_, wheel)| *wheel);
        best.ok_or_else(|| {
            if fitting.iter().any(|(_, wheel)| is_for(wheel)) {
                Reason::NotInLock
            } else if !fitting.is_empty() {
                Reason::RequiresPython
            } else if !self.wheels.is_empty() {
                Reason::NoMatch
            } else if !self.has_files {
                Reason::NotFromIndex
            } else if !self.sources.is_empty() {
                Reason::OnlySource
            } else if !self.versions.is_empty() {
                Reason::NoVersion
            } else {
                Reason::NoPackage
            }
        })
    }

    fn available(&self, reason: Reason) -> Vec<String> {
        if reason == Reason::NoVersion {
            return self.versions.iter().rev().map(ToString::to_string).collect();
        }
        let wheels = self.wheels.iter().map(|wheel| wheel.file.name.as_str());
        let mut names: Vec<String> =
            wheels.chain(self.sources.iter().copied()).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

/// Whether a name has only the letters that file names of packages are made of: it becomes a path, and is shown.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+!".contains(&byte))
}

/// Whether a version is the one that is pinned. A pin without a local version is content with any of them
/// ([version matching](https://packaging.python.org/en/latest/specifications/version-specifiers/#version-matching)).
fn is_pinned(pinned: &Version, version: &Version) -> bool {
    if pinned.is_local() { pinned == version } else { *pinned == version.clone().without_local() }
}

/// Whether the lock allows a file, as far as its digests are known before it is there.
fn is_allowed(locked: &[String], file: &IndexFile) -> bool {
    let mut is_known = false;
    for (algorithm, digits) in locked.iter().filter_map(|hash| hash.split_once(':')) {
        if let Some(known) = file.hashes.get(algorithm) {
            if known == digits {
                return true;
            }
            is_known = true;
        }
    }
    !is_known
}

fn hashes(package: &LockedPackage, file: &IndexFile) -> Vec<String> {
    if !package.hashes.is_empty() {
        return package.hashes.clone();
    }
    file.hashes.iter().map(|(algorithm, digits)| [algorithm, ":", digits].concat()).collect()
}

/// The version of a source distribution, `NAME-VERSION.tar.gz`; older ones have a name that is not normalised.
fn source_version(name: Option<&PackageName>, file: &str) -> Option<Version> {
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"]
        .iter()
        .find_map(|ending| file.strip_suffix(ending))?;
    stem.match_indices('-').find_map(|(at, _)| {
        let (found, version) = (stem.get(..at)?, stem.get(at + 1..)?);
        let found = PackageName::new(found.to_owned()).ok()?;
        if name.is_some_and(|name| *name != found) {
            return None;
        }
        Version::from_str(version).ok()
    })
}

#[cfg(test)]
mod tests;
