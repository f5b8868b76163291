//! The configuration as it is written: one Rust field a key.
//!
//! Every key has a default, so that the empty file, and no file, are configurations. Unknown keys are
//! refused: a misspelt one would otherwise be silently without effect.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::keys::Keys;

/// `instep.toml`, or the table `[tool.instep]` of a `pyproject.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The application that embeds the environments.
    pub app: App,
    /// The tools that do the work.
    pub tools: Tools,
    /// The environments, by name.
    pub env: BTreeMap<String, Env>,
    /// Layers of requirements, locked together.
    pub layers: Option<Layers>,
    /// Folders that are kept equal, by name.
    pub mirror: BTreeMap<String, Mirror>,
    /// Commands and versions that the files of the repository follow.
    pub ci: Ci,
    /// What an air-gapped site is given.
    pub bundle: Bundle,
    /// Where the passwords of signing keys come from.
    pub keys: Keys,
    /// The journal of syncs.
    pub journal: Journal,
}

/// The application that embeds the environments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct App {
    /// The application's version: when it changes, environments are synced.
    pub version: Option<AppVersion>,
}

/// A version, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum AppVersion {
    /// The version itself.
    Literal(String),
    /// A file to read it from.
    File(AppVersionFile),
}

/// The file that holds the application's version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AppVersionFile {
    /// `package.json`, `Cargo.toml`, `pyproject.toml`, or a plain text file; relative to the
    /// configuration.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub file: Utf8PathBuf,
    /// The key, dots between its parts. By default `version` in JSON, `package.version` in
    /// `Cargo.toml`, `project.version` in `pyproject.toml`; a plain text file is taken whole.
    pub key: Option<String>,
}

/// The tools that do the work.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tools {
    /// Which tools may be used, the preferred one first. Default: `["uv", "pip"]`.
    pub prefer: Vec<Tool>,
    /// The version of uv.
    pub uv: Option<String>,
    /// Versions of Python (or paths of interpreters); the first is the environments' default.
    pub python: Vec<String>,
    /// Whether uv may be installed (into Instep's cache, from the index that pip is set up for) when
    /// it is missing. Default: `ask`.
    pub install_uv: Consent,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            prefer: vec![Tool::Uv, Tool::Pip],
            uv: None,
            python: Vec::new(),
            install_uv: Consent::Ask,
        }
    }
}

/// A tool that resolves and installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// uv.
    Uv,
    /// pip alone.
    Pip,
    /// pip-tools: `pip-compile` writes the lock, pip installs from it.
    PipTools,
}

impl Tool {
    /// As it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Pip => "pip",
            Self::PipTools => "pip-tools",
        }
    }
}

/// Whether something may be done without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// No.
    Never,
    /// The user is asked; where nobody can be asked, no.
    #[default]
    Ask,
    /// Yes.
    Always,
}

/// One environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Env {
    /// The environment's folder. Default: `.venv` for `default`, `.venv-NAME` for others.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub path: Option<Utf8PathBuf>,
    /// Requirements files. Default: `requirements.txt`, where neither `uv.lock` nor `pylock.toml` is.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub requirements: Option<Vec<Utf8PathBuf>>,
    /// A `pylock.toml` to install from.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pylock: Option<Utf8PathBuf>,
    /// A uv project (a folder with `pyproject.toml` and `uv.lock`); `true` for the configuration's own
    /// folder.
    pub project: Option<Project>,
    /// A layer of `[layers]`.
    pub layer: Option<String>,
    /// Of a uv project: the extras to install.
    pub extras: Vec<String>,
    /// Of a uv project: the dependency groups to install beside the default ones.
    pub groups: Vec<String>,
    /// The lock that requirements are compiled to; `false` where they are a lock themselves.
    /// Default: the first requirements file's name with `-lock`.
    pub lock: Option<Lock>,
    /// The version of Python, or an interpreter's path. Default: the first of `tools.python`, else
    /// whichever is found.
    pub python: Option<String>,
    /// The one tool to use. Default: the first of `tools.prefer` that is there.
    pub tool: Option<Tool>,
    /// Leave packages alone that the lock does not name. Default: `false`.
    pub inexact: Option<bool>,
    /// What a host does at start-up when a sync is needed. Default: `ask`.
    pub auto_sync: Consent,
    /// Commands to run after a sync, each only when its inputs have changed.
    pub after: Vec<After>,
    /// Where the manifest lies. Default: `.instep/env/NAME/manifest.json`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub manifest: Option<Utf8PathBuf>,
    /// How many syncs are kept for `history` and `rollback`. Default: 20.
    pub history: Option<usize>,
}

/// Where a uv project is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Project {
    /// In the configuration's own folder, or nowhere.
    Here(bool),
    /// In a folder.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    At(Utf8PathBuf),
}

/// Where the lock of requirements files is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Lock {
    /// `false`: the requirements are pinned already. `true`: the default.
    Enabled(bool),
    /// A file.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    At(Utf8PathBuf),
}

/// A command to run after a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct After {
    /// The step's name, unique in its environment.
    pub name: String,
    /// The command and its arguments; found in the environment first.
    pub run: Vec<String>,
    /// What it depends on: files relative to the configuration, and `package:NAME` for the installed
    /// version of a package.
    #[serde(default)]
    pub inputs: Vec<String>,
}

/// Layers of requirements: files, groups and extras that are locked together, each with an
/// environment of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(default, rename_all = "kebab-case"))]
pub struct Layers {
    /// Every `NAME.in` in this folder is a layer, `NAME.txt` its lock. Default: `requirements`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub directory: Utf8PathBuf,
    /// How they are resolved. Default: `joint` with uv, `layered` with other tools.
    pub strategy: Option<Strategy>,
    /// Whether locks have the digests of files. Default: `true`.
    pub hashes: bool,
    /// The folder of a layer's environment in its project. Default: `venv`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub environment: Utf8PathBuf,
    /// Sets of layers of which no two are ever installed together, so that they may have other
    /// versions of a package.
    pub conflicts: Vec<Vec<String>>,
    /// Whether `sync` writes an `.envrc` for [direnv](https://direnv.net) into a layer's project where
    /// there is none. Default: `true`.
    pub envrc: bool,
    /// Whether `sync` writes `.vscode/settings.json` into a layer's project where there is none.
    /// Default: `false`.
    pub vscode: bool,
    /// What is to be said of single layers, by their names. A layer that is no file in the directory is
    /// defined here.
    #[cfg_attr(feature = "schema", schemars(flatten))]
    pub named: BTreeMap<String, Layer>,
}

impl Default for Layers {
    fn default() -> Self {
        Self {
            directory: "requirements".into(),
            strategy: None,
            hashes: true,
            environment: "venv".into(),
            conflicts: Vec::new(),
            envrc: true,
            vscode: false,
            named: BTreeMap::new(),
        }
    }
}

/// By hand, since `flatten` would take the places of errors away.
impl<'de> Deserialize<'de> for Layers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Layers;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a table of layers")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Layers, A::Error> {
                let mut layers = Layers::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "directory" => layers.directory = map.next_value()?,
                        "strategy" => layers.strategy = map.next_value()?,
                        "hashes" => layers.hashes = map.next_value()?,
                        "environment" => layers.environment = map.next_value()?,
                        "conflicts" => layers.conflicts = map.next_value()?,
                        "envrc" => layers.envrc = map.next_value()?,
                        "vscode" => layers.vscode = map.next_value()?,
                        _ => {
                            layers.named.insert(key, map.next_value()?);
                        }
                    }
                }
                Ok(layers)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// How layers are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once, with uv: a package has one version everywhere.
    Joint,
    /// One after the other, the later ones held to the pins of those that they build on.
    Layered,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Layer {
    /// The folder of its project, in which its environment is made. Default: the folder with the
    /// layer's name, where there is one; otherwise the layer has a lock and no environment.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub project: Option<Utf8PathBuf>,
    /// A `pyproject.toml` that its requirements stand in: those of a `group` or an `extra`, or the
    /// project's own.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pyproject: Option<Utf8PathBuf>,
    /// The dependency group of the `pyproject.toml` (PEP 735).
    pub group: Option<String>,
    /// The extra of the `pyproject.toml`, beside the project's dependencies.
    pub extra: Option<String>,
    /// Its lock. Default: `NAME.txt` in the directory of layers.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub output: Option<Utf8PathBuf>,
    /// The version of Python of its environment, which its lock holds from. Default: the first of
    /// `tools.python`.
    pub python: Option<String>,
    /// The one platform that its lock is for, in uv's words, such as `linux`. Default: every one.
    pub platform: Option<String>,
    /// Whether its lock has the digests of files. Default: as for all layers.
    pub hashes: Option<bool>,
}

/// Two folders that are kept equal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mirror {
    /// The one that others see too. Default: the folder of the configuration, where that lies on a network
    /// drive; otherwise no mirror is needed.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub network: Option<Utf8PathBuf>,
    /// The one on this machine. Default: a folder of its own among the user's data.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub local: Option<Utf8PathBuf>,
    /// What is not mirrored, as in `.gitignore`.
    pub ignore: Vec<String>,
    /// The percentage of all files that a sync may delete on a side without being told. Default: 25.
    pub max_deletes: u8,
    /// For how many days the trash keeps what was replaced or deleted. Default: 30.
    pub trash_days: u32,
    /// Seconds between two looks at the network, while it is watched. Default: 30.
    pub interval: u32,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            network: None,
            local: None,
            ignore: Vec::new(),
            max_deletes: 25,
            trash_days: 30,
            interval: 30,
        }
    }
}

/// Commands that workflows, devcontainers, Dockerfiles and hooks follow; the versions are those of
/// `[tools]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ci {
    /// Install commands by name, such as `uv = "uv sync --all-extras --dev"`. Default: derived from
    /// `uv.lock` and `pyproject.toml`, and from `requirements.txt`.
    pub commands: BTreeMap<String, String>,
    /// Shell scripts that follow too, as in `.gitignore`: `scripts/*.sh`.
    pub include: Vec<String>,
    /// Files that do not follow, as in `.gitignore`.
    pub exclude: Vec<String>,
}

/// What an air-gapped site is given: wheels, images of containers and files, in one folder that is signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bundle {
    /// Its name. Default: that of the configuration's folder.
    pub name: Option<String>,
    /// The folder that it is made in. Default: `NAME.bundle`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub out: Option<Utf8PathBuf>,
    /// The Pythons and platforms that wheels are collected for. Default: each of `tools.python`, on this platform.
    pub targets: Vec<BundleTarget>,
    /// Locks whose wheels are collected. Default: those of all environments.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub locks: Option<Vec<Utf8PathBuf>>,
    /// Images of containers, by their names; with a platform where it is another one than `image-platforms` says.
    /// Default: `python:3.12-slim`, `python:3.13-slim`, and `mcr.microsoft.com/devcontainers/python:3.13`.
    pub images: Vec<BundleImage>,
    /// Platforms that each image is saved for, such as `linux/arm64`. Default: Linux on this machine's processor.
    pub image_platforms: Vec<String>,
    /// What images are had by, the first that can: `native` asks the registry itself. Default: `["native"]`.
    pub engines: Vec<BundleEngine>,
    /// Files and folders of the project that are carried, beside the configuration and the locks.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub files: Vec<Utf8PathBuf>,
    /// Registries, as `HOST` or `HOST:PORT`, that are spoken to without TLS; those of this machine always are.
    pub plain_http: Vec<String>,
    /// Who vouches for it.
    pub trust: Trust,
}

impl Default for Bundle {
    fn default() -> Self {
        let images =
            ["python:3.12-slim", "python:3.13-slim", "mcr.microsoft.com/devcontainers/python:3.13"];
        Self {
            name: None,
            out: None,
            targets: Vec::new(),
            locks: None,
            images: images.map(|name| BundleImage::Name(name.to_owned())).into(),
            image_platforms: Vec::new(),
            engines: vec![BundleEngine::Native],
            files: Vec::new(),
            plain_http: Vec::new(),
            trust: Trust::default(),
        }
    }
}

/// A Python on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BundleTarget {
    /// Its version: `3.12`.
    pub python: String,
    /// Its platform: `linux-x86_64`, `win-amd64`, `macos-arm64`.
    pub platform: String,
}

/// An image of a container.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum BundleImage {
    /// Its name, as docker takes it: `python:3.12-slim`, `NAME@sha256:..`.
    Name(String),
    /// For a platform of its own.
    On(BundleImageOn),
}

/// An image of a container for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BundleImageOn {
    /// Its name, as docker takes it.
    pub name: String,
    /// The platform: `linux/arm64`.
    pub platform: String,
}

/// What an image is had by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BundleEngine {
    /// Instep asks the registry itself; no daemon is needed.
    Native,
    /// Docker, with its daemon.
    Docker,
    /// Podman.
    Podman,
    /// skopeo.
    Skopeo,
}

/// Who vouches for a bundle: the roles of TUF.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trust {
    /// The folder of the root and the keys. Default: `trust`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub folder: Utf8PathBuf,
    /// The root that bundles are verified by. Default: `root.json` in the folder.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub root: Option<Utf8PathBuf>,
    /// Who may say which keys count.
    pub root_role: TrustRole,
    /// Who vouches for the contents.
    pub targets: TrustRole,
    /// Who vouches that the contents belong together.
    pub snapshot: TrustRole,
    /// Who vouches that they are not of long ago.
    pub timestamp: TrustRole,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            folder: "trust".into(),
            root: None,
            root_role: TrustRole::default(),
            targets: TrustRole::default(),
            snapshot: TrustRole::default(),
            timestamp: TrustRole::default(),
        }
    }
}

/// A role of TUF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustRole {
    /// The names of its keys: `NAME.pem` in the folder of keys, each with a password of its own. Default: one key of the
    /// role's name.
    pub keys: Vec<String>,
    /// How many of them have to sign. Default: 1.
    pub threshold: Option<std::num::NonZeroU64>,
    /// For how many days what it signs is good. Default: 365 for the root, 180 for targets and snapshot, 90 for the
    /// timestamp.
    pub days: Option<u32>,
}

/// The journal of syncs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Journal {
    /// Where it lies. Default: `.instep/logs/venv_sync.jsonl`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub path: Utf8PathBuf,
    /// Bytes after which it is rotated. Default: 1 MiB.
    pub max_size: u64,
    /// How many rotated files are kept. Default: 3.
    pub keep: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self { path: ".instep/logs/venv_sync.jsonl".into(), max_size: 1024 * 1024, keep: 3 }
    }
}
