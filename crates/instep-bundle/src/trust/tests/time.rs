//! What is old: expired, rolled back, frozen, mixed.

use super::*;

/// A bundle of day 0, and one with another wheel of day 10, signed by the same keys.
fn two() -> (World, World) {
    let old = World::signed();
    let new = old.copy();
    new.write("wheels/demo-1.0-py3-none-any.whl", "a newer wheel\n");
    new.sign(day(10)).unwrap();
    (old, new)
}

#[test]
fn each_role_expires_on_its_day() {
    let world = World::signed();
    let second = SignedDuration::from_secs(1);
    let table: [(i64, &[TopRole]); 3] = [
        (90, &[TopRole::Timestamp]),
        (180, &[TopRole::Targets, TopRole::Snapshot, TopRole::Timestamp]),
        (365, &TopRole::ALL),
    ];
    assert_eq!(texts(world.verify_at(day(90) - second, false)), [""; 0]);
    for (days, roles) in table {
        let Err(Error::Refused { faults, .. }) = world.verify_at(day(days), false) else {
            panic!("{days}")
        };
        let expired: Vec<_> = faults
            .iter()
            .map(|fault| match fault {
                Fault::Expired { role, since } => (*role, *since),
                other => panic!("{other}"),
            })
            .collect();
        let days = |role: &TopRole| (*role, day(i64::from(RoleSettings::of(*role).days)));
        assert_eq!(expired, roles.iter().map(days).collect::<Vec<_>>());
    }
}

#[test]
fn an_older_bundle_is_refused_where_a_newer_one_was_accepted() {
    let (old, new) = two();
    assert!(old.verify_at(day(11), true).is_ok());
    assert!(old.verify_at(day(11), true).is_ok(), "the same one again");
    copy_tree(&old.seen(), &new.seen());
    assert!(new.verify_at(day(11), true).is_ok());
    let remembered = new.contents(&new.seen());

    let old_again = old.copy();
    fs_err::remove_dir_all(old_again.seen()).unwrap();
    copy_tree(&new.seen(), &old_again.seen());
    let (found, seen) = (day(0).as_second(), day(10).as_second());
    let faults = texts(old_again.verify_at(day(12), true));
    let line =
        |role| format!("{role} is of version {found}, and version {seen} was accepted here before");
    assert_eq!(faults, [line("targets"), line("snapshot"), line("timestamp")]);
    assert_eq!(old_again.contents(&old_again.seen()), remembered);
    assert!(old_again.verify_at(day(12), false).is_ok(), "nothing is remembered");
}

#[test]
fn what_is_refused_is_not_remembered() {
    let (old, new) = two();
    old.verify_at(day(11), true).unwrap();
    let remembered = old.contents(&old.seen());
    copy_tree(&old.seen(), &new.seen());
    new.write("bundle.json", "{}");
    assert_eq!(texts(new.verify_at(day(12), true)), ["bundle.json is not what was signed"]);
    assert_eq!(new.contents(&new.seen()), remembered);
    assert!(old.verify_at(day(12), true).is_ok());
}

#[test]
fn metadata_of_two_versions_does_not_fit_together() {
    let (old, new) = two();
    let (found, wanted) = (day(0).as_second(), day(10).as_second());
    let mixed = |name: &str, found: i64, wanted: i64| {
        format!(
            "metadata/{name}.json is of version {found}, and the rest was signed with version {wanted}"
        )
    };
    let table: [(&[&str], Vec<String>); 5] = [
        (&["timestamp.json"], vec![mixed("snapshot", wanted, found)]),
        (
            &["snapshot.json"],
            vec![mixed("snapshot", found, wanted), mixed("targets", wanted, found)],
        ),
        (&["timestamp.json", "snapshot.json"], vec![mixed("targets", wanted, found)]),
        (
            &["targets.json"],
            vec![
                mixed("targets", found, wanted),
                "wheels/demo-1.0-py3-none-any.whl is not what was signed".to_owned(),
            ],
        ),
        (
            &["timestamp.json", "snapshot.json", "targets.json"],
            vec!["wheels/demo-1.0-py3-none-any.whl is not what was signed".to_owned()],
        ),
    ];
    for (names, faults) in table {
        let world = new.copy();
        world.take(&old, names);
        assert_eq!(texts(world.verify_at(day(11), false)), faults, "{names:?}");
    }
}

#[test]
fn a_clock_that_went_back_is_told() {
    let world = World::signed();
    world.verify_at(day(5), true).unwrap();
    let faults = texts(world.verify_at(day(4), true));
    assert_eq!(faults, [format!("the clock says {}, and it was {} before", day(4), day(5))]);
    assert!(world.verify_at(day(5), true).is_ok());
}

#[test]
fn what_is_remembered_and_damaged_is_not_forgotten() {
    for name in ["timestamp.json", "snapshot.json", "time"] {
        let world = World::signed();
        world.verify_at(day(1), true).unwrap();
        fs_err::write(world.seen().join(name), "{").unwrap();
        let error = world.verify_at(day(2), true).unwrap_err();
        let Error::Trust(TrustProblem::Memory { path }) = error else { panic!("{error:?}") };
        assert_eq!(path, world.seen().join(name));
    }
}

#[test]
fn versions_rise_also_where_the_clock_of_who_signs_does_not() {
    let world = World::signed();
    let first = u64::try_from(day(0).as_second()).unwrap();
    assert_eq!(world.sign(day(0)).unwrap().version, first + 1);
    assert_eq!(world.sign(day(-400)).unwrap().version, first + 2);
    assert_eq!(world.sign(day(1)).unwrap().version, first + 24 * 3600);

    let next = world.copy();
    fs_err::remove_dir_all(next.bundle().join("metadata")).unwrap();
    let (bundle, previous) = (next.bundle(), world.bundle());
    let request =
        |previous| SignRequest { bundle: &bundle, settings: &next.settings, previous, now: day(0) };
    let cancel = CancelToken::new();
    let sign = |previous| sign(&request(previous), &mut password, &mut |_| {}, &cancel).unwrap();
    assert_eq!(sign(Some(previous.as_path())).version, first + 24 * 3600 + 1);
    fs_err::remove_dir_all(next.bundle().join("metadata")).unwrap();
    assert_eq!(sign(None).version, first);
}

#[test]
fn two_verifications_at_once_remember_the_newer_one() {
    let (old, new) = two();
    for _ in 0..4 {
        let seen = new.folder.join("shared");
        let both = std::thread::scope(|scope| {
            let threads = [&old, &new, &old, &new].map(|world| {
                let trust =
                    Trust { root: world.root.clone(), seen: Some(seen.clone()), now: day(11) };
                scope.spawn(move || {
                    verify(&world.bundle(), &trust, &mut |_| {}, &CancelToken::new()).is_ok()
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(both[1] && both[3], "the newer one is accepted whatever comes first");
        assert_eq!(
            fs_err::read(seen.join("timestamp.json")).unwrap(),
            new.metadata("timestamp.json")
        );
        fs_err::remove_dir_all(seen).unwrap();
    }
}
