//! Conflicts that come again, that are several, and of what is no content.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use instep_mirror::{Error, Keep, Side};

use crate::pair::Pair;

/// A file that was modified so many hours after a time long ago.
fn write_at(pair: &Pair, side: Side, path: &str, text: &str, hours: u64) {
    pair.write(side, path, text);
    let file = fs::File::options().write(true).open(pair.at(side, path)).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(400_000 + hours);
    file.file().set_modified(time).unwrap();
}

/// Counts hours: Windows tells a change that keeps the size by nothing but its time.
static HOURS: AtomicU64 = AtomicU64::new(0);

/// Both sides change a file, the local one later.
fn clash(pair: &Pair, network: &str, local: &str) -> String {
    let hours = HOURS.fetch_add(2, Ordering::Relaxed);
    write_at(pair, Side::Network, "d/a.txt", network, hours);
    write_at(pair, Side::Local, "d/a.txt", local, hours + 1);
    let done = pair.sync();
    pair.assert_equal();
    let [(path, beside)] = done.conflicts.as_slice() else { panic!("{done:?}") };
    assert_eq!(path, "d/a.txt");
    assert_eq!(pair.read(Side::Network, "d/a.txt").as_deref(), Some(local));
    beside.clone()
}

fn names(pair: &Pair) -> Vec<String> {
    pair.tree(Side::Network).into_iter().map(|one| one.0).filter(|name| name != "d").collect()
}

#[test]
fn the_same_conflict_makes_one_copy() {
    let pair = Pair::new();
    pair.write(Side::Network, "d/a.txt", "base");
    pair.sync();
    let copy = clash(&pair, "network", "local 1");
    assert_eq!(clash(&pair, "network", "local 2"), copy);
    assert_eq!(names(&pair), [copy.as_str(), "d/a.txt"]);
    assert_eq!(pair.read(Side::Local, &copy).as_deref(), Some("network"));
    assert_eq!(pair.mirror().conflicts().unwrap().len(), 1);
}

#[test]
fn a_copy_that_was_edited_is_not_taken_for_the_same() {
    let pair = Pair::new();
    pair.write(Side::Network, "d/a.txt", "base");
    pair.sync();
    let copy = clash(&pair, "network", "local 1");
    pair.write(Side::Local, &copy, "edited");
    pair.sync();
    let other = clash(&pair, "network", "local 2");
    assert_ne!(other, copy);
    assert_eq!(pair.read(Side::Network, &copy).as_deref(), Some("edited"));
    assert_eq!(pair.read(Side::Network, &other).as_deref(), Some("network"));
    let conflicts = pair.mirror().conflicts().unwrap();
    assert!(conflicts.iter().all(|one| one.path == "d/a.txt"), "{conflicts:?}");
    assert_eq!(conflicts.len(), 2);
}

#[test]
fn several_copies_beside_one_path_are_resolved_one_by_one() {
    let pair = Pair::new();
    pair.write(Side::Network, "d/a.txt", "base");
    pair.sync();
    let first = clash(&pair, "network 1", "local 1");
    let second = clash(&pair, "network 2", "local 2");
    let mirror = pair.mirror();
    let error = mirror.resolve("d/a.txt", Keep::Side(Side::Local)).unwrap_err();
    let Error::SeveralConflicts { copies, .. } = &error else { panic!("{error:?}") };
    let mut expected = [first.clone(), second.clone()];
    expected.sort();
    assert_eq!(copies.as_slice(), expected);
    assert!(error.hint().is_some());
    assert_eq!(names(&pair).len(), 3, "nothing was done");
    mirror.resolve(&first, Keep::Side(Side::Network)).unwrap();
    mirror.resolve("d/a.txt", Keep::Both).unwrap();
    pair.sync();
    pair.assert_equal();
    assert_eq!(pair.read(Side::Network, "d/a.txt").as_deref(), Some("network 1"));
    assert_eq!(mirror.conflicts().unwrap(), []);
    assert_eq!(names(&pair).len(), 2);
}

#[cfg(unix)]
#[test]
fn a_conflict_is_not_resolved_through_a_link() {
    let pair = Pair::new();
    pair.write(Side::Network, "d/a.txt", "base");
    pair.sync();
    clash(&pair, "network", "local");
    // The folder is elsewhere by now, and a link leads there.
    let elsewhere = pair.root(Side::Local).with_file_name("elsewhere");
    fs::rename(pair.at(Side::Local, "d"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, pair.at(Side::Local, "d")).unwrap();
    for keep in [Keep::Side(Side::Network), Keep::Side(Side::Local), Keep::Both] {
        let error = pair.mirror().resolve("d/a.txt", keep).unwrap_err();
        assert!(matches!(&error, Error::InTheWay { path } if path == "d"), "{error:?}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2);
        assert_eq!(fs::read_to_string(elsewhere.join("a.txt")).unwrap(), "local");
    }
}

#[cfg(unix)]
#[test]
fn equal_files_of_which_one_may_be_executed_are_no_conflict() {
    use std::os::unix::fs::PermissionsExt as _;

    for side in Side::BOTH {
        let pair = Pair::new();
        pair.write(Side::Network, "run.sh", "#!/bin/sh\n");
        pair.write(Side::Local, "run.sh", "#!/bin/sh\n");
        let permissions = std::fs::Permissions::from_mode(0o755);
        fs::set_permissions(pair.at(side, "run.sh"), permissions).unwrap();
        let done = pair.sync();
        assert_eq!(done.conflicts, []);
        for side in Side::BOTH {
            let mode = fs::metadata(pair.at(side, "run.sh")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755, "{side}");
        }
        assert_eq!(pair.tree(Side::Local).len(), 1);
    }
}

#[test]
fn a_conflict_of_the_longest_name_has_a_name_that_can_be_held() {
    let pair = Pair::new();
    let name = ["n".repeat(251), ".txt".to_owned()].concat();
    write_at(&pair, Side::Network, &name, "network", 1);
    write_at(&pair, Side::Local, &name, "local", 2);
    let done = pair.sync();
    assert_eq!((done.conflicts.len(), done.problems.len()), (1, 0), "{done:?}");
    pair.assert_equal();
    let texts: Vec<String> = pair.tree(Side::Network).into_iter().map(|one| one.1).collect();
    assert!(texts.contains(&"network".to_owned()) && texts.contains(&"local".to_owned()));
}
