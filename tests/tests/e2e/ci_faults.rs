//! `instep ci` where something is in the way: all files are written, or none.

use instep_tests::{Outcome, Project};

use crate::ci::{bytes, ci, project};

/// Runs into what is wrong with one file, beside others that are out of step.
#[track_caller]
fn refused(project: &Project, mut run: impl FnMut(&[&str]) -> Outcome, named: &str) {
    let before = bytes(project.temp());
    for command in ["status", "check"] {
        let outcome = run(&["ci", command]).exit(2);
        assert!(outcome.stderr.contains(named), "{named}: {}", outcome.stderr);
    }
    let outcome = run(&["ci", "sync"]).exit(2);
    assert!(outcome.stderr.contains(named), "{named}: {}", outcome.stderr);
    assert!(outcome.stderr.contains("no file was changed"), "{}", outcome.stderr);
    assert_eq!(bytes(project.temp()), before, "{named}");
    assert!(!project.exists(".instep"));
}

#[test]
fn one_file_that_is_not_what_its_name_says_keeps_all_from_being_written() {
    let table: [(&str, &[u8], &str); 8] = [
        (".github/workflows/b.yml", b"on: push\njobs: [\n", ".github/workflows/b.yml:"),
        (".github/workflows/b.yml", b"a: \xff\n", ".github/workflows/b.yml:1: it is not UTF-8"),
        (".gitlab-ci.yml", b"a: 'b\n", ".gitlab-ci.yml:"),
        (
            ".devcontainer/x/devcontainer.json",
            b"{\n\"a\": ]\n",
            ".devcontainer/x/devcontainer.json:2: ",
        ),
        (".devcontainer.json", b"{\n\n", ".devcontainer.json:"),
        ("pyproject.toml", b"[tool.uv]\nrequired-version = '0.9.1\n", "pyproject.toml:2: "),
        ("sub/uv.toml", b"required-version = '0.9.1'\na = \n", "sub/uv.toml:2: "),
        ("web.Dockerfile", b"\xfeRUN uv sync\n", "web.Dockerfile:1: it is not UTF-8"),
    ];
    for (path, content, named) in table {
        let project = project();
        project.write(path, content);
        refused(&project, |args| project.run(args), named);
    }
}

// What Unix lets a test do to a file.
#[cfg(unix)]
mod unix {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use camino::Utf8Path;
    use instep_tests::tools;

    use super::*;
    use crate::support::make_executable;

    fn set_mode(path: &Utf8Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// `instep` as somebody for whom permissions hold: they do not for root, unless it gives that up.
    fn subject(project: &Project) -> Option<impl Fn(&[&str]) -> Outcome + '_> {
        let locked = project.temp().join("tmp/locked");
        std::fs::write(&locked, "").unwrap();
        set_mode(&locked, 0);
        let is_root = std::fs::read(&locked).is_ok();
        std::fs::remove_file(&locked).unwrap();
        let setpriv = if is_root { Some(tools::system("setpriv")?) } else { None };
        Some(move |args: &[&str]| {
            let command = match &setpriv {
                None => project.instep(args),
                Some(setpriv) => {
                    let mut command = project.command(setpriv);
                    command.arg("--bounding-set=-dac_override,-dac_read_search");
                    command.arg(instep_tests::instep()).args(args);
                    command
                }
            };
            project.finish(command)
        })
    }

    #[test]
    fn a_file_that_cannot_be_read_keeps_all_from_being_written() {
        for path in ["Makefile", "sub"] {
            let project = project();
            project.write("Makefile", "a:\n\tuv sync\n");
            project.write("sub/Makefile", "a:\n\tuv sync\n");
            let Some(run) = subject(&project) else { return };
            let before = bytes(project.temp());
            set_mode(&project.path(path), 0);
            for command in ["status", "check", "sync"] {
                let outcome = run(&["ci", command]).exit(2);
                assert!(outcome.stderr.contains(path), "{}", outcome.stderr);
                assert!(outcome.stderr.contains("ermission denied"), "{}", outcome.stderr);
            }
            set_mode(&project.path(path), 0o755);
            assert_eq!(bytes(project.temp()), before);
        }
    }

    #[test]
    fn a_file_that_is_read_only_keeps_all_from_being_written() {
        let project = project();
        project.write("z/Makefile", "a:\n\tuv sync\n");
        set_mode(&project.path("z/Makefile"), 0o444);
        let before = bytes(project.root());
        ci(&project, &["check"]).exit(1);
        let outcome = ci(&project, &["sync"]).exit(2);
        assert!(outcome.stderr.contains("z/Makefile"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("no file was changed"), "{}", outcome.stderr);
        assert_eq!(bytes(project.root()), before);
        set_mode(&project.path("z/Makefile"), 0o644);
        ci(&project, &["sync"]).success();
        ci(&project, &["check"]).success();
    }

    #[test]
    fn a_folder_that_is_read_only_brings_back_what_was_written_before() {
        let project = project();
        project.write("z/Makefile", "a:\n\tuv sync\n");
        let Some(run) = subject(&project) else { return };
        let before = bytes(project.root());
        set_mode(&project.path("z"), 0o555);
        let outcome = run(&["ci", "sync"]).exit(2);
        assert!(outcome.stderr.contains("z/Makefile"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("no file was changed"), "{}", outcome.stderr);
        set_mode(&project.path("z"), 0o755);
        assert_eq!(bytes(project.root()), before);
        crate::support::assert_tidy(&project);
    }

    #[test]
    fn a_link_that_leads_out_of_the_repository_keeps_all_from_being_written() {
        for path in ["Makefile", ".github/workflows/shared.yml", ".devcontainer/post-create.sh"] {
            let project = project();
            let outside = project.temp().join("outside");
            std::fs::write(&outside, "a:\n\tuv sync\n").unwrap();
            symlink(&outside, project.path(path)).unwrap();
            refused(&project, |args| project.run(args), &[path, ": "].concat());
        }
    }

    #[test]
    fn a_link_within_the_repository_is_left_to_what_it_leads_to() {
        let project = project();
        project.write("docker/Dockerfile", "FROM x\nRUN uv sync\n");
        symlink("docker/Dockerfile", project.path("web.Dockerfile")).unwrap();
        ci(&project, &["sync"]).success();
        assert!(project.path("web.Dockerfile").is_symlink());
        assert_eq!(project.read("web.Dockerfile"), "FROM x\nRUN uv sync --all-extras --dev\n");
        ci(&project, &["check"]).success();
    }

    #[test]
    fn a_script_stays_executable() {
        let project = project();
        let script = project.write(".devcontainer/post-create.sh", "#!/bin/sh\nuv sync\n");
        make_executable(&script);
        let private = project.write(".devcontainer/private.sh", "uv sync\n");
        set_mode(&private, 0o640);
        ci(&project, &["sync"]).success();
        assert_eq!(
            project.read(".devcontainer/post-create.sh"),
            "#!/bin/sh\nuv sync --all-extras --dev\n"
        );
        let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&script), mode(&private)), (0o755, 0o640));
    }
}

#[test]
fn a_kill_leaves_whole_files_and_the_next_sync_mends_the_rest() {
    use std::time::{Duration, Instant};

    let project = Project::new();
    project.write("instep.toml", "[ci.commands]\nuv = 'uv sync --dev'\n");
    let write = || {
        for number in 0..40 {
            project.write(&format!("{number}.Dockerfile"), "FROM x\nRUN uv sync\n");
        }
    };
    write();
    let started = Instant::now();
    ci(&project, &["sync"]).success();
    let whole = started.elapsed() + Duration::from_millis(5);
    let mut moments = crate::support::Moments(7);
    for _ in 0..crate::support::kills() {
        write();
        let mut child = project.instep(["ci", "sync", "--quiet"]).spawn().unwrap();
        // The moment is the point here: whatever has been done by then.
        std::thread::sleep(moments.below(whole));
        child.kill().unwrap();
        child.wait().unwrap();
        for number in 0..40 {
            let text = project.read(&format!("{number}.Dockerfile"));
            assert!(
                ["FROM x\nRUN uv sync\n", "FROM x\nRUN uv sync --dev\n"].contains(&text.as_str()),
                "{text}"
            );
        }
        ci(&project, &["sync"]).success();
        ci(&project, &["check"]).success();
    }
}
