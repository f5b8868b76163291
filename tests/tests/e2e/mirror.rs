//! `instep mirror`, as a person and a workflow use it.

use instep_tests::{Outcome, Project};
use serde_json::Value;

use crate::support::json;

/// A project on what is taken for a network drive, and the folder that it is mirrored to.
fn project() -> Project {
    let project = Project::new();
    project.write("instep.toml", "[mirror.default]\nnetwork = 'net'\nlocal = 'local'\n");
    project.write("net/a.txt", "one\n");
    project.write("net/src/b.py", "two\n");
    project
}

fn mirror(project: &Project, args: &[&str]) -> Outcome {
    project.run([&["mirror"], args].concat())
}

#[test]
fn status_says_what_differs_and_a_sync_mends_it() {
    let project = project();
    let outcome = mirror(&project, &["sync"]).success();
    assert!(outcome.stderr.contains("in step: 3 down"), "{}", outcome.stderr);
    mirror(&project, &["status"]).success();
    project.write("net/a.txt", "changed\n");
    project.write("local/new.txt", "new\n");
    std::fs::remove_file(project.path("local/src/b.py")).unwrap();
    let outcome = mirror(&project, &["status"]).exit(1);
    for line in ["v a.txt", "^ new.txt", "- network src/b.py"] {
        assert!(outcome.stdout.contains(line), "{line}: {}", outcome.stdout);
    }
    let outcome = mirror(&project, &["sync", "--dry-run", "--json"]).success();
    assert_eq!(json(&outcome.stdout)["actions"].as_array().unwrap().len(), 3);
    assert_eq!(project.read("local/a.txt"), "one\n", "a dry run changes nothing");
    let outcome = mirror(&project, &["sync", "--json"]).success();
    let done = json(&outcome.stdout);
    assert_eq!((&done["copied"]["network"], &done["copied"]["local"]), (&1.into(), &1.into()));
    assert_eq!(project.read("local/a.txt"), "changed\n");
    assert!(!project.exists("net/src/b.py"));
    let log: Value = json(&project.read("local/.sync_log.json"));
    for (key, value) in [("operation", "incremental_sync"), ("direction", "both")] {
        assert_eq!(log[key], value, "{log}");
    }
    assert_eq!(log["network_path"], project.path("net").as_str());
    assert_eq!(log["local_path"], project.path("local").as_str());
    mirror(&project, &["restore", "src/b.py"]).success();
    mirror(&project, &["up"]).success();
    assert_eq!(project.read("net/src/b.py"), "two\n");
    let log: Value = json(&project.read("local/.sync_log.json"));
    assert_eq!(log["direction"], "local_to_network");
}

#[test]
fn a_conflict_is_listed_until_it_is_resolved() {
    let project = project();
    mirror(&project, &["init"]).success();
    project.write("net/a.txt", "network\n");
    project.write("local/a.txt", "local\n");
    let outcome = mirror(&project, &["sync"]).exit(1);
    assert!(outcome.stderr.contains("both sides changed a.txt"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("mirror resolve"), "{}", outcome.stderr);
    let outcome = mirror(&project, &["status"]).exit(1);
    assert!(outcome.stdout.contains("conflict a.txt"), "{}", outcome.stdout);
    mirror(&project, &["resolve", "b.txt", "--keep", "local"]).exit(2);
    mirror(&project, &["resolve", "a.txt", "--keep", "network"]).success();
    mirror(&project, &["sync"]).success();
    assert_eq!(project.read("local/a.txt"), "network\n");
    assert_eq!(project.read("net/a.txt"), "network\n");
    mirror(&project, &["status"]).success();
}

#[cfg(unix)]
#[test]
fn a_command_runs_locally_and_is_synced_all_the_while() {
    let project = project();
    let script = "pwd; echo $PROJECT_PATH $SMART_SYNC_ENABLED; echo made > made.txt; \
                  i=0; while [ ! -e $NETWORK_PROJECT_PATH/made.txt ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; \
                  echo waited $i > /dev/null; [ $i -lt 100 ] || exit 9; echo late > late.txt; exit 7";
    let outcome = mirror(&project, &["run", "--", "sh", "-c", script]).exit(7);
    let local = project.path("local");
    assert_eq!(outcome.stdout, format!("{local}\n{local} true\n"));
    assert_eq!(project.read("net/late.txt"), "late\n");
    // Without a mirror, the command just runs.
    project.write("instep.toml", "");
    let outcome =
        mirror(&project, &["run", "--", "sh", "-c", "echo $PROJECT_PATH $SMART_SYNC_ENABLED"]);
    assert_eq!(outcome.success().stdout, format!("{} false\n", project.root()));
    let outcome = mirror(&project, &["run", "--", "no-such-program"]).exit(2);
    assert!(outcome.stderr.contains("cannot start `no-such-program`"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_command_and_what_it_wrote_goes_up() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let project = project();
    let script =
        "trap 'echo last > last.txt; exit 0' INT; echo up > up.txt; while :; do sleep 0.1; done";
    let mut command = project.instep(["mirror", "run", "--", "sh", "-c", script]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // A terminal sends Ctrl-C to the whole group.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while !project.exists("local/up.txt") && started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let group = format!("-{}", child.id());
    let killed = std::process::Command::new("kill").args(["-INT", "--", &group]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(project.read("net/last.txt"), "last\n");
}

#[cfg(unix)]
#[test]
fn a_drive_that_goes_away_is_told_and_work_goes_on() {
    let project = project();
    mirror(&project, &["sync"]).success();
    std::fs::rename(project.path("net"), project.path("away")).unwrap();
    let outcome = mirror(&project, &["sync"]).exit(2);
    assert!(outcome.stderr.contains("is not there"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("help: mount the drive"), "{}", outcome.stderr);
    // An empty mount point is not a project in which everything was deleted.
    std::fs::create_dir(project.path("net")).unwrap();
    let outcome = mirror(&project, &["sync"]).exit(2);
    assert!(outcome.stderr.contains("is not the folder that was mirrored"), "{}", outcome.stderr);
    let outcome = mirror(&project, &["run", "--", "sh", "-c", "echo work > work.txt"]).exit(2);
    assert_eq!(project.read("local/work.txt"), "work\n", "{}", outcome.stderr);
    assert_eq!(project.read("local/a.txt"), "one\n");
    std::fs::remove_dir(project.path("net")).unwrap();
    std::fs::rename(project.path("away"), project.path("net")).unwrap();
    mirror(&project, &["sync"]).success();
    assert_eq!(project.read("net/work.txt"), "work\n");
}

#[test]
fn steps_of_a_workflow_say_where_to_work() {
    let project = project();
    let outcome = mirror(&project, &["pre-step"]).success();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let local = project.path("local");
    assert!(lines.contains(&format!("PROJECT_PATH={local}").as_str()), "{lines:?}");
    assert!(lines.contains(&"SMART_SYNC_ENABLED=true"), "{lines:?}");
    project.write("local/result.txt", "built\n");
    mirror(&project, &["post-step", "build"]).success();
    assert_eq!(project.read("net/result.txt"), "built\n");
    mirror(&project, &["post-step"]).exit(2);
}

#[test]
fn deletions_of_many_have_to_be_allowed() {
    let project = project();
    for number in 0..60 {
        project.write(&format!("net/many/{number}"), "x");
    }
    mirror(&project, &["sync"]).success();
    std::fs::remove_dir_all(project.path("local/many")).unwrap();
    let outcome = mirror(&project, &["sync"]).exit(2);
    assert!(
        outcome.stderr.contains("60 of 62 would be deleted on the network"),
        "{}",
        outcome.stderr
    );
    assert!(project.exists("net/many/59"));
    mirror(&project, &["sync", "--allow-deletes", "60"]).success();
    assert!(!project.exists("net/many"));
}

#[test]
fn what_is_wrong_with_a_configuration_is_said() {
    let project = project();
    let says = |config: &str, expected: &str| {
        project.write("instep.toml", config);
        let outcome = mirror(&project, &["sync"]).exit(2);
        assert!(outcome.stderr.contains(expected), "{expected}: {}", outcome.stderr);
    };
    says("[mirror.default]\nnetwork = 'net'\nlocal = 'net/x'\n", "one is inside of the other");
    says("[mirror.default]\nnetwork = 'net'\nlocal = 'net'\n", "one is inside of the other");
    says("[mirror.default]\nnetwork = 'nope'\nlocal = 'local'\n", "is not there");
    says("[mirror.default]\nnetwork = 'net/a.txt'\nlocal = 'local'\n", "is no folder");
    says("[mirror.default]\nnetwork = 'net'\nlocal = 'l'\nignore = ['[z-a]']\n", "is no pattern");
    says("[mirror.default]\nnetworks = 'net'\n", "networks");
    says(
        "[mirror.a]\nnetwork = 'net'\n[mirror.b]\nnetwork = 'x'\n",
        "there are several mirrors: a, b",
    );
    let outcome = mirror(&project, &["sync", "--mirror", "c"]).exit(2);
    assert!(outcome.stderr.contains("no mirror `c`"), "{}", outcome.stderr);
    // Without a local folder, one among the user's data is taken.
    project.write("instep.toml", "[mirror.default]\nnetwork = 'net'\n");
    let data = project.temp().join("data");
    let project = project.variable("XDG_DATA_HOME", &data).variable("LOCALAPPDATA", &data);
    mirror(&project, &["sync"]).success();
    if cfg!(target_os = "linux") {
        let found = data.join("instep/mirrors").read_dir_utf8().unwrap().next().unwrap().unwrap();
        assert!(found.file_name().starts_with("net-"), "{}", found.path());
        assert!(found.path().join("src/b.py").is_file());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let project = project();
    std::fs::create_dir(project.path("local")).unwrap();
    let Some(disk) = crate::support::SmallDisk::mount(&project.path("local"), "1M", false) else {
        return;
    };
    mirror(&project, &["sync"]).success();
    project.write("local/mine.txt", "mine\n");
    project.write("net/big", vec![7; 3_000_000]);
    project.write("net/a.txt", "changed\n");
    let outcome = mirror(&project, &["sync"]);
    assert!(outcome.code == Some(1) || outcome.code == Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.to_lowercase().contains("space"), "{}", outcome.stderr);
    assert!(!project.exists("local/big"), "no half of it");
    assert_eq!(project.read("local/mine.txt"), "mine\n");
    std::fs::remove_file(project.path("net/big")).unwrap();
    mirror(&project, &["sync"]).success();
    assert_eq!(project.read("local/a.txt"), "changed\n");
    assert_eq!(project.read("net/mine.txt"), "mine\n");
    drop(disk);
}

#[cfg(target_os = "linux")]
#[test]
fn down_from_a_folder_that_is_read_only_needs_no_more() {
    let project = Project::new();
    project.write("instep.toml", "[mirror.default]\nnetwork = 'net'\nlocal = 'local'\n");
    std::fs::create_dir(project.path("net")).unwrap();
    let Some(disk) = crate::support::SmallDisk::mount(&project.path("net"), "4M", false) else {
        return;
    };
    let write = |path: &str, text: &str| {
        disk.set_read_only(false);
        project.write(path, text);
        disk.set_read_only(true);
    };
    for number in 0..20 {
        write(&format!("net/many/{number}"), "x");
    }
    write("net/a.txt", "one\n");
    let outcome = mirror(&project, &["down"]).success();
    assert!(outcome.stderr.contains("in step: 22 down"), "{}", outcome.stderr);
    mirror(&project, &["status"]).success();
    write("net/a.txt", "two\n");
    project.write("local/mine.txt", "mine\n");
    let outcome = mirror(&project, &["pre-step"]).success();
    assert!(outcome.stdout.contains("SMART_SYNC_ENABLED=true"), "{}", outcome.stdout);
    assert_eq!(project.read("local/a.txt"), "two\n");
    assert_eq!(project.read("local/mine.txt"), "mine\n");
    let mut names: Vec<String> = std::fs::read_dir(project.path("net"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["a.txt", "many"]);
    // What needs to write says so, and changes nothing.
    let outcome = mirror(&project, &["sync"]).exit(2);
    assert!(outcome.stderr.contains("read-only"), "{}", outcome.stderr);
    // An empty mount point is not a project in which everything was deleted.
    drop(disk);
    for command in ["down", "up", "sync", "status"] {
        let outcome = mirror(&project, &[command]).exit(2);
        assert!(outcome.stderr.contains("is empty, and was not"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("help: if the drive is not mounted"), "{}", outcome.stderr);
    }
    assert_eq!(std::fs::read_dir(project.path("net")).unwrap().count(), 0);
    assert_eq!(project.read("local/many/7"), "x");
    let outcome = mirror(&project, &["run", "--", "sh", "-c", "echo work > work.txt"]).exit(2);
    assert_eq!(project.read("local/work.txt"), "work\n", "{}", outcome.stderr);
}

// Wine has no docker-compose, and what the example says does not depend on the system.
#[cfg(unix)]
#[test]
fn the_compose_example_is_one() {
    let Some(compose) = instep_tests::tools::system("docker-compose") else { return };
    let project = project();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/compose/docker-compose.yml");
    std::fs::copy(example, project.path("net/docker-compose.yml")).unwrap();
    let outcome = mirror(&project, &["run", "--", compose.as_str(), "config"]).success();
    let local = project.path("local");
    assert!(outcome.stdout.contains(&format!("{local}:/app")), "{}", outcome.stdout);
    let enabled = outcome.stdout.replace('"', "'");
    assert!(enabled.contains("SMART_SYNC_ENABLED: 'true'"), "{}", outcome.stdout);
}
