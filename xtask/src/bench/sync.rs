//! `cargo xtask bench sync`: what a sync into a new environment costs, when every wheel is in uv's cache.

use std::process::ExitCode;

use super::hyperfine::{Candidate, measure};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use crate::error::Error;
use crate::workspace::Workspace;

const WARMUP: u32 = 1;
const RUNS: u32 = 30;

/// Measures `instep sync` beside the two commands of uv that it runs, and writes the page.
pub(crate) fn sync(workspace: &Workspace) -> Result<ExitCode, Error> {
    let mut bench = Bench::prepare(workspace, "sync")?;
    bench.environment("bare", false)?;
    // Made from the interpreter that Instep's own environment is made from.
    let ask = "import sys; print(sys._base_executable)";
    bench.python = Some(bench.ask("instep/.venv/bin/python", &["-c", ask])?);
    // Two processes need a shell, so both sides have one.
    let uv = "uv venv --quiet --python \"$PYTHON\" bare && \
              uv pip sync --quiet --python bare instep/requirements-lock.txt";
    let candidates = [
        Candidate {
            name: "instep sync".into(),
            command: "sh -c 'instep sync --quiet --directory instep'".into(),
            prepare: Some("rm -rf instep/.venv instep/.instep".into()),
        },
        Candidate {
            name: "uv venv, uv pip sync".into(),
            command: format!("sh -c '{uv}'"),
            prepare: Some("rm -rf bare".into()),
        },
    ];
    let measured = measure(&bench, WARMUP, RUNS, &candidates)?;
    let page = Page::of(workspace);
    page.write(
        &bench,
        &Section {
            name: "bench sync",
            title: "A sync into a new environment",
            text: format!(
                "No environment and no state before each run; every wheel in uv's cache. {} packages: \
                 those of `examples/quickstart`.",
                bench.packages()?
            ),
            tables: &[Table { title: "", candidates: candidates.to_vec(), measured }],
        },
    )?;
    Ok(ExitCode::SUCCESS)
}
