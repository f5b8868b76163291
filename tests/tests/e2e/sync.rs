//! The main way: a sync makes, updates and keeps an environment, the same with every tool.

use std::collections::BTreeMap;

use instep_tests::{Project, Wheel};

use crate::support::{
    ENGINES, Engine, assert_tidy, family, json, make_executable, manifest, packages, reasons,
    run_script, set,
};

#[test]
fn a_sync_makes_the_environment_and_a_second_one_does_nothing() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "app\ntool==1.0\n");
        project.run(["sync"]).success();
        let expected = set(&[("app", "2.0"), ("lib", "2.0"), ("leaf", "2.0"), ("tool", "1.0")]);
        assert_eq!(packages(&project), expected, "{engine:?}");
        assert_eq!(manifest(&project)["tool"]["name"], engine.name());
        let second = json(&project.run(["sync", "--json"]).success().stdout);
        assert_eq!(second["environments"][0]["outcome"], "in_step");
        project.run(["check", "--deep"]).success();
        assert_tidy(&project);
    }
}

#[test]
fn an_update_installs_changes_and_removes_what_the_dry_run_said() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "app==1.0\ntool==1.0\n");
        project.run(["sync"]).success();
        let before = packages(&project);
        project.write("requirements.txt", "app==2.0\nleaf==1.0\n");
        let planned = json(&project.run(["sync", "--dry-run", "--json"]).success().stdout);
        assert_eq!(packages(&project), before, "a dry run changed the environment");
        project.run(["check"]).exit(1);
        let lock_before = project.read("requirements-lock.txt");
        let done = json(&project.run(["sync", "--json"]).success().stdout);
        assert_ne!(project.read("requirements-lock.txt"), lock_before);
        let (planned, done) = (&planned["environments"][0], &done["environments"][0]);
        assert_eq!(planned["plan"], done["plan"], "{engine:?}");
        assert_eq!(applied(&before, &done["plan"]), packages(&project), "{engine:?}");
        assert!(!packages(&project).contains_key("tool"));
        assert_eq!(packages(&project)["leaf"], "1.0");
        project.run(["check", "--deep"]).success();
    }
}

/// What a plan makes of a set of packages.
fn applied(
    before: &BTreeMap<String, String>,
    plan: &serde_json::Value,
) -> BTreeMap<String, String> {
    let mut after = before.clone();
    let list = |key: &str| plan[key].as_array().unwrap().clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for package in list("remove") {
        assert_eq!(after.remove(&text(&package["name"])), Some(text(&package["version"])));
    }
    for package in list("install") {
        assert_eq!(after.insert(text(&package["name"]), text(&package["version"])), None);
    }
    for change in list("change") {
        let old = after.insert(text(&change["name"]), text(&change["to"]));
        assert_eq!(old, Some(text(&change["from"])));
    }
    after
}

#[test]
fn a_dry_run_writes_nothing_but_the_journal() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "app\n");
    project.run(["sync", "--dry-run"]).success();
    assert!(!project.exists(".venv"));
    assert!(!project.exists("requirements-lock.txt"));
    assert!(!project.exists(".instep/env"));
    let lines = crate::support::journal(&project);
    assert!(lines.iter().all(|line| line["dry_run"] == true));
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_rebuild_works_in_its_final_place() {
    for engine in ENGINES {
        let Some(project) = engine.project_named("mit Leer ü") else { return };
        family(&project);
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["sync"]).success();
        let root = project.path(".venv");
        assert_eq!(run_script(&project, "tool"), format!("tool 1.0 {root}"));
        std::fs::write(root.join("stray.txt"), "gone after a rebuild").unwrap();
        project.run(["sync", "--rebuild"]).success();
        assert!(!project.exists(".venv/stray.txt"), "{engine:?}");
        assert_eq!(run_script(&project, "tool"), format!("tool 1.0 {root}"), "{engine:?}");
        assert_eq!(manifest(&project)["syncReason"], "forced");
        project.run(["check", "--deep"]).success();
        assert_tidy(&project);
        let activate = std::fs::read_to_string(root.join("bin/activate")).unwrap_or_default();
        assert!(!activate.contains(".ven~"), "{engine:?}");
    }
}

#[test]
fn a_failed_rebuild_leaves_the_old_environment() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["sync"]).success();
        std::fs::remove_dir_all(project.wheels()).unwrap();
        std::fs::remove_dir_all(project.temp().join("cache")).unwrap_or_default();
        project.run(["sync", "--rebuild"]).exit(2);
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{engine:?}");
        assert!(run_script(&project, "tool").starts_with("tool 1.0"));
        project.run(["check", "--deep"]).success();
        assert_tidy(&project);
    }
}

#[test]
fn packages_that_the_lock_does_not_name_go_unless_inexact() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "leaf==1.0\n");
        project.run(["sync"]).success();
        install_by_hand(&project, "tool==1.0");
        assert_eq!(reasons(&project), ["environment_drifted"], "{engine:?}");
        project.run(["sync", "--inexact"]).success();
        assert!(packages(&project).contains_key("tool"), "{engine:?}");
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("leaf", "1.0")]), "{engine:?}");
    }
}

/// What a user does who does not know better.
fn install_by_hand(project: &Project, requirement: &str) {
    let Some(python) = instep_tests::tools::python() else { return };
    let mut command = project.command(&python);
    command
        .args(["-m", "pip", "--python"])
        .arg(project.path(".venv"))
        .args(["install", requirement]);
    project.finish(command).success();
}

#[test]
fn edits_by_hand_are_found_deep_and_mended() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "leaf==1.0\n");
        project.run(["sync"]).success();
        let file = module(&project, "leaf/__init__.py");
        let size = std::fs::metadata(&file).unwrap().len();
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "x".repeat(usize::try_from(size).unwrap())).unwrap();
        project.run(["check"]).success();
        let answer = project.run(["check", "--deep"]).exit(1);
        assert!(answer.stdout.contains("`leaf/__init__.py` was changed"), "{}", answer.stdout);
        project.run(["sync", "--deep"]).success();
        project.run(["check", "--deep"]).success();
        assert!(std::fs::read_to_string(&file).unwrap().contains("leaf"), "{engine:?}");
    }
}

fn module(project: &Project, path: &str) -> std::path::PathBuf {
    let lib = project.path(".venv/lib");
    let python = lib.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    python.join("site-packages").join(path).into()
}

#[test]
fn packages_that_share_a_file_survive_the_removal_of_one() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        for name in ["left", "right"] {
            project.wheel(&Wheel::new(name, "1.0").file("shared/__init__.py", "SHARED = True\n"));
        }
        project.write("requirements.txt", "left\nright\n");
        project.run(["sync"]).success();
        project.write("requirements.txt", "right\n");
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("right", "1.0")]));
        assert!(module(&project, "shared/__init__.py").exists(), "{engine:?}");
        project.run(["check", "--deep"]).success();
    }
}

#[test]
fn pins_stay_until_they_are_upgraded() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        project.wheel(&Wheel::new("a", "1.0"));
        project.wheel(&Wheel::new("b", "1.0"));
        project.write("requirements.txt", "a\nb\n");
        project.run(["sync"]).success();
        project.wheel(&Wheel::new("a", "1.1"));
        project.wheel(&Wheel::new("b", "1.1"));
        project.wheel(&Wheel::new("c", "1.0"));
        project.write("requirements.txt", "a\nb\nc\n");
        project.run(["sync"]).success();
        let expected = set(&[("a", "1.0"), ("b", "1.0"), ("c", "1.0")]);
        assert_eq!(packages(&project), expected, "{engine:?}: a pin moved by itself");
        project.run(["sync", "--upgrade-package", "a"]).success();
        let expected = set(&[("a", "1.1"), ("b", "1.0"), ("c", "1.0")]);
        assert_eq!(packages(&project), expected, "{engine:?}");
        project.run(["sync", "--upgrade"]).success();
        assert_eq!(packages(&project)["b"], "1.1", "{engine:?}");
    }
}

#[test]
fn what_means_nothing_is_no_change() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "app\ntool==1.0\n");
    project.run(["sync"]).success();
    project.write("requirements.txt", "\u{feff}# a comment\r\n\r\nTool == 1.0\r\napp # why\r\n");
    project.run(["check"]).success();
    project.write("requirements.txt", "app\ntool==2.0\n");
    assert_eq!(reasons(&project), ["requirements_changed"]);
}

#[test]
fn uv_that_does_not_start_is_said_and_pip_does_the_work() {
    let Some(project) = Engine::Pip.project() else { return };
    family(&project);
    let broken = project.temp().join("bin").join("uv");
    std::fs::write(&broken, "#!/bin/sh\nexit 3\n").unwrap();
    make_executable(&broken);
    project.write("requirements.txt", "leaf\n");
    let outcome = project.run(["sync"]).success();
    assert!(outcome.stderr.contains("uv"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("pip is used"), "{}", outcome.stderr);
    assert_eq!(manifest(&project)["tool"]["name"], "pip");
}

#[test]
fn a_tool_can_be_forced_and_another_one_takes_over_without_reinstalling() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "app\n");
    project.run(["sync"]).success();
    let done = json(&project.run(["sync", "--tool", "pip", "--json"]).success().stdout);
    assert_eq!(done["environments"][0]["findings"][0]["reason"], "options_changed");
    assert_eq!(done["environments"][0]["plan"]["unchanged"], 3);
    assert_eq!(manifest(&project)["tool"]["name"], "pip");
    // Whoever does not ask for a tool does not care which one it was.
    project.run(["check"]).success();
}

#[test]
fn several_environments_are_synced_side_by_side() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "app\n");
    project.write("dev.in", "tool==1.0\n");
    project.write(
        "instep.toml",
        "[env.default]\nrequirements = ['requirements.txt']\n[env.dev]\nrequirements = ['dev.in']\n",
    );
    let done = json(&project.run(["sync", "--json"]).success().stdout);
    assert_eq!(done["environments"].as_array().unwrap().len(), 2);
    assert_eq!(packages(&project).len(), 3);
    let dev = crate::support::packages_of(&project.path(".venv-dev"));
    assert_eq!(dev, set(&[("tool", "1.0")]));
    project.write("dev.in", "tool==2.0\n");
    project.run(["check", "default"]).success();
    project.run(["check", "dev"]).exit(1);
    project.run(["check"]).exit(1);
}

#[test]
fn steps_after_a_sync_run_again_only_when_their_inputs_change() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.write("browsers.txt", "one\n");
    project.write(
        "instep.toml",
        "[[env.default.after]]\nname = 'note'\nrun = ['python', '-c', \
         'import tool, pathlib; p = pathlib.Path(\"ran.txt\"); p.write_text(p.read_text() + \"x\" if p.exists() else \"x\")']\n\
         inputs = ['browsers.txt', 'package:tool']\n",
    );
    project.run(["sync"]).success();
    assert_eq!(project.read("ran.txt"), "x");
    project.run(["sync", "--rebuild"]).success();
    assert_eq!(project.read("ran.txt"), "x", "nothing that it depends on has changed");
    project.write("browsers.txt", "two\n");
    project.run(["check"]).exit(1);
    project.run(["sync"]).success();
    assert_eq!(project.read("ran.txt"), "xx");
    project.write("requirements.txt", "tool==2.0\n");
    project.run(["sync"]).success();
    assert_eq!(project.read("ran.txt"), "xxx");
    project.run(["check"]).success();
}

#[test]
fn a_step_that_fails_is_told_and_tried_again() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "leaf\n");
    project.write(
        "instep.toml",
        "[[env.default.after]]\nname = 'gate'\nrun = ['python', '-c', \
         'import os, sys; sys.exit(0 if os.path.exists(\"open\") else 7)']\n",
    );
    let outcome = project.run(["sync"]).exit(2);
    assert!(outcome.stderr.contains("step `gate` failed"), "{}", outcome.stderr);
    assert_eq!(reasons(&project), ["interrupted"]);
    project.write("open", "");
    project.run(["sync"]).success();
    project.run(["check"]).success();
}
