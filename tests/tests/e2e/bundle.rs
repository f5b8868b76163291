//! `instep bundle`: made, carried by a real registry, verified, installed with no network.

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::Utf8Path;
use fs_err as fs;
use instep_tests::{Project, Registry, VaultServer, Wheel, tools};
use serde_json::Value;

use crate::support::{ENGINES, Moments, SmallDisk, json, kills};

const BUNDLE: &str = "site.bundle";

/// A project of two packages, a folder of models, and no image.
fn small(project: &Project) {
    for (name, version) in [("alpha", "1.0"), ("beta", "2.0")] {
        project.wheel(&Wheel::new(name, version).file(&format!("{name}.py"), "1\n"));
    }
    project.write("requirements.txt", "alpha==1.0\nbeta==2.0\n");
    project.write("models/large.bin", vec![7; 300_000]);
    project.write("models/de/ep.txt", "deep\n");
    project.write(
        "instep.toml",
        "[env.default]\nrequirements = [\"requirements.txt\"]\nlock = false\n\
         [bundle]\nname = \"site\"\nimages = []\nfiles = [\"models\"]\n",
    );
}

/// A site: another machine, which has nothing but the root.
fn site(from: &Project) -> Project {
    let site = Project::named("the site").without(&["PIP_FIND_LINKS", "UV_FIND_LINKS"]);
    fs::copy(from.path("trust/root.json"), site.path("root.json")).unwrap();
    site
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Puts an image of one layer with one file into a registry: by umoci and skopeo.
fn push_image(registry: &Registry, name: &str) -> Option<()> {
    let (umoci, skopeo) = (tools::system("umoci")?, tools::system("skopeo")?);
    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(guard.path()).unwrap();
    fs::write(folder.join("hello.txt"), "hello\n").unwrap();
    let run = |program: &Utf8Path, words: &[&str]| {
        let output = Command::new(program)
            .args(words)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
    };
    run(&umoci, &["init", "--layout", "layout"]);
    run(&umoci, &["new", "--image", "layout:one"]);
    run(&umoci, &["insert", "--rootless", "--image", "layout:one", "hello.txt", "/hello.txt"]);
    let to = format!("docker://{}/{name}", registry.host());
    run(&skopeo, &["copy", "--dest-tls-verify=false", "oci:layout:one", &to]);
    Some(())
}

fn missing(answer: &Value) -> Vec<String> {
    let missing = answer["manifest"]["missing"].as_array().unwrap();
    missing.iter().map(|one| format!("{} {}", one["kind"], one["what"])).collect()
}

#[test]
fn the_whole_way_from_a_lock_to_an_environment_at_a_site_without_network() {
    let (Some(uv), Some(registry), Some(vault)) =
        (tools::require("uv"), Registry::start(), VaultServer::start())
    else {
        return;
    };
    let Some(()) = push_image(&registry, "tools/hello:1") else { return };
    for role in ["root", "targets", "snapshot", "timestamp"] {
        vault.put(&format!("instep/tuf/{role}"), &format!("{{\"password\": \"of the {role}\"}}"));
    }
    let example = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart");
    let home = Project::new()
        .online()
        .tool(&uv)
        .variable("VAULT_ADDR", vault.address())
        .variable("VAULT_TOKEN", vault.token());
    for name in ["requirements.txt", "requirements-lock.txt"] {
        fs::copy(example.join(name), home.path(name)).unwrap();
    }
    home.write("models/weights.bin", vec![42; 2_000_000]);
    home.write(
        "instep.toml",
        format!(
            "[bundle]\nname = \"site\"\nimages = [\"{}/tools/hello:1\"]\nfiles = [\"models\"]\n",
            registry.host()
        ),
    );

    let answer = json(&home.run(["bundle", "create", "--release", "--json"]).success().stdout);
    assert_eq!(missing(&answer), [""; 0], "{answer:#}");
    assert!(answer["manifest"]["wheels"].as_array().unwrap().len() > 150);
    assert_eq!(answer["manifest"]["images"].as_array().unwrap().len(), 1);
    let pem = home.read("trust/keys/targets.pem");
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{pem}");

    let reference = format!("oci://{}/bundles/site:1", registry.host());
    home.run(["bundle", "push", BUNDLE, &reference]).success();

    let site = site(&home).tool(&uv);
    site.run(["bundle", "pull", &reference, "--out", BUNDLE, "--root", "root.json"]).success();
    // From here on there is no network at all.
    drop(registry);
    drop(vault);
    site.run(["bundle", "verify", BUNDLE, "--root", "root.json"]).success();
    site.run(["bundle", "install", BUNDLE, "--root", "root.json"]).success();
    site.run(["check"]).success();
    assert_eq!(fs::read(site.path("models/weights.bin")).unwrap(), vec![42; 2_000_000]);
    let packages = instep_tests::installed(&site.path(".venv"));
    assert!(packages.len() > 150, "{}", packages.len());
    let tar = site.path(BUNDLE).join("images");
    assert_eq!(tar.read_dir_utf8().unwrap().count(), 1);
}

#[test]
fn a_site_installs_with_uv_and_with_pip_in_a_folder_with_spaces() {
    for engine in ENGINES {
        let Some(home) = engine.project_named("here and, there") else { continue };
        small(&home);
        home.run(["bundle", "create"]).success();
        let Some(project) = engine.project_named("a site, with spaces") else { continue };
        let project = project.without(&["PIP_FIND_LINKS", "UV_FIND_LINKS"]);
        let bundle = project.path(BUNDLE);
        copy(&home.path(BUNDLE), &bundle);
        let root = home.path("trust/root.json");
        let install = ["bundle", "install", BUNDLE, "--root", root.as_str()];
        let planned = project.run(install.iter().chain(&["--dry-run"])).success();
        assert!(planned.stderr.contains("4 files would be written"), "{}", planned.stderr);
        assert!(!project.exists("requirements.txt"));
        project.run(install).success();
        project.run(["check"]).success();
        let packages = instep_tests::installed(&project.path(".venv"));
        assert_eq!(packages["alpha"], "1.0", "{}", engine.name());
        assert_eq!(packages["beta"], "2.0", "{}", engine.name());
        assert_eq!(project.read("models/de/ep.txt"), "deep\n");
        let again = project.run(install).success();
        assert!(again.stderr.contains("0 files written"), "{}", again.stderr);
        assert!(again.stderr.contains("in step"), "{}", again.stderr);
    }
}

#[test]
fn files_of_a_site_that_are_others_stay_unless_told() {
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    let site = site(&home);
    copy(&home.path(BUNDLE), &site.path(BUNDLE));
    site.write("models/large.bin", "mine");
    let install = ["bundle", "install", BUNDLE, "--root", "root.json"];
    let refused = site.run(install).exit(2);
    assert!(refused.stderr.contains("models/large.bin"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    assert!(!site.exists("instep.toml"), "nothing was written");
    assert_eq!(site.read("models/large.bin"), "mine");
    site.run(install.iter().chain(&["--replace"])).success();
    assert_eq!(fs::read(site.path("models/large.bin")).unwrap(), vec![7; 300_000]);
}

#[test]
fn what_cannot_be_had_is_named_and_the_rest_is_there() {
    let Some(registry) = Registry::start() else { return };
    let home = Project::new();
    small(&home);
    home.write("requirements.txt", "alpha==1.0\nbeta==3.0\n");
    let config = home.read("instep.toml").replace(
        "images = []\nfiles = [\"models\"]",
        &format!("images = [\"{}/no/such:1\"]\nfiles = [\"models\", \"nowhere\"]", registry.host()),
    );
    home.write("instep.toml", config);
    let planned = home.run(["bundle", "create", "--dry-run"]).exit(2);
    assert!(planned.stdout.contains("alpha-1.0-py3-none-any.whl"), "{}", planned.stdout);
    assert!(!home.exists(BUNDLE) && !home.exists("trust"), "a dry run writes nothing");
    let made = home.run(["bundle", "create", "--json"]).exit(2);
    let answer = json(&made.stdout);
    let image = format!("\"image\" \"{}/no/such:1\"", registry.host());
    assert_eq!(missing(&answer), ["\"wheel\" \"beta 3.0\"", &image, "\"file\" \"nowhere\""]);
    assert_eq!(answer["manifest"]["wheels"].as_array().unwrap().len(), 1);
    home.run(["bundle", "verify", BUNDLE]).success();
}

#[test]
fn images_alone_are_a_bundle_and_are_not_fetched_twice() {
    let Some(registry) = Registry::start() else { return };
    let Some(()) = push_image(&registry, "tools/hello:1") else { return };
    let home = Project::new();
    home.write(
        "instep.toml",
        format!("[bundle]\nname = \"site\"\nimages = [\"{}/tools/hello:1\"]\n", registry.host()),
    );
    home.run(["bundle", "create"]).success();
    let blobs = |registry: &Registry| {
        let requests = registry.requests();
        requests.iter().filter(|one| one.method == "GET" && one.path.contains("/blobs/")).count()
    };
    let fetched = blobs(&registry);
    assert!(fetched > 0);
    home.run(["bundle", "create"]).success();
    // Its configuration, which says what it is; no layer.
    assert_eq!(blobs(&registry), fetched + 1);
    let site = site(&home);
    copy(&home.path(BUNDLE), &site.path(BUNDLE));
    let outcome = site.run(["bundle", "install", BUNDLE, "--root", "root.json"]).success();
    assert!(outcome.stderr.contains("docker load -i"), "{}", outcome.stderr);
}

#[test]
fn a_changed_byte_is_named_and_the_answer_is_no() {
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    home.run(["bundle", "verify", BUNDLE]).success();
    let path = home.path(BUNDLE).join("project/models/large.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[150_000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    home.write(&format!("{BUNDLE}/wheels/extra.whl"), "");
    let refused = home.run(["bundle", "verify", BUNDLE]).exit(1);
    for named in
        ["project/models/large.bin is not what was signed", "wheels/extra.whl was not signed"]
    {
        assert!(refused.stderr.contains(named), "{}", refused.stderr);
    }
    let answer = json(&home.run(["bundle", "verify", BUNDLE, "--json"]).exit(1).stdout);
    assert_eq!(answer["isVerified"], false);
    assert_eq!(answer["faults"].as_array().unwrap().len(), 2);
    let site = site(&home);
    let bundle = home.path(BUNDLE);
    site.run(["bundle", "install", bundle.as_str(), "--root", "root.json"]).exit(1);
    assert!(!site.exists("instep.toml") && !site.exists(".venv"));
}

#[test]
fn an_older_bundle_is_refused_where_a_newer_one_was_seen() {
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    let old = home.path("old.bundle");
    copy(&home.path(BUNDLE), &old);
    home.run(["bundle", "create"]).success();
    let site = site(&home);
    let new = home.path(BUNDLE);
    let verify =
        |bundle: &Utf8Path| site.run(["bundle", "verify", bundle.as_str(), "--root", "root.json"]);
    verify(&old).success();
    verify(&new).success();
    let refused = verify(&old).exit(1);
    assert!(refused.stderr.contains("was accepted here before"), "{}", refused.stderr);
}

#[test]
fn without_a_root_nothing_is_trusted() {
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    let bundle = home.path(BUNDLE);
    let site = Project::new();
    for words in [
        vec!["bundle", "verify", bundle.as_str()],
        vec!["bundle", "install", bundle.as_str()],
        vec!["bundle", "pull", "oci://127.0.0.1:1/site:1", "--out", "site.bundle"],
    ] {
        let refused = site.run(words).exit(2);
        assert!(refused.stderr.contains("--root"), "{}", refused.stderr);
    }
}

#[test]
fn a_trial_password_does_not_sign_a_release() {
    let home = Project::new();
    small(&home);
    let refused = home.run(["bundle", "create", "--release"]).exit(2);
    assert!(refused.stderr.contains("root"), "{}", refused.stderr);
    assert!(!home.exists(BUNDLE) && !home.exists("trust/keys/root.pem"));
    let trial = home.run(["bundle", "create"]).success();
    assert!(trial.stderr.contains("password that everybody knows"), "{}", trial.stderr);
}

#[test]
fn what_is_no_bundle_is_neither_replaced_nor_read() {
    let home = Project::new();
    small(&home);
    home.write("letters/dear.txt", "mine");
    let refused = home.run(["bundle", "create", "--out", "letters"]).exit(2);
    assert!(refused.stderr.contains("letters"), "{}", refused.stderr);
    assert_eq!(home.read("letters/dear.txt"), "mine");
    home.run(["bundle", "create", "--out", "models/site.bundle"]).exit(2);
    home.run(["bundle", "create"]).success();
    let refused = home.run(["bundle", "push", "letters", "oci://127.0.0.1:1/site:1"]).exit(2);
    assert!(refused.stderr.contains("bundle.json"), "{}", refused.stderr);
    let newer = home
        .read(&format!("{BUNDLE}/bundle.json"))
        .replace("\"schemaVersion\": 1", "\"schemaVersion\": 9");
    home.write(&format!("{BUNDLE}/bundle.json"), newer);
    for words in [["bundle", "verify", BUNDLE], ["bundle", "install", BUNDLE]] {
        let refused = home.run(words).exit(2);
        assert!(refused.stderr.contains("later version"), "{}", refused.stderr);
    }
}

#[test]
fn a_second_push_sends_the_changed_wheel_and_what_names_it() {
    let Some(registry) = Registry::start() else { return };
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    let reference = format!("oci://{}/site:1", registry.host());
    home.run(["bundle", "push", BUNDLE, &reference]).success();
    home.wheel(&Wheel::new("beta", "2.1").file("beta.py", "2\n"));
    home.write("requirements.txt", "alpha==1.0\nbeta==2.1\n");
    home.run(["bundle", "create"]).success();
    let answer = json(&home.run(["bundle", "push", BUNDLE, &reference, "--json"]).success().stdout);
    // The wheel, its page, the lock, bundle.json, and what was signed anew: targets, snapshot, timestamp.
    assert_eq!(answer["sent"], 7, "{answer:#}");
    let site = site(&home);
    let pull = ["bundle", "pull", &reference, "--out", BUNDLE, "--root", "root.json"];
    site.run(pull).success();
    let answer = json(&site.run(pull.iter().chain(&["--json"])).success().stdout);
    assert_eq!(answer["pulled"]["fetched"], 0, "{answer:#}");
}

#[test]
fn a_pulled_bundle_that_is_not_what_was_signed_gets_no_place() {
    let Some(registry) = Registry::start() else { return };
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    home.write(&format!("{BUNDLE}/project/models/de/ep.txt"), "other\n");
    let reference = format!("oci://{}/site:1", registry.host());
    home.run(["bundle", "push", BUNDLE, &reference]).success();
    let site = site(&home);
    let refused =
        site.run(["bundle", "pull", &reference, "--out", BUNDLE, "--root", "root.json"]).exit(1);
    assert!(refused.stderr.contains("project/models/de/ep.txt"), "{}", refused.stderr);
    assert!(!site.exists(BUNDLE));
}

#[test]
fn a_bundle_whose_making_was_killed_is_the_old_one_and_the_next_run_makes_the_new_one() {
    let home = Project::new();
    small(&home);
    home.run(["bundle", "create"]).success();
    let begun = Instant::now();
    home.run(["bundle", "create"]).success();
    let (mut moments, takes) = (Moments(7), begun.elapsed());
    for round in 0..kills() {
        home.write("models/de/ep.txt", format!("{round}\n"));
        let mut child = home
            .instep(["bundle", "create"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moments.below(takes));
        let _ = child.kill();
        let _ = child.wait();
        // Whatever there is, is whole.
        home.run(["bundle", "verify", BUNDLE]).success();
    }
    home.write("models/de/ep.txt", "last\n");
    home.run(["bundle", "create"]).success();
    home.run(["bundle", "verify", BUNDLE]).success();
    assert_eq!(home.read(&format!("{BUNDLE}/project/models/de/ep.txt")), "last\n");
    for left in ["site.bundle.new", "site.bundle.old"] {
        assert!(!home.exists(left), "{left}");
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_the_bundle_that_was_there() {
    let home = Project::new();
    small(&home);
    let disk = home.path("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk, "1m", false) else { return };
    let create = ["bundle", "create", "--out", "disk/site.bundle"];
    home.run(create).success();
    home.write("models/larger.bin", vec![9; 1_000_000]);
    let refused = home.run(create).exit(2);
    assert!(refused.stderr.contains("free some disk space"), "{}", refused.stderr);
    home.run(["bundle", "verify", "disk/site.bundle"]).success();
    fs::remove_file(home.path("models/larger.bin")).unwrap();
    home.run(create).success();
    home.run(["bundle", "verify", "disk/site.bundle"]).success();
}
