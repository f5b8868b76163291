use camino::Utf8Path;
use instep_tools::{Environment, cache_dir};

use crate::support::only;

#[test]
fn tools_do_not_see_what_would_redirect_an_installation() {
    let gone = [
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONPATH",
        "__PYVENV_LAUNCHER__",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
        "PIP_DRY_RUN",
        "PIP_REPORT",
        "PIP_REQUIREMENT",
        "PIP_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_NO_SYNC",
        "FORCE_COLOR",
    ];
    let kept = [
        "PATH",
        "HOME",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_CERT",
        "PIP_CONSTRAINT",
        "PIP_CONFIG_FILE",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_CORP_PASSWORD",
        "UV_CACHE_DIR",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
        "PYENV_VERSION",
    ];
    let variables: Vec<(&str, &str)> = gone.iter().chain(&kept).map(|name| (*name, "x")).collect();
    let clean = only(Utf8Path::new("/work"), &variables).for_tools();
    for name in gone {
        assert_eq!(clean.var_os(name), None, "{name}");
    }
    for name in kept {
        assert_eq!(clean.var(name), Some("x"), "{name}");
    }
    assert_eq!(clean.var("PYTHONUTF8"), Some("1"));
    assert_eq!(clean.var("PIP_NO_INPUT"), Some("1"));
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let environment = only(Utf8Path::new("/work"), &[("PIP_INDEX_URL", "")]);
    assert_eq!(environment.var("PIP_INDEX_URL"), None);
    assert!(environment.var_os("PIP_INDEX_URL").is_some());
}

#[test]
fn debug_names_variables_and_shows_no_value() {
    let environment = only(Utf8Path::new("/work"), &[("PIP_INDEX_URL", "https://u:hunter2@host")]);
    let shown = format!("{environment:?}");
    assert!(shown.contains("PIP_INDEX_URL") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_snapshot_has_what_the_process_has() {
    let environment = Environment::capture().unwrap();
    assert_eq!(environment.var_os("PATH"), std::env::var_os("PATH").as_deref());
    assert_eq!(environment.cwd().as_std_path(), std::env::current_dir().unwrap());
}

#[test]
fn the_cache_is_where_the_variables_say() {
    let cwd = Utf8Path::new("/work");
    let homeless = Environment::new(cwd, None, [("A", "b")]);
    assert_eq!(cache_dir(&homeless), None);
    if !cfg!(target_os = "linux") {
        return;
    }
    let home = cwd.join("home/.cache/instep");
    let cases: [(&[(&str, &str)], String); 5] = [
        (&[("INSTEP_CACHE_DIR", "/x/y"), ("XDG_CACHE_HOME", "/xdg")], "/x/y".to_owned()),
        (&[("INSTEP_CACHE_DIR", "here")], cwd.join("here").to_string()),
        (&[("INSTEP_CACHE_DIR", ""), ("XDG_CACHE_HOME", "/xdg")], "/xdg/instep".to_owned()),
        (&[("XDG_CACHE_HOME", "relative")], home.to_string()),
        (&[], home.to_string()),
    ];
    for (variables, expected) in cases {
        assert_eq!(cache_dir(&only(cwd, variables)).unwrap(), expected, "{variables:?}");
    }
}
