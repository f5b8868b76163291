//! Signing a bundle.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use aws_lc_rs::rand::SystemRandom;
use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::{RelativePath, write_atomic};
use instep_tools::CancelToken;
use jiff::Timestamp;
use tough::TargetName;
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::{
    Hashes, KeyHolder, Metafile, Role, Root, Signed, Snapshot, Target, Targets,
    Timestamp as TimestampRole,
};

use super::canonical;
use super::fault::Fault;
use super::files::{self, Listing};
use super::follow::{self, SPEC};
use super::key::{Keys, Opened};
use super::metadata::{SMALL, TARGETS, read_at_most, root_name};
use super::problem::TrustProblem;
use super::role::TopRole;
use super::root::{self, Held, Passwords, expiry, openable};
use super::settings::TrustSettings;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Event;
use crate::hash::{self, Content};
use crate::layout::METADATA;

/// What to sign.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest<'a> {
    /// The folder of the bundle. What is in its `metadata/` is replaced.
    pub bundle: &'a Utf8Path,
    /// By whom, and for how long.
    pub settings: &'a TrustSettings,
    /// The bundle before this one, where it is at hand: the versions of the new one are higher than its.
    pub previous: Option<&'a Utf8Path>,
    /// The time of signing. The version is the number of its seconds since 1970, if none before was higher.
    pub now: Timestamp,
}

/// A bundle that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBundle {
    /// The version of its targets, snapshot and timestamp.
    pub version: u64,
    /// The version of the root.
    pub root_version: u64,
    /// Until when it is good, and by which role's word it is not any longer then.
    pub expires: (Timestamp, TopRole),
    /// How many files were signed for, roots included.
    pub files: usize,
    /// How large they are together, in bytes.
    pub bytes: u64,
}

/// Signs for every file of a bundle, and writes its `metadata/`, the timestamp last.
///
/// # Errors
///
/// [`TrustProblem::Unsignable`] where there are links or names that do not mean the same everywhere,
/// [`TrustProblem::NoRoot`], [`TrustProblem::RootExpired`], [`TrustProblem::TooFewKeys`] and other [`Error::Trust`];
/// [`Error::Io`], [`Error::Cancelled`].
pub fn sign(
    request: &SignRequest<'_>,
    passwords: Passwords<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<SignedBundle, Error> {
    let SignRequest { bundle, settings, now, .. } = *request;
    let path = settings.folder.join("root.json");
    let held =
        root::load(&settings.folder)?.ok_or_else(|| TrustProblem::NoRoot { path: path.clone() })?;
    let root = &held.signed.signed;
    if root.expires <= now {
        return Err(TrustProblem::RootExpired { path, since: root.expires }.into());
    }
    // Before anything that takes long.
    let signers = Signers::open(settings, root, passwords)?;
    let version = next_version(request, root)?;
    let listing = list_content(bundle)?;
    let files: Vec<_> = listing.files.iter().map(|(path, size)| (path.clone(), *size)).collect();
    let mut contents = hash::digests(bundle, &files, tell, cancel)?;
    contents.extend(roots_as_contents(&held));
    let dates = |role: TopRole| expiry(now, settings.role(role).days);

    let targets = signed_by(
        targets(&contents, version, dates(TopRole::Targets)),
        root,
        &signers.targets,
        cancel,
    )?;
    let targets = written(&targets, TARGETS)?;
    let mut snapshot = Snapshot::new(SPEC.to_owned(), version, dates(TopRole::Snapshot));
    snapshot.meta.insert("targets.json".to_owned(), meta(version, &targets));
    let snapshot = written(&signed_by(snapshot, root, &signers.snapshot, cancel)?, SMALL)?;
    let mut timestamp = TimestampRole::new(SPEC.to_owned(), version, dates(TopRole::Timestamp));
    timestamp.meta.insert("snapshot.json".to_owned(), meta(version, &snapshot));
    let timestamp = written(&signed_by(timestamp, root, &signers.timestamp, cancel)?, SMALL)?;

    let roots = held.roots.iter().map(|(version, bytes)| (root_name(*version), bytes.as_slice()));
    let mut metadata: Vec<(String, &[u8])> = roots.collect();
    metadata.push(("targets.json".to_owned(), &targets));
    metadata.push(("snapshot.json".to_owned(), &snapshot));
    metadata.push(("timestamp.json".to_owned(), &timestamp));
    write(&bundle.join(METADATA), &metadata)?;
    let expiries =
        [TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp].map(|role| (dates(role), role));
    let first = expiries.into_iter().min().unwrap_or((root.expires, TopRole::Root));
    Ok(SignedBundle {
        version: version.get(),
        root_version: root.version.get(),
        expires: first.min((root.expires, TopRole::Root)),
        files: contents.len(),
        bytes: contents.values().map(|(_, size)| size).sum(),
    })
}

/// The keys of the three roles that sign a bundle.
struct Signers {
    targets: Vec<Opened>,
    snapshot: Vec<Opened>,
    timestamp: Vec<Opened>,
}

impl Signers {
    fn open(
        settings: &TrustSettings,
        root: &Root,
        passwords: Passwords<'_>,
    ) -> Result<Self, TrustProblem> {
        let mut keys = Keys::new(&settings.folder);
        let mut of = |role: TopRole| {
            let opened = openable(settings, role, &mut keys, passwords)?;
            let known = root.roles.get(&role.tuf());
            for key in &opened {
                let id = key.public().key_id().ok();
                if !id.is_some_and(|id| known.is_some_and(|known| known.keyids.contains(&id))) {
                    return Err(TrustProblem::NotInRoot { key: key.key.clone(), role });
                }
            }
            let (found, needed) = (opened.len(), known.map_or(1, |known| known.threshold.get()));
            if u64::try_from(found).is_ok_and(|found| found < needed) {
                return Err(TrustProblem::TooFewKeys { role, found, needed });
            }
            Ok(opened)
        };
        let (targets, snapshot) = (of(TopRole::Targets)?, of(TopRole::Snapshot)?);
        Ok(Self { targets, snapshot, timestamp: of(TopRole::Timestamp)? })
    }
}

/// What is in a bundle but its metadata.
fn list_content(bundle: &Utf8Path) -> Result<Listing, Error> {
    let mut listing = files::list(bundle)?;
    let is_metadata = |path: &str| path.split('/').next() == Some(METADATA);
    listing.files.retain(|path, _| !is_metadata(path.as_str()));
    let faults: Vec<Fault> = std::mem::take(&mut listing.faults);
    if faults.is_empty() {
        Ok(listing)
    } else {
        Err(TrustProblem::Unsignable { bundle: bundle.to_owned(), faults }.into())
    }
}

/// The roots, as files of the bundle that they will be.
fn roots_as_contents(held: &Held) -> BTreeMap<RelativePath, Content> {
    let content = |(version, bytes): (&u64, &Vec<u8>)| {
        let path = RelativePath::new(&[METADATA, &root_name(*version)].join("/")).ok()?;
        Some((path, (Digest::of(bytes), u64::try_from(bytes.len()).ok()?)))
    };
    held.roots.iter().filter_map(content).collect()
}

fn targets(
    contents: &BTreeMap<RelativePath, Content>,
    version: NonZeroU64,
    expires: Timestamp,
) -> Targets {
    let target = |(path, (digest, length)): (&RelativePath, &Content)| {
        let target = Target {
            length: *length,
            hashes: hashes(*digest),
            custom: HashMap::new(),
            _extra: HashMap::new(),
        };
        Some((TargetName::new(path.as_str()).ok()?, target))
    };
    let mut targets = Targets::new(SPEC.to_owned(), version, expires);
    targets.delegations = None;
    targets.targets = contents.iter().filter_map(target).collect();
    targets
}

pub(super) fn hashes(digest: Digest) -> Hashes {
    Hashes { sha256: digest.as_bytes().to_vec().into(), _extra: HashMap::new() }
}

pub(super) fn meta(version: NonZeroU64, bytes: &[u8]) -> Metafile {
    Metafile {
        length: u64::try_from(bytes.len()).ok(),
        hashes: Some(hashes(Digest::of(bytes))),
        version,
        _extra: HashMap::new(),
    }
}

/// Metadata with the signatures of keys that a root knows for its role.
///
/// # Errors
///
/// [`TrustProblem::Sign`], [`Error::Cancelled`].
pub(super) fn signed_by<T: Role + Clone>(
    metadata: T,
    root: &Root,
    keys: &[Opened],
    cancel: &CancelToken,
) -> Result<Signed<T>, Error> {
    let sources: Vec<Box<dyn KeySource>> =
        keys.iter().map(|key| Box::new(key.clone()) as _).collect();
    let holder = KeyHolder::Root(root.clone());
    crate::runtime::run(cancel, async {
        let signed = SignedRole::new(metadata, &holder, &sources, &SystemRandom::new()).await;
        signed.map(|signed| signed.signed().clone()).map_err(|error| {
            let reason = error.to_string();
            TrustProblem::Sign { role: TopRole::from(T::TYPE), reason }.into()
        })
    })
}

/// The bytes of a metadata file that a reader will take.
fn written<T: Role>(signed: &Signed<T>, limit: u64) -> Result<Vec<u8>, TrustProblem> {
    let failed = |reason: &str| TrustProblem::Sign {
        role: TopRole::from(T::TYPE),
        reason: reason.to_owned(),
    };
    let bytes = canonical::bytes(signed).ok_or_else(|| failed("it cannot be written"))?;
    let is_small = u64::try_from(bytes.len()).is_ok_and(|size| size <= limit);
    if is_small { Ok(bytes) } else { Err(failed("it is larger than a reader takes")) }
}

/// The seconds since 1970, or one more than the highest version that this root's keys signed before, in the bundle
/// itself and in the one that is given.
fn next_version(request: &SignRequest<'_>, root: &Root) -> Result<NonZeroU64, TrustProblem> {
    let mut version = u64::try_from(request.now.as_second()).unwrap_or_default().max(1);
    for bundle in [Some(request.bundle), request.previous].into_iter().flatten() {
        let folder = bundle.join(METADATA);
        let before = [
            signed_version::<TimestampRole>(&folder, root, SMALL),
            signed_version::<Snapshot>(&folder, root, SMALL),
            signed_version::<Targets>(&folder, root, TARGETS),
        ];
        for before in before.into_iter().flatten() {
            let next = before.checked_add(1);
            version = version.max(next.ok_or(TrustProblem::Versions { version: before })?);
        }
    }
    NonZeroU64::new(version).ok_or(TrustProblem::Versions { version })
}

/// The version of a metadata file, where the root's keys vouch for it. What they do not vouch for, no site that follows the
/// root holds against a newer bundle.
fn signed_version<T: Role + serde::de::DeserializeOwned>(
    folder: &Utf8Path,
    root: &Root,
    limit: u64,
) -> Option<u64> {
    let path: Utf8PathBuf = folder.join(format!("{}.json", TopRole::from(T::TYPE)));
    let bytes = read_at_most(&path, limit).ok()??;
    let mut signed: Signed<T> = serde_json::from_slice(&bytes).ok()?;
    let is_enough = follow::count(root, &mut signed).is_enough();
    is_enough.then(|| signed.signed.version().get())
}

/// Writes the metadata, in this order, after everything else was removed from the folder.
fn write(folder: &Utf8Path, files: &[(String, &[u8])]) -> Result<(), Error> {
    let failed = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| Error::Io { action: "write", path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    // First the newest, so that what is left of an older version is never taken for a whole.
    for entry in folder.read_dir_utf8().map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let is_kept = files.iter().any(|(name, _)| name == entry.file_name());
        if !is_kept || entry.file_name() == "timestamp.json" {
            let kind = entry.file_type().map_err(failed(entry.path()))?;
            let remove = |path| {
                if kind.is_dir() {
                    std::fs::remove_dir_all(path)
                } else {
                    std::fs::remove_file(path)
                }
            };
            remove(entry.path()).map_err(failed(entry.path()))?;
        }
    }
    for (name, bytes) in files {
        write_atomic(&folder.join(name), bytes).map_err(TrustProblem::from)?;
    }
    Ok(())
}
