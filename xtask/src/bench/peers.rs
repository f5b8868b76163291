//! The same packages for everyone: the quickstart example's, each tool in a folder of its own.

use std::env;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::components::Components;
use crate::error::Error;
use crate::run::{output, run};
use crate::workspace::{Profile, Workspace};

/// A folder under `target/` in which everything is measured.
pub(super) struct Bench {
    pub(super) folder: Utf8PathBuf,
    /// `PATH`, with the programs of this repository's tools and the measured `instep` first.
    pub(super) path: String,
    /// The pinned packages, as in `name==1.0`.
    pub(super) pins: Vec<String>,
    /// The interpreter that a measured command gets as `$PYTHON`, so that its text is the same everywhere.
    pub(super) python: Option<String>,
}

impl Bench {
    /// Builds `instep` as it is released, and gets the tools to measure it beside.
    pub(super) fn prepare(workspace: &Workspace, name: &str) -> Result<Self, Error> {
        let components = Components::for_bench(workspace)?;
        let why = || "instep sync failed, as said above".to_owned();
        let tools = components
            .tools
            .ok_or_else(|| Error::Missing { what: "uv, pip-tools".into(), why: why() })?;
        let instep = workspace.instep(Profile::Release)?;
        let first = [instep.parent().unwrap_or(&instep), &tools];
        let rest = env::var_os("PATH").unwrap_or_default();
        let folders = first.iter().map(|folder| folder.as_std_path().to_owned());
        let joined = env::join_paths(folders.chain(env::split_paths(&rest)))
            .map_err(std::io::Error::other)?;

        let folder = workspace.work(&format!("bench-{name}"))?;
        for file in ["instep.toml", "requirements.txt", "requirements-lock.txt"] {
            let from = workspace.root.join("examples/quickstart").join(file);
            fs_err::create_dir_all(folder.join("instep"))?;
            fs_err::copy(from, folder.join("instep").join(file))?;
        }
        let lock = fs_err::read_to_string(folder.join("instep/requirements-lock.txt"))?;
        let lines = lock.lines().map(str::trim_end);
        let pins = lines.filter(|line| line.starts_with(|first: char| first.is_alphanumeric()));
        let pins = pins.map(|pin| pin.trim_end_matches([' ', '\\']).to_owned()).collect();
        let path = joined.to_string_lossy().into_owned();
        let bench = Self { folder, path, pins, python: None };
        bench.run("instep", &["sync", "--directory", "instep"])?;
        Ok(bench)
    }

    /// An environment of uv's with these packages; with pip in it where it is `seeded`.
    pub(super) fn environment(&self, name: &str, seeded: bool) -> Result<(), Error> {
        if !self.folder.join(name).join("pyvenv.cfg").exists() {
            let mut args = vec!["venv", "--python", "instep/.venv", name];
            args.extend(seeded.then_some("--seed"));
            self.run("uv", &args)?;
        }
        let lock = "instep/requirements-lock.txt";
        self.run("uv", &["pip", "install", "--python", name, "--requirement", lock])
    }

    /// A uv project with the same requirements, resolved to the same pins, and synced.
    pub(super) fn uv_project(&self) -> Result<(), Error> {
        let requirements = fs_err::read_to_string(self.folder.join("instep/requirements.txt"))?;
        let wanted = requirements.lines().map(str::trim).filter(|line| !line.is_empty());
        let pyproject = format!(
            "[project]\nname = \"peer\"\nversion = \"1.0\"\nrequires-python = \">={}\"\n\
             dependencies = [\n{}\n]\n\n[tool.uv]\nconstraint-dependencies = [\n{}\n]\n",
            self.python_version()?,
            toml_strings(wanted),
            toml_strings(self.pins.iter().map(String::as_str)),
        );
        fs_err::create_dir_all(self.folder.join("uv-project"))?;
        fs_err::write(self.folder.join("uv-project/pyproject.toml"), pyproject)?;
        self.run("uv", &["sync", "--project", "uv-project", "--python", "instep/.venv"])
    }

    /// Runs a program of the bench's `PATH` in its folder.
    pub(super) fn run(&self, program: &str, args: &[&str]) -> Result<(), Error> {
        run(self.command(program).args(args))
    }

    /// What a program of the bench's `PATH` prints, as in `uv 0.13.8`.
    pub(super) fn ask(&self, program: &str, args: &[&str]) -> Result<String, Error> {
        output(self.command(program).args(args)).map(|text| text.trim().to_owned())
    }

    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.find(program));
        command.current_dir(&self.folder).env("PATH", &self.path);
        // An active environment of whoever runs this is none of the bench's.
        command.env_remove("VIRTUAL_ENV").env_remove("CONDA_PREFIX");
        // What peers remember belongs to the bench.
        command.env("UNISON", self.folder.join("unison-state"));
        command.envs(self.python.as_ref().map(|python| ("PYTHON", python)));
        command
    }

    /// `Command` looks on the `PATH` of this process, which is another one.
    fn find(&self, program: &str) -> Utf8PathBuf {
        let relative = self.folder.join(program);
        if program.contains('/') && relative.exists() {
            return relative;
        }
        let folders =
            env::split_paths(&self.path).filter_map(|path| Utf8PathBuf::try_from(path).ok());
        let mut found = folders.map(|folder| crate::run::program(&folder, program));
        found.find(|path| path.is_file()).unwrap_or_else(|| Utf8Path::new(program).to_owned())
    }

    /// How many packages the lock comes to on this machine.
    pub(super) fn packages(&self) -> Result<usize, Error> {
        let ask = "import importlib.metadata as m; print(len(list(m.distributions())))";
        let count = self.ask("instep/.venv/bin/python", &["-I", "-c", ask])?;
        Ok(count.parse().unwrap_or(self.pins.len()))
    }

    fn python_version(&self) -> Result<String, Error> {
        let ask = "import sys; print('%d.%d' % sys.version_info[:2])";
        self.ask("instep/.venv/bin/python", &["-c", ask])
    }
}

fn toml_strings<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let strings: Vec<_> = lines.map(|line| format!("'{}'", line.replace('\'', "\""))).collect();
    strings.join(",\n")
}
