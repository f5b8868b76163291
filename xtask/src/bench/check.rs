//! `cargo xtask bench check`: what it costs to find out that nothing is to be done.

use std::process::{Command, ExitCode};

use super::hyperfine::{Candidate, measure};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use crate::error::Error;
use crate::run::run;
use crate::workspace::Workspace;

const WARMUP: u32 = 3;
const RUNS: u32 = 30;

/// Measures `instep check` beside what else can be asked, and writes the page.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode, Error> {
    let bench = Bench::prepare(workspace, "check")?;
    bench.uv_project()?;
    bench.environment("uv-pip", false)?;
    bench.environment("pip-sync", true)?;
    bench.environment("pip", true)?;
    empty_program(&bench)?;

    let lock = "instep/requirements-lock.txt";
    let candidates = [
        ("instep check", "instep check --quiet --directory instep".to_owned()),
        ("an empty Rust program", "./empty".to_owned()),
        ("uv sync --check", "uv sync --check --quiet --project uv-project".to_owned()),
        ("uv pip sync", format!("uv pip sync --quiet --python uv-pip {lock}")),
        ("pip-sync", format!("pip-sync --quiet --python-executable pip-sync/bin/python {lock}")),
        ("pip install -r", format!("pip/bin/python -m pip install --quiet -r {lock}")),
    ];
    let candidates =
        candidates.map(|(name, command)| Candidate { name: name.into(), command, prepare: None });
    // The first run of pip-sync may still have something to do.
    for candidate in &candidates {
        let words: Vec<&str> = candidate.command.split(' ').collect();
        if let [program, args @ ..] = words.as_slice() {
            bench.run(program, args)?;
        }
    }
    let measured = measure(&bench, WARMUP, RUNS, &candidates)?;
    let page = Page::of(workspace);
    page.write(
        &bench,
        &Section {
            name: "bench check",
            title: "A check that finds nothing to do",
            text: format!(
                "Whole processes, each on an environment that is in step already. {} packages: those of \
                 `examples/quickstart`.",
                bench.packages()?
            ),
            tables: &[Table { title: "", candidates: candidates.to_vec(), measured }],
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The floor: what a process costs that does nothing.
fn empty_program(bench: &Bench) -> Result<(), Error> {
    fs_err::write(bench.folder.join("empty.rs"), "fn main() {}\n")?;
    let mut rustc = Command::new("rustc");
    rustc.args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols", "empty.rs"]);
    run(rustc.current_dir(&bench.folder))
}
