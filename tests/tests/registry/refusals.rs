//! What is refused, and leaves everything as it was.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use camino::Utf8Path;
use instep_bundle::{CarryProblem, Digest, Error, Event, RegistryProblem};
use instep_tests::Registry;
use instep_tools::CancelToken;
use serde_json::{Value, json};

use super::{World, digits, noise, tree};

fn carry(error: Error) -> CarryProblem {
    match error {
        Error::Carry { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

/// Puts a manifest that nobody else would make.
fn put_manifest(registry: &Registry, tag: &str, manifest: &Value) {
    let text = manifest.to_string();
    let mut stream = TcpStream::connect(registry.host()).unwrap();
    let head = format!(
        "PUT /v2/team/site/manifests/{tag} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// A manifest whose files are called so, each with the content of the empty configuration.
fn manifest(titles: &[&str]) -> Value {
    let descriptor = |title: &&str| {
        json!({
            "mediaType": "application/vnd.instep.bundle.file.v1",
            "digest": Digest::of(b"{}"),
            "size": 2,
            "annotations": {"org.opencontainers.image.title": title},
        })
    };
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.instep.bundle.v1",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2},
        "layers": titles.iter().map(descriptor).collect::<Vec<_>>(),
    })
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_is_written() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    let before = tree(&world.root);
    let table: [&[&str]; 11] = [
        &["../escaped"],
        &["a/../../escaped"],
        &["/tmp/escaped"],
        &["C:/escaped"],
        &["a\\..\\escaped"],
        &["aux.txt"],
        &["a", "a"],
        &["a", "A"],
        &["a", "a/b"],
        &["a "],
        &["a\u{1b}[2J"],
    ];
    for (number, titles) in table.iter().enumerate() {
        let tag = format!("bad{number}");
        put_manifest(&registry, &tag, &manifest(titles));
        let from = format!("{}/team/site:{tag}", registry.host());
        let error = world.pull_from(&from, &mut |_| {}, &CancelToken::new()).unwrap_err();
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
        let problem = carry(error);
        let is_right = matches!(problem, CarryProblem::Name { .. } | CarryProblem::Collides { .. });
        assert!(is_right, "{titles:?}: {problem:?}");
        let mut after = tree(&world.root);
        after.retain(|path, _| !path.starts_with(".out.bundle.lock"));
        assert!(after == before, "{titles:?} has written something");
    }
    put_manifest(&registry, "good", &manifest(&["bundle.json", "a/b"]));
    let from = format!("{}/team/site:good", registry.host());
    world.pull_from(&from, &mut |_| {}, &CancelToken::new()).unwrap();
    assert_eq!(tree(&world.out()).len(), 2);
}

#[test]
fn what_is_no_bundle_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    let mut image = manifest(&["a"]);
    image.as_object_mut().unwrap().remove("artifactType");
    put_manifest(&registry, "image", &image);
    let mut newer = manifest(&["a"]);
    newer["artifactType"] = "application/vnd.instep.bundle.v2".into();
    put_manifest(&registry, "newer", &newer);
    let pull = |tag: &str| {
        let from = format!("{}/team/site:{tag}", registry.host());
        world.pull_from(&from, &mut |_| {}, &CancelToken::new()).unwrap_err()
    };
    for (tag, expected) in [("image", "its artifact type is ``"), ("newer", "newer Instep")] {
        let error = pull(tag);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(carry(error), CarryProblem::NotABundle { .. }));
    }
    let Error::Registry { problem, what, .. } = pull("none") else { panic!() };
    assert_eq!((problem, what.as_str()), (RegistryProblem::Missing, "the manifest team/site:none"));
    assert!(!world.out().exists());
}

#[test]
fn a_bundle_that_is_not_accepted_never_gets_its_name() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    let before = tree(&world.out());
    world.write("wheels/w0.whl", b"changed");
    world.push(&registry.host()).unwrap();

    // Somebody was about to pull another one.
    let others = ["0".repeat(64), "0".repeat(64) + ".part"];
    let others = others.map(|name| world.root.join("out.bundle.partial/blobs").join(name));
    fs_err::create_dir_all(others[0].parent().unwrap()).unwrap();
    for other in &others {
        fs_err::write(other, "other").unwrap();
    }

    let from = format!("{}/team/site:1", registry.host());
    let mut seen = None;
    let refuse = |folder: &Utf8Path| {
        seen = Some((folder.to_owned(), tree(folder)));
        Err(Error::Digest { given: "refused".into() })
    };
    let (environment, cancel) = (world.environment(), CancelToken::new());
    let (out, settings) = (world.out(), &world.settings);
    let result =
        instep_bundle::pull(&from, &out, settings, &environment, refuse, &mut |_| {}, &cancel);
    assert!(matches!(result, Err(Error::Digest { .. })), "{result:?}");
    let (folder, whole) = seen.unwrap();
    assert_ne!(folder, out);
    assert!(whole == tree(&world.bundle()), "it was asked before all was there");
    assert!(tree(&out) == before, "the old one has changed");
    assert!(others.iter().all(|other| !other.exists()), "what nobody wants is kept");

    // What has come does not come again.
    let pulled = world.pull(&registry.host()).unwrap();
    assert_eq!((pulled.fetched, pulled.bytes), (0, 0));
    world.assert_same();
}

#[test]
fn a_folder_of_somebody_else_stays() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    for place in ["out.bundle", "out.bundle.partial"] {
        let mine = world.root.join(place).join("mine.txt");
        fs_err::create_dir(mine.parent().unwrap()).unwrap();
        fs_err::write(&mine, "mine").unwrap();
        let error = world.pull(&registry.host()).unwrap_err();
        assert!(matches!(error, Error::NotOurs { .. }), "{error:?}");
        assert_eq!(fs_err::read_to_string(&mine).unwrap(), "mine");
        fs_err::remove_dir_all(mine.parent().unwrap()).unwrap();
    }
    fs_err::write(world.out(), "a file").unwrap();
    assert!(matches!(world.pull(&registry.host()).unwrap_err(), Error::NotOurs { .. }));
    fs_err::remove_file(world.out()).unwrap();
    // An empty one is as good as none.
    fs_err::create_dir(world.out()).unwrap();
    world.pull(&registry.host()).unwrap();
    world.assert_same();
}

#[test]
fn one_pull_at_a_time() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    let from = format!("{}/team/site:1", registry.host());
    let mut second = None;
    let accept = |_: &Utf8Path| {
        second = Some(world.pull(&registry.host()));
        Ok(())
    };
    let (environment, cancel) = (world.environment(), CancelToken::new());
    let (out, settings) = (world.out(), &world.settings);
    instep_bundle::pull(&from, &out, settings, &environment, accept, &mut |_| {}, &cancel).unwrap();
    let error = second.unwrap().unwrap_err();
    let own = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&own), "{error}");
    assert!(matches!(carry(error), CarryProblem::InUse { .. }));
    world.assert_same();
}

#[test]
fn a_file_that_changes_while_it_is_pushed_is_refused() {
    let Some(registry) = Registry::start() else { return };
    let right = noise(100, 600_000);
    let mut other = right.clone();
    other[500_000] ^= 1;
    let longer = [right.as_slice(), b"more"].concat();
    for changed in [other.as_slice(), &right[..300_000], &longer, b""] {
        let world = World::new();
        let path = world.bundle().join("images/one.tar");
        let mut change = |event: Event| {
            if matches!(&event, Event::Started { what, .. } if what == "images/one.tar") {
                fs_err::write(&path, changed).unwrap();
            }
        };
        let to = format!("{}/team/site:1", registry.host());
        let Error::Carry { path: named, problem } = world.push_to(&to, &mut change).unwrap_err()
        else {
            panic!()
        };
        assert!(matches!(problem, CarryProblem::Changed), "{problem:?}");
        assert_eq!(named, path);
        assert!(!registry.stored(&digits(changed)).exists() || changed.is_empty());
        assert!(!registry.stored(&digits(&right)).exists());
        assert!(world.pull(&registry.host()).is_err(), "there is a manifest");
    }
}

#[test]
fn what_cannot_travel_is_named_before_anything_goes() {
    let world = World::new();
    // Nobody is asked.
    let to = "127.0.0.1:1/team/site:1";
    let push = || carry(world.push_to(to, &mut |_| {}).unwrap_err());
    #[cfg(unix)]
    {
        let link = world.bundle().join("link");
        std::os::unix::fs::symlink("bundle.json", &link).unwrap();
        assert!(matches!(push(), CarryProblem::NotAFile));
        fs_err::remove_file(&link).unwrap();
        world.write("wheels/a:b.whl", b"");
        assert!(matches!(push(), CarryProblem::Name { .. }));
        fs_err::remove_file(world.bundle().join("wheels/a:b.whl")).unwrap();
    }
    if cfg!(target_os = "linux") {
        world.write("wheels/W0.whl", b"");
        assert!(matches!(push(), CarryProblem::Collides { .. }));
    }
    let pinned = format!("127.0.0.1:1/team/site@{}", Digest::of(b""));
    let problem = carry(world.push_to(&pinned, &mut |_| {}).unwrap_err());
    assert!(matches!(problem, CarryProblem::Pinned));
    // Somebody has named another folder.
    fs_err::remove_file(world.bundle().join("bundle.json")).unwrap();
    assert!(matches!(push(), CarryProblem::NoBundle));
    fs_err::remove_dir_all(world.bundle()).unwrap();
    assert!(matches!(push(), CarryProblem::NoBundle));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_next_pull_completes_skipped_unless_tmpfs_can_be_mounted() {
    let Some(registry) = Registry::start() else { return };
    let mut world = World::new();
    world.push(&registry.host()).unwrap();
    let disk = world.root.join("disk");
    fs_err::create_dir(&disk).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(arguments).arg(&disk).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !run("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs"]) {
        instep_tests::tools::skip("needs to mount a file system to fill");
        return;
    }
    let out = disk.join("out.bundle");
    let filler = disk.join("filler");
    let from = format!("{}/team/site:1", registry.host());
    world.settings.tries = 1;
    let pull = |tell: &mut dyn FnMut(Event)| {
        let accept = |_: &Utf8Path| Ok(());
        let (environment, cancel) = (world.environment(), CancelToken::new());
        instep_bundle::pull(&from, &out, &world.settings, &environment, accept, tell, &cancel)
    };
    // Full before it begins.
    fs_err::write(&filler, noise(7, 1_600_000)).unwrap();
    let early = pull(&mut |_| {});
    fs_err::remove_file(&filler).unwrap();
    // Full in the middle, by somebody else.
    let late = pull(&mut |event| {
        if matches!(event, Event::Started { .. }) && !filler.exists() {
            fs_err::write(&filler, noise(7, 1_600_000)).unwrap();
        }
    });
    let is_there = out.exists();
    fs_err::remove_file(&filler).unwrap();
    let next = pull(&mut |_| {});
    let found = tree(&out);
    assert!(run("umount", &[]));
    assert!(matches!(carry(early.unwrap_err()), CarryProblem::NoRoom { .. }));
    let Err(error @ Error::Io { .. }) = late else { panic!("{late:?}") };
    assert!(error.hint().unwrap().contains("space"), "{error:?}");
    assert!(!is_there, "half of it is there");
    next.unwrap();
    assert!(found == tree(&world.bundle()));
}
