//! The roots: what is taken for one, and how it is known again.

use fs_err as fs;
use instep_mirror::{Error, Event, Side, SyncRequest};

use crate::pair::Pair;

#[cfg(unix)]
#[test]
fn roots_may_be_links() {
    let pair = Pair::new();
    for side in Side::BOTH {
        let behind = pair.root(side).with_extension("behind");
        fs::rename(pair.root(side), &behind).unwrap();
        std::os::unix::fs::symlink(&behind, pair.root(side)).unwrap();
    }
    pair.write(Side::Network, "d/a", "1");
    pair.write(Side::Local, "b", "2");
    pair.sync();
    pair.assert_equal();
    assert_eq!(pair.read(Side::Local, "d/a").as_deref(), Some("1"));
}

/// Puts an empty folder where a root was, and says where the root is now.
fn take_away(pair: &Pair) -> camino::Utf8PathBuf {
    let network = pair.root(Side::Network);
    let aside = network.with_file_name("aside");
    fs::rename(&network, &aside).unwrap();
    fs::create_dir(&network).unwrap();
    aside
}

#[test]
fn without_a_record_too_an_empty_mount_point_is_not_the_root() {
    for is_damaged in [false, true] {
        let pair = Pair::new();
        pair.write(Side::Network, "a", "1");
        pair.sync();
        let state = pair.at(Side::Local, ".instep-mirror/state");
        if is_damaged {
            fs::write(&state, "damaged").unwrap();
        } else {
            fs::remove_file(&state).unwrap();
        }
        take_away(&pair);
        let error = pair.try_sync(SyncRequest::default()).unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
        assert_eq!(fs::read_dir(pair.root(Side::Network)).unwrap().count(), 0);
        assert_eq!(pair.read(Side::Local, "a").as_deref(), Some("1"));
        // Who says so takes it.
        pair.mirror().init(&mut |_| {}, &|| false).unwrap();
        pair.assert_equal();
        assert_eq!(pair.read(Side::Network, "a").as_deref(), Some("1"));
    }
}

#[test]
fn what_is_no_mark_is_not_overwritten() {
    let pair = Pair::new();
    let mark = pair.at(Side::Network, ".instep-mirror/root.json");
    pair.write(Side::Network, ".instep-mirror/root.json", "somebody's own");
    for request in [SyncRequest::default(), crate::pair::DOWN] {
        let error = pair.try_sync(request).unwrap_err();
        assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    }
    assert_eq!(fs::read_to_string(&mark).unwrap(), "somebody's own");
    fs::remove_file(&mark).unwrap();
    fs::create_dir(&mark).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    assert!(mark.is_dir());
}

#[cfg(unix)]
#[test]
fn neither_a_mark_nor_our_own_folder_is_reached_through_a_link() {
    use std::os::unix::fs::symlink;

    for (side, link) in [
        (Side::Network, ".instep-mirror"),
        (Side::Network, ".instep-mirror/trash"),
        (Side::Network, ".instep-mirror/root.json"),
        (Side::Local, ".instep-mirror"),
        (Side::Local, ".instep-mirror/trash"),
    ] {
        let pair = Pair::new();
        pair.write(Side::Network, "a", "1");
        let elsewhere = pair.root(Side::Network).with_file_name("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::create_dir_all(pair.at(side, link).parent().unwrap()).unwrap();
        symlink(&elsewhere, pair.at(side, link)).unwrap();
        let error = pair.try_sync(SyncRequest::default()).unwrap_err();
        let is_told = matches!(error, Error::Write { .. } | Error::Replaced { .. });
        assert!(is_told, "{side} {link}: {error:?}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{side} {link}");
        assert!(pair.at(side, link).is_symlink());
    }
}

#[cfg(unix)]
#[test]
fn our_own_folder_is_as_open_to_others_as_its_root() {
    use std::os::unix::fs::PermissionsExt as _;

    for mode in [0o700, 0o750, 0o777] {
        let pair = Pair::new();
        let permissions = std::fs::Permissions::from_mode(mode);
        fs::set_permissions(pair.root(Side::Network), permissions).unwrap();
        pair.write(Side::Network, "a", "1");
        pair.sync();
        for folder in [".instep-mirror", ".instep-mirror/trash"] {
            let found = fs::metadata(pair.at(Side::Network, folder)).unwrap().permissions();
            assert_eq!(found.mode() & 0o777, mode, "{folder}");
        }
    }
}

#[test]
fn what_went_to_a_drive_that_is_gone_is_not_recorded() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    let state = pair.at(Side::Local, ".instep-mirror/state");
    let record = fs::read(&state).unwrap();
    for number in 0..400 {
        pair.write(Side::Local, &format!("f{number}"), "up");
    }
    pair.write(Side::Network, "down", "1");
    let mut aside = None;
    let mut on_event = |event| {
        if matches!(event, Event::Copied { .. }) && aside.is_none() {
            aside = Some(take_away(&pair));
        }
    };
    let error = pair.mirror().sync(SyncRequest::default(), &mut on_event, &|| false).unwrap_err();
    assert!(matches!(error, Error::Unreachable { side: Side::Network, .. }), "{error:?}");
    assert!(error.is_disconnected());
    assert_eq!(fs::read(&state).unwrap(), record, "the record speaks of what is on no drive");
    fs::remove_dir_all(pair.root(Side::Network)).unwrap();
    fs::rename(aside.unwrap(), pair.root(Side::Network)).unwrap();
    pair.sync();
    pair.assert_equal();
    assert_eq!(pair.tree(Side::Network).len(), 402);
}

#[test]
fn looking_does_not_put_a_damaged_record_aside() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    let state = pair.at(Side::Local, ".instep-mirror/state");
    fs::write(&state, "damaged").unwrap();
    let before = pair.everything(Side::Local);
    pair.mirror().observe(&|| false).unwrap();
    assert_eq!(pair.everything(Side::Local), before);
}

#[test]
fn files_on_their_way_are_told_from_those_of_another_machine_with_the_same_paths() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    let id = || fs::read_to_string(pair.at(Side::Local, ".instep-mirror/id")).unwrap();
    let ours = id();
    pair.sync();
    assert_eq!(id(), ours, "it stays");
    let left = |id: &str| pair.at(Side::Network, &format!(".{}-1.instep-tmp", &id[..8]));
    // Another machine, whose folder has the same path.
    fs::rename(pair.root(Side::Local), pair.root(Side::Local).with_file_name("first")).unwrap();
    pair.sync();
    let theirs = id();
    assert_ne!(ours, theirs);
    for id in [&ours, &theirs] {
        fs::write(left(id), "half").unwrap();
    }
    pair.sync();
    assert!(left(&ours).exists() && !left(&theirs).exists());
}

#[test]
fn what_killed_runs_left_of_our_own_files_goes() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    let left = [
        "..sync_log.json.a1B2c3d4.instep-tmp",
        ".instep-mirror/.state.a1B2c3d4.instep-tmp",
        ".instep-mirror/.traits.json.a1B2c3d4.instep-tmp",
    ];
    for path in left {
        pair.write(Side::Local, path, "half");
        pair.write(Side::Network, path, "another machine's");
    }
    pair.sync();
    for path in left {
        assert!(!pair.at(Side::Local, path).exists(), "{path}");
        assert!(pair.at(Side::Network, path).exists(), "{path}");
    }
}

#[test]
fn what_is_ignored_by_now_is_forgotten_with_all_that_is_in_it() {
    let mut pair = Pair::new();
    for path in ["d/x", "d/y/z", "d-a", "d0", "e"] {
        pair.write(Side::Network, path, "1");
    }
    pair.sync();
    // `d-a` lies between `d` and what is in it.
    pair.settings.ignore = vec!["/d/".into(), "/d-a".into()];
    fs::remove_dir_all(pair.at(Side::Network, "d")).unwrap();
    pair.remove(Side::Network, "d-a");
    pair.remove(Side::Network, "e");
    let done = pair.sync();
    assert_eq!(done.deleted.local, 1);
    for path in ["d/x", "d/y/z", "d-a", "d0"] {
        assert_eq!(pair.read(Side::Local, path).as_deref(), Some("1"), "{path}");
    }
    assert_eq!(pair.sync().deleted.local, 0);
}
