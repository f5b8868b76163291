//! What can go wrong with locks.

use std::io;

use camino::Utf8PathBuf;

/// An error of this crate.
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
    /// pip's report of what it would install is not understood.
    #[error("pip's report `{path}` is not understood")]
    Report {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A layer's name could not be a package's.
    #[error("`{name}` is no name for a layer")]
    Name {
        /// As it is written.
        name: String,
    },
    /// Two layers have names that packaging tools do not tell apart.
    #[error("the layers `{first}` and `{second}` have the same name")]
    SameName {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Two layers would write one file, or one would write what the other reads.
    #[error("`{path}` is a file of both layers `{first}` and `{second}`")]
    SameOutput {
        /// The file.
        path: Utf8PathBuf,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Layers, or dependency groups, that build on each other.
    #[error("these build on each other in a circle: {}", layers.join(" -> "))]
    Cycle {
        /// The way round, the first again at its end.
        layers: Vec<String>,
    },
    /// A layer that is not there.
    #[error("there is no layer `{name}` (there is: {})", known.join(", "))]
    NoSuchLayer {
        /// As it was asked for.
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// A layer is declared to conflict with one that it builds on.
    #[error("the layer `{layer}` builds on `{base}`, so the two cannot be in conflict")]
    ConflictWithBase {
        /// The layer.
        layer: String,
        /// What it builds on.
        base: String,
    },
    /// A `pyproject.toml` that cannot be read.
    #[error("`{path}` is not a pyproject.toml that can be read")]
    Pyproject {
        /// Which.
        path: Utf8PathBuf,
        /// Why, and where.
        source: Box<toml::de::Error>,
    },
    /// A group or an extra that is not there.
    #[error("`{path}` has no {what} `{name}`")]
    NoSuchTable {
        /// The `pyproject.toml`.
        path: Utf8PathBuf,
        /// `dependency group` or `extra`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Dependencies that only a build of the project finds out.
    #[error("`{path}` says that `{key}` are dynamic, so what they are is not known")]
    Dynamic {
        /// The `pyproject.toml`.
        path: Utf8PathBuf,
        /// The key of `[project]`.
        key: &'static str,
    },
    /// A package that is to come from a uv workspace.
    #[error("`{name}` is to come from its uv workspace, which layers know nothing of")]
    WorkspaceSource {
        /// The package.
        name: String,
    },
    /// A platform that is not known.
    #[error("`{platform}`, the platform of the layer `{layer}`, is not known")]
    Platform {
        /// As it is written.
        platform: String,
        /// The layer.
        layer: String,
    },
    /// A local package of which the name cannot be told.
    #[error("{path}:{line}: the name of the package at `{place}` is not known")]
    Nameless {
        /// The requirements file.
        path: Utf8PathBuf,
        /// 1-based.
        line: usize,
        /// As it is written.
        place: String,
    },
    /// A line is not what it was when it was read.
    #[error("{path}:{line}: the versions of {package} are not what they were; nothing was written")]
    Moved {
        /// The requirements file.
        path: Utf8PathBuf,
        /// 1-based.
        line: usize,
        /// The package.
        package: String,
    },
    /// A layer asks for its own lock.
    #[error("{path}:{line}: this is the lock of the layer `{layer}` itself")]
    OwnLock {
        /// The requirements file.
        path: Utf8PathBuf,
        /// 1-based.
        line: usize,
        /// The layer.
        layer: String,
    },
    /// What stands where a lock is to be written is something else.
    #[error(
        "`{path}`, where the lock of the layer `{layer}` is to be written, is no lock; it was left alone"
    )]
    NotALock {
        /// The file.
        path: Utf8PathBuf,
        /// The layer.
        layer: String,
    },
    /// A layer includes one that is for later versions of Python.
    #[error(
        "the layer `{layer}` is for Python {python}, and includes `{base}`, which is for {base_python} and later"
    )]
    LaterPython {
        /// The layer.
        layer: String,
        /// Its Python.
        python: String,
        /// The layer that it includes.
        base: String,
        /// That one's Python.
        base_python: String,
    },
    /// A tool is asked for what it cannot do.
    #[error("{tool} cannot {what}, as the layer `{layer}` asks for")]
    Unable {
        /// The tool.
        tool: String,
        /// What it cannot do.
        what: &'static str,
        /// Who asks.
        layer: String,
    },
    /// The joint strategy without uv.
    #[error("layers are resolved jointly by uv, which was not found")]
    JointNeedsUv,
    /// No versions fit all layers at once.
    #[error("no versions fit {} at once", list(layers))]
    NoJointSolution {
        /// The fewest layers that cannot live together, each of which resolves without the others.
        layers: Vec<String>,
        /// Whether none of them builds on another, so that they can be declared to be in conflict.
        are_apart: bool,
        /// The resolver's own words.
        source: Box<instep_tools::Error>,
    },
    /// A tool failed.
    #[error(transparent)]
    Tools(#[from] instep_tools::Error),
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
    /// A requirements file failed.
    #[error(transparent)]
    Manifest(#[from] instep_manifest::Error),
}

impl Error {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Report { .. } => {
                Some("upgrade pip, or use uv or pip-tools for the lock".to_owned())
            }
            Self::Name { .. } | Self::SameName { .. } => {
                Some("rename its file, or its table under [layers]".to_owned())
            }
            Self::SameOutput { .. } => Some("give one of them another `output`".to_owned()),
            Self::Cycle { .. } => {
                Some("take one of the `-c`, `-r` or include-group lines out".to_owned())
            }
            Self::NoSuchLayer { .. } => Some("`instep lock graph` shows them".to_owned()),
            Self::ConflictWithBase { .. } => {
                Some("take it out of `conflicts`, or build it on nothing".to_owned())
            }
            Self::Pyproject { .. } | Self::NoSuchTable { .. } => None,
            Self::Dynamic { .. } => {
                Some("write them in the file, or make the layer one of a requirements file".to_owned())
            }
            Self::WorkspaceSource { name } => Some(format!(
                "write `{name} = {{ path = \"..\" }}` under [tool.uv.sources]; or have `uv lock` and \
                 `instep sync --all` keep the workspace, without layers"
            )),
            Self::Platform { .. } => Some(
                "use one of uv's words, such as `linux`, `windows`, `macos`, `x86_64-manylinux_2_28`, \
                 `aarch64-apple-darwin`"
                    .to_owned(),
            ),
            Self::Nameless { .. } => Some("write `name @ path`".to_owned()),
            Self::OwnLock { .. } => {
                Some("give the layer another `output`, or take the line out".to_owned())
            }
            Self::NotALock { .. } => {
                Some("give the layer another `output`, or move the file away".to_owned())
            }
            Self::LaterPython { .. } => Some("give both the same `python`".to_owned()),
            Self::Moved { .. } => Some("edit the line by hand".to_owned()),
            Self::Unable { tool, .. } if tool.starts_with("a joint") => {
                Some("download it, or run `instep lock --strategy layered`".to_owned())
            }
            Self::Unable { .. } => Some("use uv for it".to_owned()),
            Self::JointNeedsUv => {
                Some("install uv, or run `instep lock --strategy layered`".to_owned())
            }
            Self::NoJointSolution { layers, are_apart, .. } => Some(match layers.as_slice() {
                [_, _, ..] if *are_apart => format!(
                    "`instep conflicts` looks for edits that would mend it; if they are never installed together, say so: `conflicts = [{}]` under \
                     [layers]; or run `instep lock --strategy layered`",
                    [
                        "[",
                        &layers
                            .iter()
                            .map(|name| format!("\"{name}\""))
                            .collect::<Vec<_>>()
                            .join(", "),
                        "]"
                    ]
                    .concat(),
                ),
                _ => "`instep conflicts` looks for edits that would mend it".to_owned(),
            }),
            Self::Read { source, .. } | Self::Write { source, .. } => {
                instep_fs::hint_for(source).map(str::to_owned)
            }
            Self::Tools(error) => error.hint(),
            Self::Fs(error) => error.hint(),
            Self::Manifest(error) => error.hint(),
        }
    }

    /// Whether the work ended because it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Tools(error) => error.is_cancelled(),
            Self::NoJointSolution { source, .. } => source.is_cancelled(),
            Self::Fs(error) => matches!(error, instep_fs::Error::Cancelled { .. }),
            _ => false,
        }
    }
}

impl Error {
    /// The last lines that a tool printed before it failed, secrets removed.
    pub fn tool_output(&self) -> &[String] {
        match self {
            Self::Tools(error) => error.tail(),
            Self::NoJointSolution { source, .. } => source.tail(),
            _ => &[],
        }
    }
}

/// `a`, or `a, b and c`, each in backticks.
fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("the layer {last}"),
        Some((last, rest)) => format!("the layers {} and {last}", rest.join(", ")),
        None => "the layers".to_owned(),
    }
}
