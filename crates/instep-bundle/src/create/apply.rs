//! Collects what is planned, and vouches for it.
//!
//! Everything goes into a folder beside the place that the bundle will have. Each line says what a kill right after it
//! leaves behind:
//!
//! 1. take over what the bundle before has: a folder that the next run goes on with.
//! 2. wheels, images, files: the same; each is whole or not there.
//! 3. remove what is not wanted, write `bundle.json`, sign: the same, and it is signed anew.
//! 4. exchange it for the bundle before: the new bundle, and perhaps the old one as `OUT.old`, which the next run removes.

use std::collections::BTreeSet;
use std::fs;

use camino::Utf8Path;
use instep_fs::RelativePath;
use instep_tools::CancelToken;
use serde::Serialize;

use super::Means;
use super::observe::{open, or_reason};
use super::plan::{Plan, PlannedFile, PlannedImage, PlannedLock, of_reason};
use super::staging::Staging;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::files;
use crate::hash;
use crate::image::{self, SavedImage};
use crate::layout::{MANIFEST, WHEELS};
use crate::manifest::{
    Kind, Manifest, ManifestFile, ManifestImage, ManifestImageFile, ManifestTarget, Missing, SCHEMA,
};

/// A bundle that was made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// What is in it, and what could not be had.
    pub manifest: Manifest,
    /// Bytes of all of it.
    pub bytes: u64,
    /// How many files it has.
    pub files: usize,
    /// Images of which nobody could say whether the registry has the same, and why not.
    pub unchecked: Vec<(String, String)>,
}

/// Makes the bundle at `out`. `sign` is given the folder when everything but its metadata is there, and vouches for it.
/// What cannot be had is said in [`Manifest::missing`]; the rest is there.
///
/// # Errors
///
/// [`Error::NotOurs`] where something else is at `out`, [`Error::Io`] and [`Error::Fs`] where nothing more can be written,
/// [`Error::Cancelled`], and those of `sign`. What was at `out` is then as it was.
pub fn apply(
    plan: &Plan,
    out: &Utf8Path,
    means: &Means<'_>,
    sign: &mut dyn FnMut(&Utf8Path) -> Result<(), Error>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Created, Error> {
    let mut waiting = |pid| tell(Event::Waiting { pid });
    let staging = Staging::begin(out, "instep bundle create", &mut waiting, cancel)?;
    staging.take_over()?;
    let mut missing = plan.missing.clone();
    remove_other_wheels(plan, &staging.folder.join(WHEELS))?;
    for lock in &plan.locks {
        missing.extend(wheels(lock, &staging.folder, means, tell, cancel)?);
    }
    let (mut images, mut unchecked) = (Vec::new(), Vec::new());
    for planned in &plan.images {
        match or_reason(save(planned, &staging.folder, means, tell, cancel))? {
            Ok((saved, why)) => {
                unchecked.extend(why.map(|why| (saved.reference.clone(), why)));
                images.push(saved);
            }
            Err(reason) => {
                tell(Event::Missed {
                    what: planned.request.to_string(),
                    reason: reason.text.clone(),
                });
                missing.push(of_reason(Kind::Image, planned.request.to_string(), reason));
            }
        }
    }
    let mut project = Vec::new();
    for file in &plan.files {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        match or_reason(copy(file, &staging.folder))? {
            Ok(copied) => project.push(copied),
            Err(reason) => missing.push(of_reason(Kind::File, file.path.to_string(), reason)),
        }
    }
    let wheels = digests(&staging.folder, cancel)?;
    let manifest = Manifest {
        schema_version: SCHEMA,
        tool: "instep".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        name: plan.name.clone(),
        created_at: instep_manifest::clock::now().to_string(),
        targets: plan.targets.iter().copied().map(target).collect(),
        wheels,
        images,
        project,
        missing,
    };
    staging.keep_only(&contents(&manifest, &staging.folder)?)?;
    manifest.write(&staging.folder)?;
    sign(&staging.folder)?;
    let all = files::all(&staging.folder)?;
    let created = Created {
        manifest,
        bytes: all.iter().map(|file| file.size).sum(),
        files: all.len(),
        unchecked,
    };
    staging.finish()?;
    Ok(created)
}

fn target(target: instep_wheel::Target) -> ManifestTarget {
    ManifestTarget { python: target.python.to_string(), platform: target.platform.to_string() }
}

/// Before the pages of the wheelhouse are written, which name all that it has.
fn remove_other_wheels(plan: &Plan, wheels: &Utf8Path) -> Result<(), Error> {
    let planned = plan.locks.iter().flat_map(|lock| &lock.wheels.files);
    let planned: BTreeSet<&str> = planned.map(|planned| planned.file.name.as_str()).collect();
    for found in files::all(wheels)? {
        if is_wheel(&found.path) && !planned.contains(found.path.as_str()) {
            let path = found.path.to_path(wheels);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Fetches the wheels of a lock, and gives those that could not be had.
fn wheels(
    lock: &PlannedLock,
    bundle: &Utf8Path,
    means: &Means<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Vec<Missing>, Error> {
    let (_, client) = open(&lock.path, means)?;
    let mut tell = |detail| tell(Event::Wheels { detail });
    let out = bundle.join(WHEELS);
    let fetched =
        instep_wheel::download(&lock.wheels, &client, &out, means.cache, &mut tell, cancel)?;
    Ok(fetched
        .failed
        .into_iter()
        .map(|failed| Missing {
            kind: Kind::Wheel,
            what: failed.file,
            reason: failed.reason,
            hint: failed.hint,
        })
        .collect())
}

fn save(
    planned: &PlannedImage,
    bundle: &Utf8Path,
    means: &Means<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<(ManifestImage, Option<String>), Error> {
    let path = planned.path.to_path(bundle);
    // What a tag means may change meanwhile.
    let request = match &planned.found {
        Some(found) => planned.request.pinned(found.digest),
        None => planned.request.clone(),
    };
    let SavedImage { file: saved, unchecked, .. } =
        image::save(&request, &path, &means.images, tell, cancel)?;
    let image = ManifestImage {
        reference: planned.request.to_string(),
        platform: planned.request.platform().to_string(),
        digest: saved.digest,
        image_id: saved.image_id,
        file: ManifestImageFile { path: planned.path.clone(), size: saved.size },
    };
    Ok((image, unchecked))
}

/// Copies a file, and its digest is that of what was copied.
fn copy(file: &PlannedFile, bundle: &Utf8Path) -> Result<ManifestFile, Error> {
    let to = file.path.to_path(bundle);
    let is_there = fs::symlink_metadata(&to).is_ok_and(|there| there.is_file());
    let there = if is_there { Some(Digest::of_file(&to)?) } else { None };
    let (digest, size) = match there {
        Some(there) if there == Digest::of_file(&file.from)? => there,
        _ => crate::copy::copy(&file.from, &to)?,
    };
    Ok(ManifestFile { path: file.path.clone(), size, digest })
}

/// The wheels that are there, by path.
fn digests(bundle: &Utf8Path, cancel: &CancelToken) -> Result<Vec<ManifestFile>, Error> {
    let folder = bundle.join(WHEELS);
    let found = files::all(&folder)?.into_iter().filter(|found| is_wheel(&found.path));
    let found: Vec<_> = found.map(|found| (found.path, found.size)).collect();
    let mut wheels = Vec::with_capacity(found.len());
    for (path, (digest, size)) in hash::digests(&folder, &found, &mut |_| {}, cancel)? {
        let path = RelativePath::new(&format!("{WHEELS}/{path}"))?;
        wheels.push(ManifestFile { path, size, digest });
    }
    Ok(wheels)
}

/// Whether it is a wheel of the wheelhouse, and no page.
fn is_wheel(path: &RelativePath) -> bool {
    !path.as_str().contains('/') && Utf8Path::new(path.as_str()).extension() == Some("whl")
}

/// Every path that a bundle has beside its metadata.
fn contents(manifest: &Manifest, bundle: &Utf8Path) -> Result<BTreeSet<RelativePath>, Error> {
    let mut paths: BTreeSet<RelativePath> = BTreeSet::new();
    paths.extend(RelativePath::new(MANIFEST));
    paths.extend(manifest.wheels.iter().map(|file| file.path.clone()));
    paths.extend(manifest.images.iter().map(|image| image.file.path.clone()));
    paths.extend(manifest.project.iter().map(|file| file.path.clone()));
    let pages = bundle.join(WHEELS).join("simple");
    if pages.is_dir() {
        for found in files::all(&pages)? {
            paths.extend(RelativePath::new(&format!("{WHEELS}/simple/{}", found.path)));
        }
    }
    Ok(paths)
}
