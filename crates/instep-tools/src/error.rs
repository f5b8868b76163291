//! What can go wrong with tools, in one enum. Every text in it has been through [`redact`](crate::redact()).

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

/// Why a tool was not found, not started, or did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The working folder of this process cannot be told.
    #[error("the working folder is gone, or its path is not UTF-8")]
    CurrentFolder {
        /// What the system said.
        source: io::Error,
    },

    /// There is no such program.
    #[error("the program `{program}` was not found")]
    NotFound {
        /// The name that was looked up on `PATH`, or the path.
        program: String,
    },

    /// The folder a program was to work in does not exist.
    #[error("`{command}` cannot run in `{folder}`: there is no such folder")]
    WorkingFolder {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// The folder.
        folder: Utf8PathBuf,
    },

    /// The program is there and the system refused to start it.
    #[error("`{command}` could not be started")]
    Spawn {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// What the system said.
        source: io::Error,
    },

    /// The program was started and then lost sight of.
    #[error("`{command}` was started, but waiting for it failed")]
    Wait {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// What the system said.
        source: io::Error,
    },

    /// The program ran and reported failure.
    #[error("`{command}` {}", ending(*code))]
    Failed {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// The exit code; `None` when a signal ended the program.
        code: Option<i32>,
        /// The last lines of what it wrote, both streams in the order they came, redacted.
        tail: Vec<String>,
    },

    /// The host cancelled the work; the program and its children have been ended.
    #[error("`{command}` was cancelled")]
    Cancelled {
        /// The command line, shell-quoted and redacted; what was being waited for, otherwise.
        command: String,
    },

    /// The program took too long; it and its children have been ended.
    #[error("`{command}` did not end within {} s", after.as_secs_f32())]
    TimedOut {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// The time it had.
        after: Duration,
        /// The last lines of what it wrote, redacted.
        tail: Vec<String>,
    },

    /// A program answered in a way that cannot be understood.
    #[error("`{command}` gave an answer that is not understood: {problem}")]
    Answer {
        /// The command line, shell-quoted and redacted.
        command: String,
        /// What is wrong with the answer.
        problem: String,
    },

    /// A wish for a Python that cannot be read.
    #[error("`{text}` names no Python version, range or path: {problem}")]
    PythonRequest {
        /// What was asked for.
        text: String,
        /// What is wrong with it.
        problem: String,
    },

    /// No Python matches.
    #[error("no {request} was found{}", looked_at(tried))]
    PythonNotFound {
        /// What was asked for, such as `Python 3.12`.
        request: String,
        /// Everything that was looked at, in order, and why it would not do.
        tried: Vec<Tried>,
    },

    /// This Python has no pip that will do, and cannot make one.
    #[error("`{python}` has {}, and none can be set up for it: {problem}", pip_found(found.as_deref()))]
    NoPip {
        /// The Python.
        python: Utf8PathBuf,
        /// The version of the pip it has, where it has one.
        found: Option<String>,
        /// Why there is no way to a newer one.
        problem: String,
    },

    /// Something has to be kept in the cache folder, and there is none.
    #[error("there is no cache folder: neither `INSTEP_CACHE_DIR` nor a home folder is known")]
    NoCacheFolder,

    /// A downloaded wheel is not one that can be trusted.
    #[error("the wheel `{path}` was refused: {problem}{}", of_entry(entry.as_deref()))]
    Wheel {
        /// The wheel.
        path: Utf8PathBuf,
        /// The entry that is odd, where it is one.
        entry: Option<String>,
        /// What is odd.
        problem: String,
    },

    /// A configuration file of pip that cannot be read; pip would refuse it too.
    #[error("{path}:{line}: {problem}")]
    PipConfig {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A file or folder of the cache could not be used.
    #[error("could not {action} `{path}`")]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// The file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// What is no version of uv.
    #[error("`{text}` is no version of uv")]
    UvVersion {
        /// What was asked for.
        text: String,
    },

    /// A promise of the file system layer could not be kept.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
}

/// One Python that was looked at, and why it would not do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// The program, or the place where nothing was found.
    pub place: String,
    /// Why it would not do, such as `is Python 3.11.7`.
    pub outcome: String,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Utf8Path, source: io::Error) -> Error {
        Error::Io { action, path: path.to_owned(), source }
    }

    /// What to do now, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::NotFound { program } => {
                format!("Install `{program}`, or add the folder it is in to PATH.")
            }
            Error::Spawn { source, .. } => return spawn_hint(source),
            Error::TimedOut { .. } => {
                "Check the network and the index, then run it again.".to_owned()
            }
            Error::PythonRequest { .. } => {
                "Ask for a version (`3.12`), a range (`>=3.11`) or the path of a python.".to_owned()
            }
            Error::PythonNotFound { .. } => {
                "Install it (for example `uv python install` or `pyenv install`), or name the path of a python."
                    .to_owned()
            }
            Error::NoPip { .. } => {
                "Install uv, or the distribution's package with ensurepip (python3-venv on Debian and Ubuntu)."
                    .to_owned()
            }
            Error::NoCacheFolder => "Set INSTEP_CACHE_DIR to a folder that can be written.".to_owned(),
            Error::Wheel { .. } => {
                "Check which index it came from: `pip config list`, PIP_INDEX_URL.".to_owned()
            }
            Error::PipConfig { .. } => "`pip config debug` lists the files pip reads.".to_owned(),
            Error::Failed { tail, .. } => failure_hint(tail).to_owned(),
            Error::Fs(error) => return error.hint(),
            _ => return None,
        };
        Some(hint)
    }

    /// The last lines the program wrote before it failed, redacted; empty for other errors.
    pub fn tail(&self) -> &[String] {
        match self {
            Error::Failed { tail, .. } | Error::TimedOut { tail, .. } => tail,
            _ => &[],
        }
    }

    /// Whether the host asked for this.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Error::Cancelled { .. } | Error::Fs(instep_fs::Error::Cancelled { .. }))
    }
}

fn spawn_hint(source: &io::Error) -> Option<String> {
    let hint = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "Check that it may be executed (`chmod +x`) and that its file system is not mounted noexec."
        }
        // A script whose first line names an interpreter that is gone is reported this way.
        io::ErrorKind::NotFound => "The interpreter that its first line names does not exist.",
        _ if matches!(source.raw_os_error(), Some(EXEC_FORMAT)) => {
            "It was made for another machine, or it is damaged: install it again."
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// `ENOEXEC` on Unix, `ERROR_BAD_EXE_FORMAT` on Windows; the standard library has no kind for it.
const EXEC_FORMAT: i32 = if cfg!(windows) { 193 } else { 8 };

fn ending(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("failed with exit code {code}"),
        None => "was ended by a signal".to_owned(),
    }
}

fn looked_at(tried: &[Tried]) -> String {
    let mut text = String::new();
    for (index, Tried { place, outcome }) in tried.iter().enumerate() {
        text.push_str(if index == 0 { "; looked at " } else { ", " });
        text.push_str(place);
        text.push_str(" (");
        text.push_str(outcome);
        text.push(')');
    }
    text
}

fn pip_found(found: Option<&str>) -> String {
    found.map_or_else(|| "no pip".to_owned(), |version| format!("only pip {version}"))
}

fn of_entry(entry: Option<&str>) -> String {
    entry.map_or_else(String::new, |entry| format!(" (`{}`)", entry.escape_default()))
}

/// What the last lines of pip or uv call for. They have no codes for what went wrong, so it is read from
/// their words; where those say nothing known, the whole output is the next thing to look at.
fn failure_hint(tail: &[String]) -> &'static str {
    const KNOWN: [(&[&str], &str); 5] = [
        (&["no space left", "disk quota"], "Free some disk space and run it again."),
        (
            &["unauthorized", "forbidden", "401 error", "403 error"],
            "Check the user name and password of the index (PIP_INDEX_URL, pip.conf, UV_INDEX_URL, a keyring).",
        ),
        (
            &["hash mismatch", "do not match the hashes", "hashes are required"],
            "Somebody changed the file or the lock: find out who before you write the lock anew.",
        ),
        (
            &["connect", "timed out", "dns", "resolve host", "network", "connection"],
            "Check the network and the index (`pip config list`, PIP_INDEX_URL, UV_INDEX_URL), then run it again.",
        ),
        (
            &[
                "no solution found",
                "no matching distribution",
                "not found in",
                "conflict",
                "unsatisfiable",
            ],
            "Change the requirement that the lines above name, look for a misspelt name, or ask `instep conflicts`.",
        ),
    ];
    let text = tail.join("\n").to_lowercase();
    KNOWN
        .iter()
        .find(|(words, _)| words.iter().any(|word| text.contains(word)))
        .map_or("Run it again with `--verbose` to see all that the tool prints.", |(_, hint)| hint)
}
