//! Sync: bring one environment in step, from the first look to the last record.
//!
//! The order matters, and each line says what a kill right after it leaves behind:
//!
//! 1. check without any lock; in step: nothing else happens, but for what `tidy` does.
//! 2. take the environment's lock; others wait, then find nothing to do.
//! 3. clear away what a killed run left; the journal gets the end that it owes.
//! 4. choose tools; the journal gets its start.
//! 5. compile the lock, if it is not current, and replace it atomically: a valid lock.
//! 6. plan, then apply under a marker: what `instep_venv::recover` undoes or the next run completes.
//! 7. history, manifest, stat cache, in this order; then the marker goes: until it does, the next run
//!    looks again.
//! 8. run the steps after the sync; each is recorded when it has ended.

mod prepare;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::FileLock;
use instep_lock::Upgrade;
use instep_manifest::{Finding, InProgress, Interrupted, Manifest, Reason, RunId, clock};
use instep_tools::{Environment as Variables, PythonRequest};
use instep_venv::{Job, PackageName, Plan, PyvenvCfg, Recovered, Version, layout};
use serde::Serialize;

use crate::app_version;
use crate::check::{self, Check, CheckRequest, Context};
use crate::config::{Config, Tool};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::journal::{Counts, Journal, Line, LineEvent, Outcome};
use crate::record::{self, Recording};
use crate::sources;
use crate::spec::Spec;
use crate::stamps::{self, Watched};
use crate::state::{self, State};
use crate::steps;
use crate::sync::prepare::Prepared;
use crate::toolbox::{self, Choice, Toolbox};

/// What a sync may be told. The default follows the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// Make the environment anew (`recreate`).
    pub rebuild: bool,
    /// Change nothing, and say what would be done.
    pub dry_run: bool,
    /// Use this tool and no other.
    pub tool: Option<Tool>,
    /// Overrides the configuration.
    pub inexact: Option<bool>,
    /// Which pins of the lock may move.
    pub upgrade: Upgrade,
    /// Compare every installed file with its digest, and mend what differs.
    pub deep: bool,
    /// The application's version, where the host knows it; otherwise the configuration says.
    pub app_version: Option<String>,
}

/// What a sync did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    /// The environment's name.
    pub environment: String,
    /// The environment's folder.
    pub path: String,
    /// What came of it.
    pub outcome: SyncOutcome,
    /// Why a sync was needed; the first leads.
    pub findings: Vec<Finding>,
    /// What was done, or would be.
    pub plan: Option<Plan>,
    /// The lock that was written, or would be.
    pub lock: Option<String>,
    /// `uv`, `pip` or `pip-tools`.
    pub tool: Option<String>,
    /// How many packages the environment holds.
    pub packages: usize,
    /// Steps that were run after it.
    pub steps: Vec<String>,
    /// Identifies the sync in the journal and the history.
    pub run_id: Option<String>,
    /// Seconds.
    pub duration_seconds: f64,
}

/// What came of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncOutcome {
    /// There was nothing to do.
    InStep,
    /// The environment was brought in step.
    Synced,
    /// Nothing was changed, as asked.
    DryRun,
}

/// Everything about one environment that a sync needs.
pub(crate) struct Target<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) config: &'a Config,
    pub(crate) spec: &'a Spec,
    pub(crate) variables: &'a Variables,
    pub(crate) journal: &'a Journal,
}

/// The snapshot that a rollback goes back to.
pub(crate) struct Rollback {
    pub(crate) run_id: RunId,
    pub(crate) snapshot: Utf8PathBuf,
    pub(crate) python: Option<String>,
}

pub(crate) fn sync(
    target: &Target<'_>,
    request: &SyncRequest,
    rollback: Option<&Rollback>,
    host: &mut Host<'_>,
) -> Result<Synced, Error> {
    let state = State::of(target.root, target.spec);
    let mut sync = Sync {
        target,
        request,
        rollback,
        state,
        started: Instant::now(),
        app_version: None,
        damaged: BTreeSet::new(),
    };
    let check = sync.check()?;
    if !check.needed {
        let is_tidy = check.stamps_hold && !sync.state.scratch().exists();
        if !is_tidy && !request.dry_run {
            // In step it is either way, also where nothing can be written.
            let _ = sync.tidy(&check, host);
        }
        return Ok(sync.in_step(&check));
    }
    if request.dry_run {
        return sync.dry_run(check, host);
    }
    sync.state.prepare()?;
    let lock = state::acquire(&sync.state.lock(), &sync.spec().name, sync.command(), host)?;
    // While we waited, another process may have done it, or died.
    let interrupted = sync.recover(host)?;
    let mut check = sync.check()?;
    if interrupted {
        check.findings.push(Finding {
            reason: Reason::Interrupted,
            detail: "the last sync did not come to its end".to_owned(),
        });
        check.findings.sort_by_key(|finding| finding.reason);
    } else if !check.needed {
        return Ok(sync.in_step(&check));
    }
    sync.run(check, interrupted, &lock, host)
}

struct Sync<'a> {
    target: &'a Target<'a>,
    request: &'a SyncRequest,
    rollback: Option<&'a Rollback>,
    state: State,
    started: Instant,
    app_version: Option<String>,
    damaged: BTreeSet<PackageName>,
}

impl Sync<'_> {
    fn spec(&self) -> &Spec {
        self.target.spec
    }

    fn inexact(&self) -> bool {
        self.request.inexact.unwrap_or(self.spec().inexact)
    }

    fn check(&mut self) -> Result<Check, Error> {
        self.app_version = app_version::resolve(
            self.target.root,
            self.request.app_version.as_deref(),
            self.target.config.app.version.as_ref(),
        )?;
        let context = Context {
            root: self.target.root,
            spec: self.target.spec,
            state: &self.state,
            variables: self.target.variables,
            app_version: self.app_version.clone(),
        };
        let request = CheckRequest {
            deep: self.request.deep,
            app_version: self.request.app_version.clone(),
            tool: self.request.tool,
            inexact: self.request.inexact,
        };
        let mut check = check::check(&context, &request)?;
        let is_forced = self.request.rebuild
            || self.rollback.is_some()
            || self.request.upgrade != Upgrade::None;
        if is_forced {
            let detail = match self.rollback {
                Some(rollback) => format!("a rollback to {} was asked for", rollback.run_id),
                None if self.request.rebuild => "a rebuild was asked for".to_owned(),
                None => "an upgrade was asked for".to_owned(),
            };
            check.findings.insert(0, Finding { reason: Reason::Forced, detail });
            check.needed = true;
        }
        self.damaged.clone_from(&check.damaged);
        Ok(check)
    }

    fn in_step(&self, check: &Check) -> Synced {
        Synced {
            environment: self.spec().name.clone(),
            path: self.spec().path.to_string(),
            outcome: SyncOutcome::InStep,
            findings: Vec::new(),
            plan: None,
            lock: None,
            tool: check.manifest.as_ref().map(|manifest| manifest.tool.name.clone()),
            packages: check.manifest.as_ref().map_or(0, |manifest| manifest.packages.len()),
            steps: Vec::new(),
            run_id: None,
            duration_seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    /// What is left to do where the environment is in step, unless somebody is at work on it: a run
    /// that was killed after its work was recorded is brought to its end, and stamps that the check
    /// could not rely on are taken anew.
    fn tidy(&mut self, check: &Check, host: &mut Host<'_>) -> Result<(), Error> {
        let Some(_lock) =
            FileLock::try_acquire(&self.state.lock(), &state::holder(self.command()))?
        else {
            return Ok(());
        };
        if self.state.scratch().exists() {
            self.recover(host)?;
        }
        if check.stamps_hold { Ok(()) } else { self.refresh_stamps() }
    }

    /// As git does with its index: the next check reads none of what somebody touched and left as it
    /// was.
    fn refresh_stamps(&mut self) -> Result<(), Error> {
        let (root, variables) = (self.target.root, self.target.variables);
        let inputs = sources::read(root, self.spec(), variables)?;
        let observed = instep_venv::observe(&self.spec().path)?;
        let watched = Watched {
            root,
            spec: self.target.spec,
            state: &self.state,
            variables,
            inputs: &inputs,
            follows_files: true,
        };
        let cache = stamps::take(&watched, &observed)?;
        // The stamps are taken: what is found in step now is what they stand for.
        match cache {
            Some(cache) if !self.check()?.needed => Ok(cache.save(&self.state.stat_cache())?),
            _ => Ok(()),
        }
    }

    /// What those read who wait for us.
    fn command(&self) -> String {
        ["instep sync ", &self.spec().name].concat()
    }

    /// Undoes what a killed run left, and says whether the environment may be half changed.
    fn recover(&self, host: &mut Host<'_>) -> Result<bool, Error> {
        for start in self.target.journal.dangling(&self.spec().name)? {
            // Another environment may have the same lock, so not unless somebody was killed.
            if let Some(lock) = self.spec().source.lock() {
                instep_fs::remove_stale_temporaries(lock)?;
            }
            self.target.journal.append(&Line {
                timestamp: clock::rfc3339(clock::now()),
                event: LineEvent::End,
                outcome: Some(Outcome::Interrupted),
                duration_seconds: None,
                ..start
            })?;
        }
        self.state.clear_scratch()?;
        let Some(marker) = InProgress::load(&self.state.marker())? else { return Ok(false) };
        let recovered = instep_venv::recover(&self.spec().path, &marker)?;
        if let Interrupted::Run(run) = &marker {
            host.notice(
                &self.spec().name,
                format!("the sync {} was cut off; it is completed now", run.run_id),
            );
        }
        if recovered == Recovered::Whole {
            InProgress::remove(&self.state.marker())?;
        }
        Ok(recovered == Recovered::Unfinished)
    }

    fn dry_run(&mut self, check: Check, host: &mut Host<'_>) -> Result<Synced, Error> {
        let (_scratch, folder) = state::temporary_folder()?;
        let interrupted = InProgress::load(&self.state.marker())?.is_some();
        let run_id = RunId::new(clock::now());
        let result = self.choose(host).and_then(|toolbox| {
            let prepared = self.prepare(toolbox, &check, interrupted, &folder, host)?;
            let journal = Line { dry_run: true, ..self.line(&run_id, Some(&prepared.toolbox)) };
            Ok((prepared, journal))
        });
        let (prepared, start) = match result {
            Ok((prepared, start)) => (Ok(prepared), start),
            Err(error) => (Err(error), Line { dry_run: true, ..self.line(&run_id, None) }),
        };
        let end = self.end(&start, prepared.as_ref().map(|prepared| &prepared.plan));
        // A dry run must work where nothing may be written.
        if let Err(error) =
            self.target.journal.append(&start).and_then(|()| self.target.journal.append(&end))
        {
            host.notice(&self.spec().name, format!("the journal was not written: {error}"));
        }
        let prepared = prepared?;
        Ok(self.synced(SyncOutcome::DryRun, check, &prepared, Vec::new(), &run_id))
    }

    fn run(
        &mut self,
        check: Check,
        interrupted: bool,
        lock: &FileLock,
        host: &mut Host<'_>,
    ) -> Result<Synced, Error> {
        let run_id = RunId::new(clock::now());
        host.tell(Event::SyncStarted {
            environment: self.spec().name.clone(),
            run_id: run_id.to_string(),
            reasons: check.reasons(),
        });
        let toolbox = self.choose(host);
        let start = self.line(&run_id, toolbox.as_ref().ok());
        // Before the start is written and until its end is: that is how the next sync, which may find
        // nothing to do, knows of an end that is owed.
        let scratch = self.state.fresh_scratch();
        self.target.journal.append(&start)?;
        let result = toolbox.and_then(|toolbox| {
            let scratch = scratch?;
            let prepared = self.prepare(toolbox, &check, interrupted, &scratch, host)?;
            let manifest = self.carry_out(&prepared, &check, &run_id, &scratch, lock, host)?;
            Ok((prepared, manifest))
        });
        if let Err(error) = &result {
            record::failure(&self.recording(&run_id, &check), error);
        }
        let result = result.and_then(|(prepared, manifest)| {
            let steps = self.run_steps(manifest, host)?;
            Ok((prepared, steps))
        });
        let end = self.end(&start, result.as_ref().map(|(prepared, _)| &prepared.plan));
        let ended = self.target.journal.append(&end);
        let _ = self.state.clear_scratch();
        ended?;
        let (prepared, steps) = result?;
        let synced = self.synced(SyncOutcome::Synced, check, &prepared, steps, &run_id);
        host.tell(Event::SyncFinished {
            environment: synced.environment.clone(),
            run_id: run_id.to_string(),
            duration_seconds: synced.duration_seconds,
        });
        Ok(synced)
    }

    /// The interpreter that the environment has, as long as it is one that will do: otherwise another
    /// order of `PATH` would be a reason to make the environment anew.
    fn current_python(&self) -> Option<String> {
        let path = &self.spec().path;
        if self.request.rebuild || instep_venv::interpreter_breakage(path).is_some() {
            return None;
        }
        let text = instep_fs::read_text(&layout::pyvenv_cfg(path)).ok()?;
        let version = Version::from_str(&PyvenvCfg::parse(&text).version()?).ok()?;
        let fits = match &self.spec().python {
            None => true,
            Some(wanted) => match PythonRequest::from_str(wanted).ok()? {
                PythonRequest::Path(_) => false,
                request => request.matches(&version),
            },
        };
        fits.then(|| layout::interpreter(path).into_string())
    }

    fn choose(&self, host: &mut Host<'_>) -> Result<Toolbox, Error> {
        let python = match self.rollback {
            Some(rollback) => rollback.python.clone(),
            None => self.current_python(),
        };
        let choice = Choice {
            root: self.target.root,
            spec: self.target.spec,
            config: &self.target.config.tools,
            variables: self.target.variables,
            tool: self.request.tool,
            python: python.as_deref(),
        };
        let toolbox = toolbox::choose(&choice, host)?;
        host.tell(Event::Tool {
            environment: self.spec().name.clone(),
            name: toolbox.name().to_owned(),
            version: toolbox.version().to_owned(),
            python: toolbox.python.version.clone(),
        });
        Ok(toolbox)
    }

    fn carry_out(
        &self,
        prepared: &Prepared,
        check: &Check,
        run_id: &RunId,
        scratch: &Utf8Path,
        lock: &FileLock,
        host: &mut Host<'_>,
    ) -> Result<Manifest, Error> {
        let observed = if prepared.plan.is_empty() {
            prepared.observed.clone()
        } else {
            let job = Job {
                plan: &prepared.plan,
                wanted: &prepared.wanted,
                observed: &prepared.observed,
                inexact: self.inexact(),
                engine: &prepared.toolbox.engine,
                python: &prepared.toolbox.python,
                variables: &prepared.toolbox.variables,
                working_dir: self.target.root,
                scratch,
                marker: &self.state.marker(),
                run_id,
                lock,
            };
            let cancel = host.cancel_token();
            let environment = self.spec().name.clone();
            instep_venv::apply(&job, &cancel, &mut |detail| {
                host.tell(Event::Venv { environment: environment.clone(), detail });
            })?
        };
        let recording = self.recording(run_id, check);
        let manifest = record::success(
            &recording,
            &prepared.toolbox,
            &prepared.inputs,
            &prepared.wanted,
            &prepared.plan,
            &observed,
        )?;
        InProgress::remove(&self.state.marker())?;
        Ok(manifest)
    }

    fn recording<'a>(&'a self, run_id: &'a RunId, check: &'a Check) -> Recording<'a> {
        Recording {
            root: self.target.root,
            spec: self.target.spec,
            state: &self.state,
            variables: self.target.variables,
            run_id,
            check,
            inexact: self.request.inexact,
            // An application that has no version now keeps the one it had.
            app_version: self
                .app_version
                .clone()
                .or_else(|| check.manifest.as_ref()?.app_version.clone()),
            rollback: self.rollback.map(|rollback| &rollback.run_id),
            started: self.started,
        }
    }

    /// Runs the steps whose inputs have changed, recording each as it ends.
    fn run_steps(&self, mut manifest: Manifest, host: &mut Host<'_>) -> Result<Vec<String>, Error> {
        let mut done = Vec::new();
        for step in &self.spec().after {
            let digest = steps::digest(self.target.root, step, &manifest.packages)?;
            if manifest.steps.get(&step.name) == Some(&digest) {
                continue;
            }
            let environment = self.spec().name.clone();
            host.tell(Event::StepStarted {
                environment: environment.clone(),
                step: step.name.clone(),
            });
            let cancel = host.cancel_token();
            let path = &self.spec().path;
            steps::run(
                self.target.root,
                path,
                step,
                self.target.variables,
                &cancel,
                &mut |line| {
                    host.tell(Event::Venv {
                        environment: environment.clone(),
                        detail: instep_venv::Event::Output { line: line.to_owned() },
                    });
                },
            )?;
            manifest.steps.insert(step.name.clone(), digest);
            record::save(&self.state, &manifest)?;
            done.push(step.name.clone());
        }
        Ok(done)
    }

    fn line(&self, run_id: &RunId, toolbox: Option<&Toolbox>) -> Line {
        Line {
            timestamp: clock::rfc3339(clock::now()),
            event: LineEvent::Start,
            run_id: run_id.to_string(),
            environment: self.spec().name.clone(),
            tool: toolbox.map(|toolbox| toolbox.name().to_owned()),
            venv: self.spec().path.to_string(),
            rebuild: self.request.rebuild,
            use_pip: toolbox.is_some_and(|toolbox| toolbox.engine.name() == "pip"),
            dry_run: false,
            duration_seconds: None,
            outcome: None,
            counts: None,
            error: None,
        }
    }

    fn end(&self, start: &Line, result: Result<&Plan, &Error>) -> Line {
        let seconds = self.started.elapsed().as_secs_f64();
        Line {
            timestamp: clock::rfc3339(clock::now()),
            event: LineEvent::End,
            duration_seconds: Some((seconds * 1000.0).round() / 1000.0),
            outcome: Some(match &result {
                Ok(_) => Outcome::Success,
                Err(error) if error.is_cancelled() => Outcome::Cancelled,
                Err(_) => Outcome::Failure,
            }),
            counts: result.ok().map(Counts::from),
            error: result.err().map(record::one_line),
            ..start.clone()
        }
    }

    fn synced(
        &self,
        outcome: SyncOutcome,
        check: Check,
        prepared: &Prepared,
        steps: Vec<String>,
        run_id: &RunId,
    ) -> Synced {
        Synced {
            environment: self.spec().name.clone(),
            path: self.spec().path.to_string(),
            outcome,
            findings: check.findings,
            plan: Some(prepared.plan.clone()),
            lock: prepared.lock.clone(),
            tool: Some(prepared.toolbox.name().to_owned()),
            packages: prepared.wanted.len(),
            steps,
            run_id: Some(run_id.to_string()),
            duration_seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}
