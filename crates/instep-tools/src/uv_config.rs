//! What the user has said to uv itself, in its variables and configuration files
//! (<https://docs.astral.sh/uv/concepts/configuration-files/>). It is only looked at for which settings are there: uv
//! reads their values.

use camino::{Utf8Path, Utf8PathBuf};
use toml::Table;

use crate::Environment;

/// Which of uv's settings the user has made.
pub(crate) struct UvConfig<'a> {
    environment: &'a Environment,
    files: Vec<Table>,
}

impl UvConfig<'_> {
    /// Reads what is there; a file that cannot be read says nothing here, and uv will say what is wrong with it.
    pub(crate) fn read(environment: &Environment) -> UvConfig<'_> {
        let files = if environment.var("UV_NO_CONFIG").is_some_and(|value| value != "0") {
            Vec::new()
        } else if let Some(path) = environment.var("UV_CONFIG_FILE") {
            vec![environment.cwd().join(path)]
        } else {
            let mut files = project_file(environment);
            files.extend(user_and_machine(environment));
            files
        };
        let files = files.iter().filter_map(|path| table(path)).collect();
        UvConfig { environment, files }
    }

    /// Whether one of these variables is set.
    pub(crate) fn has_variable(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.environment.var(name).is_some())
    }

    /// Whether a file makes one of these settings, for uv or for its `pip` commands.
    pub(crate) fn has_setting(&self, names: &[&str]) -> bool {
        self.files.iter().any(|file| {
            let pip = file.get("pip").and_then(|pip| pip.as_table());
            names.iter().any(|name| {
                file.contains_key(*name) || pip.is_some_and(|pip| pip.contains_key(*name))
            })
        })
    }
}

/// The nearest `uv.toml`, or `pyproject.toml` with a `[tool.uv]`, from the working folder upwards.
fn project_file(environment: &Environment) -> Vec<Utf8PathBuf> {
    environment
        .cwd()
        .ancestors()
        .flat_map(|folder| [folder.join("uv.toml"), folder.join("pyproject.toml")])
        .find(|path| table(path).is_some())
        .into_iter()
        .collect()
}

fn user_and_machine(environment: &Environment) -> Vec<Utf8PathBuf> {
    let var = |name: &str| environment.var(name).map(Utf8PathBuf::from);
    let folders: Vec<Utf8PathBuf> = if cfg!(windows) {
        var("APPDATA").into_iter().chain(var("PROGRAMDATA")).collect()
    } else {
        let user =
            var("XDG_CONFIG_HOME").or_else(|| environment.home().map(|home| home.join(".config")));
        let machine = environment.var("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
        let machine = machine.split(':').map(Utf8PathBuf::from);
        user.into_iter().chain(machine).chain([Utf8PathBuf::from("/etc")]).collect()
    };
    folders.into_iter().map(|folder| folder.join("uv/uv.toml")).collect()
}

/// uv's settings in a file; `None` when it has none.
fn table(path: &Utf8Path) -> Option<Table> {
    let mut table: Table = std::fs::read_to_string(path).ok()?.parse().ok()?;
    if path.file_name() != Some("pyproject.toml") {
        return Some(table);
    }
    match table.remove("tool")? {
        toml::Value::Table(mut tool) => match tool.remove("uv")? {
            toml::Value::Table(uv) => Some(uv),
            _ => None,
        },
        _ => None,
    }
}
