//! Recover: what a run that was killed left behind is undone, or named for repair.

use camino::Utf8Path;
use instep_manifest::{Interrupted, Operation};

use crate::apply::{UNFINISHED, aside_path};
use crate::error::Error;
use crate::layout;

/// What [`recover`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The environment is whole: the old one, or the new one.
    Whole,
    /// An update in place was cut off: packages may be half there.
    Unfinished,
}

/// Clears away what the run that left `marker` was doing to the environment at `root`.
///
/// To be called with the environment's lock held, so that nobody is still at it. Whatever it
/// deletes carries our own mark: the names in the marker, and for a half-made environment the file
/// that says so inside it.
pub fn recover(root: &Utf8Path, marker: &Interrupted) -> Result<Recovered, Error> {
    let aside = aside_path(root);
    if aside.is_dir() && !exists(root) {
        std::fs::rename(&aside, root)
            .map_err(|source| Error::Write { path: root.to_owned(), source })?;
    }
    instep_fs::remove_tree(&aside)?;
    let run = match marker {
        Interrupted::Run(run) => Some(run),
        Interrupted::Unreadable => None,
    };
    if let Some(staged) = run.and_then(|run| run.staged.as_deref()) {
        // After an exchange of the two, the old environment stands here, and the new one is whole.
        let is_ours = staged.parent() == root.parent() && staged != root;
        if is_ours && is_environment_or_nothing(staged) {
            instep_fs::remove_tree(staged)?;
            instep_fs::remove_stale_temporaries(staged)?;
        }
    }
    // A deletion that was cut off leaves the folder under a temporary name.
    instep_fs::remove_stale_temporaries(root)?;
    instep_fs::remove_stale_temporaries(&aside)?;
    if root.join(UNFINISHED).exists() {
        instep_fs::remove_tree(root)?;
        return Ok(Recovered::Whole);
    }
    Ok(match run.map(|run| run.operation) {
        Some(Operation::Create | Operation::Rebuild) => Recovered::Whole,
        // A marker that cannot be read may have meant anything.
        Some(Operation::Update) | None => Recovered::Unfinished,
    })
}

/// A name in a marker is only a name: what stands there may have become somebody's work since.
fn is_environment_or_nothing(path: &Utf8Path) -> bool {
    let is_empty = path.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_none());
    is_empty || path.join(UNFINISHED).exists() || layout::pyvenv_cfg(path).exists()
}

fn exists(path: &Utf8Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
