//! Looks programs up on `PATH`, the environment's own and not the process's. What ends a program's name on Windows
//! (`PATHEXT`) is the system's to say.

use camino::Utf8PathBuf;

use crate::Environment;

/// The first program of this name on the environment's `PATH`. On Windows that may be a script, such as `npm.cmd`,
/// which the system starts only by its whole name.
pub fn find_program(environment: &Environment, name: &str) -> Option<Utf8PathBuf> {
    on_path(environment, name).next()
}

/// Every program of this name on the environment's `PATH`, in its order, each path once. Relative entries count from
/// the environment's folder; paths that are not UTF-8 are passed over.
pub(crate) fn on_path(
    environment: &Environment,
    name: &str,
) -> impl Iterator<Item = Utf8PathBuf> + use<> {
    let hits = environment
        .var_os("PATH")
        .filter(|path| !path.is_empty())
        .and_then(|path| which::which_in_all(name, Some(path), environment.cwd()).ok())
        .map(|hits| hits.filter_map(|hit| Utf8PathBuf::try_from(hit).ok()).collect::<Vec<_>>())
        .unwrap_or_default();
    let mut seen = Vec::new();
    for hit in hits {
        if !seen.contains(&hit) {
            seen.push(hit);
        }
    }
    seen.into_iter()
}
