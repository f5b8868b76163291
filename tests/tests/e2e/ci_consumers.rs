//! What `instep ci` writes, read by those that it is for: schemas, linters, hooks and dev containers.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tests::{Outcome, Project, tools};
use serde_json::Value;

use crate::support::json;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/ci");
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// No file of the corpus is in step with any of these: other options and versions, and words that each
/// format has to quote in its own way.
const CONFIGURATIONS: [&str; 2] = [
    "\
[ci]
include = ['*.sh']
[ci.commands]
uv = 'uv sync --locked --all-groups --python 3.13'
pip = 'pip install -c constraints.txt -r requirements.txt'
[tools]
python = ['3.13', '3.14']
uv = '0.13.8'
",
    "\
[ci]
include = ['*.sh']
[ci.commands]
uv = '''uv sync --dev --config-setting \"a: b\" --index 'https://packages.example/simple?a=1&b=%20#c' '''
pip = '''pip install -r requirements.txt \"--config-settings=k='v' # x\" '''
[tools]
python = ['3.14', '3.13', '3.10']
uv = '0.14.0'
",
];

/// How often each finding was made: what moved to another line is the same.
type Findings = BTreeMap<String, usize>;

/// The corpus in a project, a folder for each of its repositories.
struct Corpus {
    project: Project,
    files: Vec<String>,
}

impl Corpus {
    fn copy() -> Self {
        let project = Project::new();
        let mut files = Vec::new();
        let mut folders = vec![Utf8PathBuf::from(CORPUS)];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let relative = path.strip_prefix(CORPUS).unwrap().as_str().replace('\\', "/");
                project.write(&relative, std::fs::read(&path).unwrap());
                files.push(relative);
            }
        }
        files.sort();
        Self { project, files }
    }

    fn files(&self, are_wanted: impl Fn(&Utf8Path) -> bool) -> Vec<&str> {
        let wanted = self.files.iter().filter(|path| are_wanted(Utf8Path::new(path)));
        let found: Vec<&str> = wanted.map(String::as_str).collect();
        assert!(found.len() > 3, "{found:?}");
        found
    }

    /// One document each: GitHub takes no more, and the others know none of the rest either.
    fn workflows(&self) -> Vec<&str> {
        self.files(|path| {
            path.as_str().contains("/.github/workflows/")
                && path.file_name() != Some("documents.yml")
        })
    }

    fn actions(&self) -> Vec<&str> {
        self.files(|path| path.file_stem() == Some("action"))
    }

    fn scripts(&self) -> Vec<&str> {
        self.files(|path| path.extension() == Some("sh"))
    }

    /// Brings every repository in step; gives the files that have changed.
    fn sync(&self, configuration: &str) -> Vec<String> {
        let mut changed = Vec::new();
        for entry in self.project.root().read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            if !entry.path().is_dir() {
                continue;
            }
            let name = entry.file_name();
            self.project.write(&format!("{name}/instep.toml"), configuration);
            let outcome = self.project.run(["ci", "sync", "--json", "--directory", name]).success();
            let paths = json(&outcome.stdout)["changed"].as_array().unwrap().clone();
            changed.extend(paths.iter().map(|path| format!("{name}/{}", path.as_str().unwrap())));
        }
        changed
    }

    /// Asserts that a program finds nothing in the files after a sync that it did not find before, and that
    /// files like these have changed.
    #[track_caller]
    fn assert_nothing_new(look: impl Fn(&Self) -> Findings, is_one: fn(&Utf8Path) -> bool) {
        for configuration in CONFIGURATIONS {
            let corpus = Self::copy();
            let before = look(&corpus);
            let changed = corpus.sync(configuration);
            assert!(
                changed.iter().filter(|path| is_one(Utf8Path::new(path))).count() > 2,
                "{changed:?}"
            );
            let mut new = look(&corpus);
            new.retain(|finding, count| before.get(finding).is_none_or(|before| before < count));
            assert!(new.is_empty(), "{new:#?}");
        }
    }
}

fn run(project: &Project, program: &Utf8Path, args: &[&str]) -> Outcome {
    let mut command = project.command(program);
    command.args(args);
    project.finish(command)
}

fn counted(findings: impl IntoIterator<Item = String>) -> Findings {
    let mut counted = Findings::new();
    for finding in findings {
        *counted.entry(finding).or_default() += 1;
    }
    counted
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a schema that check-jsonschema brings with it has to say.
fn by_schema(project: &Project, program: &Utf8Path, schema: &str, files: &[&str]) -> Findings {
    let args = ["--builtin-schema", schema, "--output-format", "json"];
    let outcome = run(project, program, &[&args, files].concat());
    let report = json(&outcome.stdout);
    let errors = list(&report["errors"]).iter().chain(list(&report["parse_errors"]));
    counted(
        errors.map(|error| format!("{} {} {}", error["filename"], error["path"], error["message"])),
    )
}

/// What zizmor has to say of every file; that it cannot read it, too.
fn by_zizmor(project: &Project, program: &Utf8Path, files: &[&str]) -> Findings {
    let args = ["--offline", "--no-config", "--no-progress", "--format", "json-v1"];
    let outcome = run(project, program, &[&args, files].concat());
    let is_unread = |file: &&&str| !outcome.stderr.contains(&format!("completed {file}\n"));
    let unread = files.iter().filter(is_unread).map(|file| format!("{file} is not read"));
    let report = json(&outcome.stdout);
    let findings = list(&report).iter().map(|finding| {
        let locations = list(&finding["locations"]).iter().map(|location| {
            let place = &location["symbolic"];
            format!("{} {} {}", place["key"], place["route"], place["annotation"])
        });
        [finding["ident"].to_string(), locations.collect::<Vec<_>>().join(" ")].concat()
    });
    counted(findings.chain(unread))
}

#[test]
fn the_workflow_of_install_is_valid_and_zizmor_finds_nothing() {
    let Some(schemas) = tools::require("check-jsonschema") else { return };
    let Some(zizmor) = tools::require("zizmor") else { return };
    let project = Project::new();
    project.run(["ci", "install"]).success();
    let workflow = ".github/workflows/instep.yml";
    let found = by_schema(&project, &schemas, "vendor.github-workflows", &[workflow]);
    assert_eq!(found, Findings::new());
    assert_eq!(by_zizmor(&project, &zizmor, &[workflow]), Findings::new());
}

#[test]
fn the_action_of_this_repository_is_valid_and_zizmor_finds_nothing() {
    let Some(schemas) = tools::require("check-jsonschema") else { return };
    let Some(zizmor) = tools::require("zizmor") else { return };
    let project = Project::new();
    let action = std::fs::read(Utf8Path::new(REPOSITORY).join("action.yml")).unwrap();
    project.write("action.yml", action);
    let found = by_schema(&project, &schemas, "vendor.github-actions", &["action.yml"]);
    assert_eq!(found, Findings::new());
    assert_eq!(by_zizmor(&project, &zizmor, &["action.yml"]), Findings::new());
}

#[test]
fn the_schemas_find_nothing_new_in_what_was_rewritten() {
    let Some(program) = tools::require("check-jsonschema") else { return };
    let look = |corpus: &Corpus| {
        let of = |schema, files: &[&str]| by_schema(&corpus.project, &program, schema, files);
        let mut found = of("vendor.github-workflows", &corpus.workflows());
        found.extend(of("vendor.github-actions", &corpus.actions()));
        found
    };
    Corpus::assert_nothing_new(look, |path| path.as_str().contains("/.github/"));
}

#[test]
fn zizmor_finds_nothing_new_in_what_was_rewritten() {
    let Some(program) = tools::require("zizmor") else { return };
    let look = |corpus: &Corpus| {
        let files = [corpus.workflows(), corpus.actions()].concat();
        by_zizmor(&corpus.project, &program, &files)
    };
    Corpus::assert_nothing_new(look, |path| path.as_str().contains("/.github/"));
}

#[test]
fn shellcheck_finds_nothing_new_in_what_was_rewritten() {
    let Some(program) = tools::system("shellcheck") else { return };
    let look = |corpus: &Corpus| {
        let args = ["--format", "json1", "--norc"];
        let outcome = run(&corpus.project, &program, &[&args[..], &corpus.scripts()].concat());
        let report = json(&outcome.stdout);
        counted(list(&report["comments"]).iter().map(|comment| {
            format!("{} SC{} {}", comment["file"], comment["code"], comment["message"])
        }))
    };
    Corpus::assert_nothing_new(look, |path| path.extension() == Some("sh"));
}

#[test]
fn a_dev_container_is_read_with_its_new_command() {
    let Some(program) = tools::devcontainer() else { return };
    // Nothing is started: it only asks which containers there are, and these are none.
    let Some(docker) = tools::system("true") else { return };
    let project = Project::new();
    project.write("instep.toml", CONFIGURATIONS[0]);
    let file = ".devcontainer/devcontainer.json";
    let before = std::fs::read(Utf8Path::new(CORPUS).join("devcontainer-folders").join(file));
    project.write(file, before.unwrap());
    let read = || {
        let args =
            ["read-configuration", "--workspace-folder", ".", "--docker-path", docker.as_str()];
        json(&run(&project, &program, &args).success().stdout)["configuration"].clone()
    };
    let mut expected = read();
    project.run(["ci", "sync"]).success();
    let command = "uv sync --locked --all-groups --python 3.13";
    for (pointer, value) in [
        ("/image", "mcr.microsoft.com/devcontainers/python:1-3.13-bookworm"),
        ("/features/ghcr.io~1devcontainers~1features~1python:1/version", "3.13"),
        ("/features/ghcr.io~1va-h~1devcontainers-features~1uv:1/version", "0.13.8"),
        ("/updateContentCommand", command),
        ("/postStartCommand", &["git config core.hooksPath .hooks && ", command].concat()),
    ] {
        let place = expected.pointer_mut(pointer).unwrap();
        assert_ne!(place, value, "{pointer}");
        *place = value.into();
    }
    assert_eq!(read(), expected);
}

/// A git repository with a workflow that is in step, and with `instep` on `PATH`.
fn repository() -> Option<(Project, Utf8PathBuf)> {
    let git = tools::system("git")?;
    let project = Project::new().tool(instep_tests::instep());
    let settings = "[user]\nname = A\nemail = a@example.com\n[safe]\ndirectory = *\n";
    std::fs::write(project.temp().join("home/.gitconfig"), settings).unwrap();
    project.write("instep.toml", "[ci.commands]\nuv = 'uv sync --dev'\n");
    project.write(".github/workflows/ci.yml", workflow("uv sync --dev"));
    run(&project, &git, &["init", "--quiet"]).success();
    Some((project, git))
}

fn workflow(command: &str) -> String {
    format!(
        "on: [push]\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {command}\n"
    )
}

/// A commit with a drifted workflow is blocked, also by a run over all files; a repaired one passes.
fn assert_guarded(project: &Project, git: &Utf8Path, runner: &Utf8Path) {
    let commit = || {
        run(project, git, &["add", "--all"]).success();
        run(project, git, &["commit", "--quiet", "--message", "m"])
    };
    run(project, runner, &["install"]).success();
    commit().success();
    project.write(".github/workflows/ci.yml", workflow("uv sync --all-groups"));
    let outcome = commit().exit(1);
    assert!(outcome.stderr.contains("+      - run: uv sync --dev"), "{}", outcome.stderr);
    let outcome = run(project, runner, &["run", "--all-files"]).exit(1);
    assert!(outcome.stdout.contains("instep-ci-check"), "{}", outcome.stdout);
    project.run(["ci", "sync"]).success();
    // With something to commit, in a file that the hook is for.
    project.write(".github/workflows/ci.yml", workflow("uv sync --dev # again"));
    let outcome = commit().success();
    assert!(outcome.stderr.contains("Passed"), "{}", outcome.stderr);
    let outcome = run(project, runner, &["run", "--all-files"]).success();
    assert!(outcome.stdout.contains("Passed"), "{}", outcome.stdout);
    // A broken file is no reason to let a commit pass.
    project.write(".github/workflows/ci.yml", "on: [\n");
    commit().exit(1);
}

#[test]
fn the_hook_of_install_blocks_what_is_out_of_step() {
    for name in ["pre-commit", "prek"] {
        let Some(runner) = tools::require(name) else { return };
        let Some((project, git)) = repository() else { return };
        project.run(["ci", "install", "--hook"]).success();
        assert_guarded(&project, &git, &runner);
    }
}

#[test]
fn this_repository_is_one_that_hooks_can_be_taken_from() {
    for name in ["pre-commit", "prek"] {
        let Some(runner) = tools::require(name) else { return };
        let Some((project, git)) = repository() else { return };
        let hooks = project.temp().join("hooks");
        if !Utf8Path::new(REPOSITORY).join(".git").exists() {
            tools::skip("needs the history of this repository, and this is no checkout");
            return;
        }
        // With the hooks as they are in the working tree.
        run(&project, &git, &["clone", "--quiet", "--no-tags", REPOSITORY, hooks.as_str()])
            .success();
        let own = ".pre-commit-hooks.yaml";
        std::fs::copy(Utf8Path::new(REPOSITORY).join(own), hooks.join(own)).unwrap();
        let in_hooks =
            |args: &[&str]| run(&project, &git, &[&["-C", hooks.as_str()], args].concat());
        in_hooks(&["add", own]).success();
        in_hooks(&["commit", "--quiet", "--allow-empty", "--message", "m"]).success();
        let revision = in_hooks(&["rev-parse", "HEAD"]).success().stdout;
        project.write(
            ".pre-commit-config.yaml",
            format!(
                "repos:\n  - repo: file://{hooks}\n    rev: {}\n    hooks:\n      - id: instep-ci-check\n",
                revision.trim()
            ),
        );
        assert_guarded(&project, &git, &runner);
    }
}
