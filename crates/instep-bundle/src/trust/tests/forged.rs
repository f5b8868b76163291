//! With some keys: metadata that was written by hand and signed.

use std::collections::HashMap;

use tough::TargetName;
use tough::schema::key::Key;
use tough::schema::{Root, Target};

use super::*;

fn targets_of(world: &World, keys: &[&str], change: impl FnOnce(&mut Targets)) {
    forge(world, keys, change);
    forge_above(world);
}

const BOTH: [&str; 2] = ["targets", "targets-2"];

#[test]
fn forging_with_all_keys_is_accepted_so_that_these_tests_can_fail() {
    let world = World::signed();
    targets_of(&world, &BOTH, |_| {});
    assert_eq!(world.faults(), [""; 0]);
}

#[test]
fn too_few_signatures_are_counted_and_the_same_key_counts_once() {
    let table: [(&[&str], &[&str]); 5] = [
        (&["targets"], &["targets is signed by 1 of the 2 keys that it needs"]),
        (&["targets-2"], &["targets is signed by 1 of the 2 keys that it needs"]),
        (&["targets", "targets"], &["targets is signed by 1 of the 2 keys that it needs"]),
        // Keys of other roles are known and do not count.
        (&["targets", "snapshot"], &["targets is signed by 1 of the 2 keys that it needs"]),
        (&[], &["targets is signed by none of the keys that the trusted root knows"]),
    ];
    for (keys, faults) in table {
        let world = World::signed();
        targets_of(&world, keys, |_| {});
        assert_eq!(world.faults(), faults, "{keys:?}");
    }
}

#[test]
fn a_signature_too_many_has_to_hold_too() {
    for keys in [&["targets", "targets-2", "root"], &["targets", "targets-2", "targets"]] {
        let world = World::signed();
        targets_of(&world, keys, |_| {});
        let faults = world.faults();
        let start = "targets has a signature that does not hold, as if by the key ";
        assert!(faults.len() == 1 && faults[0].starts_with(start), "{faults:?}");
    }
}

#[test]
fn a_stolen_timestamp_key_vouches_for_nothing_else() {
    let world = World::signed();
    world.write("wheels/demo-1.0-py3-none-any.whl", "an evil wheel\n");
    let evil = Digest::of(b"an evil wheel\n");
    let name = TargetName::new("wheels/demo-1.0-py3-none-any.whl").unwrap();
    forge(&world, &["timestamp"], |it: &mut Targets| {
        let target = it.targets.get_mut(&name).unwrap();
        (target.length, target.hashes) = (14, sign::hashes(evil));
    });
    let targets = world.metadata("targets.json");
    forge(&world, &["timestamp"], |it: &mut Snapshot| {
        let version = it.version;
        it.meta.insert("targets.json".to_owned(), sign::meta(version, &targets));
    });
    forge_timestamp(&world);
    assert_eq!(
        world.faults(),
        [
            "targets is signed by 0 of the 2 keys that it needs",
            "snapshot is signed by 0 of the 1 keys that it needs",
        ]
    );
}

#[test]
fn a_bundle_of_another_root_is_told_as_that() {
    let (ours, theirs) = (World::signed(), World::empty());
    theirs.ensure_root(day(0)).unwrap();
    theirs.sign(day(0)).unwrap();
    let trust = Trust { root: ours.root.clone(), seen: None, now: day(1) };
    let result = verify(&theirs.bundle(), &trust, &mut |_| {}, &CancelToken::new());
    let none = |role| format!("{role} is signed by none of the keys that the trusted root knows");
    assert_eq!(texts(result), [none("targets"), none("snapshot"), none("timestamp")]);
}

#[test]
fn names_in_signed_metadata_do_not_lead_out_of_the_bundle() {
    for name in ["../evil", "/etc/passwd", "a/../../evil", "C:/evil", "x\\y", "a//b", "./a"] {
        let world = World::signed();
        targets_of(&world, &BOTH, |it| {
            let hashes = sign::hashes(Digest::of(b"evil"));
            let target =
                Target { length: 4, hashes, custom: HashMap::new(), _extra: HashMap::new() };
            it.targets.insert(TargetName::new(name).unwrap(), target);
        });
        let start = format!("the name {name:?} ");
        let faults = world.faults();
        assert!(faults.len() == 1 && faults[0].starts_with(&start), "{faults:?}");
    }
}

#[test]
fn a_digest_of_another_length_is_no_digest() {
    let world = World::signed();
    targets_of(&world, &BOTH, |it| {
        let target = it.targets.values_mut().next().unwrap();
        target.hashes.sha256 = vec![0; 16].into();
    });
    assert!(!world.faults().is_empty());
}

#[test]
fn delegations_and_newer_specifications_are_not_followed() {
    let world = World::signed();
    targets_of(&world, &BOTH, |it| it.spec_version = "2.0.0".to_owned());
    assert_eq!(world.faults(), ["targets is written to version 2.0.0 of the TUF specification"]);
    targets_of(&world, &BOTH, |it| it.spec_version = "1.99.7".to_owned());
    assert_eq!(world.faults(), [""; 0]);
    forge(&world, &["timestamp"], |it: &mut TimestampRole| it.spec_version = "2.0".to_owned());
    assert_eq!(world.faults(), ["timestamp is written to version 2.0 of the TUF specification"]);

    let world = World::signed();
    let delegations = serde_json::json!({
        "keys": {},
        "roles": [{"name": "more", "keyids": [], "threshold": 1, "paths": ["*"], "terminating": false}],
    });
    targets_of(&world, &BOTH, |it| {
        it.delegations = Some(serde_json::from_value(delegations).unwrap());
    });
    let reason = "metadata/targets.json cannot be understood: it delegates to other roles";
    assert_eq!(world.faults(), [reason]);
}

#[test]
fn what_a_timestamp_leaves_out_is_refused() {
    let world = World::signed();
    forge(&world, &["timestamp"], |it: &mut TimestampRole| {
        it.meta.get_mut("snapshot.json").unwrap().hashes = None;
    });
    assert_eq!(world.faults(), ["metadata/snapshot.json is not what was signed"]);
    forge(&world, &["timestamp"], |it: &mut TimestampRole| it.meta.clear());
    let faults = world.faults();
    assert!(faults.len() == 1 && faults[0].starts_with("the metadata is refused: "), "{faults:?}");
}

#[test]
fn the_highest_version_is_accepted_and_none_comes_after_it() {
    let world = World::signed();
    let highest = NonZeroU64::MAX;
    targets_of(&world, &BOTH, |it| it.version = highest);
    forge(&world, &["snapshot"], |it: &mut Snapshot| it.version = highest);
    forge_timestamp(&world);
    assert_eq!(world.verify_at(day(1), true).unwrap().version, u64::MAX);
    let error = world.sign(day(1)).unwrap_err();
    assert!(matches!(error, Error::Trust(TrustProblem::Versions { version: u64::MAX })));
}

#[test]
fn one_key_under_two_names_does_not_make_two_signers() {
    let world = World::signed();
    let mut root: Signed<Root> = serde_json::from_slice(&world.root).unwrap();
    let role = TopRole::Targets.tuf();
    let id = root.signed.roles[&role].keyids[0].clone();
    let mut twin = root.signed.keys[&id].clone();
    let Key::Ed25519 { _extra: extra, .. } = &mut twin else { panic!("{twin:?}") };
    extra.insert("note".to_owned(), "the same".into());
    let other = twin.key_id().unwrap();
    root.signed.keys.insert(other.clone(), twin);
    root.signed.roles.get_mut(&role).unwrap().keyids = vec![id, other];
    let bytes = forge_signed(&world, &["root"], root.signed);
    let problem = follow::first(&bytes).unwrap_err();
    assert_eq!(problem, RootProblem::SameKey { role: TopRole::Targets });
}
