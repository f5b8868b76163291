//! The commands and versions in a repository's files: what they follow is the configuration.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_ci::{Installed, Parts, Plan, Settings};
use instep_tools::Environment as Variables;
use serde::{Deserialize, Serialize};

use crate::config;
use crate::error::Error;
use crate::state;

/// How many texts of a command are remembered.
const REMEMBERED: usize = 8;

/// A repository of which the files follow a configuration.
#[derive(Clone, Debug)]
pub struct Repository {
    root: Utf8PathBuf,
    settings: Settings,
    /// Whether the commands stand in the configuration, and are not derived.
    is_configured: bool,
}

/// What commands were configured when the files were brought in step: what is still written like that
/// follows, too. Without it, only what the rule of `instep-ci` covers does.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    schema_version: u32,
    commands: BTreeMap<String, Vec<String>>,
}

impl Repository {
    /// Finds the configuration around the working folder of `variables`. The repository is its folder.
    ///
    /// Where it has no commands, they are derived: `uv sync` for a project with a `uv.lock` (with
    /// `--all-extras` and `--dev` where it has such), `pip install -r requirements.txt` where that file is.
    ///
    /// # Errors
    ///
    /// Those of the configuration.
    pub fn open(variables: &Variables) -> Result<Self, Error> {
        let located = config::find(variables.cwd())?;
        let (root, config) = (located.root, located.config);
        let is_configured = !config.ci.commands.is_empty();
        let commands = if is_configured { config.ci.commands } else { derived(&root) };
        let mut former = remembered(&root).commands;
        for (name, texts) in &mut former {
            texts.retain(|text| commands.get(name) != Some(text));
        }
        let settings = Settings {
            commands,
            former,
            python: config.tools.python,
            uv: config.tools.uv,
            include: config.ci.include,
            exclude: config.ci.exclude,
        };
        Ok(Self { root, settings, is_configured })
    }

    /// Its folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// What its files follow.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the commands stand in the configuration; else they are derived.
    pub fn is_configured(&self) -> bool {
        self.is_configured
    }

    /// What is in step, what is not, and what is left alone and why. Changes nothing, and runs nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Ci`].
    pub fn plan(&self) -> Result<Plan, Error> {
        let observed = instep_ci::observe(&self.root, &self.settings)?;
        Ok(instep_ci::plan(observed, &self.settings)?)
    }

    /// Carries a plan out, all files or none, and remembers the commands. Returns how many files changed.
    ///
    /// # Errors
    ///
    /// [`Error::Ci`].
    pub fn sync(&self, plan: &Plan) -> Result<usize, Error> {
        let changed = instep_ci::apply(&self.root, plan)?;
        self.remember()?;
        Ok(changed)
    }

    /// Adds what keeps a repository in step to what it has: a workflow, a hook, a target.
    ///
    /// # Errors
    ///
    /// [`Error::Ci`].
    pub fn install(&self, parts: Parts, dry_run: bool) -> Result<Vec<Installed>, Error> {
        Ok(instep_ci::install(&self.root, parts, dry_run)?)
    }

    fn remember(&self) -> Result<(), Error> {
        let mut known = remembered(&self.root);
        let mut is_new = false;
        for (name, text) in &self.settings.commands {
            let texts = known.commands.entry(name.clone()).or_default();
            if texts.first() != Some(text) {
                texts.retain(|known| known != text);
                texts.insert(0, text.clone());
                texts.truncate(REMEMBERED);
                is_new = true;
            }
        }
        if !is_new {
            return Ok(());
        }
        known.schema_version = 1;
        let path = state::ci(&self.root);
        state::prepare(&self.root, path.parent().unwrap_or(&self.root))?;
        // A structure of texts is always JSON.
        let text = serde_json::to_vec(&known).unwrap_or_default();
        Ok(instep_fs::write_atomic(&path, &text)?)
    }
}

/// Nothing, where there is none or it cannot be read: it only ever adds to what follows.
fn remembered(root: &Utf8Path) -> Remembered {
    let bytes = std::fs::read(state::ci(root)).unwrap_or_default();
    let known: Remembered = serde_json::from_slice(&bytes).unwrap_or_default();
    if known.schema_version == 1 { known } else { Remembered::default() }
}

/// Commands that fit what the repository has.
fn derived(root: &Utf8Path) -> BTreeMap<String, String> {
    let mut commands = BTreeMap::new();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    let pyproject: Option<toml::Table> = read("pyproject.toml").and_then(|text| text.parse().ok());
    if let Some(pyproject) = pyproject.filter(|_| root.join("uv.lock").is_file()) {
        let has = |path: &[&str]| {
            let (last, tables) = path.split_last()?;
            let mut table = &pyproject;
            for name in tables {
                table = table.get(*name)?.as_table()?;
            }
            table.get(*last)
        };
        let mut command = "uv sync".to_owned();
        if has(&["project", "optional-dependencies"]).is_some() {
            command.push_str(" --all-extras");
        }
        let dev = [&["dependency-groups", "dev"][..], &["tool", "uv", "dev-dependencies"]];
        if dev.iter().any(|path| has(path).is_some()) {
            command.push_str(" --dev");
        }
        commands.insert("uv".to_owned(), command);
    }
    if root.join("requirements.txt").is_file() {
        commands.insert("pip".to_owned(), "pip install -r requirements.txt".to_owned());
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_derived_from_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(derived(root), BTreeMap::new());
        let write = |name: &str, text: &str| fs_err::write(root.join(name), text).unwrap();
        write("requirements.txt", "");
        write(
            "pyproject.toml",
            "[project.optional-dependencies]\na = []\n[dependency-groups]\ndev = []\n",
        );
        assert_eq!(derived(root).into_keys().collect::<Vec<_>>(), ["pip"]);
        write("uv.lock", "");
        assert_eq!(derived(root).get("uv").unwrap(), "uv sync --all-extras --dev");
        write("pyproject.toml", "[project]\nname = 'x'\n");
        assert_eq!(derived(root).get("uv").unwrap(), "uv sync");
    }
}
