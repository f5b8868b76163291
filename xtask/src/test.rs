//! `cargo xtask test`: get what the tests need, run all of them, say what was left out.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use camino::Utf8Path;

use crate::components::{Components, WINDOWS};
use crate::error::Error;
use crate::run::{announce, cargo, failed, is_interrupted, run, start};
use crate::tally::Tally;
use crate::wine;
use crate::workspace::{Profile, Workspace};

/// What to test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The tests that take minutes too.
    long: bool,
    /// Only tests whose name has one of these in it, and nothing but tests.
    filter: Vec<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Error> {
        let mut options = Self::default();
        for (position, word) in words.iter().enumerate() {
            match *word {
                "--long" => options.long = true,
                "--" => {
                    let rest = words.get(position + 1..).unwrap_or_default();
                    options.filter = rest.iter().map(ToString::to_string).collect();
                    break;
                }
                _ => return Err(Error::Usage { given: format!("test {}", words.join(" ")) }),
            }
        }
        Ok(options)
    }
}

/// What became of everything.
#[derive(Default)]
struct Report {
    tally: Tally,
    /// What failed that is not one of the counted tests.
    failed: Vec<String>,
    skipped: Vec<String>,
}

pub(crate) fn test(workspace: &Workspace, options: &Options) -> Result<ExitCode, Error> {
    let components = Components::for_tests(workspace)?;
    let mut report = Report::default();
    for missing in &components.missing {
        report.skipped.push(format!("what needs {}: {}", missing.what, missing.why));
    }
    report.tests_here(workspace, &components, options)?;
    if options.filter.is_empty() && components.windows {
        report.lint_for_windows(workspace)?;
        report.tests_under_wine(workspace, &components)?;
    }
    Ok(report.print())
}

impl Report {
    fn tests_here(
        &mut self,
        workspace: &Workspace,
        components: &Components,
        options: &Options,
    ) -> Result<(), Error> {
        let work = workspace.work("test")?;
        let skips = work.join("skips.txt");
        fs_err::write(&skips, "")?;
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast"]);
        if !options.filter.is_empty() {
            command.arg("--").args(&options.filter);
        }
        command.env("INSTEP_TEST_SKIPS", &skips);
        command.env("INSTEP_TEST_BIN", binary_of_its_own(workspace, &work)?);
        command.env("INSTEP_TEST_LONG", if options.long { "1" } else { "0" });
        if let Some(tools) = &components.tools {
            command.env("INSTEP_TEST_TOOLS", tools);
        }
        if let Some(devcontainer) = &components.devcontainer {
            command.env("INSTEP_TEST_DEVCONTAINER", devcontainer);
        }
        if let Some(vault) = &components.vault {
            command.env("INSTEP_TEST_VAULT", vault);
        }
        self.count("tests", command.current_dir(&workspace.root))?;
        self.note_skips(&skips)
    }

    fn lint_for_windows(&mut self, workspace: &Workspace) -> Result<(), Error> {
        let mut command = cargo();
        command.args(["clippy", "--workspace", "--all-targets", "--target", WINDOWS]);
        command.args(["--", "-D", "warnings"]).current_dir(&workspace.root);
        match run(&mut command) {
            Err(Error::Failed { .. }) => self.failed.push(format!("clippy for {WINDOWS}")),
            other => other?,
        }
        Ok(())
    }

    fn tests_under_wine(
        &mut self,
        workspace: &Workspace,
        components: &Components,
    ) -> Result<(), Error> {
        let Some(prefix) = &components.wine else { return Ok(()) };
        let work = workspace.work("test-wine")?;
        let skips = work.join("skips.txt");
        fs_err::write(&skips, "")?;
        let mut command = cargo();
        // `files`: the mirror's tests on real files.
        command.args(["test", "--lib", "--test", "files"]);
        command.args(["--no-fail-fast", "--target", WINDOWS]);
        let packages = [
            "instep-bundle",
            "instep-ci",
            "instep-fs",
            "instep-keys",
            "instep-lock",
            "instep-manifest",
            "instep-mirror",
            "instep-wheel",
        ];
        for package in packages {
            command.args(["--package", package]);
        }
        prefix.environment(&mut command);
        // Under Wine, insta can neither ask cargo where snapshots are, nor offer new ones for review.
        command.env("INSTA_WORKSPACE_ROOT", &workspace.root).env("INSTA_UPDATE", "no");
        self.count("tests under Wine", command.current_dir(&workspace.root))?;
        // Whole commands: those of the mirror, which need nothing but themselves.
        let mut command = cargo();
        command.args(["test", "--test", "e2e", "--no-fail-fast", "--package", "instep-tests"]);
        command.args(["--target", WINDOWS, "--", "mirror::", "windows::"]);
        prefix.environment(&mut command);
        command.env("INSTEP_TEST_BIN", wine::path(&workspace.instep_for(WINDOWS)?));
        command.env("INSTEP_TEST_SKIPS", wine::path(&skips));
        self.count("commands under Wine", command.current_dir(&workspace.root))?;
        self.note_skips(&skips)
    }

    fn note_skips(&mut self, skips: &Utf8Path) -> Result<(), Error> {
        let text = fs_err::read_to_string(skips)?;
        let lines = text.lines().map(|line| line.strip_prefix("SKIP ").unwrap_or(line).to_owned());
        self.skipped.extend(lines);
        Ok(())
    }

    /// Runs cargo's tests, shows their output as it comes, and counts them.
    fn count(&mut self, name: &str, command: &mut Command) -> Result<(), Error> {
        announce(command);
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|source| start(command, source))?;
        let mut tally = Tally::default();
        if let Some(stdout) = child.stdout.take() {
            // Not everything that a test writes has to be UTF-8.
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                if let Some(result) = Tally::of_line(&line) {
                    tally += result;
                }
            }
        }
        let status = child.wait()?;
        if is_interrupted(status) {
            return Err(failed(command, status, String::new()));
        }
        if !status.success() && tally.failed == 0 {
            self.failed.push(format!("{name}: cargo could not build or run them"));
        }
        self.tally += tally;
        Ok(())
    }

    fn print(self) -> ExitCode {
        if !self.skipped.is_empty() {
            println!("\nSkipped:");
            for skip in &self.skipped {
                println!("  {skip}");
            }
        }
        if !self.failed.is_empty() {
            println!("\nFailed beside the tests:");
            for failure in &self.failed {
                println!("  {failure}");
            }
        }
        let skipped = self.skipped.len();
        println!("\n{}, {skipped} skipped for want of something", self.tally);
        ExitCode::from(u8::from(self.tally.failed > 0 || !self.failed.is_empty()))
    }
}

/// A copy of the command, and of the program beside it, which no build replaces while the tests run it.
fn binary_of_its_own(workspace: &Workspace, work: &Utf8Path) -> Result<camino::Utf8PathBuf, Error> {
    let built = workspace.instep(Profile::Dev)?;
    for program in ["instep-network", "instep"] {
        let program = [program, std::env::consts::EXE_SUFFIX].concat();
        let copy = work.join(&program);
        // Removed first: a copy over a program that still runs fails.
        if copy.exists() {
            fs_err::remove_file(&copy)?;
        }
        fs_err::copy(built.with_file_name(&program), &copy)?;
    }
    Ok(work.join(built.file_name().unwrap_or("instep")))
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn what_follows_two_dashes_is_a_filter() {
        let options = Options::parse(&["--long", "--", "wheel", "--nocapture"]).unwrap();
        assert!(options.long);
        assert_eq!(options.filter, ["wheel", "--nocapture"]);
        assert_eq!(Options::parse(&[]).unwrap(), Options::default());
        assert!(Options::parse(&["wheel"]).is_err());
    }
}
