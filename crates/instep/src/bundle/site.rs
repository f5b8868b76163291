//! A bundle at the site that it is for: pulled, verified, installed.

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::install::{self, InstallPlan};
use instep_bundle::{Manifest, Pulled, Pushed};
use instep_tools::Environment as Variables;
use serde::Serialize;
use url::Url;

use super::{Shared, folder, registry, root, trust};
use crate::config::{self, Config};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::sync::{SyncRequest, Synced};
use crate::workspace::{Workspace, sync_all};

/// Which bundle is verified, and by what.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// Its folder, relative to the working folder.
    pub bundle: Utf8PathBuf,
    /// The root that is trusted. Default: as the configuration says.
    pub root: Option<Utf8PathBuf>,
}

/// A bundle that is what was signed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Where it is.
    pub bundle: Utf8PathBuf,
    /// Its version.
    pub version: u64,
    /// The version of its root.
    pub root_version: u64,
    /// Until when it is good: RFC 3339.
    pub expires: String,
    /// How many files were looked at.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// What it holds.
    pub manifest: Manifest,
}

/// Verifies every byte of a bundle.
///
/// # Errors
///
/// [`Error::WhichRoot`]; [`Error::Bundle`] with everything that is wrong.
pub fn verify_bundle(
    variables: &Variables,
    request: &VerifyRequest,
    host: &mut Host<'_>,
) -> Result<Verified, Error> {
    let root = root(variables, request.root.as_deref())?;
    let bundle = folder(variables, &request.bundle);
    Ok(verify(variables, &root, bundle, &Shared::new(host))?)
}

fn verify(
    variables: &Variables,
    root: &[u8],
    bundle: Utf8PathBuf,
    host: &Shared<'_, '_>,
) -> Result<Verified, instep_bundle::Error> {
    let trust = trust(variables, root, &bundle)?;
    let tell = &mut |event| host.bundle(event);
    let found = instep_bundle::verify(&bundle, &trust, tell, &host.cancel())?;
    Ok(Verified {
        manifest: Manifest::read(&bundle)?,
        version: found.version,
        root_version: found.root_version,
        expires: found.expires.0.to_string(),
        files: found.files.len(),
        bytes: found.files.values().map(|file| file.size).sum(),
        bundle,
    })
}

/// What is installed, and where.
#[derive(Clone, Debug, Default)]
pub struct InstallRequest {
    /// The bundle's folder, relative to the working folder.
    pub bundle: Utf8PathBuf,
    /// The root that is trusted. Default: as the configuration says.
    pub root: Option<Utf8PathBuf>,
    /// The folder of the project, relative to the working folder. Default: that one itself.
    pub into: Option<Utf8PathBuf>,
    /// Environments by name. Empty: those of the configuration.
    pub environments: Vec<String>,
    /// Files of the project that are others than those of the bundle are replaced.
    pub replace: bool,
    /// Only to plan: nothing is written.
    pub dry_run: bool,
}

/// What was installed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Installed {
    /// The bundle.
    #[serde(flatten)]
    pub verified: Verified,
    /// The folder of the project.
    pub into: Utf8PathBuf,
    /// Its files.
    pub project: InstallPlan,
    /// The environments that were made.
    pub environments: Vec<Synced>,
    /// Those that could not be made, and why not.
    #[serde(skip)]
    pub failed: Vec<(String, Error)>,
}

/// Verifies a bundle, puts its files into a project, and makes the environments with its wheels and no network.
///
/// # Errors
///
/// Those of [`verify_bundle`]; [`Error::OtherFiles`] where files of the project are others than those of the bundle, unless
/// they are to be replaced; then nothing was written.
pub fn install_bundle(
    variables: &Variables,
    request: &InstallRequest,
    host: &mut Host<'_>,
) -> Result<Installed, Error> {
    let asked = VerifyRequest { bundle: request.bundle.clone(), root: request.root.clone() };
    let verified = verify_bundle(variables, &asked, host)?;
    let into = folder(variables, request.into.as_deref().unwrap_or(Utf8Path::new("")));
    let bundle = &verified.bundle;
    let project = install::observe(&verified.manifest, bundle, &into)?;
    if !project.replace.is_empty() && !request.replace {
        let files = project.replace.iter().map(ToString::to_string).collect();
        return Err(Error::OtherFiles { into, files });
    }
    let mut installed =
        Installed { verified, into, project, environments: Vec::new(), failed: Vec::new() };
    if request.dry_run {
        return Ok(installed);
    }
    let cancel = host.cancel_token();
    let mut tell = |detail| host.tell(Event::Bundle { detail });
    let Installed { verified, into, project, .. } = &installed;
    install::apply(project, &verified.bundle, into, &mut tell, &cancel)?;
    let offline = offline(variables, &verified.bundle)?.with_cwd(into.clone());
    match Workspace::open(offline) {
        // Images and files alone: there is no environment to make.
        Err(Error::NothingToFollow { .. }) => Ok(installed),
        workspace => {
            let workspace = workspace?;
            let environments = workspace.select(&request.environments)?;
            let results = sync_all(&environments, &SyncRequest::default(), host);
            for (environment, result) in environments.iter().zip(results) {
                match result {
                    Ok(synced) => installed.environments.push(synced),
                    Err(error) if error.is_cancelled() => return Err(error),
                    Err(error) => installed.failed.push((environment.name().to_owned(), error)),
                }
            }
            Ok(installed)
        }
    }
}

/// What pip and uv see: the wheels of the bundle, and nothing else.
fn offline(variables: &Variables, bundle: &Utf8Path) -> Result<Variables, Error> {
    const OTHERS: [&str; 8] = [
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_CONFIG_FILE",
    ];
    let wheels = install::wheelhouse(bundle);
    // An address, since pip separates paths by spaces, and uv by commas.
    let address = Url::from_directory_path(&wheels).map_err(|()| Error::Read {
        path: wheels.clone(),
        source: std::io::ErrorKind::InvalidFilename.into(),
    })?;
    let links = address.as_str().trim_end_matches('/').replace(',', "%2C");
    let mut offline = variables.clone();
    for name in OTHERS {
        offline = offline.without_var(name);
    }
    Ok(offline
        .with_var("PIP_CONFIG_FILE", if cfg!(windows) { "nul" } else { "/dev/null" })
        .with_var("PIP_NO_INDEX", "1")
        .with_var("PIP_FIND_LINKS", links)
        .with_var("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .with_var("UV_NO_CONFIG", "1")
        .with_var("UV_OFFLINE", "1")
        .with_var("UV_PYTHON_DOWNLOADS", "never"))
}

/// What is pulled, from where.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// `oci://HOST/NAME:TAG`.
    pub from: String,
    /// The folder, relative to the working folder.
    pub out: Utf8PathBuf,
    /// The root that is trusted. Default: as the configuration says.
    pub root: Option<Utf8PathBuf>,
}

/// Pulls a bundle from a registry and verifies it. It gets its place only where nothing is wrong with it.
///
/// # Errors
///
/// Those of [`verify_bundle`] and of the registry.
pub fn pull_bundle(
    variables: &Variables,
    request: &PullRequest,
    host: &mut Host<'_>,
) -> Result<(Pulled, Verified), Error> {
    let out = folder(variables, &request.out);
    let config = configuration(variables)?;
    let host = Shared::new(host);
    let root = root(variables, request.root.as_deref())?;
    let mut verified = None;
    let accept = |bundle: &Utf8Path| {
        let found = verify(variables, &root, bundle.to_owned(), &host)?;
        // Where it will be.
        verified = Some(Verified { bundle: out.clone(), ..found });
        Ok(())
    };
    let (settings, cancel) = (registry(&config), host.cancel());
    let tell = &mut |event| host.bundle(event);
    let pulled =
        instep_bundle::pull(&request.from, &out, &settings, variables, accept, tell, &cancel)?;
    // What is pulled was accepted.
    verified.map(|verified| (pulled, verified)).ok_or(Error::WhichRoot { path: out })
}

/// Pushes a bundle to `oci://HOST/NAME:TAG`. What the registry has already does not go again.
///
/// # Errors
///
/// [`Error::Bundle`].
pub fn push_bundle(
    variables: &Variables,
    bundle: &Utf8Path,
    to: &str,
    host: &mut Host<'_>,
) -> Result<Pushed, Error> {
    let bundle = folder(variables, bundle);
    // What is no bundle of this version is not pushed.
    Manifest::read(&bundle)?;
    let settings = registry(&configuration(variables)?);
    let cancel = host.cancel_token();
    let mut tell = |detail| host.tell(Event::Bundle { detail });
    Ok(instep_bundle::push(&bundle, to, &settings, variables, &mut tell, &cancel)?)
}

fn configuration(variables: &Variables) -> Result<Config, Error> {
    Ok(config::find(variables.cwd())?.config)
}
