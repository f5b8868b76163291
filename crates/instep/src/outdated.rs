//! Outdated: what is installed against what is locked, and what is locked against the index.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::{Compile, Upgrade, Upgrades, compile, minor};
use instep_tools::Stream;
use instep_venv::{Engine, PackageName, Wanted, layout};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::host::Host;
use crate::layers::LockRequest;
use crate::sources;
use crate::spec::Source;
use crate::state;
use crate::toolbox::{self, Choice, Toolbox};
use crate::workspace::Environment;

/// What of one environment is not the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outdated {
    /// The environment's name.
    pub environment: String,
    /// Packages of which two of the four versions differ.
    pub packages: Vec<OutdatedPackage>,
}

/// The versions of one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutdatedPackage {
    /// Normalised name.
    pub name: PackageName,
    /// What is installed.
    pub installed: Option<String>,
    /// What the lock names.
    pub locked: Option<String>,
    /// What `instep sync --upgrade` would lock, where requirements are compiled.
    pub compatible: Option<String>,
    /// The newest one of the index.
    pub latest: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    latest_version: String,
}

type Versions = BTreeMap<PackageName, String>;

impl Environment<'_> {
    /// Compares. Asks the index, and changes nothing.
    pub fn outdated(&self, host: &mut Host<'_>) -> Result<Outdated, Error> {
        let toolbox = toolbox::choose(
            &Choice {
                root: self.workspace().root(),
                spec: self.spec(),
                config: &self.workspace().config().tools,
                variables: self.workspace().variables(),
                tool: None,
                python: None,
            },
            host,
        )?;
        let (_scratch, folder) = state::temporary_folder()?;
        let observed = instep_venv::observe(&self.spec().path)?;
        let installed: Versions = observed
            .distributions
            .iter()
            .map(|(name, found)| (name.clone(), found.version.clone()))
            .collect();
        let locked = self.locked(&toolbox)?;
        let compatible = self.compatible(&toolbox, &folder, host)?;
        let latest =
            if installed.is_empty() { Versions::new() } else { self.latest(&toolbox, host)? };
        Ok(Outdated {
            environment: self.name().to_owned(),
            packages: compare(&installed, &locked, &compatible, &latest),
        })
    }

    fn lock_file(&self) -> Option<&Utf8Path> {
        self.spec().source.lock().map(Utf8PathBuf::as_path)
    }

    fn locked(&self, toolbox: &Toolbox) -> Result<Versions, Error> {
        let (root, variables) = (self.workspace().root(), self.workspace().variables());
        let markers = &toolbox.python.markers;
        let wanted = match &self.spec().source {
            Source::Requirements { lock: Some(_), .. } | Source::Layer { .. } => {
                match self.lock_file().filter(|lock| lock.exists()) {
                    None => Wanted::default(),
                    Some(lock) => {
                        Wanted::from_lock(&sources::read_lock(root, lock, variables)?, markers)?
                    }
                }
            }
            Source::Requirements { files, lock: None } => {
                let mut wanted = Wanted::default();
                for file in files {
                    let found = sources::read_lock(root, file, variables)?;
                    wanted.merge(Wanted::from_lock(&found, markers)?, file)?;
                }
                wanted
            }
            Source::Pylock { path } => instep_venv::pylock::read(path, markers)?,
            // What was exported from uv.lock last is what the manifest remembers.
            Source::Project { .. } => {
                return Ok(self.manifest()?.map(|manifest| manifest.packages).unwrap_or_default());
            }
        };
        Ok(wanted
            .packages
            .into_iter()
            .filter_map(|(name, package)| package.version.map(|version| (name, version)))
            .collect())
    }

    fn compatible(
        &self,
        toolbox: &Toolbox,
        scratch: &Utf8Path,
        host: &mut Host<'_>,
    ) -> Result<Versions, Error> {
        if self.lock_file().is_none() {
            return Ok(Versions::new());
        }
        let root = self.workspace().root();
        let text = match &self.spec().source {
            Source::Requirements { files, .. } => self.upgraded(files, toolbox, scratch, host)?,
            Source::Layer { name, .. } => {
                let request =
                    LockRequest { upgrade: Upgrades::All, dry_run: true, ..LockRequest::default() };
                let locked = self.workspace().lock(&request, host)?;
                let own = locked.layers.into_iter().find(|layer| layer.name == *name);
                own.map(|own| own.text).unwrap_or_default()
            }
            Source::Pylock { .. } | Source::Project { .. } => String::new(),
        };
        let path = scratch.join("upgraded.txt");
        instep_fs::write_atomic(&path, text.as_bytes())?;
        let lock = sources::read_lock(root, &path, self.workspace().variables())?;
        let wanted = Wanted::from_lock(&lock, &toolbox.python.markers)?;
        Ok(wanted
            .packages
            .into_iter()
            .filter_map(|(name, package)| package.version.map(|version| (name, version)))
            .collect())
    }

    /// What the lock would be if every pin moved.
    fn upgraded(
        &self,
        files: &[Utf8PathBuf],
        toolbox: &Toolbox,
        scratch: &Utf8Path,
        host: &mut Host<'_>,
    ) -> Result<String, Error> {
        let root = self.workspace().root();
        let shown: Vec<Utf8PathBuf> =
            files.iter().map(|file| Utf8PathBuf::from(sources::show(root, file))).collect();
        let job = Compile {
            sources: &shown,
            previous: None,
            upgrade: &Upgrade::All,
            python: &toolbox.python,
            python_version: &minor(&toolbox.python.version),
            platform: None,
            hashes: true,
            variables: &toolbox.variables,
            working_dir: root,
            scratch,
        };
        Ok(compile(&toolbox.compiler, &job, &host.cancel_token(), &mut |_| {})?)
    }

    fn latest(&self, toolbox: &Toolbox, host: &mut Host<'_>) -> Result<Versions, Error> {
        let python = layout::interpreter(&self.spec().path);
        let run = match &toolbox.engine {
            Engine::Uv { uv, .. } => uv.run(&toolbox.variables).args(["pip", "list", "--python"]),
            Engine::Pip(pip) => pip.run(&toolbox.variables).arg("--python"),
        };
        let run = match &toolbox.engine {
            Engine::Uv { .. } => run.arg(python),
            Engine::Pip(_) => run.arg(python).arg("list"),
        };
        let run = run.args(["--outdated", "--format", "json"]);
        let output = run.run(&host.cancel_token(), &mut |_: Stream, _: &str| {})?;
        let listed: Vec<Listed> = serde_json::from_str(&output.stdout).map_err(|problem| {
            Error::Tools(instep_tools::Error::Answer {
                command: run.command_line(),
                problem: problem.to_string(),
            })
        })?;
        Ok(listed
            .into_iter()
            .filter_map(|found| {
                PackageName::new(found.name).ok().map(|name| (name, found.latest_version))
            })
            .collect())
    }
}

fn compare(
    installed: &Versions,
    locked: &Versions,
    compatible: &Versions,
    latest: &Versions,
) -> Vec<OutdatedPackage> {
    let names: std::collections::BTreeSet<&PackageName> =
        installed.keys().filter(|name| !instep_venv::is_seed(name)).chain(locked.keys()).collect();
    let differs = |one: Option<&String>, other: Option<&String>| match (one, other) {
        (Some(one), Some(other)) => !instep_venv::same_version(one, other),
        (None, None) => false,
        _ => true,
    };
    names
        .into_iter()
        .filter(|name| {
            let (now, locked) = (installed.get(*name), locked.get(*name));
            let newer = latest.contains_key(*name);
            let upgrade = compatible.get(*name);
            differs(now, locked) || newer || (upgrade.is_some() && differs(locked, upgrade))
        })
        .map(|name| OutdatedPackage {
            name: name.clone(),
            installed: installed.get(name).cloned(),
            locked: locked.get(name).cloned(),
            compatible: compatible.get(name).cloned(),
            latest: latest.get(name).or_else(|| installed.get(name)).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let versions = |pairs: &[(&str, &str)]| -> Versions {
            pairs
                .iter()
                .map(|(name, version)| {
                    (PackageName::new((*name).to_owned()).unwrap(), (*version).to_owned())
                })
                .collect()
        };
        let installed =
            versions(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1.0"), ("pip", "23")]);
        let locked = versions(&[("a", "2"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "5")]);
        let compatible = versions(&[("b", "1"), ("c", "2")]);
        let latest = versions(&[("b", "3"), ("pip", "99")]);
        let found = compare(&installed, &locked, &compatible, &latest);
        let names: Vec<&str> = found.iter().map(|package| package.name.as_ref()).collect();
        assert_eq!(names, ["a", "b", "c", "e"]);
        assert_eq!(found[1].latest.as_deref(), Some("3"));
        assert_eq!(found[2].compatible.as_deref(), Some("2"));
    }
}
