//! What goes wrong on the way, and what is there then.

use std::time::Duration;

use instep_bundle::{Error, Event, save_image};
use instep_tests::{Fault, Faulty, Image, Registry};
use instep_tools::CancelToken;

use super::{World, image, request, told};

fn pushed(registry: &Registry, name: &str) -> Option<Image> {
    let image = image("linux/amd64", name);
    image.push(&format!("{}/{name}", registry.host()))?;
    Some(image)
}

#[test]
fn an_image_or_a_tag_that_does_not_exist_is_named() {
    let Some(registry) = Registry::start() else { return };
    let Some(_) = pushed(&registry, "known:1") else { return };
    let world = World::new();
    for name in ["unknown:1", "known:2"] {
        let error = world.save(&format!("{}/{name}", registry.host())).unwrap_err();
        let text = told(&error);
        assert!(text.contains(name) && text.contains("404"), "{text}");
        assert!(error.hint().unwrap().contains("name"), "{error:?}");
    }
    assert!(world.left().is_empty());
}

#[test]
fn a_registry_that_wants_a_login_is_named_with_what_to_do() {
    let Some(registry) = Registry::setup().password().start() else { return };
    let name = format!("{}/secret:1", registry.host());
    let world = World::new();
    let error = world.save(&name).unwrap_err();
    assert!(told(&error).contains("401"), "{}", told(&error));
    assert!(error.hint().unwrap().contains("docker login"), "{error:?}");
}

#[test]
fn answers_that_pass_are_waited_for_and_others_are_told() {
    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "busy:1") else { return };
    for (status, part) in
        [("429 Too Many Requests", "manifests"), ("500 Oh", "manifests"), ("503 Busy", "blobs")]
    {
        let way = Faulty::before(&registry.host());
        let name = format!("{}/busy:1", way.host());
        let answer = || Fault::Answer(status, Vec::new(), String::new());
        let world = World::new();
        way.fault("GET", part, 0..2, answer());
        let mut retries = 0;
        let saved = world.save_as(&request(&name, "linux/amd64"), &mut |event| {
            retries += usize::from(matches!(event, Event::Retrying { .. }));
        });
        assert_eq!(saved.unwrap().file.image_id.to_string(), expected.id());
        // The configuration comes first, and quietly.
        assert!(retries == 2 || part == "blobs", "{status}: {retries}");

        let world = World::new();
        way.fault("GET", part, 0..usize::MAX, answer());
        let error = told(&world.save(&name).unwrap_err());
        assert!(error.contains(&status[..3]), "{status}: {error}");
        assert!(world.left().is_empty());
    }
}

#[test]
fn a_layer_that_is_cut_off_goes_on_where_it_was() {
    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "cut:1") else { return };
    let way = Faulty::before(&registry.host());
    let name = format!("{}/cut:1", way.host());
    let world = World::new();
    let layer = largest(&world, &name);
    way.fault("GET", &layer, 0..usize::MAX, Fault::CutAfter(0));
    assert!(world.save(&name).is_err());
    assert!(world.left().is_empty());
    way.mend();
    way.fault("GET", &layer, 0..3, Fault::CutAfter(30_000));
    assert_eq!(world.save(&name).unwrap().file.image_id.to_string(), expected.id());
    let ranges: Vec<_> = way
        .passed()
        .into_iter()
        .filter(|passed| passed.path.contains(&layer))
        .filter_map(|passed| passed.range)
        .collect();
    assert!(ranges.contains(&"bytes=30000-".to_owned()), "{ranges:?}");
    assert!(ranges.contains(&"bytes=90000-".to_owned()), "{ranges:?}");
}

/// The digits of the largest layer of an image.
fn largest(world: &World, name: &str) -> String {
    let other = World::new();
    let saved = other.save(name).unwrap();
    let _ = world;
    let blobs = fs_err::read_dir(other.cache().join("blobs/sha256")).unwrap();
    let blobs = blobs.map(|entry| entry.unwrap());
    let largest = blobs.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap();
    assert!(saved.file.size > largest.metadata().unwrap().len());
    largest.file_name().into_string().unwrap()
}

#[test]
fn a_content_that_is_another_one_is_refused_and_not_kept() {
    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "changed:1") else { return };
    let way = Faulty::before(&registry.host());
    let name = format!("{}/changed:1", way.host());
    let layer = largest(&World::new(), &name);
    let config = expected.id().replace("sha256:", "");
    let digest = World::new().resolve(&name, "linux/amd64").unwrap().digest;
    let pinned = format!("{}@{digest}", name.rsplit_once(':').unwrap().0);
    for (name, path) in [(&name, layer.as_str()), (&name, &config), (&pinned, "manifests")] {
        for fault in [Fault::Corrupt, Fault::Longer(b"more".to_vec(), true), Fault::Shorter(1)] {
            let world = World::new();
            way.mend();
            way.fault("GET", path, 0..usize::MAX, fault.clone());
            let error = world.save(name).unwrap_err();
            assert!(!matches!(error, Error::Cancelled | Error::Io { .. }), "{error:?}");
            assert!(world.left().is_empty(), "{fault:?}: {:?}", world.left());
            let kept = world.cache().join("blobs/sha256").join(path);
            assert!(!kept.exists(), "{fault:?}: what is wrong is kept");
            way.mend();
            assert_eq!(world.save(name).unwrap().file.image_id.to_string(), expected.id());
        }
    }
}

#[test]
fn what_is_damaged_in_the_cache_is_fetched_again() {
    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "cache:1") else { return };
    let name = format!("{}/cache:1", registry.host());
    let world = World::new();
    world.save(&name).unwrap();
    for entry in fs_err::read_dir(world.cache().join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs_err::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs_err::write(&path, bytes).unwrap();
        fs_err::remove_file(world.out()).unwrap();
        assert_eq!(world.save(&name).unwrap().file.image_id.to_string(), expected.id());
    }
}

#[test]
fn without_a_cache_nothing_but_the_tar_is_left() {
    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "alone:1") else { return };
    let mut world = World::new();
    world.with_cache = false;
    let saved = world.save(&format!("{}/alone:1", registry.host())).unwrap();
    assert_eq!(saved.file.image_id.to_string(), expected.id());
    assert_eq!(world.left(), ["image.tar"]);
    assert!(!world.cache().exists());
}

#[test]
fn a_save_that_is_cancelled_leaves_what_was_there() {
    let Some(registry) = Registry::start() else { return };
    let Some(_) = pushed(&registry, "slow:1") else { return };
    let way = Faulty::before(&registry.host());
    let name = format!("{}/slow:1", way.host());
    let layer = largest(&World::new(), &name);
    way.fault("GET", &layer, 0..usize::MAX, Fault::Drip(1_000, Duration::from_millis(20)));
    let world = World::new();
    fs_err::create_dir(world.root.join("out")).unwrap();
    fs_err::write(world.out(), "old").unwrap();
    let (cache, cancel) = (world.cache(), CancelToken::new());
    let result = save_image(
        &request(&name, "linux/amd64"),
        &world.out(),
        &world.sources(&cache),
        &mut |event| {
            if matches!(event, Event::Started { .. }) {
                cancel.cancel();
            }
        },
        &cancel,
    );
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(fs_err::read(world.out()).unwrap(), b"old");
    assert_eq!(world.left(), ["image.tar"]);
    way.mend();
    assert!(world.save(&name).unwrap().engine.is_some());
}

#[test]
fn a_full_disk_is_said_and_the_next_run_completes_skipped_unless_tmpfs_can_be_mounted() {
    use instep_bundle::Engine;

    let Some(registry) = Registry::start() else { return };
    let Some(expected) = pushed(&registry, "full:1") else { return };
    let name = format!("{}/full:1", registry.host());
    for (engine, place) in
        [(Engine::Native, "out"), (Engine::Native, "cache"), (Engine::Skopeo, "out")]
    {
        // Another engine is not asked: it would have no more room.
        let world = World::new().engines(&[engine, Engine::Docker]);
        let full = world.root.join(place);
        fs_err::create_dir(&full).unwrap();
        let mount = |program: &str, arguments: &[&str]| {
            let quiet = std::process::Stdio::null();
            let mut command = std::process::Command::new(program);
            command.args(arguments).arg(&full).stderr(quiet);
            command.status().is_ok_and(|status| status.success())
        };
        // Room for what skopeo puts there, and not for the tar as well.
        let size = if engine == Engine::Skopeo { "size=240k" } else { "size=100k" };
        if !mount("mount", &["-t", "tmpfs", "-o", size, "tmpfs"]) {
            instep_tests::tools::skip("needs to mount a file system to fill");
            return;
        }
        let result = world.save(&name);
        let left = world.left();
        assert!(mount("umount", &[]));
        let Err(error @ Error::Io { .. }) = result else { panic!("{engine} {place}: {result:?}") };
        assert!(error.hint().unwrap().contains("space"), "{error:?}");
        assert!(left.is_empty(), "{engine} {place}: {left:?}");
        assert_eq!(world.save(&name).unwrap().file.image_id.to_string(), expected.id());
    }
}
