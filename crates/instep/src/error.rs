//! What can go wrong, for a host to match on and for a person to read.

use std::io;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

/// An error of the core, or of the crate below it that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("cannot write `{path}`")]
    Write {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path is not UTF-8, which Instep's files and the packaging formats are.
    #[error("the path `{path}` is not valid UTF-8")]
    NotUtf8 {
        /// The path, with what is not UTF-8 replaced.
        path: String,
    },
    /// A line of the configuration is wrong.
    #[error("{message}")]
    Config {
        /// Where.
        snippet: Snippet,
        /// What is wrong with it.
        message: String,
    },
    /// An environment that the configuration does not have.
    #[error("there is no environment `{name}` in the configuration (there is: {})", known.join(", "))]
    UnknownEnvironment {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An environment's name cannot be a folder's.
    #[error("`{name}` cannot be the name of an environment: letters, digits, `-`, `_` and `.` can")]
    EnvironmentName {
        /// The name.
        name: String,
    },
    /// There are no layers to compile.
    #[error("there are no layers: the configuration has no table [layers]")]
    NoLayers,
    /// A `uv.lock` that cannot be read.
    #[error("`{path}` is not a uv.lock that can be read")]
    UvLock {
        /// Which.
        path: Utf8PathBuf,
        /// Why, and where.
        source: Box<toml::de::Error>,
    },
    /// A layer says only half of where its requirements are.
    #[error("the layer `{name}` names a group or an extra, and not the pyproject.toml, or both")]
    LayerSource {
        /// The layer.
        name: String,
    },
    /// There are to be layers, and there are none.
    #[error("there are no layers: no `NAME.in` in `{directory}`")]
    EmptyLayers {
        /// Where they were looked for.
        directory: Utf8PathBuf,
    },
    /// The Python of a layer is no version.
    #[error("`{python}`, the Python of the layer `{name}`, is no version")]
    LayerPython {
        /// The layer.
        name: String,
        /// As it is written.
        python: String,
    },
    /// An environment has the name of a member of the uv workspace.
    #[error("the environment `{name}` has the name of a member of the uv workspace, at `{folder}`")]
    MemberName {
        /// The name.
        name: String,
        /// The member's folder.
        folder: Utf8PathBuf,
    },
    /// A mirror that is not configured.
    #[error("there is no mirror `{name}` (there is: {})", known.join(", "))]
    UnknownMirror {
        /// As it was asked for.
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// Several mirrors, and none was asked for.
    #[error("there are several mirrors: {}", known.join(", "))]
    WhichMirror {
        /// Their names.
        known: Vec<String>,
    },
    /// The user's folder for data is not known.
    #[error("there is no home folder in which the local side of the mirror could lie")]
    NoStaging,
    /// A mirror failed.
    #[error(transparent)]
    Mirror(#[from] instep_mirror::Error),
    /// A bundle, or what was done with it.
    #[cfg(feature = "bundle")]
    #[error(transparent)]
    Bundle(Box<instep_bundle::Error>),
    /// Of the passwords of keys.
    #[cfg(feature = "keys")]
    #[error(transparent)]
    Keys(#[from] instep_keys::Error),
    /// Nothing says by which root a bundle is verified.
    #[error("there is no root to verify the bundle by: {path} is not there")]
    WhichRoot {
        /// Where one was looked for.
        path: Utf8PathBuf,
    },
    /// A bundle would be made inside of a folder that it is to hold.
    #[error("the bundle {out} would lie in {files}, which it is to hold")]
    BundleInItself {
        /// The bundle.
        out: Utf8PathBuf,
        /// What it is to hold.
        files: Utf8PathBuf,
    },
    /// Files of a project are others than those of a bundle.
    #[error("files in {into} are others than those of the bundle: {}", files.join(", "))]
    OtherFiles {
        /// The project.
        into: Utf8PathBuf,
        /// Which.
        files: Vec<String>,
    },
    /// A wheel, or what was done with it.
    #[cfg(feature = "wheels")]
    #[error(transparent)]
    Wheel(#[from] instep_wheel::Error),
    /// The files of a repository could not be looked at, or written.
    #[error(transparent)]
    Ci(#[from] instep_ci::Error),
    /// A command could not be started.
    #[error("cannot start `{program}`")]
    Command {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// An environment is told to follow several sources.
    #[error("environment `{name}` names more than one source: {}", sources.join(", "))]
    SeveralSources {
        /// The environment.
        name: String,
        /// The keys.
        sources: Vec<&'static str>,
    },
    /// Two environments have one path.
    #[error("the environments `{first}` and `{second}` have the same path, `{path}`")]
    SharedPath {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// The path.
        path: Utf8PathBuf,
    },
    /// There is nothing that says what an environment should hold.
    #[error("environment `{name}` has nothing to follow: there is no {}", looked_for.join(", no "))]
    NothingToFollow {
        /// The environment.
        name: String,
        /// The files that would do.
        looked_for: Vec<String>,
    },
    /// The application's version could not be read.
    #[error("cannot read the application's version from `{path}`: {problem}")]
    AppVersion {
        /// The file.
        path: Utf8PathBuf,
        /// What is missing.
        problem: AppVersionProblem,
    },
    /// None of the tools that may be used is there.
    #[error("none of the tools that may be used was found ({})", tried.join(", "))]
    NoTool {
        /// The tools.
        tried: Vec<String>,
    },
    /// uv is needed for something that no other tool does.
    #[error("{what} needs uv, which is not there")]
    UvNeeded {
        /// For what.
        what: &'static str,
    },
    /// A command that runs after a sync failed.
    #[error("the environment is in step, but its step `{step}` failed")]
    Step {
        /// The step's name.
        step: String,
        /// How.
        source: instep_tools::Error,
    },
    /// There is no such sync in the history.
    #[error("there is no sync `{id}` in the history of `{environment}`")]
    NoSuchRun {
        /// What was asked for.
        id: String,
        /// The environment.
        environment: String,
    },
    /// A text is not a package's name.
    #[error("`{name}` is not the name of a package")]
    NotAName {
        /// The text.
        name: String,
    },
    /// There is no such command to describe.
    #[error("there is no command `{name}`")]
    NoSuchCommand {
        /// What was asked for.
        name: String,
    },
    /// The program that has the commands that reach the network could not be started.
    #[error("cannot start {program}, which does this")]
    NoProgram {
        /// The program.
        program: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// `init` was asked to write where something stands.
    #[error("there is a configuration already: `{path}`")]
    AlreadyConfigured {
        /// Which.
        path: Utf8PathBuf,
    },
    /// The virtual environment.
    #[error(transparent)]
    Venv(#[from] instep_venv::Error),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] instep_lock::Error),
    /// A requirements file, or a file of state.
    #[error(transparent)]
    Manifest(#[from] instep_manifest::Error),
    /// A tool.
    #[error(transparent)]
    Tools(#[from] instep_tools::Error),
    /// The file system.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
}

/// Why the application's version could not be read from a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppVersionProblem {
    /// The file is not there.
    #[error("it is not there")]
    Missing,
    /// The file is not JSON, or not TOML.
    #[error("{0}")]
    Syntax(String),
    /// The key is not there, or no text.
    #[error("it has no text under `{0}`")]
    Key(String),
}

/// A place in a text file, to be shown underlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The file.
    pub path: Utf8PathBuf,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Characters; at least 1.
    pub length: usize,
    /// The line, without its ending.
    pub text: String,
}

impl Snippet {
    /// The place of a byte range in `text`, cut to its first line.
    pub fn of_span(path: &Utf8Path, text: &str, span: Range<usize>) -> Self {
        let start = (0..=span.start.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let in_line = before.get(line_start..).unwrap_or_default().chars().count();
        let marked = text.get(start..span.end.max(start)).unwrap_or_default();
        let length = marked.lines().next().unwrap_or_default().chars().count();
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: in_line + 1,
            length: length.max(1),
            text: line.to_owned(),
        }
    }
}

#[cfg(feature = "bundle")]
impl From<instep_bundle::Error> for Error {
    fn from(error: instep_bundle::Error) -> Self {
        Self::Bundle(Box::new(error))
    }
}

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotUtf8 { .. } => "rename it",
            Self::Config { .. } => "`instep schema` prints every key and what it may hold",
            Self::UnknownEnvironment { .. } | Self::EnvironmentName { .. } => {
                "they are the tables `[env.NAME]` of the configuration, the layers that have a project, \
                 and the members of a uv workspace"
            }
            Self::NoLayers => {
                "write `[layers]` with `directory = \"requirements\"`, and a file base.in there; \
                 `instep sync` compiles the lock of a single environment"
            }
            Self::UvLock { .. } => "write it anew with `uv lock`",
            Self::UnknownMirror { .. } => {
                "they are the tables `[mirror.NAME]` of the configuration"
            }
            Self::WhichMirror { .. } => "name one of them",
            Self::NoStaging => {
                "name the local folder: `--local`, or `local` under [mirror.default]"
            }
            Self::Mirror(error) => return error.hint(),
            #[cfg(feature = "wheels")]
            Self::Wheel(error) => return error.hint(),
            #[cfg(feature = "bundle")]
            Self::Bundle(error) => return error.hint(),
            #[cfg(feature = "keys")]
            Self::Keys(error) => return error.hint(),
            Self::WhichRoot { .. } => {
                "name the root.json that you were given, by a way of its own, with --root"
            }
            Self::BundleInItself { .. } => "name another place with --out",
            Self::OtherFiles { .. } => {
                "look at them; --replace puts those of the bundle in their place"
            }
            Self::Command { .. } => "check its name, and whether it is on PATH",
            Self::EmptyLayers { .. } => {
                "write one there, or name their folder: `directory` under [layers]"
            }
            Self::LayerPython { .. } => "write its minor version, such as \"3.12\"",
            Self::MemberName { .. } => {
                "give the environment another name, or the `path` that the member's would have"
            }
            Self::LayerSource { .. } => "give it `pyproject`, and either a `group` or an `extra`",
            Self::SeveralSources { .. } => "keep one of them",
            Self::SharedPath { .. } => "give each environment a `path` of its own",
            Self::NothingToFollow { .. } => {
                "write one of them, or name another in instep.toml (`instep init` writes one)"
            }
            Self::AppVersion { .. } => "correct `version` in the table `[app]`",
            Self::NoTool { .. } => {
                "install one of them, or set `tools.install-uv = \"always\"` to let Instep get uv"
            }
            Self::UvNeeded { .. } => {
                "install uv, or set `tools.install-uv = \"always\"` to let Instep get it"
            }
            Self::Step { .. } => "the next `instep sync` runs it again; its output is above",
            Self::NoSuchRun { .. } => "`instep history` lists them",
            Self::NotAName { .. } => "names have letters, digits, `-`, `_` and `.` (PEP 508)",
            Self::NoSuchCommand { .. } => "`instep --help` lists them",
            Self::NoProgram { .. } => {
                "`instep` and `instep-network` lie in one folder: install both, of the same version"
            }
            Self::AlreadyConfigured { .. } => "edit it, or remove it first",
            Self::Read { source, .. } | Self::Write { source, .. } => {
                return instep_fs::hint_for(source).map(str::to_owned);
            }
            Self::Ci(error) => return error.hint(),
            Self::Venv(error) => return error.hint(),
            Self::Lock(error) => return error.hint(),
            Self::Manifest(error) => return error.hint(),
            Self::Tools(error) => return error.hint(),
            Self::Fs(error) => return error.hint(),
        };
        Some(hint.to_owned())
    }

    /// The line that is wrong, where it is one line of a text file.
    pub fn snippet(&self) -> Option<Snippet> {
        match self {
            Self::Config { snippet, .. } => Some(snippet.clone()),
            Self::Manifest(error)
            | Self::Venv(instep_venv::Error::Manifest(error))
            | Self::Lock(instep_lock::Error::Manifest(error)) => requirement_snippet(error),
            _ => None,
        }
    }

    /// The last lines that a tool printed before it failed, secrets removed.
    pub fn tool_output(&self) -> &[String] {
        match self {
            Self::Tools(error)
            | Self::Step { source: error, .. }
            | Self::Venv(instep_venv::Error::Tools(error)) => error.tail(),
            Self::Lock(error) => error.tool_output(),
            _ => &[],
        }
    }

    /// Whether the work ended because the host cancelled it.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Venv(error) => error.is_cancelled(),
            Self::Lock(error) => error.is_cancelled(),
            Self::Mirror(error) => error.is_cancelled(),
            #[cfg(feature = "wheels")]
            Self::Wheel(error) => error.is_cancelled(),
            #[cfg(feature = "bundle")]
            Self::Bundle(error) => error.is_cancelled(),
            #[cfg(feature = "keys")]
            Self::Keys(error) => error.is_cancelled(),
            Self::Tools(error) | Self::Step { source: error, .. } => error.is_cancelled(),
            Self::Fs(error) => matches!(error, instep_fs::Error::Cancelled { .. }),
            _ => false,
        }
    }
}

fn requirement_snippet(error: &instep_manifest::Error) -> Option<Snippet> {
    let instep_manifest::Error::Requirement { path, line, column, length, source_line, .. } = error
    else {
        return None;
    };
    Some(Snippet {
        path: path.clone(),
        line: *line,
        column: *column,
        length: (*length).max(1),
        text: source_line.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_becomes_a_line_and_a_column_in_characters() {
        let text = "a = 1\nü = [2,\n3]\n";
        let at = text.find("[2").unwrap();
        let snippet = Snippet::of_span("x.toml".into(), text, at..at + 5);
        assert_eq!((snippet.line, snippet.column, snippet.length), (2, 5, 3));
        assert_eq!(snippet.text, "ü = [2,");
        let end = Snippet::of_span("x.toml".into(), text, 999..1000);
        assert_eq!((end.line, end.column, end.length), (4, 1, 1));
        let inside = Snippet::of_span("x.toml".into(), text, 7..8);
        assert_eq!((inside.line, inside.column), (2, 1));
    }
}
