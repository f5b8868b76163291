//! Roots that follow each other.

use tough::schema::Root;

use super::*;

/// A bundle of version 1 of the root, and one that was signed after the root was renewed with other keys for all roles.
fn renewed() -> (World, World) {
    let old = World::signed();
    let mut new = old.copy();
    new.settings.root.keys = vec![role("root-2")];
    new.settings.targets =
        RoleSettings { keys: vec![role("targets-3")], ..RoleSettings::of(TopRole::Targets) };
    new.settings.timestamp.keys = vec![role("timestamp-2")];
    let root = new.renew_root(&["root"], day(5)).unwrap();
    let made: Vec<_> = root.made.iter().map(Role::as_str).collect();
    assert_eq!((root.version, made), (2, vec!["root-2", "targets-3", "timestamp-2"]));
    new.sign(day(5)).unwrap();
    (old, new)
}

#[test]
fn a_site_with_the_old_root_follows_to_the_new_one() {
    let (old, mut new) = renewed();
    assert_eq!(new.root, old.root);
    let verified = new.verify_at(day(6), true).unwrap();
    assert_eq!((verified.root_version, verified.expires.0), (2, day(5 + 90)));
    assert!(new.seen().join("2.root.json").is_file());
    new.root = fs_err::read(new.settings.folder.join("root.json")).unwrap();
    assert_eq!(new.verify_at(day(6), true).unwrap().root_version, 2, "and one with the new one");
    // The key of the root did not change hands: what was signed for the first version is not signed for the second.
    let trust = Trust { root: new.root.clone(), seen: None, now: day(6) };
    let result = verify(&old.bundle(), &trust, &mut |_| {}, &CancelToken::new());
    assert!(!texts(result).is_empty());
}

#[test]
fn keys_that_a_newer_root_revoked_are_worth_nothing_to_a_site_that_has_seen_it() {
    let (old, new) = renewed();
    new.verify_at(day(6), true).unwrap();
    // Whoever stole the old keys signs a newer bundle with the old root, which is all that it has.
    let stolen = old.copy();
    stolen.sign(day(7)).unwrap();
    assert!(stolen.verify_at(day(7), false).is_ok(), "a site that has seen nothing cannot know");
    copy_tree(&new.seen(), &stolen.seen());
    let faults = texts(stolen.verify_at(day(7), true));
    let none = |role| format!("{role} is signed by none of the keys that the trusted root knows");
    assert_eq!(faults, [none("targets"), none("timestamp")]);
}

#[test]
fn versions_that_a_stolen_key_wrote_are_forgotten_with_the_key() {
    let mut world = World::signed();
    let good = world.copy();
    forge(&world, &["timestamp"], |it: &mut TimestampRole| it.version = NonZeroU64::MAX);
    world.verify_at(day(1), true).unwrap();
    copy_tree(&world.seen(), &good.seen());
    good.sign(day(2)).unwrap();
    let faults = texts(good.verify_at(day(3), true));
    assert!(faults.len() == 1 && faults[0].starts_with("timestamp is of version "), "{faults:?}");

    world.settings = TrustSettings { folder: good.settings.folder.clone(), ..world.settings };
    world.settings.timestamp.keys = vec![role("timestamp-2")];
    let good = World { settings: world.settings.clone(), ..good };
    good.renew_root(&[], day(3)).unwrap();
    good.sign(day(3)).unwrap();
    let verified = good.verify_at(day(4), true).unwrap();
    assert_eq!(
        (verified.root_version, verified.version),
        (2, u64::try_from(day(3).as_second()).unwrap())
    );
}

#[test]
fn a_new_root_needs_the_signatures_of_the_old_one_and_of_its_own_keys() {
    let (_, new) = renewed();
    let good = new.metadata("2.root.json");
    let root: Signed<Root> = serde_json::from_slice(&good).unwrap();
    let table: [(&[&str], &str); 4] = [
        (&["root", "root-2"], ""),
        (
            &["root-2"],
            "version 2 of the root is refused: it is signed by 0 of the 1 keys of the root before that it needs",
        ),
        (
            &["root"],
            "version 2 of the root is refused: it is signed by 0 of the 1 keys of its own that it needs",
        ),
        (
            &["targets", "timestamp"],
            "version 2 of the root is refused: it is signed by 0 of the 1 keys of its own that it needs",
        ),
    ];
    for (keys, fault) in table {
        let bytes = forge_signed(&new, keys, root.signed.clone());
        new.write("metadata/2.root.json", &bytes);
        let faults = texts(new.verify_at(day(6), false));
        assert_eq!(faults.first().map_or("", String::as_str), fault, "{keys:?}");
    }
}

#[test]
fn a_root_does_not_skip_a_version_or_say_another_one_than_its_name() {
    let (_, new) = renewed();
    let root: Signed<Root> = serde_json::from_slice(&new.metadata("2.root.json")).unwrap();
    for version in [1, 3, u64::MAX] {
        let mut root = root.signed.clone();
        root.version = NonZeroU64::new(version).unwrap();
        new.write("metadata/2.root.json", forge_signed(&new, &["root", "root-2"], root));
        let fault =
            format!("version 2 of the root is refused: it says that it is version {version}");
        assert!(texts(new.verify_at(day(6), false)).contains(&fault));
    }
}

#[test]
fn a_root_that_is_gone_from_the_middle_is_missed() {
    let (_, new) = renewed();
    for version in [1, 2] {
        let world = new.copy();
        let name = format!("metadata/{version}.root.json");
        fs_err::remove_file(world.bundle().join(&name)).unwrap();
        let mut site = world.copy();
        site.root = fs_err::read(site.settings.folder.join("root.json")).unwrap();
        assert_eq!(
            texts(site.verify_at(day(6), false)),
            [format!("{name} was signed and is missing")]
        );
        if version == 2 {
            assert!(!texts(world.verify_at(day(6), false)).is_empty());
        }
    }
}

#[test]
fn what_is_remembered_of_another_root_is_not_mixed_with_this_one() {
    let ours = World::signed();
    let mut theirs = World::empty();
    theirs.root = theirs.ensure_root(day(0)).unwrap().bytes;
    theirs.sign(day(0)).unwrap();
    theirs.renew_root(&[], day(1)).unwrap();
    theirs.sign(day(1)).unwrap();
    theirs.verify_at(day(2), true).unwrap();
    copy_tree(&theirs.seen(), &ours.seen());
    for removed in [None, Some("1.root.json")] {
        if let Some(name) = removed {
            fs_err::remove_file(ours.seen().join(name)).unwrap();
        }
        let error = ours.verify_at(day(2), true).unwrap_err();
        assert!(matches!(&error, Error::Trust(TrustProblem::OtherRoot { .. })), "{error:?}");
    }
}

#[test]
fn renewing_needs_enough_keys_of_the_old_root_and_changes_nothing_without() {
    let mut world = World::signed();
    let before = world.contents(&world.settings.folder);
    world.settings.root.keys = vec![role("root-2")];
    let error = world.renew_root(&[], day(1)).unwrap_err();
    assert!(matches!(error, Error::Trust(TrustProblem::OldKeys { valid: 0, needed: 1 })));
    assert_eq!(world.contents(&world.settings.folder), before);
    assert!(!key::path(&world.settings.folder, &role("root-2")).exists());
    let error = World::empty().renew_root(&[], day(1)).unwrap_err();
    assert!(matches!(error, Error::Trust(TrustProblem::NoRoot { .. })));
}

#[test]
fn a_root_can_be_renewed_for_another_year_by_the_same_keys() {
    let world = World::signed();
    for version in 2..5 {
        let root = world.renew_root(&[], day(300 * (i64::try_from(version).unwrap() - 1))).unwrap();
        assert_eq!((root.version, root.made), (version, Vec::new()));
    }
    world.sign(day(900)).unwrap();
    let verified = world.verify_at(day(901), true).unwrap();
    assert_eq!(verified.root_version, 4);
    let seen: Vec<_> = world.contents(&world.seen()).into_keys().collect();
    assert_eq!(
        seen,
        [
            "1.root.json",
            "2.root.json",
            "3.root.json",
            "4.root.json",
            "snapshot.json",
            "time",
            "timestamp.json"
        ]
    );
}

#[test]
fn a_root_that_cannot_be_trusted_is_told_before_anything_is_read() {
    let world = World::signed();
    let mut root: Signed<Root> = serde_json::from_slice(&world.root).unwrap();
    root.signatures.clear();
    let unsigned = canonical::bytes(&root).unwrap();
    root.signed.consistent_snapshot = true;
    let consistent = forge_signed(&world, &["root"], root.signed.clone());
    root.signed.consistent_snapshot = false;
    root.signed.spec_version = "2.0.0".to_owned();
    let newer = forge_signed(&world, &["root"], root.signed.clone());
    root.signed.spec_version = "1.0.0".to_owned();
    root.signed.roles.remove(&TopRole::Snapshot.tuf());
    let without = forge_signed(&world, &["root"], root.signed);
    let table = [
        (unsigned, RootProblem::Own { valid: 0, needed: 1 }),
        (consistent, RootProblem::ConsistentSnapshot),
        (newer, RootProblem::NewerSpec { version: "2.0.0".to_owned() }),
        (without, RootProblem::Keys { role: TopRole::Snapshot }),
    ];
    for (root, expected) in table {
        let trust = Trust { root, seen: None, now: day(1) };
        let error = verify(&world.bundle(), &trust, &mut |_| {}, &CancelToken::new()).unwrap_err();
        let Error::Trust(TrustProblem::TrustedRoot { problem }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(problem, expected);
    }
}

#[test]
fn a_key_of_the_old_root_that_has_two_files_signs_once() {
    let mut world = World::empty();
    world.settings.root.keys = vec![role("a"), role("b")];
    world.settings.root.threshold = NonZeroU64::new(2).unwrap();
    let mut same = |_: &Role| Ok(SecretString::from("same"));
    let cancel = CancelToken::new();
    ensure_root(&world.settings, &mut same, day(0), &mut |_| {}, &cancel).unwrap();
    let path = |name| key::path(&world.settings.folder, &role(name));
    fs_err::rename(path("a"), path("c")).unwrap();
    fs_err::copy(path("c"), path("b")).unwrap();
    let before = [role("b"), role("c"), role("b")];
    world.settings.root.keys = vec![role("new"), role("newer")];
    let renewed = renew_root(&world.settings, &before, &mut same, day(1), &mut |_| {}, &cancel);
    let error = renewed.unwrap_err();
    assert!(matches!(error, Error::Trust(TrustProblem::OldKeys { valid: 1, needed: 2 })));
}
