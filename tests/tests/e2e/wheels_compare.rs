//! `instep wheels compare`, on wheels of real build tools and of the index, with diffoscope as the referee on which files
//! differ.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_tests::{Outcome, Project, Wheel, tools};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{DateTime, ZipArchive, ZipWriter};

use crate::support;

const NAME: &str = "demo-1.0-py3-none-any.whl";

fn demo() -> Wheel {
    Wheel::new("demo", "1.0")
        .file("demo/__init__.py", "")
        .file("demo/main.py", "def main():\n    print('it runs')\n")
        .script("demo", "demo.main:main")
}

/// The same wheel with each entry at another time: the same bytes, not compressed anew.
fn restamp(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let mut old = ZipArchive::new(fs::File::open(from).unwrap()).unwrap();
    let mut new = ZipWriter::new(fs::File::create(to).unwrap());
    let time = DateTime::from_date_and_time(2030, 1, 2, 3, 4, 6).unwrap();
    for index in 0..old.len() {
        new.raw_copy_file_touch(old.by_index_raw(index).unwrap(), time, None).unwrap();
    }
    new.finish().unwrap();
}

/// The same wheel with other contents for some files.
fn rewrite(from: &Utf8Path, to: &Utf8Path, change: impl Fn(&str, &mut Vec<u8>)) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    let mut old = ZipArchive::new(fs::File::open(from).unwrap()).unwrap();
    let mut new = ZipWriter::new(fs::File::create(to).unwrap());
    for index in 0..old.len() {
        let mut entry = old.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let name = entry.name().unwrap().into_owned();
        change(&name, &mut content);
        new.start_file(name, SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut new, &content).unwrap();
    }
    new.finish().unwrap();
}

/// The comparison that the command printed.
fn json(outcome: &Outcome) -> Value {
    support::json(&outcome.stdout)
}

fn kinds(comparison: &Value) -> Vec<&str> {
    let noise = comparison["noise"].as_array().unwrap();
    noise.iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

fn paths(comparison: &Value) -> BTreeSet<String> {
    let differences = comparison["differences"].as_array().unwrap();
    differences.iter().map(|one| one["path"].as_str().unwrap().to_owned()).collect()
}

/// The files of which diffoscope shows that their contents differ, without `RECORD`, which follows them.
fn by_diffoscope(
    project: &Project,
    diffoscope: &Utf8Path,
    a: &Utf8Path,
    b: &Utf8Path,
) -> BTreeSet<String> {
    let mut command = project.command(diffoscope);
    command.args(["--json", "-", a.as_str(), b.as_str()]);
    let outcome = project.finish(command);
    if outcome.code == Some(0) {
        return BTreeSet::new();
    }
    let found: Value = serde_json::from_str(&outcome.exit(1).stdout).unwrap();
    let details = found["details"].as_array().unwrap().iter();
    let names = details.map(|one| one["source1"].as_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with("zip") && !name.ends_with("/RECORD")).collect()
}

#[test]
fn the_answer_is_an_exit_code_a_text_a_json_and_a_page() {
    let project = Project::new();
    let a = demo().build(&project.path("a"));
    restamp(&a, &project.path("stamped").join(NAME));
    let other = demo()
        .file("demo/main.py.orig", "\u{1b}[2Jgone")
        .requires("other>=1")
        .script("more", "demo.main:main");
    other.build(&project.path("other"));
    let (a, stamped) = (format!("a/{NAME}"), format!("stamped/{NAME}"));
    let other = format!("other/{NAME}");

    project.run(["wheels", "compare", &a, &a]).success();
    let same = project.run(["wheels", "compare", &a, &stamped]).success();
    assert!(same.stderr.contains("the same but for timestamps"), "{}", same.stderr);
    let different = project.run(["wheels", "compare", &a, &other, "--html", "page.html"]).exit(1);
    insta::assert_snapshot!(different.redacted());
    let page = project.read("page.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("Requires-Dist"));
    assert!(!page.contains('\u{1b}'));

    let comparison = json(&project.run(["wheels", "compare", "--json", &a, &stamped]).success());
    assert_eq!((&comparison["verdict"], kinds(&comparison)), (&"same".into(), vec!["timestamps"]));
    assert_eq!(comparison["isReproducible"], true);
    let comparison = json(&project.run(["wheels", "compare", "--json", &a, &other]).exit(1));
    assert_eq!(comparison["verdict"], "different");
    let silent = project.run(["wheels", "compare", "--quiet", &a, &stamped]).success();
    assert_eq!((silent.stdout, silent.stderr), (String::new(), String::new()));
}

#[test]
fn what_cannot_be_compared_is_named_and_is_no_answer() {
    let project = Project::new();
    let a = demo().build(&project.path("a"));
    let record = |name: &str, content: &mut Vec<u8>| {
        if name == "demo/main.py" {
            content.push(b'\n');
        }
    };
    rewrite(&a, &project.path("broken").join(NAME), record);
    fs::write(project.path("a/demo.zip"), "").unwrap();
    let a = format!("a/{NAME}");
    for (other, told) in [
        (format!("broken/{NAME}"), "demo/main.py"),
        ("a/demo.zip".to_owned(), "does not end with .whl"),
        (format!("nowhere/{NAME}"), "cannot read"),
    ] {
        let outcome = project.run(["wheels", "compare", &a, &other]).exit(2);
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("help: "), "{}", outcome.stderr);
    }
}

/// A small package, built by `uv build` with this backend at this time.
fn built(project: &Project, uv: &Utf8Path, backend: &str, epoch: &str) -> Utf8PathBuf {
    let (requires, backend_path) = match backend {
        "setuptools" => ("setuptools", "setuptools.build_meta"),
        "hatchling" => ("hatchling", "hatchling.build"),
        "flit_core" => ("flit_core", "flit_core.buildapi"),
        other => panic!("{other}"),
    };
    let pyproject = format!(
        "[project]\nname = \"demo\"\nversion = \"1.0\"\ndescription = \"A demo\"\n\
         requires-python = \">=3.9\"\n\n[project.scripts]\ndemo = \"demo.main:main\"\n\n\
         [build-system]\nrequires = [\"{requires}\"]\nbuild-backend = \"{backend_path}\"\n"
    );
    project.write("source/pyproject.toml", pyproject);
    let out = project.path(&format!("{backend}-{epoch}"));
    let mut command = project.command(uv);
    command.args(["build", "--wheel", "--quiet", "--out-dir", out.as_str(), "source"]);
    project
        .finish({
            command.env("SOURCE_DATE_EPOCH", epoch);
            command
        })
        .success();
    out.join(NAME)
}

#[test]
fn two_builds_at_two_times_are_the_same_and_a_change_is_found_as_diffoscope_finds_it() {
    let (Some(uv), Some(diffoscope)) = (tools::require("uv"), tools::system("diffoscope")) else {
        return;
    };
    for backend in ["setuptools", "hatchling", "flit_core"] {
        let project = Project::new().online().tool(&uv);
        project.write("source/demo/__init__.py", "\"\"\"A demo.\"\"\"\n");
        project.write("source/demo/main.py", "def main():\n    print('it runs')\n");
        project.write("source/demo/data.bin", [0, 1, 2, 3]);
        let a = built(&project, &uv, backend, "1700000000");
        let b = built(&project, &uv, backend, "1750000000");
        let compare =
            |b: &Utf8Path| project.run(["wheels", "compare", "--json", a.as_str(), b.as_str()]);

        let comparison = json(&compare(&b).success());
        assert_eq!(comparison["verdict"], "same", "{backend}: {comparison:#}");
        assert_eq!(kinds(&comparison), ["timestamps"], "{backend}");
        assert_eq!(by_diffoscope(&project, &diffoscope, &a, &b), BTreeSet::new(), "{backend}");

        project.write("source/demo/main.py", "def main():\n    print('it fails')\n");
        let c = built(&project, &uv, backend, "1760000000");
        let comparison = json(&compare(&c).exit(1));
        let expected = by_diffoscope(&project, &diffoscope, &a, &c);
        assert_eq!(paths(&comparison), expected, "{backend}: {comparison:#}");
        assert_eq!(expected, ["demo/main.py".to_owned()].into(), "{backend}");
        assert_eq!(kinds(&comparison), ["timestamps"], "{backend}");
    }
}

#[test]
fn each_changed_file_is_found_as_diffoscope_finds_it() {
    let Some(diffoscope) = tools::system("diffoscope") else { return };
    let project = Project::new();
    let binary = |last: u8| [&b"\0\x01\x02"[..], &[last; 5000]].concat();
    let base = |last: u8, text: &str| {
        demo()
            .file("demo/data.bin", binary(last))
            .file("demo/notes.txt", text)
            .file("demo/kept.py", "1\n")
    };
    let a = base(1, "one\ntwo\n").build(&project.path("a"));
    let changed = [
        base(1, "one\ntwo\n"),
        base(2, "one\ntwo\n"),
        base(1, "one\r\ntwo\r\n"),
        base(3, "one\ntwo"),
        base(1, "one\ntwo\n").requires("other"),
        base(1, "one\ntwo\n").script("more", "demo.main:main"),
    ];
    for (number, wheel) in changed.iter().enumerate() {
        let b = wheel.build(&project.path(&format!("b{number}")));
        let comparison = project.run(["wheels", "compare", "--json", a.as_str(), b.as_str()]);
        let expected = by_diffoscope(&project, &diffoscope, &a, &b);
        assert_eq!(comparison.code, Some(i32::from(!expected.is_empty())));
        assert_eq!(paths(&json(&comparison)), expected, "{number}");
    }
}

#[test]
fn a_real_wheel_that_is_written_at_another_time_is_the_same_but_for_that() {
    let Some(python) = tools::python() else { return };
    let project = Project::new().online();
    let mut pip = project.command(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]);
    pip.args(["--dest", "original", "numpy"]);
    project.finish(pip).success();
    let wheels = project.path("original").read_dir_utf8().unwrap();
    let [a] =
        <[_; 1]>::try_from(wheels.map(|entry| entry.unwrap().into_path()).collect::<Vec<_>>())
            .unwrap();
    let b = project.path("copy").join(a.file_name().unwrap());
    restamp(&a, &b);
    let comparison = project.run(["wheels", "compare", "--json", a.as_str(), b.as_str()]).success();
    let comparison = json(&comparison);
    assert_eq!((&comparison["verdict"], kinds(&comparison)), (&"same".into(), vec!["timestamps"]));
    let entries = ZipArchive::new(fs::File::open(&a).unwrap()).unwrap().len();
    assert_eq!(comparison["noise"][0]["count"], entries);
}
