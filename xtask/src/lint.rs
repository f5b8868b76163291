//! `cargo xtask lint`: everything that can be said about the code without running it.

use std::process::{Command, ExitCode};

use crate::components::{Components, WINDOWS};
use crate::error::Error;
use crate::run::{cargo, run, which};
use crate::workspace::Workspace;
use crate::{docs, python_tools};

/// Runs every check, also after one has failed.
pub(crate) fn lint(workspace: &Workspace) -> Result<ExitCode, Error> {
    let components = Components::for_lints(workspace)?;
    let mut checks = Checks { workspace, failed: Vec::new(), skipped: Vec::new() };
    for missing in &components.missing {
        checks.skipped.push(format!("what needs {}: {}", missing.what, missing.why));
    }

    let clippy = ["clippy", "--workspace", "--all-targets"];
    let deny = ["--", "-D", "warnings"];
    checks.run("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    checks.run("clippy", cargo().args(clippy).args(deny))?;
    if components.windows {
        checks.run(
            "clippy for Windows",
            cargo().args(clippy).args(["--target", WINDOWS]).args(deny),
        )?;
    }
    // Libraries alone: the command has the name of the core crate, and their pages would be in one place.
    let doc = ["doc", "--workspace", "--lib", "--no-deps"];
    checks.run("documentation", cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    checks.dependencies()?;
    if let Some(typos) = components.tool("typos") {
        checks.run("spelling", &mut Command::new(typos))?;
    }
    if python_tools::check_files(workspace) != ExitCode::SUCCESS {
        checks.failed.push("commands and versions in files");
    }
    match docs::check(workspace) {
        Ok(code) if code == ExitCode::SUCCESS => {}
        Ok(_) | Err(Error::Failed { .. }) => checks.failed.push("generated files"),
        Err(error) => return Err(error),
    }
    Ok(checks.print())
}

struct Checks<'a> {
    workspace: &'a Workspace,
    failed: Vec<&'static str>,
    skipped: Vec<String>,
}

impl Checks<'_> {
    fn run(&mut self, name: &'static str, command: &mut Command) -> Result<(), Error> {
        match run(command.current_dir(&self.workspace.root)) {
            Err(Error::Failed { .. }) => self.failed.push(name),
            other => other?,
        }
        Ok(())
    }

    /// Licences, duplicates and sources; advisories need the network, and change without a change here.
    fn dependencies(&mut self) -> Result<(), Error> {
        if which("cargo-deny").is_some() {
            let deny = ["deny", "--workspace", "check", "licenses", "bans", "sources"];
            self.run("dependencies", cargo().args(deny))?;
        } else {
            let how = "install it with: cargo install cargo-deny --locked";
            self.skipped.push(format!("dependencies: cargo-deny is missing, {how}"));
        }
        Ok(())
    }

    fn print(self) -> ExitCode {
        for skip in &self.skipped {
            println!("skipped: {skip}");
        }
        if self.failed.is_empty() {
            println!("all checks passed");
            return ExitCode::SUCCESS;
        }
        println!("failed: {}", self.failed.join(", "));
        ExitCode::FAILURE
    }
}
