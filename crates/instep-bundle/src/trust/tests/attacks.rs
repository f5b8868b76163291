//! Without any key: files and metadata are changed by whoever carries the bundle.

use proptest::prelude::*;

use super::*;

/// The faults after something was done to the bundle.
fn after(attack: impl FnOnce(&World)) -> Vec<String> {
    let world = World::signed();
    attack(&world);
    world.faults()
}

/// Whether a fault is about a path: it names it, or the role whose metadata it is.
fn is_about(fault: &str, path: &str) -> bool {
    let role = path.strip_prefix("metadata/").and_then(|name| name.strip_suffix(".json"));
    fault.contains(path) || role.is_some_and(|role| fault.starts_with(role))
}

#[test]
fn every_change_of_every_file_is_found_and_named() {
    let world = World::signed();
    let (paths, before) = (world.paths(), world.contents(&world.bundle()));
    assert_eq!(paths.len(), FILES.len() + 4);
    for path in &paths {
        let place = world.bundle().join(path);
        let good = fs_err::read(&place).unwrap();
        let other = if path == "bundle.json" { "instep.toml" } else { "bundle.json" };
        let flip = |index: usize| {
            let mut bytes = good.clone();
            bytes[index] ^= 1;
            bytes
        };
        let changes = [
            ("first byte", flip(0)),
            ("middle byte", flip(good.len() / 2)),
            ("last byte", flip(good.len() - 1)),
            ("a byte less", good[..good.len() - 1].to_vec()),
            ("a byte more", [&good[..], b"\n"].concat()),
            ("emptied", Vec::new()),
            ("another file", fs_err::read(world.bundle().join(other)).unwrap()),
        ];
        for (what, bytes) in changes {
            fs_err::write(&place, bytes).unwrap();
            let faults = world.faults();
            assert!(
                faults.iter().any(|fault| is_about(fault, path)),
                "{what} of {path}: {faults:?}"
            );
            if !path.starts_with("metadata/") {
                assert_eq!(faults, [format!("{path} is not what was signed")], "{what}");
            }
        }
        fs_err::write(&place, &good).unwrap();
    }
    assert_eq!(world.contents(&world.bundle()), before);
    assert!(world.faults().is_empty());
}

#[test]
fn every_file_that_is_gone_moved_or_joined_by_another_is_named() {
    let world = World::signed();
    for path in world.paths() {
        let place = world.bundle().join(&path);
        let is_metadata = path.starts_with("metadata/");
        let beside = format!("{path}.new");
        fs_err::rename(&place, world.bundle().join(&beside)).unwrap();
        let faults = world.faults();
        if !is_metadata || path.ends_with("root.json") {
            assert_eq!(faults, [format!("{beside} was signed under the name {path}")]);
        } else {
            assert!(faults.contains(&format!("{path} was signed and is missing")), "{faults:?}");
            assert!(faults.contains(&format!("{beside} was not signed")), "{faults:?}");
        }
        let kept = world.folder.join("kept");
        fs_err::rename(world.bundle().join(&beside), &kept).unwrap();
        let faults = world.faults();
        assert_eq!(faults, [format!("{path} was signed and is missing")]);
        fs_err::copy(&kept, &place).unwrap();
        fs_err::copy(&kept, world.bundle().join(&beside)).unwrap();
        assert_eq!(world.faults(), [format!("{beside} was not signed")]);
        fs_err::remove_file(world.bundle().join(&beside)).unwrap();
    }
    assert!(world.faults().is_empty());
}

#[cfg(unix)]
#[test]
fn links_and_what_is_no_file_are_refused_though_they_lead_to_the_right_content() {
    use std::os::unix::fs::symlink;

    let world = World::signed();
    for path in world.paths() {
        let (place, kept) = (world.bundle().join(&path), world.folder.join("kept"));
        fs_err::rename(&place, &kept).unwrap();
        symlink(&kept, &place).unwrap();
        let faults = world.faults();
        assert!(faults.contains(&format!("{path} is a link")), "{faults:?}");
        fs_err::remove_file(&place).unwrap();
        std::process::Command::new("mkfifo").arg(&place).status().unwrap();
        let faults = world.faults();
        assert!(faults.contains(&format!("{path} is neither a file nor a folder")), "{faults:?}");
        fs_err::remove_file(&place).unwrap();
        fs_err::rename(&kept, &place).unwrap();
    }
    let (wheels, kept) = (world.bundle().join("wheels"), world.folder.join("kept"));
    fs_err::rename(&wheels, &kept).unwrap();
    symlink(&kept, &wheels).unwrap();
    assert!(world.faults().contains(&"wheels is a link".to_owned()));
}

#[cfg(unix)]
#[test]
fn names_that_mean_something_else_elsewhere_are_refused() {
    let faults = after(|world| {
        world.write("wheels/a\\b", "");
        world.write("models/A", "");
        world.write("models/a", "");
        world.write("con/x", "");
    });
    let about = |name: &str| faults.iter().filter(|fault| fault.contains(name)).count();
    assert_eq!((about("a\\\\b"), about("one name on some systems"), about("\"con\"")), (1, 1, 1));
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = after(|world| {
        world.write("bundle.json", "{\"format\": 2}\n");
        fs_err::remove_file(world.bundle().join("instep.toml")).unwrap();
        world.write("wheels/more.whl", "more");
        world.write("metadata/2.root.json", "{}");
        world.write("metadata/notes.txt", "");
    });
    assert_eq!(
        faults,
        [
            "version 2 of the root is refused: it cannot be understood: missing field `signed` at line 1 column 2",
            "bundle.json is not what was signed",
            "instep.toml was signed and is missing",
            "metadata/2.root.json was not signed",
            "metadata/notes.txt was not signed",
            "wheels/more.whl was not signed",
        ]
    );
}

#[test]
fn no_byte_of_a_timestamp_can_differ_unseen() {
    let world = World::signed();
    let good = world.metadata("timestamp.json");
    for index in 0..good.len() {
        // The other case of a letter, and the digit beside.
        for bits in [0x20, 1] {
            let mut bytes = good.clone();
            bytes[index] ^= bits;
            world.write("metadata/timestamp.json", &bytes);
            assert!(!world.faults().is_empty(), "byte {index}, {bits}");
        }
    }
}

#[test]
fn metadata_written_in_another_way_is_not_what_was_signed() {
    for name in ["timestamp", "snapshot", "targets"] {
        let faults = after(|world| {
            let path = format!("metadata/{name}.json");
            let value: serde_json::Value =
                serde_json::from_slice(&world.metadata(&format!("{name}.json"))).unwrap();
            world.write(&path, serde_json::to_vec_pretty(&value).unwrap());
        });
        assert_eq!(faults, [format!("metadata/{name}.json is not what was signed")]);
    }
}

#[test]
fn metadata_larger_than_any_real_one_is_not_read() {
    for name in ["timestamp", "snapshot", "targets", "1.root"] {
        let path = format!("metadata/{name}.json");
        let faults = after(|world| {
            let file =
                fs_err::File::options().write(true).open(world.bundle().join(&path)).unwrap();
            file.set_len(100 * 1024 * 1024).unwrap();
        });
        let large = format!("{path} is larger than ");
        assert!(faults.iter().any(|fault| fault.starts_with(&large)), "{faults:?}");
    }
}

#[test]
fn json_that_is_too_deep_or_too_large_a_number_is_not_understood() {
    let deep = ["{\"signed\":", &"[".repeat(200_000)].concat();
    let huge = "{\"signed\":{\"_type\":\"timestamp\",\"spec_version\":\"1.0.0\",\
                \"version\":99999999999999999999999999,\"expires\":\"2030-01-01T00:00:00Z\",\
                \"meta\":{}},\"signatures\":[]}";
    for text in [deep.as_str(), huge, "", "null", "[]", "{}"] {
        for name in ["timestamp", "snapshot", "targets"] {
            let path = format!("metadata/{name}.json");
            let faults = after(|world| world.write(&path, text));
            let start = format!("{path} cannot be understood: ");
            assert!(faults.iter().any(|fault| fault.starts_with(&start)), "{faults:?}");
        }
    }
}

#[test]
fn a_bundle_that_is_no_folder_is_an_error() {
    let world = World::signed();
    let trust = Trust { root: world.root.clone(), seen: None, now: day(0) };
    let nowhere = world.folder.join("nowhere");
    let error = verify(&nowhere, &trust, &mut |_| {}, &CancelToken::new()).unwrap_err();
    assert!(matches!(error, Error::Io { path, .. } if path == nowhere));
}

#[test]
fn a_cancelled_verification_stops_and_remembers_nothing() {
    let world = World::signed();
    let cancel = CancelToken::new();
    cancel.cancel();
    let trust = Trust { root: world.root.clone(), seen: Some(world.seen()), now: day(0) };
    let error = verify(&world.bundle(), &trust, &mut |_| {}, &cancel).unwrap_err();
    assert!(error.is_cancelled());
    assert!(!world.seen().exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_change_of_metadata_is_accepted(
        name in prop::sample::select(vec!["timestamp", "snapshot", "targets", "1.root"]),
        at in any::<prop::sample::Index>(),
        cut in 0_usize..8,
        put in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let world = World::signed();
        let file = format!("{name}.json");
        let good = world.metadata(&file);
        let start = at.index(good.len());
        let end = (start + cut).min(good.len());
        let bytes = [&good[..start], &put, &good[end..]].concat();
        world.write(&format!("metadata/{file}"), &bytes);
        prop_assert_eq!(world.faults().is_empty(), bytes == good);
    }

    #[test]
    fn no_metadata_at_all_makes_it_panic(
        name in prop::sample::select(vec!["timestamp", "snapshot", "targets", "1.root", "2.root"]),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "\\{\"signed\":\\{(\"[a-z_]{1,8}\":([0-9]{1,22}|\"[^\"\\\\]{0,9}\"|\\[\\]|\\{\\}),?){0,6}\\},\"signatures\":\\[\\]\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let world = World::signed();
        world.write(&format!("metadata/{name}.json"), &bytes);
        prop_assert!(!world.faults().is_empty());
    }
}
