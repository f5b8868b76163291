//! The mirror of a project: which two folders it is of, and a command that runs while they are kept equal.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_mirror::{Done, Event as MirrorEvent, Mirror, Settings, Side, SyncRequest};
use instep_tools::{CancelToken, Environment as Variables};

use crate::config;
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::spec::DEFAULT;
use crate::state;

/// Which mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorRequest {
    /// Its table in the configuration; by default `default`, or the only one.
    pub name: Option<String>,
    /// Overrides the configuration.
    pub network: Option<Utf8PathBuf>,
    /// Overrides the configuration.
    pub local: Option<Utf8PathBuf>,
}

/// A project, and its mirror if it needs one.
#[derive(Clone, Debug)]
pub struct ProjectMirror {
    name: String,
    project: Utf8PathBuf,
    mirror: Option<Mirror>,
    interval: Duration,
    environment: Variables,
}

/// How a command ended that ran beside a mirror.
#[derive(Debug)]
pub struct Ran {
    /// How the command ended.
    pub status: ExitStatus,
    /// What the last sync did; an error where it could not be made. `None` where no mirror is needed.
    pub synced: Option<Result<Done, instep_mirror::Error>>,
}

impl ProjectMirror {
    /// Finds the mirror of the project around the working folder of `variables`. A project on a local disk
    /// for which none is configured needs none.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownMirror`], [`Error::WhichMirror`], [`Error::NoStaging`], [`Error::Mirror`], and those
    /// of the configuration.
    pub fn open(variables: &Variables, request: &MirrorRequest) -> Result<Self, Error> {
        let located = config::find(variables.cwd())?;
        let (name, table) = choose(&located.config.mirror, request.name.as_deref())?;
        let at = |path: &Utf8PathBuf| located.root.join(path);
        let asked = |path: &Utf8PathBuf| variables.cwd().join(path);
        let network =
            request.network.as_ref().map(asked).or_else(|| table.network.as_ref().map(at));
        let is_needed = network.is_some()
            || request.local.is_some()
            || instep_mirror::is_network(&located.root);
        let project = instep_fs::lexical(network.as_ref().unwrap_or(&located.root));
        let interval = Duration::from_secs(table.interval.max(1).into());
        let mut found =
            Self { name, project, mirror: None, interval, environment: variables.clone() };
        if !is_needed {
            return Ok(found);
        }
        let local = request.local.as_ref().map(asked).or_else(|| table.local.as_ref().map(at));
        let local = match local {
            Some(local) => local,
            None => staging(variables, &found.project)?,
        };
        let settings = Settings {
            ignore: table.ignore.clone(),
            delete_share: f64::from(table.max_deletes) / 100.0,
            trash_age: Duration::from_hours(24 * u64::from(table.trash_days)),
        };
        found.mirror = Some(Mirror::open(&found.project, &local, settings)?);
        Ok(found)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The project's folder, as others see it.
    pub fn project(&self) -> &Utf8Path {
        &self.project
    }

    /// The mirror; `None` where none is needed.
    pub fn mirror(&self) -> Option<&Mirror> {
        self.mirror.as_ref()
    }

    /// The variables for what works with the project: `PROJECT_PATH` is where to work.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let local = self.mirror().map_or(&*self.project, |mirror| mirror.root(Side::Local));
        vec![
            ("PROJECT_PATH", local.to_string()),
            ("NETWORK_PROJECT_PATH", self.project.to_string()),
            ("LOCAL_PROJECT_PATH", local.to_string()),
            ("SMART_SYNC_ENABLED", self.mirror.is_some().to_string()),
        ]
    }

    /// Makes the local side, and brings both in step. Nothing is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::Mirror`].
    pub fn init(&self, host: &mut Host<'_>) -> Result<Done, Error> {
        let Some(mirror) = &self.mirror else { return Ok(Done::default()) };
        let cancel = host.cancel_token();
        Ok(mirror.init(&mut |event| self.tell(host, event), &|| cancel.is_cancelled())?)
    }

    /// Brings both sides in step; one that was never synced is made.
    ///
    /// # Errors
    ///
    /// [`Error::Mirror`].
    pub fn sync(&self, request: SyncRequest, host: &mut Host<'_>) -> Result<Done, Error> {
        let Some(mirror) = &self.mirror else { return Ok(Done::default()) };
        let cancel = host.cancel_token();
        Ok(mirror.sync(request, &mut |event| self.tell(host, event), &|| cancel.is_cancelled())?)
    }

    /// Keeps both sides in step until it is cancelled.
    ///
    /// # Errors
    ///
    /// [`Error::Mirror`].
    pub fn watch(&self, host: &mut Host<'_>) -> Result<(), Error> {
        let Some(mirror) = &self.mirror else { return Ok(()) };
        let cancel = host.cancel_token();
        let is_cancelled = || cancel.is_cancelled();
        Ok(mirror.watch(self.interval, &mut |event| self.tell(host, event), &is_cancelled)?)
    }

    /// Brings both sides in step, runs a command in the local one with the [variables](Self::variables)
    /// set, keeps both in step while it runs, and once more when it has ended. A network that goes away
    /// meanwhile is told; the command goes on.
    ///
    /// A cancel ends the first sync. Later it is the command's own affair, which gets Ctrl-C as well: it is
    /// waited for, and what it wrote goes up.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] where it cannot be started, [`Error::Mirror`] where the first sync fails.
    pub fn run(&self, command: &[String], host: &mut Host<'_>) -> Result<Ran, Error> {
        let (program, arguments) = command.split_first().ok_or_else(|| Error::Command {
            program: String::new(),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        match self.sync(SyncRequest::default(), host) {
            Err(Error::Mirror(error)) if error.is_disconnected() && self.was_synced() => {
                let is_disconnected = true;
                let (message, hint) = (error.to_string(), error.hint());
                self.tell(host, MirrorEvent::Interrupted { message, hint, is_disconnected });
            }
            result => {
                result?;
            }
        }
        let mut process = Command::new(self.program(program));
        process.args(arguments).current_dir(self.working_folder()).envs(self.variables());
        let mut child = process
            .spawn()
            .map_err(|source| Error::Command { program: program.clone(), source })?;
        let wait = |source| Error::Command { program: program.clone(), source };
        let Some(mirror) = &self.mirror else {
            return Ok(Ran { status: child.wait().map_err(wait)?, synced: None });
        };
        let ended = CancelToken::new();
        let is_ended = || ended.is_cancelled();
        let status = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let status = child.wait();
                ended.cancel();
                status
            });
            let mut on_event = |event| self.tell(host, event);
            if let Err(error) = mirror.watch(self.interval, &mut on_event, &is_ended) {
                // The last sync takes all of it.
                let (message, hint) = (error.to_string(), error.hint());
                let is_disconnected = false;
                on_event(MirrorEvent::Interrupted { message, hint, is_disconnected });
            }
            waiting.join().unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))
        });
        let status = status.map_err(wait)?;
        let mut on_event = |event| self.tell(host, event);
        let synced = mirror.sync(SyncRequest::default(), &mut on_event, &|| false);
        Ok(Ran { status, synced: Some(synced) })
    }

    /// What to start for a program's name. Windows looks for a path in our folder instead of the command's, and
    /// finds no scripts by their names alone.
    fn program(&self, name: &str) -> Utf8PathBuf {
        if !cfg!(windows) {
            return name.into();
        }
        if Utf8Path::new(name).components().count() > 1 {
            return self.working_folder().join(name);
        }
        instep_tools::find_program(&self.environment, name).unwrap_or_else(|| name.into())
    }

    fn was_synced(&self) -> bool {
        self.mirror().is_some_and(|mirror| mirror.last_sync().is_some())
    }

    /// The local folder that stands for the working folder.
    fn working_folder(&self) -> Utf8PathBuf {
        let Some(mirror) = &self.mirror else { return self.environment.cwd().to_owned() };
        let local = mirror.root(Side::Local);
        let below = self.environment.cwd().strip_prefix(&self.project).unwrap_or(Utf8Path::new(""));
        let folder = local.join(below);
        if folder.is_dir() { folder } else { local.to_owned() }
    }

    fn tell(&self, host: &mut Host<'_>, detail: MirrorEvent) {
        host.tell(Event::Mirror { mirror: self.name.clone(), detail });
    }
}

fn choose(
    tables: &std::collections::BTreeMap<String, config::Mirror>,
    name: Option<&str>,
) -> Result<(String, config::Mirror), Error> {
    let known = || tables.keys().cloned().collect::<Vec<_>>();
    if let Some(name) = name {
        let table = tables.get(name).cloned();
        let unknown = || Error::UnknownMirror { name: name.to_owned(), known: known() };
        return Ok((name.to_owned(), table.ok_or_else(unknown)?));
    }
    let only = || tables.iter().next().filter(|_| tables.len() == 1);
    match tables.get_key_value(DEFAULT).or_else(only) {
        Some((name, table)) => Ok((name.clone(), table.clone())),
        None if tables.is_empty() => Ok((DEFAULT.to_owned(), config::Mirror::default())),
        None => Err(Error::WhichMirror { known: known() }),
    }
}

/// The folder for the local side of a mirror for which none is named: among the user's data, not in a
/// cache, since what is in it may not be on the network yet.
fn staging(variables: &Variables, project: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let digest = instep_manifest::Digest::of(project.as_str().as_bytes()).to_string();
    let digits: String = digest.chars().rev().take(8).collect();
    let name = [project.file_name().unwrap_or("project"), "-", &digits].concat();
    state::data(variables).map(|data| data.join("mirrors").join(name)).ok_or(Error::NoStaging)
}
