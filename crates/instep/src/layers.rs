//! Layers: finding them, keeping their locks current, and what stands beside their environments.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::{
    Compiler, Conflict, Input, Job, Layer, Locked, Observed, Plan, Strategy, Upgrades, Wish, minor,
    numbers,
};
use instep_tools::Environment as Variables;
use serde::Serialize;

use crate::config::{self, Config, Consent, Layers};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::spec::{Source, Spec};
use crate::state::{self, STATE_DIR};
use crate::toolbox::{self, Choice, Toolbox};

/// What compiling layers may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockRequest {
    /// Only these layers and those that they build on; all of them for none.
    pub layers: Vec<String>,
    /// Write nothing.
    pub dry_run: bool,
    /// Which pins may move.
    pub upgrade: Upgrades,
    /// Overrides the configuration.
    pub strategy: Option<Strategy>,
}

/// What came of compiling layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedLayers {
    /// What was out of date, and why.
    pub plan: Plan,
    /// The layers that were compiled; empty where every lock was current.
    pub layers: Vec<Locked>,
}

/// The layers of a workspace, and what they are locked with.
pub(crate) struct Locking<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) config: &'a Config,
    pub(crate) layers: &'a [Layer],
    pub(crate) variables: &'a Variables,
}

/// The layers of a configuration: the `.in` files of the directory, and those that it names.
pub(crate) fn discover(root: &Utf8Path, config: &Config) -> Result<Vec<Layer>, Error> {
    let is_used = config.layers.is_some() || config.env.values().any(|env| env.layer.is_some());
    if !is_used {
        return Ok(Vec::new());
    }
    let settings = config.layers.clone().unwrap_or_default();
    let directory = root.join(&settings.directory);
    let mut names = files(&directory)?;
    names.extend(settings.named.keys().cloned());
    if names.is_empty() {
        return Err(Error::EmptyLayers { directory });
    }
    names.iter().map(|name| layer(root, config, &settings, &directory, name)).collect()
}

fn files(directory: &Utf8Path) -> Result<BTreeSet<String>, Error> {
    let read = |source| Error::Read { path: directory.to_owned(), source };
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(read(error)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(read)?;
        let name = entry.file_name().strip_suffix(".in");
        // Editors leave files that begin with a dot, and setuptools has a template of this name.
        let is_layer =
            |name: &&str| !name.starts_with('.') && !name.is_empty() && *name != "MANIFEST";
        names.extend(name.filter(is_layer).map(str::to_owned));
    }
    Ok(names)
}

fn layer(
    root: &Utf8Path,
    config: &Config,
    settings: &Layers,
    directory: &Utf8Path,
    name: &str,
) -> Result<Layer, Error> {
    let own = settings.named.get(name).cloned().unwrap_or_default();
    let input = match (own.pyproject, own.group, own.extra) {
        (None, None, None) => Input::File(directory.join([name, ".in"].concat())),
        (Some(path), Some(group), None) => Input::Group { pyproject: root.join(path), group },
        (Some(path), None, extra) => Input::Project { pyproject: root.join(path), extra },
        _ => return Err(Error::LayerSource { name: name.to_owned() }),
    };
    let conflicts = settings.conflicts.iter().filter(|set| set.iter().any(|one| one == name));
    let output =
        own.output.map_or_else(|| directory.join([name, ".txt"].concat()), |path| root.join(path));
    if let Some(python) = own.python.as_ref().filter(|python| !is_version(python)) {
        return Err(Error::LayerPython { name: name.to_owned(), python: python.clone() });
    }
    let python = own.python.or_else(|| config.tools.python.first().cloned());
    Ok(Layer {
        name: name.to_owned(),
        input,
        output,
        python: python.filter(|python| is_version(python)).map(|python| minor(&python)),
        platform: own.platform,
        hashes: own.hashes.unwrap_or(settings.hashes),
        conflicts: conflicts.flatten().filter(|one| *one != name).cloned().collect(),
    })
}

/// Whether it is a version with a minor one, and not a path or the name of an implementation.
fn is_version(python: &str) -> bool {
    let mut parts = python.split('.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    is_number(parts.next()) && is_number(parts.next())
}

impl Locking<'_> {
    pub(crate) fn observe(&self) -> Result<Observed, Error> {
        Ok(instep_lock::observe(self.root, self.layers, self.variables)?)
    }

    /// The Python of layers that name none: what their locks say, so that it is the same on every
    /// machine, else the interpreter's.
    fn python(observed: &Observed, interpreter: Option<&str>) -> String {
        let unnamed = observed.layers.iter().filter(|known| known.layer.python.is_none());
        let headers = unnamed.filter_map(|known| known.header.as_ref());
        let oldest =
            headers.map(|header| header.python.clone()).min_by_key(|python| numbers(python));
        oldest.unwrap_or_else(|| interpreter.map_or_else(|| "3".to_owned(), minor))
    }

    /// How layers are resolved: as it is asked for or configured, else as their locks were.
    fn strategy_of(&self, request: &LockRequest, observed: &Observed, tool: &str) -> Strategy {
        let configured = self.config.layers.as_ref().and_then(|layers| layers.strategy);
        let configured = configured.map(|strategy| match strategy {
            config::Strategy::Joint => Strategy::Joint,
            config::Strategy::Layered => Strategy::Layered,
        });
        let before = observed.headers().find_map(|header| header.strategy);
        let default = if tool == "uv" { Strategy::Joint } else { Strategy::Layered };
        request.strategy.or(configured).or(before).unwrap_or(default)
    }

    /// Tools are chosen for layers as for an environment that would follow all of them.
    fn toolbox(&self, host: &mut Host<'_>) -> Result<Toolbox, Error> {
        let spec = Spec {
            name: "layers".to_owned(),
            path: self.root.join(STATE_DIR),
            source: Source::Layer { name: String::new(), layers: self.layers.into() },
            python: self.config.tools.python.first().cloned(),
            tools: self.config.tools.prefer.clone(),
            tool_is_fixed: false,
            inexact: false,
            auto_sync: Consent::Never,
            after: Vec::new(),
            manifest: None,
            history: 0,
        };
        let choice = Choice {
            root: self.root,
            spec: &spec,
            config: &self.config.tools,
            variables: self.variables,
            tool: None,
            python: None,
        };
        toolbox::choose(&choice, host)
    }
}

/// What of the layers is not current, told from the headers of the locks alone: no tool is started, so
/// the version of uv counts only where the configuration pins it.
pub(crate) fn check(locking: &Locking<'_>, request: &LockRequest) -> Result<Plan, Error> {
    let observed = locking.observe()?;
    let prefer = &locking.config.tools.prefer;
    let pinned = locking.config.tools.uv.clone();
    let written_by = observed
        .headers()
        .map(|header| (header.tool.clone(), header.platform.clone()))
        .find(|(tool, _)| prefer.iter().any(|one| one.as_str() == tool));
    let (tool, platform) = written_by.unwrap_or_else(|| {
        let first = prefer.first().map_or("uv", |tool| tool.as_str());
        (first.to_owned(), None)
    });
    let wish = Wish {
        strategy: locking.strategy_of(request, &observed, &tool),
        version: pinned.filter(|_| tool == "uv"),
        platform: platform.filter(|_| tool != "uv"),
        python: Locking::python(&observed, None),
        tool,
        upgrade: request.upgrade.clone(),
    };
    narrow(instep_lock::plan(&observed, &wish), &observed, &request.layers)
}

/// Leaves what is asked for, and what that builds on.
fn narrow(mut plan: Plan, observed: &Observed, names: &[String]) -> Result<Plan, Error> {
    if names.is_empty() {
        return Ok(plan);
    }
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        wanted.insert(&observed.find(name)?.layer.name);
        wanted.extend(observed.closure(name).into_keys());
    }
    for layer in &mut plan.layers {
        layer.is_selected = wanted.contains(layer.name.as_str());
    }
    Ok(plan)
}

/// Brings the locks of layers up to date.
pub(crate) fn lock(
    locking: &Locking<'_>,
    request: &LockRequest,
    host: &mut Host<'_>,
) -> Result<LockedLayers, Error> {
    let toolbox = locking.toolbox(host)?;
    if request.dry_run {
        let (_scratch, folder) = state::temporary_folder()?;
        return compile(locking, request, &toolbox, &folder, host);
    }
    // Most often there is nothing to do, and nobody has to wait for that.
    let observed = locking.observe()?;
    let (_, current) = plan(locking, request, &observed, &toolbox)?;
    let folder = locking.root.join(STATE_DIR).join("layers");
    let scratch = folder.join("tmp");
    if current.is_empty() && !scratch.exists() {
        return Ok(LockedLayers { plan: current, layers: Vec::new() });
    }
    state::prepare(locking.root, &folder)?;
    let _lock = state::acquire(&folder.join("lock"), "locks", "instep lock".to_owned(), host)?;
    // What a killed run left.
    instep_fs::remove_tree_in_place(&scratch)?;
    let locked = state::make_private(&scratch)
        .and_then(|()| compile(locking, request, &toolbox, &scratch, host));
    // Best effort: the next run removes it otherwise.
    let _ = instep_fs::remove_tree_in_place(&scratch);
    let locked = locked?;
    for layer in &locked.layers {
        instep_fs::remove_stale_temporaries(&layer.path)?;
    }
    instep_lock::write_locks(&locked.layers)?;
    Ok(locked)
}

fn compile(
    locking: &Locking<'_>,
    request: &LockRequest,
    toolbox: &Toolbox,
    scratch: &Utf8Path,
    host: &mut Host<'_>,
) -> Result<LockedLayers, Error> {
    let observed = locking.observe()?;
    let (wish, plan) = plan(locking, request, &observed, toolbox)?;
    if plan.is_empty() {
        return Ok(LockedLayers { plan, layers: Vec::new() });
    }
    let job = job(&observed, &wish, &plan, toolbox, scratch);
    let cancel = host.cancel_token();
    let layers = instep_lock::compile_layers(&job, &cancel, &mut |detail| {
        host.tell(Event::Layers { detail });
    })?;
    Ok(LockedLayers { plan, layers })
}

fn job<'a>(
    observed: &'a Observed,
    wish: &'a Wish,
    plan: &'a Plan,
    toolbox: &'a Toolbox,
    scratch: &'a Utf8Path,
) -> Job<'a> {
    Job {
        observed,
        plan,
        wish,
        compiler: &toolbox.compiler,
        python: &toolbox.python,
        variables: &toolbox.variables,
        scratch,
    }
}

fn plan(
    locking: &Locking<'_>,
    request: &LockRequest,
    observed: &Observed,
    toolbox: &Toolbox,
) -> Result<(Wish, Plan), Error> {
    let is_uv = matches!(toolbox.compiler, Compiler::Uv { .. });
    let wish = Wish {
        strategy: locking.strategy_of(request, observed, toolbox.compiler.name()),
        tool: toolbox.compiler.name().to_owned(),
        version: Some(toolbox.compiler.version().to_owned()),
        python: Locking::python(observed, Some(&toolbox.python.version)),
        platform: (!is_uv).then(|| toolbox.python.platform_tag.clone()),
        upgrade: request.upgrade.clone(),
    };
    let plan = narrow(instep_lock::plan(observed, &wish), observed, &request.layers)?;
    Ok((wish, plan))
}

/// Finds out why layers do not resolve together; `None` where they do.
pub(crate) fn conflicts(
    locking: &Locking<'_>,
    host: &mut Host<'_>,
) -> Result<Option<Conflict>, Error> {
    let (_scratch, folder) = state::temporary_folder()?;
    let observed = locking.observe()?;
    let toolbox = locking.toolbox(host)?;
    let request = LockRequest { strategy: Some(Strategy::Joint), ..LockRequest::default() };
    let (wish, plan) = plan(locking, &request, &observed, &toolbox)?;
    let job = job(&observed, &wish, &plan, &toolbox, &folder);
    let cancel = host.cancel_token();
    Ok(instep_lock::conflicts(&job, &cancel, &mut |detail| {
        host.tell(Event::Layers { detail });
    })?)
}

/// The requirements of an environment as a layer of their own, for what is asked of layers only.
pub(crate) fn of_environment(spec: &Spec) -> Option<Layer> {
    let Source::Requirements { files, lock: Some(lock) } = &spec.source else { return None };
    let [file] = files.as_slice() else { return None };
    let python = spec.python.clone().filter(|python| is_version(python));
    Some(Layer {
        name: spec.name.clone(),
        input: Input::File(file.clone()),
        output: lock.clone(),
        python: python.map(|python| minor(&python)),
        platform: None,
        hashes: true,
        conflicts: BTreeSet::new(),
    })
}

/// What stands beside a layer's environment, so that shells and editors find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Beside {
    /// The file, relative to the root where it is inside.
    pub file: String,
    /// Whether it was written just now.
    pub is_new: bool,
    /// Whether somebody else wrote it, and it was left alone.
    pub is_foreign: bool,
}

const ENVRC_MARK: &str = "# Written by Instep";

/// Writes `.envrc` and editor settings beside the environment of a layer, as far as they are asked for
/// and nobody else has written them.
pub(crate) fn write_beside(
    root: &Utf8Path,
    config: &Config,
    spec: &Spec,
) -> Result<Vec<Beside>, Error> {
    let (Some(settings), Source::Layer { .. }) = (&config.layers, &spec.source) else {
        return Ok(Vec::new());
    };
    let Some(project) = project_of(settings, spec) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if settings.envrc {
        let text = envrc(&settings.environment);
        found.push(write_own(root, &project.join(".envrc"), &text, ENVRC_MARK)?);
    }
    if settings.vscode {
        let interpreter = instep_venv::layout::interpreter(&settings.environment);
        let interpreter = interpreter.as_str().replace('\\', "/");
        let text = format!(
            "{{\n    \"python.defaultInterpreterPath\": \"${{workspaceFolder}}/{interpreter}\"\n}}\n"
        );
        found.push(write_own(root, &project.join(".vscode").join("settings.json"), &text, &text)?);
    }
    Ok(found)
}

/// The folder that the environment is made in, where that is where the settings say.
fn project_of(settings: &Layers, spec: &Spec) -> Option<Utf8PathBuf> {
    let steps = settings.environment.components().count();
    let project = spec.path.ancestors().nth(steps)?;
    (project.join(&settings.environment) == spec.path).then(|| project.to_owned())
}

/// The environment is activated the way that its own script does it, and the project's variables are
/// loaded; the functions are those of [direnv](https://direnv.net/man/direnv-stdlib.1.html).
fn envrc(environment: &Utf8Path) -> String {
    let scripts = instep_venv::layout::scripts_dir(environment);
    let (environment, scripts) =
        (environment.as_str().replace('\\', "/"), scripts.as_str().replace('\\', "/"));
    format!(
        "{ENVRC_MARK}: change the first line to keep what you write.\n\
         export VIRTUAL_ENV=\"$PWD/{environment}\"\n\
         PATH_add \"{scripts}\"\n\
         unset PYTHONHOME\n\
         dotenv_if_exists .env\n"
    )
}

fn write_own(root: &Utf8Path, path: &Utf8Path, text: &str, mark: &str) -> Result<Beside, Error> {
    let there = if path.exists() { Some(instep_fs::read_text(path)?) } else { None };
    let is_foreign = there.as_ref().is_some_and(|there| !there.starts_with(mark));
    let is_new = !is_foreign && there.as_deref() != Some(text);
    if is_new {
        instep_fs::write_atomic(path, text.as_bytes())?;
    }
    Ok(Beside { file: crate::sources::show(root, path), is_new, is_foreign })
}
