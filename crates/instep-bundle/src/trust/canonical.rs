//! The one form in which metadata is written, so that no byte of it can differ unseen.
//!
//! It is not what is signed: the canonical JSON of the specification has line ends in strings, as in RSA keys, which no
//! JSON parser reads.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tough::schema::{Role, Signed};

use crate::digest::hex;

/// The bytes of a metadata file: JSON without spaces, keys in order, signatures in the order of their keys, their
/// digits in small letters. What cannot be written has no bytes.
pub(super) fn bytes<T: Role>(signed: &Signed<T>) -> Option<Vec<u8>> {
    let mut signatures: Vec<_> = signed.signatures.iter().collect();
    signatures.sort_by(|one, other| one.keyid.cmp(&other.keyid));
    let signature = |one: &&tough::schema::Signature| serde_json::json!({ "keyid": hex(&one.keyid), "sig": hex(&one.sig) });
    let signatures: Vec<Value> = signatures.iter().map(signature).collect();
    let role = serde_json::to_value(&signed.signed).ok()?;
    let file = serde_json::json!({ "signatures": signatures, "signed": role });
    serde_json::to_vec(&Sorted::from(file)).ok()
}

/// A value whose objects are in the order of their keys, whatever a map of `serde_json` keeps.
#[derive(Serialize)]
#[serde(untagged)]
enum Sorted {
    Object(BTreeMap<String, Self>),
    Array(Vec<Self>),
    Other(Value),
}

impl From<Value> for Sorted {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(map) => {
                Self::Object(map.into_iter().map(|(key, value)| (key, value.into())).collect())
            }
            Value::Array(values) => Self::Array(values.into_iter().map(Self::from).collect()),
            other => Self::Other(other),
        }
    }
}
