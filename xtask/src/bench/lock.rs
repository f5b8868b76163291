//! `cargo xtask bench lock`: what it costs to compile layers, and to find out that nothing is to be
//! compiled.

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::hyperfine::{Candidate, Measured, measure};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use crate::error::Error;
use crate::workspace::Workspace;

const WARMUP: u32 = 1;
const RUNS: u32 = 5;
const QUICK_RUNS: u32 = 30;

/// Requirements that the synthetic layers take turns with.
const PACKAGES: [&str; 20] = [
    "requests",
    "httpx",
    "pydantic",
    "fastapi",
    "uvicorn",
    "numpy",
    "pandas",
    "rich",
    "click",
    "jinja2",
    "pyyaml",
    "jsonschema",
    "tenacity",
    "attrs",
    "sqlalchemy",
    "alembic",
    "flask",
    "celery",
    "redis",
    "boto3",
];

/// Measures `instep lock` beside a loop of uv and pip-compile-multi, and writes the page.
pub(crate) fn lock(workspace: &Workspace) -> Result<ExitCode, Error> {
    let bench = Bench::prepare(workspace, "lock")?;
    seven(workspace, &bench)?;
    synthetic(&bench, "forty", 40)?;
    synthetic(&bench, "two-hundred", 200)?;
    bench.run("instep", &["lock", "--directory", "two-hundred"])?;

    let full = |folder: &str, names: &[&str]| -> Result<Table, Error> {
        let prepare = format!("sh -c 'rm -f {folder}/requirements/*.txt'");
        let candidates: Vec<Candidate> = candidates(folder)
            .into_iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(name, command)| Candidate {
                name: name.into(),
                command,
                prepare: Some(prepare.clone()),
            })
            .collect();
        let measured = measure(&bench, WARMUP, RUNS, &candidates)?;
        let title = if folder == "seven" {
            "Seven layers, of which no lock is there"
        } else {
            "Forty layers, of which no lock is there"
        };
        Ok(Table { title, candidates, measured })
    };
    let tables = [
        full("seven", &["instep lock", UV_LOOP, MULTI_UV, MULTI])?,
        full("forty", &["instep lock", UV_LOOP, MULTI_UV])?,
        unchanged(&bench)?,
    ];
    Page::of(workspace).write(
        &bench,
        &Section {
            name: "bench lock",
            title: "Compiling layers",
            text: "Every answer of the index in uv's cache. The seven layers are those of \
                   `examples/layered`; of the synthetic ones each has the base and two packages of twenty."
                .to_owned(),
            tables: &tables,
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

const UV_LOOP: &str = "uv pip compile, in a loop";
const MULTI_UV: &str = "pip-compile-multi --uv";
const MULTI: &str = "pip-compile-multi";

fn candidates(folder: &str) -> [(&'static str, String); 4] {
    let each = "for f in *.in; do uv pip compile --quiet --universal --generate-hashes --no-header \
                $f --output-file ${f%.in}.txt; done";
    let multi = |option: &str| {
        format!("pip-compile-multi {option}--directory {folder}/requirements --autoresolve")
    };
    [
        ("instep lock", format!("instep lock --quiet --directory {folder}")),
        (UV_LOOP, format!("sh -c 'cd {folder}/requirements && {each}'")),
        (MULTI_UV, multi("--uv ")),
        (MULTI, multi("")),
    ]
}

/// Nothing has changed, and the locks are there.
fn unchanged(bench: &Bench) -> Result<Table, Error> {
    bench.run("instep", &["lock", "--directory", "seven"])?;
    let quick = [
        ("instep lock, seven layers", "instep lock --quiet --directory seven"),
        ("instep lock --check, seven layers", "instep lock --check --quiet --directory seven"),
        ("instep lock --check, 200 layers", "instep lock --check --quiet --directory two-hundred"),
    ];
    let mut all: Vec<Candidate> = Vec::new();
    for (name, command) in quick {
        all.push(Candidate { name: name.into(), command: command.into(), prepare: None });
    }
    let mut measured: Vec<Measured> = measure(bench, 3, QUICK_RUNS, &all)?;
    // The peers' locks are other bytes, so they get a copy.
    copy_inputs(&bench.folder.join("seven"), &bench.folder.join("peer"))?;
    let [_, (name, command), ..] = candidates("peer");
    let peer = [Candidate { name: format!("{name}, seven layers"), command, prepare: None }];
    measured.extend(measure(bench, WARMUP, RUNS, &peer)?);
    all.extend(peer);
    Ok(Table { title: "Nothing has changed", candidates: all, measured })
}

fn copy_inputs(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    let (from, to) = (from.join("requirements"), to.join("requirements"));
    fs_err::create_dir_all(&to)?;
    for entry in fs_err::read_dir(from)? {
        let path = Utf8PathBuf::try_from(entry?.path()).map_err(std::io::Error::other)?;
        if let (Some("in"), Some(name)) = (path.extension(), path.file_name()) {
            fs_err::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn seven(workspace: &Workspace, bench: &Bench) -> Result<(), Error> {
    let example = workspace.root.join("examples");
    let _ = fs_err::remove_dir_all(bench.folder.join("seven"));
    fs_err::create_dir_all(bench.folder.join("seven"))?;
    fs_err::copy(example.join("layered/instep.toml"), bench.folder.join("seven/instep.toml"))?;
    copy_inputs(&example.join("layered"), &bench.folder.join("seven"))?;
    Ok(())
}

/// A base and `count - 1` layers on it.
fn synthetic(bench: &Bench, name: &str, count: usize) -> Result<(), Error> {
    let folder = bench.folder.join(name);
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(folder.join("requirements"))?;
    fs_err::write(folder.join("instep.toml"), "[layers]\n")?;
    let base = bench.folder.join("seven/requirements/base.in");
    fs_err::copy(base, folder.join("requirements/base.in"))?;
    for number in 1..count {
        let package =
            |step: usize| PACKAGES.get((number * step) % PACKAGES.len()).unwrap_or(&"six");
        let text = format!("-r base.in\n{}\n{}\n", package(1), package(7));
        fs_err::write(folder.join("requirements").join(format!("layer{number:03}.in")), text)?;
    }
    Ok(())
}
