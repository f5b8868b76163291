//! The half of `cargo xtask bench wheels` that downloads: the packages of the quickstart, cold.

use super::hyperfine::{Candidate, measure};
use super::page::Table;
use super::peers::Bench;
use crate::error::Error;

/// Each run downloads some two hundred megabytes.
const RUNS: u32 = 3;
const LOCK: &str = "instep/requirements-lock.txt";

/// One target beside pip and uv, and four targets beside one.
pub(super) fn table(bench: &Bench) -> Result<Table, Error> {
    bench.environment("pip-env", true)?;
    let ours = |name: &str, out: &str, pythons: &str, platforms: &str| Candidate {
        name: name.into(),
        command: format!(
            "env INSTEP_CACHE_DIR=cold instep wheels download --quiet --lock {LOCK} --python {pythons} \
             --platform {platforms} --out {out}"
        ),
        prepare: Some(anew(&[out, "cold"])),
    };
    let pip = format!(
        "pip-env/bin/python -m pip download --quiet --no-deps --no-cache-dir --dest by-pip --requirement {LOCK}"
    );
    let uv =
        format!("uv pip install --quiet --no-deps --no-cache --target by-uv --requirement {LOCK}");
    let candidates = vec![
        ours("instep wheels download", "one", "3.11", "linux-x86_64"),
        Candidate { name: "pip download".into(), command: pip, prepare: Some(anew(&["by-pip"])) },
        Candidate {
            name: "uv pip install, which unpacks them".into(),
            command: uv,
            prepare: Some(anew(&["by-uv"])),
        },
        ours("instep wheels download, four targets", "four", "3.11,3.12", "linux-x86_64,win-amd64"),
    ];
    let measured = measure(bench, 0, RUNS, &candidates)?;
    let title = "The wheels of a lock, with nothing in any cache";
    Ok(Table { title, candidates, measured })
}

fn anew(folders: &[&str]) -> String {
    format!("rm -rf {}", folders.join(" "))
}
