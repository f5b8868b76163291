//! Power cuts, as a file system sees them: a disk in an image, of which the file system is shut down at any
//! moment of a sync without another word to the disk, and mounted again. What the disk did not get is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use instep_mirror::{Event, Mirror, Settings, Side, SyncRequest};
use instep_tests::{long, tools};

/// Large enough in sum for a sync not to wait for the disk.
const LARGE: usize = 16;
const SIZE: usize = 5 << 20;
const SMALL: usize = 40;

/// A file system in an image.
struct Disk {
    image: Utf8PathBuf,
    at: Utf8PathBuf,
    power: Utf8PathBuf,
    /// Without a journal, a file system has to be checked.
    check: Option<Utf8PathBuf>,
}

impl Disk {
    /// `None` where this machine mounts none.
    fn new(folder: &Utf8Path, make: &str, options: &[&str], is_orderly: bool) -> Option<Self> {
        let (make, power) = (tools::system(make)?, tools::system("xfs_io")?);
        let check = if is_orderly { None } else { Some(tools::system("e2fsck")?) };
        let disk = Self { image: folder.join("image"), at: folder.join("disk"), power, check };
        std::fs::create_dir_all(&disk.at).unwrap();
        File::create(&disk.image).unwrap().set_len(400 << 20).unwrap();
        let mut make = Command::new(make);
        make.args(options).arg(&disk.image).stdout(Stdio::null());
        assert!(make.status().unwrap().success());
        if disk.mount() {
            return Some(disk);
        }
        tools::skip("needs to mount an image");
        None
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop", self.image.as_str(), self.at.as_str()]);
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn unmount(&self) -> bool {
        let mut unmount = Command::new("umount");
        unmount.arg(&self.at).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// From now on, the disk gets nothing more.
    fn cut(&self) {
        let mut cut = Command::new(&self.power);
        cut.args(["-x", "-c", "shutdown", self.at.as_str()]);
        assert!(cut.stdout(Stdio::null()).status().unwrap().success());
    }

    /// Brings what there is to the disk, as the system does by and by.
    fn flush(&self) {
        // Cut off in between, it fails.
        let _ = File::open(&self.at).map(|disk| rustix::fs::syncfs(&disk));
    }

    /// Brings the file system in order, as a machine does that starts.
    fn check(&self) {
        if let Some(check) = self.check.as_ref() {
            let mut check = Command::new(check);
            // It ends with 1 where something was not in order, and is now.
            check.args(["-fy", self.image.as_str()]).stdout(Stdio::null()).stderr(Stdio::null());
            assert!(check.status().unwrap().code().is_some_and(|code| code <= 1));
        }
    }

    fn start_again(&self) {
        let begin = Instant::now();
        while !self.unmount() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the disk stays in use");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.check();
        assert!(self.mount(), "the disk cannot be mounted any more");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.unmount() {
            let _ = Command::new("umount").arg("-l").arg(&self.at).status();
        }
    }
}

/// Small numbers that look like chance, the same ones each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn large(number: usize, version: u8) -> Vec<u8> {
    let line = format!("file {number}, version {version}, ");
    let mut content = line.repeat(SIZE / line.len() + 1).into_bytes();
    content.truncate(SIZE);
    content
}

fn write(root: &Utf8Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn fill(network: &Utf8Path) {
    for number in 0..LARGE {
        write(network, &format!("large/{number}"), large(number, 1));
    }
    for number in 0..SMALL {
        write(network, &format!("small/{}/{number}", number % 5), format!("small {number}"));
    }
    std::fs::create_dir(network.join("empty")).unwrap();
    std::os::unix::fs::symlink("large/1", network.join("link")).unwrap();
}

/// What a colleague does: replaces, adds, deletes, and makes a folder of a file.
fn edit(network: &Utf8Path) {
    for number in 0..LARGE {
        write(network, &format!("large/{number}"), large(number, 2));
    }
    for number in 0..SMALL {
        let path = format!("small/{}/{number}", number % 5);
        match number % 4 {
            0 => write(network, &path, format!("changed {number}")),
            1 => std::fs::remove_file(network.join(path)).unwrap(),
            _ => write(network, &format!("new/{number}/x"), "new"),
        }
    }
    std::fs::remove_file(network.join("small/2/2")).unwrap();
    write(network, "small/2/2/inside", "a folder by now");
    std::fs::remove_dir(network.join("empty")).unwrap();
    std::fs::remove_file(network.join("link")).unwrap();
    std::os::unix::fs::symlink("large/2", network.join("link")).unwrap();
}

/// Everything in a root but what is ours, by path: the hash of a file, where a link leads.
fn tree(root: &Utf8Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if matches!(entry.file_name(), ".instep-mirror" | ".sync_log.json") {
                continue;
            }
            let text = if kind.is_dir() {
                open.push(path.to_owned());
                "a folder".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", path.read_link_utf8().unwrap())
            } else {
                let content = std::fs::read(path).unwrap();
                let start: Vec<u8> = content.iter().copied().take(40).collect();
                format!("{} {} {:?}", content.len(), sum(&content), String::from_utf8_lossy(&start))
            };
            found.insert(path.strip_prefix(root).unwrap().to_string(), text);
        }
    }
    found
}

/// Enough to tell a file from one of which a part is missing.
fn sum(content: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hasher::write(&mut hasher, content);
    std::hash::Hasher::finish(&hasher)
}

/// What the cuts met, over all rounds.
#[derive(Debug, Default)]
struct Met {
    /// The next sync had to look again.
    looked: usize,
    /// A file was there of which the disk had not got all.
    torn: usize,
}

fn cut_the_power(make: &str, options: &[&str], is_orderly: bool) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut met = Met::default();
    for round in 0..if long() { 100 } else { 5 } {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let Some(disk) = Disk::new(folder, make, options, is_orderly) else { return };
        one_round(folder, &disk, round, &mut chance, &mut met);
    }
    assert!(met.looked > 0, "nothing was cut: {met:?}");
    assert!(met.torn > 0 || !long(), "nothing was torn: {met:?}");
}

fn one_round(folder: &Utf8Path, disk: &Disk, round: u64, chance: &mut Chance, met: &mut Met) {
    let (network, local) = (folder.join("network"), disk.at.join("local"));
    let what = format!("round {round}");
    let mirror = Mirror::open(&network, &local, Settings::default()).unwrap();
    let sync =
        |on_event: &mut dyn FnMut(Event)| mirror.sync(SyncRequest::default(), on_event, &|| false);
    fill(&network);
    let before = tree(&network);
    let is_second = !round.is_multiple_of(2);
    if is_second {
        sync(&mut |_| {}).unwrap();
        disk.flush();
        edit(&network);
    }
    let wanted = tree(&network);
    let (flush_after, cut_after) = (chance.below(400), chance.below(200));
    std::thread::scope(|scope| {
        // An error is what it gets.
        scope.spawn(|| drop(sync(&mut |_| {})));
        std::thread::sleep(Duration::from_millis(flush_after));
        if !round.is_multiple_of(4) {
            scope.spawn(|| disk.flush());
        }
        std::thread::sleep(Duration::from_millis(cut_after));
        disk.cut();
    });
    disk.start_again();
    assert!(tree(&network) == wanted, "{what}: the network is not as it was");
    if local.exists() {
        let is_torn = |(path, text): &(String, String)| {
            !path.ends_with(".instep-tmp")
                && ![&before, &wanted].iter().any(|tree| tree.get(path) == Some(text))
        };
        met.torn += usize::from(tree(&local).into_iter().any(|one| is_torn(&one)));
    }
    // Work goes on before the next sync.
    write(&local, "mine", "written after the start");
    let mut has_looked = false;
    let done = sync(&mut |event| has_looked |= matches!(event, Event::Unflushed { .. }));
    let done = done.map_err(|error| format!("{what}: {error:?}")).unwrap();
    met.looked += usize::from(has_looked);
    assert!(done.problems.is_empty(), "{what}: {done:?}");
    let mut wanted = wanted;
    wanted.insert("mine".to_owned(), tree(&local).remove("mine").unwrap());
    for side in Side::BOTH {
        let found = tree(mirror.root(side));
        if disk.check.is_some() {
            // Then what is not whole may be taken for somebody's: all is there, under some name.
            let there: BTreeSet<&String> = found.values().collect();
            let lost: Vec<_> = wanted.iter().filter(|(_, text)| !there.contains(text)).collect();
            assert!(lost.is_empty(), "{what}, {side}: {lost:?}");
            continue;
        }
        assert!(done.conflicts.is_empty(), "{what}: {done:?}");
        let differ = |(path, text): &(&String, &String)| found.get(*path) != Some(*text);
        let missing: Vec<_> = wanted.iter().filter(differ).collect();
        assert!(missing.is_empty(), "{what}, {side}: {missing:?}");
        let extra: Vec<_> = found.keys().filter(|path| !wanted.contains_key(*path)).collect();
        assert!(extra.is_empty(), "{what}, {side}: {extra:?}");
    }
    let again = sync(&mut |_| {}).unwrap();
    assert_eq!((again.copied.local, again.copied.network), (0, 0), "{what}");
}

#[test]
fn a_power_cut_tears_no_file_for_good_on_ext4() {
    cut_the_power("mkfs.ext4", &["-q"], true);
}

#[test]
fn a_power_cut_loses_nothing_without_a_journal() {
    cut_the_power("mkfs.ext4", &["-q", "-O", "^has_journal"], false);
}

#[test]
fn a_power_cut_tears_no_file_for_good_on_xfs() {
    cut_the_power("mkfs.xfs", &["-q", "-f"], true);
}
