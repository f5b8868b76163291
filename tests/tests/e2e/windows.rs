//! What is so on Windows alone: drives and shares of the network, paths as that system writes them, its own
//! command interpreter. Under Wine, the drive is a folder of which the registry says that it is one.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_mirror::is_network;
use instep_tests::{Outcome, Project, tools};

use crate::support::json;

/// A project on a network drive, removed with it.
struct OnDrive {
    folder: Utf8PathBuf,
}

impl OnDrive {
    /// `root`: a drive or a share.
    fn new(root: &str, name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let folder = Utf8PathBuf::from([root, "\\", &name].concat());
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src").join("a.py"), "one\n").unwrap();
        Self { folder }
    }

    fn run(&self, project: &Project, args: &[&str]) -> Outcome {
        // No program of Wine can be started in a share.
        project.run([&["mirror", "--directory", self.folder.as_str()], args].concat())
    }
}

impl Drop for OnDrive {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_drive_is_one_of_the_network_where_the_system_says_so() {
    let Some((drive, share)) = tools::network() else { return };
    let unc = [r"\\?\UNC", share.get(1..).unwrap_or_default()].concat();
    let table = [
        (format!(r"{drive}\"), true),
        (format!(r"{drive}\not\there\yet"), true),
        (format!(r"{}\not/there", drive.to_lowercase()), true),
        (format!(r"\\?\{drive}\not\there"), true),
        (share.clone(), true),
        (format!(r"{share}\not\there"), true),
        (format!(r"{unc}\not\there"), true),
        (r"\\no-such-server\share\folder".to_owned(), true),
        (r"C:\".to_owned(), false),
        (r"C:\not\there\yet".to_owned(), false),
        (r"\\?\C:\windows".to_owned(), false),
        (r"\\?\C:\not\there".to_owned(), false),
    ];
    for (path, expected) in table {
        assert_eq!(is_network(Utf8Path::new(&path)), expected, "{path}");
    }
}

#[test]
fn a_project_on_a_network_drive_is_mirrored_without_a_configuration() {
    let Some((drive, share)) = tools::network() else { return };
    for root in [&drive, &share] {
        let project = Project::new();
        let there = OnDrive::new(root, "project");
        let outcome = there.run(&project, &["pre-step"]).success();
        let variable = |name: &str| {
            let line = outcome.stdout.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name}: {}", outcome.stdout)).to_owned()
        };
        assert_eq!(variable("NETWORK_PROJECT_PATH="), there.folder);
        assert_eq!(variable("SMART_SYNC_ENABLED="), "true");
        let local = Utf8PathBuf::from(variable("LOCAL_PROJECT_PATH="));
        assert_eq!(variable("PROJECT_PATH="), local);
        assert!(local.starts_with(project.temp()) && !local.as_str().contains('/'), "{local}");
        assert_eq!(fs::read_to_string(local.join("src").join("a.py")).unwrap(), "one\n");
        let outcome = there.run(&project, &["status"]).success();
        let line = format!("network {} (a network drive)", there.folder);
        assert!(outcome.stdout.contains(&line), "{}", outcome.stdout);
        assert!(outcome.stdout.contains(&format!("local   {local}\n")), "{}", outcome.stdout);
        let outcome = there.run(&project, &["status", "--json"]).success();
        assert_eq!(json(&outcome.stdout)["onNetworkDrive"], true);
    }
    let outcome = Project::new().run(["mirror", "status"]).success();
    assert!(outcome.stderr.contains("no mirror is needed"), "{}", outcome.stderr);
}

#[test]
fn a_command_of_the_system_runs_locally_and_what_it_wrote_goes_up() {
    let project = Project::new();
    project.write("instep.toml", "[mirror.default]\nnetwork = 'net/project'\nlocal = 'local'\n");
    project.write("net/project/src/a.py", "one\n");
    project.write("net/project/build.cmd", "@echo off\r\necho %1> built.txt\r\nexit /b 5\r\n");
    let script =
        "cd & echo %PROJECT_PATH%& echo %NETWORK_PROJECT_PATH%& echo made> made.txt& exit 7";
    let outcome = project.run(["mirror", "run", "--", "cmd", "/c", script]).exit(7);
    let (local, network) = (project.path("local"), project.path("net").join("project"));
    let lines: Vec<&str> = outcome.stdout.lines().map(str::trim_end).collect();
    assert_eq!(lines, [local.as_str(), local.as_str(), network.as_str()]);
    assert_eq!(project.read("net/project/made.txt").trim_end(), "made");
    // Scripts of the system are programs too, on the path and in a folder.
    let folder = project.temp().join("bin");
    fs::write(folder.join("tool.cmd"), "@echo tool %1\r\n").unwrap();
    let outcome = project.run(["mirror", "run", "--", "tool", "a b"]).success();
    assert!(outcome.stdout.contains("tool \"a b\""), "{}", outcome.stdout);
    project.run(["mirror", "run", "--", r".\build.cmd", "x"]).exit(5);
    assert_eq!(project.read("net/project/built.txt").trim_end(), "x");
}

#[test]
fn paths_are_the_systems_where_people_read_them_and_portable_in_files() {
    let project = Project::new();
    project.write("instep.toml", "[mirror.default]\nnetwork = './net/project'\nlocal = 'local'\n");
    project.write("net/project/src/a.py", "one\n");
    let mirror = |args: &[&str]| project.run([&["mirror"], args].concat());
    let outcome = mirror(&["init"]).success();
    assert!(outcome.stderr.contains("in step: 2 down"), "{}", outcome.stderr);
    let (local, network) = (project.path("local"), project.path("net").join("project"));
    let outcome = mirror(&["status"]).success();
    for line in [format!("network {network}\n"), format!("local   {local}\n")] {
        assert!(outcome.stdout.contains(&line), "{line}: {}", outcome.stdout);
    }
    let outcome = mirror(&["validate"]).success();
    for line in [format!("network {network}\n"), "tells upper from lower case: no\n".to_owned()] {
        assert!(outcome.stdout.contains(&line), "{line}: {}", outcome.stdout);
    }
    let log = json(&project.read("local/.sync_log.json"));
    assert_eq!(log["network_path"], network.as_str());
    assert_eq!(log["local_path"], local.as_str());
    project.write("net/project/src/a.py", "network\n");
    project.write("local/src/a.py", "local\n");
    let outcome = mirror(&["sync", "--json"]).exit(1);
    assert_eq!(json(&outcome.stdout)["conflicts"][0]["path"], "src/a.py");
    let log = json(&project.read("local/.sync_log.json"));
    assert_eq!(log["conflicts"][0], "src/a.py");
    // A path is named with either slash.
    mirror(&["resolve", r"src\a.py", "--keep", "network"]).success();
    mirror(&["up"]).success();
    fs::remove_file(project.path("net/project/src/a.py")).unwrap();
    mirror(&["down"]).success();
    assert!(!project.exists("local/src/a.py"));
    let outcome = mirror(&["restore", r"src\a.py"]).success();
    assert!(outcome.stderr.contains("src/a.py is as it was"), "{}", outcome.stderr);
    assert_eq!(project.read("local/src/a.py"), "network\n");
    fs::rename(project.path("net/project"), project.path("net/away")).unwrap();
    let outcome = mirror(&["sync"]).exit(2);
    assert!(outcome.stderr.contains(network.as_str()), "{}", outcome.stderr);
}

#[test]
fn a_file_that_another_program_has_open_is_named_and_the_code_is_1() {
    use std::os::windows::fs::OpenOptionsExt as _;

    let project = Project::new();
    project.write("instep.toml", "[mirror.default]\nnetwork = 'net'\nlocal = 'local'\n");
    project.write("net/a.txt", "one\n");
    project.write("net/b.txt", "one\n");
    project.run(["mirror", "sync"]).success();
    project.write("net/a.txt", "changed\n");
    project.write("net/b.txt", "changed\n");
    let held = std::fs::File::options().read(true).share_mode(0).open(project.path("local/a.txt"));
    let outcome = project.run(["mirror", "sync"]).exit(1);
    let expected = "a.txt (network) is left alone: another program has it open on the local side";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    assert_eq!(project.read("local/b.txt"), "changed\n");
    drop(held.unwrap());
    project.run(["mirror", "sync"]).success();
    assert_eq!(project.read("local/a.txt"), "changed\n");
}

#[test]
fn a_folder_without_a_configuration_is_told_what_it_lacks() {
    let project = Project::new();
    for args in [&["check"] as &[&str], &["status"], &["lock", "--check"]] {
        let outcome = project.run(args.iter().copied()).exit(2);
        assert!(outcome.stderr.contains("has nothing to follow"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("help: write one of them"), "{}", outcome.stderr);
    }
}
