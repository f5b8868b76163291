use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{
    CancelToken, Error, Found, MINIMUM_UV, Notice, Search, ToolCache, Uv, find_uv, install_uv,
};

use crate::support::{any_python, environment, folder, only, program, real_tools};

fn find(path: &str, pinned: Option<&str>, cwd: &Utf8Path) -> Found {
    let search = Search::new(only(cwd, &[("PATH", path)]));
    find_uv(None, pinned, &search, &ToolCache::open(None), &CancelToken::new())
}

fn fake(path: &Utf8Path, version: &str) -> Utf8PathBuf {
    program(path, &format!("#!/bin/sh\necho 'uv {version} (0123abcd 2026-01-02)'\n"));
    path.to_owned()
}

#[test]
fn one_that_does_not_work_gets_a_notice_and_the_next_one_is_used() {
    let (_guard, cwd) = folder();
    // A download that broke off, a shim that fails, another program of the name, one that is too old, one that works.
    program(&cwd.join("1/uv"), "\u{7f}ELF");
    program(&cwd.join("2/uv"), "#!/bin/sh\necho 'pyenv: uv: command not found' >&2\nexit 1\n");
    program(&cwd.join("3/uv"), "#!/bin/sh\necho 'ultraviolet 3'\n");
    fake(&cwd.join("4/uv"), "0.1.2");
    let good = fake(&cwd.join("5/uv"), "0.99.0");
    fake(&cwd.join("6/uv"), "0.99.1");
    let path = format!("{cwd}/1:{cwd}/2:{cwd}/3:{cwd}/4:{cwd}/5:{cwd}/6");
    let found = find(&path, None, &cwd);
    assert_eq!(found.uv, Some(Uv { path: good, version: "0.99.0".to_owned() }));
    let notices: Vec<String> = found.notices.iter().map(ToString::to_string).collect();
    assert_eq!(notices.len(), 4, "{notices:?}");
    assert!(notices[0].contains("/1/uv` is not used"), "{notices:?}");
    assert!(notices[1].ends_with("does not work: pyenv: uv: command not found"), "{notices:?}");
    assert!(notices[2].contains("does not say `uv` and a version"), "{notices:?}");
    assert!(notices[3].contains(&format!("0.1.2 is older than {MINIMUM_UV}")), "{notices:?}");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let (_guard, cwd) = folder();
    assert_eq!(find("/nowhere", Some("1.0"), &cwd), Found::default());
}

#[test]
fn a_pinned_version_is_preferred_wherever_it_is() {
    let (_guard, cwd) = folder();
    let first = fake(&cwd.join("1/uv"), "0.98.0");
    let local = fake(&cwd.join("home/.local/bin/uv"), "0.98.1");
    let cargo = fake(&cwd.join("home/.cargo/bin/uv"), "0.98.2");
    let cached = fake(&cwd.join("home/.cache/instep/uv/0.98.3/uv"), "0.98.3");
    let path = cwd.join("1");
    for (pinned, expected) in
        [("0.98.0", &first), ("0.98.1", &local), ("0.98.2", &cargo), ("0.98.3", &cached)]
    {
        if cfg!(target_os = "macos") && pinned == "0.98.3" {
            continue;
        }
        let found = find(path.as_str(), Some(pinned), &cwd);
        assert_eq!(found.uv.map(|uv| uv.path).as_ref(), Some(expected), "{pinned}");
        assert_eq!(found.notices, []);
    }
    let found = find(path.as_str(), Some("0.98.9"), &cwd);
    assert_eq!(found.uv.map(|uv| uv.path).as_ref(), Some(&first));
    assert!(
        matches!(&found.notices[..], [Notice::UvOtherVersion { version, pinned, .. }]
            if version == "0.98.0" && pinned == "0.98.9"),
        "{:?}",
        found.notices
    );
}

#[test]
fn an_explicit_path_is_the_only_one() {
    let (_guard, cwd) = folder();
    fake(&cwd.join("1/uv"), "0.99.0");
    let search = Search::new(only(&cwd, &[("PATH", cwd.join("1").as_str())]));
    let cancel = CancelToken::new();
    let explicit = Some(Utf8Path::new("tools/uv"));
    let found = find_uv(explicit, None, &search, &ToolCache::open(None), &cancel);
    assert_eq!(found.uv, None);
    assert_eq!(found.notices.len(), 1, "{:?}", found.notices);
    let path = fake(&cwd.join("tools/uv"), "0.97.0");
    let found = find_uv(explicit, None, &search, &ToolCache::open(None), &cancel);
    assert_eq!(found.uv.unwrap().path, path);
}

#[test]
fn the_version_of_a_real_uv_is_kept() {
    let Some(tools) = real_tools("the_version_of_a_real_uv_is_kept") else { return };
    let (_guard, cwd) = folder();
    let cache_dir = cwd.join("cache");
    let search = Search::new(environment(&cwd).with_var("PATH", tools.as_str()));
    let find = || {
        let cache = ToolCache::open(Some(&cache_dir));
        find_uv(None, None, &search, &cache, &CancelToken::new()).uv.unwrap()
    };
    let uv = find();
    let file = cache_dir.join("tools.json");
    let json = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, json.replace(&uv.version, "0.77.7")).unwrap();
    assert_eq!(find().version, "0.77.7");
}

#[test]
fn uv_is_set_up_from_the_index_and_found_from_then_on() {
    let test = "uv_is_set_up_from_the_index_and_found_from_then_on";
    let Some(tools) = real_tools(test) else { return };
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let cancel = CancelToken::new();
    let wanted =
        Uv::query(&tools.join("uv"), &environment, &ToolCache::open(None), &cancel).unwrap();
    let python = any_python(&environment);
    let search = Search::new(environment.clone());
    let mut said = 0;
    let uv = install_uv(Some(&wanted.version), &python, &search, &cancel, &mut |_, _| said += 1)
        .unwrap();
    assert_eq!(uv.version, wanted.version);
    assert_eq!(uv.path.parent(), Some(&*cwd.join("cache/uv").join(&uv.version)));
    assert!(said > 0);
    let left: Vec<_> = cwd
        .join("cache/uv")
        .read_dir_utf8()
        .unwrap()
        .map(|e| e.unwrap().file_name().to_owned())
        .collect();
    assert!(left.iter().all(|name| !name.ends_with(".instep-tmp")), "{left:?}");

    let nowhere = Search::new(environment.with_var("PATH", "/nowhere"));
    let nowhere = Search { environment: nowhere.environment.with_var("HOME", ""), ..nowhere };
    let pinned = Some(wanted.version.as_str());
    let found = find_uv(None, pinned, &nowhere, &ToolCache::open(None), &cancel);
    assert_eq!(found.uv.map(|uv| uv.version), Some(wanted.version.clone()));

    // The second time nothing is downloaded.
    let mut said = 0;
    install_uv(pinned, &python, &search, &cancel, &mut |_, _| said += 1).unwrap();
    assert_eq!(said, 0);

    // One that was damaged since is replaced.
    std::fs::write(&uv.path, "damaged").unwrap();
    let again = install_uv(pinned, &python, &search, &cancel, &mut |_, _| {}).unwrap();
    assert_eq!(
        Uv::query(&again.path, &search.environment, &ToolCache::open(None), &cancel).unwrap(),
        uv
    );
}

#[test]
fn a_version_that_is_none_goes_nowhere_near_a_path() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python = any_python(&environment);
    for version in ["../../etc", "1.0; rm", "", "latest"] {
        let search = Search::new(environment.clone());
        let error =
            install_uv(Some(version), &python, &search, &CancelToken::new(), &mut |_, _| {})
                .unwrap_err();
        assert!(matches!(error, Error::UvVersion { .. }), "{error:?}");
    }
    assert!(!cwd.join("cache").exists());
}

#[test]
fn what_the_index_does_not_have_fails_with_pips_words_and_leaves_nothing() {
    let (_guard, cwd) = folder();
    let empty = cwd.join("empty");
    std::fs::create_dir(&empty).unwrap();
    let environment =
        environment(&cwd).with_var("PIP_NO_INDEX", "1").with_var("PIP_FIND_LINKS", empty.as_str());
    let python = any_python(&environment);
    if python.pip_version.is_none() {
        return;
    }
    let search = Search::new(environment);
    let error =
        install_uv(None, &python, &search, &CancelToken::new(), &mut |_, _| {}).unwrap_err();
    assert!(error.tail().iter().any(|line| line.contains("No matching distribution")), "{error:?}");
    let left: Vec<_> = cwd
        .join("cache/uv")
        .read_dir_utf8()
        .unwrap()
        .map(|e| e.unwrap().file_name().to_owned())
        .collect();
    assert_eq!(left, ["install.lock"]);
}

#[test]
fn leftovers_of_a_killed_installation_are_removed() {
    let (_guard, cwd) = folder();
    let leftover = cwd.join("cache/uv/.killed.instep-tmp");
    std::fs::create_dir_all(&leftover).unwrap();
    std::fs::write(leftover.join("part"), "x").unwrap();
    let environment = environment(&cwd).with_var("PIP_NO_INDEX", "1");
    let python = any_python(&environment);
    let search = Search::new(environment);
    install_uv(None, &python, &search, &CancelToken::new(), &mut |_, _| {}).unwrap_err();
    assert!(!leftover.exists());
}
