//! `cargo xtask bench ci`: what it costs to know that a repository's files are in step.

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::hyperfine::{Candidate, measure};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use crate::error::Error;
use crate::workspace::Workspace;

const RUNS: u32 = 20;
const SLOW_RUNS: u32 = 3;
const MANY: usize = 1000;
/// Source files of the ordinary repository, which are walked past.
const SOURCES: usize = 2000;

const CONFIG: &str = "\
[tools]
python = [\"3.12\", \"3.13\"]
uv = \"0.13.8\"

[ci.commands]
uv = \"uv sync --all-extras --dev\"
pip = \"pip install -r requirements.txt\"
";

/// A hook that does nothing: what any hook costs.
const EMPTY_HOOK: &str = "\
repos:
  - repo: local
    hooks:
      - id: nothing
        name: nothing
        entry: 'true'
        language: system
        always_run: true
        pass_filenames: false
";

/// What a script would do: read every workflow into values that keep comments, and write it back.
const ROUND_TRIP: &str = "\
import pathlib, sys
from ruamel.yaml import YAML
yaml = YAML()
yaml.preserve_quotes = True
for path in sorted(pathlib.Path(sys.argv[1]).glob('.github/workflows/*.yml')):
    values = yaml.load(path.read_text(encoding='utf-8-sig'))
    with open('round-trip.yml', 'w', encoding='utf-8') as file:
        yaml.dump(values, file)
";

/// Measures `instep ci check` beside its peers, and writes the page.
pub(crate) fn ci(workspace: &Workspace) -> Result<ExitCode, Error> {
    let bench = Bench::prepare(workspace, "ci")?;
    many(workspace, &bench)?;
    ordinary(workspace, &bench)?;
    fs_err::write(bench.folder.join("round-trip.py"), ROUND_TRIP)?;
    let one = |name: &str, command: &str| Candidate {
        name: name.into(),
        command: command.into(),
        prepare: None,
    };
    let many = [one("instep ci check", "instep ci check --quiet --directory many")];
    let slow = [one("ruamel.yaml, a round trip of each", "python round-trip.py many")];
    let mut measured = measure(&bench, 2, RUNS, &many)?;
    measured.extend(measure(&bench, 0, SLOW_RUNS, &slow)?);
    let candidates = many.into_iter().chain(slow).collect();
    let many = Table { title: "1,000 workflows, all in step", candidates, measured };
    let candidates = vec![
        one("instep ci check", "instep ci check --quiet --directory ordinary"),
        one("an empty pre-commit hook", "sh -c 'cd ordinary && pre-commit run --all-files'"),
    ];
    let measured = measure(&bench, 2, RUNS, &candidates)?;
    let title = "The hook, as a whole process, on an ordinary repository";
    let tables = [many, Table { title, candidates, measured }];
    let text = format!(
        "The workflows are those of `tests/corpus/ci`, again and again. The ordinary repository has \
         {SOURCES} source files and the two dozen files of the corpus' `monorepo`."
    );
    let (name, title) = ("bench ci", "Files that follow the configuration");
    Page::of(workspace).write(&bench, &Section { name, title, text, tables: &tables })?;
    Ok(ExitCode::SUCCESS)
}

fn fresh(bench: &Bench, name: &str) -> Result<Utf8PathBuf, Error> {
    let folder = bench.folder.join(name);
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(&folder)?;
    fs_err::write(folder.join("instep.toml"), CONFIG)?;
    Ok(folder)
}

/// So many workflows, in step.
fn many(workspace: &Workspace, bench: &Bench) -> Result<(), Error> {
    let folder = fresh(bench, "many")?;
    let to = folder.join(".github/workflows");
    fs_err::create_dir_all(&to)?;
    let mut workflows = Vec::new();
    let mut open = vec![workspace.root.join("tests/corpus/ci")];
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(folder)? {
            let path = Utf8PathBuf::try_from(entry?.path()).map_err(std::io::Error::other)?;
            if path.is_dir() {
                open.push(path);
            } else if path.parent().is_some_and(|folder| folder.ends_with(".github/workflows")) {
                workflows.push(path);
            }
        }
    }
    workflows.sort();
    for (number, workflow) in workflows.iter().cycle().take(MANY).enumerate() {
        fs_err::copy(workflow, to.join(format!("workflow{number:04}.yml")))?;
    }
    bench.run("instep", &["ci", "sync", "--quiet", "--directory", "many"])
}

fn ordinary(workspace: &Workspace, bench: &Bench) -> Result<(), Error> {
    let folder = fresh(bench, "ordinary")?;
    copy(&workspace.root.join("tests/corpus/ci/monorepo"), &folder)?;
    fs_err::write(folder.join(".pre-commit-config.yaml"), EMPTY_HOOK)?;
    for number in 0..SOURCES {
        let package = folder.join(format!("src/package{:02}", number / 50));
        fs_err::create_dir_all(&package)?;
        fs_err::write(package.join(format!("module{number}.py")), "VALUE = 1\n")?;
    }
    bench.run("instep", &["ci", "sync", "--quiet", "--directory", "ordinary"])?;
    bench.run("git", &["init", "--quiet", "ordinary"])?;
    bench.run("git", &["-C", "ordinary", "add", "--all"])
}

fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let path = Utf8PathBuf::try_from(entry?.path()).map_err(std::io::Error::other)?;
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs_err::copy(&path, &to)?;
        }
    }
    Ok(())
}
