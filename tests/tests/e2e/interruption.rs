//! Interrupted at any point: after a kill the environment is the old one, or the next sync completes
//! it; nothing is left lying around, and every file of state can be read.
//!
//! The number of kills is small by default and 100 for each kind of sync with
//! `cargo xtask test --long`. The moments are drawn from the time that the same sync takes undisturbed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use instep_tests::Project;

use crate::support::{
    ENGINES, Engine, Moments, assert_tidy, family, journal, json, kills, packages, run_script, set,
};

/// A kind of sync: how it is prepared, asked for, and what it should come to.
struct Scenario {
    name: &'static str,
    before: Option<&'static str>,
    after: &'static str,
    arguments: &'static [&'static str],
    expected: &'static [(&'static str, &'static str)],
}

const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "create",
        before: None,
        after: "app\ntool==1.0\n",
        arguments: &["sync"],
        expected: &[("app", "2.0"), ("lib", "2.0"), ("leaf", "2.0"), ("tool", "1.0")],
    },
    Scenario {
        name: "update",
        before: Some("app==1.0\nleaf==1.0\n"),
        after: "app==2.0\nlib==1.0\ntool==2.0\n",
        arguments: &["sync"],
        expected: &[("app", "2.0"), ("lib", "1.0"), ("leaf", "1.0"), ("tool", "2.0")],
    },
    Scenario {
        name: "rebuild",
        before: Some("app==1.0\ntool==1.0\n"),
        after: "app==1.0\ntool==1.0\n",
        arguments: &["sync", "--rebuild"],
        expected: &[("app", "1.0"), ("lib", "2.0"), ("leaf", "2.0"), ("tool", "1.0")],
    },
    Scenario {
        name: "tool switch",
        before: Some("app==1.0\ntool==1.0\n"),
        after: "app==1.0\ntool==2.0\n",
        arguments: &["sync", "--tool", "pip"],
        expected: &[("app", "1.0"), ("lib", "2.0"), ("leaf", "2.0"), ("tool", "2.0")],
    },
];

#[test]
fn killed_at_any_moment_nothing_is_lost_and_the_next_sync_completes() {
    for engine in ENGINES {
        for scenario in &SCENARIOS {
            if engine == Engine::Pip && scenario.name == "tool switch" {
                continue;
            }
            let mut moments = Moments(scenario.name.len() as u64);
            let Some(whole) = time_of(engine, scenario) else { return };
            for round in 0..kills() {
                let moment = moments.below(whole);
                kill_and_recover(engine, scenario, moment, round);
            }
        }
    }
}

fn prepare(engine: Engine, scenario: &Scenario) -> Option<Project> {
    let project = engine.project()?;
    family(&project);
    if let Some(before) = scenario.before {
        project.write("requirements.txt", before);
        project.run(["sync"]).success();
    }
    project.write("requirements.txt", scenario.after);
    Some(project)
}

fn time_of(engine: Engine, scenario: &Scenario) -> Option<Duration> {
    let project = prepare(engine, scenario)?;
    let started = Instant::now();
    project.run(scenario.arguments).success();
    Some(started.elapsed())
}

fn kill_and_recover(engine: Engine, scenario: &Scenario, moment: Duration, round: u64) {
    let Some(project) = prepare(engine, scenario) else { return };
    let old = scenario.before.map(|_| packages(&project));
    let what = format!("{engine:?}, {}, round {round}, {moment:?}", scenario.name);
    let mut command = project.instep(scenario.arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();

    // A rebuild, and whatever had not begun to change anything, leaves the old environment whole.
    if scenario.name == "rebuild" {
        assert!(project.exists(".venv"), "{what}: no environment");
        assert_eq!(Some(packages(&project)), old, "{what}");
        assert!(run_script(&project, "tool").starts_with("tool 1.0"), "{what}");
    }
    project.run(["check"]).code.unwrap_or_else(|| panic!("{what}: check was killed"));

    // `--rebuild` and `--tool` were asked for once; what completes the work is a plain sync.
    let outcome = project.run(["sync"]);
    assert_eq!(outcome.code, Some(0), "{what}: {}", outcome.stderr);
    assert_eq!(packages(&project), set(scenario.expected), "{what}");
    let check = project.run(["check", "--deep"]);
    assert_eq!(check.code, Some(0), "{what}: {}", check.stdout);
    assert_tidy(&project);
    assert_state_is_whole(&project, &what);
}

#[test]
fn an_end_that_is_owed_is_written_where_there_is_nothing_else_to_do() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "leaf\n");
    project.run(["sync"]).success();
    // As a kill after the last record leaves it.
    let log = ".instep/logs/venv_sync.jsonl";
    let start = project.read(log).lines().next().unwrap().to_owned();
    project.write(log, format!("{start}\n"));
    std::fs::create_dir(project.path(".instep/env/default/tmp")).unwrap();
    project.run(["check"]).success();
    assert_eq!(journal(&project).len(), 1, "a check writes nothing");
    project.run(["sync"]).success();
    let outcomes: Vec<_> = journal(&project).iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, [serde_json::Value::Null, "interrupted".into()]);
    assert_tidy(&project);
}

fn assert_state_is_whole(project: &Project, what: &str) {
    json(&project.read(".instep/env/default/manifest.json"));
    json(&project.read(".instep/env/default/stat-cache.json"));
    let lines = journal(project);
    let runs = |event: &str| -> Vec<String> {
        let mut runs: Vec<String> = lines
            .iter()
            .filter(|line| line["event"] == event)
            .map(|line| line["run_id"].as_str().unwrap().to_owned())
            .collect();
        runs.sort();
        runs
    };
    assert_eq!(runs("venv_sync_start"), runs("venv_sync_end"), "{what}");
    let history = project.run(["history", "--json"]).success();
    json(&history.stdout);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_tools_too_and_writes_the_end() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        // A package whose build takes far longer than any test waits.
        project.write(
            "slow/pyproject.toml",
            "[project]\nname='slow'\nversion='1'\n[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n",
        );
        project.write(
            "slow/backend.py",
            "import os, pathlib, time\n\
             def wait(*a, **k):\n    pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n    time.sleep(600)\n\
             build_wheel = wait\n\
             get_requires_for_build_wheel = lambda *a, **k: []\n",
        );
        project.write("requirements.txt", "leaf\n./slow\n");
        let mut child =
            project.instep(["sync"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let pid_file = project.path("slow/pid");
        let started = Instant::now();
        while !pid_file.exists() && started.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(20));
            if let Some(status) = child.try_wait().unwrap() {
                let output = child.wait_with_output().unwrap();
                panic!(
                    "{engine:?} ended with {status}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
        let backend = project.read("slow/pid");
        send(child.id(), "INT");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{engine:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cancelled"), "{engine:?}");
        let lines = journal(&project);
        assert_eq!(lines.last().unwrap()["event"], "venv_sync_end", "{engine:?}");
        assert_eq!(lines.last().unwrap()["outcome"], "cancelled", "{engine:?}");
        let gone = Instant::now();
        while is_alive(&backend) && gone.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!is_alive(&backend), "{engine:?}: the build goes on");
        assert_tidy(&project);
    }
}

#[cfg(unix)]
fn send(pid: u32, signal: &str) {
    let status =
        std::process::Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
fn is_alive(pid: &str) -> bool {
    // A zombie is dead; where there is no /proc, `kill -0` has to do.
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => !stat.contains(") Z"),
        Err(_) if std::path::Path::new("/proc/self").exists() => false,
        Err(_) => std::process::Command::new("kill")
            .args(["-0", pid.trim()])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}
