//! What several of these tests share.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_tests::{Project, Wheel, installed, tools};
use serde_json::Value;

/// The tools that must give the same result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Uv,
    Pip,
}

pub(crate) const ENGINES: [Engine; 2] = [Engine::Uv, Engine::Pip];

impl Engine {
    /// A project in which this tool is found, or `None` where the machine lacks it.
    pub(crate) fn project(self) -> Option<Project> {
        self.project_named("project")
    }

    pub(crate) fn project_named(self, folder: &str) -> Option<Project> {
        let project = Project::named(folder);
        match self {
            Self::Uv => Some(project.tool(&tools::require("uv")?)),
            Self::Pip => tools::python().map(|_| project),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Pip => "pip",
        }
    }
}

/// A small family of packages: `app` needs `lib`, which needs `leaf`; `tool` has a script.
pub(crate) fn family(project: &Project) {
    let module = |name: &str, version: &str| format!("NAME = '{name}'\nVERSION = '{version}'\n");
    for version in ["1.0", "2.0"] {
        for (name, requirement) in [("app", Some("lib>=1")), ("lib", Some("leaf")), ("leaf", None)]
        {
            let mut wheel = Wheel::new(name, version)
                .file(&format!("{name}/__init__.py"), module(name, version));
            if let Some(requirement) = requirement {
                wheel = wheel.requires(requirement);
            }
            project.wheel(&wheel);
        }
        project.wheel(
            &Wheel::new("tool", version)
                .file(
                    "tool.py",
                    format!("import sys\ndef main():\n    print('tool {version}', sys.prefix)\n"),
                )
                .script("tool", "tool:main"),
        );
    }
}

/// What `.venv` holds, the installers that environments are born with left aside.
pub(crate) fn packages(project: &Project) -> BTreeMap<String, String> {
    packages_of(&project.path(".venv"))
}

pub(crate) fn packages_of(venv: &Utf8Path) -> BTreeMap<String, String> {
    installed(venv)
        .into_iter()
        .filter(|(name, _)| !["pip", "setuptools", "wheel"].contains(&name.as_str()))
        .collect()
}

pub(crate) fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The environment's manifest.
pub(crate) fn manifest(project: &Project) -> Value {
    json(&project.read(".instep/env/default/manifest.json"))
}

/// The lines of the journal, each of which must be whole.
pub(crate) fn journal(project: &Project) -> Vec<Value> {
    project.read(".instep/logs/venv_sync.jsonl").lines().map(json).collect()
}

/// The words of the reasons that `check --json` gives for the default environment, each once.
pub(crate) fn reasons(project: &Project) -> Vec<String> {
    let answer = json(&project.run(["check", "--json"]).stdout);
    let mut reasons: Vec<String> = answer["environments"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["reason"].as_str().unwrap().to_owned())
        .collect();
    reasons.dedup();
    reasons
}

/// Runs the environment's own script, which only works if it finds its interpreter.
pub(crate) fn run_script(project: &Project, name: &str) -> String {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let script =
        project.path(".venv").join(folder).join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let outcome = project.finish(project.command(&script)).success();
    outcome.stdout.trim().to_owned()
}

/// Asserts that nothing of ours lies around: no staged or old environment, no temporary file.
#[track_caller]
pub(crate) fn assert_tidy(project: &Project) {
    let mut found = Vec::new();
    let mut folders = vec![project.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap().filter_map(Result::ok) {
            let name = entry.file_name().to_owned();
            let is_ours = name.ends_with(".instep-tmp")
                || name.ends_with(".instep-old")
                || name == ".instep-unfinished"
                || name == "in-progress.json"
                || (name.starts_with(".ven") && name != ".venv");
            if is_ours {
                found.push(entry.path().to_owned());
            }
            let is_deep = name == "site-packages" || name == "lib";
            if entry.file_type().unwrap().is_dir() && !is_deep {
                folders.push(entry.into_path());
            }
        }
    }
    assert!(!project.exists(".instep/env/default/tmp"), "the scratch folder is left");
    assert!(found.is_empty(), "left behind: {found:?}");
}

#[cfg(unix)]
pub(crate) fn make_executable(path: &Utf8Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
pub(crate) fn make_executable(_path: &Utf8Path) {}

/// How often a kind of run is killed: few times, or a hundred with `cargo xtask test --long`.
pub(crate) fn kills() -> u64 {
    if instep_tests::long() { 100 } else { 6 }
}

/// A generator that needs no seed file and gives the same moments every time
/// ([splitmix64](https://prng.di.unimi.it/splitmix64.c)).
pub(crate) struct Moments(pub(crate) u64);

impl Moments {
    pub(crate) fn below(&mut self, limit: std::time::Duration) -> std::time::Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = (mixed ^ (mixed >> 31)) % 10_000;
        limit.mul_f64(f64::from(u32::try_from(share).unwrap()) / 10_000.0)
    }
}

/// A small tmpfs, where this machine lets us mount one.
#[cfg(target_os = "linux")]
pub(crate) struct SmallDisk(camino::Utf8PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    pub(crate) fn mount(at: &Utf8Path, size: &str, read_only: bool) -> Option<Self> {
        let options = format!("size={size}{}", if read_only { ",ro" } else { "" });
        let status = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs", at.as_str()])
            .stderr(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_owned()));
        }
        tools::skip("needs to mount a tmpfs, which only root may");
        None
    }

    /// Lets nothing be written to it any more, or again.
    pub(crate) fn set_read_only(&self, is_read_only: bool) {
        let options = format!("remount,{}", if is_read_only { "ro" } else { "rw" });
        let status =
            std::process::Command::new("mount").args(["-o", &options, self.0.as_str()]).status();
        assert!(status.unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
