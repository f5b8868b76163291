//! Finds a Python. Many machines have many, and some that only look like one: pyenv's shims fail for versions that
//! are not selected, Windows puts an advertisement for its store on `PATH`. So every candidate is asked, and one that
//! fails or has another version is passed over and remembered for the error message.

use std::str::FromStr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;

use crate::error::Tried;
use crate::interpreter::ask_command;
use crate::programs::on_path;
use crate::{CancelToken, Error, Interpreter, PythonRequest, Run, Search, ToolCache};

/// How many environments on top of each other are followed down to an installation.
const DEEPEST: usize = 8;
/// Listing the Pythons it manages costs uv a few milliseconds.
const UV_TIMEOUT: Duration = Duration::from_mins(1);

/// Finds a Python and asks it about itself.
///
/// It looks, in this order, at `PATH` (`python3.12`, `python3`, `python`, then any other `python3.x`), at the `py`
/// launcher on Windows, at pyenv's versions, and at those that uv manages. A request for a path is answered by that
/// path alone. Without a request any Python 3 will do. If what is found belongs to a virtual environment, the
/// installation below is returned: an environment is never built on another environment.
///
/// # Errors
///
/// [`Error::PythonNotFound`] with everything that was looked at; for a path, what running it failed with;
/// [`Error::Cancelled`].
pub fn find_python(
    request: Option<&PythonRequest>,
    search: &Search,
    cache: &ToolCache,
    cancel: &CancelToken,
) -> Result<Interpreter, Error> {
    let mut finder = Finder { request, search, cache, cancel, tried: Vec::new() };
    if let Some(PythonRequest::Path(path)) = request {
        return finder.at_path(&search.environment.cwd().join(path));
    }
    let found = match finder.on_path()? {
        None => match finder.of_launcher()? {
            None => match finder.of_pyenv()? {
                None => finder.of_uv()?,
                found => found,
            },
            found => found,
        },
        found => found,
    };
    found.ok_or_else(|| Error::PythonNotFound {
        request: request.map_or_else(|| "Python 3".to_owned(), |wish| format!("Python {wish}")),
        tried: finder.tried,
    })
}

struct Finder<'a> {
    request: Option<&'a PythonRequest>,
    search: &'a Search,
    cache: &'a ToolCache,
    cancel: &'a CancelToken,
    tried: Vec<Tried>,
}

impl Finder<'_> {
    /// The interpreter at a path, or that of the environment or installation in a folder.
    fn at_path(&self, path: &Utf8Path) -> Result<Interpreter, Error> {
        if !path.is_dir() {
            return self.base(self.query(path)?);
        }
        let inside = if cfg!(windows) {
            [path.join("Scripts/python.exe"), path.join("python.exe")]
        } else {
            [path.join("bin/python"), path.join("bin/python3")]
        };
        match inside.iter().find(|python| python.exists()) {
            Some(python) => self.base(self.query(python)?),
            None => Err(Error::NotFound { program: format!("{path}/bin/python") }),
        }
    }

    fn on_path(&mut self) -> Result<Option<Interpreter>, Error> {
        let mut names = vec!["python3".to_owned(), "python".to_owned()];
        if let Some(suffix) = self.request.and_then(PythonRequest::name_suffix) {
            let name = format!("python{suffix}");
            names.retain(|known| *known != name);
            names.insert(0, name);
        }
        let mut seen = Vec::new();
        for name in names {
            for path in on_path(&self.search.environment, &name) {
                if let Some(found) = self.consider(&path)? {
                    return Ok(Some(found));
                }
                seen.push(path);
            }
        }
        // Only now, since it reads every folder on PATH.
        for path in self.versioned_on_path() {
            if !seen.contains(&path)
                && let Some(found) = self.consider(&path)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Every `python3.x` on `PATH` whose name does not rule it out, newest first.
    fn versioned_on_path(&self) -> Vec<Utf8PathBuf> {
        let mut found = Vec::new();
        let folders = self.search.environment.var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(folders) {
            let Ok(folder) = Utf8PathBuf::try_from(folder) else { continue };
            let Ok(entries) = self.search.environment.cwd().join(&folder).read_dir_utf8() else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let stem = if cfg!(windows) { name.trim_end_matches(".exe") } else { name };
                let minor = stem.strip_prefix("python3.").and_then(|minor| minor.parse().ok());
                if let Some(minor) = minor
                    && self.may_match(&Version::new([3, minor]))
                {
                    found.push((minor, entry.path().to_owned()));
                }
            }
        }
        found.sort_by_key(|(minor, _): &(u64, _)| std::cmp::Reverse(*minor));
        found.into_iter().map(|(_, path)| path).collect()
    }

    /// Whether a Python of which only the first two numbers are known is worth asking.
    fn may_match(&self, version: &Version) -> bool {
        match self.request {
            Some(PythonRequest::Version(numbers)) => {
                PythonRequest::Version(numbers.iter().take(2).copied().collect()).matches(version)
            }
            // `>=3.12.4` rules 3.12 out by its numbers, and 3.12.9 is one of those.
            Some(PythonRequest::Range(_) | PythonRequest::Path(_)) | None => true,
        }
    }

    /// <https://docs.python.org/3/using/windows.html#python-launcher-for-windows>
    fn of_launcher(&mut self) -> Result<Option<Interpreter>, Error> {
        if !cfg!(windows) {
            return Ok(None);
        }
        let environment = &self.search.environment;
        let Some(launcher) = on_path(environment, "py").next() else { return Ok(None) };
        let suffix = self.request.and_then(PythonRequest::name_suffix);
        let option = format!("-{}", suffix.as_deref().unwrap_or("3"));
        let run = Run::new(&launcher, environment).arg(&option);
        let answer = ask_command(run, self.cancel);
        self.judge(format!("{launcher} {option}"), answer)
    }

    /// <https://github.com/pyenv/pyenv#locating-pyenv-provided-python-installations>
    fn of_pyenv(&mut self) -> Result<Option<Interpreter>, Error> {
        let environment = &self.search.environment;
        let root = environment.var("PYENV_ROOT").map(Utf8PathBuf::from).or_else(|| {
            let below = if cfg!(windows) { ".pyenv/pyenv-win" } else { ".pyenv" };
            environment.home().map(|home| home.join(below))
        });
        let Some(Ok(entries)) = root.map(|root| root.join("versions").read_dir_utf8()) else {
            return Ok(None);
        };
        let mut versions: Vec<(Version, Utf8PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let version = Version::from_str(entry.file_name()).ok()?;
                Some((version, entry.path().to_owned()))
            })
            .filter(|(version, _)| version.release().first() == Some(&3))
            .filter(|(version, _)| self.request.is_none_or(|wish| wish.matches(version)))
            .collect();
        versions.sort_by(|(left, _), (right, _)| right.cmp(left));
        for (_, folder) in versions {
            let python = if cfg!(windows) { "python.exe" } else { "bin/python" };
            if let Some(found) = self.consider(&folder.join(python))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// <https://docs.astral.sh/uv/concepts/python-versions/#finding-a-python-executable>
    fn of_uv(&mut self) -> Result<Option<Interpreter>, Error> {
        let Some(uv) = &self.search.uv else { return Ok(None) };
        let mut run = Run::new(&uv.path, &self.search.environment).args([
            "python",
            "find",
            "--no-project",
            "--no-python-downloads",
            "--system",
        ]);
        if let Some(wish) = self.request {
            run = run.arg(wish.to_string());
        }
        let place = run.command_line();
        match run.run_within(UV_TIMEOUT, self.cancel) {
            Ok(output) => self.consider(Utf8Path::new(output.stdout.trim())),
            Err(error) if error.is_cancelled() => Err(error),
            Err(error) => {
                self.tried.push(Tried { place, outcome: why(&error) });
                Ok(None)
            }
        }
    }

    fn consider(&mut self, path: &Utf8Path) -> Result<Option<Interpreter>, Error> {
        let answer = self.query(path);
        self.judge(path.to_string(), answer)
    }

    /// Takes an interpreter that is what is wished for, and remembers why another one is not.
    fn judge(
        &mut self,
        place: String,
        answer: Result<Interpreter, Error>,
    ) -> Result<Option<Interpreter>, Error> {
        let outcome = match answer.and_then(|found| self.base(found)) {
            Ok(found) => match version_of(&found) {
                Some(version) if self.request.is_none_or(|wish| wish.matches(&version)) => {
                    return Ok(Some(found));
                }
                _ => format!("is Python {}", found.version),
            },
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => why(&error),
        };
        self.tried.push(Tried { place, outcome });
        Ok(None)
    }

    /// The installation below an environment.
    fn base(&self, mut interpreter: Interpreter) -> Result<Interpreter, Error> {
        for _ in 0..DEEPEST {
            if !interpreter.is_venv() || interpreter.base_executable == interpreter.executable {
                break;
            }
            interpreter = self.query(&interpreter.base_executable)?;
        }
        Ok(interpreter)
    }

    fn query(&self, path: &Utf8Path) -> Result<Interpreter, Error> {
        Interpreter::query(path, &self.search.environment, self.cache, self.cancel)
    }
}

/// The version as PEP 440 reads it; an unreleased Python calls itself `3.14.0+`.
fn version_of(interpreter: &Interpreter) -> Option<Version> {
    Version::from_str(interpreter.version.trim_end_matches('+')).ok()
}

/// One short line on why a candidate failed: its own last words where it has some.
pub(crate) fn why(error: &Error) -> String {
    let words = error.tail().iter().rev().find(|line| !line.trim().is_empty());
    match (words, std::error::Error::source(error)) {
        (Some(words), _) => words.trim().to_owned(),
        (None, Some(source)) => format!("could not be used: {source}"),
        (None, None) => error.to_string(),
    }
}
