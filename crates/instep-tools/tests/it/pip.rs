use instep_tools::{
    CancelToken, Error, Interpreter, MINIMUM_PIP, Run, Search, ToolCache, find_pip, find_pip_tools,
};
use pep440_rs::Version;

use crate::support::{any_python, environment, folder, only, real_tools};

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn pip_installs_into_an_environment_from_outside() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python = any_python(&environment);
    let search = Search::new(environment.clone());
    let cancel = CancelToken::new();
    let cache = ToolCache::open(None);
    let pip = find_pip(&python, &search, &cache, &cancel, &mut |_, _| {}).unwrap();
    assert!(version(&pip.version) >= version(MINIMUM_PIP));
    let venv = cwd.join("venv with \u{e4} space");
    Run::new(&python.executable, &environment)
        .args(["-m", "venv", "--without-pip"])
        .arg(&venv)
        .run(&cancel, &mut |_, _| {})
        .unwrap();
    let inside = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let output = pip
        .run(&environment)
        .arg("--python")
        .arg(&inside)
        .args(["list", "--format", "json"])
        .run(&cancel, &mut |_, _| {})
        .unwrap();
    assert_eq!(output.stdout.trim(), "[]");
}

#[test]
fn a_python_whose_pip_is_too_old_gets_one_in_the_cache() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python = any_python(&environment);
    if !python.has_ensurepip {
        return;
    }
    let search = Search::new(environment);
    let cancel = CancelToken::new();
    let cache = ToolCache::open(None);
    for pip_version in [Some("21.2.3".to_owned()), None] {
        let old = Interpreter { pip_version, ..python.clone() };
        let pip = find_pip(&old, &search, &cache, &cancel, &mut |_, _| {}).unwrap();
        assert!(pip.python.starts_with(cwd.join("cache/pip")), "{}", pip.python);
        assert!(version(&pip.version) >= version(MINIMUM_PIP));
        // It is there now.
        let mut said = 0;
        let again = find_pip(&old, &search, &cache, &cancel, &mut |_, _| said += 1).unwrap();
        assert_eq!((again, said), (pip.clone(), 0));
        // A helper that is not whole is made again.
        std::fs::remove_file(&pip.python).unwrap();
        let again = find_pip(&old, &search, &cache, &cancel, &mut |_, _| {}).unwrap();
        assert_eq!(again, pip);
    }
}

#[test]
fn a_python_without_pip_and_ensurepip_says_so() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python =
        Interpreter { pip_version: None, has_ensurepip: false, ..any_python(&environment) };
    let search = Search::new(environment);
    let cache = ToolCache::open(None);
    let error =
        find_pip(&python, &search, &cache, &CancelToken::new(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::NoPip { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("python3-venv"));
    assert!(!cwd.join("cache").exists());
}

#[test]
fn pip_tools_are_those_of_the_python_or_those_on_path() {
    let Some(tools) = real_tools("pip_tools_are_those_of_the_python_or_those_on_path") else {
        return;
    };
    let (_guard, cwd) = folder();
    let here = environment(&cwd);
    let cancel = CancelToken::new();
    let cache = ToolCache::open(None);
    let with = Interpreter::query(&tools.join("python"), &here, &cache, &cancel).unwrap();
    let search = Search::new(only(&cwd, &[("PATH", "/nowhere")]));
    let found = find_pip_tools(&with, &search, &cancel).unwrap().unwrap();
    assert_eq!(found.compile[0], with.executable.as_str());
    found.sync(&here).unwrap().arg("--help").run(&cancel, &mut |_, _| {}).unwrap();

    let without = any_python(&here);
    if without.executable.starts_with(&tools) {
        return;
    }
    let on_path = Search::new(only(&cwd, &[("PATH", tools.as_str())]));
    let found = find_pip_tools(&without, &on_path, &cancel).unwrap().unwrap();
    assert_eq!(found.compile, [tools.join("pip-compile").as_str()]);
    found.compile(&here).arg("--version").run(&cancel, &mut |_, _| {}).unwrap();
    assert_eq!(find_pip_tools(&without, &search, &cancel).unwrap(), None);
}
