//! A pip that can install into any environment. It is run from outside (`pip --python`), so that environments need no
//! pip of their own and an exact sync does not have to tiptoe around one. Where an interpreter's own pip is too old
//! for that, one is set up in the cache folder.

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::FileLock;
use pep440_rs::Version;

use crate::holder::holder;
use crate::install::venv_python;
use crate::{CancelToken, Environment, Error, Interpreter, Run, Search, Stream, ToolCache};

/// The oldest pip that is used: the first one with `--python` (<https://pip.pypa.io/en/stable/news/#v22-3>).
pub const MINIMUM_PIP: &str = "22.3";

/// A pip, and the Python that runs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pip {
    /// The Python that has it.
    pub python: Utf8PathBuf,
    /// Its version, such as `24.0`.
    pub version: String,
}

impl Pip {
    /// A command of this pip, without arguments yet: `--python <environment>` comes first. It runs in isolated mode,
    /// so that no file of the working folder can take the place of a module.
    pub fn run(&self, environment: &Environment) -> Run {
        Run::new(&self.python, environment).args(["-I", "-u", "-X", "utf8", "-m", "pip"])
    }
}

/// Finds a pip that can install into environments of `python`: its own when new enough, else one in
/// `pip/<python>/` of the cache folder, which is made if need be. Only when the pip that Python brings along is itself
/// too old does that ask the index for a newer one.
///
/// # Errors
///
/// [`Error::NoPip`] when there is none and none can be made; [`Error::NoCacheFolder`]; [`Error::Failed`] with the last
/// lines of what making one has written; [`Error::Cancelled`].
pub fn find_pip(
    python: &Interpreter,
    search: &Search,
    cache: &ToolCache,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<Pip, Error> {
    if let Some(pip) = pip_of(python) {
        return Ok(pip);
    }
    let venv = search.cache_dir.as_deref().ok_or(Error::NoCacheFolder)?.join(helper_name(python));
    let at_hand = |venv: &Utf8Path| {
        let helper =
            Interpreter::query(&venv_python(venv), &search.environment, cache, cancel).ok()?;
        pip_of(&helper).filter(|_| helper.version == python.version)
    };
    if let Some(pip) = at_hand(&venv) {
        return Ok(pip);
    }
    if !(python.has_venv && python.has_ensurepip) {
        return Err(no_pip(python, "it lacks ensurepip"));
    }
    let lock = FileLock::acquire(
        &Utf8PathBuf::from(format!("{venv}.lock")),
        &holder("setting up pip"),
        &mut |_| {},
        &|| cancel.is_cancelled(),
    )?;
    // Somebody else may have made it while this process waited.
    if let Some(pip) = at_hand(&venv) {
        return Ok(pip);
    }
    instep_fs::remove_tree(&venv)?;
    let share = || lock.share().map_err(|source| Error::io("share the lock of", &venv, source));
    Run::new(&python.executable, &search.environment)
        .args(["-I", "-m", "venv"])
        .arg(&venv)
        .stdin(share()?)
        .run(cancel, on_line)?;
    if let Some(pip) = at_hand(&venv) {
        return Ok(pip);
    }
    Pip { python: venv_python(&venv), version: String::new() }
        .run(&search.environment)
        .args(["install", "--upgrade"])
        .arg(format!("pip>={MINIMUM_PIP}"))
        .stdin(share()?)
        .run(cancel, on_line)?;
    at_hand(&venv).ok_or_else(|| no_pip(python, "no newer pip works with this Python"))
}

fn no_pip(python: &Interpreter, problem: &str) -> Error {
    Error::NoPip {
        python: python.executable.clone(),
        found: python.pip_version.clone(),
        problem: problem.to_owned(),
    }
}

/// The interpreter's own pip, when it is new enough.
fn pip_of(python: &Interpreter) -> Option<Pip> {
    let version = python.pip_version.as_deref()?;
    let new_enough = Version::from_str(version).ok()? >= Version::from_str(MINIMUM_PIP).ok()?;
    new_enough.then(|| Pip { python: python.executable.clone(), version: version.to_owned() })
}

/// Where the helper environment of an interpreter stands in the cache folder. Two installations of one version differ
/// by the digest of their path.
fn helper_name(python: &Interpreter) -> String {
    let digest = blake3::hash(python.executable.as_str().as_bytes()).to_hex();
    let short: String = digest.chars().take(12).collect();
    format!("pip/{}-{short}", python.version)
}
