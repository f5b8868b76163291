//! A registry: who we are there, and what comes and goes.
//!
//! It speaks the OCI distribution specification, version 1.1. Names of images, manifests and the errors of registries
//! are `oci-client`'s; the requests are made here, with the same HTTP client that it is built on, since its own
//! client tells neither `Retry-After` nor `Content-Range`, reads a manifest of any size, ends an upload that takes
//! longer than a silence may, and takes its proxies from the process.
//!
//! | file | what |
//! | --- | --- |
//! | `settings.rs` | what a user may say about registries |
//! | `name.rs` | what a reference means |
//! | `login.rs` | the files and helpers of docker and podman |
//! | `token.rs` | what a registry asks for, and the answer to it |
//! | `http.rs` | one request, its retries, and what an answer is worth |
//! | `fetch.rs`, `send.rs` | manifests and blobs, this way and that |

mod fetch;
mod http;
mod login;
mod name;
mod problem;
mod send;
mod settings;
mod token;

use std::collections::BTreeMap;
use std::sync::Mutex;

use instep_tools::Environment;
use oci_client::Reference;

pub(crate) use fetch::{LARGEST_MANIFEST, RawManifest, digest_of};
pub(crate) use name::reference;
pub use problem::RegistryProblem;
pub(crate) use send::Source;
pub use settings::RegistrySettings;
pub(crate) use token::Access;

use crate::digest::Digest;
use crate::error::Error;
use login::Logins;
use token::{Grant, Scope};

/// How many blobs move at once.
pub(crate) const TRANSFERS: usize = 6;

/// Registries, as this machine and this user reach them.
pub(crate) struct Registry {
    client: reqwest::Client,
    settings: RegistrySettings,
    logins: Logins,
    /// What was let in.
    granted: Mutex<BTreeMap<Scope, Grant>>,
    /// Held while a token is fetched, so that transfers side by side fetch one.
    asking: tokio::sync::Mutex<()>,
    /// Why a login could not be read, by its registry. It is told where that wants one.
    unread: Mutex<BTreeMap<String, RegistryProblem>>,
}

impl Registry {
    /// Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`] for a certificate or a proxy that cannot be used.
    pub(crate) fn new(
        settings: &RegistrySettings,
        environment: &Environment,
    ) -> Result<Self, Error> {
        Ok(Self {
            client: http::client(settings, environment)?,
            settings: settings.clone(),
            logins: Logins::new(environment),
            granted: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            unread: Mutex::default(),
        })
    }
}

/// A content, as a descriptor tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    /// Bytes.
    pub(crate) size: u64,
}

/// What a failure is about.
struct Subject<'a> {
    reference: &'a Reference,
    /// As in `the manifest of`.
    what: String,
}

impl<'a> Subject<'a> {
    fn new(reference: &'a Reference, what: impl Into<String>) -> Self {
        Self { reference, what: what.into() }
    }

    fn error(&self, problem: RegistryProblem) -> Error {
        Error::Registry {
            host: self.reference.registry().to_owned(),
            what: self.what.clone(),
            problem,
        }
    }
}
