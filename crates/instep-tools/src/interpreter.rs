//! One Python and what it says about itself. It is asked in isolated mode (`-I`), so that neither the user's variables
//! nor the working folder colour the answer, and asked only once: the answer is kept in the [`ToolCache`] until the
//! files that it depends on change.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::MarkerEnvironment;
use serde::{Deserialize, Serialize};

use crate::{CancelToken, Environment, Error, Run, ToolCache};

/// The questions, as a script.
const SCRIPT: &str = include_str!("query.py");
/// What the line with the answer begins with.
const MARK: &str = "instep-interpreter:";
/// A Python that takes longer to start than this hangs; a cold start on a slow disk takes a few seconds.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A Python interpreter and what it says about itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Interpreter {
    /// The path it was asked for with; perhaps a shim or a link.
    #[serde(default)]
    pub path: Utf8PathBuf,
    /// `sys.executable`: the interpreter itself. It is this one to run.
    pub executable: Utf8PathBuf,
    /// The interpreter that a virtual environment was made with; the same as `executable` outside of one.
    pub base_executable: Utf8PathBuf,
    /// `sys.prefix`: the environment, or the installation.
    pub prefix: Utf8PathBuf,
    /// `sys.base_prefix`: the installation.
    pub base_prefix: Utf8PathBuf,
    /// The full version, such as `3.11.7`.
    pub version: String,
    /// `sys.implementation.name`, such as `cpython`.
    pub implementation: String,
    /// The platform as wheel tags spell it, such as `linux_x86_64`.
    pub platform_tag: String,
    /// The ABI as wheel tags spell it, such as `cp311` or `cp313t`.
    pub abi_tag: String,
    /// `platform.machine()`, such as `x86_64`.
    pub machine: String,
    /// 64 or 32.
    pub pointer_bits: u8,
    /// Where pure packages are installed (`purelib`).
    pub site_packages: Utf8PathBuf,
    /// Where packages with compiled modules are installed (`platlib`).
    pub platlib: Utf8PathBuf,
    /// Where commands are installed.
    pub scripts: Utf8PathBuf,
    /// The variables that markers of requirements are evaluated with.
    pub markers: MarkerEnvironment,
    /// The version of the pip that it can import, where there is one.
    pub pip_version: Option<String>,
    /// Whether the standard library's `venv` is there.
    pub has_venv: bool,
    /// Whether the standard library's `ensurepip` is there; Debian keeps it in a package of its own.
    pub has_ensurepip: bool,
}

/// An interpreter, and the files and folders whose change makes its answer old.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(flatten)]
    interpreter: Interpreter,
    depends_on: Vec<Utf8PathBuf>,
}

impl Interpreter {
    /// Asks the Python at `path` (absolute, or relative to the environment's folder), or takes its answer from the
    /// cache.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and the other errors of [`Run::run`] when it does not run; [`Error::Answer`] when it does
    /// and is no Python 3, or lives at a path that is not UTF-8.
    pub fn query(
        path: &Utf8Path,
        environment: &Environment,
        cache: &ToolCache,
        cancel: &CancelToken,
    ) -> Result<Interpreter, Error> {
        let path = &environment.cwd().join(path);
        if let Some(interpreter) = cache.interpreter(path) {
            return Ok(interpreter);
        }
        let run = Run::new(path, environment).args(["-I", "-c", SCRIPT]);
        let mut interpreter = ask(&run, cancel, &mut |interpreter, depends_on| {
            // A shim answers for another interpreter, and tomorrow perhaps for yet another one.
            if same_path(&interpreter.executable, path) {
                cache.keep_interpreter(path, interpreter, depends_on);
            }
        })?;
        interpreter.path.clone_from(path);
        Ok(interpreter)
    }

    /// Whether it belongs to a virtual environment.
    pub fn is_venv(&self) -> bool {
        self.prefix != self.base_prefix
    }
}

/// Asks whatever Python a command starts; `py -3.12` is one, too.
pub(crate) fn ask_command(run: Run, cancel: &CancelToken) -> Result<Interpreter, Error> {
    let mut interpreter = ask(&run.args(["-I", "-c", SCRIPT]), cancel, &mut |_, _| {})?;
    interpreter.path.clone_from(&interpreter.executable);
    Ok(interpreter)
}

fn ask(
    run: &Run,
    cancel: &CancelToken,
    keep: &mut dyn FnMut(&Interpreter, &[Utf8PathBuf]),
) -> Result<Interpreter, Error> {
    let output = run.run_within(TIMEOUT, cancel)?;
    let answer = output.stdout.lines().find_map(|line| line.strip_prefix(MARK));
    let not_understood =
        |problem: String| Error::Answer { command: run.program().to_string(), problem };
    let answer = answer.ok_or_else(|| not_understood("it printed no answer".to_owned()))?;
    let answer: Answer =
        serde_json::from_str(answer).map_err(|error| not_understood(error.to_string()))?;
    keep(&answer.interpreter, &answer.depends_on);
    Ok(answer.interpreter)
}

fn same_path(left: &Utf8Path, right: &Utf8Path) -> bool {
    if cfg!(windows) { left.as_str().eq_ignore_ascii_case(right.as_str()) } else { left == right }
}
