//! Making a root, and renewing it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::num::NonZeroU64;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::{FileLock, write_atomic};
use instep_keys::Role;
use instep_tools::CancelToken;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tough::schema::{RoleKeys, Root, Signed};

use super::canonical;
use super::follow::{self, Roots, SPEC};
use super::key::{Keys, Opened};
use super::metadata::{SMALL, read_at_most, root_name};
use super::problem::{RootProblem, TrustProblem};
use super::role::TopRole;
use super::settings::TrustSettings;
use super::sign::signed_by;
use crate::error::Error;
use crate::event::Event;

/// Asks for the password of a key.
pub type Passwords<'a> = &'a mut dyn FnMut(&Role) -> Result<SecretString, instep_keys::Error>;

/// A root: what a site verifies with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    /// The file, which is public.
    pub path: Utf8PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its version, from 1.
    pub version: u64,
    /// Until when it is good.
    pub expires: Timestamp,
    /// The keys that were made for it.
    pub made: Vec<Role>,
}

/// Takes the root that is there, whatever the settings say; where there is none, makes one, and the keys of which there is no file.
///
/// # Errors
///
/// [`Error::Trust`], [`Error::Io`], [`Error::Cancelled`].
pub fn ensure_root(
    settings: &TrustSettings,
    passwords: Passwords<'_>,
    now: Timestamp,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<TrustRoot, Error> {
    let _lock = lock(&settings.folder.join("keys/lock"), cancel)?;
    if let Some(held) = load(&settings.folder)? {
        return Ok(held.into_root(&settings.folder, Vec::new()));
    }
    settings.check()?;
    let mut keys = Keys::new(&settings.folder);
    let made = make_missing(settings, &mut keys, passwords, tell)?;
    let root = compose(settings, &mut keys, passwords, NonZeroU64::MIN, now)?;
    let own = openable(settings, TopRole::Root, &mut keys, passwords)?;
    write(settings, &signed_by(root.clone(), &root, &own, cancel)?, made)
}

/// Makes the next version of the root from the settings: other keys, thresholds, a new expiry. Keys of which there is
/// no file are made; none is overwritten. It is signed by the keys of the root before, of which `before` names those that
/// the settings do not, and by its own.
///
/// # Errors
///
/// [`TrustProblem::NoRoot`], [`TrustProblem::OldKeys`] and other [`Error::Trust`], [`Error::Io`], [`Error::Cancelled`].
pub fn renew_root(
    settings: &TrustSettings,
    before: &[Role],
    passwords: Passwords<'_>,
    now: Timestamp,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<TrustRoot, Error> {
    let _lock = lock(&settings.folder.join("keys/lock"), cancel)?;
    let path = settings.folder.join("root.json");
    let old = load(&settings.folder)?.ok_or(TrustProblem::NoRoot { path })?.signed;
    settings.check()?;
    let version = old.signed.version.get();
    let next = old.signed.version.checked_add(1).ok_or(TrustProblem::Versions { version })?;
    let mut keys = Keys::new(&settings.folder);
    let mut old_keys = openable(settings, TopRole::Root, &mut keys, passwords)?;
    for key in before {
        old_keys.push(keys.open(key, passwords)?);
    }
    let old_role = old.signed.roles.get(&TopRole::Root.tuf());
    // A key that has two files is one signer.
    let mut ids = BTreeSet::new();
    old_keys.retain(|key| {
        let id = key.public().key_id().ok();
        id.is_some_and(|id| {
            old_role.is_some_and(|role| role.keyids.contains(&id)) && ids.insert(id)
        })
    });
    let needed = old_role.map_or(0, |role| role.threshold.get());
    let valid = u64::try_from(old_keys.len()).unwrap_or_default();
    if valid < needed {
        return Err(TrustProblem::OldKeys { valid, needed }.into());
    }
    let made = make_missing(settings, &mut keys, passwords, tell)?;
    let root = compose(settings, &mut keys, passwords, next, now)?;
    let own = openable(settings, TopRole::Root, &mut keys, passwords)?;
    let mut signed = signed_by(root.clone(), &root, &own, cancel)?;
    let by_old = signed_by(root, &old.signed, &old_keys, cancel)?;
    let known: Vec<_> = signed.signatures.iter().map(|one| one.keyid.clone()).collect();
    let more = by_old.signatures.into_iter().filter(|one| !known.contains(&one.keyid));
    signed.signatures.extend(more);
    write(settings, &signed, made)
}

/// The newest root of a trust folder, and the files of all.
pub(super) struct Held {
    pub(super) signed: Signed<Root>,
    pub(super) bytes: Vec<u8>,
    /// By version, without a gap up to the newest.
    pub(super) roots: Roots,
}

impl Held {
    fn into_root(self, folder: &Utf8Path, made: Vec<Role>) -> TrustRoot {
        TrustRoot {
            path: folder.join("root.json"),
            bytes: self.bytes,
            version: self.signed.signed.version.get(),
            expires: self.signed.signed.expires,
            made,
        }
    }
}

/// Reads the roots of a trust folder; nothing where there is no `root.json`.
///
/// # Errors
///
/// [`TrustProblem::Root`], [`Error::Io`].
pub(super) fn load(folder: &Utf8Path) -> Result<Option<Held>, Error> {
    let read = |name: &str| {
        let path = folder.join(name);
        match read_at_most(&path, SMALL) {
            Ok(Some(bytes)) => Ok(Some((path, bytes))),
            Ok(None) => {
                let reason = format!("it is larger than {SMALL} bytes");
                Err(Error::from(TrustProblem::Root {
                    path,
                    problem: RootProblem::Unreadable { reason },
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { action: "read", path, source }),
        }
    };
    let Some((path, bytes)) = read("root.json")? else { return Ok(None) };
    let signed = follow::first(&bytes).map_err(|problem| TrustProblem::Root { path, problem })?;
    let newest = signed.signed.version.get();
    let mut roots = BTreeMap::from([(newest, bytes.clone())]);
    let mut after = signed.signed.clone();
    for version in (1..newest).rev() {
        let Some((path, bytes)) = read(&root_name(version))? else { break };
        let older = follow::first(&bytes)
            .and_then(|older| {
                let next = roots.get(&after.version.get()).map(Vec::as_slice).unwrap_or_default();
                follow::next(&older.signed, next).map(|_| older)
            })
            .map_err(|problem| TrustProblem::Root { path, problem })?;
        after = older.signed;
        roots.insert(version, bytes);
    }
    Ok(Some(Held { signed, bytes, roots }))
}

/// One process at a time makes keys and roots, or changes what is remembered.
pub(super) fn lock(path: &Utf8Path, cancel: &CancelToken) -> Result<FileLock, Error> {
    let holder = instep_tools::holder("instep bundle");
    FileLock::acquire(path, &holder, &mut |_| {}, &|| cancel.is_cancelled()).map_err(|error| {
        match error {
            instep_fs::Error::Cancelled { .. } => Error::Cancelled,
            error => TrustProblem::from(error).into(),
        }
    })
}

/// Makes the keys of all roles of which there is no file.
fn make_missing(
    settings: &TrustSettings,
    keys: &mut Keys,
    passwords: Passwords<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<Vec<Role>, Error> {
    let mut made = Vec::new();
    for key in TopRole::ALL.iter().flat_map(|role| &settings.role(*role).keys) {
        if !keys.has(key) {
            let what = super::key::path(&settings.folder, key).to_string();
            tell(Event::Started { what: what.clone(), bytes: None });
            keys.make(key, passwords)?;
            tell(Event::Finished { what });
            made.push(key.clone());
        }
    }
    Ok(made)
}

/// The keys of a role that are here.
pub(super) fn openable(
    settings: &TrustSettings,
    role: TopRole,
    keys: &mut Keys,
    passwords: Passwords<'_>,
) -> Result<Vec<Opened>, TrustProblem> {
    let mut opened = Vec::new();
    for key in &settings.role(role).keys {
        if keys.has(key) {
            opened.push(keys.open(key, passwords)?);
        }
    }
    Ok(opened)
}

/// The root that the settings describe.
fn compose(
    settings: &TrustSettings,
    keys: &mut Keys,
    passwords: Passwords<'_>,
    version: NonZeroU64,
    now: Timestamp,
) -> Result<Root, TrustProblem> {
    let mut root = Root {
        spec_version: SPEC.to_owned(),
        consistent_snapshot: false,
        version,
        expires: expiry(now, settings.root.days),
        keys: HashMap::new(),
        roles: HashMap::new(),
        _extra: HashMap::new(),
    };
    for role in TopRole::ALL {
        let mut names: Vec<(Opened, _)> = Vec::new();
        for key in &settings.role(role).keys {
            let opened = keys.open(key, passwords)?;
            let public = opened.public();
            let failed = |reason: String| TrustProblem::Sign { role, reason };
            let id = public.key_id().map_err(|error| failed(error.to_string()))?;
            if let Some((other, _)) = names.iter().find(|(_, other)| *other == id) {
                let (one, other) = (other.key.clone(), key.clone());
                return Err(TrustProblem::SameKey { role, one, other });
            }
            root.keys.insert(id.clone(), public);
            names.push((opened, id));
        }
        let keyids = names.into_iter().map(|(_, id)| id).collect();
        let threshold = settings.role(role).threshold;
        root.roles.insert(role.tuf(), RoleKeys { keyids, threshold, _extra: HashMap::new() });
    }
    Ok(root)
}

/// So many days from now, in whole seconds, as the specification writes times.
pub(super) fn expiry(now: Timestamp, days: u32) -> Timestamp {
    let later = now.as_second().saturating_add(i64::from(days) * 86_400);
    let latest = Timestamp::MAX.as_second();
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(later.min(latest)))
        .unwrap_or(Timestamp::MAX)
}

/// Writes a root under its version, then as the newest.
fn write(
    settings: &TrustSettings,
    signed: &Signed<Root>,
    made: Vec<Role>,
) -> Result<TrustRoot, Error> {
    let version = signed.signed.version.get();
    let unwritable = || TrustProblem::Versions { version };
    let bytes = canonical::bytes(signed).ok_or_else(unwritable)?;
    let path = settings.folder.join("root.json");
    // Nothing is handed out that would not be accepted.
    follow::first(&bytes).map_err(|problem| TrustProblem::Root { path: path.clone(), problem })?;
    for name in [root_name(version).as_str(), "root.json"] {
        write_atomic(&settings.folder.join(name), &bytes).map_err(TrustProblem::from)?;
    }
    Ok(TrustRoot { path, bytes, version, expires: signed.signed.expires, made })
}
