//! What a check may believe without reading, and what it must never miss.

use std::thread::sleep;
use std::time::Duration;

use instep_tests::Project;
#[cfg(unix)]
use instep_tests::tools;

use crate::support::{Engine, family, json, reasons};
#[cfg(unix)]
use crate::support::{make_executable, packages, set};

/// Longer than any clock of a file system needs to tell two writes apart.
const SETTLED: Duration = Duration::from_millis(100);

fn sync_finds_nothing_to_do(project: &Project) {
    let answer = json(&project.run(["sync", "--json"]).success().stdout);
    assert_eq!(answer["environments"][0]["outcome"], "in_step");
}

/// An environment of which the stamps are settled.
fn synced(requirements: &str) -> Option<Project> {
    let project = Engine::Uv.project()?;
    family(&project);
    project.write("requirements.txt", requirements);
    project.run(["sync"]).success();
    sleep(SETTLED);
    sync_finds_nothing_to_do(&project);
    Some(project)
}

fn stamps(project: &Project) -> String {
    project.read(".instep/env/default/stat-cache.json")
}

#[test]
fn stamps_that_proved_nothing_are_taken_anew_by_a_sync_and_never_by_a_check() {
    let Some(project) = synced("tool==1.0\n") else { return };
    let first = stamps(&project);
    sync_finds_nothing_to_do(&project);
    assert_eq!(stamps(&project), first, "nothing was doubted");

    project.write("requirements.txt", "# touched\ntool==1.0\n");
    sleep(SETTLED);
    project.run(["check"]).success();
    project.run(["sync", "--dry-run"]).success();
    assert_eq!(stamps(&project), first, "a check and a dry run write nothing");
    sync_finds_nothing_to_do(&project);
    let second = stamps(&project);
    assert_ne!(second, first);
    sync_finds_nothing_to_do(&project);
    assert_eq!(stamps(&project), second);

    std::fs::remove_file(project.path(".instep/env/default/stat-cache.json")).unwrap();
    sync_finds_nothing_to_do(&project);
    assert!(project.exists(".instep/env/default/stat-cache.json"), "it came back");
    project.write("requirements.txt", "tool==2.0\n");
    assert_eq!(reasons(&project), ["requirements_changed"]);
}

#[test]
fn a_file_that_is_included_without_changing_the_meaning_is_watched_from_then_on() {
    let Some(project) = synced("tool==1.0\n") else { return };
    project.write("base.txt", "tool==1.0\n");
    project.write("requirements.txt", "-r base.txt\n");
    sleep(SETTLED);
    sync_finds_nothing_to_do(&project);
    sync_finds_nothing_to_do(&project);
    project.write("base.txt", "tool==2.0\n");
    assert_eq!(reasons(&project), ["requirements_changed"]);
}

#[test]
fn a_file_that_was_not_there_and_comes_is_noticed() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    crate::sources::local(&project, "local");
    project.write("requirements.txt", "./local\n");
    project.run(["sync"]).success();
    sleep(SETTLED);
    sync_finds_nothing_to_do(&project);
    project.write("local/setup.cfg", "[metadata]\nname = local\n");
    assert_eq!(reasons(&project), ["requirements_changed"]);
}

/// Whoever moves a file into place while a sync runs brings a time of long ago along.
#[cfg(unix)]
#[test]
fn requirements_replaced_while_they_are_installed_are_found_by_the_next_check() {
    let Some(uv) = tools::require("uv") else { return };
    let Some(project) = synced("tool==1.0\n") else { return };
    std::fs::remove_dir_all(project.path(".venv")).unwrap();
    project.write("later.txt", "tool==2.0\n");
    let wrapper = project.temp().join("bin").join("uv");
    std::fs::remove_file(&wrapper).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *sync*|*install*) mv -f later.txt requirements.txt;; esac\n\
         exec {uv} \"$@\"\n"
    );
    std::fs::write(&wrapper, script).unwrap();
    make_executable(&wrapper);
    sleep(SETTLED);
    project.run(["sync"]).success();
    assert!(!project.exists("later.txt"), "it was moved");
    assert_eq!(packages(&project), set(&[("tool", "1.0")]));
    assert_eq!(reasons(&project), ["requirements_changed"]);
    project.run(["sync"]).success();
    assert_eq!(packages(&project), set(&[("tool", "2.0")]));
}
