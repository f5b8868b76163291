//! Reads pip's own settings: its configuration files and `PIP_*` variables, put together by pip's rules
//! (<https://pip.pypa.io/en/stable/topics/configuration/>). A variable beats every file, `[install]` beats `[global]`
//! whatever file it stands in, and within a section the later file wins: global, user, environment, then
//! `PIP_CONFIG_FILE`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::{Environment, Error};

const FILE_NAME: &str = if cfg!(windows) { "pip.ini" } else { "pip.conf" };
/// `os.devnull` of Python; as `PIP_CONFIG_FILE` it stands for no files at all.
const NO_FILES: &str = if cfg!(windows) { "nul" } else { "/dev/null" };

/// pip's settings for `pip install`, each by its option's name, such as `index-url`.
#[derive(Default)]
pub(crate) struct PipConfig {
    settings: BTreeMap<String, String>,
}

impl PipConfig {
    /// Reads the variables and files of this environment; `prefix` is the Python environment whose own file counts.
    pub(crate) fn read(
        environment: &Environment,
        prefix: Option<&Utf8Path>,
    ) -> Result<PipConfig, Error> {
        let mut global = BTreeMap::new();
        let mut install = BTreeMap::new();
        for path in files(environment, prefix) {
            // pip passes over what is missing or may not be read.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            for (section, name, value) in parse(&path, &String::from_utf8_lossy(&bytes))? {
                match section.as_str() {
                    "global" => global.insert(name, value),
                    "install" => install.insert(name, value),
                    _ => None,
                };
            }
        }
        let mut settings = BTreeMap::new();
        // pip ignores empty values, so they do not hide an outer one's.
        for layer in [global, install] {
            settings.extend(layer.into_iter().filter(|(_, value)| !value.is_empty()));
        }
        for (name, value) in environment.vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && let Some(name) = name.strip_prefix("PIP_")
                && !value.is_empty()
            {
                settings.insert(normalized(name), value.to_owned());
            }
        }
        Ok(PipConfig { settings })
    }

    /// A setting with one value.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A setting with any number of values, which white space separates.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        self.value(name)
            .map(|value| value.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    /// A switch; `distutils.util.strtobool` tells what counts as on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| {
            ["1", "y", "yes", "t", "true", "on"].contains(&value.to_ascii_lowercase().as_str())
        })
    }
}

/// The files pip reads, in its order: later ones win.
fn files(environment: &Environment, prefix: Option<&Utf8Path>) -> Vec<Utf8PathBuf> {
    let named = environment.var("PIP_CONFIG_FILE").map(|path| environment.cwd().join(path));
    if environment.var("PIP_CONFIG_FILE").is_some_and(|path| path.eq_ignore_ascii_case(NO_FILES)) {
        return Vec::new();
    }
    let mut files = site_files(environment);
    if !named.as_deref().is_some_and(Utf8Path::exists) {
        files.extend(user_files(environment));
    }
    files.extend(prefix.map(|prefix| prefix.join(FILE_NAME)));
    files.extend(named);
    files
}

/// The machine's files.
fn site_files(environment: &Environment) -> Vec<Utf8PathBuf> {
    if cfg!(windows) {
        let data = environment.var("PROGRAMDATA").map(Utf8PathBuf::from);
        return data.map(|data| data.join("pip").join(FILE_NAME)).into_iter().collect();
    }
    if cfg!(target_os = "macos") {
        return vec![Utf8PathBuf::from("/Library/Application Support/pip/pip.conf")];
    }
    let folders = environment.var("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    let folders = folders.split(':').filter(|folder| !folder.is_empty());
    let mut files: Vec<Utf8PathBuf> =
        folders.map(|folder| Utf8Path::new(folder).join("pip").join(FILE_NAME)).collect();
    files.push(Utf8PathBuf::from("/etc/pip.conf"));
    files
}

/// The user's files: the legacy one, then the one of today.
fn user_files(environment: &Environment) -> Vec<Utf8PathBuf> {
    let home = environment.home();
    let legacy =
        home.map(|home| home.join(if cfg!(windows) { "pip" } else { ".pip" }).join(FILE_NAME));
    let folder = if cfg!(windows) {
        environment.var("APPDATA").map(|data| Utf8Path::new(data).join("pip"))
    } else {
        let mac = home
            .filter(|_| cfg!(target_os = "macos"))
            .map(|home| home.join("Library/Application Support/pip"))
            .filter(|folder| folder.is_dir());
        let config = || environment.var("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
        let config = || config().or_else(|| home.map(|home| home.join(".config")));
        mac.or_else(|| config().map(|config| config.join("pip")))
    };
    legacy.into_iter().chain(folder.map(|folder| folder.join(FILE_NAME))).collect()
}

/// Names are the same with `_` and `-`, in any case, and with `--` in front.
fn normalized(name: &str) -> String {
    let name = name.trim().to_lowercase().replace('_', "-");
    name.strip_prefix("--").map(str::to_owned).unwrap_or(name)
}

/// The `(section, name, value)`s of a file, as Python's `RawConfigParser` reads it: `name = value` or `name: value`,
/// comments on lines of their own, and values that go on in deeper indented lines. A byte order mark is refused, as pip
/// refuses it.
fn parse(path: &Utf8Path, text: &str) -> Result<Vec<(String, String, String)>, Error> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut section: Option<String> = None;
    // How far the line of the name that may go on is indented.
    let mut open: Option<usize> = None;
    for (index, line) in text.lines().enumerate() {
        let refused =
            |problem| Error::PipConfig { path: path.to_owned(), line: index + 1, problem };
        let content = line.trim();
        if content.starts_with(['#', ';']) {
            continue;
        }
        if content.is_empty() {
            // The value goes on behind an empty line, too, as long as the indentation does.
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let (Some(outer), Some((_, _, value))) = (open, found.last_mut())
            && indent > outer
        {
            value.push('\n');
            value.push_str(content);
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = Some(name.0.to_owned());
            open = None;
            continue;
        }
        let section = section.as_ref().ok_or_else(|| refused("a setting outside of a section"))?;
        let (name, value) = content
            .split_once(['=', ':'])
            .ok_or_else(|| refused("neither a section nor `name = value`"))?;
        if name.trim().is_empty() {
            return Err(refused("a value without a name"));
        }
        found.push((section.clone(), normalized(name), value.trim().to_owned()));
        open = Some(indent);
    }
    Ok(found)
}
