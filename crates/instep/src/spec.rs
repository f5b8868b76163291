//! One environment as it is configured: every default filled in, every path absolute.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::Layer;

use crate::config::{After, Config, Consent, Env, Lock, Project, Tool};
use crate::error::Error;
use crate::members::{self, Member};

/// The name of the environment that there is without any configuration.
pub(crate) const DEFAULT: &str = "default";

/// What an environment should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: Utf8PathBuf,
    /// What it follows.
    pub source: Source,
    /// The version of Python, or an interpreter's path.
    pub python: Option<String>,
    /// The tools that may be used, the preferred one first.
    pub tools: Vec<Tool>,
    /// Whether one tool is prescribed for this environment, so that another one's work does not do.
    pub tool_is_fixed: bool,
    /// Whether packages that the lock does not name stay.
    pub inexact: bool,
    /// What a host does at start-up when a sync is needed.
    pub auto_sync: Consent,
    /// Commands to run after a sync.
    pub after: Vec<After>,
    /// Where the manifest lies, if not in the state folder.
    pub manifest: Option<Utf8PathBuf>,
    /// How many syncs are kept.
    pub history: usize,
}

/// What an environment follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Requirements files.
    Requirements {
        /// The files.
        files: Vec<Utf8PathBuf>,
        /// What they are compiled to; `None`: they are a lock themselves.
        lock: Option<Utf8PathBuf>,
    },
    /// A `pylock.toml`.
    Pylock {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A layer.
    Layer {
        /// Its name.
        name: String,
        /// All layers, since they are locked together.
        layers: Arc<[Layer]>,
    },
    /// A uv project.
    Project {
        /// The folder of `pyproject.toml` and `uv.lock`.
        folder: Utf8PathBuf,
        /// Extras to install.
        extras: Vec<String>,
        /// Dependency groups to install beside the default ones.
        groups: Vec<String>,
        /// The one member of the workspace to install, with what it needs; `None`: the project in the
        /// folder itself.
        member: Option<Member>,
    },
}

impl Source {
    /// The files that it consists of, those that it names in turn left aside.
    pub fn files(&self) -> Vec<Utf8PathBuf> {
        match self {
            Self::Requirements { files, .. } => files.clone(),
            Self::Pylock { path } => vec![path.clone()],
            Self::Layer { .. } => {
                self.layer().map(|layer| layer.input.path().clone()).into_iter().collect()
            }
            Self::Project { folder, .. } => {
                vec![folder.join("pyproject.toml"), folder.join("uv.lock")]
            }
        }
    }
}

impl Source {
    /// The layer that is followed.
    pub(crate) fn layer(&self) -> Option<&Layer> {
        let Self::Layer { name, layers } = self else { return None };
        layers.iter().find(|layer| layer.name == *name)
    }

    /// The lock that requirements are compiled to, if they are.
    pub(crate) fn lock(&self) -> Option<&Utf8PathBuf> {
        match self {
            Self::Requirements { lock, .. } => lock.as_ref(),
            Self::Layer { .. } => self.layer().map(|layer| &layer.output),
            Self::Pylock { .. } | Self::Project { .. } => None,
        }
    }
}

/// The environments of a configuration, in their order.
pub(crate) fn resolve(
    root: &Utf8Path,
    config: &Config,
    layers: &Arc<[Layer]>,
) -> Result<Vec<Spec>, Error> {
    let implicit = BTreeMap::from([(DEFAULT.to_owned(), Env::default())]);
    let envs = if config.env.is_empty() { &implicit } else { &config.env };
    let mut specs: Vec<Spec> = Vec::with_capacity(envs.len());
    for (name, env) in envs {
        let spec = match resolve_one(root, config, layers, name, env) {
            // Layers alone are something to keep in step, and so are files that follow a command.
            Err(Error::NothingToFollow { .. })
                if config.env.is_empty()
                    && (config.layers.is_some() || !config.ci.commands.is_empty()) =>
            {
                continue;
            }
            spec => spec?,
        };
        refuse_shared_path(&spec, specs.iter())?;
        specs.push(spec);
    }
    // The default one first, the others by name.
    specs.sort_by_key(|spec| (spec.name != DEFAULT, spec.name.clone()));
    Ok(specs)
}

fn refuse_shared_path<'a>(
    spec: &Spec,
    mut others: impl Iterator<Item = &'a Spec>,
) -> Result<(), Error> {
    match others.find(|other| other.path == spec.path) {
        None => Ok(()),
        Some(other) => Err(Error::SharedPath {
            first: other.name.clone(),
            second: spec.name.clone(),
            path: spec.path.clone(),
        }),
    }
}

/// The environments of layers that have a project, but for those of which `specs` has one already.
pub(crate) fn of_layers(
    root: &Utf8Path,
    config: &Config,
    layers: &Arc<[Layer]>,
    specs: &[Spec],
) -> Result<Vec<Spec>, Error> {
    let Some(settings) = &config.layers else { return Ok(Vec::new()) };
    let mut found: Vec<Spec> = Vec::new();
    for layer in layers.iter().filter(|layer| !specs.iter().any(|spec| spec.name == layer.name)) {
        let named = settings.named.get(&layer.name);
        let project = match named.and_then(|named| named.project.clone()) {
            Some(project) => project,
            None if root.join(&layer.name).is_dir() => layer.name.clone().into(),
            None => continue,
        };
        let env = Env {
            path: Some(project.join(&settings.environment)),
            layer: Some(layer.name.clone()),
            python: named.and_then(|named| named.python.clone()),
            ..Env::default()
        };
        let spec = resolve_one(root, config, layers, &layer.name, &env)?;
        refuse_shared_path(&spec, specs.iter().chain(&found))?;
        found.push(spec);
    }
    Ok(found)
}

/// The environments of the members of a uv workspace, each in its member's folder.
pub(crate) fn of_members(
    root: &Utf8Path,
    config: &Config,
    specs: &[Spec],
) -> Result<Vec<Spec>, Error> {
    let mut found: Vec<Spec> = Vec::new();
    for member in members::of(root)? {
        let folder = root.join(&member.folder);
        // Somebody has said what is wanted there.
        let stands_for = |spec: &Spec| {
            let follows =
                matches!(&spec.source, Source::Project { folder: own, .. } if *own == folder);
            follows || spec.path == folder.join(".venv")
        };
        if specs.iter().any(stands_for) {
            continue;
        }
        if specs.iter().chain(&found).any(|spec| spec.name == member.name) {
            return Err(Error::MemberName { name: member.name, folder: member.folder });
        }
        let env = Env {
            path: Some(member.folder.join(".venv")),
            project: Some(Project::Here(true)),
            ..Env::default()
        };
        let mut spec = resolve_one(root, config, &Arc::from([]), &member.name, &env)?;
        spec.source = Source::Project {
            folder: root.to_owned(),
            extras: Vec::new(),
            groups: Vec::new(),
            member: Some(member),
        };
        found.push(spec);
    }
    Ok(found)
}

fn resolve_one(
    root: &Utf8Path,
    config: &Config,
    layers: &Arc<[Layer]>,
    name: &str,
    env: &Env,
) -> Result<Spec, Error> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_allowed) {
        return Err(Error::EnvironmentName { name: name.to_owned() });
    }
    let path = env.path.clone().unwrap_or_else(|| {
        if name == DEFAULT { ".venv".into() } else { [".venv-", name].concat().into() }
    });
    Ok(Spec {
        name: name.to_owned(),
        path: follow_link(root.join(path)),
        source: resolve_source(root, layers, name, env)?,
        python: env.python.clone().or_else(|| config.tools.python.first().cloned()),
        tools: env.tool.map_or_else(|| config.tools.prefer.clone(), |tool| vec![tool]),
        tool_is_fixed: env.tool.is_some(),
        inexact: env.inexact.unwrap_or(false),
        auto_sync: env.auto_sync,
        after: env.after.clone(),
        manifest: env.manifest.as_ref().map(|path| root.join(path)),
        history: env.history.unwrap_or(20),
    })
}

/// An environment that is a link is the one that it links to: a rebuild must not put a folder in the
/// link's place.
fn follow_link(path: Utf8PathBuf) -> Utf8PathBuf {
    if path.is_symlink() { path.canonicalize_utf8().unwrap_or(path) } else { path }
}

fn resolve_source(
    root: &Utf8Path,
    layers: &Arc<[Layer]>,
    name: &str,
    env: &Env,
) -> Result<Source, Error> {
    let project = match &env.project {
        None | Some(Project::Here(false)) => None,
        Some(Project::Here(true)) => Some(root.to_owned()),
        Some(Project::At(folder)) => Some(root.join(folder)),
    };
    let named: Vec<&'static str> = [
        ("requirements", env.requirements.is_some()),
        ("pylock", env.pylock.is_some()),
        ("project", project.is_some()),
        ("layer", env.layer.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, is_named)| is_named.then_some(key))
    .collect();
    if named.len() > 1 {
        return Err(Error::SeveralSources { name: name.to_owned(), sources: named });
    }
    if let Some(files) = &env.requirements {
        return Ok(requirements(root, files, env));
    }
    if let Some(path) = &env.pylock {
        return Ok(Source::Pylock { path: root.join(path) });
    }
    if let Some(folder) = project {
        return Ok(project_source(folder, env));
    }
    if let Some(layer) = &env.layer {
        if !layers.iter().any(|known| known.name == *layer) {
            let known = layers.iter().map(|known| known.name.clone()).collect();
            return Err(instep_lock::Error::NoSuchLayer { name: layer.clone(), known }.into());
        }
        return Ok(Source::Layer { name: layer.clone(), layers: Arc::clone(layers) });
    }
    detect(root, name, env)
}

/// What stands in the folder decides, where nothing is said.
fn detect(root: &Utf8Path, name: &str, env: &Env) -> Result<Source, Error> {
    if root.join("requirements.txt").exists() {
        return Ok(requirements(root, &["requirements.txt".into()], env));
    }
    if root.join("uv.lock").exists() {
        return Ok(project_source(root.to_owned(), env));
    }
    let pylock = root.join("pylock.toml");
    if pylock.exists() {
        return Ok(Source::Pylock { path: pylock });
    }
    Err(Error::NothingToFollow {
        name: name.to_owned(),
        looked_for: ["requirements.txt", "uv.lock", "pylock.toml"].map(str::to_owned).to_vec(),
    })
}

fn project_source(folder: Utf8PathBuf, env: &Env) -> Source {
    let (extras, groups) = (env.extras.clone(), env.groups.clone());
    Source::Project { folder, extras, groups, member: None }
}

fn requirements(root: &Utf8Path, files: &[Utf8PathBuf], env: &Env) -> Source {
    let lock = match &env.lock {
        Some(Lock::Enabled(false)) => None,
        Some(Lock::At(path)) => Some(root.join(path)),
        None | Some(Lock::Enabled(true)) => files.first().map(|first| {
            let stem = first.file_stem().unwrap_or("requirements");
            root.join(first).with_file_name([stem, "-lock.txt"].concat())
        }),
    };
    Source::Requirements { files: files.iter().map(|file| root.join(file)).collect(), lock }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Spec>, Error> {
        let config: Config = toml::from_str(text).unwrap();
        resolve(Utf8Path::new("/p"), &config, &Arc::from([]))
    }

    #[test]
    fn names_paths_and_locks_have_defaults() {
        let specs = parse(
            "[env.test]\nrequirements = ['dev/test.in', 'more.txt']\n\
             [env.default]\nrequirements = ['web.in']",
        )
        .unwrap();
        let [default, test] = specs.as_slice() else { panic!("{specs:?}") };
        assert_eq!(default.path, "/p/.venv");
        assert_eq!(
            default.source,
            Source::Requirements {
                files: vec!["/p/web.in".into()],
                lock: Some("/p/web-lock.txt".into())
            }
        );
        assert_eq!(test.path, "/p/.venv-test");
        assert_eq!(
            test.source,
            Source::Requirements {
                files: vec!["/p/dev/test.in".into(), "/p/more.txt".into()],
                lock: Some("/p/dev/test-lock.txt".into())
            }
        );
    }

    #[test]
    fn a_tool_of_its_own_is_the_only_one() {
        let specs = parse("[tools]\nprefer = ['pip', 'uv']\n[env.a]\nrequirements=['r']\ntool='pip-tools'\n[env.b]\nrequirements=['r']").unwrap();
        assert_eq!(specs[0].tools, [Tool::PipTools]);
        assert!(specs[0].tool_is_fixed);
        assert_eq!(specs[1].tools, [Tool::Pip, Tool::Uv]);
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(matches!(
            parse("[env.a]\nrequirements = ['r']\npylock = 'p'"),
            Err(Error::SeveralSources { .. })
        ));
        assert!(matches!(
            parse("[env.a]\nrequirements=['r']\npath='x'\n[env.b]\nrequirements=['r']\npath='x'"),
            Err(Error::SharedPath { .. })
        ));
        assert!(matches!(
            parse("[env.'../a']\nrequirements=['r']"),
            Err(Error::EnvironmentName { .. })
        ));
        assert!(matches!(parse(""), Err(Error::NothingToFollow { .. })));
    }
}
