//! What several tests need: folders, programs, and the tools of this machine.

#![cfg_attr(windows, allow(dead_code, unused_imports))]

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Environment, Interpreter, ToolCache, find_python};
use tempfile::TempDir;

/// A folder that is removed at the end.
pub(crate) fn folder() -> (TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(guard.path().canonicalize().unwrap()).unwrap();
    (guard, path)
}

/// The machine's environment, working in `cwd`, with the cache in `<cwd>/cache`.
pub(crate) fn environment(cwd: &Utf8Path) -> Environment {
    Environment::capture()
        .unwrap()
        .with_cwd(cwd)
        .with_var("INSTEP_CACHE_DIR", cwd.join("cache").as_str())
}

/// An environment with these variables and nothing else.
pub(crate) fn only(cwd: &Utf8Path, variables: &[(&str, &str)]) -> Environment {
    Environment::new(cwd, Some(cwd.join("home")), variables.iter().copied())
}

/// A Python of this machine.
pub(crate) fn any_python(environment: &Environment) -> Interpreter {
    let search = instep_tools::Search::new(environment.clone());
    find_python(None, &search, &ToolCache::open(None), &CancelToken::new()).unwrap()
}

/// An executable file.
#[cfg(unix)]
pub(crate) fn program(path: &Utf8Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The folder with real tools, or a word on why the test does not run. In CI a missing folder is a failure.
pub(crate) fn real_tools(test: &str) -> Option<Utf8PathBuf> {
    let found = std::env::var("INSTEP_TEST_TOOLS").ok().map(Utf8PathBuf::from);
    let found = found.filter(|folder| folder.join("uv").exists() || folder.join("uv.exe").exists());
    if found.is_none() {
        let why = "INSTEP_TEST_TOOLS names no folder with a uv in it";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {why}");
        eprintln!("SKIP {test}: {why}");
    }
    found
}
