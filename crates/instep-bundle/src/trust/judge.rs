//! Whether the metadata of a bundle is accepted, and what speaks against it.
//!
//! `tough` decides, by the workflow of a TUF client (section 5 of the specification). It stops at the first fault; so
//! all of them are looked for first, each role by itself, and `tough` is only asked where none was found. It does not
//! know the time that this module is told, so that what has expired is found here alone.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_tools::CancelToken;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tough::schema::{Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp as TimestampRole};
use tough::{ExpirationEnforcement, Limits, RepositoryLoader};

use super::canonical;
use super::fault::Fault;
use super::follow::{self, Known, Roots};
use super::memory::Memory;
use super::metadata::{Metadata, SMALL, TARGETS, root_name};
use super::role::TopRole;
use crate::digest::Digest;
use crate::error::Error;
use crate::layout::METADATA;

/// The largest list of targets that is looked into where nobody vouches for it: what is in it takes memory.
const UNTRUSTED: usize = 4 * 1024 * 1024;
/// More roots than this follow each other in no bundle.
const MOST_ROOTS: u64 = 1024;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) faults: Vec<Fault>,
    /// The root that is the newest now, and the bytes of all from the trusted one on.
    pub(super) root: Option<Signed<Root>>,
    pub(super) roots: Roots,
    /// Where its signatures hold, whatever else is wrong.
    pub(super) targets: Option<Signed<Targets>>,
    /// By whom each role is signed, and until when it is good.
    pub(super) signers: BTreeMap<TopRole, Vec<String>>,
    pub(super) expiries: BTreeMap<TopRole, Timestamp>,
}

/// Judges metadata by the newest root that a site knows.
///
/// # Errors
///
/// [`Error::Cancelled`], [`Error::Runtime`], and [`Error::Io`] where there is no room for temporary files.
pub(super) fn judge(
    metadata: &Metadata,
    known: &Known,
    memory: &Memory,
    now: Timestamp,
    cancel: &CancelToken,
) -> Result<Judged, Error> {
    let mut judged = Judged { roots: known.roots.clone(), ..Judged::default() };
    if let Some(last) = memory.time.filter(|last| now < *last) {
        judged.faults.push(Fault::Clock { now, last });
    }
    let root = judged.follow(metadata, &known.newest);
    let view = View { metadata, root: &root.signed, now };
    judged.expires(TopRole::Root, root.signed.expires, now);
    let timestamp = judged.look(&view, |it: &TimestampRole| &it.spec_version);
    let snapshot = judged.look(&view, |it: &Snapshot| &it.spec_version);
    let meta = timestamp.as_ref().and_then(|it| it.signed.meta.get("snapshot.json"));
    judged.belongs(&view, meta, snapshot.as_ref());
    let meta = snapshot.as_ref().and_then(|it| it.signed.meta.get("targets.json"));
    let targets = judged.look_at_targets(&view, meta);
    judged.belongs(&view, meta, targets.as_ref());
    judged.not_older(memory, &root.signed, timestamp.as_ref(), snapshot.as_ref());
    if judged.faults.is_empty()
        && let Some(reason) = ask_tough(metadata, known, memory, cancel)?
    {
        judged.faults.push(Fault::Refused { reason });
    }
    judged.targets = targets;
    judged.root = Some(root);
    Ok(judged)
}

/// What each role is looked at by.
struct View<'a> {
    metadata: &'a Metadata,
    root: &'a Root,
    now: Timestamp,
}

impl Judged {
    /// Follows the roots of the bundle from the newest that is known, as far as they hold.
    fn follow(&mut self, metadata: &Metadata, start: &Signed<Root>) -> Signed<Root> {
        let mut newest = start.clone();
        for _ in 0..MOST_ROOTS {
            let Some(version) = newest.signed.version.get().checked_add(1) else { break };
            let Some(bytes) = metadata.get(&root_name(version)) else { break };
            match follow::next(&newest.signed, bytes) {
                Ok(next) => newest = next,
                Err(problem) => {
                    self.faults.push(Fault::Root { version, problem });
                    break;
                }
            }
            self.roots.insert(version, bytes.to_vec());
        }
        newest
    }

    /// Looks at one role by itself. It is returned where enough signatures hold.
    fn look<T: Role + DeserializeOwned>(
        &mut self,
        view: &View<'_>,
        spec: impl Fn(&T) -> &str,
    ) -> Option<Signed<T>> {
        let role = TopRole::from(T::TYPE);
        let path = path_of(role);
        let Some(bytes) = view.metadata.get(&file_of(role)) else {
            self.faults.push(Fault::Missing { path });
            return None;
        };
        let mut signed: Signed<T> = match serde_json::from_slice(bytes) {
            Ok(signed) => signed,
            Err(error) => {
                self.faults.push(Fault::Unreadable { path, reason: error.to_string() });
                return None;
            }
        };
        if !follow::is_known_spec(spec(&signed.signed)) {
            let version = spec(&signed.signed).to_owned();
            self.faults.push(Fault::NewerSpec { role, version });
        }
        let count = follow::count(view.root, &mut signed);
        if !count.is_enough() {
            let (valid, needed) = (count.held(), count.needed);
            self.faults.push(if count.is_known {
                Fault::Signatures { role, valid, needed }
            } else {
                Fault::WrongRoot { role }
            });
            return None;
        }
        let odd = count.odd.into_iter();
        self.faults.extend(odd.map(|key| Fault::Signature { role, key }));
        // The bytes of the other two are named by the role above them.
        if role == TopRole::Timestamp && canonical::bytes(&signed).as_deref() != Some(bytes) {
            self.faults.push(Fault::Changed { path });
        }
        self.expires(role, signed.signed.expires(), view.now);
        self.signers.insert(role, count.valid.into_iter().collect());
        Some(signed)
    }

    /// Looks at the list of targets, if it is small or the snapshot vouches for it.
    fn look_at_targets(
        &mut self,
        view: &View<'_>,
        meta: Option<&Metafile>,
    ) -> Option<Signed<Targets>> {
        let bytes = view.metadata.get(&file_of(TopRole::Targets));
        let is_vouched = meta.is_some_and(|meta| is_of(bytes, meta));
        if !is_vouched && bytes.is_some_and(|bytes| bytes.len() > UNTRUSTED) {
            return None;
        }
        let targets = self.look(view, |it: &Targets| &it.spec_version)?;
        let delegations = targets.signed.delegations.as_ref();
        if delegations.is_some_and(|delegations| !delegations.roles.is_empty()) {
            let reason = "it delegates to other roles".to_owned();
            self.faults.push(Fault::Unreadable { path: path_of(TopRole::Targets), reason });
        }
        Some(targets)
    }

    fn expires(&mut self, role: TopRole, since: Timestamp, now: Timestamp) {
        self.expiries.insert(role, since);
        if since <= now {
            self.faults.push(Fault::Expired { role, since });
        }
    }

    /// Whether metadata is what the role above it names.
    fn belongs<T: Role>(
        &mut self,
        view: &View<'_>,
        meta: Option<&Metafile>,
        signed: Option<&Signed<T>>,
    ) {
        let role = TopRole::from(T::TYPE);
        let bytes = view.metadata.get(&file_of(role));
        let (Some(meta), Some(_)) = (meta, bytes) else { return };
        let (path, wanted) = (path_of(role), meta.version.get());
        match signed.map(|signed| signed.signed.version().get()) {
            Some(found) if found != wanted => {
                self.faults.push(Fault::Mixed { path, found, wanted });
            }
            _ if !is_of(bytes, meta) => {
                let fault = Fault::Changed { path };
                if !self.faults.contains(&fault) {
                    self.faults.push(fault);
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is older than what was accepted before: sections 5.4.3 and 5.5.5 of the specification. What the
    /// keys of the newest root did not sign does not count.
    fn not_older(
        &mut self,
        memory: &Memory,
        root: &Root,
        timestamp: Option<&Signed<TimestampRole>>,
        snapshot: Option<&Signed<Snapshot>>,
    ) {
        let mut older = |role, seen: u64, found: u64| {
            if found < seen {
                self.faults.push(Fault::RolledBack { role, seen, found });
            }
        };
        if let (Some((seen, _)), Some(found)) = (&memory.timestamp, timestamp)
            && root.verify_role(seen).is_ok()
        {
            older(TopRole::Timestamp, seen.signed.version.get(), found.signed.version.get());
        }
        if let (Some((seen, _)), Some(found)) = (&memory.snapshot, snapshot)
            && root.verify_role(seen).is_ok()
        {
            older(TopRole::Snapshot, seen.signed.version.get(), found.signed.version.get());
            let version = |of: &Snapshot| of.meta.get("targets.json").map(|it| it.version.get());
            if let (Some(seen), Some(found)) = (version(&seen.signed), version(&found.signed)) {
                older(TopRole::Targets, seen, found);
            }
        }
    }
}

/// Whether a content is the one that metadata names; what it does not name of it may be anything.
fn is_of(bytes: Option<&[u8]>, meta: &Metafile) -> bool {
    bytes.is_some_and(|bytes| {
        let length = u64::try_from(bytes.len()).ok();
        let digest = Digest::of(bytes);
        meta.length.is_none_or(|wanted| Some(wanted) == length)
            && meta.hashes.as_ref().is_some_and(|wanted| *wanted.sha256 == digest.as_bytes()[..])
    })
}

fn file_of(role: TopRole) -> String {
    format!("{role}.json")
}

fn path_of(role: TopRole) -> String {
    format!("{METADATA}/{role}.json")
}

/// Why `tough` refuses the metadata; nothing where it accepts it.
fn ask_tough(
    metadata: &Metadata,
    known: &Known,
    memory: &Memory,
    cancel: &CancelToken,
) -> Result<Option<String>, Error> {
    let start = known.roots.last_key_value().map(|(_, bytes)| bytes.as_slice());
    let start = start.unwrap_or_default();
    let Some(base) = Metadata::base() else { return Ok(Some("there is no such URL".to_owned())) };
    // What it writes down before all is looked at is thrown away.
    let scratch = tempfile::tempdir().map_err(scratch_failed)?;
    let kept = [
        ("timestamp.json", memory.timestamp.as_ref().map(|(_, bytes)| bytes)),
        ("snapshot.json", memory.snapshot.as_ref().map(|(_, bytes)| bytes)),
    ];
    for (name, bytes) in kept {
        if let Some(bytes) = bytes {
            std::fs::write(scratch.path().join(name), bytes).map_err(scratch_failed)?;
        }
    }
    let limits = Limits {
        max_root_size: SMALL,
        max_targets_size: TARGETS,
        max_timestamp_size: SMALL,
        max_snapshot_size: SMALL,
        max_root_updates: MOST_ROOTS + 1,
    };
    let loader = RepositoryLoader::new(&start, base.clone(), base)
        .transport(metadata.clone())
        .limits(limits)
        .datastore(scratch.path())
        .expiration_enforcement(ExpirationEnforcement::Unsafe);
    crate::runtime::run(cancel, async {
        Ok(loader.load().await.err().map(|error| error.to_string()))
    })
}

fn scratch_failed(source: std::io::Error) -> Error {
    let path = Utf8Path::from_path(&std::env::temp_dir()).unwrap_or(Utf8Path::new("")).to_owned();
    Error::Io { action: "write", path, source }
}
