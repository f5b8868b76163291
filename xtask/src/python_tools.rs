//! The Python tools of this repository, kept in step by Instep itself.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use crate::workspace::Workspace;

/// Brings `tools/.venv` in step with `tools/requirements.in`, and the files that name Python's version with
/// instep.toml: three lines, as in every other monorepo.
pub(crate) fn sync(workspace: &Workspace) -> ExitCode {
    instep_cli::sync_env(workspace.root.as_std_path())
}

/// Asks whether the files that name Python's version do so as instep.toml does.
pub(crate) fn check_files(workspace: &Workspace) -> ExitCode {
    let words = ["instep", "ci", "check", "--directory", workspace.root.as_str()];
    instep_cli::run(words.map(Into::into))
}

/// The folder of their programs.
pub(crate) fn programs(workspace: &Workspace) -> Utf8PathBuf {
    let venv = workspace.root.join("tools").join(".venv");
    venv.join(if cfg!(windows) { "Scripts" } else { "bin" })
}
