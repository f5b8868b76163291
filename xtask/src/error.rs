//! What can go wrong in a task.

use std::io;
use std::process::ExitStatus;

use camino::Utf8PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no `cargo xtask {given}`; `cargo xtask help` lists what there is")]
    Usage { given: String },
    #[error("`{command}` cannot be started: {source}")]
    Start { command: String, source: io::Error },
    #[error("`{command}` ended with {status}{}", last_output(.output))]
    Failed { command: String, status: ExitStatus, output: String },
    #[error("`{command}` was interrupted ({status})")]
    Interrupted { command: String, status: ExitStatus },
    #[error("`{command}` printed what was not expected: {source}")]
    Json { command: String, source: serde_json::Error },
    #[error("{path} has no lines `<!-- {name} -->` and `<!-- /{name} -->` to write between")]
    Markers { path: Utf8PathBuf, name: &'static str },
    #[error("{what} is not there: {why}")]
    Missing { what: String, why: String },
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn last_output(output: &str) -> String {
    let lines: Vec<&str> = output.trim().lines().collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
    if last.is_empty() { String::new() } else { format!("; its last words:\n{}", last.join("\n")) }
}
