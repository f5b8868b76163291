//! Apply: carry a plan out.
//!
//! A new environment is made in its place, with a file in it that says it is unfinished. A rebuild
//! is made beside the old environment and swapped in when it is complete. An update happens in
//! place. From before the first change until after the last a marker (`instep_manifest::InProgress`)
//! says what is under way, so that [`crate::recover`] can finish or undo it after a kill; every
//! failure that leaves us alive is undone here.

use std::collections::BTreeSet;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_fs::FileLock;
use instep_manifest::{InProgress, Operation as MarkedOperation, RunId, clock};
use instep_tools::{CancelToken, Environment, Interpreter, Run, Stream};

use crate::distribution::{self, Distribution};
use crate::engine::{self, Engine, Source};
use crate::error::Error;
use crate::event::{Event, Step};
use crate::layout;
use crate::observe::{Observed, observe};
use crate::plan::{self, Operation, Plan};
use crate::relocate;
use crate::wanted::{Wanted, WantedPackage};

/// Inside an environment that is being made, until it is complete.
pub(crate) const UNFINISHED: &str = ".instep-unfinished";

/// Everything that is needed to carry a plan out.
#[derive(Debug)]
pub struct Job<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// The lock that the plan was made for.
    pub wanted: &'a Wanted,
    /// What the plan was made from.
    pub observed: &'a Observed,
    /// Whether unwanted packages stay (the plan already says so; verification has to know).
    pub inexact: bool,
    /// The tool.
    pub engine: &'a Engine,
    /// The interpreter that a new environment is made of.
    pub python: &'a Interpreter,
    /// The variables that the tools see.
    pub variables: &'a Environment,
    /// The folder that the tools run in.
    pub working_dir: &'a Utf8Path,
    /// A private folder for the files that the tools read.
    pub scratch: &'a Utf8Path,
    /// Where the marker of work in progress lies.
    pub marker: &'a Utf8Path,
    /// The run that this belongs to.
    pub run_id: &'a RunId,
    /// The lock that keeps others out. The tools hold it too, through their standard input, so that
    /// it outlives us if we are killed while they work.
    pub lock: &'a FileLock,
}

/// Carries out `job.plan` and returns what stands there afterwards.
///
/// The marker stays: the caller removes it once it has recorded the result.
///
/// # Errors
///
/// A tool's failure, [`Error::NotAsPlanned`], or a failing file system. A new or rebuilt environment
/// is then undone; an update that a tool had begun is left marked, and the next run completes it.
pub fn apply(
    job: &Job<'_>,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(Event),
) -> Result<Observed, Error> {
    let root = &job.observed.root;
    let staged = match job.plan.operation {
        Operation::Rebuild => Some(relocate::staged_path(root)?),
        Operation::Create | Operation::Update => None,
    };
    let before = Listing::of(root);
    mark(job, staged.as_deref())?;
    let mut worker = Worker { job, cancel, on_event };
    let result = match &staged {
        Some(staged) => worker.rebuild(staged),
        None if job.plan.operation == Operation::Create => worker.create(),
        None => worker.update(),
    };
    if result.is_err() {
        undo(job, staged.as_deref(), &before)?;
    }
    result
}

/// The names in the folders that installers put things into.
struct Listing {
    folders: Vec<Utf8PathBuf>,
    names: BTreeSet<Utf8PathBuf>,
}

impl Listing {
    fn of(root: &Utf8Path) -> Self {
        let folders: Vec<Utf8PathBuf> =
            layout::site_packages(root).into_iter().chain([layout::scripts_dir(root)]).collect();
        let names = folders.iter().flat_map(|folder| entries(folder)).collect();
        Self { folders, names }
    }

    /// Deletes what was not there when this was taken: a tool that failed half-way through a package
    /// leaves files that no `RECORD` names.
    fn remove_what_came_since(&self) -> Result<(), Error> {
        for path in self.folders.iter().flat_map(|folder| entries(folder)) {
            if !self.names.contains(&path) {
                instep_fs::remove_tree(&path)?;
            }
        }
        Ok(())
    }
}

fn entries(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    entries.filter_map(|entry| entry.ok().map(camino::Utf8DirEntry::into_path)).collect()
}

/// Where the old environment goes while the new one takes its place.
pub(crate) fn aside_path(root: &Utf8Path) -> Utf8PathBuf {
    let name = root.file_name().unwrap_or_default();
    root.with_file_name([name, ".instep-old"].concat())
}

fn mark(job: &Job<'_>, staged: Option<&Utf8Path>) -> Result<(), Error> {
    let root = &job.observed.root;
    let marker = InProgress {
        run_id: job.run_id.clone(),
        pid: std::process::id(),
        started: clock::now(),
        operation: match job.plan.operation {
            Operation::Create => MarkedOperation::Create,
            Operation::Update => MarkedOperation::Update,
            Operation::Rebuild => MarkedOperation::Rebuild,
        },
        staged: staged.map(Utf8Path::to_owned),
        aside: staged.map(|_| aside_path(root)),
        tool: job.engine.name().to_owned(),
    };
    marker.save(job.marker)?;
    Ok(())
}

/// Puts back what was there before, as far as that is known to be possible.
fn undo(job: &Job<'_>, staged: Option<&Utf8Path>, before: &Listing) -> Result<(), Error> {
    let root = &job.observed.root;
    match job.plan.operation {
        Operation::Create => instep_fs::remove_tree(root)?,
        Operation::Rebuild => {
            if let Some(staged) = staged {
                instep_fs::remove_tree(staged)?;
            }
        }
        Operation::Update => {
            // What was there and is whole tells that nothing had been replaced or removed yet; then
            // what came since is all there is to undo.
            if !is_untouched(job.observed) {
                return Ok(());
            }
            before.remove_what_came_since()?;
        }
    }
    InProgress::remove(job.marker)?;
    Ok(())
}

/// Whether an update failed before it touched any package that was there. Packages that came since
/// do not count: they are whole in themselves, and removed.
fn is_untouched(before: &Observed) -> bool {
    let Ok(now) = observe(&before.root) else { return false };
    let leftovers = now.site_packages.as_deref().is_some_and(distribution::has_leftovers);
    let all_there = before
        .distributions
        .iter()
        .all(|(name, distribution)| now.distributions.get(name) == Some(distribution));
    let damaged = now.damaged();
    !leftovers && all_there && !before.distributions.keys().any(|name| damaged.contains(name))
}

struct Worker<'a, 'e> {
    job: &'a Job<'a>,
    cancel: &'a CancelToken,
    on_event: &'e mut dyn FnMut(Event),
}

impl Worker<'_, '_> {
    fn create(&mut self) -> Result<Observed, Error> {
        let root = &self.job.observed.root;
        self.make(root)?;
        let observed = self.verify(root)?;
        finish(root)?;
        Ok(observed)
    }

    fn rebuild(&mut self, staged: &Utf8Path) -> Result<Observed, Error> {
        let root = &self.job.observed.root;
        self.make(staged)?;
        let observed = self.verify(staged)?;
        self.step(Step::Swap);
        let distributions: Vec<&Distribution> = observed.distributions.values().collect();
        relocate::adapt(staged, root, &distributions)?;
        finish(staged)?;
        let aside = aside_path(root);
        instep_fs::remove_tree(&aside)?;
        instep_fs::swap_trees(staged, root, &aside)?;
        // The new environment stands. An old one that cannot be deleted (a program still runs from
        // it) is no reason to call that a failure; the next run tries again.
        let _ = instep_fs::remove_tree(&aside);
        observe(root)
    }

    fn update(&mut self) -> Result<Observed, Error> {
        let root = &self.job.observed.root;
        let plan = self.job.plan;
        let wanted = names(plan.install.iter().map(|package| &package.name));
        let changed = names(plan.change.iter().map(|change| &change.name));
        let anew = names(plan.reinstall.iter().map(|package| &package.name));
        let subset: BTreeSet<&str> = wanted.iter().chain(&changed).chain(&anew).copied().collect();
        if !subset.is_empty() {
            self.step(Step::Install);
            self.install(
                root,
                &|package| subset.contains(package.describe().name.as_str()),
                &anew,
            )?;
        }
        if !plan.remove.is_empty() {
            self.step(Step::Remove);
            let names: Vec<String> =
                plan.remove.iter().map(|package| package.name.clone()).collect();
            let run = self.job.engine.remove(self.job.variables, root, &names);
            self.run(run, root, 0)?;
        }
        let observed = self.verify(root)?;
        if changed.is_empty() && anew.is_empty() && plan.remove.is_empty() {
            return Ok(observed);
        }
        self.mend_overlaps(observed)
    }

    /// Packages may share files, and the removal of one then takes them from the other.
    fn mend_overlaps(&mut self, observed: Observed) -> Result<Observed, Error> {
        let damaged = observed.damaged();
        let ours: Vec<&str> = damaged
            .iter()
            .filter(|name| self.job.wanted.packages.contains_key(*name))
            .map(AsRef::as_ref)
            .collect();
        if ours.is_empty() {
            return Ok(observed);
        }
        let root = &self.job.observed.root;
        self.step(Step::Install);
        self.install(root, &|package| ours.contains(&package.describe().name.as_str()), &ours)?;
        let observed = self.verify(root)?;
        match observed.damaged().iter().find(|name| ours.contains(&name.as_ref())) {
            None => Ok(observed),
            Some(name) => Err(Error::NotAsPlanned {
                tool: self.job.engine.name(),
                difference: [name.as_ref(), " has damaged files"].concat(),
            }),
        }
    }

    fn make(&mut self, path: &Utf8Path) -> Result<(), Error> {
        self.step(Step::Create);
        fs::create_dir_all(path)
            .and_then(|()| fs::write(path.join(UNFINISHED), b""))
            .map_err(|source| Error::Write { path: path.to_owned(), source })?;
        let name = self.job.observed.root.file_name().unwrap_or_default();
        let run = self.job.engine.create(self.job.variables, self.job.python, path, name);
        self.run(run, path, 0)?;
        if !self.job.wanted.is_empty() {
            self.step(Step::Install);
            self.install(path, &|_| true, &[])?;
        }
        Ok(())
    }

    /// Installs the wanted packages that `chosen` picks.
    fn install(
        &mut self,
        path: &Utf8Path,
        chosen: &dyn Fn(&WantedPackage) -> bool,
        reinstall: &[&str],
    ) -> Result<(), Error> {
        let packages: Vec<&WantedPackage> =
            self.job.wanted.all().filter(|package| chosen(package)).collect();
        let reinstall: Vec<String> = reinstall.iter().map(|&name| name.to_owned()).collect();
        let total = self.job.wanted.len();
        if let (Some(pylock), true) = (&self.job.wanted.pylock, self.job.engine.reads_pylock()) {
            let source = Source::Pylock(pylock.clone());
            let run = self.job.engine.install(self.job.variables, path, &source, &reinstall);
            return self.run(run, path, total);
        }
        for group in groups(self.job.engine, &packages) {
            let file = self.requirements_file(&group)?;
            let source = Source::Requirements(
                Utf8PathBuf::from_path_buf(file.path().to_path_buf()).unwrap_or_default(),
            );
            let run = self.job.engine.install(self.job.variables, path, &source, &reinstall);
            self.run(run, path, total)?;
        }
        Ok(())
    }

    /// The file is readable by its owner only: index options in it may hold a password.
    fn requirements_file(
        &self,
        packages: &[&WantedPackage],
    ) -> Result<tempfile::NamedTempFile, Error> {
        let write = |source| Error::Write { path: self.job.scratch.to_owned(), source };
        let mut file = tempfile::Builder::new()
            .prefix("install-")
            .suffix(".txt")
            .tempfile_in(self.job.scratch)
            .map_err(write)?;
        let lines = packages.iter().map(|package| package.line.as_str());
        for line in self.job.wanted.options.iter().map(String::as_str).chain(lines) {
            writeln!(file, "{line}").map_err(write)?;
        }
        file.flush().map_err(write)?;
        Ok(file)
    }

    fn verify(&mut self, path: &Utf8Path) -> Result<Observed, Error> {
        self.step(Step::Verify);
        let observed = observe(path)?;
        let options = plan::Options { inexact: self.job.inexact, ..plan::Options::default() };
        let left = plan::plan(&observed, self.job.wanted, &options);
        match difference(&left, &observed, self.job.wanted) {
            None => Ok(observed),
            Some(difference) => {
                Err(Error::NotAsPlanned { tool: self.job.engine.name(), difference })
            }
        }
    }

    fn step(&mut self, step: Step) {
        (self.on_event)(Event::Step { step });
    }

    /// Runs a tool, telling what it says, and (for `total` > 0) how many packages are in place.
    fn run(&mut self, run: Run, environment: &Utf8Path, total: usize) -> Result<(), Error> {
        let handle = self
            .job
            .lock
            .share()
            .map_err(|source| Error::Read { path: self.job.marker.to_owned(), source })?;
        let run = run.cwd(self.job.working_dir).stdin(handle);
        let on_event = std::cell::RefCell::new(&mut *self.on_event);
        let mut done = 0;
        let mut site_packages = None;
        run.run_with_tick(
            self.cancel,
            &mut |_stream: Stream, line: &str| {
                let mut tell = on_event.borrow_mut();
                if let Some((name, activity)) = engine::read_progress(line) {
                    tell(Event::Package { name, activity });
                }
                tell(Event::Output { line: line.to_owned() });
            },
            &mut || {
                if total == 0 {
                    return;
                }
                site_packages = site_packages.take().or_else(|| layout::site_packages(environment));
                let count = site_packages
                    .as_deref()
                    .and_then(|path: &Utf8Path| distribution::folders(path).ok())
                    .map_or(0, |folders| folders.len());
                if count != done {
                    done = count;
                    (on_event.borrow_mut())(Event::Progress { done: done.min(total), total });
                }
            },
        )?;
        Ok(())
    }
}

fn finish(path: &Utf8Path) -> Result<(), Error> {
    let unfinished = path.join(UNFINISHED);
    match fs::remove_file(&unfinished) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Write { path: unfinished, source }),
    }
}

/// pip demands digests of every line of a file as soon as one line has them, and can have none for
/// a local folder: those go into a run of their own.
fn groups<'a>(engine: &Engine, packages: &[&'a WantedPackage]) -> Vec<Vec<&'a WantedPackage>> {
    let (hashed, bare): (Vec<_>, Vec<_>) = packages.iter().partition(|package| package.hashed);
    match engine {
        Engine::Pip(_) if !hashed.is_empty() && !bare.is_empty() => vec![hashed, bare],
        _ => vec![packages.to_vec()],
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    names.map(String::as_str).collect()
}

/// The first few things that keep an environment from being what was planned.
fn difference(left: &Plan, observed: &Observed, wanted: &Wanted) -> Option<String> {
    let missing = left.install.iter().map(|package| [&package.name, " is missing"].concat());
    let other =
        left.change.iter().map(|change| [change.name.as_str(), " is ", &change.from].concat());
    let extra = left.remove.iter().map(|package| [&package.name, " is still there"].concat());
    let cut_off = observed
        .distributions
        .values()
        .filter(|found| wanted.packages.contains_key(&found.name) && !found.is_egg_info())
        .filter(|found| !found.has_record || !found.has_metadata)
        .map(|found| [found.name.as_ref(), " has no RECORD"].concat());
    let found: Vec<String> = missing.chain(other).chain(extra).chain(cut_off).take(5).collect();
    (!found.is_empty()).then(|| found.join(", "))
}
