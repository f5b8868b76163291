//! Offline bundles: what an air-gapped site needs, made here, carried by a registry or a disk, checked and installed there.

mod create;
mod site;
mod wanted;

use std::cell::RefCell;

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::{RegistrySettings, Timestamp, Trust, TrustSettings};
use instep_keys::Role;
use instep_tools::{CancelToken, Environment as Variables};

use crate::config::{self, Config};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::state;

pub use create::{BundleRequest, BundleResult, create_bundle, renew_bundle_root};
pub use site::{
    InstallRequest, Installed, PullRequest, Verified as VerifiedBundle, VerifyRequest,
    install_bundle, pull_bundle, push_bundle, verify_bundle,
};

/// How registries are reached.
fn registry(config: &Config) -> RegistrySettings {
    RegistrySettings { plain_http: config.bundle.plain_http.clone(), ..RegistrySettings::default() }
}

/// Who signs, and with which keys.
fn trust_settings(root: &Utf8Path, trust: &config::Trust) -> Result<TrustSettings, Error> {
    let mut settings = TrustSettings::new(root.join(&trust.folder));
    let roles = [
        (&mut settings.root, &trust.root_role),
        (&mut settings.targets, &trust.targets),
        (&mut settings.snapshot, &trust.snapshot),
        (&mut settings.timestamp, &trust.timestamp),
    ];
    for (role, told) in roles {
        if !told.keys.is_empty() {
            let keys = told.keys.iter().map(|name| name.parse::<Role>());
            role.keys = keys.collect::<Result<_, instep_keys::Error>>()?;
        }
        role.threshold = told.threshold.unwrap_or(role.threshold);
        role.days = told.days.unwrap_or(role.days);
    }
    Ok(settings)
}

/// By which root a bundle is verified, and what is remembered of those before it.
fn trust(
    variables: &Variables,
    root: &[u8],
    bundle: &Utf8Path,
) -> Result<Trust, instep_bundle::Error> {
    let line = instep_bundle::line(bundle)?;
    let seen = state::data(variables).map(|data| data.join("bundles").join(line));
    Ok(Trust { root: root.to_owned(), seen, now: Timestamp::now() })
}

/// The root that is trusted: the one that is named, or that of the configuration.
fn root(variables: &Variables, named: Option<&Utf8Path>) -> Result<Vec<u8>, Error> {
    let path = if let Some(named) = named {
        variables.cwd().join(named)
    } else {
        let located = config::find(variables.cwd())?;
        let trust = &located.config.bundle.trust;
        let own = trust.root.clone().unwrap_or_else(|| trust.folder.join("root.json"));
        let path = located.root.join(own);
        if !path.exists() {
            return Err(Error::WhichRoot { path });
        }
        path
    };
    fs_err::read(&path).map_err(|source| Error::Read { path, source })
}

/// A host that several closures tell of what happens.
struct Shared<'h, 'e>(RefCell<&'h mut Host<'e>>);

impl<'h, 'e> Shared<'h, 'e> {
    fn new(host: &'h mut Host<'e>) -> Self {
        Self(RefCell::new(host))
    }

    fn tell(&self, event: Event) {
        self.0.borrow_mut().tell(event);
    }

    fn bundle(&self, detail: instep_bundle::Event) {
        self.tell(Event::Bundle { detail });
    }

    fn cancel(&self) -> CancelToken {
        self.0.borrow().cancel_token()
    }
}

/// A folder that a user named.
fn folder(variables: &Variables, path: &Utf8Path) -> Utf8PathBuf {
    instep_fs::lexical(&variables.cwd().join(path))
}
