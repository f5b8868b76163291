//! The real tools that tests run against, and what happens to a test whose tool is not there.

use std::env;
use std::io::Write as _;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// A program of the tools environment (`uv`, `pip-compile`, `pip-sync`, `virtualenv`), which
/// `cargo xtask test` makes and names in `INSTEP_TEST_TOOLS`. Without it the calling test is skipped by
/// name; in CI that is a failure.
pub fn require(program: &str) -> Option<Utf8PathBuf> {
    let Some(folder) = env::var("INSTEP_TEST_TOOLS").ok().filter(|value| !value.is_empty()) else {
        skip(&format!("needs {program}, and INSTEP_TEST_TOOLS is not set: run `cargo xtask test`"));
        return None;
    };
    let path = Utf8PathBuf::from(folder).join(format!("{program}{}", env::consts::EXE_SUFFIX));
    if !path.is_file() {
        skip(&format!("needs {program}, which is not in INSTEP_TEST_TOOLS"));
        return None;
    }
    Some(path)
}

/// A program of this machine, by its absolute path; the calling test is skipped without it.
pub fn system(program: &str) -> Option<Utf8PathBuf> {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter_map(|folder| Utf8PathBuf::try_from(folder).ok());
    let found = folders.map(|folder| folder.join(&name)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("needs {program}, which is not on PATH"));
    }
    found
}

/// The reference program of dev containers, which `cargo xtask test` gets and names in
/// `INSTEP_TEST_DEVCONTAINER`; the calling test is skipped without it.
pub fn devcontainer() -> Option<Utf8PathBuf> {
    let path = env::var("INSTEP_TEST_DEVCONTAINER").ok().filter(|value| !value.is_empty());
    if path.is_none() {
        skip("needs the devcontainer program, and INSTEP_TEST_DEVCONTAINER names none");
    }
    path.map(Utf8PathBuf::from)
}

/// The program `rvault` of RustyVault, a server that speaks like Vault, which `cargo xtask test` builds and names in
/// `INSTEP_TEST_VAULT`; the calling test is skipped without it.
pub fn vault() -> Option<Utf8PathBuf> {
    let path = env::var("INSTEP_TEST_VAULT").ok().filter(|value| !value.is_empty());
    if path.is_none() {
        skip("needs rvault, and INSTEP_TEST_VAULT names none");
    }
    path.map(Utf8PathBuf::from)
}

/// A Python of this machine outside every environment, as an absolute path; the calling test is skipped
/// without one.
pub fn python() -> Option<Utf8PathBuf> {
    let python = machine_python();
    if python.is_none() {
        skip("needs Python, and neither python3 nor python runs");
    }
    python.map(Utf8Path::to_owned)
}

/// The same, asked once a process, and nothing skipped.
pub(crate) fn machine_python() -> Option<&'static Utf8Path> {
    // A virtual environment's `sys.executable` would tie what is made with it to that environment.
    const ASK: &str = "import sys; print(getattr(sys, '_base_executable', sys.executable))";
    static PYTHON: OnceLock<Option<Utf8PathBuf>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        ["python3", "python"].iter().find_map(|name| {
            let output = Command::new(name).args(["-c", ASK]).output().ok()?;
            let path = String::from_utf8(output.stdout).expect("the path of Python is UTF-8");
            output.status.success().then(|| path.trim().into())
        })
    });
    found.as_deref()
}

/// On Windows, the letter of a drive that lies on the network, as in `N:`, and a share, as in
/// `\\\\server\\share`; the calling test is skipped without them.
pub fn network() -> Option<(String, String)> {
    let both = env::var("INSTEP_TEST_NETWORK").unwrap_or_default();
    let found = both.split_once(';').map(|(drive, share)| (drive.to_owned(), share.to_owned()));
    if found.is_none() {
        skip("needs a network drive, and INSTEP_TEST_NETWORK names none");
    }
    found
}

/// Whether tests that take minutes are wanted (`cargo xtask test --long`). Not in the list of skips: it
/// is a choice, not something missing.
pub fn long() -> bool {
    env::var("INSTEP_TEST_LONG").as_deref() == Ok("1")
}

/// Names the calling test as skipped, on stderr and in the file `INSTEP_TEST_SKIPS`.
///
/// # Panics
///
/// With `CI=true`, where everything has to be there.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(env::var("CI").as_deref() != Ok("true"), "{test}: {why}");
    let line = format!("SKIP {test}: {why}\n");
    // One write, so that the lines of tests that run side by side stay whole.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Ok(path) = env::var("INSTEP_TEST_SKIPS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
