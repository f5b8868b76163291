//! `instep wheels verify` and `instep wheels digest`: real scripts, and `sha256sum` as the other reader.

use instep_tests::{Project, Wheel, tools};
use serde_json::Value;

fn project() -> Project {
    let project = Project::new();
    for folder in ["dist", "made"] {
        for name in ["alpha", "beta"] {
            Wheel::new(name, "1.0").build(&project.path(folder));
        }
    }
    project
}

const ALPHA: &str = "alpha-1.0-py3-none-any.whl";

fn copy_made() -> &'static str {
    if cfg!(windows) {
        "copy made\\* %INSTEP_REBUILD_DIR%"
    } else {
        "cp made/* \"$INSTEP_REBUILD_DIR\""
    }
}

#[test]
fn wheels_that_are_rebuilt_as_they_are_are_told_and_the_code_is_0() {
    let project = project();
    let outcome = project.run(["wheels", "verify", "dist", "--rebuild", copy_made()]).success();
    let expected = format!(
        "{ALPHA} is rebuilt byte for byte\nbeta-1.0-py3-none-any.whl is rebuilt byte for byte\n"
    );
    assert_eq!(outcome.stdout.replace("\r\n", "\n"), expected);
    assert_eq!(outcome.stderr.trim(), "2 wheels: 2 reproduced");
}

#[test]
fn what_differs_is_shown_on_the_terminal_as_json_and_as_a_page() {
    let project = project();
    let wheel = Wheel::new("alpha", "1.0").file("alpha.py", "<b>other</b>\n");
    wheel.build(&project.path("made"));
    let verify = ["wheels", "verify", "dist", "--rebuild", copy_made(), "--html", "report.html"];
    let outcome = project.run(verify).exit(1);
    assert!(outcome.stdout.contains("alpha-1.0-py3-none-any.whl is rebuilt with 1 difference\n"));
    assert!(outcome.stdout.contains("alpha.py") && outcome.stdout.contains("+<b>other</b>"));
    assert!(outcome.stderr.contains("2 wheels: 1 reproduced"), "{}", outcome.stderr);
    let page = project.read("report.html");
    assert!(page.contains("alpha.py") && page.contains("&lt;b&gt;other"), "{page}");
    assert!(!page.contains("<b>other"), "{page}");

    let outcome = project.run(verify.into_iter().chain(["--json"])).exit(1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["schemaVersion"], 1);
    assert_eq!(report["script"]["ending"], "succeeded");
    assert_eq!(report["wheels"][0]["file"], ALPHA);
    assert_eq!(report["wheels"][0]["outcome"], "different");
    assert_eq!(report["wheels"][0]["comparison"]["differences"][0]["path"], "alpha.py");
    assert_eq!(report["wheels"][1]["outcome"], "reproduced");
    // Not the folders in which both were, which are gone.
    let paths = ["a", "b"].map(|side| report["wheels"][0]["comparison"][side]["path"].as_str());
    let [Some(a), Some(b)] = paths else { panic!("{report}") };
    assert_eq!(a.replace('\\', "/"), ["dist/", ALPHA].concat());
    assert_eq!(b.replace('\\', "/"), ["rebuilt/", ALPHA].concat());
}

#[cfg(unix)]
#[test]
fn a_script_that_fails_is_told_with_its_last_lines_and_the_code_is_1() {
    let project = project();
    let script = "cp made/beta* $INSTEP_REBUILD_DIR; echo compiling; echo no compiler >&2; exit 7";
    let outcome = project.run(["wheels", "verify", "dist", "--rebuild", script]).exit(1);
    assert!(
        outcome.stdout.contains("alpha-1.0-py3-none-any.whl is not rebuilt: the script failed")
    );
    assert!(outcome.stdout.contains("beta-1.0-py3-none-any.whl is rebuilt byte for byte"));
    assert!(outcome.stderr.contains("failed with exit code 7"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("| compiling") && outcome.stderr.contains("| no compiler"));

    let slow = "echo waiting; sleep 600";
    let verify = ["wheels", "verify", "dist", "--rebuild", slow, "--timeout", "1"];
    let outcome = project.run(verify).exit(1);
    assert!(outcome.stdout.contains("is not rebuilt: the script took longer than 1 s"));
    assert!(outcome.stderr.contains("was ended after 1 s"), "{}", outcome.stderr);
}

#[test]
fn what_could_not_be_done_is_code_2() {
    let project = Project::new();
    let outcome = project.run(["wheels", "verify", ".", "--rebuild", "exit 0"]).exit(2);
    assert!(outcome.stderr.contains("there is no wheel in "), "{}", outcome.stderr);
    project.run(["wheels", "verify", "gone", "--rebuild", "exit 0"]).exit(2);
    let outcome = project.run(["wheels", "digest", "."]).exit(2);
    assert!(outcome.stderr.contains("there is no wheel in "), "{}", outcome.stderr);
    project.run(["wheels", "digest", ".", "--check"]).exit(2);
    project.write("SHA256SUMS", "nonsense\n");
    let outcome = project.run(["wheels", "digest", ".", "--check"]).exit(2);
    assert!(outcome.stderr.contains("SHA256SUMS:1: "), "{}", outcome.stderr);
}

#[test]
fn digests_are_written_and_checked_and_sha256sum_reads_them() {
    let project = project();
    project.run(["wheels", "digest", "dist"]).success();
    let check = ["wheels", "digest", "dist", "--check"];
    project.run(check).success();
    let sha256sum = (!cfg!(windows)).then(|| tools::system("sha256sum")).flatten();
    let by_sha256sum = |program: &camino::Utf8Path| {
        let mut command = project.command(program);
        command.current_dir(project.path("dist")).args(["--check", "--strict", "SHA256SUMS"]);
        project.finish(command)
    };
    if let Some(program) = &sha256sum {
        by_sha256sum(program).success();
    }

    project.write(&format!("dist/{ALPHA}"), "changed");
    project.write("dist/gamma-1.0-py3-none-any.whl", "new");
    std::fs::remove_file(project.path("dist/beta-1.0-py3-none-any.whl")).unwrap();
    if let Some(program) = &sha256sum {
        by_sha256sum(program).exit(1);
    }
    let outcome = project.run(check).exit(1);
    assert!(outcome.stdout.contains("alpha-1.0-py3-none-any.whl changed\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("beta-1.0-py3-none-any.whl missing\n"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("gamma-1.0-py3-none-any.whl not written down\n"));
    let outcome = project.run(check.into_iter().chain(["--json"])).exit(1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["isSame"], false);
    let states: Vec<&str> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["changed", "missing", "extra"]);
}

#[test]
fn a_file_that_sha256sum_wrote_is_read() {
    if cfg!(windows) {
        return;
    }
    let Some(program) = tools::system("sha256sum") else { return };
    let project = project();
    let mut command = project.command(&program);
    command.current_dir(project.path("dist")).args([
        "--binary",
        ALPHA,
        "beta-1.0-py3-none-any.whl",
    ]);
    let written = project.finish(command).success();
    project.write("sums", written.stdout);
    project.run(["wheels", "digest", "dist", "--check", "--file", "sums"]).success();
}

/// Two builds of the same sources by the real uv, at two times: what differs is noise, or nothing.
#[test]
fn a_real_rebuild_by_uv_is_reproduced() {
    let Some(uv) = tools::require("uv") else { return };
    let project = Project::new().online();
    project.write(
        "pyproject.toml",
        "[project]\nname = \"demo\"\nversion = \"1.0\"\ndescription = \"For a test\"\n[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n",
    );
    project.write("demo.py", "\"\"\"A module.\"\"\"\n");
    let build = |epoch: &str, out: &str| {
        let mut command = project.command(&uv);
        command.args(["build", "--wheel", "--out-dir", out]).env("SOURCE_DATE_EPOCH", epoch);
        project.finish(command).success();
    };
    build("1700000000", "dist");
    let variable = if cfg!(windows) { "%INSTEP_REBUILD_DIR%" } else { "\"$INSTEP_REBUILD_DIR\"" };
    let rebuild = format!("\"{uv}\" build --wheel --out-dir {variable}");
    let verify = ["wheels", "verify", "dist", "--rebuild", &rebuild];
    let run = |epoch: &str| {
        let mut command = project.instep(verify);
        command.env("SOURCE_DATE_EPOCH", epoch);
        project.finish(command).success().stdout
    };
    assert!(run("1700000000").contains("is rebuilt byte for byte"));
    assert!(run("1600000000").contains("is rebuilt, but for timestamps"));
}
