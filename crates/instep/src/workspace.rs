//! The front door: a folder with its configuration, and the environments in it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, mpsc};

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::{Conflict, Layer, Observed, Plan as LayerPlan, Split};
use instep_manifest::{Finding, HistoryEntry, Listing, Manifest, Reason, StatCache, clock};
use instep_tools::Environment as Variables;
use serde::Serialize;

use crate::app_version;
use crate::check::{self, Check, CheckRequest, Context};
use crate::config::{self, Config, Consent};
use crate::error::Error;
use crate::event::Event;
use crate::host::{Host, Question};
use crate::journal::Journal;
use crate::layers::{self, Beside, LockRequest, LockedLayers, Locking};
use crate::record;
use crate::spec::{self, Source, Spec};
use crate::state::State;
use crate::sync::{self, Rollback, SyncOutcome, SyncRequest, Synced, Target};

/// A folder with its configuration.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: Utf8PathBuf,
    file: Option<Utf8PathBuf>,
    config: Config,
    specs: Vec<Spec>,
    layers: Arc<[Layer]>,
    layer_specs: Vec<Spec>,
    /// Looked up when they are asked for: `uv.lock` is large, and most checks do without.
    member_specs: OnceLock<Vec<Spec>>,
    variables: Variables,
    journal: Journal,
}

impl Workspace {
    /// Opens the workspace that the working folder of `variables` lies in: the configuration is looked
    /// for there and in the folders above.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] and its kin for a configuration that is wrong, [`Error::NothingToFollow`]
    /// where nothing says what an environment should hold.
    pub fn open(variables: Variables) -> Result<Self, Error> {
        let located = config::find(variables.cwd())?;
        let layers: Arc<[Layer]> = layers::discover(&located.root, &located.config)?.into();
        let specs = spec::resolve(&located.root, &located.config, &layers)?;
        let layer_specs = spec::of_layers(&located.root, &located.config, &layers, &specs)?;
        let journal = Journal {
            path: located.root.join(&located.config.journal.path),
            max_size: located.config.journal.max_size,
            keep: located.config.journal.keep,
        };
        Ok(Self {
            root: located.root,
            file: located.file,
            config: located.config,
            specs,
            layers,
            layer_specs,
            member_specs: OnceLock::new(),
            variables,
            journal,
        })
    }

    /// Opens the workspace that `folder` lies in, with the variables of this process.
    pub fn open_at(folder: &Utf8Path) -> Result<Self, Error> {
        let variables = Variables::capture()?;
        let folder = variables.cwd().join(folder);
        Self::open(variables.with_cwd(folder))
    }

    /// The folder that everything is relative to.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The configuration's file, if there is one.
    pub fn file(&self) -> Option<&Utf8Path> {
        self.file.as_deref()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The environments, the default one first. Those of layers are among them only where there are
    /// no others.
    pub fn environments(&self) -> Vec<Environment<'_>> {
        let specs = if self.specs.is_empty() { &self.layer_specs } else { &self.specs };
        specs.iter().map(|spec| Environment { workspace: self, spec }).collect()
    }

    /// The environments, those of all layers that have a project, and those of the members of a uv
    /// workspace.
    ///
    /// # Errors
    ///
    /// [`Error::UvLock`].
    pub fn all_environments(&self) -> Result<Vec<Environment<'_>>, Error> {
        let all = self.specs.iter().chain(&self.layer_specs).chain(self.member_specs()?);
        Ok(all.map(|spec| Environment { workspace: self, spec }).collect())
    }

    fn member_specs(&self) -> Result<&[Spec], Error> {
        if let Some(specs) = self.member_specs.get() {
            return Ok(specs);
        }
        let known: Vec<Spec> = self.specs.iter().chain(&self.layer_specs).cloned().collect();
        let specs = spec::of_members(&self.root, &self.config, &known)?;
        Ok(self.member_specs.get_or_init(|| specs))
    }

    /// The layers, as they are configured.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Reads the layers: what they ask for, what they build on, what their locks say.
    pub fn observe_layers(&self) -> Result<Observed, Error> {
        self.locking().observe()
    }

    /// Which locks of layers are not current, and why. Starts no tool, and changes nothing.
    pub fn check_layers(&self, request: &LockRequest) -> Result<LayerPlan, Error> {
        layers::check(&self.locking(), request)
    }

    /// Brings the locks of layers up to date: all of them are written, or none.
    pub fn lock(&self, request: &LockRequest, host: &mut Host<'_>) -> Result<LockedLayers, Error> {
        layers::lock(&self.locking(), request, host)
    }

    /// Compares the locks of layers with those that they build on.
    pub fn layer_splits(&self) -> Result<Vec<Split>, Error> {
        Ok(instep_lock::splits(&self.observe_layers()?))
    }

    /// Compares what is installed in environments of layers with what is in those that they build on.
    pub fn installed_splits(&self, environments: &[Environment<'_>]) -> Result<Vec<Split>, Error> {
        let mut installed = BTreeMap::new();
        for environment in environments {
            if let Source::Layer { name, .. } = &environment.spec.source
                && let Some(manifest) = environment.manifest()?
            {
                installed.insert(name.clone(), manifest.packages);
            }
        }
        if installed.len() < 2 {
            return Ok(Vec::new());
        }
        Ok(instep_lock::splits_of(&self.observe_layers()?, &installed))
    }

    /// Finds out why the requirements do not resolve (of the layers, or where there are none, of each
    /// environment), and which edits would mend it. Nothing is written.
    pub fn conflicts(&self, host: &mut Host<'_>) -> Result<Vec<Conflict>, Error> {
        if !self.layers.is_empty() {
            return Ok(layers::conflicts(&self.locking(), host)?.into_iter().collect());
        }
        let mut found = Vec::new();
        for layer in self.specs.iter().filter_map(layers::of_environment) {
            let locking = Locking { layers: std::slice::from_ref(&layer), ..self.locking() };
            found.extend(layers::conflicts(&locking, host)?);
        }
        Ok(found)
    }

    fn locking(&self) -> Locking<'_> {
        Locking {
            root: &self.root,
            config: &self.config,
            layers: &self.layers,
            variables: &self.variables,
        }
    }

    /// One environment.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEnvironment`].
    pub fn environment(&self, name: &str) -> Result<Environment<'_>, Error> {
        let mut known = self.specs.iter().chain(&self.layer_specs);
        if let Some(spec) = known.find(|spec| spec.name == name) {
            return Ok(Environment { workspace: self, spec });
        }
        let all = self.all_environments()?;
        all.iter().find(|environment| environment.name() == name).copied().ok_or_else(|| {
            Error::UnknownEnvironment {
                name: name.to_owned(),
                known: all.iter().map(|one| one.name().to_owned()).collect(),
            }
        })
    }

    /// Some environments by name; all of them for no name.
    pub fn select(&self, names: &[String]) -> Result<Vec<Environment<'_>>, Error> {
        if names.is_empty() {
            let all = self.environments();
            return if all.is_empty() { Err(Error::NoLayers) } else { Ok(all) };
        }
        names.iter().map(|name| self.environment(name)).collect()
    }

    /// The journal of syncs.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The variables that tools are run with.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}

/// What the worker of one environment sends to the thread of the host.
enum Message {
    Event(Event),
    Question(Question, mpsc::Sender<bool>),
}

/// Syncs several environments, side by side. Each has its own result.
///
/// Events of all of them reach `host` in the order in which they happen.
pub fn sync_all(
    environments: &[Environment<'_>],
    request: &SyncRequest,
    host: &mut Host<'_>,
) -> Vec<Result<Synced, Error>> {
    if let [only] = environments {
        return vec![only.sync(request, host)];
    }
    let (sender, receiver) = mpsc::channel::<Message>();
    std::thread::scope(|scope| {
        let workers: Vec<_> = environments
            .iter()
            .map(|environment| {
                let (events, questions) = (sender.clone(), sender.clone());
                let cancel = host.cancel_token();
                scope.spawn(move || {
                    let mut own = Host::new(|event| {
                        let _ = events.send(Message::Event(event));
                    })
                    .with_cancel(cancel)
                    .with_confirm(|question| {
                        let (answer, answered) = mpsc::channel();
                        let asked = questions.send(Message::Question(question.clone(), answer));
                        asked.is_ok() && answered.recv().unwrap_or(false)
                    });
                    environment.sync(request, &mut own)
                })
            })
            .collect();
        drop(sender);
        for message in receiver {
            match message {
                Message::Event(event) => host.tell(event),
                Message::Question(question, answer) => {
                    let _ = answer.send(host.confirm(&question));
                }
            }
        }
        workers
            .into_iter()
            .map(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// One environment of a workspace.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    workspace: &'a Workspace,
    spec: &'a Spec,
}

/// What a host may tell its user at start-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The environment.
    pub environment: String,
    /// One sentence.
    pub message: String,
    /// The leading reason.
    pub reason: Reason,
    /// What the configuration wants done about it.
    pub auto_sync: Consent,
}

impl<'a> Environment<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// What it should be.
    pub fn spec(&self) -> &'a Spec {
        self.spec
    }

    pub(crate) fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    pub(crate) fn state(&self) -> State {
        State::of(&self.workspace.root, self.spec)
    }

    /// Whether a sync is needed, and why. Changes nothing, and with nothing to do costs a few file
    /// reads.
    pub fn check_sync_needed(&self, request: &CheckRequest) -> Result<Check, Error> {
        let workspace = self.workspace;
        let app_version = app_version::resolve(
            &workspace.root,
            request.app_version.as_deref(),
            workspace.config.app.version.as_ref(),
        )?;
        let state = self.state();
        let context = Context {
            root: &workspace.root,
            spec: self.spec,
            state: &state,
            variables: &workspace.variables,
            app_version,
        };
        check::check(&context, request)
    }

    /// Brings the environment in step; does nothing where it is.
    pub fn sync(&self, request: &SyncRequest, host: &mut Host<'_>) -> Result<Synced, Error> {
        sync::sync(&self.target(), request, None, host)
    }

    /// Of a layer: writes `.envrc` and editor settings beside its environment, where the configuration
    /// wants them and nobody else has written them.
    pub fn write_beside(&self) -> Result<Vec<Beside>, Error> {
        layers::write_beside(&self.workspace.root, &self.workspace.config, self.spec)
    }

    /// What to tell the user at start-up, if anything.
    pub fn notice(&self, request: &CheckRequest) -> Result<Option<Notice>, Error> {
        let check = self.check_sync_needed(request)?;
        Ok(check.findings.first().map(|first| Notice {
            environment: self.name().to_owned(),
            message: sentence(self.name(), first),
            reason: first.reason,
            auto_sync: self.spec.auto_sync,
        }))
    }

    /// Checks, and does what the preference `auto-sync` says: nothing, ask the host, or sync. Returns
    /// what a sync did, or `None` where none took place.
    pub fn auto_sync(
        &self,
        request: &SyncRequest,
        host: &mut Host<'_>,
    ) -> Result<Option<Synced>, Error> {
        let check = CheckRequest {
            deep: request.deep,
            app_version: request.app_version.clone(),
            tool: request.tool,
            inexact: request.inexact,
        };
        let Some(notice) = self.notice(&check)? else { return Ok(None) };
        let question =
            Question::Sync { environment: notice.environment, why: notice.message.clone() };
        let may = match notice.auto_sync {
            Consent::Always => true,
            Consent::Ask => host.confirm(&question),
            Consent::Never => false,
        };
        if !may {
            host.notice(self.name(), notice.message);
            return Ok(None);
        }
        self.sync(request, host).map(Some)
    }

    /// Previous syncs, the newest first.
    pub fn history(&self) -> Result<Listing, Error> {
        Ok(self.state().history().list()?)
    }

    /// Makes the environment again what it was after an earlier sync. `run`: its id, a unique
    /// beginning of it, or `None` for the one before the last that changed anything.
    ///
    /// Requirements and locks are left alone, so the next check says that they ask for something else.
    pub fn rollback(&self, run: Option<&str>, host: &mut Host<'_>) -> Result<Synced, Error> {
        let history = self.state().history();
        let entry = match run {
            Some(id) => history.get(id)?,
            None => self.previous_run()?,
        };
        let snapshot = history.snapshot(&entry).ok_or_else(|| Error::NoSuchRun {
            id: entry.run_id.to_string(),
            environment: self.name().to_owned(),
        })?;
        let rollback = Rollback { run_id: entry.run_id, snapshot, python: entry.python_version };
        sync::sync(&self.target(), &SyncRequest::default(), Some(&rollback), host)
    }

    fn previous_run(&self) -> Result<HistoryEntry, Error> {
        let no_such = || Error::NoSuchRun {
            id: "before the last".to_owned(),
            environment: self.name().to_owned(),
        };
        let entries = self.history()?.entries;
        let mut with_snapshot = entries.into_iter().filter(|entry| entry.lock.is_some());
        let latest = with_snapshot.next().ok_or_else(no_such)?;
        let differs =
            |entry: &HistoryEntry| self.snapshot_text(entry) != self.snapshot_text(&latest);
        with_snapshot.find(differs).ok_or_else(no_such)
    }

    fn snapshot_text(&self, entry: &HistoryEntry) -> Option<String> {
        instep_fs::read_text(&self.state().history().snapshot(entry)?).ok()
    }

    /// What the environment was built from, where that is known.
    pub fn manifest(&self) -> Result<Option<Manifest>, Error> {
        Ok(Manifest::load(self.state().manifest())?)
    }

    /// Forgets what the environment was built from, so that the next sync looks at everything anew.
    /// The environment itself and its history stay.
    pub fn reset_manifest(&self) -> Result<(), Error> {
        let state = self.state();
        StatCache::remove(&state.stat_cache())?;
        Manifest::remove(state.manifest())?;
        Ok(())
    }

    /// Sets the application's version in the manifest, for a host that has done on its own what a new
    /// version needs; the environment is not looked at. `None` where there is no manifest.
    pub fn update_manifest(&self, app_version: &str) -> Result<Option<Manifest>, Error> {
        let Some(mut manifest) = self.manifest()? else { return Ok(None) };
        manifest.app_version = Some(app_version.to_owned());
        manifest.last_sync_time = clock::later_of(clock::now(), Some(manifest.last_sync_time));
        record::save(&self.state(), &manifest)?;
        Ok(Some(manifest))
    }

    fn target(&self) -> Target<'a> {
        Target {
            root: &self.workspace.root,
            config: &self.workspace.config,
            spec: self.spec,
            variables: &self.workspace.variables,
            journal: &self.workspace.journal,
        }
    }
}

fn sentence(name: &str, finding: &Finding) -> String {
    format!("the environment `{name}` is out of step: {} ({})", finding.detail, finding.reason)
}

impl Synced {
    /// Whether anything was changed.
    pub fn has_changed(&self) -> bool {
        self.outcome == SyncOutcome::Synced
            && self.plan.as_ref().is_some_and(|plan| !plan.is_empty())
    }
}
