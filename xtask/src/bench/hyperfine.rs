//! Measuring whole processes, without a shell between: `hyperfine -N`.

use std::process::Command;

use camino::Utf8Path;
use serde::Deserialize;

use crate::error::Error;
use crate::run::{run, which};

/// A command line to measure.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// What the page calls it.
    pub(super) name: String,
    /// As hyperfine splits it into words.
    pub(super) command: String,
    /// Run before each measured run.
    pub(super) prepare: Option<String>,
}

/// What was measured.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Measured {
    #[serde(rename = "command")]
    pub(super) name: String,
    /// Seconds.
    pub(super) median: f64,
    /// Seconds.
    pub(super) min: f64,
    /// Seconds.
    pub(super) max: f64,
}

#[derive(Deserialize)]
struct Export {
    results: Vec<Measured>,
}

/// Measures the candidates one after the other in `folder`, whose `bin` comes first on `PATH`.
pub(super) fn measure(
    folder: &Utf8Path,
    path: &str,
    warmup: u32,
    runs: u32,
    candidates: &[Candidate],
) -> Result<Vec<Measured>, Error> {
    let why = || "install it, from Debian's package hyperfine for example".to_owned();
    let program = which("hyperfine")
        .ok_or_else(|| Error::Missing { what: "hyperfine".into(), why: why() })?;
    let export = folder.join("hyperfine.json");
    let mut command = Command::new(program);
    command.args(["-N", "--style", "basic", "--export-json", export.as_str()]);
    command.args(["--warmup", &warmup.to_string(), "--runs", &runs.to_string()]);
    for candidate in candidates {
        if let Some(prepare) = &candidate.prepare {
            command.args(["--prepare", prepare]);
        }
        command.args(["--command-name", &candidate.name, &candidate.command]);
    }
    run(command.current_dir(folder).env("PATH", path))?;
    let text = fs_err::read_to_string(&export)?;
    let export: Export = serde_json::from_str(&text)
        .map_err(|source| Error::Json { command: "hyperfine".into(), source })?;
    Ok(export.results)
}
