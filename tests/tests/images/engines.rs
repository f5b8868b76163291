//! Programs that are missing, that have no daemon, that hang, or that have another image.
//!
//! No Docker daemon runs where the tests do. Where one is needed, a script stands in for `docker`: it hands out a docker
//! archive that the real skopeo wrote. Without one, the real client is asked.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use camino::Utf8PathBuf;
use instep_bundle::Engine;
use instep_tests::{Registry, tools};

use super::{World, image, skopeo, told};

impl World {
    /// Nothing is on `PATH` but what is added.
    fn without_programs(mut self) -> Self {
        let path = self.root.join("programs").into_string();
        self.environment = self.environment.with_var("PATH", path);
        self
    }

    /// A script on `PATH`, which has the programs of the system.
    fn script(self, name: &str, text: &str) -> Self {
        let path = self.root.join("programs").join(name);
        fs_err::write(&path, ["#!/bin/sh\nPATH=/usr/bin:/bin\n", text].concat()).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }
}

#[test]
fn programs_that_are_missing_are_named_and_the_next_one_is_asked() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/asked:1", registry.host());
    let image = image("linux/amd64", "asked");
    let Some(()) = image.push(&name) else { return };
    let programs = [Engine::Docker, Engine::Podman, Engine::Skopeo];
    let world = World::new().without_programs().engines(&programs);
    let error = world.save(&name).unwrap_err();
    for program in ["docker", "podman", "skopeo"] {
        let expected = format!("the program `{program}` was not found");
        assert!(told(&error).contains(&expected), "{}", told(&error));
    }
    assert!(world.left().is_empty());

    let world = world.engines(&[Engine::Docker, Engine::Native]);
    let saved = world.save(&name).unwrap();
    assert_eq!(saved.engine, Some(Engine::Native));
    assert_eq!(saved.file.image_id.to_string(), image.id());

    let world = World::new().without_programs().engines(&[Engine::Podman]);
    let hint = world.save(&name).unwrap_err().hint().unwrap();
    assert!(hint.contains("Install podman"), "{hint}");
}

#[test]
fn docker_without_a_daemon_is_said() {
    let Some(registry) = Registry::start() else { return };
    let Some(_) = tools::system("docker") else { return };
    let name = format!("{}/daemon:1", registry.host());
    let Some(()) = image("linux/amd64", "daemon").push(&name) else { return };
    let world = World::new().engines(&[Engine::Docker]);
    let error = world.save(&name).unwrap_err();
    assert!(told(&error).contains("Cannot connect to the Docker daemon"), "{}", told(&error));
    assert!(error.hint().unwrap().contains("Start its daemon"), "{error:?}");
    let world = world.engines(&[Engine::Docker, Engine::Skopeo, Engine::Native]);
    assert_eq!(world.save(&name).unwrap().engine, Some(Engine::Skopeo));
    // What several said has what the daemon's client said.
    let gone = format!("{}/gone:1", registry.host());
    let error = told(&world.save(&gone).unwrap_err());
    assert!(error.contains("daemon") && error.contains("404"), "{error}");
}

#[test]
fn a_program_that_hangs_is_ended() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/hangs:1", registry.host());
    let Some(()) = image("linux/amd64", "hangs").push(&name) else { return };
    for engine in [Engine::Docker, Engine::Podman, Engine::Skopeo] {
        let world = World::new().without_programs().engines(&[engine, Engine::Native]);
        let mut world = world.script(engine.name(), "exec sleep 600\n");
        world.patience = Duration::from_millis(300);
        assert_eq!(world.save(&name).unwrap().engine, Some(Engine::Native));
        world.engines = vec![engine];
        fs_err::remove_file(world.out()).unwrap();
        let error = told(&world.save(&name).unwrap_err());
        assert!(error.contains("did not end within 0.3 s"), "{error}");
    }
}

/// A docker archive of an image, written by skopeo, and a script in the place of docker that hands it out.
fn docker(world: World, name: &str, pull: &str) -> Option<(World, Utf8PathBuf)> {
    let archive = world.root.join("archive.tar");
    let to = format!("docker-archive:{archive}:{name}");
    world.run(&skopeo()?, &["copy", "--src-tls-verify=false", &format!("docker://{name}"), &to]);
    let script = format!(
        "case \"$1\" in\n  pull) {pull} ;;\n  save) cp {archive} \"$3\" ;;\n  *) exit 9 ;;\nesac\n"
    );
    Some((world.without_programs().script("docker", &script), archive))
}

#[test]
fn what_docker_has_is_held_against_the_registry() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/docker:1", registry.host());
    let first = image("linux/amd64", "first");
    let Some(()) = first.push(&name) else { return };
    let world = World::new().engines(&[Engine::Docker]);
    let Some((world, _)) = docker(world, &name, "exit 0") else { return };
    let saved = world.save(&name).unwrap();
    assert_eq!((saved.engine, saved.unchecked.as_deref()), (Some(Engine::Docker), None));
    assert_eq!(saved.file.image_id.to_string(), first.id());
    let layers: Vec<_> = saved.file.layers.iter().map(ToString::to_string).collect();
    assert_eq!(layers, first.diff_ids());
    // There, by its id: its manifest is another one.
    assert_eq!(world.save(&name).unwrap().engine, None);

    // The registry has another image now, which the stand-in does not fetch.
    let second = image("linux/amd64", "second");
    second.push(&name).unwrap();
    let error = told(&world.save(&name).unwrap_err());
    assert!(error.contains(&first.id()) && error.contains(&second.id()), "{error}");

    // The registry cannot be asked.
    drop(registry);
    let saved = world.save(&name).unwrap();
    assert_eq!(saved.file.image_id.to_string(), first.id());
    assert!(saved.unchecked.unwrap().contains("127.0.0.1"));
}

#[test]
fn an_image_that_only_docker_has_is_saved_and_its_output_shows_no_login() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/local:1", registry.host());
    let built = image("linux/amd64", "built here");
    let Some(()) = built.push(&name) else { return };
    let world = World::new().engines(&[Engine::Docker]);
    let refused = "echo 'denied at https://ada:hunter2@host.test/' >&2; exit 1";
    let Some((world, archive)) = docker(world, &name, refused) else { return };
    drop(registry);
    let saved = world.save(&name).unwrap();
    assert_eq!(saved.file.image_id.to_string(), built.id());
    assert!(saved.unchecked.is_some());

    fs_err::remove_file(archive).unwrap();
    fs_err::remove_file(world.out()).unwrap();
    let error = world.save(&name).unwrap_err();
    let text = format!("{} {error:?} {:?}", told(&error), error.hint());
    assert!(text.contains("denied at https://***@host.test/"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_a_program_wrote_is_not_trusted() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/hostile:1", registry.host());
    let Some(()) = image("linux/amd64", "hostile").push(&name) else { return };
    let world = World::new().engines(&[Engine::Docker]);
    let Some((world, archive)) = docker(world, &name, "exit 0") else { return };
    let bytes = fs_err::read(&archive).unwrap();
    for cut in [0, 512, 5_000, bytes.len() / 2, bytes.len() - 1_500] {
        fs_err::write(&archive, &bytes[..cut]).unwrap();
        let error = told(&world.save(&name).unwrap_err());
        assert!(error.contains("what docker wrote cannot be read"), "{cut}: {error}");
        assert!(world.left().is_empty());
    }
}
