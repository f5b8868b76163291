//! Down alone: from a network root that nothing is written to.

use std::time::Duration;

use fs_err as fs;
use instep_mirror::{Error, Mirror, Settings, Side, SyncRequest};

use crate::pair::{DOWN, Pair, UP};

#[test]
fn down_writes_nothing_to_the_network() {
    for is_marked in [false, true] {
        let mut pair = Pair::new();
        pair.settings.trash_age = Duration::from_hours(24);
        for (path, text) in [("a", "1"), ("d/b", "2"), ("d/gone", "3"), ("both", "4")] {
            pair.write(Side::Network, path, text);
        }
        if is_marked {
            pair.sync();
            // Old enough to be thrown away, and a file on its way.
            pair.write(Side::Network, ".instep-mirror/trash/20200101T000000000Z/x", "old");
        }
        let mut before = pair.everything(Side::Network);
        let first = pair.try_sync(DOWN).unwrap();
        assert_eq!(first.copied.local, if is_marked { 0 } else { 5 });
        assert_eq!(pair.everything(Side::Network), before, "marked: {is_marked}");

        pair.write(Side::Network, "a", "changed");
        pair.write(Side::Network, "new/c", "5");
        pair.remove(Side::Network, "d/gone");
        pair.write(Side::Network, "both", "network");
        pair.write(Side::Local, "both", "local!");
        pair.write(Side::Local, "mine", "6");
        before = pair.everything(Side::Network);
        let done = pair.try_sync(DOWN).unwrap();
        assert_eq!(pair.everything(Side::Network), before, "marked: {is_marked}");
        assert_eq!((done.copied.local, done.deleted.local, done.problems.len()), (3, 1, 1));
        assert_eq!(pair.read(Side::Local, "a").as_deref(), Some("changed"));
        assert_eq!(pair.read(Side::Local, "new/c").as_deref(), Some("5"));
        assert_eq!(pair.read(Side::Local, "mine").as_deref(), Some("6"));
        assert!(!pair.at(Side::Local, "d/gone").exists());
        let log = pair.mirror().last_sync().unwrap();
        assert_eq!(log.operation, "incremental_sync");
        // And later both ways, as ever.
        pair.sync();
        pair.assert_equal();
        assert_eq!(pair.read(Side::Network, "mine").as_deref(), Some("6"));
        assert!(pair.at(Side::Network, ".instep-mirror/root.json").exists());
    }
}

#[test]
fn a_root_without_a_mark_that_is_empty_stops_the_run() {
    for count in [1, 40] {
        let pair = Pair::new();
        for number in 0..count {
            pair.write(Side::Network, &format!("f{number}"), "x");
        }
        pair.try_sync(DOWN).unwrap();
        let before = pair.tree(Side::Local);
        let network = pair.root(Side::Network);
        let aside = network.with_file_name("aside");
        fs::rename(&network, &aside).unwrap();
        fs::create_dir(&network).unwrap();
        pair.write(Side::Network, ".DS_Store", "of the mount point");
        pair.write(Side::Local, "mine", "x");
        for request in [DOWN, UP, SyncRequest::default()] {
            let request = SyncRequest { allow_deletes: Some(1000), ..request };
            let error = pair.try_sync(request).unwrap_err();
            assert!(matches!(error, Error::Emptied { .. }), "{request:?}: {error:?}");
            assert!(error.is_disconnected() && error.hint().is_some());
        }
        let error = pair.mirror().observe(&|| false).unwrap_err();
        assert!(matches!(error, Error::Emptied { .. }), "{error:?}");
        assert_eq!(fs::read_dir(&network).unwrap().count(), 1, "nothing is written there");
        pair.remove(Side::Local, "mine");
        assert_eq!(pair.tree(Side::Local), before);
        fs::remove_dir_all(&network).unwrap();
        fs::rename(&aside, &network).unwrap();
        assert_eq!(pair.try_sync(DOWN).unwrap().deleted.local, 0);
        // `init` begins anew.
        fs::rename(&network, &aside).unwrap();
        fs::create_dir(&network).unwrap();
        pair.mirror().init(&mut |_| {}, &|| false).unwrap();
        assert_eq!(pair.tree(Side::Network), before);
    }
}

#[test]
fn a_root_without_a_mark_is_guarded_against_many_deletions_and_known_once_it_has_one() {
    let pair = Pair::new();
    for number in 0..60 {
        pair.write(Side::Network, &format!("f{number}"), "x");
    }
    pair.try_sync(DOWN).unwrap();
    for number in 0..30 {
        pair.remove(Side::Network, &format!("f{number}"));
    }
    let error = pair.try_sync(DOWN).unwrap_err();
    let Error::TooManyDeletes { side: Side::Local, deletes: 30, recorded: 60 } = error else {
        panic!("{error:?}")
    };
    assert_eq!(pair.tree(Side::Local).len(), 60);
    pair.try_sync(SyncRequest { allow_deletes: Some(30), ..DOWN }).unwrap();
    // Another machine marks it.
    let other = pair.root(Side::Local).with_file_name("other");
    let other = Mirror::open(&pair.root(Side::Network), &other, Settings::default()).unwrap();
    other.sync(SyncRequest::default(), &mut |_| {}, &|| false).unwrap();
    pair.try_sync(DOWN).unwrap();
    fs::remove_dir_all(pair.at(Side::Network, ".instep-mirror")).unwrap();
    // Also where the record is lost.
    for _ in 0..2 {
        let error = pair.try_sync(DOWN).unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
        fs::write(pair.at(Side::Local, ".instep-mirror/state"), "damaged").unwrap();
    }
}

#[test]
fn the_clock_of_the_network_is_remembered_by_runs_that_may_try_it() {
    let pair = Pair::new();
    let clock = pair.at(Side::Local, ".instep-mirror/clock");
    pair.write(Side::Network, "a", "1");
    pair.try_sync(DOWN).unwrap();
    assert!(!clock.exists());
    pair.write(Side::Local, "b", "2");
    pair.sync();
    let ahead = || fs::read_to_string(&clock).unwrap().parse::<i64>().unwrap();
    let second = 1_000_000_000;
    assert!(ahead().abs() < 5 * second, "{}", ahead());
    fs::write(&clock, (100 * second).to_string()).unwrap();
    pair.write(Side::Network, "c", "3");
    pair.try_sync(DOWN).unwrap();
    assert_eq!(ahead(), 100 * second);
    pair.write(Side::Local, "d", "4");
    pair.try_sync(UP).unwrap();
    assert!(ahead().abs() < 5 * second, "{}", ahead());
}
