//! The commands that make and fill an environment, with uv and with pip.
//!
//! Both are asked for the same three things (an empty environment, these exact packages without
//! their dependencies, without those packages), so that what a plan says is what happens whichever
//! of them is there. Neither is ever asked to decide anything.

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{Environment, Interpreter, Pip, Run, Uv};

use crate::event::Activity;
use crate::layout;

/// The tool that carries out plans.
#[derive(Clone, Debug)]
pub enum Engine {
    /// uv.
    Uv {
        /// The tool.
        uv: Uv,
        /// Options for every command that looks for packages (`IndexSettings::to_uv_args`).
        options: Vec<String>,
    },
    /// pip, run from outside of the environment (`pip --python`).
    Pip(Pip),
}

/// What to install from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A requirements file of exact pins.
    Requirements(Utf8PathBuf),
    /// A `pylock.toml`, which uv reads by itself.
    Pylock(Utf8PathBuf),
}

impl Engine {
    /// `uv` or `pip`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uv { .. } => "uv",
            Self::Pip(_) => "pip",
        }
    }

    /// The tool's version.
    pub fn version(&self) -> &str {
        match self {
            Self::Uv { uv, .. } => &uv.version,
            Self::Pip(pip) => &pip.version,
        }
    }

    /// Makes an empty environment of `python` at `path`, which will be known as `name` (a shell's
    /// prompt shows it).
    pub(crate) fn create(
        &self,
        vars: &Environment,
        python: &Interpreter,
        path: &Utf8Path,
        name: &str,
    ) -> Run {
        match self {
            // The folder is there already, with the file in it that says it is unfinished.
            Self::Uv { uv, .. } => uv
                .run(vars)
                .args(["venv", "--no-project", "--allow-existing", "--python"])
                .arg(&python.executable)
                .arg(path),
            Self::Pip(_) => Run::new(&python.executable, vars)
                .args(["-I", "-m", "venv", "--without-pip", "--prompt", name])
                .arg(path),
        }
    }

    /// Installs what `source` names, and nothing else. `reinstall`: even where the same version is
    /// there.
    pub(crate) fn install(
        &self,
        vars: &Environment,
        environment: &Utf8Path,
        source: &Source,
        reinstall: &[String],
    ) -> Run {
        let python = layout::interpreter(environment);
        match self {
            Self::Uv { uv, options } => {
                let mut run = uv.run(vars).args(["pip", "install", "--no-deps"]).args(options);
                run = run.arg("--python").arg(&python);
                for name in reinstall {
                    run = run.arg("--reinstall-package").arg(name);
                }
                let (Source::Requirements(path) | Source::Pylock(path)) = source;
                run.arg("--requirement").arg(path)
            }
            Self::Pip(pip) => {
                let mut run = pip.run(vars).arg("--python").arg(&python);
                run = run.args(["install", "--no-deps"]);
                if !reinstall.is_empty() {
                    run = run.arg("--force-reinstall");
                }
                let (Source::Requirements(path) | Source::Pylock(path)) = source;
                run.arg("--requirement").arg(path)
            }
        }
    }

    /// Removes packages.
    pub(crate) fn remove(
        &self,
        vars: &Environment,
        environment: &Utf8Path,
        names: &[String],
    ) -> Run {
        let python = layout::interpreter(environment);
        match self {
            Self::Uv { uv, .. } => {
                uv.run(vars).args(["pip", "uninstall", "--python"]).arg(&python).args(names)
            }
            Self::Pip(pip) => {
                pip.run(vars).arg("--python").arg(&python).args(["uninstall", "--yes"]).args(names)
            }
        }
    }

    /// Whether a `pylock.toml` can be given to the tool as it is.
    pub(crate) fn reads_pylock(&self) -> bool {
        matches!(self, Self::Uv { .. })
    }
}

/// The package that a line of a tool's output speaks of, and what happens to it.
pub(crate) fn read_progress(line: &str) -> Option<(String, Activity)> {
    let mut words = line.split_whitespace();
    let (activity, subject) = match words.next()? {
        "Downloading" | "Collecting" => (Activity::Downloading, words.next()?),
        "Building" => match words.next()? {
            "wheel" | "editable" => (Activity::Building, words.nth(1)?),
            subject => (Activity::Building, subject),
        },
        "+" => (Activity::Installing, words.next()?),
        "-" | "Uninstalling" => (Activity::Removing, words.next()?),
        _ => return None,
    };
    let end = subject.find(['=', '<', '>', '[', '~', '!', '@', ';']).unwrap_or(subject.len());
    let name = subject.get(..end).unwrap_or(subject);
    // pip names the file where uv names the package.
    let name = match (name.split_once('-'), Utf8Path::new(name).extension()) {
        (Some((stem, _)), Some("whl" | "gz")) => stem,
        _ => name,
    };
    (!name.is_empty()).then(|| (name.to_owned(), activity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_uv_and_pip_print() {
        let table = [
            ("Downloading numpy (15.9MiB)", Some(("numpy", Activity::Downloading))),
            ("   Building six==1.16.0", Some(("six", Activity::Building))),
            (" + alembic==1.20.1", Some(("alembic", Activity::Installing))),
            (" - alembic==1.20.1", Some(("alembic", Activity::Removing))),
            (" + app==0.1 (from file:///tmp/x)", Some(("app", Activity::Installing))),
            (
                "Collecting alembic==1.20.1 (from -r x.txt (line 1))",
                Some(("alembic", Activity::Downloading)),
            ),
            (
                "  Downloading alembic-1.20.1-py3-none-any.whl (26 kB)",
                Some(("alembic", Activity::Downloading)),
            ),
            (
                "  Building wheel for peewee (pyproject.toml): started",
                Some(("peewee", Activity::Building)),
            ),
            ("  Uninstalling six-1.0:", Some(("six-1.0:", Activity::Removing))),
            ("Resolved 164 packages in 3.49s", None),
            ("", None),
        ];
        for (line, expected) in table {
            let found = read_progress(line);
            let found = found.as_ref().map(|(name, activity)| (name.as_str(), *activity));
            assert_eq!(found, expected, "{line}");
        }
    }
}
