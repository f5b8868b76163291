//! What is written down: manifest, journal, history; and what is done with it.

use crate::support::{ENGINES, Engine, family, journal, json, manifest, packages, reasons, set};

#[test]
fn the_manifest_has_the_keys_that_its_readers_know() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "-r more.txt\n");
    project.write("more.txt", "tool==1.0\n");
    project.write("package.json", r#"{"version": "3.1.4"}"#);
    project.write("instep.toml", "[app]\nversion = { file = 'package.json' }\n[env.default]\n");
    project.run(["sync"]).success();
    let manifest = manifest(&project);
    assert_eq!(manifest["schemaVersion"], 1);
    assert_eq!(manifest["appVersion"], "3.1.4");
    assert_eq!(manifest["syncReason"], "manifest_missing");
    assert_eq!(manifest["packages"]["tool"], "1.0");
    let time = manifest["lastSyncTime"].as_str().unwrap();
    assert_eq!(
        (time.len(), &time[10..11], &time[19..20], &time[23..]),
        (24, "T", ".", "Z"),
        "{time}"
    );
    for key in ["requirementsHash", "pythonVersion", "platformTag", "abiTag", "interpreter"] {
        assert!(manifest[key].as_str().is_some_and(|value| !value.is_empty()), "{key}");
    }
    let inputs: Vec<&str> = manifest["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(inputs, ["requirements.txt", "more.txt", "requirements-lock.txt"]);
}

#[test]
fn each_reason_is_found_and_mended() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.write("VERSION", "1\n");
    let config = "[app]\nversion = { file = 'VERSION' }\n[env.default]\n";
    project.write("instep.toml", config);
    assert_eq!(reasons(&project), ["manifest_missing"]);
    let mend = |expected: &[&str]| {
        assert_eq!(reasons(&project), expected);
        project.run(["sync"]).success();
        assert_eq!(reasons(&project), Vec::<String>::new(), "after {expected:?}");
        assert_eq!(manifest(&project)["syncReason"], expected[0]);
        assert_eq!(packages(&project).len(), 1);
    };
    mend(&["manifest_missing"]);
    project.write("VERSION", "2\n");
    mend(&["version_mismatch"]);
    project.write("requirements.txt", "tool==2.0\n");
    mend(&["requirements_changed"]);
    std::fs::remove_file(project.path("requirements-lock.txt")).unwrap();
    mend(&["requirements_changed"]);
    project.write("instep.toml", format!("{config}inexact = true\n"));
    mend(&["options_changed"]);
    std::fs::remove_dir_all(project.path(".venv")).unwrap();
    mend(&["venv_invalid"]);
    std::fs::remove_file(project.path(".venv/bin/python")).unwrap_or_default();
    mend(&["venv_invalid"]);
    let lib =
        project.path(".venv/lib").read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    std::fs::remove_dir_all(lib.join("site-packages/tool-2.0.dist-info")).unwrap();
    mend(&["environment_drifted"]);
    project.write(".instep/env/default/in-progress.json", "{\"half");
    mend(&["interrupted"]);
    project.run(["sync", "--rebuild"]).success();
    assert_eq!(manifest(&project)["syncReason"], "forced");
    // Several at once: all are told.
    project.write("VERSION", "3\n");
    project.write("requirements.txt", "tool==1.0\n");
    assert_eq!(reasons(&project), ["version_mismatch", "requirements_changed"]);
}

#[test]
fn the_python_that_is_configured_decides() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    let version = manifest(&project)["pythonVersion"].as_str().unwrap().to_owned();
    let minor: Vec<&str> = version.split('.').take(2).collect();
    project.write(
        "instep.toml",
        format!("[tools]\npython = ['{}']\n[env.default]\n", minor.join(".")),
    );
    project.run(["check"]).success();
    project.write("instep.toml", "[tools]\npython = ['3.99']\n[env.default]\n");
    assert_eq!(reasons(&project), ["python_changed"]);
}

#[test]
fn every_start_in_the_journal_has_an_end() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["sync"]).success();
        project.write("requirements.txt", "no-such-package\n");
        project.run(["sync"]).exit(2);
        let lines = journal(&project);
        let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(
            events,
            ["venv_sync_start", "venv_sync_end", "venv_sync_start", "venv_sync_end"]
        );
        assert_eq!(lines[0]["run_id"], lines[1]["run_id"]);
        assert_eq!(lines[1]["outcome"], "success");
        assert_eq!(lines[1]["counts"]["installed"], 1);
        assert_eq!(lines[3]["outcome"], "failure");
        assert!(lines[3]["error"].is_string());
        for line in &lines {
            assert_eq!(line["use_pip"], engine == Engine::Pip);
            assert_eq!(line["tool"], engine.name());
            assert_eq!(line["rebuild"], false);
            assert_eq!(line["dry_run"], false);
            assert_eq!(line["venv"], project.path(".venv").as_str());
        }
        assert!(lines[0].get("duration_seconds").is_none());
        assert!(lines[1]["duration_seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn the_journal_is_rotated_and_may_lie_elsewhere() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.write(
        "instep.toml",
        "[env.default]\n[journal]\npath = 'logs/sync.jsonl'\nmax-size = 600\nkeep = 2\n",
    );
    for _ in 0..4 {
        project.run(["sync", "--rebuild"]).success();
    }
    assert!(project.exists("logs/sync.jsonl.1"));
    assert!(!project.exists("logs/sync.jsonl.3"));
    for name in ["logs/sync.jsonl", "logs/sync.jsonl.1"] {
        project.read(name).lines().for_each(|line| {
            json(line);
        });
    }
}

#[test]
fn a_rollback_makes_the_environment_what_it_was() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        project.write("requirements.txt", "app==1.0\ntool==1.0\n");
        project.run(["sync"]).success();
        let first = packages(&project);
        let run = manifest(&project)["runId"].as_str().unwrap().to_owned();
        project.write("requirements.txt", "tool==2.0\n");
        project.run(["sync"]).success();
        project.run(["rollback"]).success();
        assert_eq!(packages(&project), first, "{engine:?}");
        let answer = project.run(["check"]).exit(1);
        assert!(answer.stdout.contains("rolled back"), "{}", answer.stdout);
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("tool", "2.0")]), "{engine:?}");
        project.run(["rollback", "--to", &run]).success();
        assert_eq!(packages(&project), first, "{engine:?}");
        let outcome = project.run(["rollback", "--to", "nonsense"]).exit(2);
        assert!(outcome.stderr.contains("nonsense"));
        let history = json(&project.run(["history", "--json"]).success().stdout);
        assert_eq!(history["environments"][0]["syncs"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn a_reset_forgets_and_the_next_sync_finds_all_in_place() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    project.run(["reset"]).success();
    assert_eq!(reasons(&project), ["manifest_missing"]);
    let done = json(&project.run(["sync", "--json"]).success().stdout);
    assert_eq!(done["environments"][0]["plan"]["unchanged"], 1);
    assert_eq!(done["environments"][0]["plan"]["install"].as_array().unwrap().len(), 0);
}

#[test]
fn outdated_compares_installed_locked_and_the_index() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool\n");
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    project.write("requirements.txt", "tool\n");
    project.run(["sync"]).success();
    let answer = json(&project.run(["outdated", "--json"]).exit(1).stdout);
    let package = &answer["environments"][0]["packages"][0];
    assert_eq!(package["name"], "tool");
    assert_eq!(package["locked"], "1.0");
    assert_eq!(package["compatible"], "2.0");
    project.run(["sync", "--upgrade"]).success();
    project.run(["outdated"]).success();
}

#[test]
fn auto_sync_does_what_is_preferred() {
    for (preference, synced) in [("never", false), ("ask", false), ("always", true)] {
        let Some(project) = Engine::Uv.project() else { return };
        family(&project);
        project.write("requirements.txt", "tool==1.0\n");
        project.write("instep.toml", format!("[env.default]\nauto-sync = '{preference}'\n"));
        let outcome = project.run(["sync", "--auto"]).success();
        assert_eq!(project.exists(".venv"), synced, "{preference}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("out of step"));
    }
}

#[test]
fn events_are_json_lines() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    let outcome = project.run(["sync", "--events"]).success();
    let names: Vec<String> = outcome
        .stdout
        .lines()
        .map(|line| json(line)["event"].as_str().unwrap().to_owned())
        .collect();
    for expected in ["sync_started", "tool", "locking", "planned", "venv", "sync_finished"] {
        assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
    }
}
