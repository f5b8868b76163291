//! What is so on Windows alone: files that another program has for itself, paths of more than 260 characters,
//! and names that mean something else there.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::windows::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_fs::verbatim;
use instep_mirror::{Error, Keep, Mirror, Reason, Settings, Side, SyncRequest};

use crate::pair::Pair;

/// `FILE_FLAG_BACKUP_SEMANTICS`, without which no folder can be opened.
const FOLDERS_TOO: u32 = 0x0200_0000;
/// `FILE_SHARE_READ`.
const SHARE_READ: u32 = 1;
/// How long a sync may take that waits for a file in vain.
const LIMIT: Duration = Duration::from_secs(20);

/// Opens a file or folder as a program does that wants it for itself.
fn hold(path: &Utf8Path, share: u32) -> File {
    let mut options = File::options();
    options.read(true).share_mode(share).custom_flags(FOLDERS_TOO);
    options.open(path).unwrap()
}

/// Two equal sides, of which one has changed, and what another program has for itself meanwhile.
struct Held {
    what: &'static str,
    side: Side,
    path: &'static str,
    share: u32,
    change: fn(&Pair),
}

const HELD: [Held; 9] = [
    Held {
        what: "read for the first time",
        side: Side::Network,
        path: "new.txt",
        share: 0,
        change: |pair| pair.write(Side::Network, "new.txt", "new"),
    },
    Held {
        what: "read to be compared",
        side: Side::Network,
        path: "d/a.txt",
        share: 0,
        change: |pair| pair.write(Side::Network, "d/a.txt", "two"),
    },
    Held {
        what: "replaced on the local side",
        side: Side::Local,
        path: "d/a.txt",
        share: 0,
        change: |pair| pair.write(Side::Network, "d/a.txt", "changed"),
    },
    Held {
        what: "replaced on the network",
        side: Side::Network,
        path: "d/a.txt",
        share: 0,
        change: |pair| pair.write(Side::Local, "d/a.txt", "changed"),
    },
    Held {
        what: "replaced while it is read",
        side: Side::Local,
        path: "d/a.txt",
        share: SHARE_READ,
        change: |pair| pair.write(Side::Network, "d/a.txt", "changed"),
    },
    Held {
        what: "deleted",
        side: Side::Local,
        path: "d/a.txt",
        share: 0,
        change: |pair| pair.remove(Side::Network, "d/a.txt"),
    },
    Held {
        what: "a folder that is deleted",
        side: Side::Local,
        path: "folder",
        share: SHARE_READ,
        change: |pair| fs::remove_dir_all(pair.at(Side::Network, "folder")).unwrap(),
    },
    Held {
        what: "a folder that cannot be listed",
        side: Side::Local,
        path: "folder",
        share: 0,
        change: |pair| pair.write(Side::Network, "folder/b.txt", "changed"),
    },
    Held {
        what: "changed on both sides",
        side: Side::Network,
        path: "d/a.txt",
        share: 0,
        change: |pair| {
            pair.write(Side::Network, "d/a.txt", "network");
            pair.write(Side::Local, "d/a.txt", "local!!");
        },
    },
];

impl Held {
    /// Both sides as they are before the sync.
    fn pair(&self) -> Pair {
        let pair = Pair::new();
        for (path, text) in [("d/a.txt", "one"), ("folder/b.txt", "b"), ("other.txt", "other")] {
            pair.write(Side::Network, path, text);
        }
        pair.sync();
        (self.change)(&pair);
        pair.write(Side::Network, "other.txt", "other, changed");
        pair
    }

    fn hold(&self, pair: &Pair) -> File {
        hold(&pair.at(self.side, self.path), self.share)
    }
}

/// Every text that there is anywhere, the trash included.
fn texts(pair: &Pair) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Utf8PathBuf> = Side::BOTH.iter().map(|side| pair.root(*side)).collect();
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension() == Some("txt") {
                found.insert(fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// Checks all of them side by side, since each one waits.
fn check_each<T: Sync>(cases: &[T], check: fn(&T)) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}

/// Syncs while a file is held, which is released after a moment.
#[track_caller]
fn sync_after_release(pair: &Pair, file: File, what: &str) {
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(file);
        });
        let done = pair.sync();
        assert!(done.problems.is_empty(), "{what}: {done:?}");
    });
    pair.assert_equal();
}

#[test]
fn what_another_program_has_open_for_a_moment_is_waited_for() {
    check_each(&HELD, |held| {
        let pair = held.pair();
        let before = texts(&pair);
        sync_after_release(&pair, held.hold(&pair), held.what);
        assert!(texts(&pair).is_superset(&before), "{}", held.what);
    });
}

#[test]
fn what_another_program_keeps_open_is_left_and_named_and_comes_later() {
    check_each(&HELD, |held| {
        let pair = held.pair();
        let before = texts(&pair);
        let file = held.hold(&pair);
        let started = Instant::now();
        let done = pair.sync();
        let took = started.elapsed();
        assert!(took < LIMIT, "{}: {took:?}", held.what);
        let [problem] = done.problems.as_slice() else { panic!("{}: {done:?}", held.what) };
        assert_eq!(problem.path, held.path, "{}", held.what);
        let is_told = matches!(problem.reason, Reason::InUse(side) if side == held.side);
        assert!(is_told, "{}: {:?}", held.what, problem.reason);
        // All others are done.
        assert_eq!(pair.read(Side::Local, "other.txt").as_deref(), Some("other, changed"));
        drop(file);
        // What is still in its place is not in the trash as well.
        let trashed = pair.mirror().trash(held.side).unwrap();
        assert!(trashed.iter().all(|one| one.path != held.path), "{}: {trashed:?}", held.what);
        assert!(texts(&pair).is_superset(&before), "{}", held.what);
        let done = pair.sync();
        assert!(done.problems.is_empty(), "{}: {done:?}", held.what);
        pair.assert_equal();
        assert!(texts(&pair).is_superset(&before), "{}", held.what);
    });
}

/// Files of ours, and what is left to others who open them.
const OURS: [(&str, u32); 6] = [
    (".instep-mirror/state", 0),
    (".instep-mirror/state", SHARE_READ),
    (".instep-mirror/traits.json", 0),
    (".instep-mirror/root.json", 0),
    (".sync_log.json", 0),
    (".sync_log.json", SHARE_READ),
];

#[test]
fn our_own_files_that_another_program_has_open_lose_nothing() {
    check_each(&OURS, |(path, share)| {
        let pair = Pair::new();
        pair.write(Side::Network, "a.txt", "one");
        pair.sync();
        pair.write(Side::Network, "a.txt", "changed");
        let file = hold(&pair.at(Side::Local, path), *share);
        let started = Instant::now();
        if let Err(error) = pair.try_sync(SyncRequest::default()) {
            let shown = error.to_string();
            assert!(shown.contains(path.rsplit('/').next().unwrap()), "{path}: {shown}");
            assert!(error.hint().is_some(), "{path}: {shown}");
        }
        let took = started.elapsed();
        assert!(took < LIMIT, "{path}: {took:?}");
        drop(file);
        assert_eq!(pair.read(Side::Network, "a.txt").as_deref(), Some("changed"), "{path}");
        sync_after_release(&pair, hold(&pair.at(Side::Local, path), *share), path);
        assert_eq!(pair.read(Side::Local, "a.txt").as_deref(), Some("changed"), "{path}");
        let done = pair.sync();
        assert_eq!((done.copied.local, done.copied.network), (0, 0), "{path}");
    });
}

/// A path of some 500 characters.
fn long(name: &str) -> String {
    let folder = "a-folder-with-a-name-that-is-quite-long-so-that-it-adds-up/";
    [&folder.repeat(8), name].concat()
}

/// Everything that a mirror does, once.
fn live(pair: &Pair, at: &dyn Fn(&str) -> String) {
    let (one, two) = (at("one.txt"), at("two.txt"));
    pair.write(Side::Network, &one, "one");
    pair.write(Side::Local, &two, "two");
    pair.sync();
    pair.assert_equal();
    pair.write(Side::Network, &one, "network");
    pair.write(Side::Local, &one, "local!!");
    pair.write(Side::Local, &two, "two, changed");
    let done = pair.sync();
    pair.assert_equal();
    assert_eq!(done.conflicts.len(), 1, "{done:?}");
    let mirror = pair.mirror();
    // As a person on Windows writes it.
    mirror.resolve(&one.replace('/', "\\"), Keep::Side(Side::Network)).unwrap();
    pair.remove(Side::Network, &two);
    let done = pair.sync();
    assert_eq!((done.problems.len(), done.deleted.local), (0, 1), "{done:?}");
    pair.assert_equal();
    assert_eq!(pair.read(Side::Local, &one).as_deref(), Some("network"));
    let trash = mirror.trash(Side::Network).unwrap();
    assert!(trash.iter().any(|one| one.path == two), "{trash:?}");
    mirror.restore(&two.replace('/', "\\")).unwrap();
    assert_eq!(pair.read(Side::Local, &two).as_deref(), Some("two, changed"));
    fs::remove_dir_all(pair.at(Side::Local, one.split('/').next().unwrap())).unwrap();
    let everything = SyncRequest { allow_deletes: Some(9), ..SyncRequest::default() };
    let done = pair.try_sync(everything).unwrap();
    assert!(done.problems.is_empty(), "{done:?}");
    pair.assert_equal();
    assert_eq!(pair.tree(Side::Network), []);
}

#[test]
fn long_paths_are_mirrored_both_ways() {
    let pair = Pair::new();
    live(&pair, &long);
}

#[test]
fn roots_with_long_paths_are_told_as_they_were_given() {
    let mut pair = Pair::new();
    pair.below = long("");
    for side in Side::BOTH {
        fs::create_dir_all(pair.root(side)).unwrap();
    }
    live(&pair, &|name| ["d/", name].concat());
    live(&pair, &long);
    let log = pair.mirror().last_sync().unwrap();
    assert_eq!(log.network_path, pair.root(Side::Network));
    assert_eq!(log.local_path, pair.root(Side::Local));
    assert!(instep_mirror::free_space(&pair.root(Side::Local)).is_some_and(|free| free > 0));
    watched(&pair);
    let aside = pair.root(Side::Network).with_file_name("aside");
    fs::rename(pair.root(Side::Network), aside).unwrap();
    let error = pair.try_sync(SyncRequest::default()).unwrap_err().to_string();
    assert!(error.contains(pair.root(Side::Network).as_str()) && !error.contains('?'), "{error}");
}

/// A change on the local side is noticed, long before the network is looked at again.
fn watched(pair: &Pair) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let is_stopped = || stop.load(std::sync::atomic::Ordering::Relaxed);
    let started = Instant::now();
    let waits = || started.elapsed() < Duration::from_secs(30);
    std::thread::scope(|scope| {
        let mirror = pair.mirror();
        let hour = Duration::from_hours(1);
        let watch = scope.spawn(move || mirror.watch(hour, &mut |_| {}, &is_stopped));
        let mut number = 0;
        // It takes its first look, and then waits for what happens.
        while number < 3 && waits() {
            pair.write(Side::Local, &format!("up{number}.txt"), "up");
            while pair.read(Side::Network, &format!("up{number}.txt")).is_none() && waits() {
                std::thread::sleep(Duration::from_millis(20));
            }
            number += 1;
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().unwrap().unwrap();
    });
    assert_eq!(pair.read(Side::Network, "up2.txt").as_deref(), Some("up"));
}

/// Names that can be given on Windows all the same, and then only be opened by a path like this.
const STRANGE: [&str; 7] =
    ["aux.txt", "con", "nul", "com1.log", "dot.", "space ", "folder./inside"];

#[test]
fn names_that_mean_something_else_are_neither_opened_nor_mirrored() {
    let pair = Pair::new();
    pair.write(Side::Network, "good.txt", "good");
    pair.sync();
    let at = |side: Side, name: &str| verbatim(&pair.root(side)).join(name);
    for name in STRANGE {
        for side in Side::BOTH {
            let path = at(side, name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, side.as_str()).unwrap();
        }
    }
    pair.write(Side::Network, "good.txt", "better");
    let done = pair.sync();
    let mut left: Vec<&str> = done.problems.iter().map(|one| one.path.as_str()).collect();
    left.sort_unstable();
    left.dedup();
    assert_eq!(left, ["aux.txt", "com1.log", "con", "dot.", "folder.", "nul", "space "]);
    assert!(done.problems.iter().all(|one| matches!(one.reason, Reason::Name)), "{done:?}");
    assert_eq!(pair.read(Side::Local, "good.txt").as_deref(), Some("better"));
    for name in STRANGE {
        for side in Side::BOTH {
            assert_eq!(fs::read_to_string(at(side, name)).unwrap(), side.as_str(), "{name}");
        }
    }
    // On one side alone, such a name keeps the folder that it is in.
    pair.write(Side::Network, "d/a.txt", "a");
    pair.sync();
    fs::write(at(Side::Local, r"d\nul"), "mine").unwrap();
    fs::remove_dir_all(pair.at(Side::Network, "d")).unwrap();
    pair.sync();
    assert_eq!(fs::read_to_string(at(Side::Local, r"d\nul")).unwrap(), "mine");
    // And none comes out of the trash.
    let trash = pair.at(Side::Network, ".instep-mirror/trash/20990101T000000000Z");
    fs::create_dir_all(&trash).unwrap();
    fs::write(verbatim(&trash).join("con"), "x").unwrap();
    let error = pair.mirror().restore("con").unwrap_err();
    assert!(matches!(error, Error::NotInTrash { .. }), "{error:?}");
}

#[test]
fn two_names_that_differ_in_case_are_one() {
    let pair = Pair::new();
    pair.write(Side::Network, "README", "read");
    pair.sync();
    let again = File::create_new(pair.at(Side::Network, "Readme")).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(!pair.mirror().validate().unwrap().network.tells_case);
    // Another case is another name, which the other side gets too.
    // By way of a third one: Wine takes the two for the same.
    fs::rename(pair.at(Side::Local, "README"), pair.at(Side::Local, "between")).unwrap();
    fs::rename(pair.at(Side::Local, "between"), pair.at(Side::Local, "Readme")).unwrap();
    let done = pair.sync();
    assert!(done.problems.is_empty(), "{done:?}");
    assert_eq!(pair.tree(Side::Network), [("Readme".to_owned(), "read".to_owned())]);
    pair.assert_equal();
    let done = pair.sync();
    assert_eq!((done.copied.local, done.copied.network), (0, 0));
    // A folder inside of the other root is one in every case, also before it is made.
    let network = pair.root(Side::Network);
    let inside = Utf8PathBuf::from(network.as_str().to_uppercase()).join("inside");
    let error = Mirror::open(&network, &inside, Settings::default()).unwrap_err();
    assert!(matches!(error, Error::Nested { .. }), "{error:?}");
}
