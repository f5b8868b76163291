//! Layers: one resolution, many locks, one environment a project.

use instep_tests::{Index, Outcome, Project, Wheel, tools};
use serde_json::Value;

use crate::support::{Engine, family, json, packages_of, set};

const CONFIG: &str = "[layers]\n";

/// `old` needs an older `leaf` than anybody else would take.
fn project() -> Option<Project> {
    let project = Engine::Uv.project()?;
    family(&project);
    project.wheel(&Wheel::new("old", "1.0").requires("leaf<2"));
    project.wheel(&Wheel::new("needs-new", "1.0").requires("leaf>=2"));
    project.write("instep.toml", CONFIG);
    Some(project)
}

fn layer(project: &Project, name: &str, text: &str) {
    project.write(&format!("requirements/{name}.in"), text);
}

/// The pins of a lock, a line each, without digests and comments.
fn pins(project: &Project, name: &str) -> Vec<String> {
    let text = project.read(&format!("requirements/{name}.txt"));
    let lines = text.lines().filter(|line| !line.starts_with(['#', ' ']));
    lines.map(|line| line.trim_end_matches([' ', '\\']).to_owned()).collect()
}

/// Why `lock --check` finds a layer out of date.
fn stale(project: &Project, name: &str) -> Vec<String> {
    let outcome = project.run(["lock", "--check", "--json"]);
    let answer = json(&outcome.stdout);
    let layers = answer["plan"]["layers"].as_array().unwrap();
    let found = layers.iter().find(|layer| layer["name"] == name).unwrap();
    let stale: Vec<String> = found["stale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcome.code, Some(i32::from(!answer["current"].as_bool().unwrap())));
    stale
}

fn failure(project: &Project, args: &[&str]) -> Outcome {
    project.run(args).exit(2)
}

#[test]
fn what_layers_share_has_one_version_that_fits_all() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf\n");
    layer(&project, "dev", "-c base.txt\nold\ntool\n");
    layer(&project, "web", "-r base.in\napp\n");
    project.run(["lock"]).success();
    // Compiled first and by itself, base would have taken leaf 2.0, and dev could not be resolved.
    assert_eq!(pins(&project, "base"), ["leaf==1.0"]);
    assert_eq!(pins(&project, "dev"), ["leaf==1.0", "old==1.0", "tool==2.0"]);
    assert_eq!(pins(&project, "web"), ["app==2.0", "leaf==1.0", "lib==2.0"]);
    let web = project.read("requirements/web.txt");
    assert!(web.contains("#   -r requirements/base.in\n    #   lib\n"), "{web}");
    assert!(!web.contains(project.temp().as_str()), "{web}");
    project.run(["lock", "--check"]).success();
}

#[test]
fn a_lock_is_compiled_again_for_everything_that_decides_about_it() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-c base.txt\napp\n");
    project.run(["lock"]).success();
    let text = |project: &Project| project.read("requirements/web.txt");
    let first = text(&project);
    let mend = |expected: &[&str], what: &str| {
        assert_eq!(stale(&project, "web"), expected, "{what}");
        project.run(["lock"]).success();
        assert_eq!(stale(&project, "web"), Vec::<String>::new(), "{what}");
    };
    layer(&project, "web", "# means nothing\n-c base.txt\nApp\n");
    assert_eq!(stale(&project, "web"), Vec::<String>::new());
    layer(&project, "web", "-c base.txt\napp<2\n");
    mend(&["inputs_changed"], "requirements");
    assert!(pins(&project, "web").contains(&"app==1.0".to_owned()));
    layer(&project, "web", "-r base.in\napp\n");
    mend(&["inputs_changed", "options_changed"], "from -c to -r");
    layer(&project, "web", "-c base.txt\napp\n");
    project.run(["lock", "--upgrade"]).success();
    assert_eq!(text(&project), first, "as it was");
    project.write("requirements/web.txt", first.replace("app==2.0", "app==1.0"));
    mend(&["lock_edited"], "lock");
    project.write("requirements/web.txt", "app==1.0\n");
    mend(&["lock_foreign"], "lock of another tool");
    std::fs::remove_file(project.path("requirements/web.txt")).unwrap();
    mend(&["lock_missing"], "no lock");
    let base = project.read("requirements/base.txt");
    project.write("requirements/base.txt", base.replace("leaf==2.0", "leaf==1.0"));
    mend(&["base_changed", "not_together"], "the lock below was edited");
    let above = ["evil==1\n", &text(&project)].concat();
    project.write("requirements/web.txt", above);
    mend(&["lock_edited"], "a line above the header");
    project.write("pyproject.toml", "[tool.uv]\nconstraint-dependencies = ['lib<2']\n");
    mend(&["options_changed"], "settings of uv");
    assert!(pins(&project, "web").contains(&"lib==1.0".to_owned()));
    std::fs::remove_file(project.path("pyproject.toml")).unwrap();
    mend(&["options_changed"], "settings of uv that are gone");
    project.run(["lock", "--upgrade"]).success();
    project.write("instep.toml", "[layers]\nhashes = false\n");
    mend(&["options_changed"], "digests");
    assert!(!text(&project).contains("--hash"));
    project.write("instep.toml", "[layers]\nstrategy = 'layered'\n");
    mend(&["options_changed"], "strategy");
    project.write("instep.toml", "[layers]\n[layers.web]\npython = '3.19'\n");
    assert!(stale(&project, "web").contains(&"python_changed".to_owned()));
    project.write("instep.toml", "[layers]\n[layers.web]\nplatform = 'linux'\n");
    mend(&["platform_changed"], "platform");
    project.write("instep.toml", "[layers]\n[tools]\nuv = '0.0.1'\n");
    assert!(stale(&project, "web").contains(&"tool_changed".to_owned()));
    project.write("instep.toml", CONFIG);
    let text = text(&project);
    let other = text.replace("tool=uv@", "tool=uv@0.0.");
    project.write("requirements/web.txt", other);
    project.run(["lock"]).success();
    assert!(!project.read("requirements/web.txt").contains("uv@0.0."), "another version of uv");
}

#[test]
fn pins_stay_until_an_upgrade_and_the_change_is_shown() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf<2\n");
    layer(&project, "web", "-c base.txt\nlib\ntool<2\n");
    project.run(["lock"]).success();
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-c base.txt\nlib\ntool\n");
    project.run(["lock"]).success();
    assert_eq!(pins(&project, "web"), ["leaf==1.0", "lib==2.0", "tool==1.0"], "kept");
    let untouched = project.path("requirements/base.txt").metadata().unwrap().modified().unwrap();
    let outcome = project.run(["lock", "--upgrade-package", "tool"]).success();
    assert_eq!(pins(&project, "web"), ["leaf==1.0", "lib==2.0", "tool==2.0"]);
    assert!(outcome.stderr.contains("tool     1.0  2.0  web"), "{}", outcome.stderr);
    let after = project.path("requirements/base.txt").metadata().unwrap().modified().unwrap();
    assert_eq!(after, untouched, "a lock that did not change was written");
    let dry = project.run(["lock", "--upgrade", "base", "--dry-run"]).success();
    assert!(dry.stderr.contains("leaf"), "{}", dry.stderr);
    assert_eq!(pins(&project, "base"), ["leaf==1.0"], "a dry run wrote");
    project.run(["lock", "--upgrade", "base"]).success();
    assert_eq!(pins(&project, "base"), ["leaf==2.0"]);
    assert_eq!(pins(&project, "web"), ["leaf==2.0", "lib==2.0", "tool==2.0"]);
}

#[test]
fn layers_that_cannot_live_together_are_named_and_can_be_declared() {
    let Some(project) = project() else { return };
    layer(&project, "base", "tool\n");
    layer(&project, "one", "-r base.in\nold\n");
    layer(&project, "other", "-r base.in\nneeds-new\n");
    let outcome = failure(&project, &["lock"]);
    assert!(outcome.stderr.contains("`one` and `other`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(r#"conflicts = [["one", "other"]]"#), "{}", outcome.stderr);
    assert!(!project.exists("requirements/base.txt"), "a lock was written");
    project.write("instep.toml", "[layers]\nconflicts = [['one', 'other']]\n");
    project.run(["lock"]).success();
    assert!(pins(&project, "one").contains(&"leaf==1.0".to_owned()));
    assert!(pins(&project, "other").contains(&"leaf==2.0".to_owned()));
}

#[test]
fn a_conflict_is_explained_and_the_smallest_edit_mends_it() {
    let Some(project) = project() else { return };
    layer(&project, "base", "# shared\r\nleaf >=2,<3  # the new one\r\n\r\nlib\r\n");
    layer(&project, "dev", "-c base.txt\nold\ntool\n");
    let outcome = project.run(["conflicts", "--json"]).exit(1);
    let answer = json(&outcome.stdout);
    let conflict = &answer["conflicts"][0];
    let lines: Vec<String> = conflict["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| format!("{} {}", line["file"].as_str().unwrap(), line["line"]))
        .collect();
    assert_eq!(lines, ["requirements/base.in 2", "requirements/dev.in 2"]);
    assert_eq!(conflict["demands"], serde_json::json!([{ "by": "old", "on": "leaf<2" }]));
    let before = project.read("requirements/base.in");
    let shown = project.run(["conflicts"]).exit(1);
    assert!(shown.stdout.contains("requirements/base.in:2  leaf"), "{}", shown.stdout);
    assert_eq!(project.read("requirements/base.in"), before, "only --fix writes");
    project.run(["conflicts", "--fix"]).success();
    let after = "# shared\r\nleaf >=1.0,<3  # the new one\r\n\r\nlib\r\n";
    assert_eq!(project.read("requirements/base.in"), after);
    project.run(["lock"]).success();
    project.run(["conflicts"]).success();
    assert!(pins(&project, "dev").contains(&"leaf==1.0".to_owned()));
}

#[test]
fn the_conflict_that_the_older_tool_was_written_for_is_mended() {
    let Some(project) = Engine::Uv.project() else { return };
    let project = project.online();
    let text = "rich>=14.1,<14.2\njsonschema>=4.25.1\nclick>=8.3.0,<8.4.0\nsemgrep>=1.139.0\n";
    project.write("requirements.txt", text);
    project.run(["sync", "--dry-run"]).exit(2);
    let outcome = project.run(["conflicts", "--fix"]);
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("semgrep"), "{}", outcome.stdout);
    assert_ne!(project.read("requirements.txt"), text);
    let outcome = project.run(["sync", "--dry-run"]).success();
    assert!(outcome.stdout.contains("semgrep"), "{}", outcome.stdout);
}

#[test]
fn layer_by_layer_with_each_tool_the_later_are_held_to_the_earlier() {
    for tool in ["uv", "pip-tools"] {
        let Some(mut project) = project() else { return };
        if tool == "pip-tools" {
            let Some(compile) = tools::require("pip-compile") else { return };
            project = project.tool(&compile);
        }
        layer(&project, "base", "leaf<2\n");
        layer(&project, "a", "-c base.txt\nlib\n");
        layer(&project, "b", "-r base.in\ntool\n");
        layer(&project, "top", "-r a.in\n-c b.txt\napp\n");
        let config = format!("[layers]\nstrategy = 'layered'\n[tools]\nprefer = ['{tool}']\n");
        project.write("instep.toml", &config);
        let outcome = project.run(["lock"]);
        assert_eq!(outcome.code, Some(0), "{tool}: {}", outcome.stderr);
        assert_eq!(pins(&project, "a"), ["leaf==1.0", "lib==2.0"], "{tool}");
        assert_eq!(pins(&project, "b"), ["leaf==1.0", "tool==2.0"], "{tool}");
        assert_eq!(pins(&project, "top"), ["app==2.0", "leaf==1.0", "lib==2.0"], "{tool}");
        let top = project.read("requirements/top.txt");
        assert!(top.contains("-r requirements/top.in"), "{tool}: {top}");
        assert!(!top.contains(".instep"), "{tool}: {top}");
        project.run(["lock", "--check"]).success();
        // A new version below comes to those above, and to nobody else.
        layer(&project, "base", "leaf\n");
        project.run(["lock", "--upgrade", "base"]).success();
        assert_eq!(pins(&project, "top"), ["app==2.0", "leaf==2.0", "lib==2.0"], "{tool}");
    }
}

#[test]
fn when_one_layer_does_not_resolve_no_lock_is_written() {
    for strategy in ["joint", "layered"] {
        let Some(project) = project() else { return };
        project.write("instep.toml", format!("[layers]\nstrategy = '{strategy}'\n"));
        layer(&project, "a", "leaf\n");
        layer(&project, "b", "-c a.txt\nno-such-package\n");
        let outcome = failure(&project, &["lock"]);
        assert!(outcome.stderr.contains("no-such-package"), "{strategy}: {}", outcome.stderr);
        for name in ["a", "b"] {
            assert!(!project.exists(&format!("requirements/{name}.txt")), "{strategy}: {name}");
        }
        // One that cannot be written takes the others back.
        layer(&project, "b", "-c a.txt\ntool\n");
        std::fs::create_dir_all(project.path("requirements/b.txt/in-the-way")).unwrap();
        failure(&project, &["lock"]);
        assert!(!project.exists("requirements/a.txt"), "{strategy}");
    }
}

#[test]
fn a_layer_that_nobody_asked_for_stays_as_it_is_stale_or_not() {
    let Some(project) = project() else { return };
    project.write("instep.toml", "[layers]\nstrategy = 'layered'\n");
    layer(&project, "base", "leaf<2\n");
    layer(&project, "mid", "-c base.txt\ntool\n");
    layer(&project, "web", "-c mid.txt\nlib\n");
    layer(&project, "solo", "lib\n");
    project.run(["lock"]).success();
    let solo = project.read("requirements/solo.txt");
    project.write("requirements/solo.txt", solo.replace("lib==2.0", "lib==1.0"));
    layer(&project, "base", "leaf>=2\n");
    // What web has is said to be another version than what it builds on.
    project.run(["lock", "base"]).exit(1);
    assert_eq!(stale(&project, "solo"), ["lock_edited"]);
    // What is built on far below counts too.
    assert_eq!(stale(&project, "web"), ["base_changed"]);
    project.run(["lock"]).success();
    assert_eq!(pins(&project, "web"), ["leaf==2.0", "lib==2.0"]);
    project.run(["lock", "--check"]).success();
}

#[test]
fn locks_that_were_not_compiled_together_are_found() {
    let Some(project) = project() else { return };
    layer(&project, "a", "leaf<2\n");
    layer(&project, "b", "leaf\n");
    project.run(["lock"]).success();
    let before = project.read("requirements/b.txt");
    layer(&project, "a", "leaf\n");
    project.run(["lock", "--upgrade"]).success();
    // As a merge, or a kill between two writes, leaves it.
    project.write("requirements/b.txt", before);
    assert_eq!(stale(&project, "b"), ["not_together"]);
    project.run(["lock"]).success();
    assert_eq!(pins(&project, "a"), pins(&project, "b"));
}

#[test]
fn a_lock_takes_the_place_of_nothing_else() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf\n");
    for output in ["instep.toml", "requirements/other.in", "README.md"] {
        let config = format!("[layers.base]\noutput = '{output}'\n");
        project.write("instep.toml", &config);
        project.write("requirements/other.in", "tool\n");
        project.write("README.md", "# A page\n\nof text.\n");
        failure(&project, &["lock"]);
        assert_eq!(project.read("instep.toml"), config);
        assert_eq!(project.read("requirements/other.in"), "tool\n");
        assert_eq!(project.read("README.md"), "# A page\n\nof text.\n");
    }
}

#[test]
fn no_secret_of_a_requirement_comes_into_a_lock_or_an_error() {
    for strategy in ["joint", "layered"] {
        let Some(project) = project() else { return };
        let index = Index::of(&project.wheels()).start();
        let project = project.index(&index).variable("TOKEN", "s3cret");
        let host = index.url_without_password();
        let host = host.trim_start_matches("http://").split('/').next().unwrap().to_owned();
        let wheel = Wheel::new("direct", "1.0").file_name();
        project.wheel(&Wheel::new("direct", "1.0"));
        project.write("instep.toml", format!("[layers]\nstrategy = '{strategy}'\n"));
        let url = format!("http://bob:${{TOKEN}}@{host}/files/{wheel}");
        layer(&project, "a", &format!("direct @ {url} ; python_version > '3'\n"));
        let outcome = project.run(["lock"]);
        assert_eq!(outcome.code, Some(0), "{strategy}: {}", outcome.stderr);
        let text = project.read("requirements/a.txt");
        assert!(text.contains("direct @ http://127.0.0.1"), "{strategy}: {text}");
        assert!(!text.contains("s3cret"), "{strategy}: {text}");
        assert!(!outcome.stderr.contains("s3cret"), "{strategy}: {}", outcome.stderr);
        layer(&project, "a", "-e git+https://bob:${TOKEN}@host.invalid/x.git\n");
        let outcome = failure(&project, &["lock"]);
        assert!(!outcome.stderr.contains("s3cret"), "{strategy}: {}", outcome.stderr);
    }
}

#[test]
fn locks_are_the_same_bytes_from_anywhere() {
    let write = |project: &Project| {
        project.write("instep.toml", CONFIG);
        crate::sources::local(project, "libs/local");
        layer(project, "base", "leaf\n-e ./libs/local\n");
        layer(project, "web", "-c base.txt\n-r ../common.in\napp ; sys_platform != 'win32'\n");
        project.write("common.in", "tool\n");
    };
    let Some(here) = project() else { return };
    let Some(there) = Engine::Uv.project_named("another place ü") else { return };
    family(&there);
    write(&here);
    write(&there);
    here.run(["lock"]).success();
    let there = there
        .variable("LC_ALL", "C")
        .variable("LANG", "de_DE.UTF-8")
        .variable("TZ", "Asia/Tokyo")
        .variable("HOME", here.temp().join("tmp"));
    let folder = there.path("requirements");
    let mut command = there.instep(["lock"]);
    command.current_dir(folder);
    there.finish(command).success();
    for name in ["base", "web"] {
        let file = format!("requirements/{name}.txt");
        assert_eq!(here.read(&file), there.read(&file), "{name}");
        assert!(!here.read(&file).contains('\r'));
    }
    assert!(here.read("requirements/base.txt").contains("-e ./libs/local\n"));
}

#[test]
fn a_local_package_may_lie_beside_the_workspace_and_be_editable_in_one_layer_only() {
    let Some(project) = Engine::Uv.project_named("all/workspace") else { return };
    family(&project);
    crate::sources::local(&project, "../shared lib");
    for strategy in ["joint", "layered"] {
        project.write("instep.toml", format!("[layers]\nstrategy = '{strategy}'\n"));
        let place = if strategy == "joint" { "../shared lib" } else { "file:../shared%20lib" };
        layer(&project, "dev", &format!("-e {place}\n"));
        layer(&project, "web", &format!("{place}\ntool\n"));
        project.run(["lock"]).success();
        let dev = project.read("requirements/dev.txt");
        assert!(
            dev.contains("\n-e ../shared lib\n    # via -r requirements/dev.in\n"),
            "{strategy}: {dev}"
        );
        let web = project.read("requirements/web.txt");
        assert!(
            web.contains("\n../shared lib\n    # via -r requirements/web.in\n"),
            "{strategy}: {web}"
        );
        assert!(!web.contains(project.temp().as_str()), "{strategy}: {web}");
        project.run(["lock", "--check"]).success();
    }
    project.write("instep.toml", "[layers.web]\nproject = 'web'\n");
    project.run(["sync", "--all"]).success();
    assert_eq!(
        packages_of(&project.path("web/venv")),
        set(&[("leaf", "2.0"), ("local", "1.0"), ("tool", "2.0")])
    );
}

#[test]
fn groups_and_extras_are_layers_too() {
    let Some(project) = project() else { return };
    project.write(
        "api/pyproject.toml",
        "[project]\nname = 'api'\nversion = '1'\ndependencies = ['lib']\n\
         [project.optional-dependencies]\nfast = ['tool']\n\
         [dependency-groups]\ntest = ['app', { include-group = 'more' }]\nmore = ['old']\n",
    );
    layer(&project, "base", "leaf\n");
    project.write(
        "instep.toml",
        "[layers]\n[layers.api]\npyproject = 'api/pyproject.toml'\nextra = 'fast'\n\
         [layers.api-test]\npyproject = 'api/pyproject.toml'\ngroup = 'test'\noutput = 'api/test.txt'\n",
    );
    project.run(["lock"]).success();
    assert_eq!(pins(&project, "base"), ["leaf==1.0"]);
    assert_eq!(pins(&project, "api"), ["leaf==1.0", "lib==2.0", "tool==2.0"]);
    let test = project.read("api/test.txt");
    assert!(test.contains("\nold==1.0"), "{test}");
    assert!(test.contains("-r api/pyproject.toml"), "{test}");
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let Some(project) = project() else { return };
    let says = |expected: &str| {
        let outcome = failure(&project, &["lock"]);
        assert!(outcome.stderr.contains(expected), "{expected}: {}", outcome.stderr);
        assert!(!project.exists("requirements/base.txt"));
    };
    says("there are no layers: no `NAME.in` in");
    layer(&project, "base", "-c web.txt\nleaf\n");
    layer(&project, "web", "-r base.in\napp\n");
    says("base -> web -> base");
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-c bas.txt\napp\n");
    says("but line 1 of");
    layer(&project, "web", "-c base.txt\napp==\n");
    says("requirements/web.in:2");
    layer(&project, "web", "-c https://host.invalid/base.txt\napp\n");
    says("cannot include a file from a URL");
    layer(&project, "web", "-c web.txt\napp\n");
    says("requirements/web.in:1: this is the lock of the layer `web` itself");
    // A conflict with what a layer builds on is none that could be declared.
    layer(&project, "web", "-c base.txt\nold\n");
    layer(&project, "base", "leaf>=2\n");
    let outcome = failure(&project, &["lock"]);
    assert!(!outcome.stderr.contains("conflicts = "), "{}", outcome.stderr);
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-c base.txt\napp\n");
    project.write("instep.toml", "[layers.web]\noutput = 'requirements/base.txt'\n");
    says("is a file of both layers");
    project.write("instep.toml", "[layers]\nconflicts = [['web', 'base']]\n");
    says("cannot be in conflict");
    project.write("instep.toml", "[layers.web]\nprojekt = 'x'\n");
    says("projekt");
    project.write("instep.toml", "[layers.web]\nplatform = 'lunix'\n");
    says("`lunix`, the platform of the layer `web`, is not known");
    project.write("instep.toml", "[layers.web]\npython = 'pypy'\n");
    says("`pypy`, the Python of the layer `web`, is no version");
    project.write("api/pyproject.toml", "[project]\nname = 'api'\ndynamic = ['dependencies']\n");
    project.write("instep.toml", "[layers.api]\npyproject = 'api/pyproject.toml'\n");
    says("`dependencies` are dynamic");
    project.write(
        "api/pyproject.toml",
        "[project]\nname = 'api'\ndependencies = ['core']\n\
         [tool.uv.sources]\ncore = { workspace = true }\n",
    );
    says("`core` is to come from its uv workspace");
    project.write("instep.toml", "[layers]\ndirectory = 'reqs'\n");
    says("/reqs`");
    project.write("instep.toml", CONFIG);
    let outcome = failure(&project, &["lock", "--upgrade", "wbe"]);
    assert!(outcome.stderr.contains("no layer `wbe`"), "{}", outcome.stderr);
}

#[test]
fn a_sync_of_all_makes_each_environment_and_what_stands_beside() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-r base.in\napp\n");
    layer(&project, "tools", "-c base.txt\ntool\nold\n");
    project.write(
        "instep.toml",
        "[layers]\nvscode = true\n[layers.base]\nproject = '.'\n[layers.web]\nproject = 'Client/Backend'\n",
    );
    std::fs::create_dir_all(project.path("tools")).unwrap();
    project.write("tools/.envrc", "export MINE=1\n");
    let outcome = project.run(["sync", "--all"]).success();
    assert!(outcome.stderr.contains("Client/Backend/.envrc was written"), "{}", outcome.stderr);
    assert_eq!(packages_of(&project.path("venv")), set(&[("leaf", "1.0")]));
    assert_eq!(
        packages_of(&project.path("Client/Backend/venv")),
        set(&[("app", "2.0"), ("leaf", "1.0"), ("lib", "2.0")])
    );
    assert_eq!(
        packages_of(&project.path("tools/venv")),
        set(&[("leaf", "1.0"), ("old", "1.0"), ("tool", "2.0")])
    );
    assert_eq!(project.read("tools/.envrc"), "export MINE=1\n", "somebody's own");
    let settings: Value = json(&project.read("Client/Backend/.vscode/settings.json"));
    let interpreter = settings["python.defaultInterpreterPath"].as_str().unwrap().to_owned();
    assert!(interpreter.starts_with("${workspaceFolder}/venv/"), "{interpreter}");
    project.run(["check", "base", "web", "tools"]).success();

    // Settings of uv decide about the locks of layers, so they do about their environments.
    project.write("pyproject.toml", "[tool.uv]\nprerelease = 'allow'\n");
    project.run(["check", "web"]).exit(1);
    project.run(["sync", "--all"]).success();
    project.run(["check", "web"]).success();
    project.write("pyproject.toml", "[project]\nname = 'x'\n[tool.uv]\nprerelease = 'allow'\n");
    project.run(["check", "web"]).success();

    // What changes in one layer comes along with the next sync, lock and all.
    layer(&project, "tools", "-c base.txt\ntool\n");
    project.run(["check", "tools"]).exit(1);
    project.run(["sync", "--all"]).success();
    assert_eq!(packages_of(&project.path("tools/venv")), set(&[("tool", "2.0")]));
    project.run(["lock", "--upgrade", "base"]).success();
    project.run(["check", "web"]).exit(1);
    project.run(["sync", "web"]).success();
    assert_eq!(packages_of(&project.path("Client/Backend/venv"))["leaf"], "2.0");
    let split = project.run(["sync", "web", "base"]).success();
    assert!(!split.stderr.contains("builds on"), "{}", split.stderr);
}

#[test]
fn direnv_accepts_what_is_written() {
    let Some(direnv) = tools::system("direnv") else { return };
    let Some(project) = project() else { return };
    layer(&project, "web", "tool\n");
    project.write("instep.toml", "[layers.web]\nproject = 'web'\n");
    project.run(["sync", "--all"]).success();
    project.write("web/.env", "FROM_ENV=yes\n");
    let run = |args: &[&str]| {
        let mut command = project.command(&direnv);
        command.args(args).current_dir(project.path("web"));
        project.finish(command)
    };
    run(&["allow", "."]).success();
    let folder = project.path("web");
    let outcome = run(&["exec", folder.as_str(), "sh", "-c", "tool; echo $FROM_ENV $VIRTUAL_ENV"]);
    let expected = format!("tool 2.0 {0}\nyes {0}\n", project.path("web/venv"));
    assert_eq!(outcome.success().stdout, expected);
}

#[test]
fn each_member_of_a_uv_workspace_gets_what_it_needs_and_no_more() {
    let Some(project) = Engine::Uv.project() else { return };
    let Some(uv) = tools::require("uv") else { return };
    family(&project);
    let member = |name: &str, dependencies: &str| {
        project.write(
            &format!("packages/{name}/pyproject.toml"),
            format!(
                "[project]\nname = '{name}'\nversion = '1'\nrequires-python = '>=3.8'\n\
                 dependencies = [{dependencies}]\n[tool.uv]\npackage = false\n"
            ),
        );
    };
    member("api", "'lib'");
    member("worker", "'tool<2'");
    project.write(
        "pyproject.toml",
        "[project]\nname = 'all'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = []\n\
         [tool.uv]\npackage = false\n[tool.uv.workspace]\nmembers = ['packages/*']\n",
    );
    let mut lock = project.command(&uv);
    lock.arg("lock");
    project.finish(lock).success();
    project.run(["sync", "--all"]).success();
    let api = project.path("packages/api/.venv");
    assert_eq!(packages_of(&api), set(&[("leaf", "2.0"), ("lib", "2.0")]));
    let worker = project.path("packages/worker/.venv");
    assert_eq!(packages_of(&worker), set(&[("tool", "1.0")]));
    project.run(["check", "api", "worker"]).success();
    project.write("instep.toml", "[env.api]\nrequirements = ['api.txt']\n");
    let outcome = failure(&project, &["sync", "--all"]);
    assert!(outcome.stderr.contains("has the name of a member"), "{}", outcome.stderr);
    std::fs::remove_file(project.path("instep.toml")).unwrap();
    member("worker", "'tool'");
    project.run(["check", "worker"]).exit(1);
    project.run(["check", "api"]).success();
    let outcome = project.run(["check", "nobody"]).exit(2);
    assert!(outcome.stderr.contains("api, worker"), "{}", outcome.stderr);
}

#[test]
fn two_locks_at_once_end_as_one_would() {
    let Some(project) = project() else { return };
    layer(&project, "base", "leaf\n");
    layer(&project, "web", "-c base.txt\napp\n");
    let start = || {
        let mut command = project.instep(["lock"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let mut all: Vec<_> = (0..4).map(|_| start()).collect();
    for child in &mut all {
        assert!(child.wait().unwrap().success());
    }
    project.run(["lock", "--check"]).success();
    assert_eq!(pins(&project, "web"), ["app==2.0", "leaf==2.0", "lib==2.0"]);
    crate::support::assert_tidy(&project);
}

#[test]
fn the_two_known_failures_of_compiling_the_base_first_resolve() {
    // jazzband/pip-tools#1092
    let Some(one) = Engine::Uv.project() else { return };
    let one = one.online();
    one.write("instep.toml", CONFIG);
    layer(&one, "base", "requests\n");
    layer(&one, "dev", "-c base.txt\nmoto==1.3.14\n");
    one.run(["lock"]).success();
    for name in ["base", "dev"] {
        assert!(pins(&one, name).contains(&"idna==2.8".to_owned()), "{:?}", pins(&one, name));
    }
    assert!(one.read("requirements/dev.txt").contains("idna==2.8 \\\n    --hash=sha256:"));
    // peterdemin/pip-compile-multi#307
    let Some(two) = Engine::Uv.project() else { return };
    let two = two.online();
    two.write("instep.toml", "[layers]\nhashes = false\n");
    layer(&two, "base1", "s3fs==2021.8.0\n");
    layer(&two, "base2", "-r base1.in\npylint==2.12.2\n");
    two.run(["lock"]).success();
    for name in ["base1", "base2"] {
        assert!(pins(&two, name).contains(&"wrapt==1.13.3".to_owned()), "{:?}", pins(&two, name));
    }
}

#[cfg(unix)]
#[test]
fn the_monorepo_section_of_the_readme_runs_as_written() {
    let Some(project) = Engine::Uv.project() else { return };
    let project = project.online();
    let repository = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(repository.join("README.md")).unwrap();
    let section = page.split("## In a monorepo").nth(1).unwrap();
    let console = section.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let lines = console.lines().filter_map(|line| line.strip_prefix("$ "));
    let script = ["set -e"].into_iter().chain(lines).collect::<Vec<_>>().join("\n");
    assert!(script.contains("instep sync --all"), "{script}");
    let script = script.replace("/tmp/layered", project.path("layered").as_str());
    let program = instep_tests::instep();
    let path = format!("{}:{}", program.parent().unwrap(), project.search_path().to_str().unwrap());
    let mut command = project.command("/bin/sh".into());
    command.args(["-c", &script]).env("PATH", path).current_dir(repository);
    let outcome = project.finish(command).success();
    let folders =
        [".", "classification", "configload", "model", "scoring", "sources", "Client/Backend"];
    for folder in folders {
        let folder = project.path("layered").join(folder);
        assert!(folder.join("venv").is_dir(), "{folder}: {}", outcome.stderr);
        assert!(folder.join(".envrc").is_file(), "{folder}: {}", outcome.stderr);
    }
}
