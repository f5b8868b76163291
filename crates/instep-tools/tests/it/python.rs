use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{
    CancelToken, Environment, Error, Interpreter, PythonRequest, Run, Search, ToolCache,
    find_python,
};
use pep440_rs::Version;

use crate::support::{any_python, environment, folder, only, program, real_tools};

#[test]
fn a_wish_is_read_as_people_write_it() {
    let version = |numbers: &[u64]| PythonRequest::Version(numbers.to_vec());
    let cases = [
        ("3", version(&[3])),
        ("3.12", version(&[3, 12])),
        (" 3.12.4 ", version(&[3, 12, 4])),
        ("python3.12", version(&[3, 12])),
        ("cpython@3.12", version(&[3, 12])),
        ("./venv", PythonRequest::Path(Utf8PathBuf::from("./venv"))),
        (".venv", PythonRequest::Path(Utf8PathBuf::from(".venv"))),
        ("/usr/bin/python3", PythonRequest::Path(Utf8PathBuf::from("/usr/bin/python3"))),
    ];
    for (text, expected) in cases {
        assert_eq!(PythonRequest::from_str(text).unwrap(), expected, "{text}");
    }
    assert!(matches!(PythonRequest::from_str(">=3.11,<3.14"), Ok(PythonRequest::Range(_))));
    for text in ["", "3.12.4.1", "3.x", "latest", ">=x", "3..12"] {
        let error = PythonRequest::from_str(text).unwrap_err();
        assert!(matches!(error, Error::PythonRequest { .. }) && error.hint().is_some(), "{text}");
    }
}

#[test]
fn a_wish_matches_by_its_first_numbers_or_its_range() {
    let cases = [
        ("3", "3.8.18", true),
        ("3", "2.7.18", false),
        ("3.1", "3.12.0", false),
        ("3.12", "3.12.4", true),
        ("3.12.0", "3.12", true),
        ("3.12.4", "3.12.5", false),
        (">=3.11,<3.13", "3.12.4", true),
        (">=3.11,<3.13", "3.13.0", false),
        (">=3.14", "3.14.0rc1", true),
        ("/any/python", "2.7", true),
    ];
    for (wish, version, expected) in cases {
        let wish = PythonRequest::from_str(wish).unwrap();
        let version = Version::from_str(version).unwrap();
        assert_eq!(wish.matches(&version), expected, "{wish} {version}");
    }
}

#[test]
fn an_interpreter_says_what_it_is() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python = any_python(&environment);
    let own_words = Run::new(&python.executable, &environment)
        .args(["-c", "import sys, sysconfig; print(sys.version.split()[0], sys.maxsize > 2**32, sysconfig.get_path('purelib'))"])
        .run(&CancelToken::new(), &mut |_, _| {})
        .unwrap();
    let words: Vec<&str> = own_words.stdout.trim().splitn(3, ' ').collect();
    assert_eq!(python.version, words[0]);
    assert_eq!(python.pointer_bits == 64, words[1] == "True");
    assert_eq!(python.site_packages, words[2]);
    assert!(!python.is_venv());
    assert_eq!(python.executable, python.base_executable);
    assert_eq!(python.markers.python_full_version().string, python.version);
    let short: String = python.version.split('.').take(2).collect();
    assert!(python.abi_tag.starts_with(&format!("cp{short}")), "{}", python.abi_tag);
    assert!(!python.platform_tag.contains(['-', '.']), "{}", python.platform_tag);
}

/// Every Python that pyenv has on this machine, for what differs between versions.
fn pyenv_pythons() -> Vec<Utf8PathBuf> {
    let environment = Environment::capture().unwrap();
    let Some(home) = environment.home() else { return Vec::new() };
    let Ok(entries) = home.join(".pyenv/versions").read_dir_utf8() else { return Vec::new() };
    let mut found: Vec<Utf8PathBuf> =
        entries.flatten().map(|entry| entry.path().join("bin/python")).collect();
    found.retain(|path| path.exists());
    found
}

#[test]
fn every_python_on_this_machine_answers_and_leads_from_its_environment_to_itself() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let cancel = CancelToken::new();
    let cache = ToolCache::open(None);
    for path in pyenv_pythons() {
        let python = match Interpreter::query(&path, &environment, &cache, &cancel) {
            Ok(python) => python,
            // Python 2 has no isolated mode, and that is how it is told apart.
            Err(Error::Failed { .. }) if path.as_str().contains("/2.") => continue,
            Err(error) => panic!("{path}: {error}"),
        };
        // Of an environment in an environment, which old Pythons themselves get wrong.
        let mut inner = python.executable.clone();
        for name in ["one", "two"] {
            let venv = cwd.join(format!("{}-{name}", python.version));
            Run::new(&inner, &environment)
                .args(["-m", "venv", "--without-pip"])
                .arg(&venv)
                .run(&cancel, &mut |_, _| {})
                .unwrap();
            inner = venv.join("bin/python");
        }
        let search = Search::new(environment.clone());
        let asked = Interpreter::query(&inner, &environment, &cache, &cancel).unwrap();
        assert!(asked.is_venv());
        let request = PythonRequest::Path(inner);
        let found = find_python(Some(&request), &search, &cache, &cancel).unwrap();
        assert!(!found.is_venv(), "{}", found.executable);
        assert_eq!(
            found.executable.canonicalize().unwrap(),
            python.executable.canonicalize().unwrap()
        );
        // A folder is the environment in it.
        let request = PythonRequest::Path(cwd.join(format!("{}-one", python.version)));
        let found = find_python(Some(&request), &search, &cache, &cancel).unwrap();
        assert_eq!(found.version, python.version);
    }
}

#[test]
fn a_missing_python_is_reported_with_all_that_was_looked_at() {
    let (_guard, cwd) = folder();
    let python = any_python(&environment(&cwd));
    let bin = python.executable.parent().unwrap();
    let search = Search::new(only(&cwd, &[("PATH", bin.as_str())]));
    let request = PythonRequest::from_str("3.99").unwrap();
    let error = find_python(Some(&request), &search, &ToolCache::open(None), &CancelToken::new())
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no Python 3.99 was found; looked at "), "{text}");
    assert!(text.contains(&format!("(is Python {})", python.version)), "{text}");
    assert!(error.hint().is_some());
}

#[test]
fn a_shim_that_fails_is_passed_over_and_remembered() {
    let (_guard, cwd) = folder();
    let python = any_python(&environment(&cwd));
    let shims = cwd.join("shims");
    let shim = "#!/bin/sh\necho \"pyenv: ${0##*/}: command not found\" >&2\nexit 127\n";
    program(&shims.join("python3"), shim);
    program(&shims.join("python"), shim);
    program(&cwd.join("good/python"), "");
    std::fs::remove_file(cwd.join("good/python")).unwrap();
    std::os::unix::fs::symlink(&python.executable, cwd.join("good/python")).unwrap();

    let path = format!("{shims}:{cwd}/good");
    let search = Search::new(only(&cwd, &[("PATH", &path)]));
    let cache = ToolCache::open(None);
    let found = find_python(None, &search, &cache, &CancelToken::new()).unwrap();
    assert_eq!(found.version, python.version);

    let search = Search::new(only(&cwd, &[("PATH", shims.as_str())]));
    let error = find_python(None, &search, &cache, &CancelToken::new()).unwrap_err();
    assert!(error.to_string().contains("(pyenv: python3: command not found)"), "{error}");
}

#[test]
fn a_python_that_hangs_is_given_up_when_cancelled() {
    let (_guard, cwd) = folder();
    program(&cwd.join("bin/python3"), "#!/bin/sh\nexec sleep 60\n");
    let path = format!("{cwd}/bin:/bin:/usr/bin");
    let search = Search::new(only(&cwd, &[("PATH", &path)]));
    let cancel = CancelToken::new();
    let started = std::time::Instant::now();
    let result = std::thread::scope(|scope| {
        let worker = scope.spawn(|| find_python(None, &search, &ToolCache::open(None), &cancel));
        cancel.cancel();
        worker.join().unwrap()
    });
    assert!(result.unwrap_err().is_cancelled());
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn pyenvs_versions_are_found_without_a_shim() {
    let (_guard, cwd) = folder();
    let captured = Environment::capture().unwrap();
    let Some(root) = captured.home().map(|home| home.join(".pyenv")) else { return };
    let cache = ToolCache::open(None);
    for path in pyenv_pythons() {
        let folder = path.parent().and_then(Utf8Path::parent).unwrap();
        let name = folder.file_name().unwrap();
        if !name.starts_with("3.") {
            continue;
        }
        let search = Search::new(only(&cwd, &[("PYENV_ROOT", root.as_str())]));
        let request = PythonRequest::from_str(name).unwrap();
        let found = find_python(Some(&request), &search, &cache, &CancelToken::new()).unwrap();
        assert_eq!(found.version, name);
    }
}

#[test]
fn uv_is_asked_last() {
    let Some(tools) = real_tools("uv_is_asked_last") else { return };
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let cache = ToolCache::open(None);
    let cancel = CancelToken::new();
    let uv = instep_tools::Uv::query(&tools.join("uv"), &environment, &cache, &cancel).unwrap();
    // uv looks at its own managed Pythons and PATH; here the latter stands in for the former.
    let python = any_python(&environment);
    let link = cwd.join("managed");
    std::fs::create_dir(&link).unwrap();
    std::os::unix::fs::symlink(&python.executable, link.join("python3.77")).unwrap();
    let search = Search::new(only(&cwd, &[("PATH", link.as_str())])).with_uv(Some(uv));
    let request = PythonRequest::from_str("3.98").unwrap();
    let error = find_python(Some(&request), &search, &cache, &cancel).unwrap_err();
    let Error::PythonNotFound { tried, .. } = error else { panic!("{error}") };
    let last = tried.last().unwrap();
    assert!(last.place.contains("python find") && last.outcome.contains("3.98"), "{tried:?}");
}

#[test]
fn an_answer_is_kept_until_what_it_depends_on_changes() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let base = any_python(&environment);
    let cancel = CancelToken::new();
    let venv = cwd.join("venv");
    Run::new(&base.executable, &environment)
        .args(["-m", "venv", "--without-pip"])
        .arg(&venv)
        .run(&cancel, &mut |_, _| {})
        .unwrap();
    let python = venv.join("bin/python");
    let cache_dir = cwd.join("cache");
    let file = cache_dir.join("tools.json");
    let query = |cache: &ToolCache| Interpreter::query(&python, &environment, cache, &cancel);

    let site_packages = query(&ToolCache::open(None)).unwrap().site_packages;
    let hour = std::time::Duration::from_hours(1);
    let now = std::time::SystemTime::now();
    let set_modified = |path: &Utf8Path, time| {
        std::fs::File::open(path).unwrap().set_modified(time).unwrap();
    };
    // A stamp that may have been taken before the last write is not to be trusted, so nothing is kept.
    set_modified(&site_packages, now + hour);
    set_modified(&venv.join("pyvenv.cfg"), now - hour);
    query(&ToolCache::open(Some(&cache_dir))).unwrap();
    assert!(!file.exists());

    set_modified(&site_packages, now - hour);
    let first = query(&ToolCache::open(Some(&cache_dir))).unwrap();
    assert!(file.exists());

    // What the file says now is what is answered, so it was read.
    let json = std::fs::read_to_string(&file).unwrap();
    let said = format!(r#""version":"{}""#, first.version);
    std::fs::write(&file, json.replace(&said, r#""version":"3.77.7""#)).unwrap();
    assert_eq!(query(&ToolCache::open(Some(&cache_dir))).unwrap().version, "3.77.7");

    // Something is installed.
    std::fs::create_dir(site_packages.join("pip-99.dist-info")).unwrap();
    assert_eq!(query(&ToolCache::open(Some(&cache_dir))).unwrap().version, first.version);

    // A damaged cache, or one from the future, is no cache.
    for text in ["{", "[]", r#"{"schemaVersion": 2, "interpreters": 1}"#] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(query(&ToolCache::open(Some(&cache_dir))).unwrap().version, first.version);
    }
}

#[test]
fn what_a_shim_leads_to_is_not_kept() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let base = any_python(&environment);
    let shim = cwd.join("bin/python3");
    program(&shim, &format!("#!/bin/sh\nexec {} \"$@\"\n", base.executable));
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    std::fs::File::open(&shim).unwrap().set_modified(long_ago).unwrap();
    let cache_dir = cwd.join("cache");
    let cache = ToolCache::open(Some(&cache_dir));
    let found = Interpreter::query(&shim, &environment, &cache, &CancelToken::new()).unwrap();
    assert_eq!((found.path, found.version), (shim, base.version));
    assert!(!cache_dir.join("tools.json").exists());
}

#[test]
fn a_program_that_is_no_python_is_not_believed() {
    let (_guard, cwd) = folder();
    let path = cwd.join("bin/python");
    program(&path, "#!/bin/sh\necho I am a snake\n");
    let environment = environment(&cwd);
    let error =
        Interpreter::query(&path, &environment, &ToolCache::open(None), &CancelToken::new())
            .unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error:?}");
}
