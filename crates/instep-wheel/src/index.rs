//! A package index: what it offers, by the simple repository API
//! ([specification](https://packaging.python.org/en/latest/specifications/simple-repository-api/)).

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;

/// A file that an index offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexFile {
    /// Its name.
    pub name: String,
    /// Where it is, without the fragment. May hold a password: it is shown to nobody.
    #[serde(skip)]
    pub url: Url,
    /// Digests in lower-case hexadecimal digits, by the name of their algorithm (`sha256`).
    pub hashes: BTreeMap<String, String>,
    /// Bytes, where the index tells.
    pub size: Option<u64>,
    /// `>=3.10`, as the index tells it.
    pub requires_python: Option<String>,
    /// Why it was withdrawn (PEP 592), where it was; may be empty.
    pub yanked: Option<String>,
}
