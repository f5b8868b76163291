//! What an index has.

use instep_tests::Index;
use instep_tools::{CancelToken, Environment, IndexSettings};
use instep_wheel::{Client, Error, Event, IndexProblem};

use crate::{World, ask, ask_and_hear};

/// The problem that an index has.
fn problem(error: Error) -> IndexProblem {
    match error {
        Error::Index { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_and_html_tell_the_same_and_json_the_size_too() {
    let world = World::new();
    let name = world.wheel("one");
    let (json, html) = (world.index().json().start(), world.index().start());
    let from_json = &ask(&world.client(&json.url()), &["one"]).unwrap()[&"one".parse().unwrap()];
    let from_html = &ask(&world.client(&html.url()), &["one"]).unwrap()[&"one".parse().unwrap()];
    assert_eq!((from_json.len(), from_html.len()), (1, 1));
    assert_eq!(from_json[0].name, name);
    assert_eq!(from_json[0].hashes, from_html[0].hashes);
    assert_eq!(from_json[0].hashes["sha256"].len(), 64);
    let size = fs_err::metadata(world.wheels().join(name)).unwrap().len();
    assert_eq!((from_json[0].size, from_html[0].size), (Some(size), None));
}

#[test]
fn a_package_that_nobody_has_has_no_files() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().start();
    let found = ask(&world.client(&index.url()), &["one", "other"]).unwrap();
    assert!(found[&"other".parse().unwrap()].is_empty());
    assert_eq!(found[&"one".parse().unwrap()].len(), 1);
}

#[test]
fn what_several_indexes_have_is_taken_together() {
    let (one, other) = (World::new(), World::new());
    one.wheel("one");
    instep_tests::Wheel::new("one", "2.0").build(&other.wheels());
    let (first, second) = (one.index().start(), other.index().json().start());
    let settings = IndexSettings {
        index_url: Some(first.url()),
        extra_index_urls: vec![second.url()],
        ..IndexSettings::default()
    };
    let client = Client::new(&settings, &one.variables()).unwrap();
    let found = ask(&client, &["one"]).unwrap();
    let names: Vec<&str> = found.values().flatten().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["one-1.0-py3-none-any.whl", "one-2.0-py3-none-any.whl"]);
}

#[test]
fn folders_and_pages_are_found_by_find_links() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().start();
    let page = world.root.join("links.html");
    let link = index.url().replace("/simple/", "/files/two-1.0-py3-none-any.whl");
    fs_err::write(&page, format!("<a href=\"{link}#sha256={}\">two</a>", "ab".repeat(32))).unwrap();
    let settings = IndexSettings {
        no_index: true,
        find_links: vec!["wheels".to_owned(), page.to_string()],
        ..IndexSettings::default()
    };
    let client = Client::new(&settings, &world.variables()).unwrap();
    let found = ask(&client, &["one", "two", "three"]).unwrap();
    let [one] = found[&"one".parse().unwrap()].as_slice() else { panic!("{found:?}") };
    assert_eq!(one.hashes["sha256"].len(), 64);
    let [two] = found[&"two".parse().unwrap()].as_slice() else { panic!("{found:?}") };
    assert_eq!(two.url.as_str(), link);
    assert!(found[&"three".parse().unwrap()].is_empty());
    assert!(index.requests().is_empty());
}

#[test]
fn a_page_from_a_server_leads_to_no_file_of_this_machine() {
    let world = World::new();
    world.wheel("one");
    let secret = url_of(&world.root.join("secret-1.0-py3-none-any.whl"));
    let page = world.root.join("page.html");
    fs_err::write(&page, format!("<a href=\"{secret}\">x</a>")).unwrap();
    let find = |link: String| IndexSettings {
        no_index: true,
        find_links: vec![link],
        ..IndexSettings::default()
    };
    fs_err::copy(&page, world.wheels().join("page.html")).unwrap();
    // A page of this machine may lead there, as those of a wheelhouse do.
    let local = Client::new(&find(page.to_string()), &world.variables()).unwrap();
    fs_err::write(world.root.join("secret-1.0-py3-none-any.whl"), "x").unwrap();
    assert_eq!(ask(&local, &["secret"]).unwrap()[&"secret".parse().unwrap()].len(), 1);
    let index = world.index().start();
    let link = index.url().replace("/simple/", "/files/page.html");
    let remote = Client::new(&find(link), &world.variables()).unwrap();
    assert_eq!(ask(&remote, &["secret"]).unwrap()[&"secret".parse().unwrap()].len(), 0);
    assert_eq!(index.requests().len(), 1);
}

fn url_of(path: &camino::Utf8Path) -> String {
    let path = path.as_str().replace('\\', "/");
    ["file:///", path.trim_start_matches('/')].concat()
}

#[test]
fn an_index_in_a_folder_is_read() {
    let world = World::new();
    let name = world.wheel("one");
    let page = world.root.join("simple/one/index.html");
    fs_err::create_dir_all(page.parent().unwrap()).unwrap();
    fs_err::write(&page, format!("<a href=\"../../wheels/{name}\">one</a>")).unwrap();
    let client = world.client(&url_of(&world.root.join("simple")));
    let found = ask(&client, &["one", "two"]).unwrap();
    assert_eq!(found[&"one".parse().unwrap()].len(), 1);
    assert!(found[&"two".parse().unwrap()].is_empty());
}

#[test]
fn what_is_no_page_is_refused_by_its_type() {
    let world = World::new();
    world.wheel("one");
    for (name, is_taken) in [
        ("text/html; charset=utf-8", true),
        ("application/vnd.pypi.simple.v1+html", true),
        ("application/json", false),
        ("application/vnd.pypi.simple.v2+json", false),
        ("image/png", false),
    ] {
        let index = world.index().page_type(name).start();
        let found = ask(&world.client(&index.url()), &["one"]);
        match found {
            Ok(found) => assert!(is_taken && found.values().flatten().count() == 1, "{name}"),
            Err(error) => {
                assert!(!is_taken, "{name}: {error}");
                assert_eq!(problem(error), IndexProblem::ContentType { found: name.to_owned() });
            }
        }
    }
}

#[test]
fn what_may_pass_is_tried_again_and_told() {
    let world = World::new();
    world.wheel("one");
    for status in ["503 Service Unavailable", "429 Too Many Requests", "408 Request Timeout"] {
        let index = world.index().refuse(status, &["Retry-After: 0"], 2).start();
        let mut reasons = Vec::new();
        let found = ask_and_hear(&world.client(&index.url()), &["one"], &mut |event| {
            if let Event::Retrying { reason, .. } = event {
                reasons.push(reason);
            }
        });
        assert_eq!(found.unwrap().values().flatten().count(), 1, "{status}");
        let reason = format!("it answers {}", &status[..3]);
        assert_eq!(reasons, [reason.clone(), reason], "{status}");
    }
}

#[test]
fn what_does_not_pass_is_an_error_without_the_password() {
    let world = World::new();
    world.wheel("one");
    let busy = world
        .index()
        .password("ada", "s3cret")
        .refuse("503 Service Unavailable", &["Retry-After: 0"], usize::MAX)
        .start();
    let error = ask(&world.client(&busy.url()), &["one"]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    assert_eq!(problem(error), IndexProblem::Status { status: 503 });
    assert_eq!(busy.requests().len(), 5);
    let mended = world.index().refuse("403 Forbidden", &[], usize::MAX).start();
    let error = ask(&world.client(&mended.url()), &["one"]).unwrap_err();
    assert!(error.hint().unwrap().contains("netrc"), "{error}");
    assert_eq!(problem(error), IndexProblem::Status { status: 403 });
    assert_eq!(mended.requests().len(), 1);
}

#[test]
fn the_first_index_that_refuses_ends_it() {
    let world = World::new();
    let index = world.index().refuse("403 Forbidden", &[], usize::MAX).start();
    let names: Vec<String> = (0..300).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let error = ask(&world.client(&index.url()), &names).unwrap_err();
    assert_eq!(problem(error), IndexProblem::Status { status: 403 });
    assert!(index.requests().len() < 300, "each of 300 was asked for");
}

#[test]
fn a_password_is_known_by_address_netrc_and_variable() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().password("ada", "s3cret").start();
    let url = index.url_without_password();
    let error = ask(&world.client(&url), &["one"]).unwrap_err();
    assert_eq!(problem(error), IndexProblem::Status { status: 401 });
    assert_eq!(ask(&world.client(&index.url()), &["one"]).unwrap().len(), 1);
    fs_err::write(
        world.root.join("netrc"),
        "machine elsewhere.example login x password y\nmachine 127.0.0.1 login ada password s3cret\n",
    )
    .unwrap();
    let named = ["ours=", &url].concat();
    let ways: [&[(&str, &str)]; 2] = [
        &[("NETRC", "netrc"), ("UV_INDEX_URL", &url)],
        &[
            ("UV_DEFAULT_INDEX", &named),
            ("UV_INDEX_OURS_USERNAME", "ada"),
            ("UV_INDEX_OURS_PASSWORD", "s3cret"),
        ],
    ];
    for variables in ways {
        let environment = Environment::new(world.root.clone(), None, variables.iter().copied());
        let client = Client::new(&IndexSettings::default(), &environment).unwrap();
        assert_eq!(ask(&client, &["one"]).unwrap().values().flatten().count(), 1, "{variables:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_keyring_is_asked_once_and_only_where_it_is_wanted() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    for number in 0..8 {
        world.wheel(&format!("p{number}"));
    }
    let index = world.index().password("ada", "s3cret").start();
    let keyring = world.root.join("keyring");
    let script = format!("#!/bin/sh\necho \"$@\" >> {}/asked\necho s3cret\n", world.root);
    fs_err::write(&keyring, script).unwrap();
    fs_err::set_permissions(&keyring, std::fs::Permissions::from_mode(0o755)).unwrap();
    let url = index.url_without_password().replace("//", "//ada@");
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", world.root);
    let ask_with = |provider: &str| {
        let variables =
            [("PATH", path.as_str()), ("PIP_KEYRING_PROVIDER", provider), ("UV_INDEX_URL", &url)];
        let environment = Environment::new(world.root.clone(), None, variables);
        let client = Client::new(&IndexSettings::default(), &environment).unwrap();
        let names: Vec<String> = (0..8).map(|number| format!("p{number}")).collect();
        ask(&client, &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(ask_with("disabled").is_err());
    assert!(!world.root.join("asked").exists());
    assert_eq!(ask_with("subprocess").unwrap().values().flatten().count(), 8);
    let asked = fs_err::read_to_string(world.root.join("asked")).unwrap();
    let [line] = asked.lines().collect::<Vec<_>>()[..] else { panic!("{asked}") };
    let address = index.url_without_password();
    assert!(line.starts_with(&format!("get {address}")) && line.ends_with(" ada"), "{line}");
}

#[test]
fn a_password_does_not_go_where_an_index_sends_to() {
    let world = World::new();
    world.wheel("one");
    let other = world.index().start();
    let index = world.index().password("ada", "s3cret").moved_to(&other).start();
    let found = ask(&world.client(&index.url()), &["one"]).unwrap();
    assert_eq!(found.values().flatten().count(), 1);
    let [asked] = &index.requests()[..] else { panic!("{:?}", index.requests()) };
    assert!(asked.credentials.is_some());
    let [led] = &other.requests()[..] else { panic!("{:?}", other.requests()) };
    assert_eq!(led.credentials, None);
    // Files are where the page is that was read in the end.
    let file = found.values().flatten().next().unwrap();
    assert!(file.url.as_str().starts_with(&other.url().replace("simple/", "files/")), "{file:?}");
}

#[test]
fn a_password_that_is_for_where_an_index_sends_to_goes_there() {
    let world = World::new();
    world.wheel("one");
    let other = world.index().password("eve", "an-other").start();
    let index = world.index().moved_to(&other).start();
    let settings = IndexSettings {
        index_url: Some(index.url()),
        extra_index_urls: vec![other.url()],
        ..IndexSettings::default()
    };
    let client = Client::new(&settings, &world.variables()).unwrap();
    assert_eq!(ask(&client, &["one"]).unwrap().values().flatten().count(), 2);
    assert!(index.requests().iter().all(|request| request.credentials.is_none()));
}

#[test]
fn an_index_that_sends_around_in_a_circle_is_left() {
    let world = World::new();
    let index = world.index().moved_to_itself().start();
    let error = ask(&world.client(&index.url()), &["one"]).unwrap_err();
    assert!(error.to_string().contains("from one address to the next"), "{error}");
    assert!(index.requests().len() < 20, "{}", index.requests().len());
}

#[test]
fn a_redirect_leads_to_no_file_of_this_machine() {
    let world = World::new();
    world.wheel("one");
    let target = format!("Location: {}", url_of(&world.wheels()));
    let index = world.index().refuse("302 Found", &[&target], usize::MAX).start();
    let error = ask(&world.client(&index.url()), &["one"]).unwrap_err();
    assert!(error.to_string().contains("no address of a server"), "{error}");
}

#[test]
fn an_index_where_nobody_listens_is_tried_again_and_can_be_cancelled_between() {
    let world = World::new();
    let client = world.client(&Index::nowhere());
    let cancel = CancelToken::new();
    let mut retries = 0;
    let mut hear = |event| {
        if let Event::Retrying { .. } = event {
            retries += 1;
            cancel.cancel();
        }
    };
    let error = client.projects(&["one".parse().unwrap()], &mut hear, &cancel).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert_eq!(retries, 1);
}
