//! Verifying a bundle.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::RelativePath;
use instep_tools::CancelToken;
use jiff::Timestamp;
use tough::schema::{Root, Signed, Targets};

use super::compare::{compare, to_read};
use super::fault::Fault;
use super::files::{self, Listing};
use super::follow;
use super::judge::{Judged, judge};
use super::memory::{Lesson, Memory};
use super::metadata::{Metadata, name_of, root_version};
use super::problem::TrustProblem;
use super::role::TopRole;
use super::root::lock;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::hash::{self, Content};
use crate::layout::METADATA;
use crate::names::{NameProblem, portable};

/// By what a bundle is verified.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The content of the root that is trusted: a `root.json` that came by a way of its own. Newer ones are followed.
    pub root: Vec<u8>,
    /// The folder that remembers the newest bundle accepted here, one for each line of bundles. Without it an older
    /// bundle that has not expired is accepted.
    pub seen: Option<Utf8PathBuf>,
    /// The time, by which it is said what has expired.
    pub now: Timestamp,
}

/// A file of a bundle that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedFile {
    /// Of its content.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A bundle that is what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The version of its targets.
    pub version: u64,
    /// The version of the newest root.
    pub root_version: u64,
    /// Until when it is good, and by which role's word it is not any longer then.
    pub expires: (Timestamp, TopRole),
    /// The keys that signed, by role: hexadecimal digits of TUF's key ids.
    pub signed_by: BTreeMap<TopRole, Vec<String>>,
    /// What is in it, but `metadata/targets.json`, `snapshot.json` and `timestamp.json`.
    pub files: BTreeMap<RelativePath, VerifiedFile>,
}

/// Verifies that a folder is a bundle as it was signed: every byte of it, and nothing else.
///
/// All faults are collected. Where nobody vouches for the list of targets, the files are not read. What is remembered
/// in [`Trust::seen`] changes only where the bundle is accepted.
///
/// # Errors
///
/// [`Error::Refused`] with every [`Fault`]; [`Error::Trust`] where the root or the memory cannot be used;
/// [`Error::Io`], [`Error::Cancelled`].
pub fn verify(
    bundle: &Utf8Path,
    trust: &Trust,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Verified, Error> {
    let trusted =
        follow::first(&trust.root).map_err(|problem| TrustProblem::TrustedRoot { problem })?;
    let memory = remembered(trust)?;
    let Listing { files, mut faults } = files::list(bundle)?;
    let (metadata, too_large) = Metadata::read(bundle, files.keys())?;
    faults.extend(too_large);
    let judged = judge_by(trust, trusted.clone(), &memory, &metadata, cancel)?;
    faults.extend(judged.faults.iter().cloned());
    let signed = match &judged.targets {
        Some(targets) => contents(targets, &mut faults),
        None => BTreeMap::new(),
    };
    faults.extend(differences(bundle, &files, &signed, judged.targets.is_some(), tell, cancel)?);
    if faults.is_empty() {
        let verified = accepted(judged, signed).map_err(|fault| refused(bundle, vec![fault]))?;
        remember(bundle, trust, trusted, &memory, &metadata, cancel)?;
        return Ok(verified);
    }
    Err(refused(bundle, faults))
}

fn refused(bundle: &Utf8Path, mut faults: Vec<Fault>) -> Error {
    faults.sort();
    faults.dedup();
    Error::Refused { bundle: bundle.to_owned(), faults }
}

fn remembered(trust: &Trust) -> Result<Memory, Error> {
    trust.seen.as_deref().map_or_else(|| Ok(Memory::default()), Memory::read)
}

fn judge_by(
    trust: &Trust,
    trusted: Signed<Root>,
    memory: &Memory,
    metadata: &Metadata,
    cancel: &CancelToken,
) -> Result<Judged, Error> {
    let folder = trust.seen.as_deref().unwrap_or(Utf8Path::new(""));
    let start = memory.newest(folder, &trust.root, trusted)?;
    judge(metadata, &start, memory, trust.now, cancel)
}

/// The targets by path, where their names mean the same everywhere.
fn contents(targets: &Signed<Targets>, faults: &mut Vec<Fault>) -> BTreeMap<RelativePath, Content> {
    let mut contents = BTreeMap::new();
    for (name, target) in &targets.signed.targets {
        let name = name.raw();
        let bad = |problem| Fault::Name { path: name.to_owned(), problem };
        match (portable(name), <[u8; 32]>::try_from(&*target.hashes.sha256)) {
            (Ok(path), Ok(digest)) => {
                contents.insert(path, (Digest::from(digest), target.length));
            }
            (Err(problem), _) => faults.push(bad(problem)),
            (_, Err(_)) => faults.push(bad(NameProblem::Path)),
        }
    }
    contents
}

/// The files of the bundle, held against those that were signed.
fn differences(
    bundle: &Utf8Path,
    files: &BTreeMap<RelativePath, u64>,
    signed: &BTreeMap<RelativePath, Content>,
    is_known: bool,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Vec<Fault>, Error> {
    // The three that no target can name, since they name the targets.
    let is_above =
        |path: &RelativePath| name_of(path).is_some_and(|name| root_version(name).is_none());
    let mut there = files.clone();
    there.retain(|path, _| !is_above(path));
    if !is_known {
        let is_extra = |path: &&RelativePath| {
            path.as_str().split('/').next() == Some(METADATA) && name_of(path).is_none()
        };
        let extra = there.keys().filter(is_extra);
        return Ok(extra.map(|path| Fault::Added { path: path.as_str().to_owned() }).collect());
    }
    let read = hash::digests(bundle, &to_read(signed, &there), tell, cancel)?;
    Ok(compare(signed, &there, &read))
}

fn accepted(judged: Judged, signed: BTreeMap<RelativePath, Content>) -> Result<Verified, Fault> {
    let nothing = || Fault::Refused { reason: "nobody vouches for it".to_owned() };
    let root = judged.root.ok_or_else(nothing)?;
    let targets = judged.targets.ok_or_else(nothing)?;
    let expiries = judged.expiries.iter().map(|(role, expires)| (*expires, *role));
    let file = |(path, (digest, size))| (path, VerifiedFile { digest, size });
    Ok(Verified {
        version: targets.signed.version.get(),
        root_version: root.signed.version.get(),
        expires: expiries.min().ok_or_else(nothing)?,
        signed_by: judged.signers,
        files: signed.into_iter().map(file).collect(),
    })
}

/// Remembers an accepted bundle, unless a newer one was accepted while this one was read.
fn remember(
    bundle: &Utf8Path,
    trust: &Trust,
    trusted: Signed<Root>,
    before: &Memory,
    metadata: &Metadata,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let Some(folder) = trust.seen.as_deref() else { return Ok(()) };
    let _lock = lock(&folder.join("lock"), cancel)?;
    let memory = Memory::read(folder)?;
    // The clock of who finished first may be a moment ahead of the time that was given here.
    let same_time = Memory { time: before.time, ..memory.clone() };
    let judged = judge_by(trust, trusted, &same_time, metadata, cancel)?;
    if !judged.faults.is_empty() {
        return Err(refused(bundle, judged.faults));
    }
    let lesson = Lesson {
        roots: &judged.roots,
        timestamp: metadata.get("timestamp.json").unwrap_or_default(),
        snapshot: metadata.get("snapshot.json").unwrap_or_default(),
        time: memory.time.map_or(trust.now, |time| time.max(trust.now)),
    };
    Ok(Memory::learn(folder, &lesson)?)
}
