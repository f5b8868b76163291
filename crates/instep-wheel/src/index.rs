//! A package index: what it offers, by the simple repository API
//! ([specification](https://packaging.python.org/en/latest/specifications/simple-repository-api/)).

mod client;
mod credentials;
mod page;
mod resolver;
mod sources;
mod transport;

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;

pub use client::Client;
pub(crate) use client::{Answer, Failure, patiently};

/// A file that an index offers.
#[derive(Clone, PartialEq, Eq, Serialize)]
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

impl std::fmt::Debug for IndexFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("IndexFile")
            .field("name", &self.name)
            .field("url", &shown(&self.url))
            .field("hashes", &self.hashes)
            .field("size", &self.size)
            .field("requires_python", &self.requires_python)
            .field("yanked", &self.yanked)
            .finish()
    }
}

/// Why an index gave no answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexProblem {
    /// It answers that something is wrong.
    #[error("it answers {status}")]
    Status {
        /// The status of HTTP.
        status: u16,
    },
    /// It could not be reached, or broke off.
    #[error("{reason}")]
    Unreachable {
        /// What happened, without secrets.
        reason: String,
    },
    /// What it sent is not a page of an index.
    #[error("it sends {found}, and no page of an index")]
    ContentType {
        /// The content type.
        found: String,
    },
    /// It follows a version of the API that is not known.
    #[error("it follows version {found} of the simple API, and 1.x is what can be read")]
    Version {
        /// As the page says.
        found: String,
    },
    /// Its page cannot be read.
    #[error("its page cannot be read: {reason}")]
    Page {
        /// Why.
        reason: String,
    },
    /// Its page does not end.
    #[error("its page is larger than {most} MB")]
    TooLarge {
        /// Megabytes.
        most: u64,
    },
    /// Its address is none.
    #[error("that is no address of an index")]
    Address,
    /// What it is to be reached with cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// An address without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    instep_tools::redact(url.as_str()).into()
}
