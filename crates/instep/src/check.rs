//! Check: is the environment still what it was built from, and if not, why?
//!
//! # What counts as a change
//!
//! Each question is first put to stamps (size, times, identity of a file) that were taken when the
//! manifest was written; only where a stamp does not fit is the file read, and only then does its
//! meaning decide. With nothing to do, a check costs a few file reads, some twenty stats, and no
//! process.
//!
//! | reason | what is compared | what it takes |
//! | --- | --- | --- |
//! | `manifest_missing` | the manifest is there and can be read | one read |
//! | `venv_invalid` | the folder, `pyvenv.cfg`, the interpreter; same place and platform as recorded | three stats |
//! | `interrupted` | no marker of work in progress; every step after the sync has ended | one stat |
//! | `python_changed` | the configured Python, and the interpreter that the environment links to | one stat |
//! | `version_mismatch` | the application's version | at most one small read |
//! | `requirements_changed` | requirements files, what they include, the lock, the inputs of steps | a stat each |
//! | `options_changed` | the configuration of the environment | nothing |
//! | `environment_drifted` | the stamp of `site-packages`; where it differs, the `.dist-info` folders and the stamp of each `RECORD`; with `deep`, every file's digest | one stat |

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use camino::Utf8Path;
use instep_fs::{FileLock, Stamp};
use instep_manifest::{Finding, InProgress, Manifest, Reason, StatCache};
use instep_tools::{CancelToken, Environment as Variables, Interpreter, PythonRequest, ToolCache};
use instep_venv::{Damage, Depth, Distribution, PackageName, distribution, layout};
use serde::Serialize;

use crate::config::Tool;
use crate::error::Error;
use crate::options;
use crate::sources;
use crate::spec::Spec;
use crate::stamps::NO_RECORD;
use crate::state::State;
use crate::steps;

/// What a check may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// Compare every installed file with its digest too.
    pub deep: bool,
    /// The application's version, where the host knows it; otherwise the configuration says.
    pub app_version: Option<String>,
    /// The tool that must have done the work.
    pub tool: Option<Tool>,
    /// Overrides the configuration.
    pub inexact: Option<bool>,
}

/// The answer of a check.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The environment's name.
    pub environment: String,
    /// The environment's folder.
    pub path: String,
    /// Whether a sync is needed.
    pub needed: bool,
    /// Why, the leading reason first.
    pub findings: Vec<Finding>,
    /// Packages whose files are not what was installed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub damaged: BTreeSet<PackageName>,
    /// What the environment was built from, where that is known.
    #[serde(skip)]
    pub manifest: Option<Manifest>,
    /// Whether every stamp proved what it stands for, and the next check will be as quick.
    #[serde(skip)]
    pub(crate) stamps_hold: bool,
}

/// Everything a check looks at.
pub(crate) struct Context<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) spec: &'a Spec,
    pub(crate) state: &'a State,
    pub(crate) variables: &'a Variables,
    pub(crate) app_version: Option<String>,
}

pub(crate) fn check(context: &Context<'_>, request: &CheckRequest) -> Result<Check, Error> {
    let mut answer = Check {
        environment: context.spec.name.clone(),
        path: context.spec.path.to_string(),
        needed: false,
        findings: Vec::new(),
        damaged: BTreeSet::new(),
        manifest: None,
        stamps_hold: false,
    };
    match Manifest::load(context.state.manifest()) {
        Ok(Some(manifest)) => {
            let mut checker = Checker { context, request, manifest: &manifest, answer };
            checker.run()?;
            answer = checker.answer;
            answer.manifest = Some(manifest);
        }
        Ok(None) => answer.add(Reason::ManifestMissing, "it has not been synced by Instep yet"),
        Err(instep_manifest::Error::Corrupt { line, column, .. }) => answer.add(
            Reason::ManifestMissing,
            format!("its manifest is damaged at line {line}, column {column}"),
        ),
        Err(error) => return Err(error.into()),
    }
    if InProgress::load(&context.state.marker())?.is_some() {
        let is_under_way = FileLock::is_held(&context.state.lock()).unwrap_or(false);
        let detail = if is_under_way {
            "a sync is under way"
        } else {
            "the last sync did not come to its end"
        };
        answer.add(Reason::Interrupted, detail);
    }
    if answer.manifest.is_none() {
        add_breakage(&mut answer, &context.spec.path);
    }
    answer.findings.sort_by_key(|finding| finding.reason);
    answer.needed = !answer.findings.is_empty();
    Ok(answer)
}

/// A folder that is not there needs no reason of its own beside a manifest that is not there.
fn add_breakage(answer: &mut Check, path: &Utf8Path) {
    if layout::pyvenv_cfg(path).exists()
        && let Some(breakage) = instep_venv::interpreter_breakage(path)
    {
        answer.add(Reason::VenvInvalid, breakage.describe());
    }
}

impl Check {
    fn add(&mut self, reason: Reason, detail: impl Into<String>) {
        self.findings.push(Finding { reason, detail: detail.into() });
    }

    /// The reasons, each once, the leading one first.
    pub fn reasons(&self) -> Vec<Reason> {
        let unique: BTreeSet<Reason> = self.findings.iter().map(|found| found.reason).collect();
        unique.into_iter().collect()
    }
}

struct Checker<'a> {
    context: &'a Context<'a>,
    request: &'a CheckRequest,
    manifest: &'a Manifest,
    answer: Check,
}

impl Checker<'_> {
    fn run(&mut self) -> Result<(), Error> {
        // Stamps go with the manifest that they were taken for, and with no other.
        let stamp = Stamp::of(self.context.state.manifest()).ok().flatten();
        let cache = StatCache::load(&self.context.state.stat_cache())
            .filter(|cache| cache.manifest == stamp);
        let suspects = cache.as_ref().map(|cache| {
            let untouched_variables = cache.variables.iter().all(|(name, digest)| {
                sources::variable_digest(self.context.variables, name) == *digest
            });
            (
                cache.suspects(self.context.root).into_iter().collect::<BTreeSet<_>>(),
                untouched_variables,
            )
        });
        let is_suspect = |path: &str| match &suspects {
            None => true,
            Some((paths, _)) => paths.contains(path),
        };
        self.answer.stamps_hold = suspects
            .as_ref()
            .is_some_and(|(paths, untouched_variables)| paths.is_empty() && *untouched_variables);
        if self.environment_is_there() {
            self.python(&is_suspect)?;
            self.drift(cache.as_ref(), &is_suspect)?;
        }
        self.app_version();
        self.options();
        let must_read = match (&cache, &suspects) {
            (Some(cache), Some((paths, untouched_variables))) => {
                let interpreter = layout::interpreter(&self.context.spec.path);
                // The other files are all there for what they say.
                let says_something =
                    |path: &str| path != interpreter && cache.entries.contains_key(path);
                !untouched_variables || paths.iter().any(|path| says_something(path))
            }
            _ => true,
        };
        if must_read {
            self.sources()?;
        }
        self.steps(&is_suspect)?;
        Ok(())
    }

    fn environment_is_there(&mut self) -> bool {
        let path = &self.context.spec.path;
        let recorded = &self.manifest.environment;
        let problem = if !layout::pyvenv_cfg(path).exists() {
            if path.exists() {
                format!("`{path}` is not a virtual environment")
            } else {
                format!("`{path}` is not there")
            }
        } else if let Some(breakage) = instep_venv::interpreter_breakage(path) {
            breakage.describe().to_owned()
        } else if recorded != path {
            format!("it was made at `{recorded}`, and copied or moved since")
        } else if !platform_fits(&self.manifest.platform_tag) {
            format!("it was made for {}, which this machine is not", self.manifest.platform_tag)
        } else {
            return true;
        };
        self.answer.add(Reason::VenvInvalid, problem);
        false
    }

    fn python(&mut self, is_suspect: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let recorded = &self.manifest.python_version;
        if let Some(wanted) = &self.context.spec.python {
            let request = PythonRequest::from_str(wanted)?;
            let fits = instep_venv::Version::from_str(recorded)
                .is_ok_and(|version| request.matches(&version));
            if !fits {
                let detail = format!("it is made of Python {recorded}, and {wanted} is configured");
                self.answer.add(Reason::PythonChanged, detail);
                return Ok(());
            }
        }
        let interpreter = layout::interpreter(&self.context.spec.path);
        if !is_suspect(interpreter.as_str()) {
            return Ok(());
        }
        // Something replaced the interpreter that the environment links to: now it has to be asked.
        let cache_dir = instep_tools::cache_dir(self.context.variables);
        let cache = ToolCache::open(cache_dir.as_deref());
        let cancel = CancelToken::new();
        match Interpreter::query(&interpreter, self.context.variables, &cache, &cancel) {
            Ok(found) if found.version != *recorded => self.answer.add(
                Reason::PythonChanged,
                format!("it was made of Python {recorded}, and that is now {}", found.version),
            ),
            Ok(_) => {}
            Err(error) => self
                .answer
                .add(Reason::VenvInvalid, format!("its interpreter does not run: {error}")),
        }
        Ok(())
    }

    fn app_version(&mut self) {
        let wanted = self.context.app_version.as_ref();
        let recorded = self.manifest.app_version.as_ref();
        if let Some(wanted) = wanted.filter(|wanted| Some(*wanted) != recorded) {
            let detail = match recorded {
                Some(recorded) => format!("the application was {recorded}, and is {wanted}"),
                None => format!("the application is {wanted}, and had no version before"),
            };
            self.answer.add(Reason::VersionMismatch, detail);
        }
    }

    fn options(&mut self) {
        let wanted = options::of(self.context.root, self.context.spec, self.request.inexact);
        for detail in options::differences(&self.manifest.options, &wanted) {
            self.answer.add(Reason::OptionsChanged, detail);
        }
        let tool = self.request.tool.map(Tool::as_str);
        if let Some(tool) = tool.filter(|tool| *tool != self.manifest.tool.name) {
            let detail = format!("{} made it, and {tool} is asked for", self.manifest.tool.name);
            self.answer.add(Reason::OptionsChanged, detail);
        }
    }

    fn sources(&mut self) -> Result<(), Error> {
        let inputs = sources::read(self.context.root, self.context.spec, self.context.variables)?;
        for detail in inputs.differences(self.manifest) {
            self.answer.add(Reason::RequirementsChanged, detail);
        }
        Ok(())
    }

    fn steps(&mut self, is_suspect: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        for step in &self.context.spec.after {
            let Some(recorded) = self.manifest.steps.get(&step.name) else {
                self.answer
                    .add(Reason::Interrupted, format!("the step `{}` has not been run", step.name));
                continue;
            };
            let inputs = steps::files(step);
            let untouched = inputs.iter().all(|path| !is_suspect(path));
            if untouched && !inputs.is_empty() {
                continue;
            }
            let digest = steps::digest(self.context.root, step, &self.manifest.packages)?;
            if digest != *recorded {
                let detail = format!("what the step `{}` depends on has changed", step.name);
                self.answer.add(Reason::RequirementsChanged, detail);
            }
        }
        Ok(())
    }

    fn drift(
        &mut self,
        cache: Option<&StatCache>,
        is_suspect: &dyn Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let environment = &self.context.spec.path;
        let Some(site_packages) = layout::site_packages(environment) else {
            self.answer.add(Reason::VenvInvalid, "it has no site-packages folder");
            return Ok(());
        };
        let is_watched =
            cache.is_some_and(|cache| cache.directories.contains_key(site_packages.as_str()));
        // Whatever installs, removes or replaces a package makes or deletes a folder here.
        let details = if is_watched && !is_suspect(site_packages.as_str()) {
            Vec::new()
        } else {
            self.listed_drift(&site_packages, cache)?
        };
        for (folder, detail) in details {
            if let Some((name, _)) = distribution::split_folder(&folder) {
                self.answer.damaged.insert(name);
            }
            self.answer.add(Reason::EnvironmentDrifted, detail);
        }
        if self.request.deep {
            self.deep_drift(environment, &site_packages)?;
        }
        Ok(())
    }

    /// What was added, removed or replaced, as `(folder, sentence)`.
    fn listed_drift(
        &self,
        site_packages: &Utf8Path,
        cache: Option<&StatCache>,
    ) -> Result<Vec<(String, String)>, Error> {
        let folders = distribution::folders(site_packages)?;
        Ok(match cache.and_then(StatCache::distributions) {
            Some(recorded) => {
                stamp_drift(site_packages, &folders, &recorded, self.manifest, self.inexact())
            }
            None => name_drift(&folders, self.manifest, self.inexact()),
        })
    }

    fn deep_drift(
        &mut self,
        environment: &Utf8Path,
        site_packages: &Utf8Path,
    ) -> Result<(), Error> {
        let distributions = distribution::list(site_packages)?;
        let is_ours = |found: &&Distribution| self.manifest.packages.contains_key(&found.name);
        let all: Vec<_> = distributions.values().filter(is_ours).collect();
        for (name, damage) in instep_venv::verify(environment, &all, Depth::Content) {
            let mut details: Vec<String> = damage.iter().take(3).map(Damage::to_string).collect();
            if damage.len() > details.len() {
                details.push(format!("and {} more", damage.len() - details.len()));
            }
            let detail = format!("{name}: {}", details.join(", "));
            self.answer.add(Reason::EnvironmentDrifted, detail);
            self.answer.damaged.insert(name);
        }
        Ok(())
    }

    fn inexact(&self) -> bool {
        self.request.inexact.unwrap_or(self.context.spec.inexact)
    }
}

/// Compares what is listed with what was there when the manifest was written. Seeds, and with
/// `inexact` guests, are nobody's business.
fn stamp_drift(
    site_packages: &Utf8Path,
    folders: &[String],
    recorded: &BTreeMap<String, Stamp>,
    manifest: &Manifest,
    inexact: bool,
) -> Vec<(String, String)> {
    let mut details = Vec::new();
    let mut there = BTreeSet::new();
    for folder in folders {
        there.insert(folder.as_str());
        let name = distribution::split_folder(folder).map(|(name, _)| name);
        let is_ours = name.as_ref().is_some_and(|name| manifest.packages.contains_key(name));
        let is_guest = inexact || name.as_ref().is_some_and(instep_venv::is_seed);
        match recorded.get(folder) {
            None if is_guest && !is_ours => {}
            None => details.push((folder.clone(), format!("{} was added", label(folder)))),
            Some(then) if is_ours => {
                let record = site_packages.join(folder).join("RECORD");
                if Stamp::of(&record).ok().flatten().unwrap_or(NO_RECORD) != *then {
                    let detail = format!("{} was installed anew, or edited", label(folder));
                    details.push((folder.clone(), detail));
                }
            }
            Some(_) => {}
        }
    }
    for folder in recorded.keys().filter(|folder| !there.contains(folder.as_str())) {
        let name = distribution::split_folder(folder).map(|(name, _)| name);
        if name.is_some_and(|name| manifest.packages.contains_key(&name)) {
            details.push((folder.clone(), format!("{} was removed", label(folder))));
        }
    }
    details
}

/// The same without stamps: names and versions have to do.
fn name_drift(folders: &[String], manifest: &Manifest, inexact: bool) -> Vec<(String, String)> {
    let found: BTreeMap<PackageName, (String, &String)> = folders
        .iter()
        .filter_map(|folder| {
            distribution::split_folder(folder).map(|(name, version)| (name, (version, folder)))
        })
        .collect();
    let mut details = Vec::new();
    for (name, version) in &manifest.packages {
        match found.get(name) {
            None => details.push((String::new(), format!("{name} {version} was removed"))),
            Some((now, folder)) if !instep_venv::same_version(now, version) => {
                details.push(((*folder).clone(), format!("{name} was {version}, and is {now}")));
            }
            Some(_) => {}
        }
    }
    if !inexact {
        for (name, (version, folder)) in &found {
            let is_ours = manifest.packages.contains_key(name) || instep_venv::is_seed(name);
            if !is_ours {
                details.push(((*folder).clone(), format!("{name} {version} was added")));
            }
        }
    }
    details
}

fn label(folder: &str) -> String {
    match distribution::split_folder(folder) {
        Some((name, version)) => format!("{name} {version}"),
        None => folder.to_owned(),
    }
}

/// Whether a wheel platform tag is one of the machine that this program was built for.
fn platform_fits(tag: &str) -> bool {
    let system = match std::env::consts::OS {
        "windows" => "win",
        "macos" => "macosx",
        other => other,
    };
    let arch_fits = match std::env::consts::ARCH {
        "x86_64" => !["aarch64", "arm64", "i686", "win32"].iter().any(|arch| tag.ends_with(arch)),
        "aarch64" => !["x86_64", "amd64", "i686"].iter().any(|arch| tag.ends_with(arch)),
        _ => true,
    };
    // Windows on ARM and macOS run x86-64 programs, and both ways are in use.
    tag.starts_with(system) && (arch_fits || cfg!(any(windows, target_os = "macos")))
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn an_environment_of_another_machine_is_told_apart() {
        for (tag, fits) in [
            ("linux_x86_64", true),
            ("linux_aarch64", false),
            ("linux_i686", false),
            ("macosx_14_0_arm64", false),
            ("win_amd64", false),
        ] {
            assert_eq!(platform_fits(tag), fits, "{tag}");
        }
    }
}
