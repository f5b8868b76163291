//! Finds a uv that works. The first one on `PATH` may be a broken download, a shim for another machine or too old;
//! each such gets a notice, and the next one is tried, so that a run falls back to pip only when no uv will do, and
//! can say why.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;

use crate::programs::on_path;
use crate::python::why;
use crate::{CancelToken, Environment, Error, Run, Search, ToolCache};

/// The oldest uv that is used: the first minor version that reads and writes `pylock.toml` (PEP 751).
pub const MINIMUM_UV: &str = "0.7.0";

/// The program's name.
pub(crate) const PROGRAM: &str = if cfg!(windows) { "uv.exe" } else { "uv" };

/// uv answers in milliseconds; the first start of a large program on a slow disk may take seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What is smaller than this in bytes only leads to a uv, and perhaps to another one tomorrow (pyenv's shims): its
/// answer is not kept.
const SMALLEST_PROGRAM: u64 = 1 << 20;

/// A uv that starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Uv {
    /// The program.
    pub path: Utf8PathBuf,
    /// Its version, such as `0.13.8`.
    pub version: String,
}

/// The uv that was found, if any, and what there is to say about it and about those passed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The uv to use.
    pub uv: Option<Uv>,
    /// For the user, in the order in which it came up.
    pub notices: Vec<Notice>,
}

/// Something the user should know about the uv that is used, or is not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// It does not start, or does not answer as uv would. It is passed over.
    UvFailed {
        /// The program.
        path: Utf8PathBuf,
        /// Its own last words, or the system's.
        why: String,
    },
    /// It is older than [`MINIMUM_UV`]. It is passed over.
    UvTooOld {
        /// The program.
        path: Utf8PathBuf,
        /// Its version.
        version: String,
    },
    /// Another version than the one that the configuration pins; none of that version was found. It is used.
    UvOtherVersion {
        /// The program.
        path: Utf8PathBuf,
        /// Its version.
        version: String,
        /// The version that the configuration pins.
        pinned: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::UvFailed { path, why } => {
                write!(formatter, "the uv at `{path}` is not used, since it does not work: {why}")
            }
            Notice::UvTooOld { path, version } => write!(
                formatter,
                "the uv at `{path}` is not used, since {version} is older than {MINIMUM_UV}"
            ),
            Notice::UvOtherVersion { path, version, pinned } => write!(
                formatter,
                "the uv at `{path}` is {version}; {pinned} is pinned, and was not found"
            ),
        }
    }
}

impl Uv {
    /// Asks the uv at `path` (absolute, or relative to the environment's folder) for its version, or takes the answer
    /// from the cache.
    ///
    /// # Errors
    ///
    /// Those of [`Run::run`] when it does not start; [`Error::Answer`] when it is something else than a uv.
    pub fn query(
        path: &Utf8Path,
        environment: &Environment,
        cache: &ToolCache,
        cancel: &CancelToken,
    ) -> Result<Uv, Error> {
        let path = &environment.cwd().join(path);
        if let Some(version) = cache.uv_version(path) {
            return Ok(Uv { path: path.to_owned(), version });
        }
        let run = Run::new(path, environment).arg("--version");
        let output = run.run_within(TIMEOUT, cancel)?;
        let version = version_in(&output.stdout).ok_or_else(|| Error::Answer {
            command: run.command_line(),
            problem: "it does not say `uv` and a version".to_owned(),
        })?;
        if path.metadata().is_ok_and(|metadata| metadata.len() >= SMALLEST_PROGRAM) {
            cache.keep_uv_version(path, &version);
        }
        Ok(Uv { path: path.to_owned(), version })
    }

    /// A command of this uv, without arguments yet.
    pub fn run(&self, environment: &Environment) -> Run {
        Run::new(&self.path, environment)
    }
}

/// The version in `uv 0.13.8 (0123abcd 2026-01-02)`.
fn version_in(answer: &str) -> Option<String> {
    let version = answer.trim().strip_prefix("uv ")?.split_whitespace().next()?;
    Version::from_str(version).ok()?;
    Some(version.to_owned())
}

/// Finds a uv that works: every one on `PATH`, then the places where its installers put it (`UV_INSTALL_DIR`,
/// `XDG_BIN_HOME`, `~/.local/bin`, `~/.cargo/bin`), then those that [`install_uv`](crate::install_uv()) has set up.
///
/// An `explicit` path is the only place that is looked at. A `pinned` version is preferred wherever it is; when no
/// uv has it, the first that works is used, with a notice.
pub fn find_uv(
    explicit: Option<&Utf8Path>,
    pinned: Option<&str>,
    search: &Search,
    cache: &ToolCache,
    cancel: &CancelToken,
) -> Found {
    let places = match explicit {
        Some(path) => vec![search.environment.cwd().join(path)],
        None => places(search),
    };
    let pin = pinned.and_then(|pinned| Version::from_str(pinned).ok());
    let oldest = Version::from_str(MINIMUM_UV).ok();
    let mut found = Found::default();
    for path in places {
        let uv = match Uv::query(&path, &search.environment, cache, cancel) {
            Ok(uv) => uv,
            Err(error) if error.is_cancelled() => return found,
            Err(error) => {
                found.notices.push(Notice::UvFailed { path, why: why(&error) });
                continue;
            }
        };
        let version = Version::from_str(&uv.version).ok();
        if version < oldest {
            found.notices.push(Notice::UvTooOld { path, version: uv.version });
        } else if pin.is_none() || version == pin {
            found.uv = Some(uv);
            return found;
        } else if found.uv.is_none() {
            found.uv = Some(uv);
        }
    }
    if let (Some(uv), Some(pinned)) = (&found.uv, pinned) {
        found.notices.push(Notice::UvOtherVersion {
            path: uv.path.clone(),
            version: uv.version.clone(),
            pinned: pinned.to_owned(),
        });
    }
    found
}

/// Every path at which there is a file that may be a uv, each once.
fn places(search: &Search) -> Vec<Utf8PathBuf> {
    let Search { environment, cache_dir, .. } = search;
    let mut places: Vec<Utf8PathBuf> = on_path(environment, "uv").collect();
    // https://docs.astral.sh/uv/reference/storage/#executable-directory
    let folders = ["UV_INSTALL_DIR", "XDG_BIN_HOME"]
        .into_iter()
        .filter_map(|name| environment.var(name).map(|folder| environment.cwd().join(folder)));
    let home = [".local/bin", ".cargo/bin"]
        .into_iter()
        .filter_map(|below| environment.home().map(|home| home.join(below)));
    for folder in folders.chain(home).chain(set_up(cache_dir.as_deref())) {
        let path = folder.join(PROGRAM);
        if path.is_file() && !places.contains(&path) {
            places.push(path);
        }
    }
    places
}

/// The folders of the versions that were set up in the cache, newest first.
fn set_up(cache_dir: Option<&Utf8Path>) -> Vec<Utf8PathBuf> {
    let Some(Ok(entries)) = cache_dir.map(|folder| folder.join("uv").read_dir_utf8()) else {
        return Vec::new();
    };
    let mut versions: Vec<(Version, Utf8PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            Some((Version::from_str(entry.file_name()).ok()?, entry.path().to_owned()))
        })
        .collect();
    versions.sort_by(|(left, _), (right, _)| right.cmp(left));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_uv_has_a_version() {
        let cases = [
            ("uv 0.13.8", Some("0.13.8")),
            ("uv 0.13.8 (0123abcd 2026-01-02 x86_64-unknown-linux-gnu)\n", Some("0.13.8")),
            ("uvx 0.13.8", None),
            ("uv: command not found", None),
            ("", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(version_in(answer).as_deref(), expected, "{answer}");
        }
    }
}
