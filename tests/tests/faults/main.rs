//! A mirror on a file system that fails at every call in turn, and one that is killed at any moment:
//! everything that somebody wrote last is on both sides, beside the other one of a conflict, or in the
//! trash; and the next run completes it.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod failing_fs;
mod power;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use failing_fs::{Fault, Mounted};
use instep_mirror::{Error, Mirror, Settings, Side, SyncRequest};
use instep_tests::{long, tools};

/// Two roots, with a folder of ours around them.
struct Pair {
    network: Utf8PathBuf,
    local: Utf8PathBuf,
}

impl Pair {
    fn in_folder(folder: &Utf8Path) -> Self {
        let (network, local) = (folder.join("network"), folder.join("local"));
        std::fs::create_dir_all(&network).unwrap();
        std::fs::create_dir_all(&local).unwrap();
        Self { network, local }
    }

    fn root(&self, side: Side) -> &Utf8Path {
        match side {
            Side::Network => &self.network,
            Side::Local => &self.local,
        }
    }

    fn mirror(&self) -> Mirror {
        Mirror::open(&self.network, &self.local, Settings::default()).unwrap()
    }

    fn sync(&self) -> Result<instep_mirror::Done, Error> {
        self.mirror().sync(SyncRequest::default(), &mut |_| {}, &|| false)
    }

    fn write(&self, side: Side, path: &str, text: &str) {
        let path = self.root(side).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Both sides in step, and then edits of every kind on either.
    fn prepare(&self) {
        let network = Side::Network;
        for path in ["keep", "d/same", "change-n", "change-l", "both", "gone-n", "gone-l"] {
            self.write(network, path, &format!("base of {path}"));
        }
        for path in ["dir-n/a", "dir-n/b/c", "dir-l/a", "mixed/old", "mixed/kept", "kind"] {
            self.write(network, path, &format!("base of {path}"));
        }
        std::os::unix::fs::symlink("keep", self.network.join("link")).unwrap();
        self.sync().unwrap();
        self.assert_equal("prepared");
        for side in Side::BOTH {
            let end = &side.as_str()[..1];
            self.write(side, &format!("change-{end}"), &format!("changed by {side}"));
            self.write(side, &format!("new-{end}/x/y"), &format!("new of {side}"));
            self.write(side, "both", &format!("both, changed by {side}"));
            std::fs::remove_file(self.root(side).join(format!("gone-{end}"))).unwrap();
            std::fs::remove_dir_all(self.root(side).join(format!("dir-{end}"))).unwrap();
        }
        std::fs::remove_dir_all(self.network.join("mixed")).unwrap();
        self.write(Side::Local, "mixed/kept", "changed in a folder that is gone there");
        std::fs::remove_file(self.local.join("kind")).unwrap();
        self.write(Side::Local, "kind/inside", "a folder by now");
        self.write(Side::Network, "kind", "still a file, and changed");
        std::fs::remove_file(self.local.join("link")).unwrap();
        std::os::unix::fs::symlink("change-n", self.local.join("link")).unwrap();
    }

    /// Every file of a side but ours, with its content.
    fn tree(&self, side: Side) -> BTreeMap<String, String> {
        files(self.root(side), &|name| !matches!(name, ".instep-mirror" | ".sync_log.json"))
    }

    /// What is in the trash of both sides.
    fn trash(&self) -> BTreeSet<String> {
        let folders = Side::BOTH.map(|side| self.root(side).join(".instep-mirror/trash"));
        folders.iter().flat_map(|folder| files(folder, &|_| true).into_values()).collect()
    }

    #[track_caller]
    fn assert_equal(&self, what: &str) {
        assert_eq!(self.tree(Side::Network), self.tree(Side::Local), "{what}");
    }
}

fn files(root: &Utf8Path, is_wanted: &dyn Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = folder.read_dir_utf8() else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let (path, name) = (entry.path().to_owned(), entry.file_name().to_owned());
            if !is_wanted(&name) {
                continue;
            }
            let below = path.strip_prefix(root).unwrap().to_string();
            if path.is_symlink() {
                found.insert(below, format!("-> {}", std::fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                found.insert(below, "/".to_owned());
                open.push(path);
            } else {
                found.insert(below, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

/// What must not be lost: everything that a side has and that is not as it was in step.
struct Witness {
    changed: BTreeSet<String>,
    all: BTreeSet<String>,
}

impl Witness {
    fn of(pair: &Pair) -> Self {
        let all: BTreeSet<String> =
            Side::BOTH.into_iter().flat_map(|side| pair.tree(side).into_values()).collect();
        let is_base = |text: &str| text.starts_with("base of") || text == "-> keep";
        let changed = all.iter().filter(|text| !is_base(text)).cloned().collect();
        Self { changed, all }
    }

    /// Right after something went wrong: nothing is lost, wherever it is by now.
    fn assert_nothing_lost(&self, pair: &Pair, what: &str) {
        let mut there = pair.trash();
        for side in Side::BOTH {
            there.extend(pair.tree(side).into_values());
        }
        let lost: Vec<&String> = self.all.difference(&there).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}");
    }

    /// After a run that completed it: what was changed is on both sides.
    fn assert_complete(&self, pair: &Pair, what: &str) {
        pair.assert_equal(what);
        self.assert_nothing_lost(pair, what);
        let there: BTreeSet<String> = pair.tree(Side::Local).into_values().collect();
        let lost: Vec<&String> = self.changed.difference(&there).collect();
        assert!(lost.is_empty(), "{what}: not on both sides: {lost:?}");
        let leftovers: Vec<String> = pair
            .tree(Side::Local)
            .into_keys()
            .chain(pair.tree(Side::Network).into_keys())
            .filter(|path| path.ends_with(".instep-tmp"))
            .collect();
        assert!(leftovers.is_empty(), "{what}: {leftovers:?}");
    }
}

/// A folder behind a file system that fails, and how it looks from behind.
struct Failing {
    // Unmounted before the folder goes.
    mounted: Mounted,
    folder: tempfile::TempDir,
}

impl Failing {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (behind, at) = (folder.path().join("behind"), folder.path().join("at"));
        std::fs::create_dir(&behind).unwrap();
        std::fs::create_dir(&at).unwrap();
        match failing_fs::mount(&behind, &at) {
            Ok(mounted) => Some(Self { mounted, folder }),
            Err(error) => {
                tools::skip(&format!("needs to mount a FUSE file system: {error}"));
                None
            }
        }
    }

    fn path(&self, below: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(below)
    }

    /// A pair of which one root fails, and the same pair as it is from behind.
    fn pair(&self, case: &str, failing: Side) -> (Pair, Pair) {
        let behind = Pair::in_folder(&self.path("behind").join(case));
        let at = self.path("at").join(case);
        let mut front = Pair { network: behind.network.clone(), local: behind.local.clone() };
        match failing {
            Side::Network => front.network = at.join("network"),
            Side::Local => front.local = at.join("local"),
        }
        (front, behind)
    }
}

/// A whole sync for every call of it that can fail: nothing is lost, and the next run completes it.
fn fail_at_every_call(side: Side, fault: Fault) {
    let Some(failing) = Failing::mount() else { return };
    let faults = &failing.mounted.faults;
    let step = if long() { 1 } else { 47 };
    let step = if fault == Fault::Slow { step * 3 } else { step };
    let mut n = 1;
    loop {
        let what = format!("{fault:?} on the {side} side at call {n}");
        let (pair, behind) = failing.pair(&format!("{n}"), side);
        pair.prepare();
        let witness = Witness::of(&behind);
        faults.exchanges.store(n % 2 == 0, Ordering::SeqCst);
        faults.only_replaces.store(n % 3 == 0, Ordering::SeqCst);
        faults.plan(n, fault);
        let result = pair.sync();
        let calls = faults.clear();
        witness.assert_nothing_lost(&behind, &what);
        if let Err(error) = &result {
            assert!(error.hint().is_some(), "{what}: {error:?}");
        }
        let mut runs = 0;
        loop {
            let done = pair.sync().map_err(|error| format!("{what}: {error:?}")).unwrap();
            runs += 1;
            if done.problems.is_empty() {
                break;
            }
            assert!(runs < 3, "{what}: {:?}", done.problems);
        }
        witness.assert_complete(&behind, &what);
        let again = pair.sync().unwrap();
        assert_eq!((again.copied.local, again.copied.network), (0, 0), "{what}");
        std::fs::remove_dir_all(behind.network.parent().unwrap()).unwrap();
        if calls < n {
            break;
        }
        n += step;
    }
    assert!(n > 50, "only {n} calls");
}

/// One test for each, so that they run side by side.
macro_rules! fail_at_every_call {
    ($($name:ident: $side:ident, $fault:ident;)*) => {
        mod at_every_call_that_fails {
            use super::{Fault, Side, fail_at_every_call};
            $(#[test]
            fn $name() {
                fail_at_every_call(Side::$side, Fault::$fault);
            })*
        }
    };
}

fail_at_every_call! {
    once_on_the_network: Network, Once;
    once_on_the_local_side: Local, Once;
    for_good_on_the_network: Network, Gone;
    for_good_on_the_local_side: Local, Gone;
    for_want_of_room_on_the_network: Network, Full;
    for_want_of_room_on_the_local_side: Local, Full;
    short_on_the_network: Network, Short;
    short_on_the_local_side: Local, Short;
    slow_on_the_network: Network, Slow;
    slow_on_the_local_side: Local, Slow;
}

#[test]
fn what_somebody_saves_in_the_last_moment_is_kept() {
    let Some(failing) = Failing::mount() else { return };
    let faults = &failing.mounted.faults;
    let step = if long() { 1 } else { 19 };
    // What the file system can do, and whether there was something before.
    let kinds = [(true, false), (false, false), (true, true), (false, true)];
    for (number, (exchanges, only_replaces)) in kinds.into_iter().enumerate() {
        for (side, is_new) in Side::BOTH.into_iter().flat_map(|side| [(side, false), (side, true)])
        {
            // First without a fault, then with one at each call.
            let mut n = 0;
            loop {
                let what = format!("{number}, on the {side} side, new: {is_new}, at call {n}");
                let (pair, behind) = failing.pair(&format!("{side}-{number}-{is_new}-{n}"), side);
                faults.exchanges.store(exchanges, Ordering::SeqCst);
                faults.only_replaces.store(only_replaces, Ordering::SeqCst);
                pair.write(Side::Network, "other", "other");
                if !is_new {
                    pair.write(Side::Network, "edited", "before");
                }
                pair.sync().unwrap();
                pair.write(side.other(), "edited", "changed");
                let saved = ("edited".to_owned(), "saved in between".to_owned());
                *faults.saved.lock().unwrap() = Some(saved);
                if n > 0 {
                    faults.plan(n, Fault::Once);
                }
                // Whatever it says: the next run mends it.
                let _ = pair.sync();
                let calls = faults.clear();
                let was_saved = faults.saved.lock().unwrap().take().is_none();
                pair.sync().unwrap_or_else(|error| panic!("{what}: {error:?}"));
                pair.sync().unwrap_or_else(|error| panic!("{what}: {error:?}"));
                behind.assert_equal(&what);
                let mut there = behind.trash();
                there.extend(behind.tree(Side::Local).into_values());
                assert!(there.contains("changed"), "{what}: {there:?}");
                assert!(!was_saved || there.contains("saved in between"), "{what}: {there:?}");
                assert!(was_saved || n > 0, "{what}: it was not tried");
                std::fs::remove_dir_all(behind.network.parent().unwrap()).unwrap();
                if n > 0 && calls < n {
                    break;
                }
                n += step;
            }
        }
    }
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_the_next_run_completes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let command = |pair: &Pair| {
        let mut command = std::process::Command::new(instep_tests::instep());
        command.args(["mirror", "sync", "--quiet", "--network", pair.network.as_str()]);
        command.args(["--local", pair.local.as_str(), "--directory", folder.as_str()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let fill = |pair: &Pair| {
        pair.prepare();
        for number in 0..60 {
            pair.write(
                Side::Network,
                &format!("many/{}/{number}", number % 7),
                &format!("n {number}"),
            );
            pair.write(
                Side::Local,
                &format!("more/{}/{number}", number % 5),
                &format!("l {number}"),
            );
        }
    };
    let pair = Pair::in_folder(&folder.join("whole"));
    fill(&pair);
    let started = Instant::now();
    assert!(command(&pair).status().unwrap().code().is_some_and(|code| code < 2));
    let whole = started.elapsed();
    let rounds = if long() { 200 } else { 15 };
    for round in 0..rounds {
        let case = folder.join(format!("{round}"));
        let pair = Pair::in_folder(&case);
        fill(&pair);
        let witness = Witness::of(&pair);
        let moment =
            whole.mul_f64(f64::from(round) / f64::from(rounds)) + Duration::from_micros(700);
        let mut child = command(&pair).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let what = format!("round {round}, {moment:?}");
        witness.assert_nothing_lost(&pair, &what);
        pair.sync().unwrap_or_else(|error| panic!("{what}: {error:?}"));
        witness.assert_complete(&pair, &what);
        std::fs::remove_dir_all(case).unwrap();
    }
}
