//! `instep wheels download`: a lock for several targets at once, and pip and uv that install from the result with no
//! network. What is slow, or breaks off, is an index of this machine; the packages of the first tests are real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use instep_tests::{Behaviour, Index, Project, Wheel, tools};
use sha2::{Digest as _, Sha256};

use crate::support::{Moments, json, kills};

const HOUSE: &str = "wheelhouse";

/// The wheels of a folder, and their bytes' digests.
fn wheels(folder: &Utf8Path) -> BTreeMap<String, String> {
    let entries = folder.read_dir_utf8().unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.path().extension() == Some("whl"))
        .map(|entry| (entry.file_name().to_owned(), digest(entry.path())))
        .collect()
}

fn digest(path: &Utf8Path) -> String {
    let digest = Sha256::digest(fs_err::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Every file below a folder, the pages too.
fn everything(folder: &Utf8Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.into_path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_string();
                found.insert(name, digest(entry.path()));
            }
        }
    }
    found
}

/// `NAME==VERSION --hash=..` of wheels.
fn lock_of(wheels: &[(Wheel, &str)], folder: &Utf8Path) -> String {
    let line = |(wheel, pin): &(Wheel, &str)| {
        let digest = digest(&folder.join(wheel.file_name()));
        format!("{pin} --hash=sha256:{digest}\n")
    };
    wheels.iter().map(line).collect::<Vec<_>>().concat()
}

/// Two packages for two targets, one of them of many bytes.
fn small_lock(project: &Project) {
    let bulk = "x = 0\n".repeat(100_000);
    let one = Wheel::new("one", "1.0").file("one.py", "1\n");
    let two = Wheel::new("two", "2.0").file("two.py", &bulk).requires("one");
    let pinned = [(one, "one==1.0"), (two, "two==2.0")];
    for (wheel, _) in &pinned {
        project.wheel(wheel);
    }
    project.write("requirements.txt", lock_of(&pinned, &project.wheels()));
}

const TARGETS: [&str; 4] = ["--python", "3.11,3.12", "--platform", "linux-x86_64,win-amd64"];

fn download() -> Vec<String> {
    let words = ["wheels", "download", "--out", HOUSE];
    words.iter().chain(&TARGETS).map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_lock_is_collected_for_two_pythons_and_three_platforms_and_installs_without_a_network() {
    let (Some(uv), Some(python)) = (tools::require("uv"), tools::python()) else { return };
    let online = Project::new().online().tool(&uv);
    online.write(
        "requirements.in",
        "markupsafe==3.0.2\nsix==1.17.0\nclick==8.1.8\npyyaml==6.0.2\ncffi==1.17.1\n",
    );
    let mut compile = online.command(&uv);
    compile.args(["pip", "compile", "--universal", "--generate-hashes", "--quiet"]);
    compile.args(["--python-version", "3.11", "requirements.in", "-o", "requirements.txt"]);
    online.finish(compile).success();
    let arguments = [
        "wheels",
        "download",
        "--python",
        "3.11,3.12",
        "--platform",
        "linux-x86_64,win-amd64,macos-arm64",
        "--out",
        HOUSE,
    ];
    let planned = online.run(arguments.iter().copied().chain(["--dry-run"])).success();
    assert!(!online.exists(HOUSE), "a dry run writes nothing");
    let outcome = online.run(arguments.iter().copied().chain(["--json"])).success();
    let answer = json(&outcome.stdout);
    let house = online.path(HOUSE);
    let found = wheels(&house);
    assert_eq!(answer["files"].as_array().unwrap().len(), found.len());
    assert_eq!(planned.stdout.lines().count(), found.len());
    // Three packages that are built, six times each; colorama, which click needs on Windows, and three that are not.
    let named = |name: &str| found.keys().filter(|file| file.starts_with(name)).count();
    assert_eq!(named("MarkupSafe-") + named("markupsafe-"), 6, "{found:?}");
    assert_eq!((named("PyYAML-") + named("pyyaml-"), named("cffi-")), (6, 6), "{found:?}");
    assert_eq!((named("colorama-"), named("six-"), named("click-")), (1, 1, 1), "{found:?}");

    let again = json(&online.run(arguments.iter().copied().chain(["--json"])).success().stdout);
    assert_eq!(again["fetched"]["kept"], found.len(), "{}", again["fetched"]);

    // No network, and nothing but what is in the folder.
    let offline = Project::new().without(&["PIP_FIND_LINKS", "UV_FIND_LINKS", "PIP_NO_INDEX"]);
    offline.write("requirements.txt", online.read("requirements.txt"));
    let pages = format!("file://{house}/simple/");
    for (label, place) in [
        ("links", ["--no-index", "--find-links", house.as_str()].as_slice()),
        ("pages", &["--index-url", &pages]),
    ] {
        let mut pip = offline.command(&python);
        pip.args(["-m", "pip", "install", "--require-hashes", "--only-binary", ":all:"]);
        pip.args(["-r", "requirements.txt", "--target", &format!("pip-{label}")]).args(place);
        offline.finish(pip).success();
        let mut by_uv = offline.command(&uv);
        by_uv.args(["pip", "install", "--python", python.as_str(), "--require-hashes"]);
        by_uv.args(["-r", "requirements.txt", "--target", &format!("uv-{label}")]).args(place);
        offline.finish(by_uv).success();
        for tool in ["pip", "uv"] {
            for module in ["markupsafe", "six.py", "click", "yaml", "cffi"] {
                assert!(offline.exists(&format!("{tool}-{label}/{module}")), "{tool} {label}");
            }
        }
    }
    installs_for_the_others(&offline, &house, &uv, &python);
}

/// What pip and uv take for the targets that this machine is not.
fn installs_for_the_others(offline: &Project, house: &Utf8Path, uv: &Utf8Path, python: &Utf8Path) {
    for (platform, theirs, uvs) in [
        ("win", "win_amd64", "x86_64-pc-windows-msvc"),
        ("mac", "macosx_13_0_arm64", "aarch64-apple-darwin"),
    ] {
        for version in ["3.11", "3.12"] {
            let folder = format!("{platform}-{version}");
            // pip decides markers for itself, and not for the target: colorama is left to uv.
            let mut pip = offline.command(python);
            pip.args(["-m", "pip", "download", "--no-index", "--only-binary", ":all:"]);
            pip.args(["--platform", theirs, "--python-version", version, "--no-deps"]);
            pip.args(["--find-links", house.as_str(), "-d", &folder, "-r", "requirements.txt"]);
            offline.finish(pip).success();
            let mut by_uv = offline.command(uv);
            by_uv.args(["pip", "install", "--no-index", "--find-links", house.as_str()]);
            by_uv.args(["--python-platform", uvs, "--python-version", version]);
            by_uv.args(["--python", python.as_str(), "--target", &format!("uv-{folder}")]);
            by_uv.args(["--only-binary", ":all:", "-r", "requirements.txt"]);
            offline.finish(by_uv).success();
            assert_eq!(offline.exists(&format!("uv-{folder}/colorama")), platform == "win");
        }
    }
}

#[test]
fn a_second_run_fetches_nothing_and_changes_nothing() {
    let project = Project::new();
    small_lock(&project);
    let index = Index::of(&project.wheels()).start();
    let project = project.index(&index);
    project.run(download()).success();
    let before = everything(&project.path(HOUSE));
    assert!(before.contains_key("simple/two/index.html"), "{before:?}");
    let files = || index.requests().iter().filter(|one| one.path.starts_with("/files/")).count();
    let count = files();
    assert_eq!(count, 2, "each file once, for four targets: {:?}", index.requests());
    let outcome = project.run(download()).success();
    assert!(outcome.stderr.contains("0 fetched, 2 there already"), "{}", outcome.stderr);
    assert_eq!(files(), count);
    assert_eq!(everything(&project.path(HOUSE)), before);
}

#[test]
fn what_has_no_wheel_is_named_with_what_there_is_and_the_rest_is_there() {
    let project = Project::new();
    project.wheel(&Wheel::new("pure", "1.0"));
    project.wheel(&Wheel::new("native", "1.0").tag("cp312-cp312-win_amd64"));
    fs_err::write(project.wheels().join("source-1.0.tar.gz"), "").unwrap();
    project.write("requirements.txt", "native==1.0\npure==1.0\nsource==1.0\nnowhere==1.0\n-e .\n");
    let outcome = project.run(download()).exit(1);
    let told: Vec<&str> = outcome.stderr.lines().filter(|line| !line.contains("pure")).collect();
    let told = told.join("\n");
    for line in [
        "native 1.0 has no wheel for Python 3.11, 3.12 on linux-x86_64; 3.11 on win-amd64: no wheel fits",
        "  there is native-1.0-cp312-cp312-win_amd64.whl",
        "source 1.0 has no wheel for any target: there is only a source distribution",
        "  there is source-1.0.tar.gz",
        "nowhere 1.0 has no wheel for any target: no index has the package",
        "-e . has no wheel for any target: it is not from an index",
    ] {
        assert!(told.contains(line), "{line}\n\n{told}");
    }
    let found: Vec<String> = wheels(&project.path(HOUSE)).into_keys().collect();
    assert_eq!(found, ["native-1.0-cp312-cp312-win_amd64.whl", "pure-1.0-py3-none-any.whl"]);
    let words = download().into_iter().chain(["--json".to_owned()]);
    let answer = json(&project.run(words).exit(1).stdout);
    assert_eq!(answer["missing"].as_array().unwrap().len(), 4, "{answer}");
}

#[test]
fn a_file_that_the_lock_does_not_mean_is_never_kept() {
    let project = Project::new();
    small_lock(&project);
    let lock = project.read("requirements.txt");
    let two = lock.lines().last().unwrap();
    let other = "0".repeat(64);
    project.write("requirements.txt", format!("one==1.0 --hash=sha256:{other}\n{two}\n"));
    // The index tells another digest.
    let told = project.run(download()).exit(1).stderr;
    assert!(told.contains("no wheel that fits is among the digests of the lock"), "{told}");
    let only_two = ["two-2.0-py3-none-any.whl"];
    assert_eq!(wheels(&project.path(HOUSE)).into_keys().collect::<Vec<_>>(), only_two);
    // Nobody tells one: it is found out when the file is there.
    let index = Index::of(&project.wheels()).start();
    let file = index.url().replace("/simple/", "/files/one-1.0-py3-none-any.whl");
    let lock = format!("one @ {file} --hash=sha256:{other}\n{two}\n");
    project.write("requirements.txt", lock);
    let told = project.run(download()).exit(2).stderr;
    assert!(told.contains("one-1.0-py3-none-any.whl is not the file that is locked"), "{told}");
    assert_eq!(wheels(&project.path(HOUSE)).into_keys().collect::<Vec<_>>(), only_two);
}

#[test]
fn a_lock_that_leaves_a_choice_and_a_target_that_is_none_are_refused_before_anything_is_asked() {
    let project = Project::new();
    project.write("requirements.txt", "one==1.0\ntwo>=2\n");
    let told = project.run(download()).exit(2).stderr;
    assert!(told.contains("requirements.txt:2: `two>=2` does not pin a version"), "{told}");
    project.write("requirements.txt", "one==1.0\n");
    let told = project.run(["wheels", "download", "--platform", "linux-x86_46"]).exit(2).stderr;
    assert!(told.contains("did you mean `linux-x86_64`?"), "{told}");
    let told = project.run(["wheels", "download", "--python", "2.7"]).exit(2).stderr;
    assert!(told.contains("`2.7` is not a version of CPython 3"), "{told}");
    assert!(!project.exists(HOUSE));
}

#[test]
fn a_pylock_names_its_files_and_no_index_is_asked() {
    let project = Project::new();
    small_lock(&project);
    let index = Index::of(&project.wheels()).start();
    let base = index.url().replace("/simple/", "/files/");
    let mut text = "lock-version = \"1.0\"\nrequires-python = \">=3.11\"\n".to_owned();
    for (name, file) in [("one", "one-1.0-py3-none-any.whl"), ("two", "two-2.0-py3-none-any.whl")] {
        let digest = digest(&project.wheels().join(file));
        let version = file.split('-').nth(1).unwrap();
        write!(
            text,
            "[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             wheels = [{{ url = \"{base}{file}\", hashes = {{ sha256 = \"{digest}\" }} }}]\n"
        )
        .unwrap();
    }
    project.write("pylock.toml", &text);
    let words = download().into_iter().chain(["--lock".into(), "pylock.toml".into()]);
    project.run(words.collect::<Vec<String>>()).success();
    assert_eq!(wheels(&project.path(HOUSE)).len(), 2);
    let pages = index.requests().iter().filter(|one| one.path.contains("simple")).count();
    assert_eq!(pages, 0);
    project.write("pylock.toml", text.replace(">=3.11", ">=3.12"));
    let words = download().into_iter().chain(["--lock".into(), "pylock.toml".into()]);
    let told = project.run(words.collect::<Vec<String>>()).exit(2).stderr;
    assert!(told.contains("it is for Python >=3.12, and not for Python 3.11 on"), "{told}");
}

#[test]
fn without_a_word_it_is_for_the_python_of_the_configuration_on_this_platform() {
    let project = Project::new();
    small_lock(&project);
    project.write("instep.toml", "[tools]\npython = ['3.12', '3.13']\n");
    let answer = json(&project.run(["wheels", "download", "--json"]).success().stdout);
    let pythons: Vec<&str> = answer["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["python"].as_str().unwrap())
        .collect();
    assert_eq!(pythons, ["3.12", "3.13"]);
    assert_eq!(wheels(&project.path(HOUSE)).len(), 2);
}

#[test]
fn killed_at_any_moment_the_next_run_completes_with_the_same_bytes() {
    let project = Project::new();
    let count: u8 = 12;
    let mut pinned = Vec::new();
    for number in 0..count {
        // Of some size, and nothing that a compressor makes small.
        let mut state = u64::from(number) + 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(400_000)
        .collect();
        let name = format!("many{number}");
        let wheel = Wheel::new(&name, "1.0").file(&format!("{name}.bin"), bytes);
        project.wheel(&wheel);
        pinned.push((wheel, format!("{name}==1.0")));
    }
    let pinned: Vec<(Wheel, &str)> =
        pinned.iter().map(|(wheel, pin)| (wheel.clone(), pin.as_str())).collect();
    project.write("requirements.txt", lock_of(&pinned, &project.wheels()));
    let index = slowly(&project).start();
    let project = project.index(&index);

    let started = Instant::now();
    project.run(download()).success();
    let whole = started.elapsed();
    let expected = everything(&project.path(HOUSE));
    assert_eq!(wheels(&project.path(HOUSE)).len(), usize::from(count));
    let mut moments = Moments(7);
    for round in 0..kills() {
        fs_err::remove_dir_all(project.path(HOUSE)).unwrap();
        if project.cache().exists() {
            fs_err::remove_dir_all(project.cache()).unwrap();
        }
        let moment = moments.below(whole);
        let mut command = project.instep(download());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        // A wheel under its own name is a whole one, whenever.
        if project.exists(HOUSE) {
            for (name, digest) in wheels(&project.path(HOUSE)) {
                assert_eq!(digest, expected[&name], "round {round}, {moment:?}: {name}");
            }
        }
        project.run(download()).success();
        assert_eq!(everything(&project.path(HOUSE)), expected, "round {round}, {moment:?}");
    }
}

/// An index at which there is time to be killed.
fn slowly(project: &Project) -> Behaviour {
    Index::of(&project.wheels()).slow(Duration::from_millis(100))
}

/// Packages that are built for every platform in another way: with old and new tags, with the stable ABI, with a
/// build number, with nothing to build.
const VARIED: &str = "markupsafe==3.0.2\nsix==1.17.0\npyyaml==6.0.2\ncffi==1.17.1\ncryptography==44.0.0\n\
                      numpy==2.2.1\nruff==0.9.1\npsutil==6.1.1\nprotobuf==5.29.3\nlxml==5.3.0\n";

#[test]
fn what_is_planned_for_a_target_is_what_pip_takes_for_it() {
    let Some(python) = tools::python() else { return };
    let project = Project::new().online();
    project.write("requirements.txt", VARIED);
    // pip decides markers for itself, so nothing of it has one.
    for (platform, theirs) in [("win-amd64", "win_amd64"), ("macos-14-arm64", "macosx_14_0_arm64")]
    {
        for version in ["3.10", "3.12", "3.13"] {
            let place = ["--platform", theirs, "--python-version", version, "--target", "nowhere"];
            let taken = taken_by_pip(&project, &python, &place);
            assert_eq!(planned(&project, version, platform), taken, "{version} on {platform}");
        }
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return;
    }
    // On this machine, for this very Python: with markers, and where time is no matter, many packages.
    if instep_tests::long() {
        let example = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart");
        let lock = fs_err::read_to_string(example.join("requirements-lock.txt")).unwrap();
        let pins = lock.lines().filter(|line| line.contains("=="));
        let pins: Vec<&str> = pins.map(|line| line.trim_end_matches(" \\")).collect();
        project.write("requirements.txt", pins.join("\n") + "\n");
    }
    let mut command = project.command(&python);
    command.args(["-c", "import platform as p; print(p.python_version(), p.libc_ver()[1])"]);
    let asked = project.finish(command).success().stdout;
    let (version, glibc) = asked.trim().split_once(' ').unwrap();
    let platform = format!("manylinux_{}_x86_64", glibc.replace('.', "_"));
    let taken = taken_by_pip(&project, &python, &[]);
    assert_eq!(planned(&project, version, &platform), taken);
}

/// The file names that a dry run tells.
fn planned(project: &Project, python: &str, platform: &str) -> BTreeSet<String> {
    let words = ["wheels", "download", "--dry-run", "--json", "--python", python];
    let outcome = project.run(words.iter().chain(&["--platform", platform])).success();
    let answer = json(&outcome.stdout);
    let files = answer["files"].as_array().unwrap().iter();
    files.map(|file| file["file"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The file names that pip would install.
fn taken_by_pip(project: &Project, python: &Utf8Path, place: &[&str]) -> BTreeSet<String> {
    let mut pip = project.command(python);
    pip.args(["-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"]);
    pip.args(["--only-binary", ":all:", "--report", "report.json", "-r", "requirements.txt"]);
    project
        .finish({
            pip.args(place);
            pip
        })
        .success();
    let report = json(&project.read("report.json"));
    let urls = report["install"].as_array().unwrap().iter();
    urls.map(|one| {
        let url = one["download_info"]["url"].as_str().unwrap();
        url.rsplit('/').next().unwrap().replace("%2B", "+")
    })
    .collect()
}
