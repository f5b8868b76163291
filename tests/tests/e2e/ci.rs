//! `instep ci`, as a person, a hook and a workflow use it.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_tests::{Outcome, Project};

use crate::support::json;

const CONFIGURATION: &str = "\
[ci.commands]
uv = 'uv sync --all-extras --dev'
pip = 'pip install -r requirements.txt'

[tools]
python = ['3.13', '3.12']
uv = '0.13.8'
";

const WORKFLOW: &str = ".github/workflows/ci.yml";
const DEVCONTAINER: &str = ".devcontainer/devcontainer.json";
const POST_CREATE: &str = ".devcontainer/post-create.sh";

/// Where an install command stands, one of each kind of file; `COMMAND` is that command.
const EVERYWHERE: [(&str, &str); 8] = [
    (
        WORKFLOW,
        "name: CI # every push\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      \
         - run: COMMAND # everything\n      - run: |\n          COMMAND -q\n          echo 'COMMAND'\n",
    ),
    (
        ".github/actions/setup/action.yml",
        "name: Set up\ndescription: d\nruns:\n  using: composite\n  steps:\n  - run: COMMAND\n    shell: bash\n",
    ),
    (
        DEVCONTAINER,
        "{\n\t// with a comment\n\t\"image\": \"x\",\n\t\"postCreateCommand\": \"COMMAND\",\n}\n",
    ),
    (POST_CREATE, "#!/bin/sh\nset -e\nCOMMAND\n"),
    ("Dockerfile", "FROM x\nRUN --mount=type=cache,target=/c COMMAND && rm -rf /tmp/*\n"),
    ("Makefile", "dev:\n\t@COMMAND\n"),
    ("justfile", "dev:\n    COMMAND\n"),
    (".gitlab-ci.yml", "test:\n  script:\n    - COMMAND\n"),
];

/// A project of which some files are in step, some are not, and some do not follow.
pub(crate) fn project() -> Project {
    let project = Project::new();
    project.write("instep.toml", CONFIGURATION);
    project.write(
        WORKFLOW,
        "\
name: CI
on: [push]
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python-version: ['3.12', '3.11'] # the newest first
    steps:
      - uses: actions/setup-python@v6
        with:
          python-version: ${{ matrix.python-version }}
      - uses: astral-sh/setup-uv@v7
        with:
          version: \"0.9.1\"
      - run: uv sync --dev   # everything
      - run: uv sync --only-group docs
      - run: uv sync $FLAGS
      - run: echo 'uv sync --dev'
      - run: uv sync # instep: ignore
",
    );
    project.write(
        DEVCONTAINER,
        "{\n\t\"image\": \"mcr.microsoft.com/devcontainers/python:1-3.12\", // Python\n\t\"postCreateCommand\": \"uv sync --all-extras --dev\",\n}\n",
    );
    project
        .write("Dockerfile", "FROM python:3.13-slim\r\nRUN pip install -q -r requirements.txt\r\n");
    project
}

fn everywhere(project: &Project, command: &str) {
    for (path, text) in EVERYWHERE {
        project.write(path, text.replace("COMMAND", command));
    }
}

pub(crate) fn ci(project: &Project, args: &[&str]) -> Outcome {
    project.run([&["ci"], args].concat())
}

/// Every file of a folder by its path, byte for byte; what Instep remembers aside.
pub(crate) fn bytes(folder: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_symlink() || path.is_file() {
                let content = std::fs::read(&path).unwrap_or_default();
                found.insert(path.strip_prefix(folder).unwrap().to_string(), content);
            } else if path.file_name() != Some(".instep") {
                folders.push(path);
            }
        }
    }
    found
}

#[test]
fn status_lists_every_place_with_what_it_follows_or_why_not() {
    let project = project();
    insta::assert_snapshot!(ci(&project, &["status"]).exit(1).redacted());
    ci(&project, &["sync"]).success();
    insta::assert_snapshot!("status_in_step", ci(&project, &["status"]).success().redacted());
}

#[test]
fn check_shows_a_diff_and_sync_mends_it_once() {
    let project = project();
    let before = bytes(project.root());
    insta::assert_snapshot!("check", ci(&project, &["check"]).exit(1).redacted());
    let shown = ci(&project, &["sync", "--dry-run"]).success();
    assert_eq!(shown.stdout, ci(&project, &["check"]).exit(1).stdout);
    assert_eq!(bytes(project.root()), before, "looking changes nothing");
    assert!(!project.exists(".instep"), "looking remembers nothing");

    insta::assert_snapshot!("sync", ci(&project, &["sync"]).success().redacted());
    let after = bytes(project.root());
    insta::assert_snapshot!("sync_workflow", project.read(WORKFLOW));
    assert_eq!(after["Dockerfile"], before["Dockerfile"], "it was in step");
    let outcome = ci(&project, &["check"]).success();
    assert_eq!(outcome.stdout, "");

    let times = |project: &Project| {
        let time =
            |path: &String| std::fs::metadata(project.path(path)).unwrap().modified().unwrap();
        after.keys().map(time).collect::<Vec<_>>()
    };
    let written = times(&project);
    let outcome = ci(&project, &["sync"]).success();
    assert!(outcome.stderr.contains("all files in step"), "{}", outcome.stderr);
    assert_eq!(bytes(project.root()), after);
    assert_eq!(times(&project), written, "nothing was written again");
}

#[test]
fn json_says_the_same_as_the_text() {
    let project = project();
    let status = json(&ci(&project, &["status", "--json"]).exit(1).stdout);
    assert_eq!(status["commands"]["uv"], "uv sync --all-extras --dev");
    let check = json(&ci(&project, &["check", "--json"]).exit(1).stdout);
    assert_eq!(check["inStep"], false);
    assert_eq!(check["plan"], status["plan"]);
    let files = check["plan"]["files"].as_array().unwrap();
    let workflow = files.iter().find(|file| file["path"] == WORKFLOW).unwrap();
    let of_line = |line: u64| {
        let findings = workflow["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["line"] == line).unwrap().clone()
    };
    let drifted = of_line(16);
    assert_eq!(drifted["state"], "drifted", "{drifted}");
    assert_eq!(drifted["follows"], "uv");
    assert_eq!(drifted["text"], "uv sync --dev");
    assert_eq!(drifted["becomes"], "uv sync --all-extras --dev");
    let left = of_line(17);
    assert_eq!(left["state"], "left", "{left}");
    assert_eq!(left["reason"], "a selection of its own: `--only-group docs`");

    let sync = json(&ci(&project, &["sync", "--json"]).success().stdout);
    assert_eq!(sync["changed"], serde_json::json!([DEVCONTAINER, WORKFLOW]));
    let check = json(&ci(&project, &["check", "--json"]).success().stdout);
    assert_eq!(check["inStep"], true);
    project.write(WORKFLOW, "on: [\n");
    let broken = json(&ci(&project, &["check", "--json"]).exit(2).stdout);
    assert_eq!(broken["plan"]["broken"][0]["path"], WORKFLOW, "{broken}");
    let error = json(&ci(&project, &["sync", "--json"]).exit(2).stdout);
    assert!(error["error"].to_string().contains(WORKFLOW), "{error}");
}

#[test]
fn in_github_actions_every_place_is_shown_beside_its_line() {
    let project = project();
    project.write("50%, a: b/Makefile", "dev:\n\tuv sync\n");
    let quiet = ci(&project, &["check"]).exit(1);
    assert!(!quiet.stdout.contains("::error"), "{}", quiet.stdout);
    let project = project.variable("GITHUB_ACTIONS", "true");
    let outcome = ci(&project, &["check"]).exit(1);
    let lines: Vec<&str> =
        outcome.stdout.lines().filter(|line| line.starts_with("::error ")).collect();
    let expected = [
        "::error file=.devcontainer/devcontainer.json,line=2,title=out of step with python::3.12 is to be: 3.13",
        "::error file=.github/workflows/ci.yml,line=8,title=out of step with python::3.12, 3.11 is to be: 3.13, 3.12",
        "::error file=.github/workflows/ci.yml,line=15,title=out of step with uv::0.9.1 is to be: 0.13.8",
        "::error file=.github/workflows/ci.yml,line=16,title=out of step with uv::uv sync --dev is to be: uv sync --all-extras --dev",
        "::error file=50%25%2C a%3A b/Makefile,line=2,title=out of step with uv::uv sync is to be: uv sync --all-extras --dev",
    ];
    assert_eq!(lines, expected);
    // Of a configuration in a folder of the checkout, the paths begin with that.
    let above = project.root().parent().unwrap().to_owned();
    let project = project.variable("GITHUB_WORKSPACE", above);
    let outcome = ci(&project, &["check"]).exit(1);
    let folder = project.root().file_name().unwrap();
    let first = format!("::error file={folder}/.devcontainer/devcontainer.json,line=2");
    assert!(outcome.stdout.contains(&first), "{first}: {}", outcome.stdout);
    ci(&project, &["sync"]).success();
    assert_eq!(ci(&project, &["check"]).success().stdout, "");
}

#[test]
fn a_changed_line_of_the_configuration_is_followed_everywhere_in_one_sync() {
    let configured = |command: &str| format!("[ci.commands]\nuv = '{command}'\n");
    let first = "uv sync --group dev --locked";
    let project = Project::new();
    project.write("instep.toml", configured(first));
    everywhere(&project, first);
    ci(&project, &["sync"]).success();
    for command in
        ["uv sync --frozen --extra web", "uv sync", "uv sync --group dev --locked -p 3.13"]
    {
        project.write("instep.toml", configured(command));
        let outcome = ci(&project, &["check"]).exit(1);
        assert!(outcome.stderr.contains("9 of 9 places out of step"), "{}", outcome.stderr);
        let outcome = ci(&project, &["sync"]).success();
        assert!(outcome.stderr.contains("8 files changed"), "{}", outcome.stderr);
        for (path, text) in EVERYWHERE {
            // What is said, and not run, stays.
            let said = text.replace("'COMMAND'", &["'", first, "'"].concat());
            assert_eq!(project.read(path), said.replace("COMMAND", command), "{path}");
        }
    }
    // It is `.instep/ci.json` that knows.
    project.write("instep.toml", configured("uv sync --all-groups"));
    std::fs::remove_file(project.path(".instep/ci.json")).unwrap();
    let outcome = ci(&project, &["status"]).success();
    assert!(outcome.stdout.contains("a selection of its own: `--group dev`"), "{}", outcome.stdout);
}

#[test]
fn marks_decide_what_a_command_follows() {
    let project = Project::new();
    project.write(
        "instep.toml",
        "[ci.commands]\nuv = 'uv sync --dev'\ndocs = 'uv sync --only-group docs'\n",
    );
    project.write(
        "Makefile",
        "a:\n\tuv sync # instep: use docs\nb:\n\t# instep: ignore\n\tuv sync --all-groups\nc:\n\tuv sync --all-groups\nd:\n\tuv sync # instep: use nothing\n",
    );
    let outcome = ci(&project, &["status"]).exit(1);
    assert!(
        outcome.stdout.contains(
            "Makefile:9: uv sync left alone: marked `instep: use nothing`, which is not configured"
        ),
        "{}",
        outcome.stdout
    );
    ci(&project, &["sync"]).success();
    assert_eq!(
        project.read("Makefile"),
        "a:\n\tuv sync --only-group docs # instep: use docs\nb:\n\t# instep: ignore\n\tuv sync --all-groups\nc:\n\tuv sync --dev\nd:\n\tuv sync # instep: use nothing\n"
    );
}

#[test]
fn without_a_configuration_commands_fit_what_there_is() {
    let project = Project::new();
    everywhere(&project, "uv sync");
    let outcome = ci(&project, &["check"]).success();
    assert!(outcome.stderr.contains("nothing is configured to follow"), "{}", outcome.stderr);
    project.write("pyproject.toml", "[project]\nname = 'x'\nversion = '1'\n[project.optional-dependencies]\na = []\n[dependency-groups]\ndev = []\n");
    project.write("uv.lock", "");
    let outcome = ci(&project, &["status"]).exit(1);
    assert!(
        outcome.stderr.contains("uv uv sync --all-extras --dev (derived)"),
        "{}",
        outcome.stderr
    );
    ci(&project, &["sync"]).success();
    for (path, text) in EVERYWHERE {
        let said = text.replace("'COMMAND'", "'uv sync'");
        assert_eq!(
            project.read(path),
            said.replace("COMMAND", "uv sync --all-extras --dev"),
            "{path}"
        );
    }
}

#[test]
fn what_git_ignores_and_what_is_excluded_is_not_touched() {
    let project = Project::new();
    project.write(
        "instep.toml",
        "[ci]\nexclude = ['vendor/', '*.dev']\ninclude = ['scripts/*.sh']\n[ci.commands]\nuv = 'uv sync --dev'\n",
    );
    project.write(".gitignore", "/build/\ngenerated.Dockerfile\n");
    project.write("docs/.gitignore", "Makefile\n");
    let text = "FROM x\nRUN uv sync\n";
    let recipe = "a:\n\tuv sync\n";
    for path in
        ["build/Dockerfile", "generated.Dockerfile", "vendor/x/Dockerfile", "Dockerfile.dev"]
    {
        project.write(path, text);
    }
    for path in ["docs/Makefile", "node_modules/x/Makefile", ".venv/Makefile"] {
        project.write(path, recipe);
    }
    project.write("other.sh", "uv sync\n");
    let before = bytes(project.root());
    assert_eq!(ci(&project, &["check"]).success().stdout, "");
    project.write("Dockerfile", text);
    project.write("scripts/run.sh", "uv sync\n");
    ci(&project, &["sync"]).success();
    assert_eq!(project.read("Dockerfile"), "FROM x\nRUN uv sync --dev\n");
    assert_eq!(project.read("scripts/run.sh"), "uv sync --dev\n");
    let mut after = bytes(project.root());
    after.retain(|path, _| before.contains_key(path));
    assert_eq!(after, before);
}

#[test]
fn a_configuration_that_is_none_is_refused() {
    let project = project();
    let before = bytes(project.root());
    let says = |configuration: &str, expected: &[&str]| {
        project.write("instep.toml", configuration);
        for command in ["status", "check", "sync"] {
            let outcome = ci(&project, &[command]).exit(2);
            for part in expected {
                assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
            }
        }
    };
    says(
        "[ci.commands]\nuv = 'uv sync && x'\n",
        &["`uv`", "`uv sync && x`", "help: write the tool"],
    );
    says("[ci]\nexclude = ['[z-a]']\n", &["`[z-a]` is no pattern", "help: "]);
    says("[ci]\ncommand = 'x'\n", &["command"]);
    project.write("instep.toml", CONFIGURATION);
    assert_eq!(bytes(project.root()), before);
}

#[test]
fn another_repository_inside_of_this_one_is_left_alone() {
    let project = project();
    project.write("checkout/.git/HEAD", "ref: refs/heads/main\n");
    project.write("submodule/.git", "gitdir: ../.git/modules/submodule\n");
    for path in ["checkout/Makefile", "submodule/deep/Makefile"] {
        project.write(path, "a:\n\tuv sync\n");
    }
    project.write(".git", "gitdir: elsewhere\n");
    ci(&project, &["sync"]).success();
    for path in ["checkout/Makefile", "submodule/deep/Makefile"] {
        assert_eq!(project.read(path), "a:\n\tuv sync\n", "{path}");
    }
    assert!(project.read(WORKFLOW).contains("0.13.8"));
}

#[test]
fn install_makes_what_is_not_there_and_once() {
    let project = Project::new();
    let outcome = ci(&project, &["install", "--dry-run"]).success();
    assert!(outcome.stderr.contains("Makefile would be made"), "{}", outcome.stderr);
    assert_eq!(bytes(project.root()), BTreeMap::new());
    ci(&project, &["install", "--makefile"]).success();
    assert_eq!(bytes(project.root()).into_keys().collect::<Vec<_>>(), ["Makefile"]);
    let outcome = ci(&project, &["install", "--json"]).success();
    let outcomes: Vec<String> = json(&outcome.stdout)
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            format!("{}: {}", file["path"].as_str().unwrap(), file["outcome"].as_str().unwrap())
        })
        .collect();
    let expected =
        [".github/workflows/instep.yml: made", ".pre-commit-config.yaml: made", "Makefile: kept"];
    assert_eq!(outcomes, expected);
    let once = bytes(project.root());
    insta::assert_snapshot!("install_hooks", project.read(".pre-commit-config.yaml"));
    insta::assert_snapshot!("install_makefile", project.read("Makefile"));
    let outcome = ci(&project, &["install"]).success();
    assert_eq!(outcome.stderr.matches("has it already").count(), 3, "{}", outcome.stderr);
    assert_eq!(bytes(project.root()), once);
}

#[test]
fn install_adds_to_what_is_there_and_nothing_else_changes() {
    let hooks = "# ours\nrepos:\n  - repo: local\n    hooks:\n      - {id: x, name: x, entry: x, language: system} # flow\n";
    let makefile = "all: # first\n\techo x\n";
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let without_end = |text: &str| text.trim_end().to_owned();
    for edit in [&str::to_owned as &dyn Fn(&str) -> String, &crlf, &without_end, &|text| {
        without_end(&crlf(text))
    }] {
        let project = Project::new();
        let (hooks, makefile) = (edit(hooks), edit(makefile));
        project.write(".pre-commit-config.yaml", &hooks);
        project.write("GNUmakefile", &makefile);
        let outcome = ci(&project, &["install"]).success();
        assert!(outcome.stderr.contains("GNUmakefile extended"), "{}", outcome.stderr);
        for (path, before) in [(".pre-commit-config.yaml", hooks), ("GNUmakefile", makefile)] {
            let after = project.read(path);
            assert!(after.starts_with(&before), "{after:?}");
            assert!(after.ends_with('\n') && after.len() > before.len(), "{after:?}");
            let returns = after.matches("\r\n").count();
            let expected = if before.contains("\r\n") { after.matches('\n').count() } else { 0 };
            assert_eq!(returns, expected, "{after:?}");
        }
        let once = bytes(project.root());
        ci(&project, &["install"]).success();
        assert_eq!(bytes(project.root()), once);
    }
}

#[test]
fn install_refuses_what_it_cannot_extend_and_writes_nothing() {
    for hooks in ["repos: [\n", "repos: []\n", "repos: {}\n", "ci: {}\n"] {
        let project = Project::new();
        project.write(".pre-commit-config.yaml", hooks);
        let before = bytes(project.root());
        let outcome = ci(&project, &["install"]).exit(2);
        assert!(
            outcome.stderr.contains(".pre-commit-config.yaml:1: "),
            "{hooks}: {}",
            outcome.stderr
        );
        assert_eq!(bytes(project.root()), before);
    }
}
