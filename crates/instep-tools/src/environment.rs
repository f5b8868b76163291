//! A snapshot of what a process is told by its surroundings: variables, working folder, home. Everything in this crate
//! reads these from a value that is passed in, so that a host decides what its children see, two runs in one process
//! do not disturb each other, and a test needs no global state.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::Error;

/// Variables that send an installation somewhere else than to the environment it was meant for, change what is
/// installed in a way no lock or manifest sees, or make output unreadable. Settings about where packages come from
/// (indexes, proxies, certificates, caches) and about how they are built stay: they are the user's.
///
/// `PIP_CONSTRAINT` stays too: it is how build requirements are constrained, and a lock already pins the rest.
const REDIRECTING: &[&str] = &[
    // An active environment is not the one that is being worked on.
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONEXECUTABLE",
    "PYTHONINSPECT",
    "__PYVENV_LAUNCHER__",
    // https://pip.pypa.io/en/stable/cli/pip_install/#options
    "PIP_BREAK_SYSTEM_PACKAGES",
    "PIP_DRY_RUN",
    "PIP_EDITABLE",
    "PIP_FORCE_REINSTALL",
    "PIP_IGNORE_INSTALLED",
    "PIP_NO_DEPS",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_QUIET",
    "PIP_REPORT",
    "PIP_REQUIREMENT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_UPGRADE",
    "PIP_USER",
    // https://docs.astral.sh/uv/reference/environment/
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_DEV",
    "UV_ENV_FILE",
    "UV_FROZEN",
    "UV_ISOLATED",
    "UV_LOCKED",
    "UV_NO_DEV",
    "UV_NO_EDITABLE",
    "UV_NO_GROUP",
    "UV_NO_INSTALL_LOCAL",
    "UV_NO_INSTALL_PROJECT",
    "UV_NO_INSTALL_WORKSPACE",
    "UV_NO_SYNC",
    "UV_PREFIX",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_VENV_CLEAR",
    "UV_VENV_RELOCATABLE",
    "UV_VENV_SEED",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    // These win over NO_COLOR in some tools.
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "PY_COLORS",
];

/// What every tool is told: never ask, never draw, always UTF-8 (PEP 540), because nobody sits at its terminal.
const SPOKEN: &[(&str, &str)] = &[
    ("NO_COLOR", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    ("PIP_PROGRESS_BAR", "off"),
    ("PYTHONIOENCODING", "utf-8"),
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONUTF8", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("UV_NO_PROGRESS", "1"),
];

/// The variables, the working folder and the home that tools are looked up and started with.
///
/// Its `Debug` form names the variables and shows no value, since values hold passwords.
#[derive(Clone, Eq, PartialEq)]
pub struct Environment {
    cwd: Utf8PathBuf,
    home: Option<Utf8PathBuf>,
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Takes a snapshot of this process's environment.
    ///
    /// # Errors
    ///
    /// [`Error::CurrentFolder`] when the working folder is gone or its path is not UTF-8.
    pub fn capture() -> Result<Environment, Error> {
        let cwd = std::env::current_dir().map_err(|source| Error::CurrentFolder { source })?;
        let cwd = Utf8PathBuf::try_from(cwd)
            .map_err(|error| Error::CurrentFolder { source: error.into_io_error() })?;
        let home = std::env::home_dir().and_then(|home| Utf8PathBuf::try_from(home).ok());
        Ok(Environment::new(cwd, home, std::env::vars_os()))
    }

    /// An environment of the caller's making. `cwd` and `home` are absolute.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        cwd: impl Into<Utf8PathBuf>,
        home: Option<Utf8PathBuf>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Environment {
        let variables =
            variables.into_iter().map(|(name, value)| (key(&name.into()), value.into())).collect();
        Environment { cwd: cwd.into(), home: home.filter(|home| home.is_absolute()), variables }
    }

    /// The working folder, absolute.
    pub fn cwd(&self) -> &Utf8Path {
        &self.cwd
    }

    /// The user's home folder, where one is known.
    pub fn home(&self) -> Option<&Utf8Path> {
        self.home.as_deref()
    }

    /// The value of a variable. An empty value counts as unset, as pip and uv read it; so does one that is not UTF-8.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name).and_then(OsStr::to_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable as it is, also when empty or not UTF-8.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(&key(OsStr::new(name))).map(OsString::as_os_str)
    }

    /// Every variable, sorted by name.
    pub fn vars_os(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same environment in another working folder.
    pub fn with_cwd(mut self, cwd: impl Into<Utf8PathBuf>) -> Environment {
        self.cwd = cwd.into();
        self
    }

    /// The same environment with one variable set.
    pub fn with_var(mut self, name: &str, value: impl Into<OsString>) -> Environment {
        self.variables.insert(key(OsStr::new(name)), value.into());
        self
    }

    /// The same environment with one variable removed.
    pub fn without_var(mut self, name: &str) -> Environment {
        self.variables.remove(&key(OsStr::new(name)));
        self
    }

    /// The environment for a child that installs packages: without the variables that would redirect an installation
    /// (`VIRTUAL_ENV`, `PYTHONPATH`, `PIP_TARGET`, `UV_PROJECT_ENVIRONMENT`, ...), and with those that keep its output
    /// plain UTF-8 lines and its prompts away. Index settings are left as they are.
    pub fn for_tools(&self) -> Environment {
        let mut clean = self.clone();
        for name in REDIRECTING {
            clean.variables.remove(OsStr::new(name));
        }
        for (name, value) in SPOKEN {
            clean.variables.insert(OsString::from(name), OsString::from(value));
        }
        clean
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("cwd", &self.cwd)
            .field("home", &self.home)
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Windows compares names of variables without case (`Path` is `PATH`).
fn key(name: &OsStr) -> OsString {
    if cfg!(windows) { name.to_ascii_uppercase() } else { name.to_owned() }
}
