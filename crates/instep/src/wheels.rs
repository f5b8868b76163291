//! A wheelhouse: the wheels of a lock, for the Pythons and platforms that are asked for.

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{
    Environment as Variables, IndexSettings, Interpreter, Search, ToolCache, find_python,
};
use instep_wheel::{Client, Fetched, Lock, Plan, Platform, PythonVersion, Target};
use serde::Serialize;

use crate::config;
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;

/// What a wheelhouse is made of.
#[derive(Clone, Debug)]
pub struct WheelhouseRequest {
    /// The lock: pinned requirements, or a `pylock.toml`. Relative to the working folder, as is `out`.
    pub lock: Utf8PathBuf,
    /// Versions of Python, as [`PythonVersion`] reads them. Empty: those of `tools.python`, else the one that is found.
    pub pythons: Vec<String>,
    /// Platforms, as [`Platform`] reads them. Empty: this one.
    pub platforms: Vec<String>,
    /// The folder of the wheelhouse.
    pub out: Utf8PathBuf,
    /// Only to plan: nothing is written.
    pub dry_run: bool,
}

/// A wheelhouse, or the plan of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wheelhouse {
    /// Where it is.
    pub out: Utf8PathBuf,
    /// What it is for.
    pub targets: Vec<Target>,
    /// Its files, and what no wheel was found for.
    #[serde(flatten)]
    pub plan: Plan,
    /// What was fetched, and what could not be; `None` where it was only planned.
    pub fetched: Option<Fetched>,
}

/// Collects the wheels of a lock. Which indexes: what the lock says, pip's settings, and uv's variables.
///
/// # Errors
///
/// Those of the configuration and the lock, and [`Error::Wheel`]. A wheel that is missing, or could not be fetched, is
/// none: the others are there.
pub fn wheelhouse(
    variables: &Variables,
    request: &WheelhouseRequest,
    host: &mut Host<'_>,
) -> Result<Wheelhouse, Error> {
    let search = Search::new(variables.clone());
    let python = find_any(&search, host)?;
    let targets = targets(variables, &request.pythons, &request.platforms, python.as_ref())?;
    let lock = Lock::read(&request.lock, variables)?;
    lock.check(&targets)?;
    let prefix = python.as_ref().map(|python| python.base_prefix.as_path());
    let settings = lock.settings(IndexSettings::from_pip(variables, prefix)?);
    let client = Client::new(&settings, variables)?;
    let cancel = host.cancel_token();
    let mut tell = |detail| host.tell(Event::Wheels { detail });
    let plan = instep_wheel::observe(&lock, &targets, &client, &mut tell, &cancel)?;
    let out = variables.cwd().join(&request.out);
    let fetched = if request.dry_run {
        None
    } else {
        let cache = search.cache_dir.as_deref();
        Some(instep_wheel::download(&plan, &client, &out, cache, &mut tell, &cancel)?)
    };
    Ok(Wheelhouse { out, targets, plan, fetched })
}

/// The targets that are meant where none is named: the Pythons of the configuration, or the one that is found, on this
/// platform.
#[cfg(feature = "bundle")]
pub(crate) fn default_targets(
    variables: &Variables,
    host: &Host<'_>,
) -> Result<Vec<Target>, Error> {
    let python = find_any(&Search::new(variables.clone()), host)?;
    targets(variables, &[], &[], python.as_ref())
}

/// Any Python, where there is one: where pip's settings are, and which version is meant.
fn find_any(search: &Search, host: &Host<'_>) -> Result<Option<Interpreter>, Error> {
    let cache = ToolCache::open(search.cache_dir.as_deref());
    match find_python(None, search, &cache, &host.cancel_token()) {
        Ok(python) => Ok(Some(python)),
        Err(error) if error.is_cancelled() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Each Python on each platform.
fn targets(
    variables: &Variables,
    pythons: &[String],
    platforms: &[String],
    python: Option<&Interpreter>,
) -> Result<Vec<Target>, Error> {
    let pythons = if pythons.is_empty() {
        default_pythons(variables.cwd(), python)?
    } else {
        pythons.to_owned()
    };
    let pythons: Vec<PythonVersion> =
        pythons.iter().map(|text| text.parse()).collect::<Result<_, instep_wheel::Error>>()?;
    let platforms = if platforms.is_empty() {
        vec![Platform::current().ok_or(instep_wheel::Error::NoPlatform)?]
    } else {
        let platforms = platforms.iter().map(|text| text.parse());
        platforms.collect::<Result<_, instep_wheel::Error>>()?
    };
    let all = pythons
        .iter()
        .flat_map(|&python| platforms.iter().map(move |&platform| Target { python, platform }));
    let mut targets: Vec<Target> = all.collect();
    targets.sort_unstable();
    targets.dedup();
    Ok(targets)
}

/// `tools.python` of the configuration, else the version of the Python that was found.
fn default_pythons(cwd: &Utf8Path, python: Option<&Interpreter>) -> Result<Vec<String>, Error> {
    let configured = config::find(cwd)?.config.tools.python;
    if !configured.is_empty() {
        return Ok(configured);
    }
    let python = python.ok_or(instep_wheel::Error::NoPython)?;
    let minor: Vec<&str> = python.version.split('.').take(2).collect();
    let flag = if python.abi_tag.ends_with('t') { "t" } else { "" };
    Ok(vec![[&minor.join("."), flag].concat()])
}
