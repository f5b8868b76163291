//! Making a bundle: the configuration says what, `instep-bundle` collects, the keys sign.

use std::cell::RefCell;
use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::create::{self, Created, Means, Plan};
use instep_bundle::{
    Engine, ImageSources, SignRequest, SignedBundle, Timestamp, TrustRoot, TrustSettings,
};
use instep_keys::{Keys, Purpose, Role};
use instep_tools::{Environment as Variables, IndexSettings, Search};
use secrecy::SecretString;
use serde::Serialize;

use super::wanted::{self, Scratch};
use super::{Shared, folder, registry, trust_settings};
use crate::config::{self, BundleEngine, Located};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;

/// How a bundle is made.
#[derive(Clone, Debug, Default)]
pub struct BundleRequest {
    /// The folder that it is made in, relative to the working folder. Default: as the configuration says.
    pub out: Option<Utf8PathBuf>,
    /// Only to plan: nothing is written.
    pub dry_run: bool,
    /// Others will trust it: the password that is there for trials is refused.
    pub release: bool,
}

/// A bundle, or the plan of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleResult {
    /// Where it is.
    pub out: Utf8PathBuf,
    /// What it was to hold.
    pub plan: Plan,
    /// Bytes of that, as far as they were known.
    pub planned_bytes: u64,
    /// What it holds; `None` where it was only planned.
    #[serde(flatten)]
    pub created: Option<Created>,
    /// Its version.
    pub version: Option<u64>,
    /// Until when it is good: RFC 3339.
    pub expires: Option<String>,
    /// The root that sites verify it by.
    pub root: Option<Utf8PathBuf>,
    /// Keys that were made.
    pub made_keys: Vec<String>,
}

/// Makes the bundle of the project that the working folder lies in. What cannot be had is in the result; the rest is there.
///
/// # Errors
///
/// Those of the configuration, [`Error::Bundle`], and [`Error::Keys`].
pub fn create_bundle(
    variables: &Variables,
    request: &BundleRequest,
    host: &mut Host<'_>,
) -> Result<BundleResult, Error> {
    let located = config::find(variables.cwd())?;
    let config = &located.config;
    let name = wanted::name(&located);
    let out = match (&request.out, &config.bundle.out) {
        (Some(out), _) => folder(variables, out),
        (None, Some(out)) => located.root.join(out),
        (None, None) => located.root.join(format!("{name}.bundle")),
    };
    let scratch = Scratch::new()?;
    let wanted = wanted::wanted(&located, variables, name, &out, &scratch, host)?;
    let search = Search::new(variables.clone());
    let index = IndexSettings::from_pip(variables, None)?;
    let engines: Vec<Engine> = config.bundle.engines.iter().copied().map(engine).collect();
    let registry = registry(config);
    let layers = search.cache_dir.as_ref().map(|cache| cache.join("images"));
    let means = Means {
        variables,
        index: &index,
        cache: search.cache_dir.as_deref(),
        images: ImageSources {
            engines: &engines,
            cache: layers.as_deref(),
            registry: &registry,
            environment: variables,
            patience: ImageSources::PATIENCE,
        },
    };
    let cancel = host.cancel_token();
    let observed = {
        let mut tell = |detail| host.tell(Event::Bundle { detail });
        create::observe(&wanted, &means, &mut tell, &cancel)?
    };
    let asks_others = engines.iter().any(|engine| *engine != Engine::Native);
    let plan = create::plan(&wanted, observed, asks_others);
    let mut result = BundleResult {
        out,
        planned_bytes: plan.bytes(),
        plan,
        created: None,
        version: None,
        expires: None,
        root: None,
        made_keys: Vec::new(),
    };
    if request.dry_run {
        return Ok(result);
    }
    let host = Shared::new(host);
    let vouching = signer(&located, variables, request.release, &host)?;
    // Before all of it is collected: whether it can be signed.
    let root = vouching.root()?;
    let mut signed = None;
    let mut sign = |folder: &Utf8Path| {
        signed = Some(vouching.sign(folder, &result.out)?);
        Ok(())
    };
    let tell = &mut |event| host.bundle(event);
    let created = create::apply(&result.plan, &result.out, &means, &mut sign, tell, &cancel)?;
    result.version = signed.as_ref().map(|signed| signed.version);
    result.expires = signed.as_ref().map(|signed| signed.expires.0.to_string());
    result.created = Some(created);
    result.root = Some(root.path);
    result.made_keys = root.made.iter().map(ToString::to_string).collect();
    Ok(result)
}

/// Makes the next version of the root, as the configuration says: other keys, other thresholds, another time to live. It is
/// signed by keys of the root before and by its own; `before` names the files of those that are not its own any more. Where
/// there is no root, makes the first.
///
/// # Errors
///
/// Those of the configuration, [`Error::Bundle`], and [`Error::Keys`].
pub fn renew_bundle_root(
    variables: &Variables,
    before: &[String],
    release: bool,
    host: &mut Host<'_>,
) -> Result<TrustRoot, Error> {
    let located = config::find(variables.cwd())?;
    let host = Shared::new(host);
    let signer = signer(&located, variables, release, &host)?;
    if !signer.settings.folder.join("root.json").exists() {
        return signer.root();
    }
    let before = before.iter().map(|name| name.parse::<Role>());
    signer.renew(&before.collect::<Result<Vec<_>, instep_keys::Error>>()?)
}

fn engine(engine: BundleEngine) -> Engine {
    match engine {
        BundleEngine::Native => Engine::Native,
        BundleEngine::Docker => Engine::Docker,
        BundleEngine::Podman => Engine::Podman,
        BundleEngine::Skopeo => Engine::Skopeo,
    }
}

fn signer<'s, 'h, 'e>(
    located: &Located,
    variables: &Variables,
    release: bool,
    host: &'s Shared<'h, 'e>,
) -> Result<Signer<'s, 'h, 'e>, Error> {
    let config = &located.config;
    Ok(Signer {
        settings: trust_settings(&located.root, &config.bundle.trust)?,
        keys: Keys::new(&crate::keys::settings(located), variables)?,
        purpose: if release { Purpose::Release } else { Purpose::Trial },
        known: RefCell::default(),
        host,
    })
}

/// Who vouches for a bundle.
struct Signer<'s, 'h, 'e> {
    settings: TrustSettings,
    keys: Keys,
    purpose: Purpose,
    /// Those that were asked for, so that each is asked for once.
    known: RefCell<BTreeMap<Role, SecretString>>,
    host: &'s Shared<'h, 'e>,
}

impl Signer<'_, '_, '_> {
    fn root(&self) -> Result<TrustRoot, Error> {
        let (now, cancel) = (Timestamp::now(), self.host.cancel());
        let mut passwords = |role: &Role| self.password(role);
        let tell = &mut |event| self.host.bundle(event);
        Ok(instep_bundle::ensure_root(&self.settings, &mut passwords, now, tell, &cancel)?)
    }

    fn renew(&self, before: &[Role]) -> Result<TrustRoot, Error> {
        let (now, cancel) = (Timestamp::now(), self.host.cancel());
        let mut passwords = |role: &Role| self.password(role);
        let tell = &mut |event| self.host.bundle(event);
        Ok(instep_bundle::renew_root(&self.settings, before, &mut passwords, now, tell, &cancel)?)
    }

    fn sign(
        &self,
        bundle: &Utf8Path,
        previous: &Utf8Path,
    ) -> Result<SignedBundle, instep_bundle::Error> {
        let request = SignRequest {
            bundle,
            settings: &self.settings,
            previous: previous.is_dir().then_some(previous),
            now: Timestamp::now(),
        };
        let mut passwords = |role: &Role| self.password(role);
        let tell = &mut |event| self.host.bundle(event);
        instep_bundle::sign(&request, &mut passwords, tell, &self.host.cancel())
    }

    fn password(&self, role: &Role) -> Result<SecretString, instep_keys::Error> {
        if let Some(known) = self.known.borrow().get(role) {
            return Ok(known.clone());
        }
        let tell = &mut |attempt| self.host.tell(Event::Key { role: role.to_string(), attempt });
        let found = self.keys.password(role, self.purpose, tell, &self.host.cancel())?;
        let secret = found.into_secret();
        self.known.borrow_mut().insert(role.clone(), secret.clone());
        Ok(secret)
    }
}
