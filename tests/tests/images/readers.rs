//! Who reads what was saved: skopeo in both of its forms, podman.

use camino::Utf8Path;
use instep_bundle::Engine;
use instep_tests::{Image, Registry, tools};
use serde_json::Value;

use super::{World, digest, image, skopeo};

/// An image that was saved by an engine, with a name of this registry.
fn saved(registry: &Registry, engine: Engine) -> Option<(World, Image, String)> {
    let name = format!("{}/tools/read:1.0", registry.host());
    let image = image("linux/amd64", "read");
    image.push(&name)?;
    let world = World::new().engines(&[engine]);
    world.save(&name).unwrap();
    Some((world, image, name))
}

#[test]
fn skopeo_reads_it_as_a_docker_archive_and_as_an_oci_archive() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), skopeo()) else { return };
    for engine in [Engine::Native, Engine::Podman] {
        if engine == Engine::Podman && tools::system("podman").is_none() {
            continue;
        }
        let Some((world, image, name)) = saved(&registry, engine) else { return };
        for transport in ["docker-archive", "oci-archive"] {
            let from = format!("{transport}:{}", world.out());
            let config = world.run(&skopeo, &["inspect", "--config", "--raw", &from]);
            assert_eq!(digest(config.as_bytes()), image.id(), "{engine} {transport}");
            let told: Value =
                serde_json::from_str(&world.run(&skopeo, &["inspect", &from])).unwrap();
            assert_eq!(told["Architecture"], "amd64", "{told}");
            let folder = world.root.join(transport);
            world.run(&skopeo, &["copy", "--quiet", &from, &format!("dir:{folder}")]);
            assert!(folder.join(image.id().replace("sha256:", "")).is_file());
        }
        let named = format!("docker-archive:{}:{name}", world.out());
        world.run(&skopeo, &["inspect", "--raw", &named]);
        let tagged = format!("oci-archive:{}:1.0", world.out());
        world.run(&skopeo, &["inspect", "--raw", &tagged]);
    }
}

#[test]
fn a_registry_at_the_site_gives_the_image_under_the_same_digest() {
    let (Some(registry), Some(skopeo)) = (Registry::start(), skopeo()) else { return };
    let Some(site) = Registry::start() else { return };
    for format in ["oci", "v2s2"] {
        let name = format!("{}/tools/{format}:1", registry.host());
        let image = image("linux/amd64", format);
        let options = [format!("--format={format}")];
        let Some(()) = Image::push_all(&[image], &name, &[&options[0]]) else { return };
        let world = World::new();
        let saved = world.save(&name).unwrap();
        let there = format!("docker://{}/mirror/{format}", site.host());
        let from = format!("oci-archive:{}", world.out());
        world.run(
            &skopeo,
            &[
                "copy",
                "--quiet",
                "--preserve-digests",
                "--dest-tls-verify=false",
                &from,
                &format!("{there}:1"),
            ],
        );
        let pinned = format!("{there}@{}", saved.file.digest);
        let raw = world.run(&skopeo, &["inspect", "--raw", "--tls-verify=false", &pinned]);
        assert_eq!(digest(raw.as_bytes()), saved.file.digest.to_string(), "{format}");
    }
}

#[test]
fn podman_loads_it_with_its_id_and_its_name() {
    let Some(podman) = tools::system("podman") else { return };
    let Some(registry) = Registry::start() else { return };
    for engine in [Engine::Native, Engine::Podman] {
        let Some((saved, image, name)) = saved(&registry, engine) else { return };
        // Another machine, where nothing is known of it.
        let site = World::new();
        let tar = site.root.join("work/it.tar");
        fs_err::copy(saved.out(), &tar).unwrap();
        site.run(&podman, &["load", "--quiet", "--input", tar.as_str()]);
        let told = site.run(&podman, &["image", "inspect", &name]);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(["sha256:", told[0]["Id"].as_str().unwrap()].concat(), image.id(), "{engine}");
        assert_eq!(told[0]["RootFS"]["Layers"], serde_json::json!(image.diff_ids()));
        let mounted = site.run(&podman, &["image", "mount", &name]);
        let text = Utf8Path::new(mounted.trim()).join("etc/text");
        assert_eq!(fs_err::read(text).unwrap(), b"read");
        site.run(&podman, &["image", "unmount", &name]);
    }
}
