//! Finds pip-tools, for projects that keep their locks with it.

use std::str::FromStr;
use std::time::Duration;

use camino::Utf8PathBuf;
use pep440_rs::Version;

use crate::programs::on_path;
use crate::{CancelToken, Environment, Error, Interpreter, Run, Search};

/// Importing pip-tools takes a second or two.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A pip-tools that starts.
///
/// It resolves for the Python that runs it, and for no other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PipTools {
    /// The program and first arguments of `pip-compile`.
    pub compile: Vec<String>,
    /// The program and first arguments of `pip-sync`; empty when only `pip-compile` was found.
    pub sync: Vec<String>,
    /// Its version, such as `7.5.3`.
    pub version: String,
}

impl PipTools {
    /// `pip-compile`, without arguments yet.
    pub fn compile(&self, environment: &Environment) -> Run {
        run_of(&self.compile, environment)
    }

    /// `pip-sync`, without arguments yet; `None` when it was not found.
    pub fn sync(&self, environment: &Environment) -> Option<Run> {
        (!self.sync.is_empty()).then(|| run_of(&self.sync, environment))
    }
}

fn run_of(command: &[String], environment: &Environment) -> Run {
    let (program, args) =
        command.split_first().map_or(("", command), |(program, args)| (program.as_str(), args));
    Run::new(program, environment).args(args)
}

/// Finds pip-tools: that of the given Python (`python -m piptools`), else `pip-compile` and `pip-sync` on `PATH`.
/// `None` when there is none that starts.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub fn find_pip_tools(
    python: &Interpreter,
    search: &Search,
    cancel: &CancelToken,
) -> Result<Option<PipTools>, Error> {
    let environment = &search.environment;
    let module = ["-I", "-u", "-X", "utf8", "-m", "piptools"].map(str::to_owned);
    let module: Vec<String> = [python.executable.to_string()].into_iter().chain(module).collect();
    let with = |command: &str| module.iter().cloned().chain([command.to_owned()]).collect();
    let compile: Vec<String> = with("compile");
    if let Some(version) = version_of(&compile, environment, cancel)? {
        return Ok(Some(PipTools { compile, sync: with("sync"), version }));
    }
    let sync = on_path(environment, "pip-sync").next().map(Utf8PathBuf::into_string);
    for path in on_path(environment, "pip-compile") {
        let compile = vec![path.into_string()];
        if let Some(version) = version_of(&compile, environment, cancel)? {
            return Ok(Some(PipTools { compile, sync: sync.into_iter().collect(), version }));
        }
    }
    Ok(None)
}

/// The version in `pip-compile, version 7.5.3`; `None` when it does not start.
fn version_of(
    compile: &[String],
    environment: &Environment,
    cancel: &CancelToken,
) -> Result<Option<String>, Error> {
    match run_of(compile, environment).arg("--version").run_within(TIMEOUT, cancel) {
        Ok(output) => Ok(output
            .stdout
            .split_whitespace()
            .last()
            .filter(|version| Version::from_str(version).is_ok())
            .map(str::to_owned)),
        Err(error) if error.is_cancelled() => Err(error),
        Err(_) => Ok(None),
    }
}
