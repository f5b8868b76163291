//! Everything of a sync that comes before the environment is changed: read the sources, bring the lock
//! up to date, plan.

use camino::Utf8Path;
use instep_manifest::Reason;
use instep_venv::{Observed, Options, Plan, PyvenvCfg, Wanted};

use super::{Rollback, Sync};
use crate::check::Check;
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::layers::{self, LockRequest};
use crate::lock::{self, Locking};
use crate::project;
use crate::sources::{self, Inputs};
use crate::spec::Source;
use crate::toolbox::Toolbox;

/// What a run has found out before it changes the environment.
pub(super) struct Prepared {
    pub(super) toolbox: Toolbox,
    pub(super) inputs: Inputs,
    pub(super) wanted: Wanted,
    pub(super) observed: Observed,
    pub(super) plan: Plan,
    pub(super) lock: Option<String>,
}

impl Sync<'_> {
    /// Reads, locks and plans; in a dry run, without writing anything.
    pub(super) fn prepare(
        &self,
        toolbox: Toolbox,
        check: &Check,
        interrupted: bool,
        scratch: &Utf8Path,
        host: &mut Host<'_>,
    ) -> Result<Prepared, Error> {
        let observed = instep_venv::observe(&self.spec().path)?;
        let (inputs, wanted, lock) = match self.rollback {
            Some(rollback) => self.read_snapshot(rollback, &toolbox)?,
            None => self.read_sources(&toolbox, scratch, host)?,
        };
        let options = self.plan_options(check, interrupted, &observed, &toolbox, &inputs, &wanted);
        let plan = instep_venv::plan(&observed, &wanted, &options);
        host.tell(Event::Planned { environment: self.spec().name.clone(), plan: plan.clone() });
        Ok(Prepared { toolbox, inputs, wanted, observed, plan, lock })
    }

    fn read_snapshot(
        &self,
        rollback: &Rollback,
        toolbox: &Toolbox,
    ) -> Result<(Inputs, Wanted, Option<String>), Error> {
        let lock = sources::read_lock(self.target.root, &rollback.snapshot, self.target.variables)?;
        let mut wanted = Wanted::from_lock(&lock, &toolbox.python.markers)?;
        // The snapshot keeps no passwords; the requirements of today may still say where from.
        if let Ok(inputs) = sources::read(self.target.root, self.spec(), self.target.variables) {
            wanted.options.extend(inputs.index_options);
        }
        Ok((Inputs::of_snapshot(lock.digest()), wanted, None))
    }

    fn read_sources(
        &self,
        toolbox: &Toolbox,
        scratch: &Utf8Path,
        host: &mut Host<'_>,
    ) -> Result<(Inputs, Wanted, Option<String>), Error> {
        let markers = &toolbox.python.markers;
        let inputs = || sources::read(self.target.root, self.spec(), self.target.variables);
        match &self.spec().source {
            Source::Requirements { files, lock: None } => {
                let mut wanted = Wanted::default();
                for file in files {
                    let found = sources::read_lock(self.target.root, file, self.target.variables)?;
                    wanted.merge(Wanted::from_lock(&found, markers)?, file)?;
                }
                Ok((inputs()?, wanted, None))
            }
            Source::Requirements { files, lock: Some(lock) } => {
                let before = inputs()?;
                let locking = Locking {
                    root: self.target.root,
                    environment: &self.spec().name,
                    files,
                    lock,
                    inputs: before.digest,
                    upgrade: &self.request.upgrade,
                    toolbox,
                    scratch,
                };
                let compiled = lock::refresh(&locking, host)?;
                let written = compiled.is_some().then(|| sources::show(self.target.root, lock));
                let path = match compiled {
                    None => lock.clone(),
                    Some(text) if self.request.dry_run => {
                        let path = scratch.join("lock.txt");
                        instep_fs::write_atomic(&path, text.as_bytes())?;
                        path
                    }
                    Some(text) => {
                        instep_fs::write_atomic(lock, text.as_bytes())?;
                        lock.clone()
                    }
                };
                let found = sources::read_lock(self.target.root, &path, self.target.variables)?;
                let mut wanted = Wanted::from_lock(&found, markers)?;
                wanted.options.extend(before.index_options.clone());
                Ok((inputs()?, wanted, written))
            }
            Source::Layer { name, layers } => {
                let request = LockRequest {
                    dry_run: self.request.dry_run,
                    upgrade: self.request.upgrade.clone().into(),
                    ..LockRequest::default()
                };
                let locking = layers::Locking {
                    root: self.target.root,
                    config: self.target.config,
                    layers,
                    variables: self.target.variables,
                };
                let done = layers::lock(&locking, &request, host)?;
                let own = done.layers.iter().find(|layer| layer.name == *name);
                let written = own.filter(|own| own.is_new).map(|own| own.lock.clone());
                let lock = match own {
                    Some(own) if own.is_new && self.request.dry_run => {
                        let path = scratch.join("lock.txt");
                        instep_fs::write_atomic(&path, own.text.as_bytes())?;
                        path
                    }
                    _ => self.spec().source.lock().cloned().unwrap_or_default(),
                };
                let found = sources::read_lock(self.target.root, &lock, self.target.variables)?;
                let inputs = inputs()?;
                let mut wanted = Wanted::from_lock(&found, markers)?;
                wanted.options.extend(inputs.index_options.clone());
                Ok((inputs, wanted, written))
            }
            Source::Pylock { path } => {
                Ok((inputs()?, instep_venv::pylock::read(path, markers)?, None))
            }
            Source::Project { folder, extras, groups, member } => {
                let export = project::Export {
                    folder,
                    extras,
                    groups,
                    member: member.as_ref().map(|member| member.name.as_str()),
                    upgrade: &self.request.upgrade,
                    dry_run: self.request.dry_run,
                    toolbox,
                    scratch,
                };
                let pylock = project::export(&export, &self.spec().name, host)?;
                Ok((inputs()?, instep_venv::pylock::read(&pylock, markers)?, None))
            }
        }
    }

    fn plan_options(
        &self,
        check: &Check,
        interrupted: bool,
        observed: &Observed,
        toolbox: &Toolbox,
        inputs: &Inputs,
        wanted: &Wanted,
    ) -> Options {
        let reasons = check.reasons();
        let recorded = check.manifest.as_ref();
        let unfit = observed
            .config
            .as_ref()
            .and_then(PyvenvCfg::version)
            .is_some_and(|version| version != toolbox.python.version);
        let must_rebuild = self.request.rebuild
            || reasons.contains(&Reason::VenvInvalid)
            || reasons.contains(&Reason::PythonChanged)
            || unfit
            // What a cut-off update left cannot be told from what was there; only with `inexact`,
            // where packages of the user's own would be lost, is it mended instead.
            || (interrupted && !self.inexact());
        let mut reinstall = self.damaged.clone();
        if interrupted {
            reinstall.extend(observed.damaged());
        }
        if let Some(manifest) = recorded {
            reinstall.extend(inputs.changed_local(self.target.root, manifest, wanted));
        }
        Options {
            rebuild: must_rebuild,
            inexact: self.inexact(),
            reinstall,
            locked_before: recorded
                .map(|manifest| manifest.packages.keys().cloned().collect())
                .unwrap_or_default(),
        }
    }
}
