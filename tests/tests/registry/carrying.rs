//! What travels, and what does not.

use std::process::Command;

use instep_bundle::Event;
use instep_tests::{Answered, Registry, tools};

use super::{World, digits, noise, tree};

/// The blobs that were sent: each begins with a `POST`.
fn uploads(requests: &[Answered]) -> usize {
    let is_upload = |request: &&Answered| request.method == "POST" && request.status == 202;
    requests.iter().filter(is_upload).count()
}

/// The blobs that were fetched.
fn downloads(requests: &[Answered]) -> Vec<&str> {
    let is_download =
        |request: &&Answered| request.method == "GET" && request.path.contains("/blobs/");
    requests.iter().filter(is_download).map(|request| request.path.as_str()).collect()
}

fn is_manifest_of(tag: &str) -> impl Fn(&Answered) -> bool {
    let end = format!("/manifests/{tag}");
    move |request| request.method == "PUT" && request.path.ends_with(&end)
}

#[test]
fn a_bundle_comes_back_as_it_went() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.write("wheels/again.whl", &noise(1, 40_000));
    let pushed = world.push(&registry.host()).unwrap();
    assert_eq!((pushed.files, pushed.sent, pushed.there), (10, 9, 0));
    assert_eq!(pushed.bytes, 8 + 10 + 4 + 4 * 40_000 + 600_000);
    assert_eq!(pushed.reference, format!("{}/team/site:1", registry.host()));

    let pulled = world.pull(&registry.host()).unwrap();
    assert_eq!((pulled.files, pulled.fetched, pulled.there), (10, 9, 0));
    assert_eq!((pulled.digest, pulled.bytes), (pushed.digest, pushed.bytes));
    world.assert_same();

    // Who changes one of two files of the same content does not change the other.
    let one = world.out().join("wheels/again.whl");
    fs_err::write(&one, "changed").unwrap();
    assert_eq!(tree(&world.out())["wheels/w1.whl"], noise(1, 40_000));
}

#[test]
fn a_digest_names_exactly_one_bundle() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    let first = world.push(&registry.host()).unwrap();
    let before = tree(&world.bundle());
    world.write("wheels/w0.whl", b"changed");
    world.push(&registry.host()).unwrap();
    let pinned = format!("{}/team/site:1@{}", registry.host(), first.digest);
    let pulled = world.pull_from(&pinned, &mut |_| {}, &instep_tools::CancelToken::new()).unwrap();
    assert_eq!(pulled.digest, first.digest);
    assert!(tree(&world.out()) == before);
}

#[test]
fn the_same_bundle_is_the_same_to_everybody() {
    let Some(registry) = Registry::start() else { return };
    let (one, other) = (World::new(), World::new());
    let first = one.push(&registry.host()).unwrap();
    let second = other.push_to(&format!("{}/team/site:2", registry.host()), &mut |_| {}).unwrap();
    assert_eq!(first.digest, second.digest);
    assert_eq!((second.sent, second.there, second.bytes), (0, 9, 0));
    let requests = registry.requests_until(is_manifest_of("2"));
    // Each content once, and the empty configuration.
    assert_eq!(uploads(&requests), 10);
}

#[test]
fn a_second_push_with_one_changed_wheel_sends_that_blob_alone() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    let before = registry.requests_until(is_manifest_of("1")).len();
    let changed = noise(50, 30_000);
    world.write("wheels/w2.whl", &changed);

    let mut events = Vec::new();
    let to = format!("{}/team/site:2", registry.host());
    let pushed = world.push_to(&to, &mut |event| events.push(event)).unwrap();
    assert_eq!((pushed.sent, pushed.there, pushed.bytes), (1, 8, 30_000));
    let requests = registry.requests_until(is_manifest_of("2"));
    let requests = &requests[before..];
    assert_eq!(uploads(requests), 1);
    let puts: Vec<_> = requests.iter().filter(|request| request.method == "PUT").collect();
    assert_eq!(puts.len(), 2, "{puts:?}");
    assert!(puts.iter().any(|request| request.path.contains(&digits(&changed))), "{puts:?}");

    let started: Vec<_> =
        events.iter().filter(|event| matches!(event, Event::Started { .. })).collect();
    let what = "wheels/w2.whl".to_owned();
    assert_eq!(started, [&Event::Started { what, bytes: Some(30_000) }]);
    let moved = |event: &Event| if let Event::Moved { bytes } = event { *bytes } else { 0 };
    assert_eq!(events.iter().map(moved).sum::<u64>(), 30_000);
}

#[test]
fn a_second_pull_fetches_what_has_changed_alone() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    let changed = noise(50, 30_000);
    world.write("wheels/w2.whl", &changed);
    fs_err::remove_file(world.bundle().join("wheels/w3.whl")).unwrap();
    world.push(&registry.host()).unwrap();
    let before = registry.requests().len();

    let pulled = world.pull(&registry.host()).unwrap();
    assert_eq!((pulled.fetched, pulled.there, pulled.bytes), (1, 7, 30_000));
    world.assert_same();
    let is_last =
        |request: &Answered| request.method == "GET" && request.path.contains(&digits(&changed));
    let requests = registry.requests_until(is_last);
    assert_eq!(downloads(&requests[before..]).len(), 1);
}

#[test]
fn a_file_that_was_changed_in_the_old_bundle_is_not_taken_from_it() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    let mut wheel = noise(1, 40_000);
    wheel[7] ^= 1;
    fs_err::write(world.out().join("wheels/w1.whl"), wheel).unwrap();
    fs_err::write(world.out().join("wheels/more.whl"), "more").unwrap();
    let pulled = world.pull(&registry.host()).unwrap();
    assert_eq!((pulled.fetched, pulled.bytes), (1, 40_000));
    world.assert_same();
}

#[test]
fn other_programs_read_the_artifact_and_carry_it_on() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), tools::system("skopeo")) else {
        return;
    };
    let world = World::new();
    let pushed = world.push(&registry.host()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&skopeo);
        command.args(arguments).env("HOME", &world.root).current_dir(&world.root);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let at = |tag: &str| format!("docker://{}/team/site:{tag}", registry.host());
    let raw = run(&["inspect", "--raw", "--tls-verify=false", &at("1")]);
    assert_eq!(instep_bundle::Digest::of(&raw), pushed.digest);
    let manifest: serde_json::Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.instep.bundle.v1");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    let title = |layer: &serde_json::Value| {
        layer["annotations"]["org.opencontainers.image.title"].as_str().unwrap().to_owned()
    };
    let mut titles: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(title).collect();
    let expected: Vec<_> = tree(&world.bundle()).into_keys().collect();
    titles.sort();
    assert_eq!(titles, expected);

    // To a folder, as on a stick, and to another place.
    let no_tls = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    run(&[&no_tls[..], &[&at("1"), "oci:stick:1"]].concat());
    run(&[&no_tls[..], &["oci:stick:1", &at("carried")]].concat());
    let carried = format!("{}/team/site:carried", registry.host());
    let pulled = world.pull_from(&carried, &mut |_| {}, &instep_tools::CancelToken::new()).unwrap();
    assert_eq!(pulled.digest, pushed.digest);
    world.assert_same();
}
