//! Where things lie inside a virtual environment.
//!
//! The one place that knows `bin` from `Scripts` and `lib/python3.12/site-packages` from
//! `Lib\site-packages` ([PEP 405](https://peps.python.org/pep-0405/), `sysconfig`'s `venv` scheme).

use camino::{Utf8Path, Utf8PathBuf};

/// The folder of executables: `bin`, on Windows `Scripts`.
pub fn scripts_dir(environment: &Utf8Path) -> Utf8PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}

/// The environment's own interpreter.
pub fn interpreter(environment: &Utf8Path) -> Utf8PathBuf {
    scripts_dir(environment).join(if cfg!(windows) { "python.exe" } else { "python" })
}

/// `pyvenv.cfg`, the file that makes a folder a virtual environment.
pub fn pyvenv_cfg(environment: &Utf8Path) -> Utf8PathBuf {
    environment.join("pyvenv.cfg")
}

/// The folder that packages are installed into, or `None` where there is none (yet).
///
/// It is looked up, not computed, because its name depends on the interpreter (`python3.12`,
/// `pypy3.10`, `python3.13t`); an environment holds exactly one.
pub fn site_packages(environment: &Utf8Path) -> Option<Utf8PathBuf> {
    if cfg!(windows) {
        let path = environment.join("Lib").join("site-packages");
        return path.is_dir().then_some(path);
    }
    let mut found: Vec<Utf8PathBuf> = environment
        .join("lib")
        .read_dir_utf8()
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| is_interpreter_folder(entry.file_name()))
        .map(|entry| entry.path().join("site-packages"))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.into_iter().next()
}

fn is_interpreter_folder(name: &str) -> bool {
    name.starts_with("python") || name.starts_with("pypy") || name.starts_with("graalpy")
}
