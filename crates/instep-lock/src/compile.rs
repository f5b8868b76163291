//! Compiling requirements to a lock, with uv, pip-tools, or pip alone.
//!
//! | tool | how | the lock holds for |
//! | --- | --- | --- |
//! | uv | `uv pip compile --universal --generate-hashes` | every platform, from this Python minor version on |
//! | pip-tools | `pip-compile --generate-hashes` | this platform and Python |
//! | pip | `pip install --dry-run --report` | this platform and Python |
//!
//! None of them is let to write an index URL into the lock: where packages come from is the
//! business of whoever installs. What pip reports are the digests of the one file it would install;
//! a lock with only those could not be used on another platform, so pip's carries none.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_manifest::requirements::{self, LineKind, Target};
use instep_tools::{CancelToken, Environment, Interpreter, Pip, PipTools, Run, Stream, Uv};
use pep440_rs::{Operator, Version, VersionSpecifiers};
use pep508_rs::{PackageName, Requirement, VersionOrUrl};
use serde::Deserialize;

use crate::error::Error;
use crate::pins;

/// The tool that compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// uv.
    Uv {
        /// The tool.
        uv: Uv,
        /// Options for every command that looks for packages (`IndexSettings::to_uv_args`).
        options: Vec<String>,
    },
    /// pip-tools.
    PipTools(PipTools),
    /// pip.
    Pip(Pip),
}

impl Compiler {
    /// `uv`, `pip-tools` or `pip`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uv { .. } => "uv",
            Self::PipTools(_) => "pip-tools",
            Self::Pip(_) => "pip",
        }
    }

    /// The tool's version.
    pub fn version(&self) -> &str {
        match self {
            Self::Uv { uv, .. } => &uv.version,
            Self::PipTools(tools) => &tools.version,
            Self::Pip(pip) => &pip.version,
        }
    }
}

/// Which pins of the lock that is there may move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// Those that have to.
    #[default]
    None,
    /// All.
    All,
    /// Those of these packages, and those that have to.
    Packages(Vec<PackageName>),
}

/// What is to be compiled.
#[derive(Debug)]
pub struct Compile<'a> {
    /// Requirements files, relative to `working_dir` where they are inside, so that the lock's
    /// annotations read the same everywhere.
    pub sources: &'a [Utf8PathBuf],
    /// The lock that is there, whose pins are kept unless they have to move.
    pub previous: Option<&'a str>,
    /// Which pins may move.
    pub upgrade: &'a Upgrade,
    /// What runs the tool, and builds what has to be built.
    pub python: &'a Interpreter,
    /// The minor version of Python that the lock is for; only uv can do another than `python`'s.
    pub python_version: &'a str,
    /// The one platform that it is for, in uv's words; only uv can do another than this one.
    pub platform: Option<&'a str>,
    /// Whether it has the digests of the files.
    pub hashes: bool,
    /// The variables that the tools see.
    pub variables: &'a Environment,
    /// The folder that relative paths are relative to, and that the tools run in.
    pub working_dir: &'a Utf8Path,
    /// A private folder.
    pub scratch: &'a Utf8Path,
}

/// Compiles and returns the lock's text, without any header.
pub fn compile(
    compiler: &Compiler,
    job: &Compile<'_>,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(&str),
) -> Result<String, Error> {
    let mut on_line = |_: Stream, line: &str| on_line(line);
    let out = job.scratch.join("compiled.txt");
    if let Some(previous) = job.previous {
        fs::write(&out, previous).map_err(|source| write(&out, source))?;
    }
    match compiler {
        Compiler::Uv { uv, options } => {
            let run = uv.run(job.variables).args(["pip", "compile", "--no-header"]);
            let run = match job.platform {
                Some(platform) => run.args(["--python-platform", platform]),
                None => run.arg("--universal"),
            };
            let run = run
                .args(job.hashes.then_some("--generate-hashes"))
                .args(options)
                .args(["--python", job.python.executable.as_str()])
                .args(["--python-version", job.python_version, "--output-file"])
                .arg(out.as_str());
            compile_to(run, job, &out, cancel, &mut on_line)
        }
        Compiler::PipTools(tools) => {
            let run = tools
                .compile(job.variables)
                .args(job.hashes.then_some("--generate-hashes"))
                .args(["--no-header", "--no-emit-options"])
                .args(["--allow-unsafe", "--strip-extras", "--quiet", "--output-file"])
                .arg(out.as_str());
            compile_to(run, job, &out, cancel, &mut on_line)
        }
        Compiler::Pip(pip) => compile_with_pip(pip, job, cancel, &mut on_line),
    }
}

fn compile_to(
    run: Run,
    job: &Compile<'_>,
    out: &Utf8Path,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<String, Error> {
    let mut run = run.cwd(job.working_dir);
    match job.upgrade {
        Upgrade::None => {}
        Upgrade::All => run = run.arg("--upgrade"),
        Upgrade::Packages(names) => {
            for name in names {
                run = run.args(["--upgrade-package", name.as_ref()]);
            }
        }
    }
    run.args(job.sources.iter().map(|path| path.as_str())).run(cancel, on_line)?;
    fs::read_to_string(out).map_err(|source| Error::Read { path: out.to_owned(), source })
}

fn write(path: &Utf8Path, source: std::io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

/// pip knows no preference, only constraints: the previous pins are tried as such, and dropped if
/// they cannot all hold.
fn compile_with_pip(
    pip: &Pip,
    job: &Compile<'_>,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<String, Error> {
    let constraints = job.scratch.join("previous.txt");
    let kept = previous_pins(job);
    if !kept.is_empty() {
        fs::write(&constraints, kept).map_err(|source| write(&constraints, source))?;
        match report(pip, job, Some(&constraints), cancel, on_line) {
            Err(Error::Tools(instep_tools::Error::Failed { .. })) => {}
            result => return result,
        }
    }
    report(pip, job, None, cancel, on_line)
}

/// The pins of the previous lock that are to be kept, a line each: those that may not move by
/// themselves, and that the requirements of today still allow.
fn previous_pins(job: &Compile<'_>) -> String {
    let previous = job.previous.unwrap_or_default();
    // A lock that cannot be read has nothing to keep.
    let lines = requirements::parse(previous, job.scratch, &|_| None).unwrap_or_default();
    let asked = asked_for(job);
    let mut kept = String::new();
    for line in &lines {
        let LineKind::Requirement { requirement, .. } = &line.kind else { continue };
        let Some(version) = exact_version(requirement) else { continue };
        let moves = match job.upgrade {
            Upgrade::None => false,
            Upgrade::All => true,
            Upgrade::Packages(names) => names.contains(&requirement.name),
        };
        let is_allowed = asked
            .get(&requirement.name)
            .is_none_or(|ranges| ranges.iter().all(|range| range.contains(version)));
        if !moves && is_allowed {
            let name = requirement.name.as_ref();
            kept.push_str(&pins::constraint(name, version, &requirement.marker));
        }
    }
    kept
}

/// The versions that the sources themselves allow, by package.
fn asked_for(job: &Compile<'_>) -> BTreeMap<PackageName, Vec<VersionSpecifiers>> {
    let mut asked: BTreeMap<PackageName, Vec<VersionSpecifiers>> = BTreeMap::new();
    let variables = |name: &str| job.variables.var(name).map(str::to_owned);
    for source in job.sources {
        let Ok(found) = requirements::read(job.working_dir, source, &variables) else { continue };
        for entry in &found.entries {
            if let LineKind::Requirement { requirement, .. } = &entry.line.kind
                && let Some(VersionOrUrl::VersionSpecifier(range)) = &requirement.version_or_url
            {
                asked.entry(requirement.name.clone()).or_default().push(range.clone());
            }
        }
    }
    asked
}

fn exact_version(requirement: &Requirement<Target>) -> Option<&Version> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(range)) => match range.as_ref() {
            [one] if *one.operator() == Operator::Equal => Some(one.version()),
            _ => None,
        },
        _ => None,
    }
}

#[derive(Deserialize)]
struct Report {
    install: Vec<Installation>,
}

#[derive(Deserialize)]
struct Installation {
    metadata: ReportMetadata,
    download_info: DownloadInfo,
    #[serde(default)]
    is_direct: bool,
}

#[derive(Deserialize)]
struct ReportMetadata {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    #[serde(default)]
    subdirectory: Option<String>,
    #[serde(default)]
    dir_info: Option<DirInfo>,
    #[serde(default)]
    vcs_info: Option<VcsInfo>,
}

#[derive(Deserialize)]
struct DirInfo {
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct VcsInfo {
    vcs: String,
    commit_id: String,
}

/// Runs pip's resolver; its [report](https://pip.pypa.io/en/stable/reference/installation-report/)
/// says what it would install.
fn report(
    pip: &Pip,
    job: &Compile<'_>,
    constraints: Option<&Utf8Path>,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<String, Error> {
    let out = job.scratch.join("report.json");
    let mut run = pip
        .run(job.variables)
        .args(["install", "--dry-run", "--ignore-installed", "--quiet", "--report"])
        .arg(out.as_str())
        .cwd(job.working_dir);
    for source in job.sources {
        run = run.args(["--requirement", source.as_str()]);
    }
    if let Some(constraints) = constraints {
        run = run.args(["--constraint", constraints.as_str()]);
    }
    run.run(cancel, on_line)?;
    let text =
        fs::read_to_string(&out).map_err(|source| Error::Read { path: out.clone(), source })?;
    let report: Report = serde_json::from_str(&text)
        .map_err(|source| Error::Report { path: out.clone(), source })?;
    Ok(print_report(&report, job.working_dir))
}

fn print_report(report: &Report, root: &Utf8Path) -> String {
    let mut lines = BTreeMap::new();
    for installation in &report.install {
        let name = PackageName::new(installation.metadata.name.clone())
            .map_or_else(|_| installation.metadata.name.clone(), |name| name.to_string());
        let line = if installation.is_direct {
            direct_line(&name, &installation.download_info, root)
        } else {
            [&name, "==", &installation.metadata.version].concat()
        };
        lines.insert(name, line);
    }
    let mut text = String::new();
    for line in lines.values() {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The line of what comes from no index; paths are relative to `root`.
fn direct_line(name: &str, info: &DownloadInfo, root: &Utf8Path) -> String {
    if let Some(vcs) = &info.vcs_info {
        let mut line = [name, " @ ", &vcs.vcs, "+", &info.url, "@", &vcs.commit_id].concat();
        if let Some(folder) = &info.subdirectory {
            line.push_str("#subdirectory=");
            line.push_str(folder);
        }
        return line;
    }
    let Target::Local { path, .. } = Target::parse(&info.url) else {
        return [name, " @ ", &info.url].concat();
    };
    let target = pins::local(root, &path);
    let is_editable = info.dir_info.as_ref().is_some_and(|info| info.editable);
    if is_editable { ["-e ", &target].concat() } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_becomes_sorted_lines() {
        let text = r#"{"install": [
              {"metadata": {"name": "Zope.Event", "version": "5.0"}, "is_direct": false,
               "download_info": {"url": "https://example.org/z.whl", "archive_info": {}}},
              {"metadata": {"name": "local", "version": "1"}, "is_direct": true,
               "download_info": {"url": "file:///p/libs/local", "dir_info": {"editable": true}}},
              {"metadata": {"name": "c", "version": "1"}, "is_direct": true,
               "download_info": {"url": "https://example.org/c.git", "subdirectory": "s",
                 "vcs_info": {"vcs": "git", "commit_id": "abc"}}}
            ]}"#;
        let text = if cfg!(windows) { text.replace("///p", "///C:/p") } else { text.to_owned() };
        let report: Report = serde_json::from_str(&text).unwrap();
        let expected = "c @ git+https://example.org/c.git@abc#subdirectory=s\n\
                        -e ./libs/local\nzope-event==5.0\n";
        let root = if cfg!(windows) { "C:\\p" } else { "/p" };
        assert_eq!(print_report(&report, Utf8Path::new(root)), expected);
    }
}
