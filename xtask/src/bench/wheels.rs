//! `cargo xtask bench wheels`: what it costs to compare two wheels, and to collect those of a lock.

use std::process::ExitCode;

use super::hyperfine::{Candidate, measure};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use super::wheelhouse;
use crate::error::Error;
use crate::workspace::Workspace;

const RUNS: u32 = 20;
const SLOW_RUNS: u32 = 3;

/// Writes the wheel of a folder into another one: with the clock of another day, and compressed by a level.
const REWRITE: &str = "\
import pathlib, sys, zipfile
[wheel] = pathlib.Path(sys.argv[1]).glob('*.whl')
folder, level = pathlib.Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir(exist_ok=True)
with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(folder / 'pandas.whl', 'w') as new:
    for entry in old.infolist():
        content = old.read(entry)
        entry.date_time = (2030, 1, 2, 3, 4, 6)
        new.writestr(entry, content, zipfile.ZIP_DEFLATED, level)
(folder / 'pandas.whl').rename(folder / wheel.name)
print(wheel.name)
";

/// Measures comparing and collecting beside their peers, and writes the page.
pub(crate) fn wheels(workspace: &Workspace) -> Result<ExitCode, Error> {
    let bench = Bench::prepare(workspace, "wheels")?;
    let tables = [compare(&bench)?, wheelhouse::table(&bench)?];
    let text = "The two pandas wheels hold the same files with other timestamps; once they are stored by the same \
                bytes, and once each file is compressed by another level. The lock is that of `examples/quickstart`."
        .to_owned();
    let (name, title) = ("bench wheels", "Wheels, compared and collected");
    Page::of(workspace).write(&bench, &Section { name, title, text, tables: &tables })?;
    Ok(ExitCode::SUCCESS)
}

fn compare(bench: &Bench) -> Result<Table, Error> {
    let pandas = bench.pins.iter().find(|pin| pin.starts_with("pandas=="));
    let pandas = pandas.ok_or_else(|| Error::Missing {
        what: "pandas".into(),
        why: "the lock of examples/quickstart has none".into(),
    })?;
    for folder in ["original", "restamped", "compressed"] {
        let _ = fs_err::remove_dir_all(bench.folder.join(folder));
    }
    let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
    bench.run("python", &[&download[..], &["--dest", "original", pandas]].concat())?;
    fs_err::write(bench.folder.join("rewrite.py"), REWRITE)?;
    bench.run("python", &["rewrite.py", "original", "restamped", "6"])?;
    let wheel = bench.ask("python", &["rewrite.py", "original", "compressed", "1"])?;

    let one = |name: &str, command: String| Candidate { name: name.into(), command, prepare: None };
    let ours =
        |other: &str| format!("instep wheels compare --quiet original/{wheel} {other}/{wheel}");
    let own = [
        one("instep wheels compare", ours("restamped")),
        one("the same, compressed by another level", ours("compressed")),
    ];
    // It ends with 1, since it shows what is noise.
    let diffoscope = format!(
        "sh -c 'diffoscope --text differences.txt original/{wheel} restamped/{wheel} || test $? = 1'"
    );
    let peers = [one("diffoscope", diffoscope)];
    let mut measured = measure(bench, 2, RUNS, &own)?;
    measured.extend(measure(bench, 0, SLOW_RUNS, &peers)?);
    let candidates = own.into_iter().chain(peers).collect();
    let title = "Two pandas wheels that differ in their timestamps";
    Ok(Table { title, candidates, measured })
}
