//! Layers when something goes wrong: kills, a full disk, an index that is not there. All locks are the
//! new ones, or all are the old ones, or the next run says that they are not and mends it.

use std::process::Stdio;
use std::time::Instant;

use instep_tests::{Index, Project};

use crate::support::{Engine, Moments, assert_tidy, family, kills};

const NAMES: [&str; 3] = ["base", "dev", "web"];

/// Three layers, locked; then one edit that changes every lock.
fn locked_then_edited(strategy: &str) -> Option<Project> {
    let project = Engine::Uv.project()?;
    family(&project);
    project.write("instep.toml", format!("[layers]\nstrategy = '{strategy}'\n"));
    project.write("requirements/base.in", "leaf<2\n");
    project.write("requirements/dev.in", "-c base.txt\ntool\nleaf\n");
    project.write("requirements/web.in", "-r base.in\napp\n");
    project.run(["lock"]).success();
    project.write("requirements/base.in", "leaf\n");
    Some(project)
}

fn locks(project: &Project) -> Vec<String> {
    NAMES.iter().map(|name| project.read(&format!("requirements/{name}.txt"))).collect()
}

#[test]
fn killed_at_any_moment_each_lock_is_whole_and_the_next_run_completes() {
    for strategy in ["joint", "layered"] {
        let Some(project) = locked_then_edited(strategy) else { return };
        let started = Instant::now();
        project.run(["lock", "--upgrade"]).success();
        let whole = started.elapsed();
        let after = locks(&project);
        let mut moments = Moments(strategy.len() as u64);
        for round in 0..kills() {
            let Some(project) = locked_then_edited(strategy) else { return };
            let before = locks(&project);
            let moment = moments.below(whole);
            let mut command = project.instep(["lock", "--upgrade"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap();
            let what = format!("{strategy}, round {round}, {moment:?}");
            for ((found, old), new) in locks(&project).iter().zip(&before).zip(&after) {
                assert!(found == old || found == new, "{what}: {found}");
            }
            let is_done = locks(&project) == after;
            let check = project.run(["lock", "--check"]);
            assert_eq!(check.code, Some(i32::from(!is_done)), "{what}: {}", check.stdout);
            project.run(["lock", "--upgrade"]).success();
            assert_eq!(locks(&project), after, "{what}");
            project.run(["lock", "--check"]).success();
            assert_tidy(&project);
            assert!(!project.exists(".instep/layers/tmp"), "{what}");
        }
    }
}

#[test]
fn without_the_index_no_lock_changes() {
    let Some(project) = locked_then_edited("joint") else { return };
    let before = locks(&project);
    let project = project.without(&["UV_OFFLINE", "UV_FIND_LINKS", "PIP_NO_INDEX"]);
    let project =
        project.variable("PIP_INDEX_URL", Index::nowhere()).variable("UV_HTTP_RETRIES", "0");
    for strategy in ["joint", "layered"] {
        let outcome = project.run(["lock", "--upgrade", "--strategy", strategy]).exit(2);
        assert_eq!(locks(&project), before, "{strategy}");
        let said = outcome.stderr.to_lowercase();
        assert!(said.contains("127.0.0.1") && said.contains("connect"), "{strategy}: {said}");
        // What is wrong is the network, not the requirements.
        assert!(!said.contains("instep conflicts"), "{strategy}: {said}");
    }
    project.run(["lock", "--check"]).exit(1);
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_no_lock_changes() {
    use instep_tests::Wheel;

    use crate::support::SmallDisk;

    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    std::fs::create_dir(project.path("requirements")).unwrap();
    let Some(disk) = SmallDisk::mount(&project.path("requirements"), "256k", false) else { return };
    let parts: Vec<String> = (0..200).map(|number| format!("part{number}")).collect();
    for part in &parts {
        project.wheel(&Wheel::new(part, "1.0"));
    }
    project.write("instep.toml", "[layers]\n");
    project.write("requirements/base.in", "leaf<2\n");
    project.write("requirements/dev.in", "tool<2\n");
    project.write("requirements/web.in", "-r base.in\napp\n");
    project.run(["lock"]).success();
    let before = locks(&project);
    project.write("requirements/base.in", "leaf\n");
    project.write("requirements/dev.in", format!("tool\n{}\n", parts.join("\n")));
    // Room for one small lock beside the old ones, and not for a large one.
    let filler = project.path("requirements/filler");
    let mut length = 256 * 1024;
    while std::fs::write(&filler, vec![0; length]).is_err() {
        length -= 4096;
    }
    std::fs::write(&filler, vec![0; length - 2 * 4096]).unwrap();
    let outcome = project.run(["lock", "--upgrade"]).exit(2);
    assert!(outcome.stderr.to_lowercase().contains("space"), "{}", outcome.stderr);
    assert_eq!(locks(&project), before);
    std::fs::remove_file(filler).unwrap();
    project.run(["lock", "--upgrade"]).success();
    assert!(locks(&project).iter().zip(&before).all(|(now, then)| now != then));
    assert_tidy(&project);
    drop(disk);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_resolution_and_changes_nothing() {
    use std::time::Duration;

    let Some(project) = locked_then_edited("joint") else { return };
    let before = locks(&project);
    let index = Index::of(&project.wheels()).slow(Duration::from_secs(30)).start();
    let project = project.index(&index);
    let mut command = project.instep(["lock", "--upgrade"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while index.requests().is_empty() && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(started.elapsed() < Duration::from_secs(25), "it waited for the index");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cancelled") || said.contains("interrupted"), "{said}");
    assert_eq!(locks(&project), before);
    assert_tidy(&project);
}
