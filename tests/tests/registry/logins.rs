//! Who we are at a registry, and who never learns it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use instep_bundle::{Error, RegistryProblem};
use instep_tests::{Fault, Faulty, Registry};
use serde_json::json;

use super::{World, shown};

fn auth() -> String {
    let (user, password) = Registry::login();
    STANDARD.encode(format!("{user}:{password}"))
}

fn problem(error: &Error) -> &RegistryProblem {
    match error {
        Error::Registry { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_is_taken_from_the_files_of_docker() {
    let Some(registry) = Registry::setup().password().start() else { return };
    let world = World::new();
    let host = registry.host();
    let error = world.push(&host).unwrap_err();
    assert_eq!(problem(&error), &RegistryProblem::Unauthorized { had_login: false });
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("docker login {host}")), "{hint}");

    world.configure(&json!({"auths": {&host: {"auth": auth()}}}));
    world.push(&host).unwrap();
    world.pull(&host).unwrap();
    world.assert_same();
}

#[cfg(unix)]
#[test]
fn a_login_is_asked_of_a_helper() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(registry) = Registry::setup().password().start() else { return };
    let mut world = World::new();
    let (user, password) = Registry::login();
    let helper = world.root.join("docker-credential-tests");
    let answer = json!({"ServerURL": registry.host(), "Username": user, "Secret": password});
    fs_err::write(&helper, format!("#!/bin/sh\n[ \"$1\" = get ] && echo '{answer}'\n")).unwrap();
    fs_err::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.variables.push(("PATH".into(), format!("{}:/usr/bin:/bin", world.root)));
    world.configure(&json!({"credHelpers": {registry.host(): "tests"}}));
    world.push(&registry.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    world.assert_same();
}

#[test]
fn a_login_that_cannot_be_read_is_told_where_one_is_wanted_and_nowhere_else() {
    let world = World::new();
    world.configure(&json!({"credsStore": "lost"}));
    if let Some(registry) = Registry::start() {
        world.push(&registry.host()).unwrap();
    }
    let Some(registry) = Registry::setup().password().start() else { return };
    let error = world.push(&registry.host()).unwrap_err();
    assert!(error.to_string().contains("docker-credential-lost gave none"), "{error}");
}

#[test]
fn a_login_is_in_no_error_whatever_a_registry_says() {
    let Some(registry) = Registry::setup().password().start() else { return };
    let way = Faulty::before(&registry.host());
    let mut world = World::new();
    world.settings.tries = 1;
    let (user, password) = Registry::login();
    let wrong = STANDARD.encode(format!("{user}:wr0ng-of-ada"));
    world.configure(&json!({"auths": {way.host(): {"auth": wrong}}}));
    let error = world.push(&way.host()).unwrap_err();
    assert_eq!(problem(&error), &RegistryProblem::Unauthorized { had_login: true });
    for secret in [wrong.as_str(), "wr0ng-of-ada"] {
        assert!(!shown(&error).contains(secret), "{}", shown(&error));
    }

    world.configure(&json!({"auths": {way.host(): {"auth": auth()}}}));
    world.push(&way.host()).unwrap();
    let echo = format!("you said Basic {} which is {user} with {password}", auth());
    for status in ["400 Bad Request", "403 Forbidden", "500 Internal Server Error"] {
        way.mend();
        way.fault("GET", "/manifests/", 1..9, Fault::Answer(status, vec![], echo.clone()));
        let mut events = Vec::new();
        world.settings.tries = 2;
        let from = format!("{}/team/site:1", way.host());
        let cancel = instep_tools::CancelToken::new();
        let error = world.pull_from(&from, &mut |event| events.push(event), &cancel).unwrap_err();
        let text = format!("{} {events:?}", shown(&error));
        for secret in [auth().as_str(), password] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_registry_with_tls_is_trusted_by_a_certificate_that_is_named() {
    let Some(registry) = Registry::setup().encrypted().start() else { return };
    let mut world = World::new();
    world.settings.loopback_tls = true;
    let error = world.push(&registry.host()).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");

    world.settings.ca = Some(registry.certificate());
    world.push(&registry.host()).unwrap();
    world.settings.ca = None;
    world.variables.push(("SSL_CERT_FILE".into(), registry.certificate().into_string()));
    world.pull(&registry.host()).unwrap();
    world.assert_same();
}

#[test]
fn a_token_is_fetched_where_the_registry_sends_for_it() {
    let Some(registry) = Registry::start() else { return };
    let (way, tokens) = (Faulty::before(&registry.host()), Faulty::before(&registry.host()));
    let world = World::new();
    // One file, so that one request follows the other.
    for folder in ["images", "project", "wheels"] {
        fs_err::remove_dir_all(world.bundle().join(folder)).unwrap();
    }
    fs_err::remove_file(world.bundle().join("instep.toml")).unwrap();
    world.configure(&json!({"auths": {way.host(): {"auth": auth()}}}));
    let realm = format!(
        "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"tests\"",
        tokens.host()
    );
    way.fault("HEAD", "/blobs/", 0..2, Fault::Answer("401 Unauthorized", vec![realm], "{}".into()));
    let token = r#"{"token": "t0ken-of-tests"}"#.to_owned();
    let busy = Fault::Answer("503 Service Unavailable", vec![], String::new());
    tokens.fault("GET", "/token", 0..1, busy);
    tokens.fault("GET", "/token", 0..9, Fault::Answer("200 OK", vec![], token));
    world.push(&way.host()).unwrap();

    let asked = tokens.passed();
    let basic = format!("Basic {}", auth());
    assert!(asked.iter().all(|passed| passed.authorization.as_deref() == Some(&basic)));
    let scope = "scope=repository%3Ateam%2Fsite%3Apull%2Cpush&service=tests";
    assert!(asked[0].path.ends_with(scope), "{asked:?}");
    let bearer = Some("Bearer t0ken-of-tests");
    let sent = way.passed();
    assert_eq!(sent.iter().filter(|one| one.method == "PUT").count(), 3);
    // The second time for the place of the tokens, which was busy.
    assert!(sent[..2].iter().all(|one| one.authorization.is_none()));
    assert!(sent[2..].iter().all(|one| one.authorization.as_deref() == bearer), "{sent:?}");
}

#[test]
fn a_token_that_no_header_may_hold_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let way = Faulty::before(&registry.host());
    let mut world = World::new();
    world.settings.silence = Duration::from_secs(5);
    let realm = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", way.host());
    way.fault("GET", "/manifests/", 0..9, Fault::Answer("401 No", vec![realm], String::new()));
    let odd = r#"{"token": "a\nb"}"#.to_owned();
    way.fault("GET", "/token", 0..9, Fault::Answer("200 OK", vec![], odd));
    let error = world.pull(&way.host()).unwrap_err();
    assert!(error.to_string().contains("cannot be sent"), "{error}");
}

#[test]
fn a_login_does_not_follow_to_another_host() {
    let (Some(closed), Some(open)) = (Registry::setup().password().start(), Registry::start())
    else {
        return;
    };
    let (way, store) = (Faulty::before(&closed.host()), Faulty::before(&open.host()));
    let world = World::new();
    world.push(&open.host()).unwrap();
    world.configure(&json!({"auths": {way.host(): {"auth": auth()}}}));
    world.push(&way.host()).unwrap();

    // Each blob comes from a store, as it does in a cloud.
    let wheels = ["w0", "w1", "w2", "w3"];
    for seed in 0..wheels.len() as u64 {
        let path =
            format!("/v2/team/site/blobs/sha256:{}", super::digits(&super::noise(seed, 40_000)));
        let place = format!("Location: http://{}{path}", store.host());
        let moved = Fault::Answer("307 Temporary Redirect", vec![place], String::new());
        way.fault("GET", &path, 0..9, moved);
    }
    world.pull(&way.host()).unwrap();
    world.assert_same();
    let came = store.passed();
    assert_eq!(came.len(), wheels.len());
    assert!(came.iter().all(|passed| passed.authorization.is_none()), "{came:?}");
    assert!(way.passed().iter().any(|passed| passed.authorization.is_some()));
}

#[test]
fn a_login_does_not_follow_an_upload_to_another_host() {
    let (Some(closed), Some(open)) = (Registry::setup().password().start(), Registry::start())
    else {
        return;
    };
    let (way, store) = (Faulty::before(&closed.host()), Faulty::before(&open.host()));
    let mut world = World::new();
    world.settings.tries = 1;
    world.configure(&json!({"auths": {way.host(): {"auth": auth()}}}));
    let place = format!("Location: http://{}/v2/team/site/blobs/uploads/x", store.host());
    let moved = Fault::Answer("202 Accepted", vec![place], String::new());
    way.fault("POST", "/uploads/", 0..99, moved);
    world.push(&way.host()).unwrap_err();
    assert!(!store.passed().is_empty());
    assert!(store.passed().iter().all(|passed| passed.authorization.is_none()));
}

#[test]
fn a_login_goes_to_no_place_without_tls_for_a_registry_that_has_it() {
    let Some(store) = Registry::start() else { return };
    let tokens = Faulty::before(&store.host());
    let realm = format!("http://{}/token", tokens.host());
    let Some(registry) = Registry::setup().encrypted().tokens(&realm).start() else { return };
    let mut world = World::new();
    world.settings.loopback_tls = true;
    world.settings.ca = Some(registry.certificate());
    world.configure(&json!({"auths": {registry.host(): {"auth": auth()}}}));
    let error = world.push(&registry.host()).unwrap_err();
    assert!(error.to_string().contains("a place without TLS"), "{error}");
    assert_eq!(tokens.passed(), []);
}

#[test]
fn a_token_of_an_identity_is_had_by_sending_it() {
    let Some(store) = Registry::start() else { return };
    let tokens = Faulty::before(&store.host());
    let realm = format!("http://{}/token", tokens.host());
    let Some(registry) = Registry::setup().tokens(&realm).start() else { return };
    let mut world = World::new();
    world.settings.tries = 1;
    let entry = json!({"auth": auth(), "identitytoken": "refresh-of-ada"});
    world.configure(&json!({"auths": {registry.host(): entry}}));
    let token = r#"{"access_token": "t0ken-of-tests"}"#.to_owned();
    tokens.fault("POST", "/token", 0..99, Fault::Answer("200 OK", vec![], token));
    // The registry believes no token of ours.
    let error = world.push(&registry.host()).unwrap_err();
    assert_eq!(problem(&error), &RegistryProblem::Unauthorized { had_login: true });
    let asked = tokens.passed();
    assert!(!asked.is_empty());
    for passed in asked {
        assert_eq!((passed.method.as_str(), passed.path.as_str()), ("POST", "/token"));
        assert_eq!(passed.authorization, None);
        let body = String::from_utf8(passed.body).unwrap();
        assert!(body.contains("grant_type=refresh_token&client_id=instep"), "{body}");
        assert!(body.contains("&refresh_token=refresh-of-ada&service=tests"), "{body}");
    }
    assert!(!shown(&error).contains("refresh-of-ada"));
}

#[test]
fn a_place_of_tokens_that_refuses_is_a_login_that_is_refused() {
    let Some(store) = Registry::start() else { return };
    let tokens = Faulty::before(&store.host());
    let realm = format!("http://{}/token", tokens.host());
    let Some(registry) = Registry::setup().tokens(&realm).start() else { return };
    let world = World::new();
    let echo = format!("you are {}", auth());
    tokens.fault("GET", "/token", 0..99, Fault::Answer("401 Who", vec![], echo));
    let error = world.push(&registry.host()).unwrap_err();
    assert_eq!(problem(&error), &RegistryProblem::Unauthorized { had_login: false });
    world.configure(&json!({"auths": {registry.host(): {"auth": auth()}}}));
    let error = world.push(&registry.host()).unwrap_err();
    assert_eq!(problem(&error), &RegistryProblem::Unauthorized { had_login: true });
    assert!(!shown(&error).contains(&auth()));
}
