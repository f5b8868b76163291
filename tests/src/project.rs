//! A folder of its own for a test, and the real command run in it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tempfile::TempDir;

use crate::index::Index;
use crate::outcome::Outcome;
use crate::wheel::Wheel;
use crate::{binary, search_path, tools};

/// A project in a temporary folder, with wheels to install and an environment of variables that knows
/// nothing of the machine but its Python: no network, no uv, no configuration, caches of its own.
///
/// ```text
/// project/   the working folder of every command
/// wheels/    where pip and uv find packages
/// bin/       what is put on PATH
/// home/  cache/  tmp/
/// ```
#[derive(Debug)]
pub struct Project {
    _guard: TempDir,
    temp: Utf8PathBuf,
    root: Utf8PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

impl Project {
    /// An empty project.
    pub fn new() -> Self {
        Self::named("project")
    }

    /// An empty project in a folder of this name: spaces and letters like `ü` are welcome.
    pub fn named(folder: &str) -> Self {
        let guard = tempfile::Builder::new().prefix("instep-").tempdir().unwrap();
        // Not canonicalised on Windows, where that makes paths that few programs understand.
        let temp =
            if cfg!(windows) { guard.path().into() } else { guard.path().canonicalize().unwrap() };
        let temp = Utf8PathBuf::try_from(temp).unwrap();
        let root = temp.join(folder);
        for folder in [
            root.clone(),
            temp.join("wheels"),
            temp.join("bin"),
            temp.join("home"),
            temp.join("tmp"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        let mut project = Self { _guard: guard, temp, root, variables: BTreeMap::new() };
        project.surroundings();
        project.local_wheels();
        project
    }

    /// Puts a program on `PATH`, as in `tool(&tools::require("uv")?)`. The tools that Instep drives are
    /// found only when they are put there.
    pub fn tool(self, program: &Utf8Path) -> Self {
        let link = self.temp.join("bin").join(program.file_name().unwrap());
        search_path::link(program, &link);
        self
    }

    /// Takes packages from this index instead of the local wheels, by pip's variable.
    pub fn index(self, index: &Index) -> Self {
        let url = index.url();
        let project =
            self.without(&["PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_OFFLINE", "UV_FIND_LINKS"]);
        project.variable("PIP_INDEX_URL", url)
    }

    /// Takes packages from the index that this machine is set up for, with its caches of pip and uv.
    pub fn online(self) -> Self {
        let mut project = self.without(&[
            "PIP_NO_INDEX",
            "PIP_FIND_LINKS",
            "PIP_CONFIG_FILE",
            "UV_OFFLINE",
            "UV_FIND_LINKS",
            "UV_NO_CONFIG",
        ]);
        let home =
            env::var(if cfg!(windows) { "LOCALAPPDATA" } else { "HOME" }).unwrap_or_default();
        let home = Utf8PathBuf::from(home);
        let caches = if cfg!(windows) { home.clone() } else { home.join(".cache") };
        project = project.variable("UV_CACHE_DIR", caches.join("uv"));
        project = project.variable("PIP_CACHE_DIR", caches.join("pip"));
        for (kind, file) in [("PIP", "pip/pip.conf"), ("UV", "uv/uv.toml")] {
            let file = home.join(".config").join(file);
            if file.is_file() {
                project = project.variable(format!("{kind}_CONFIG_FILE"), file);
            }
        }
        for (name, value) in env::vars_os() {
            if name.to_str().is_some_and(says_where_packages_are) {
                project = project.variable(name, value);
            }
        }
        project
    }

    /// Sets a variable for the commands.
    pub fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// Removes variables.
    pub fn without(mut self, names: &[&str]) -> Self {
        self.variables.retain(|key, _| !names.iter().any(|name| key == name));
        self
    }

    /// The project's folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> Utf8PathBuf {
        self.root.join(relative)
    }

    /// The folder that holds everything: the project, and what lies beside it.
    pub fn temp(&self) -> &Utf8Path {
        &self.temp
    }

    /// The folder of the local wheels.
    pub fn wheels(&self) -> Utf8PathBuf {
        self.temp.join("wheels")
    }

    /// Instep's cache.
    pub fn cache(&self) -> Utf8PathBuf {
        self.temp.join("cache").join("instep")
    }

    /// Adds a wheel to the local ones.
    pub fn wheel(&self, wheel: &Wheel) -> Utf8PathBuf {
        wheel.build(&self.wheels())
    }

    /// Writes a file of the project, its folders too.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A text file of the project.
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Whether there is such a file or folder in the project.
    pub fn exists(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    /// Runs `instep` in the project's folder.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Outcome {
        self.finish(self.instep(args))
    }

    /// `instep` in the project's folder, to be run by the test itself (to kill it, say). Reads nothing from
    /// stdin, and no terminal.
    pub fn instep<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command(binary::instep());
        command.args(args);
        command
    }

    /// Any program, in the same folder and with the same variables.
    pub fn command(&self, program: &Utf8Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env_clear().stdin(Stdio::null());
        command.env("PATH", self.search_path()).envs(&self.variables);
        command
    }

    /// Runs a command to its end.
    pub fn finish(&self, mut command: Command) -> Outcome {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let program = Utf8Path::new(command.get_program().to_str().unwrap());
        let shown = format!("{} {}", program.file_stem().unwrap(), args.join(" "));
        Outcome::new(shown, output.status, &output.stdout, &output.stderr, self.redactions())
    }

    /// What `PATH` is for the commands.
    pub fn search_path(&self) -> OsString {
        let python = tools::machine_python();
        let shadows = self.temp.join("path");
        let folders = search_path::folders(&self.temp.join("bin"), python, &shadows);
        env::join_paths(folders).unwrap()
    }

    fn redactions(&self) -> Vec<(Utf8PathBuf, &'static str)> {
        let mut named = vec![
            (self.root.clone(), "[PROJECT]"),
            (self.wheels(), "[WHEELS]"),
            (self.cache(), "[CACHE]"),
            (self.temp.clone(), "[TEMP]"),
        ];
        named.extend(tools::machine_python().map(|python| (python.to_owned(), "[PYTHON]")));
        named
    }

    /// What every program needs of its surroundings, in folders of this project.
    fn surroundings(&mut self) {
        let own = |folder: &str| self.temp.join(folder).into_string();
        let mut set = BTreeMap::from([
            ("HOME", own("home")),
            ("TMPDIR", own("tmp")),
            ("INSTEP_CACHE_DIR", self.cache().into_string()),
            ("UV_CACHE_DIR", own("cache/uv")),
            ("PIP_CACHE_DIR", own("cache/pip")),
            ("UV_PYTHON_DOWNLOADS", "never".into()),
            ("LANG", "C.UTF-8".into()),
            ("NO_COLOR", "1".into()),
        ]);
        if cfg!(windows) {
            for name in ["USERPROFILE", "APPDATA", "LOCALAPPDATA"] {
                set.insert(name, own("home"));
            }
            for name in ["TEMP", "TMP"] {
                set.insert(name, own("tmp"));
            }
            for name in ["SystemRoot", "SystemDrive", "ComSpec", "PATHEXT"] {
                set.extend(env::var(name).ok().map(|value| (name, value)));
            }
        }
        self.variables = set.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    }

    fn local_wheels(&mut self) {
        let wheels = self.wheels().into_string();
        let nothing = if cfg!(windows) { "nul" } else { "/dev/null" };
        for (name, value) in [
            ("PIP_NO_INDEX", "1"),
            ("PIP_FIND_LINKS", &wheels),
            ("PIP_CONFIG_FILE", nothing),
            ("UV_OFFLINE", "1"),
            ("UV_FIND_LINKS", &wheels),
            ("UV_NO_CONFIG", "1"),
        ] {
            self.variables.insert(name.into(), value.into());
        }
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

/// Variables by which a machine says where packages come from and how the network is reached.
fn says_where_packages_are(name: &str) -> bool {
    const EXACT: &[&str] =
        &["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
    let upper = name.to_ascii_uppercase();
    EXACT.contains(&upper.as_str())
        || upper.ends_with("_PROXY")
        || upper.starts_with("PIP_")
        || (upper.starts_with("UV_") && upper != "UV_PYTHON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installed;

    #[test]
    fn uv_is_on_the_path_only_when_a_test_put_it_there() {
        let project = Project::new();
        let on_path = |project: &Project, tool: &str| {
            env::split_paths(&project.search_path()).any(|folder| folder.join(tool).exists())
        };
        assert!(!on_path(&project, "uv"));
        assert!(cfg!(windows) || on_path(&project, "sh"));

        let uv = project.temp().join("uv");
        fs::write(&uv, "").unwrap();
        assert!(on_path(&project.tool(&uv), "uv"));
    }

    #[test]
    fn a_command_sees_none_of_the_machines_variables() {
        let project = Project::named("Straße mit ü").variable("GIVEN", "1");
        let Some(python) = tools::python() else { return };
        let mut command = project.command(&python);
        command
            .args(["-c", "import os; print(os.getcwd()); print('\\n'.join(sorted(os.environ)))"]);
        let outcome = project.finish(command).success();
        assert_eq!(outcome.stdout.lines().next().unwrap(), project.root().as_str());
        assert!(outcome.stdout.contains("\nGIVEN\n"));
        assert!(!outcome.stdout.contains("CARGO"));
        assert!(outcome.redacted().contains("[PROJECT]"));
    }

    #[test]
    fn pip_and_uv_install_the_local_wheels_without_a_network() {
        let (Some(python), Some(uv)) = (tools::python(), tools::require("uv")) else { return };
        let project = Project::new();
        project.wheel(&Wheel::new("alpha", "1.0").requires("beta"));
        project.wheel(&Wheel::new("beta", "2.0"));
        for venv in ["by-pip", "by-uv"] {
            let mut command = project.command(&python);
            command.args(["-m", "venv", "--without-pip", venv]);
            project.finish(command).success();
        }
        let mut pip = project.command(&python);
        pip.args(["-m", "pip", "--python", "by-pip", "install", "alpha"]);
        project.finish(pip).success();
        let mut by_uv = project.command(&uv);
        by_uv.args(["pip", "install", "--python", "by-uv", "alpha"]);
        project.finish(by_uv).success();

        for venv in ["by-pip", "by-uv"] {
            let packages = installed(&project.path(venv));
            assert_eq!((packages["alpha"].as_str(), packages["beta"].as_str()), ("1.0", "2.0"));
        }
    }
}
