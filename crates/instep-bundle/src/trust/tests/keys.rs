//! Key files, passwords, settings, and what is refused before anything is signed.

use secrecy::ExposeSecret as _;

use super::*;

#[test]
fn a_root_is_made_once_and_says_which_keys_were_made() {
    let world = World::empty();
    let root = world.ensure_root(day(0)).unwrap();
    let made: Vec<_> = root.made.iter().map(Role::as_str).collect();
    assert_eq!(made, ["root", "targets", "snapshot", "timestamp"]);
    assert_eq!((root.version, root.expires), (1, day(365)));
    let before = world.contents(&world.settings.folder);
    let again = world.ensure_root(day(100)).unwrap();
    assert_eq!(again, TrustRoot { made: Vec::new(), ..root });
    assert_eq!(world.contents(&world.settings.folder), before);
}

#[test]
fn keys_that_are_there_are_taken_into_the_first_root() {
    let world = World::empty();
    let mut keys = Keys::new(&world.settings.folder);
    keys.make(&role("targets"), &mut password).unwrap();
    let made = world.ensure_root(day(0)).unwrap().made;
    let made: Vec<_> = made.iter().map(Role::as_str).collect();
    assert_eq!(made, ["root", "snapshot", "timestamp"]);
    assert!(keys.make(&role("targets"), &mut password).is_err(), "none is overwritten");
}

#[cfg(unix)]
#[test]
fn key_files_are_encrypted_for_their_owner_alone_and_out_of_reach_of_git() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::signed();
    for name in ["root", "targets", "targets-2", "snapshot", "timestamp"] {
        let path = key::path(&world.settings.folder, &role(name));
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{name}");
        let world = World::empty();
        Keys::new(&world.settings.folder).make(&role(name), &mut password).unwrap();
        let path = key::path(&world.settings.folder, &role(name));
        assert_eq!(fs_err::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let ignored = fs_err::read_to_string(world.settings.folder.join("keys/.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "*"));
}

#[test]
fn a_key_that_cannot_be_used_says_why_and_shows_no_password() {
    let world = World::signed();
    let path = key::path(&world.settings.folder, &role("snapshot"));
    let good = fs_err::read_to_string(&path).unwrap();
    let plain = "-----BEGIN PRIVATE KEY-----\n\
                 MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                 -----END PRIVATE KEY-----\n";
    let label = "PRIVATE KEY".to_owned();
    let table = [
        (plain.to_owned(), KeyProblem::NotEncrypted { label }),
        (String::new(), KeyProblem::Pem),
        ("no key".to_owned(), KeyProblem::Pem),
        (good.replace('M', "!"), KeyProblem::Pem),
        ("x".repeat(100_000), KeyProblem::Pem),
    ];
    for (text, expected) in table {
        fs_err::write(&path, text).unwrap();
        let error = world.sign(day(1)).unwrap_err();
        assert!(error.hint().is_none_or(|hint| !hint.is_empty()));
        let Error::Trust(TrustProblem::Key { path: named, problem }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((named, problem), (path.clone(), expected));
    }
    fs_err::write(&path, good).unwrap();
    let mut wrong = |_: &Role| Ok(SecretString::from("sesame"));
    let request = SignRequest {
        bundle: &world.bundle(),
        settings: &world.settings,
        previous: None,
        now: day(1),
    };
    let error = sign(&request, &mut wrong, &mut |_| {}, &CancelToken::new()).unwrap_err();
    assert!(error.to_string().ends_with("it is not opened by this password"));
    assert!(!format!("{error:?}{error}").contains("sesame"));
    let error =
        sign(&request, &mut |_| Ok(SecretString::from("")), &mut |_| {}, &CancelToken::new());
    assert!(matches!(error.unwrap_err(), Error::Trust(TrustProblem::EmptyPassword { .. })));
}

#[test]
fn neither_a_key_nor_its_password_is_in_any_event_or_debug_text() {
    let mut world = World::empty();
    world.settings.targets.keys = vec![role("correct-horse")];
    let mut heard = Vec::new();
    let mut tell = |event| heard.push(event);
    let cancel = CancelToken::new();
    let root = ensure_root(&world.settings, &mut password, day(0), &mut tell, &cancel).unwrap();
    let request = SignRequest {
        bundle: &world.bundle(),
        settings: &world.settings,
        previous: None,
        now: day(1),
    };
    let signed = sign(&request, &mut password, &mut tell, &cancel).unwrap();
    let opened =
        Keys::new(&world.settings.folder).open(&role("correct-horse"), &mut password).unwrap();
    let all = format!("{heard:?}{root:?}{signed:?}{request:?}{opened:?}");
    let secret = password(&role("correct-horse")).unwrap();
    assert!(all.contains("correct-horse") && !all.contains(secret.expose_secret()));
}

#[test]
fn settings_that_make_no_root_are_refused() {
    let table: [(&[&str], u64, &str); 3] = [
        (&[], 1, "the role snapshot needs 1 signatures, and there are 0 keys for it"),
        (&["a", "b"], 3, "the role snapshot needs 3 signatures, and there are 2 keys for it"),
        (&["a", "b", "a"], 1, "the key `a` is named twice for the role snapshot"),
    ];
    for (keys, threshold, message) in table {
        let mut world = World::empty();
        world.settings.snapshot.keys = keys.iter().map(|name| role(name)).collect();
        world.settings.snapshot.threshold = NonZeroU64::new(threshold).unwrap();
        assert_eq!(world.ensure_root(day(0)).unwrap_err().to_string(), message);
        assert!(!world.settings.folder.join("root.json").exists());
    }
    let mut world = World::empty();
    let mut same = |_: &Role| Ok(SecretString::from("same"));
    Keys::new(&world.settings.folder).make(&role("a"), &mut same).unwrap();
    fs_err::copy(
        key::path(&world.settings.folder, &role("a")),
        key::path(&world.settings.folder, &role("b")),
    )
    .unwrap();
    world.settings.targets.keys = vec![role("a"), role("b")];
    let result = ensure_root(&world.settings, &mut same, day(0), &mut |_| {}, &CancelToken::new());
    let message = "`a` and `b` are the same key, and both are for the role targets";
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[test]
fn signing_needs_a_root_that_is_good_and_keys_that_it_knows() {
    let world = World::empty();
    assert!(matches!(world.sign(day(0)).unwrap_err(), Error::Trust(TrustProblem::NoRoot { .. })));

    let mut world = World::signed();
    let before = world.contents(&world.bundle());
    let error = world.sign(day(365)).unwrap_err();
    assert!(matches!(error, Error::Trust(TrustProblem::RootExpired { .. })), "{error:?}");

    fs_err::remove_file(key::path(&world.settings.folder, &role("targets-2"))).unwrap();
    let message = "the role targets needs 2 signatures, and there are 1 keys for it";
    assert_eq!(world.sign(day(1)).unwrap_err().to_string(), message);

    world.settings.targets.keys = vec![role("targets"), role("timestamp")];
    let message = "the key `timestamp` is not one that the root knows for the role targets";
    assert_eq!(world.sign(day(1)).unwrap_err().to_string(), message);
    assert_eq!(world.contents(&world.bundle()), before);
}

#[test]
fn keys_beyond_the_threshold_and_those_of_the_root_may_be_elsewhere() {
    let mut world = World::empty();
    world.settings.targets.keys = vec![role("a"), role("b"), role("c")];
    world.settings.targets.threshold = NonZeroU64::new(2).unwrap();
    world.root = world.ensure_root(day(0)).unwrap().bytes;
    for elsewhere in ["b", "root"] {
        fs_err::remove_file(key::path(&world.settings.folder, &role(elsewhere))).unwrap();
    }
    assert_eq!(world.ensure_root(day(0)).unwrap().made, [], "a root that is there needs no keys");
    world.sign(day(0)).unwrap();
    assert_eq!(world.verify_at(day(1), false).unwrap().signed_by[&TopRole::Targets].len(), 2);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_signed_is_named_and_nothing_is_written() {
    let world = World::signed();
    let before = world.metadata("timestamp.json");
    std::os::unix::fs::symlink("bundle.json", world.bundle().join("link")).unwrap();
    world.write("models/other/x", "");
    let error = world.sign(day(1)).unwrap_err();
    let Error::Trust(TrustProblem::Unsignable { faults, .. }) = error else { panic!("{error:?}") };
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), ["link is a link"]);
    world.write("models/Größe/x", "");
    fs_err::remove_file(world.bundle().join("link")).unwrap();
    let error = world.sign(day(1)).unwrap_err();
    assert!(error.to_string().ends_with("are one name on some systems"), "{error}");
    assert_eq!(world.metadata("timestamp.json"), before);
}

#[test]
fn signing_again_replaces_all_that_was_in_the_metadata() {
    let world = World::signed();
    world.write("metadata/7.root.json", "old");
    world.write("metadata/folder/file", "old");
    let signed = world.sign(day(1)).unwrap();
    let bytes: usize = FILES.iter().map(|(_, text)| text.len()).sum();
    let root = world.root.len();
    assert_eq!((signed.files, signed.bytes), (7, u64::try_from(bytes + root).unwrap()));
    assert_eq!((signed.root_version, signed.expires), (1, (day(91), TopRole::Timestamp)));
    assert_eq!(texts(world.verify_at(day(2), false)), [""; 0]);
}
