//! What an environment may follow: requirements in all their forms, a uv project, a pylock, a layer.

use instep_tests::Wheel;

use crate::support::{ENGINES, Engine, family, packages, reasons, set};

const LOCAL: &str = "[project]\nname = 'local'\nversion = '1.0'\ndependencies = ['leaf']\n\
                     [build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";

/// A build backend of a page, so that nothing has to be fetched to build with.
const BACKEND: &str = r#"
import base64, hashlib, pathlib, zipfile

NAME = "local-1.0-py3-none-any.whl"
HERE = pathlib.Path(__file__).parent

def get_requires_for_build_wheel(config_settings=None): return []
def get_requires_for_build_editable(config_settings=None): return []

def write(folder, files):
    text = (HERE / "pyproject.toml").read_text()
    requires = [line.split("'")[1] for line in text.splitlines() if line.startswith("dependencies")]
    metadata = "Metadata-Version: 2.1\nName: local\nVersion: 1.0\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    files = {**files, "local-1.0.dist-info/METADATA": metadata,
             "local-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = ""
    with zipfile.ZipFile(pathlib.Path(folder) / NAME, "w") as wheel:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text.encode())}\n"
            wheel.writestr(path, text)
        wheel.writestr("local-1.0.dist-info/RECORD", record + "local-1.0.dist-info/RECORD,,\n")
    return NAME

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return write(folder, {"local.py": (HERE / "local.py").read_text()})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return write(folder, {"local.pth": str(HERE) + "\n"})
"#;

/// A package in a folder, with a build backend of its own that needs nothing.
pub(crate) fn local(project: &instep_tests::Project, folder: &str) {
    project.write(&format!("{folder}/pyproject.toml"), LOCAL);
    project.write(&format!("{folder}/backend.py"), BACKEND);
    project.write(&format!("{folder}/local.py"), "WHERE = __file__\n");
}

#[test]
fn local_folders_editable_and_not_install_and_follow_their_metadata() {
    for engine in ENGINES {
        for line in ["-e ./libs/local ü", "./libs/local ü"] {
            let Some(project) = engine.project_named("mit Leer") else { return };
            family(&project);
            local(&project, "libs/local ü");
            project.write(
                "requirements.txt",
                format!(
                    "{}\n",
                    line.replace("local ü", "local%20%C3%BC").replace(
                        "./",
                        &format!("file://{}/", project.root().as_str().replace(' ', "%20"))
                    )
                ),
            );
            let outcome = project.run(["sync"]);
            assert_eq!(outcome.code, Some(0), "{engine:?} {line}: {}", outcome.stderr);
            assert_eq!(
                packages(&project),
                set(&[("leaf", "2.0"), ("local", "1.0")]),
                "{engine:?} {line}"
            );
            project.run(["check", "--deep"]).success();
            let second = project.run(["sync", "--rebuild", "--json"]);
            assert_eq!(second.code, Some(0), "{engine:?} {line}: {}", second.stderr);
            project.write("libs/local ü/pyproject.toml", LOCAL.replace("'leaf'", "'tool'"));
            assert_eq!(reasons(&project), ["requirements_changed"], "{engine:?} {line}");
            project.run(["sync"]).success();
            assert_eq!(
                packages(&project),
                set(&[("local", "1.0"), ("tool", "2.0")]),
                "{engine:?} {line}"
            );
        }
    }
}

#[test]
fn relative_local_folders_are_relative_to_the_project() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        local(&project, "libs/local");
        project.write("reqs/base.txt", "-e ./libs/local\n");
        project.write("requirements.txt", "-r reqs/base.txt\n");
        project.run(["sync"]).success();
        assert_eq!(packages(&project), set(&[("leaf", "2.0"), ("local", "1.0")]), "{engine:?}");
        assert!(
            !project.read("requirements-lock.txt").contains(project.root().as_str()),
            "{engine:?}"
        );
        project.run(["sync"]).success();
        project.run(["check"]).success();
    }
}

#[test]
fn wheels_hashes_markers_extras_constraints_and_variables() {
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        let wheel = project.wheel(&Wheel::new("direct", "3.0"));
        project.wheel(&Wheel::new("extra", "1.0").extra("more", &["leaf"]));
        std::fs::copy(&wheel, project.path("direct-3.0-py3-none-any.whl")).unwrap();
        project.write("constraints.txt", "leaf<2\n");
        let here = project.root().to_owned();
        let project = project.variable("WHERE", here.as_str());
        project.write(
            "requirements.txt",
            "-c constraints.txt\nextra[more]\ndirect @ file://${WHERE}/direct-3.0-py3-none-any.whl\n\
             tool==1.0 ; python_version < '3'\n",
        );
        project.run(["sync"]).success();
        let expected = set(&[("direct", "3.0"), ("extra", "1.0"), ("leaf", "1.0")]);
        assert_eq!(packages(&project), expected, "{engine:?}");
        project.run(["check"]).success();
        project.write("constraints.txt", "leaf>=2\n");
        assert_eq!(reasons(&project), ["requirements_changed"], "{engine:?}");
        project.run(["sync"]).success();
        assert_eq!(packages(&project)["leaf"], "2.0", "{engine:?}");
        let elsewhere = project.temp().to_owned();
        std::fs::copy(&wheel, elsewhere.join("direct-3.0-py3-none-any.whl")).unwrap();
        let project = project.variable("WHERE", elsewhere.as_str());
        assert_eq!(reasons(&project), ["requirements_changed"], "{engine:?}: a variable");
    }
}

#[test]
fn a_git_checkout_at_a_revision() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    local(&project, "repository");
    let git = |arguments: &[&str]| {
        let mut command = project.command("git".into());
        command.current_dir(project.path("repository")).args(arguments);
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "t"),
            ("GIT_AUTHOR_EMAIL", "t@example.org"),
            ("GIT_COMMITTER_NAME", "t"),
            ("GIT_COMMITTER_EMAIL", "t@example.org"),
        ] {
            command.env(name, value);
        }
        project.finish(command).success().stdout.trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let url = format!("git+file://{}@{commit}", project.path("repository"));
    project.write("requirements.txt", format!("local @ {url}\n"));
    let project = project.without(&["UV_OFFLINE"]);
    project.run(["sync"]).success();
    assert_eq!(packages(&project), set(&[("leaf", "2.0"), ("local", "1.0")]));
    project.run(["check", "--deep"]).success();
    project.run(["reset"]).success();
    let again = crate::support::json(&project.run(["sync", "--json"]).success().stdout);
    assert_eq!(again["environments"][0]["plan"]["unchanged"], 2);
}

#[test]
fn a_pylock_with_each_tool() {
    let Some(source) = Engine::Uv.project() else { return };
    family(&source);
    source.write("requirements.txt", "app==1.0\ntool==2.0 ; sys_platform != 'none'\n");
    let Some(uv) = instep_tests::tools::require("uv") else { return };
    let mut compile = source.command(&uv);
    compile.args([
        "pip",
        "compile",
        "requirements.txt",
        "--format",
        "pylock.toml",
        "-o",
        "pylock.toml",
        "--universal",
    ]);
    source.finish(compile).success();
    for engine in ENGINES {
        let Some(project) = engine.project() else { return };
        family(&project);
        // The lock of local wheels names them by path, relative to itself.
        let lock = source.read("pylock.toml");
        project.write("pylock.toml", &lock);
        project.run(["sync"]).success();
        let expected = set(&[("app", "1.0"), ("leaf", "2.0"), ("lib", "2.0"), ("tool", "2.0")]);
        assert_eq!(packages(&project), expected, "{engine:?}");
        project.run(["check"]).success();
        project.write("pylock.toml", source.read("pylock.toml").replace("app", "lib-that-is-gone"));
        assert_eq!(reasons(&project), ["requirements_changed"], "{engine:?}");
    }
}

#[test]
fn a_uv_project_with_groups() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write(
        "pyproject.toml",
        "[project]\nname = 'site'\nversion = '1'\nrequires-python = '>=3.8'\ndependencies = ['lib']\n\
         [dependency-groups]\ndev = ['tool']\nextra = ['app==1.0']\n[tool.uv]\npackage = false\n",
    );
    let Some(uv) = instep_tests::tools::require("uv") else { return };
    let mut lock = project.command(&uv);
    lock.arg("lock");
    project.finish(lock).success();
    project.run(["sync"]).success();
    assert_eq!(packages(&project), set(&[("leaf", "2.0"), ("lib", "2.0"), ("tool", "2.0")]));
    project.run(["check"]).success();
    project.write("instep.toml", "[env.default]\nproject = true\ngroups = ['extra']\n");
    assert_eq!(reasons(&project), ["options_changed"]);
    project.run(["sync"]).success();
    assert_eq!(packages(&project)["app"], "1.0");
    project.run(["check", "--deep"]).success();
}

#[test]
fn a_layer_is_its_in_file_and_its_lock() {
    let Some(project) = Engine::Uv.project() else { return };
    family(&project);
    project.write("_meta/requirements/base.in", "leaf\n");
    project.write("_meta/requirements/web.in", "-r base.in\ntool\n");
    project.write(
        "instep.toml",
        "[layers]\ndirectory = '_meta/requirements'\n[env.default]\nlayer = 'web'\n",
    );
    project.run(["sync"]).success();
    assert_eq!(packages(&project), set(&[("leaf", "2.0"), ("tool", "2.0")]));
    assert!(project.exists("_meta/requirements/web.txt"));
}
