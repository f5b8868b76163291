//! The command under test.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

/// The `instep` to test: `INSTEP_TEST_BIN` where that is set, else the one beside this test's own
/// program, in its profile. Cargo is asked once a process to bring it up to date: it holds the lock of the
/// target folder, and it knows best what is older than what.
///
/// # Panics
///
/// When it does not build.
pub fn instep() -> &'static Utf8Path {
    static BINARY: OnceLock<Utf8PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var("INSTEP_TEST_BIN") {
        Ok(path) => path.into(),
        Err(_) => build(),
    })
}

fn build() -> Utf8PathBuf {
    let test = Utf8PathBuf::try_from(env::current_exe().unwrap()).unwrap();
    // target/debug/deps/test-1234 → target/debug
    let folder = test.ancestors().nth(2).expect("a test lies in deps/ of its profile's folder");
    let target = folder.parent().unwrap();
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "instep-cli", "--bins"]);
    cargo.args(["--target-dir", target.as_str()]);
    if folder.file_name() == Some("release") {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "instep does not build:\n{stderr}");
    folder.join(format!("instep{}", env::consts::EXE_SUFFIX))
}
