//! What happens to machines: full disks, read-only folders, copied environments, wrong clocks.

use instep_tests::{Project, tools};

use crate::support::{Engine, assert_tidy, family, manifest, packages, reasons, run_script, set};

fn in_step(engine: Engine) -> Option<Project> {
    let project = engine.project()?;
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    Some(project)
}

#[test]
fn a_corrupt_manifest_is_told_and_written_anew() {
    let Some(project) = in_step(Engine::Uv) else { return };
    let text = project.read(".instep/env/default/manifest.json");
    for damage in ["", "{", "[]", &text[..text.len() / 2], "{\"schemaVersion\": 1}"] {
        project.write(".instep/env/default/manifest.json", damage);
        let answer = project.run(["check"]).exit(1);
        assert!(answer.stdout.contains("manifest_missing"), "{damage:?}: {}", answer.stdout);
        project.run(["sync"]).success();
        project.run(["check"]).success();
    }
}

#[test]
fn a_manifest_of_a_newer_version_is_refused_and_left_alone() {
    let Some(project) = in_step(Engine::Uv) else { return };
    let newer = "{\"schemaVersion\": 99, \"new\": true}\n";
    project.write(".instep/env/default/manifest.json", newer);
    for arguments in [["check"], ["sync"]] {
        let outcome = project.run(arguments).exit(2);
        assert!(outcome.stderr.contains("99"), "{}", outcome.stderr);
        assert_eq!(project.read(".instep/env/default/manifest.json"), newer);
    }
}

#[test]
fn a_lost_or_damaged_stat_cache_only_costs_time() {
    let Some(project) = in_step(Engine::Uv) else { return };
    for damage in [None, Some(""), Some("{}"), Some("{\"schemaVersion\": 99}")] {
        match damage {
            None => {
                std::fs::remove_file(project.path(".instep/env/default/stat-cache.json")).unwrap();
            }
            Some(text) => {
                project.write(".instep/env/default/stat-cache.json", text);
            }
        }
        project.run(["check"]).success();
        project.write("requirements.txt", "tool==2.0\n");
        assert_eq!(reasons(&project), ["requirements_changed"], "{damage:?}");
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["check"]).success();
    }
}

#[cfg(unix)]
#[test]
fn a_copied_project_gets_an_environment_of_its_own() {
    let Some(project) = in_step(Engine::Uv) else { return };
    let copy = project.temp().join("copy");
    let mut command = project.command("cp".into());
    command.arg("-a").arg(project.root()).arg(&copy);
    project.finish(command).success();
    let mut check = project.instep(["check"]);
    check.current_dir(&copy);
    let answer = project.finish(check).exit(1);
    assert!(answer.stdout.contains("venv_invalid"), "{}", answer.stdout);
    assert!(answer.stdout.contains("copied or moved"), "{}", answer.stdout);
    let mut sync = project.instep(["sync"]);
    sync.current_dir(&copy);
    project.finish(sync).success();
    let mut script = project.command(&copy.join(".venv/bin/tool"));
    script.current_dir(&copy);
    let said = project.finish(script).success().stdout;
    assert_eq!(said.trim(), format!("tool 1.0 {}", copy.join(".venv")));
    project.run(["check", "--deep"]).success();
}

#[cfg(unix)]
#[test]
fn a_dangling_interpreter_and_one_of_another_machine_are_rebuilt() {
    for engine in [Engine::Uv, Engine::Pip] {
        let Some(project) = in_step(engine) else { return };
        let python = project.path(".venv/bin/python");
        std::fs::remove_file(&python).unwrap();
        std::os::unix::fs::symlink("/nowhere/python", &python).unwrap();
        let answer = project.run(["check"]).exit(1);
        assert!(answer.stdout.contains("links to one that is gone"), "{}", answer.stdout);
        project.run(["doctor"]).exit(1);
        project.run(["sync"]).success();
        assert!(run_script(&project, "tool").starts_with("tool 1.0"));
        let other = project
            .read(".instep/env/default/manifest.json")
            .replace("linux_x86_64", "linux_riscv64_other")
            .replace("\"platformTag\": \"linux", "\"platformTag\": \"plan9");
        project.write(".instep/env/default/manifest.json", other);
        assert_eq!(reasons(&project), ["venv_invalid"]);
        project.run(["sync"]).success();
        project.run(["check"]).success();
        assert_tidy(&project);
    }
}

#[test]
fn a_clock_that_went_back_does_not_turn_time_around() {
    let Some(project) = in_step(Engine::Uv) else { return };
    let future = "2999-01-01T00:00:00.000Z";
    let text = project.read(".instep/env/default/manifest.json");
    let time = manifest(&project)["lastSyncTime"].as_str().unwrap().to_owned();
    project.write(".instep/env/default/manifest.json", text.replace(&time, future));
    project.write("requirements.txt", "tool==2.0\n");
    project.run(["sync"]).success();
    assert_eq!(manifest(&project)["lastSyncTime"], future);
    project.run(["check"]).success();
    // A file from the future is read, whatever its stamp says.
    let file = std::fs::File::options().write(true).open(project.path("requirements.txt")).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100_000);
    file.set_modified(later).unwrap();
    project.run(["check"]).success();
    project.write("requirements.txt", "tool==1.0\n");
    assert_eq!(reasons(&project), ["requirements_changed"]);
}

#[cfg(unix)]
#[test]
fn a_home_that_cannot_be_written_costs_only_the_cache() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    let nowhere = project.temp().join("file");
    std::fs::write(&nowhere, "").unwrap();
    let project = project.variable("INSTEP_CACHE_DIR", nowhere.join("cache"));
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    project.run(["check"]).success();
}

#[test]
fn an_environment_behind_a_link_is_rebuilt_where_it_is() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    let elsewhere = project.temp().join("big-disk");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, project.path(".venv")).unwrap();
    project.run(["sync"]).success();
    project.run(["sync", "--rebuild"]).success();
    assert!(project.path(".venv").is_symlink());
    assert_eq!(run_script(&project, "tool"), format!("tool 1.0 {elsewhere}"));
    project.run(["check", "--deep"]).success();
}

#[test]
fn an_older_manifest_put_back_is_not_taken_for_the_current_one() {
    let Some(project) = in_step(Engine::Uv) else { return };
    let old = project.read(".instep/env/default/manifest.json");
    project.write("requirements.txt", "tool==2.0\n");
    project.run(["sync"]).success();
    project.write(".instep/env/default/manifest.json", old);
    let found = reasons(&project);
    assert!(found.contains(&"requirements_changed".to_owned()), "{found:?}");
}

#[test]
fn the_installer_of_an_adopted_environment_is_nobodys_business() {
    let Some(project) = Engine::Uv.project() else { return };
    let Some(python) = tools::python() else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    let mut venv = project.command(&python);
    venv.args(["-m", "venv", ".venv"]);
    project.finish(venv).success();
    project.run(["sync"]).success();
    let site = instep_tests::installed(&project.path(".venv"));
    assert!(site.contains_key("pip"), "the seed was removed");
    let mut remove = project.command(&project.path(".venv/bin/python"));
    remove.args(["-m", "pip", "uninstall", "--yes", "setuptools"]);
    project.finish(remove).success();
    project.run(["check"]).success();
    project.run(["check", "--deep"]).success();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    for engine in [Engine::Uv, Engine::Pip] {
        let Some(project) = engine.project() else { return };
        let Some(disk) = crate::support::SmallDisk::mount(project.root(), "6M", false) else {
            return;
        };
        family(&project);
        project.wheel(&instep_tests::Wheel::new("big", "1.0").file("big.txt", noise(9_000_000)));
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["sync"]).success();
        project.write("requirements.txt", "tool==1.0\nbig==1.0\n");
        let outcome = project.run(["sync"]).exit(2);
        let said = outcome.stderr.to_lowercase();
        assert!(said.contains("space"), "{engine:?}: {said}");
        assert!(run_script(&project, "tool").starts_with("tool 1.0"), "{engine:?}");
        project.write("requirements.txt", "tool==1.0\n");
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{engine:?}");
        project.run(["check", "--deep"]).success();
        assert_tidy(&project);
        drop(disk);
    }
}

/// Text that does not compress, the same every time.
#[cfg(target_os = "linux")]
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(state >> 56).unwrap_or_default()
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_project_that_cannot_be_written_can_be_checked_and_says_so() {
    let Some(project) = Engine::Uv.project() else { return };
    let Some(_disk) = crate::support::SmallDisk::mount(project.root(), "6M", false) else { return };
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    project.write("requirements.txt", "tool==2.0\n");
    let remount = std::process::Command::new("mount")
        .args(["-o", "remount,ro", project.root().as_str()])
        .status()
        .unwrap();
    assert!(remount.success());
    project.run(["check"]).exit(1);
    let outcome = project.run(["sync"]).exit(2);
    assert!(outcome.stderr.to_lowercase().contains("read-only"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("help:"), "{}", outcome.stderr);
    let outcome = project.run(["sync", "--dry-run"]).success();
    assert!(outcome.stdout.contains("tool 1.0 -> 2.0"), "{}", outcome.stdout);
}
