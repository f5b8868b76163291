//! Bad input: one clear error with the next step, exit code 2, and nothing lost.

use instep_tests::{Index, Project, Wheel};

use crate::support::{Engine, assert_tidy, family, packages, set};

/// A project in step, which must stay as it is.
fn in_step(folder: &str) -> Option<Project> {
    let project = Engine::Uv.project_named(folder)?;
    family(&project);
    project.write("requirements.txt", "tool==1.0\n");
    project.run(["sync"]).success();
    Some(project)
}

#[track_caller]
fn assert_refused(project: &Project, parts: &[&str]) -> String {
    let outcome = project.run(["sync"]).exit(2);
    for part in parts {
        assert!(outcome.stderr.contains(part), "no `{part}` in: {}", outcome.stderr);
    }
    assert_eq!(packages(project), set(&[("tool", "1.0")]));
    assert_tidy(project);
    outcome.redact(&outcome.stderr)
}

#[test]
fn an_unparsable_line_is_underlined() {
    let Some(project) = in_step("project") else { return };
    project.write("requirements.txt", "tool==1.0\nother >=> 3\n");
    let shown = assert_refused(&project, &["requirements.txt:2", "other >=> 3", "^", "help:"]);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_missing_include_names_the_line_that_asks_for_it() {
    let Some(project) = in_step("project") else { return };
    project.write("requirements.txt", "tool==1.0\n-r more/gone.txt\n");
    insta::assert_snapshot!(assert_refused(&project, &["gone.txt", "requirements.txt"]));
}

#[test]
fn a_configuration_with_a_typo_is_underlined() {
    let Some(project) = in_step("project") else { return };
    project.write("instep.toml", "[env.default]\nrequirement = ['requirements.txt']\n");
    insta::assert_snapshot!(assert_refused(&project, &["instep.toml:2", "requirement"]));
}

#[test]
fn a_hash_that_does_not_fit_is_refused_by_each_tool() {
    for tool in ["uv", "pip"] {
        let Some(project) = in_step("project") else { return };
        let wrong = "0".repeat(64);
        project.write(
            "requirements.txt",
            format!("leaf==1.0 --hash=sha256:{wrong}\ntool==1.0 --hash=sha256:{wrong}\n"),
        );
        project.write("instep.toml", "[env.default]\nlock = false\n");
        let outcome = project.run(["sync", "--tool", tool]).exit(2);
        let said = outcome.stderr.to_lowercase();
        assert!(said.contains("hash"), "{tool}: {said}");
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{tool}");
        assert_tidy(&project);
    }
}

#[test]
fn a_pin_that_is_none_is_told_apart_from_a_lock() {
    let Some(project) = in_step("project") else { return };
    project.write("requirements.txt", "tool==1.0\nleaf>=1\n");
    project.write("instep.toml", "[env.default]\nlock = false\n");
    insta::assert_snapshot!(assert_refused(&project, &["requirements.txt", "leaf>=1"]));
}

#[test]
fn an_index_that_cannot_be_reached_is_named_without_its_password() {
    let Some(project) = in_step("project") else { return };
    let nowhere = Index::nowhere().replace("://", "://joe:s3cret@");
    let project = project
        .without(&["PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_OFFLINE", "UV_FIND_LINKS"])
        .variable("PIP_INDEX_URL", &nowhere);
    project.write("requirements.txt", "tool==1.0\nnew-package\n");
    for tool in ["uv", "pip"] {
        let outcome = project.run(["sync", "--tool", tool]).exit(2);
        assert!(!outcome.stderr.contains("s3cret"), "{tool}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("help:"), "{tool}: {}", outcome.stderr);
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{tool}");
    }
    assert_tidy(&project);
}

#[test]
fn requirements_in_utf_16_and_with_a_bom_are_read() {
    let Some(project) = in_step("mit Leer ü") else { return };
    let text = "\u{feff}tool==1.0\r\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    project.write("requirements.txt", utf16);
    project.run(["check"]).success();
    project.write("requirements.txt", text);
    project.run(["check"]).success();
    project.write("requirements.txt", b"tool==1.0\n\xff\xfe\xfd\n");
    assert_refused(&project, &["requirements.txt", "UTF-8"]);
}

#[test]
fn what_is_no_environment_is_not_touched() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("requirements.txt", "tool\n");
    project.write(".venv", "a file");
    let outcome = project.run(["sync"]).exit(2);
    assert!(outcome.stderr.contains("is a file"), "{}", outcome.stderr);
    assert_eq!(project.read(".venv"), "a file");
    std::fs::remove_file(project.path(".venv")).unwrap();
    project.write(".venv/thesis.tex", "years of work");
    for arguments in [&["sync"][..], &["sync", "--rebuild"], &["sync", "--dry-run"]] {
        let outcome = project.run(arguments).exit(2);
        assert!(outcome.stderr.contains("not a virtual environment"), "{}", outcome.stderr);
        assert_eq!(project.read(".venv/thesis.tex"), "years of work");
    }
}

#[test]
fn a_package_that_does_not_exist_is_named() {
    let Some(project) = in_step("project") else { return };
    project.write("requirements.txt", "tool==1.0\nno-such-package\n");
    assert_refused(&project, &["no-such-package"]);
}

#[test]
fn nothing_to_follow_says_what_would_do() {
    let Some(project) = Engine::Pip.project() else { return };
    let outcome = project.run(["sync"]).exit(2);
    insta::assert_snapshot!(outcome.redact(&outcome.stderr));
    project.run(["status"]).exit(2);
}

#[test]
fn an_unknown_environment_lists_those_that_there_are() {
    let Some(project) = in_step("project") else { return };
    let outcome = project.run(["sync", "defualt"]).exit(2);
    insta::assert_snapshot!(outcome.redact(&outcome.stderr));
}

#[test]
fn a_python_that_is_not_there_is_said() {
    let Some(project) = in_step("project") else { return };
    project.write("instep.toml", "[tools]\npython = ['3.99']\n[env.default]\n");
    assert_refused(&project, &["3.99", "help:"]);
}

#[test]
fn a_wheel_that_breaks_off_leaves_everything_as_it_was() {
    let Some(project) = in_step("project") else { return };
    let wheels = project.wheels();
    Wheel::new("broken", "1.0").file("broken.py", "x = 1\n").build(&wheels);
    let index = Index::of(&wheels).break_off_after(200).start();
    let project = project.index(&index);
    project.write("requirements.txt", "tool==1.0\nbroken==1.0\n");
    for tool in ["uv", "pip"] {
        let outcome = project.run(["sync", "--tool", tool]).exit(2);
        assert!(!outcome.stderr.is_empty());
        assert_eq!(packages(&project), set(&[("tool", "1.0")]), "{tool}");
    }
    assert_tidy(&project);
}
