//! Whichever way an image comes, it is the same image.

use instep_bundle::{Engine, Event, inspect_image};
use instep_tests::{Image, Registry, tools};
use instep_tools::CancelToken;

use super::{World, digest, image, request, skopeo};

#[test]
fn native_skopeo_and_podman_give_the_same_image() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), skopeo()) else { return };
    let Some(podman) = tools::system("podman") else { return };
    let name = format!("{}/tools/python:3.12-slim", registry.host());
    let images =
        [image("linux/amd64", "amd"), image("linux/arm64", "arm"), image("linux/arm/v7", "old")];
    let Some(()) = Image::push_all(&images, &name, &[]) else { return };

    let [native, by_skopeo, by_podman] =
        [Engine::Native, Engine::Skopeo, Engine::Podman].map(|engine| {
            let world = World::new().engines(&[engine]);
            let saved = world.save(&name).unwrap();
            assert_eq!(saved.engine, Some(engine));
            assert_eq!(saved.unchecked, None);
            assert_eq!(saved.file.image_id.to_string(), images[0].id());
            let layers: Vec<_> = saved.file.layers.iter().map(ToString::to_string).collect();
            assert_eq!(layers, images[0].diff_ids());
            assert_eq!(saved.file.name.as_deref(), Some(name.as_str()));
            assert_eq!(inspect_image(&world.out(), &CancelToken::new()).unwrap(), saved.file);
            (world, saved.file)
        });
    let bytes = |(world, _): &(World, _)| fs_err::read(world.out()).unwrap();
    assert!(bytes(&native) == bytes(&by_skopeo), "native and skopeo differ");
    // What podman keeps is what comes out of the layers: the same files.
    let files = |(world, file): &(World, instep_bundle::ImageFile)| {
        let folder = world.root.join("files");
        fs_err::create_dir(&folder).unwrap();
        let id = file.image_id.to_string().replace("sha256:", "");
        world.run(&podman, &["load", "--quiet", "--input", world.out().as_str()]);
        let mounted = world.run(&podman, &["image", "mount", &id]);
        let mut all = Vec::new();
        for name in ["etc/base", "etc/text", "usr/lib/large"] {
            all.push((
                name,
                fs_err::read(camino::Utf8Path::new(mounted.trim()).join(name)).unwrap(),
            ));
        }
        world.run(&podman, &["image", "unmount", &id]);
        all
    };
    let expected = files(&native);
    assert_eq!(expected[1].1, b"amd");
    assert!(files(&by_skopeo) == expected && files(&by_podman) == expected);
    // The registry's own manifest.
    let raw = native.0.run(
        &skopeo,
        &[
            "inspect",
            "--raw",
            "--tls-verify=false",
            &format!("docker://{}@{}", name.rsplit_once(':').unwrap().0, native.1.digest),
        ],
    );
    assert_eq!(native.1.digest.to_string(), digest(raw.as_bytes()));
}

#[test]
fn each_platform_of_an_index_is_chosen_and_said_beforehand() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/tools/many:1", registry.host());
    let platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v6", "linux/arm/v7"];
    let images = platforms.map(|platform| image(platform, platform));
    for options in [&["--format=oci"], &["--format=v2s2"]] {
        let Some(()) = Image::push_all(&images, &name, options) else { return };
        for engine in [Engine::Native, Engine::Skopeo] {
            for (platform, image) in platforms.iter().zip(&images) {
                let world = World::new().engines(&[engine]);
                let resolved = world.resolve(&name, platform).unwrap();
                assert_eq!(resolved.image_id.to_string(), image.id(), "{platform} {options:?}");
                assert!(resolved.index.is_some_and(|index| index != resolved.digest));
                assert!(world.left().is_empty() && !world.cache().exists());
                let saved = world.save_as(&request(&name, platform), &mut |_| {}).unwrap();
                assert_eq!(saved.file.image_id.to_string(), image.id(), "{platform} {options:?}");
                assert_eq!(saved.file.digest, resolved.digest);
            }
            let world = World::new().engines(&[engine]);
            let error = super::told(&world.resolve(&name, "linux/s390x").unwrap_err());
            assert!(
                error.contains("not there for linux/s390x, but for linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64"),
                "{error}"
            );
        }
    }
}

#[test]
fn pins_of_an_image_and_of_an_index_are_kept_to() {
    let Some(registry) = Registry::start() else { return };
    let repository = format!("{}/tools/pinned", registry.host());
    let name = format!("{repository}:1");
    let images = [image("linux/amd64", "first"), image("linux/arm64", "first")];
    let Some(()) = Image::push_all(&images, &name, &[]) else { return };
    let world = World::new();
    let first = world.resolve(&name, "linux/amd64").unwrap();
    let index = first.index.unwrap();
    // The tag moves on.
    image("linux/amd64", "second").push(&name).unwrap();
    assert_ne!(world.resolve(&name, "linux/amd64").unwrap().image_id, first.image_id);
    let pinned = request(&name, "linux/amd64").pinned(first.digest).to_string();
    for engine in [Engine::Native, Engine::Skopeo, Engine::Podman] {
        if engine == Engine::Podman && tools::system("podman").is_none() {
            continue;
        }
        let by_index = format!("{repository}@{index}");
        for reference in [&pinned, &by_index, &format!("{name}@{index}")] {
            let world = World::new().engines(&[engine]);
            let saved = world.save(reference).unwrap();
            assert_eq!(saved.file.image_id, first.image_id, "{engine} {reference}");
            let tagged = (*reference != by_index).then(|| name.clone());
            assert_eq!(saved.file.name, tagged, "{engine} {reference}");
        }
    }
    let other = format!("{repository}@{}", digest(b"another"));
    assert!(super::told(&world.save(&other).unwrap_err()).contains("404"));
}

#[test]
fn layers_by_zstd_are_kept_as_they_are() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), skopeo()) else { return };
    let name = format!("{}/zstd:1", registry.host());
    let image = image("linux/amd64", "zstd");
    let options = ["--dest-compress-format=zstd", "--format=oci"];
    let Some(()) = Image::push_all(std::slice::from_ref(&image), &name, &options) else { return };
    let world = World::new();
    let raw = world
        .run(&skopeo, &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    assert!(raw.contains("tar+zstd"), "skopeo did not compress by zstd: {raw}");
    let saved = world.save(&name).unwrap();
    assert_eq!(saved.file.digest.to_string(), digest(raw.as_bytes()));
    assert_eq!(saved.file.image_id.to_string(), image.id());
    let by_skopeo = World::new().engines(&[Engine::Skopeo]);
    by_skopeo.save(&name).unwrap();
    assert!(fs_err::read(by_skopeo.out()).unwrap() == fs_err::read(world.out()).unwrap());
}

#[test]
fn an_image_that_umoci_made_is_saved() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), skopeo()) else { return };
    let Some(umoci) = tools::system("umoci") else { return };
    let world = World::new().engines(&[Engine::Native]);
    let layout = world.root.join("layout").into_string();
    let tag = format!("{layout}:it");
    fs_err::write(world.root.join("work/tool"), "#!/bin/sh\n").unwrap();
    world.run(&umoci, &["init", "--layout", &layout]);
    world.run(&umoci, &["new", "--image", &tag]);
    world.run(&umoci, &["insert", "--image", &tag, "tool", "/usr/bin/tool"]);
    world.run(
        &umoci,
        &[
            "config",
            "--image",
            &tag,
            "--config.cmd",
            "tool",
            "--os",
            "linux",
            "--architecture",
            "amd64",
        ],
    );
    let name = format!("{}/made:1", registry.host());
    world.run(
        &skopeo,
        &["copy", "--dest-tls-verify=false", &format!("oci:{tag}"), &format!("docker://{name}")],
    );
    let saved = world.save(&name).unwrap();
    assert_eq!(saved.file.layers.len(), 1);
    let config = world
        .run(&skopeo, &["inspect", "--config", "--raw", &format!("oci-archive:{}", world.out())]);
    assert_eq!(saved.file.image_id.to_string(), digest(config.as_bytes()));
}

#[test]
fn what_is_there_is_not_fetched_again_and_what_is_damaged_is() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/there:1", registry.host());
    let Some(()) = image("linux/amd64", "there").push(&name) else { return };
    let world = World::new();
    let saved = world.save(&name).unwrap();
    let bytes = fs_err::read(world.out()).unwrap();
    fs_err::remove_dir_all(world.cache()).unwrap();

    let mut events = Vec::new();
    let again = world.save_as(&request(&name, "linux/amd64"), &mut |event| events.push(event));
    let again = again.unwrap();
    assert_eq!((again.engine, &again.file), (None, &saved.file));
    assert!(matches!(events.as_slice(), [Event::There { what }] if *what == name), "{events:?}");
    assert!(!world.cache().exists(), "a layer was fetched");

    let mut damaged = bytes.clone();
    damaged[5_000] ^= 1;
    for other in [damaged, b"something else".to_vec(), bytes[..3_000].to_vec()] {
        fs_err::write(world.out(), other).unwrap();
        assert!(world.save(&name).unwrap().engine.is_some());
        assert!(fs_err::read(world.out()).unwrap() == bytes);
    }
    // The tag names another image now.
    let moved = image("linux/amd64", "moved");
    moved.push(&name).unwrap();
    assert_eq!(world.save(&name).unwrap().file.image_id.to_string(), moved.id());
    // The same image under another name is another tar.
    let other = format!("{}/there:2", registry.host());
    moved.push(&other).unwrap();
    assert_eq!(world.save(&other).unwrap().file.name, Some(other));
}

#[test]
fn layers_that_images_share_are_fetched_once() {
    let Some(registry) = Registry::start() else { return };
    let names = ["one", "two"].map(|name| format!("{}/{name}:1", registry.host()));
    for name in &names {
        let Some(()) =
            image("linux/amd64", &name.replace("one", "eins").replace("two", "zwei")).push(name)
        else {
            return;
        };
    }
    let world = World::new();
    let mut sizes = Vec::new();
    for name in &names {
        world
            .save_as(&request(name, "linux/amd64"), &mut |event| {
                if let Event::Started { bytes, .. } = event {
                    sizes.push(bytes.unwrap());
                }
            })
            .unwrap();
    }
    assert!(sizes[0] > 100_000 && sizes[1] < 10_000, "{sizes:?}");
}
