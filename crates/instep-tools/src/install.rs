//! Sets up a uv where there is none. It comes as a wheel, by way of `pip download`, so that the user's own index,
//! proxy and certificates apply, and pip checks its digest against the index; nothing is fetched behind their back.

use std::str::FromStr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::FileLock;
use pep440_rs::Version;

use crate::holder::holder;
use crate::unpack::unpack_programs;
use crate::uv::PROGRAM;
use crate::{CancelToken, Error, Interpreter, Run, Search, Stream, ToolCache, Uv};

/// uv is some 20 MB; a connection that needs longer than this is stuck.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(15);

/// Sets up a uv in the cache folder, at `uv/<version>/`, and returns it; [`find_uv`](crate::find_uv()) finds it there
/// from then on. Without a `version` it is the newest that the index offers. A version that is there already is not
/// downloaded again. Two processes that want the same do it one after the other.
///
/// # Errors
///
/// [`Error::NoCacheFolder`]; [`Error::UvVersion`] for what is no version; [`Error::NoPip`] when `python` has neither
/// pip nor ensurepip; [`Error::Failed`] with pip's last lines when it cannot be downloaded; [`Error::Wheel`] when the
/// wheel is odd; [`Error::Cancelled`].
pub fn install_uv(
    version: Option<&str>,
    python: &Interpreter,
    search: &Search,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<Uv, Error> {
    let version = version.map(read_version).transpose()?;
    let root = search.cache_dir.as_deref().ok_or(Error::NoCacheFolder)?.join("uv");
    std::fs::create_dir_all(&root).map_err(|source| Error::io("create", &root, source))?;
    let lock = FileLock::acquire(
        &root.join("install.lock"),
        &holder("installing uv"),
        &mut |_| {},
        &|| cancel.is_cancelled(),
    )?;
    if let Some(version) = &version
        && let Ok(uv) = ask(&root.join(version.to_string()).join(PROGRAM), search, cancel)
    {
        return Ok(uv);
    }
    remove_leftovers(&root);

    let work = tempfile::Builder::new()
        .prefix(".")
        .suffix(LEFTOVER)
        .tempdir_in(&root)
        .map_err(|source| Error::io("create a folder in", &root, source))?;
    let folder = Utf8Path::from_path(work.path()).ok_or(Error::NoCacheFolder)?;
    let wheel = download(version.as_ref(), python, folder, search, &lock, cancel, on_line)?;
    let staged = folder.join("staged");
    std::fs::create_dir(&staged).map_err(|source| Error::io("create", &staged, source))?;
    unpack_programs(&wheel, &["uv", "uvx"], &staged)?;

    // It must work before anybody can find it.
    let uv = ask(&staged.join(PROGRAM), search, cancel)?;
    let target = root.join(&uv.version);
    // What stands there did not work, or it is what `version: None` leads to again.
    instep_fs::remove_tree(&target)?;
    std::fs::rename(&staged, &target).map_err(|source| Error::io("create", &target, source))?;
    Ok(Uv { path: target.join(PROGRAM), version: uv.version })
}

/// What the names of work folders end with.
const LEFTOVER: &str = ".instep-tmp";

fn read_version(text: &str) -> Result<Version, Error> {
    Version::from_str(text).map_err(|_| Error::UvVersion { text: text.to_owned() })
}

/// Asked afresh: the file has just been written, or somebody wants to know whether it still works.
fn ask(path: &Utf8Path, search: &Search, cancel: &CancelToken) -> Result<Uv, Error> {
    Uv::query(path, &search.environment, &ToolCache::open(None), cancel)
}

/// Removes the work folders of installations that were killed. The lock is held, so nobody uses them.
fn remove_leftovers(root: &Utf8Path) {
    for entry in root.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_name().ends_with(LEFTOVER) {
            // What stays is tried again by the next installation.
            let _ = instep_fs::remove_tree(entry.path());
        }
    }
}

/// Downloads the wheel into `folder` and returns its path.
fn download(
    version: Option<&Version>,
    python: &Interpreter,
    folder: &Utf8Path,
    search: &Search,
    lock: &FileLock,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<Utf8PathBuf, Error> {
    let python = python_with_pip(python, folder, search, cancel, on_line)?;
    let dest = folder.join("wheels");
    let stdin = lock.share().map_err(|source| Error::io("share the lock in", folder, source))?;
    Run::new(&python, &search.environment)
        .args(["-I", "-u", "-X", "utf8", "-m", "pip", "download", "--no-deps"])
        .args(["--only-binary=:all:", "--dest"])
        .arg(&dest)
        .arg(version.map_or_else(|| "uv".to_owned(), |version| format!("uv=={version}")))
        .stdin(stdin)
        .timeout(DOWNLOAD_TIMEOUT)
        .run(cancel, on_line)?;
    let wheels = dest.read_dir_utf8().map_err(|source| Error::io("list", &dest, source))?;
    let is_wheel = |path: &Utf8PathBuf| path.extension() == Some("whl");
    wheels.flatten().map(|entry| entry.path().to_owned()).find(is_wheel).ok_or_else(|| {
        Error::Wheel { path: dest, entry: None, problem: "pip has downloaded none".to_owned() }
    })
}

/// This Python, or a throw-away environment of it, whichever has pip.
fn python_with_pip(
    python: &Interpreter,
    folder: &Utf8Path,
    search: &Search,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<Utf8PathBuf, Error> {
    if python.pip_version.is_some() {
        return Ok(python.executable.clone());
    }
    if !(python.has_venv && python.has_ensurepip) {
        return Err(Error::NoPip {
            python: python.executable.clone(),
            found: None,
            problem: "it lacks ensurepip".to_owned(),
        });
    }
    let venv = folder.join("venv");
    Run::new(&python.executable, &search.environment)
        .args(["-I", "-m", "venv"])
        .arg(&venv)
        .run(cancel, on_line)?;
    Ok(venv_python(&venv))
}

/// The interpreter of an environment.
pub(crate) fn venv_python(venv: &Utf8Path) -> Utf8PathBuf {
    venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}
