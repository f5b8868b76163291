//! What goes wrong on the way, and what it costs.

use std::time::Duration;

use instep_bundle::{Error, Event, RegistryProblem};
use instep_tests::{Fault, Faulty, Registry};
use instep_tools::CancelToken;

use super::{World, digits, noise, tree};

const IMAGE: u64 = 100;
const IMAGE_SIZE: usize = 600_000;

/// A registry with the bundle, and a way to it.
fn begun() -> Option<(World, Registry, Faulty)> {
    let registry = Registry::start()?;
    let world = World::new();
    world.push(&registry.host()).unwrap();
    let way = Faulty::before(&registry.host());
    Some((world, registry, way))
}

/// The path of the image's blob.
fn image() -> String {
    format!("/blobs/sha256:{}", digits(&noise(IMAGE, IMAGE_SIZE)))
}

fn answer(status: &'static str, lines: &[&str]) -> Fault {
    Fault::Answer(status, lines.iter().map(|line| (*line).to_owned()).collect(), String::new())
}

/// What was asked of the image, after what it was behind.
fn ranges(way: &Faulty) -> Vec<Option<String>> {
    let passed = way.passed().into_iter().filter(|passed| passed.path.ends_with(&image()));
    passed.map(|passed| passed.range).collect()
}

fn problem(error: Error) -> RegistryProblem {
    match error {
        Error::Registry { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_passes_is_tried_again() {
    let Some((world, _registry, way)) = begun() else { return };
    let statuses = ["429 Too Many", "500 Oh", "502 Bad", "503 Busy", "504 Slow", "408 Late"];
    for status in statuses {
        way.mend();
        way.fault("GET", "/manifests/", 0..2, answer(status, &[]));
        way.fault("GET", &image(), 0..2, answer(status, &[]));
        let mut retries = 0;
        let mut count = |event| retries += usize::from(matches!(event, Event::Retrying { .. }));
        let from = format!("{}/team/site:1", way.host());
        world.pull_from(&from, &mut count, &CancelToken::new()).unwrap();
        assert_eq!(retries, 4, "{status}");
        world.assert_same();
        fs_err::remove_dir_all(world.out()).unwrap();
    }
}

#[test]
fn what_does_not_pass_is_said_and_not_tried_again() {
    let Some((world, _registry, way)) = begun() else { return };
    let status = |status| RegistryProblem::Status { status, message: String::new() };
    let table = [
        ("401 Who", RegistryProblem::Unauthorized { had_login: false }),
        ("403 No", RegistryProblem::Forbidden),
        ("404 Gone", RegistryProblem::Missing),
        ("410 Gone", status(410)),
        ("501 What", status(501)),
    ];
    for (text, expected) in table {
        way.mend();
        way.fault("GET", &image(), 0..9, answer(text, &[]));
        let before = ranges(&way).len();
        assert_eq!(problem(world.pull(&way.host()).unwrap_err()), expected);
        assert_eq!(ranges(&way).len() - before, 1, "{text}");
        assert!(!world.out().exists());
    }
    way.mend();
    world.pull(&way.host()).unwrap();
    world.assert_same();
}

#[test]
fn it_is_given_up_after_the_tries_that_were_asked_for() {
    let Some((mut world, _registry, way)) = begun() else { return };
    world.settings.tries = 3;
    way.fault("GET", "/manifests/", 0..99, answer("503 Busy", &[]));
    let expected = RegistryProblem::Status { status: 503, message: String::new() };
    assert_eq!(problem(world.pull(&way.host()).unwrap_err()), expected);
    assert_eq!(way.passed().len(), 3);
}

#[test]
fn a_registry_says_how_long_to_wait() {
    let Some((mut world, _registry, way)) = begun() else { return };
    // Whoever waits for as long as this does not come back within the test.
    world.settings.first_wait = Duration::from_hours(1);
    world.settings.longest_wait = Duration::from_hours(2);
    let past = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT";
    way.fault("GET", "/manifests/", 0..1, answer("429 Too Many", &["Retry-After: 0"]));
    way.fault("GET", "/manifests/", 1..2, answer("503 Busy", &[past]));
    world.pull(&way.host()).unwrap();
    world.assert_same();

    way.mend();
    way.fault("GET", "/manifests/", 0..1, answer("429 Too Many", &["Retry-After: 7201"]));
    let error = world.pull(&way.host()).unwrap_err();
    assert!(error.to_string().contains("asks to wait 7201 s"), "{error}");
    assert!(error.hint().unwrap().contains("later"));
}

#[test]
fn a_transfer_that_is_cut_goes_on_where_it_was() {
    let Some((mut world, _registry, way)) = begun() else { return };
    // Each gets further, so none of them counts.
    world.settings.tries = 2;
    way.fault("GET", &image(), 0..4, Fault::CutAfter(100_000));
    let pulled = world.pull(&way.host()).unwrap();
    world.assert_same();
    assert_eq!(pulled.bytes, 8 + 10 + 4 + 4 * 40_000 + IMAGE_SIZE as u64);
    let ranges = ranges(&way);
    assert_eq!(ranges.len(), 5, "{ranges:?}");
    let from = |index: u64| Some(format!("bytes={}-", 100_000 * index));
    assert_eq!(ranges, [None, from(1), from(2), from(3), from(4)]);
}

#[test]
fn the_next_pull_goes_on_where_one_was_given_up() {
    let Some((mut world, registry, way)) = begun() else { return };
    world.settings.tries = 1;
    way.fault("GET", &image(), 0..1, Fault::CutAfter(100_000));
    way.fault("GET", &image(), 1..2, answer("403 No", &[]));
    assert_eq!(problem(world.pull(&way.host()).unwrap_err()), RegistryProblem::Forbidden);
    assert!(!world.out().exists());
    // What has come is taken from the folder by its digest: of the image, all but the first part.
    let pulled = world.pull(&registry.host()).unwrap();
    world.assert_same();
    assert!(pulled.bytes >= 500_000 && pulled.bytes <= 500_000 + 22 + 4 * 40_000, "{pulled:?}");
}

#[test]
fn a_transfer_that_is_silent_is_given_up_and_goes_on() {
    let Some((mut world, _registry, way)) = begun() else { return };
    world.settings.silence = Duration::from_millis(700);
    way.fault("GET", "/manifests/", 0..1, Fault::SilentAfter(10));
    way.fault("GET", &image(), 0..1, Fault::SilentAfter(50_000));
    world.pull(&way.host()).unwrap();
    world.assert_same();
    assert_eq!(ranges(&way), [None, Some("bytes=50000-".to_owned())]);
}

#[test]
fn a_transfer_may_take_longer_than_a_silence() {
    let Some((mut world, _registry, way)) = begun() else { return };
    world.settings.silence = Duration::from_millis(700);
    world.settings.tries = 1;
    // 24 pieces: more than a second.
    way.fault("GET", &image(), 0..1, Fault::Drip(25_000, Duration::from_millis(50)));
    world.pull(&way.host()).unwrap();
    world.assert_same();
}

#[test]
fn an_upload_may_take_longer_than_a_silence() {
    let Some(registry) = Registry::start() else { return };
    let way = Faulty::before(&registry.host());
    let mut world = World::new();
    world.settings.silence = Duration::from_secs(1);
    world.settings.tries = 1;
    // 30 pieces: one and a half seconds.
    let image = digits(&noise(IMAGE, IMAGE_SIZE));
    way.fault("PUT", &image, 0..1, Fault::SlowUpload(20_000, Duration::from_millis(50)));
    world.push(&way.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    world.assert_same();
}

#[test]
fn a_content_that_is_wrong_is_never_kept() {
    let Some((world, _registry, way)) = begun() else { return };
    let size = IMAGE_SIZE as u64;
    let wrong_size = |found| RegistryProblem::WrongSize { expected: size, found };
    let table = [
        (Fault::Corrupt, None),
        (Fault::Shorter(1), Some(wrong_size(size - 1))),
        (Fault::Longer(b"more".to_vec(), true), Some(wrong_size(size + 4))),
        (Fault::Longer(b"more".to_vec(), false), Some(wrong_size(size + 4))),
    ];
    for (fault, expected) in table {
        way.mend();
        way.fault("GET", &image(), 0..9, fault.clone());
        let found = problem(world.pull(&way.host()).unwrap_err());
        match expected {
            Some(expected) => assert_eq!(found, expected, "{fault:?}"),
            None => assert!(matches!(found, RegistryProblem::WrongDigest { .. }), "{found:?}"),
        }
        assert!(!world.out().exists());
        let image = digits(&noise(IMAGE, IMAGE_SIZE));
        let left = tree(&world.root.join("out.bundle.partial"));
        assert!(!left.keys().any(|path| path.contains(&image)), "{fault:?} is kept");
    }
    way.mend();
    world.pull(&way.host()).unwrap();
    world.assert_same();
}

#[test]
fn a_manifest_that_is_wrong_is_refused() {
    let Some((world, _registry, way)) = begun() else { return };
    let tagged = "/manifests/1";
    way.fault("GET", tagged, 0..1, Fault::Corrupt);
    let error = world.pull(&way.host()).unwrap_err();
    assert!(matches!(problem(error), RegistryProblem::WrongDigest { .. }));
    way.mend();
    way.fault("GET", tagged, 0..1, Fault::Longer(vec![b' '; 5 << 20], false));
    let error = problem(world.pull(&way.host()).unwrap_err());
    assert_eq!(error, RegistryProblem::TooLarge { limit: 4 << 20 });
}

#[test]
fn a_part_that_the_registry_does_not_go_on_behind_begins_anew() {
    let Some((world, _registry, way)) = begun() else { return };
    let refused = answer("416 Range Not Satisfiable", &[]);
    for fault in [Fault::IgnoreRange, Fault::OtherRange, refused] {
        way.mend();
        way.fault("GET", &image(), 0..1, Fault::CutAfter(100_000));
        way.fault("GET", &image(), 1..2, fault.clone());
        world.pull(&way.host()).unwrap();
        world.assert_same();
        fs_err::remove_dir_all(world.out()).unwrap();
    }
}

#[test]
fn a_part_that_is_wrong_is_dropped_once() {
    let Some((world, registry, _way)) = begun() else { return };
    let blobs = world.root.join("out.bundle.partial/blobs");
    let name = digits(&noise(IMAGE, IMAGE_SIZE));
    for length in [1, 1000, IMAGE_SIZE, IMAGE_SIZE + 1] {
        fs_err::create_dir_all(&blobs).unwrap();
        fs_err::write(blobs.join(format!("{name}.part")), noise(3, length)).unwrap();
        fs_err::write(blobs.join(digits(b"text")), "tixt").unwrap();
        world.pull(&registry.host()).unwrap();
        world.assert_same();
        fs_err::remove_dir_all(world.out()).unwrap();
    }
}

#[test]
fn an_upload_that_fails_goes_again() {
    let Some(registry) = Registry::start() else { return };
    let way = Faulty::before(&registry.host());
    let world = World::new();
    let image = digits(&noise(IMAGE, IMAGE_SIZE));
    way.fault("POST", "/uploads/", 0..1, answer("503 Busy", &[]));
    way.fault("PUT", &image, 0..1, Fault::CutUpload(100_000));
    way.fault("PUT", &image, 1..2, answer("500 Oh", &[]));
    way.fault("PUT", "/manifests/", 0..1, answer("503 Busy", &[]));
    way.fault("HEAD", "/blobs/", 0..2, answer("503 Busy", &[]));
    let pushed = world.push(&way.host()).unwrap();
    assert_eq!((pushed.sent, pushed.there), (9, 0));
    world.pull(&registry.host()).unwrap();
    world.assert_same();
}

#[test]
fn a_registry_that_is_not_there_is_said() {
    let mut world = World::new();
    world.settings.tries = 2;
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let error = world.pull(&nobody.to_string()).unwrap_err();
    assert!(matches!(problem(error), RegistryProblem::Unreachable { .. }));
}

#[test]
fn a_part_may_be_smaller_than_was_asked_for() {
    let Some((mut world, _registry, way)) = begun() else { return };
    world.settings.tries = 1;
    way.fault("GET", &image(), 0..1, Fault::CutAfter(100_000));
    way.fault("GET", &image(), 1..2, Fault::Shorter(200_000));
    world.pull(&way.host()).unwrap();
    world.assert_same();
    let from = |byte: u64| Some(format!("bytes={byte}-"));
    assert_eq!(ranges(&way), [None, from(100_000), from(400_000)]);
}

#[test]
fn a_proxy_is_used_where_the_variables_name_one() {
    let Some(registry) = Registry::start() else { return };
    let proxy = Faulty::before(&registry.host());
    let mut world = World::new();
    // Nobody knows it but the proxy.
    let host = "registry.invalid:5000";
    world.settings.plain_http.push(host.to_owned());
    world.settings.tries = 1;
    assert!(matches!(problem(world.push(host).unwrap_err()), RegistryProblem::Unreachable { .. }));
    world.variables.push(("HTTP_PROXY".into(), format!("http://{}", proxy.host())));
    world.push(host).unwrap();
    world.pull(host).unwrap();
    world.assert_same();
    assert!(proxy.passed().iter().all(|passed| passed.path.starts_with("http://registry.invalid")));

    let before = proxy.passed().len();
    world.variables.push(("NO_PROXY".into(), "registry.invalid".into()));
    assert!(matches!(problem(world.pull(host).unwrap_err()), RegistryProblem::Unreachable { .. }));
    assert_eq!(proxy.passed().len(), before);
}
