//! What a bundle will hold, and what it cannot.

use camino::Utf8PathBuf;
use instep_fs::RelativePath;
use instep_wheel::Target;
use serde::Serialize;

use super::observe::{Observed, Reason};
use super::{Wanted, WantedLock};
use crate::image::{ImageRequest, ResolvedImage};
use crate::layout::{IMAGES, PROJECT};
use crate::manifest::{Kind, Missing};

/// What a bundle will hold.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The Pythons and platforms that its wheels are for.
    pub targets: Vec<Target>,
    /// The wheels of each lock.
    pub locks: Vec<PlannedLock>,
    /// Images.
    pub images: Vec<PlannedImage>,
    /// Files of the project.
    pub files: Vec<PlannedFile>,
    /// What cannot be had.
    pub missing: Vec<Missing>,
}

/// The wheels of a lock.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedLock {
    /// As people know it.
    pub label: String,
    /// The file.
    #[serde(skip)]
    pub path: Utf8PathBuf,
    /// Its wheels.
    #[serde(flatten)]
    pub wheels: instep_wheel::Plan,
}

/// An image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedImage {
    /// What was asked for.
    #[serde(skip)]
    pub request: ImageRequest,
    /// What there is; `None` where only another program can tell, when it saves the image.
    #[serde(flatten)]
    pub found: Option<ResolvedImage>,
    /// Where it will lie in the bundle.
    pub path: RelativePath,
}

/// A file of the project.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFile {
    /// Where it will lie in the bundle.
    pub path: RelativePath,
    /// Where it lies now.
    #[serde(skip)]
    pub from: Utf8PathBuf,
    /// Bytes.
    pub size: u64,
}

impl Plan {
    /// Bytes of the whole bundle, as far as they are known: layers as a registry has them.
    pub fn bytes(&self) -> u64 {
        let mut wheels: Vec<(&str, u64)> = self
            .locks
            .iter()
            .flat_map(|lock| &lock.wheels.files)
            .map(|planned| (planned.file.name.as_str(), planned.file.size.unwrap_or_default()))
            .collect();
        wheels.sort_unstable();
        wheels.dedup_by_key(|(name, _)| *name);
        let wheels: u64 = wheels.iter().map(|(_, size)| size).sum();
        let images: u64 = self
            .images
            .iter()
            .filter_map(|image| image.found.as_ref())
            .map(|found| found.size)
            .sum();
        let files: u64 = self.files.iter().map(|file| file.size).sum();
        wheels + images + files
    }
}

/// Decides what the bundle holds. `asks_others`: whether other programs than this one may save images, which may know
/// one that no registry has.
pub fn plan(wanted: &Wanted, observed: Observed, asks_others: bool) -> Plan {
    let mut missing = wanted.missing.clone();
    let mut locks = Vec::new();
    for (lock, found) in observed.locks {
        match found {
            Ok(wheels) => locks.push(of_lock(lock, wheels, &mut missing)),
            Err(reason) => missing.push(of_reason(Kind::Wheel, lock.label, reason)),
        }
    }
    let mut images = Vec::new();
    for (request, found) in observed.images {
        let path = image_path(&request);
        match (found, path) {
            (_, None) => missing.push(Missing {
                kind: Kind::Image,
                what: request.to_string(),
                reason: "no file can be named after it".to_owned(),
                hint: None,
            }),
            (Ok(found), Some(path)) => {
                images.push(PlannedImage { request, found: Some(found), path });
            }
            (Err(_), Some(path)) if asks_others => {
                images.push(PlannedImage { request, found: None, path });
            }
            (Err(reason), Some(_)) => {
                missing.push(of_reason(Kind::Image, request.to_string(), reason));
            }
        }
    }
    images.dedup_by(|second, first| second.path == first.path);
    let mut files = Vec::new();
    for found in observed.files.files {
        if let Ok(path) = RelativePath::new(&format!("{PROJECT}/{}", found.path)) {
            files.push(PlannedFile {
                path,
                from: found.path.to_path(&wanted.root),
                size: found.size,
            });
        }
    }
    missing.extend(observed.files.refused.into_iter().map(|refused| Missing {
        kind: Kind::File,
        what: refused.path,
        reason: refused.reason,
        hint: None,
    }));
    Plan {
        name: wanted.name.clone(),
        targets: wanted.targets.clone(),
        locks,
        images,
        files,
        missing,
    }
}

fn image_path(request: &ImageRequest) -> Option<RelativePath> {
    RelativePath::new(&format!("{IMAGES}/{}", request.file_name())).ok()
}

fn of_lock(
    lock: WantedLock,
    wheels: instep_wheel::Plan,
    missing: &mut Vec<Missing>,
) -> PlannedLock {
    missing.extend(wheels.missing.iter().map(|one| {
        let version = one.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let targets: Vec<String> = one.targets.iter().map(ToString::to_string).collect();
        Missing {
            kind: Kind::Wheel,
            what: format!("{}{version}", one.package),
            reason: format!("{}, for {}", one.reason, targets.join(", ")),
            hint: None,
        }
    }));
    PlannedLock { label: lock.label, path: lock.path, wheels }
}

pub(super) fn of_reason(kind: Kind, what: String, reason: Reason) -> Missing {
    Missing { kind, what, reason: reason.text, hint: reason.hint }
}
