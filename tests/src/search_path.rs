//! A `PATH` on which a test finds the tools that it asked for, and no others of their kind.

use std::env;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// What may not be on the path unless a test put it there.
const HIDDEN: &[&str] = &["uv", "uvx", "pip-compile", "pip-sync", "virtualenv"];

/// The folders for `PATH`: `programs`, the folder of `python`, and the machine's own. One that has a tool
/// in it that must not be found is replaced by a copy of links without it, in `shadows`.
pub(crate) fn folders(
    programs: &Utf8Path,
    python: Option<&Utf8Path>,
    shadows: &Utf8Path,
) -> Vec<Utf8PathBuf> {
    let mut wanted = Vec::new();
    wanted.extend(python.and_then(Utf8Path::parent).map(Utf8Path::to_owned));
    wanted.extend(machine());
    let mut folders = vec![programs.to_owned()];
    for (number, folder) in wanted.into_iter().enumerate() {
        let folder = if HIDDEN.iter().any(|tool| has(&folder, tool)) {
            shadow(&folder, &shadows.join(number.to_string()))
        } else {
            folder
        };
        folders.push(folder);
    }
    folders
}

fn machine() -> Vec<Utf8PathBuf> {
    if cfg!(windows) {
        let root = env::var("SystemRoot").unwrap_or_else(|_| r"C:\Windows".into());
        return vec![Utf8Path::new(&root).join("System32"), root.into()];
    }
    ["/usr/local/bin", "/usr/bin", "/bin"].map(Utf8PathBuf::from).into()
}

fn has(folder: &Utf8Path, tool: &str) -> bool {
    folder.join(format!("{tool}{}", env::consts::EXE_SUFFIX)).exists()
}

/// Links to everything in `folder` but the hidden tools. Where links cannot be made, copies.
fn shadow(folder: &Utf8Path, into: &Utf8Path) -> Utf8PathBuf {
    fs::create_dir_all(into).unwrap();
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let tool = entry.file_name().trim_end_matches(env::consts::EXE_SUFFIX);
        let to = into.join(entry.file_name());
        if !HIDDEN.contains(&tool) && !to.exists() {
            link(entry.path(), &to);
        }
    }
    into.to_owned()
}

/// Makes `to` the program `from`.
pub(crate) fn link(from: &Utf8Path, to: &Utf8Path) {
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink(from, to).unwrap();
    #[cfg(not(unix))]
    if from.is_file() {
        fs::copy(from, to).unwrap();
    }
}
