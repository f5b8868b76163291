//! Mirrors of real files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where a step does")]

mod conflicts;
mod down;
mod late;
mod pair;
mod roots;
mod trash;
mod watch;
#[cfg(windows)]
mod windows;

use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use fs_err as fs;
use instep_mirror::{Error, Event, Keep, Mirror, Reason, Settings, Side, SyncRequest};

use crate::pair::{DOWN, Pair, UP};

#[test]
fn the_first_sync_copies_everything_and_the_second_nothing() {
    let pair = Pair::new();
    for (path, text) in [("a.txt", "one"), ("d/e/b", "two"), (".hidden/.c", "three"), ("ü b", "")]
    {
        pair.write(Side::Network, path, text);
    }
    fs::create_dir(pair.at(Side::Network, "empty")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(416_666);
    let file = fs::File::options().write(true).open(pair.at(Side::Network, "a.txt")).unwrap();
    file.file().set_modified(time).unwrap();
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network), (8, 0));
    pair.assert_equal();
    assert_eq!(fs::metadata(pair.at(Side::Local, "a.txt")).unwrap().modified().unwrap(), time);
    let log = pair.mirror().last_sync().unwrap();
    assert_eq!((log.operation.as_str(), log.direction.as_str()), ("initial_sync", "both"));
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network, done.bytes), (0, 0, 0));
    assert_eq!(pair.mirror().last_sync().unwrap().operation, "incremental_sync");
}

#[test]
fn changes_go_both_ways_and_what_was_replaced_is_in_the_trash() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "one");
    pair.write(Side::Network, "b", "two");
    pair.write(Side::Network, "c", "three");
    pair.sync();
    pair.write(Side::Network, "a", "one, changed");
    pair.write(Side::Local, "b", "two, changed");
    pair.remove(Side::Local, "c");
    pair.write(Side::Local, "d/new", "four");
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network), (1, 3));
    assert_eq!((done.deleted.local, done.deleted.network), (0, 1));
    pair.assert_equal();
    assert_eq!(pair.read(Side::Network, "b").as_deref(), Some("two, changed"));
    let mirror = pair.mirror();
    let paths = |side: Side| -> Vec<String> {
        mirror.trash(side).unwrap().into_iter().map(|one| one.path).collect()
    };
    assert_eq!(paths(Side::Network), ["b", "c"]);
    assert_eq!(paths(Side::Local), ["a"]);
    // And comes back.
    pair.remove(Side::Local, "a");
    mirror.restore("a").unwrap();
    assert_eq!(pair.read(Side::Local, "a").as_deref(), Some("one"));
    mirror.restore("c").unwrap();
    assert_eq!(pair.read(Side::Local, "c").as_deref(), Some("three"));
    assert!(matches!(mirror.restore("c"), Err(Error::InTheWay { .. })));
    assert!(matches!(mirror.restore("nope"), Err(Error::NotInTrash { .. })));
    pair.sync();
    pair.assert_equal();
}

#[test]
fn a_conflict_keeps_both_until_it_is_resolved() {
    for keep in [Keep::Side(Side::Network), Keep::Side(Side::Local), Keep::Both] {
        let pair = Pair::new();
        pair.write(Side::Network, "d/a.txt", "base");
        pair.sync();
        pair.write(Side::Network, "d/a.txt", "network");
        pair.write(Side::Local, "d/a.txt", "local!");
        let done = pair.sync();
        pair.assert_equal();
        assert_eq!(done.conflicts.len(), 1, "{done:?}");
        let mirror = pair.mirror();
        let conflicts = mirror.conflicts().unwrap();
        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        assert_eq!(conflict.path, "d/a.txt");
        let mut texts = [
            pair.read(Side::Local, "d/a.txt").unwrap(),
            pair.read(Side::Local, &conflict.beside).unwrap(),
        ];
        texts.sort();
        assert_eq!(texts, ["local!", "network"]);
        mirror.resolve("d/a.txt", keep).unwrap();
        pair.sync();
        pair.assert_equal();
        assert_eq!(mirror.conflicts().unwrap(), []);
        let names: Vec<String> = pair.tree(Side::Network).into_iter().map(|one| one.0).collect();
        match keep {
            Keep::Both => assert_eq!(names.len(), 3, "{names:?}"),
            Keep::Side(side) => {
                assert_eq!(names, ["d", "d/a.txt"]);
                let expected = if side == Side::Network { "network" } else { "local!" };
                assert_eq!(pair.read(Side::Network, "d/a.txt").as_deref(), Some(expected));
            }
        }
        assert!(matches!(mirror.resolve("d/a.txt", keep), Err(Error::NoConflict { .. })));
    }
}

#[test]
fn one_direction_leaves_the_other_side_alone() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.write(Side::Network, "both", "1");
    pair.sync();
    pair.write(Side::Network, "a", "22");
    pair.write(Side::Local, "b", "1");
    pair.write(Side::Network, "both", "network");
    pair.write(Side::Local, "both", "local");
    let done = pair.try_sync(DOWN).unwrap();
    assert_eq!(pair.read(Side::Local, "a").as_deref(), Some("22"));
    assert_eq!(pair.read(Side::Network, "b"), None);
    assert_eq!(pair.read(Side::Local, "both").as_deref(), Some("local"));
    assert!(matches!(done.problems[0].reason, Reason::Conflict), "{:?}", done.problems);
    pair.try_sync(UP).unwrap();
    assert_eq!(pair.read(Side::Network, "b").as_deref(), Some("1"));
    assert_eq!(pair.read(Side::Network, "both").as_deref(), Some("network"));
    pair.sync();
    pair.assert_equal();
}

// Elsewhere the system keeps no time that a program cannot set back.
#[cfg(unix)]
#[test]
fn a_change_of_the_same_size_and_time_is_found() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "one");
    pair.sync();
    let at = pair.at(Side::Local, "a");
    let time = fs::metadata(&at).unwrap().modified().unwrap();
    fs::write(&at, "two").unwrap();
    fs::File::options().write(true).open(&at).unwrap().file().set_modified(time).unwrap();
    pair.sync();
    assert_eq!(pair.read(Side::Network, "a").as_deref(), Some("two"));
    // Touched alone, nothing is copied, and the next sync need not read it.
    let file = fs::File::options().write(true).open(&at).unwrap();
    file.file().set_modified(time + Duration::from_secs(7)).unwrap();
    let done = pair.sync();
    assert_eq!((done.copied.network, done.copied.local), (0, 0));
}

#[test]
fn a_file_that_is_only_touched_on_the_network_is_no_change() {
    let pair = Pair::new();
    for path in ["touched", "gone", "changed", "changed and gone"] {
        pair.write(Side::Network, path, "one");
    }
    pair.sync();
    let touch = |path: &str| {
        let file = fs::File::options().write(true).open(pair.at(Side::Network, path)).unwrap();
        file.file().set_modified(SystemTime::now() + Duration::from_secs(7)).unwrap();
    };
    for path in ["changed", "changed and gone"] {
        pair.write(Side::Network, path, "two");
    }
    for path in ["touched", "gone", "changed", "changed and gone"] {
        touch(path);
    }
    pair.remove(Side::Local, "gone");
    pair.remove(Side::Local, "changed and gone");
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network), (2, 0), "{done:?}");
    assert_eq!(done.deleted.network, 1);
    assert_eq!(pair.mirror().trash(Side::Local).unwrap().len(), 1, "what was touched stays");
    pair.assert_equal();
    assert_eq!(pair.read(Side::Local, "gone"), None);
    assert_eq!(pair.read(Side::Local, "changed and gone").as_deref(), Some("two"));
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network), (0, 0));
}

#[test]
fn roots_that_are_not_what_they_were_stop_the_run() {
    let pair = Pair::new();
    for number in 0..40 {
        pair.write(Side::Network, &format!("f{number}"), "x");
    }
    pair.sync();
    let before = pair.tree(Side::Local);
    let network = pair.root(Side::Network);
    let aside = network.with_file_name("aside");
    fs::rename(&network, &aside).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::RootMissing { side: Side::Network, .. }), "{error:?}");
    assert!(error.is_disconnected());
    // A mount point with nothing mounted.
    fs::create_dir(&network).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    assert_eq!(fs::read_dir(&network).unwrap().count(), 0, "nothing is written there");
    // Another folder, which is mirrored too.
    fs::create_dir(network.join(".instep-mirror")).unwrap();
    fs::write(network.join(".instep-mirror/root.json"), r#"{"schemaVersion":1,"id":"x"}"#).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error:?}");
    fs::remove_dir_all(&network).unwrap();
    fs::write(&network, "").unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::RootIsNoFolder { .. }), "{error:?}");
    fs::remove_file(&network).unwrap();
    assert_eq!(pair.tree(Side::Local), before);
    fs::rename(&aside, &network).unwrap();
    pair.sync();
    pair.assert_equal();
}

#[test]
fn many_deletions_need_to_be_allowed() {
    let pair = Pair::new();
    for number in 0..1200 {
        pair.write(Side::Network, &format!("d{}/f{number}", number % 20), "x");
    }
    pair.sync();
    for number in 0..1000 {
        pair.remove(Side::Network, &format!("d{}/f{number}", number % 20));
    }
    let before = (pair.tree(Side::Network), pair.tree(Side::Local));
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    let Error::TooManyDeletes { side: Side::Local, deletes: 1000, .. } = error else {
        panic!("{error:?}")
    };
    assert!(error.hint().unwrap().contains("--allow-deletes 1000"));
    assert_eq!((pair.tree(Side::Network), pair.tree(Side::Local)), before);
    let few = SyncRequest { allow_deletes: Some(999), ..SyncRequest::default() };
    assert!(pair.try_sync(few).is_err());
    let enough = SyncRequest { allow_deletes: Some(1000), ..SyncRequest::default() };
    assert_eq!(pair.try_sync(enough).unwrap().deleted.local, 1000);
    pair.assert_equal();
    assert_eq!(pair.mirror().trash(Side::Local).unwrap().len(), 1000);
}

#[test]
fn a_record_that_is_damaged_loses_nothing() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.write(Side::Network, "b", "1");
    pair.sync();
    let state = pair.at(Side::Local, ".instep-mirror/state");
    let whole = fs::read(&state).unwrap();
    for place in [0, 20, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        fs::write(&state, &bytes).unwrap();
        let mut events = Vec::new();
        let mirror = pair.mirror();
        let done = mirror
            .sync(SyncRequest::default(), &mut |event| events.push(event), &|| false)
            .unwrap();
        assert!(matches!(events[1], Event::RecordLost { .. }), "{place}: {events:?}");
        assert_eq!((done.deleted.local, done.deleted.network), (0, 0));
        assert!(state.with_extension("corrupt").exists());
        pair.assert_equal();
    }
    fs::write(&state, &whole[..whole.len() / 2]).unwrap();
    pair.remove(Side::Local, "a");
    pair.sync();
    assert_eq!(
        pair.read(Side::Local, "a").as_deref(),
        Some("1"),
        "better too much than too little"
    );
    let newer =
        String::from_utf8_lossy(&whole).replace("\"schemaVersion\":1", "\"schemaVersion\":9");
    fs::write(&state, newer).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::NewerState { version: 9, .. }), "{error:?}");
}

#[test]
fn roots_inside_each_other_and_bad_patterns_are_refused() {
    let pair = Pair::new();
    let network = pair.root(Side::Network);
    let open = |one: &Utf8Path, other: &Utf8Path| Mirror::open(one, other, Settings::default());
    assert!(matches!(open(&network, &network), Err(Error::Nested { .. })));
    assert!(matches!(open(&network, &network.join("x/../y")), Err(Error::Nested { .. })));
    assert!(matches!(open(&network.join("x"), &network), Err(Error::Nested { .. })));
    let settings = Settings { ignore: vec!["[z-a]".into()], ..Settings::default() };
    let error = Mirror::open(&network, &pair.root(Side::Local), settings).unwrap_err();
    assert!(matches!(error, Error::Pattern { .. }), "{error:?}");
}

#[test]
fn what_is_ignored_stays_where_it_is() {
    let mut pair = Pair::new();
    pair.settings.ignore = vec!["*.tmp".into()];
    pair.write(Side::Network, "p/a.py", "1");
    pair.write(Side::Network, "p/__pycache__/a.pyc", "network");
    pair.write(Side::Local, "p/__pycache__/a.pyc", "local");
    pair.write(Side::Network, "x.tmp", "1");
    pair.write(Side::Network, "y.log", "1");
    pair.sync();
    assert_eq!(pair.read(Side::Local, "x.tmp"), None);
    assert_eq!(pair.read(Side::Local, "p/__pycache__/a.pyc").as_deref(), Some("local"));
    assert_eq!(pair.read(Side::Local, "y.log").as_deref(), Some("1"));
    // What is ignored from now on is forgotten, not deleted.
    pair.settings.ignore.push("*.log".into());
    pair.remove(Side::Network, "y.log");
    pair.sync();
    assert_eq!(pair.read(Side::Local, "y.log").as_deref(), Some("1"));
    // A folder that is deleted takes what is ignored in it along, to the trash.
    fs::remove_dir_all(pair.at(Side::Network, "p")).unwrap();
    pair.sync();
    assert!(!pair.at(Side::Local, "p").exists());
    let trash = pair.mirror().trash(Side::Local).unwrap();
    assert!(trash.iter().any(|one| one.path == "p/__pycache__/a.pyc"), "{trash:?}");
}

#[cfg(unix)]
#[test]
fn links_pipes_and_odd_names_are_left_alone_and_named() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let pair = Pair::new();
    let network = pair.root(Side::Network);
    pair.write(Side::Network, "d/a", "1");
    symlink("a", network.join("d/inside")).unwrap();
    symlink("../../secret", network.join("d/outside")).unwrap();
    symlink("/etc/passwd", network.join("absolute")).unwrap();
    let odd = network.as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff.txt"));
    fs::write(&odd, "odd").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, network.join("pipe").as_std_path(), 0o600.into())
        .unwrap();
    pair.write(Side::Network, "run.sh", "#!/bin/sh\n");
    let mode = |side: Side, path: &str| {
        fs::metadata(pair.at(side, path)).unwrap().permissions().mode() & 0o777
    };
    let set = |side: Side, path: &str, mode: u32| {
        fs::set_permissions(pair.at(side, path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(Side::Network, "run.sh", 0o755);
    pair.write(Side::Network, "secret.env", "x");
    set(Side::Network, "secret.env", 0o600);
    let done = pair.sync();
    let mut names: Vec<&str> = done.problems.iter().map(|one| one.path.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["absolute", "d/outside", "pipe", "\u{fffd}.txt"]);
    assert_eq!(fs::read_link(pair.at(Side::Local, "d/inside")).unwrap().to_str(), Some("a"));
    assert!(!pair.at(Side::Local, "absolute").is_symlink());
    assert_eq!((mode(Side::Local, "run.sh"), mode(Side::Local, "secret.env")), (0o755, 0o600));
    set(Side::Local, "run.sh", 0o644);
    pair.sync();
    assert_eq!(mode(Side::Network, "run.sh"), 0o644);
    // What is left alone keeps the folder that holds it.
    fs::remove_file(&odd).unwrap();
    let odd = network.as_std_path().join(std::ffi::OsStr::from_bytes(b"d/\xff"));
    fs::write(&odd, "odd").unwrap();
    fs::remove_dir_all(pair.at(Side::Local, "d")).unwrap();
    pair.sync();
    assert_eq!(fs::read_to_string(&odd).unwrap(), "odd");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    use std::os::unix::fs::symlink;

    let pair = Pair::new();
    let elsewhere = Utf8Path::from_path(pair.folder.path()).unwrap().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    pair.write(Side::Network, "d/a", "1");
    pair.sync();
    // The local folder is replaced by a link that leads out.
    fs::remove_dir_all(pair.at(Side::Local, "d")).unwrap();
    symlink(&elsewhere, pair.at(Side::Local, "d")).unwrap();
    pair.write(Side::Network, "d/a", "22");
    pair.write(Side::Network, "d/b", "2");
    let done = pair.sync();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert!(done.problems.iter().any(|one| matches!(one.reason, Reason::LeadsOut(_))));
    assert_eq!(pair.read(Side::Network, "d/a").as_deref(), Some("22"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_not_an_empty_one() {
    use std::os::unix::fs::PermissionsExt as _;

    if rustix::process::geteuid().is_root() {
        // Root reads everything: the faults are those of a file system that fails.
        return;
    }
    let pair = Pair::new();
    pair.write(Side::Network, "d/a", "1");
    pair.sync();
    let folder = pair.at(Side::Network, "d");
    fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).unwrap();
    let done = pair.sync();
    fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(done.problems.len(), 1);
    assert_eq!(pair.read(Side::Local, "d/a").as_deref(), Some("1"));
}

#[test]
fn cancelled_it_records_what_was_done_and_goes_on_later() {
    let pair = Pair::new();
    for number in 0..2000 {
        pair.write(Side::Network, &format!("f{number}"), "text");
    }
    let copied = std::sync::atomic::AtomicUsize::new(0);
    let count = || copied.load(std::sync::atomic::Ordering::Relaxed);
    let mut on_event = |event| {
        if let Event::Copied { .. } = event {
            copied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let error =
        pair.mirror().sync(SyncRequest::default(), &mut on_event, &|| count() >= 10).unwrap_err();
    assert!(error.is_cancelled());
    let so_far = pair.tree(Side::Local).len();
    assert!((1..2000).contains(&so_far), "{so_far}");
    let done = pair.sync();
    assert_eq!(done.copied.local, 2000 - so_far);
    pair.assert_equal();
}

#[test]
fn two_at_once_wait_for_each_other() {
    let pair = Pair::new();
    for number in 0..200 {
        pair.write(Side::Network, &format!("f{number}"), "text");
        pair.write(Side::Local, &format!("g{number}"), "text");
    }
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| pair.sync())).collect();
        let copied: usize = all
            .into_iter()
            .map(|one| one.join().unwrap())
            .map(|done| done.copied.local + done.copied.network)
            .sum();
        assert_eq!(copied, 400);
    });
    pair.assert_equal();
}

#[test]
fn what_another_machine_is_just_writing_is_neither_mirrored_nor_removed() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    for side in Side::BOTH {
        pair.write(side, "d/.12345678-1.instep-tmp", "half");
        pair.sync();
        assert!(pair.at(side, "d/.12345678-1.instep-tmp").exists());
        assert!(!pair.at(side.other(), "d/.12345678-1.instep-tmp").exists());
        pair.remove(side, "d/.12345678-1.instep-tmp");
    }
}

#[test]
fn the_trash_is_emptied_of_what_is_old() {
    let mut pair = Pair::new();
    pair.settings.trash_age = Duration::from_hours(24);
    pair.write(Side::Network, "a", "1");
    pair.sync();
    for run in ["20200101T000000000Z", "20990101T000000000Z", "mine"] {
        pair.write(Side::Local, &format!(".instep-mirror/trash/{run}/x"), "old");
    }
    pair.sync();
    let left: Vec<String> =
        pair.mirror().trash(Side::Local).unwrap().into_iter().map(|one| one.time).collect();
    assert_eq!(left, ["mine", "20990101T000000000Z"]);
}

#[test]
fn watched_both_sides_follow_each_other() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let is_stopped = || stop.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let mirror = pair.mirror();
        let watch =
            scope.spawn(move || mirror.watch(Duration::from_millis(300), &mut |_| {}, &is_stopped));
        let appears = |side: Side, path: &str| {
            let started = std::time::Instant::now();
            while pair.read(side, path).is_none() && started.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(20));
            }
            pair.read(side, path).is_some()
        };
        pair.write(Side::Local, "up", "1");
        let went_up = appears(Side::Network, "up");
        pair.write(Side::Network, "down", "1");
        let came_down = appears(Side::Local, "down");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().unwrap().unwrap();
        assert!(went_up && came_down, "{went_up} {came_down}");
    });
    pair.assert_equal();
}
