//! Roots: whether one vouches for itself, and for the one after it; and who signed what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tough::schema::key::Key;
use tough::schema::{Role, Root, Signed};

use super::problem::RootProblem;
use super::role::TopRole;

use crate::digest::hex;

/// The specification that is followed; newer ones of the same first number are understood by it (section 4.1 of the
/// TUF specification).
pub(super) const SPEC: &str = "1.0.0";

/// Whether metadata that says to be of this version of the specification can be understood.
pub(super) fn is_known_spec(version: &str) -> bool {
    version.split('.').next() == SPEC.split('.').next()
}

/// Roots that follow each other, by version: the bytes of their files.
pub(super) type Roots = BTreeMap<u64, Vec<u8>>;

/// The newest root that is known, and all from the trusted one to it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) newest: Signed<Root>,
    pub(super) roots: Roots,
}

/// The signatures of metadata, judged by a root.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// The keys whose signatures hold.
    pub(super) valid: BTreeSet<String>,
    /// The keys that other signatures name: unknown for the role, wrong, or there twice.
    pub(super) odd: Vec<String>,
    /// How many have to hold.
    pub(super) needed: u64,
    /// Whether any of the named keys is known to the root.
    pub(super) is_known: bool,
}

impl Count {
    pub(super) fn held(&self) -> u64 {
        u64::try_from(self.valid.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_enough(&self) -> bool {
        self.needed > 0 && self.held() >= self.needed
    }
}

/// Tries each signature by itself.
pub(super) fn count<T: Role + Serialize>(root: &Root, signed: &mut Signed<T>) -> Count {
    let mut one = root.clone();
    for keys in one.roles.values_mut() {
        keys.threshold = std::num::NonZeroU64::MIN;
    }
    let needed = root.roles.get(&T::TYPE).map_or(0, |keys| keys.threshold.get());
    let mut count = Count { needed, ..Count::default() };
    let all = std::mem::take(&mut signed.signatures);
    for signature in &all {
        let key = hex(&signature.keyid);
        count.is_known |= root.keys.contains_key(&signature.keyid);
        signed.signatures = vec![signature.clone()];
        let holds = one.verify_role(signed).is_ok();
        if !holds || !count.valid.insert(key.clone()) {
            count.odd.push(key);
        }
    }
    signed.signatures = all;
    count
}

/// Understands a root that is trusted for itself.
///
/// # Errors
///
/// Why it cannot be one.
pub(super) fn first(bytes: &[u8]) -> Result<Signed<Root>, RootProblem> {
    let mut root: Signed<Root> = serde_json::from_slice(bytes)
        .map_err(|error| RootProblem::Unreadable { reason: error.to_string() })?;
    if !is_known_spec(&root.signed.spec_version) {
        return Err(RootProblem::NewerSpec { version: root.signed.spec_version });
    }
    if root.signed.consistent_snapshot {
        return Err(RootProblem::ConsistentSnapshot);
    }
    for role in TopRole::ALL {
        check_keys(&root.signed, role)?;
    }
    let own = root.signed.clone();
    let count = count(&own, &mut root);
    if !count.is_enough() {
        return Err(RootProblem::Own { valid: count.held(), needed: count.needed });
    }
    Ok(root)
}

/// Understands the root that comes after another one: section 5.3 of the TUF specification.
///
/// # Errors
///
/// Why it does not follow.
pub(super) fn next(before: &Root, bytes: &[u8]) -> Result<Signed<Root>, RootProblem> {
    let mut root = first(bytes)?;
    let count = count(before, &mut root);
    if !count.is_enough() {
        return Err(RootProblem::Before { valid: count.held(), needed: count.needed });
    }
    if Some(root.signed.version.get()) != before.version.get().checked_add(1) {
        return Err(RootProblem::Version { found: root.signed.version.get() });
    }
    Ok(root)
}

/// Whether a role has keys enough, each of them once: the same key under two names is one signer.
fn check_keys(root: &Root, role: TopRole) -> Result<(), RootProblem> {
    let few = || RootProblem::Keys { role };
    let keys = root.roles.get(&role.tuf()).ok_or_else(few)?;
    let names: BTreeSet<_> = keys.keyids.iter().collect();
    let mut publics = BTreeSet::new();
    for key in names.iter().filter_map(|name| root.keys.get(*name)) {
        if !publics.insert(public(key)) {
            return Err(RootProblem::SameKey { role });
        }
    }
    let found = u64::try_from(publics.len()).unwrap_or(u64::MAX);
    if found < keys.threshold.get() { Err(few()) } else { Ok(()) }
}

/// The bytes of a public key.
pub(super) fn public(key: &Key) -> &[u8] {
    match key {
        Key::Rsa { keyval, .. } => &keyval.public,
        Key::Ed25519 { keyval, .. } => &keyval.public,
        Key::Ecdsa { keyval, .. } | Key::EcdsaOld { keyval, .. } => &keyval.public,
    }
}
