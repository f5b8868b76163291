//! Mirrors on real file systems of other kinds, in images that are mounted: exFAT, which holds less than
//! others do, and XFS, on which files can share blocks.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use instep_mirror::Side;
use instep_tests::{Outcome, Project, tools};

use crate::support::{json, make_executable};

/// A file system in a file, mounted as long as it lives.
struct Disk(Utf8PathBuf);

impl Disk {
    /// `None` where this machine mounts none.
    fn exfat(project: &Project) -> Option<Self> {
        let (make, mount) = (tools::system("mkfs.exfat")?, tools::system("mount.exfat-fuse")?);
        let losetup = tools::system("losetup")?;
        let image = Self::make(project, 64 << 20, &mut Command::new(make));
        // For root, it takes nothing but a device.
        let mut attach = Command::new(&losetup);
        let device = Self::done(attach.args(["--find", "--show", image.as_str()]))?;
        let disk = Self::mount(project, Utf8Path::new(device.trim()), &mut Command::new(mount));
        // Given back when it is unmounted.
        let _ = Command::new(losetup).args(["--detach", device.trim()]).status();
        disk
    }

    /// `None` where this machine mounts none.
    fn xfs(project: &Project) -> Option<Self> {
        let mut make = Command::new(tools::system("mkfs.xfs")?);
        let mut mount = Command::new(tools::system("mount")?);
        let image = Self::make(project, 320 << 20, make.args(["-q", "-m", "reflink=1"]));
        Self::mount(project, &image, mount.args(["-o", "loop"]))
    }

    fn make(project: &Project, size: u64, make: &mut Command) -> Utf8PathBuf {
        let image = project.temp().join("image");
        std::fs::File::create(&image).unwrap().set_len(size).unwrap();
        assert!(make.arg(&image).stdout(Stdio::null()).status().unwrap().success());
        image
    }

    fn mount(project: &Project, from: &Utf8Path, mount: &mut Command) -> Option<Self> {
        let at = project.path("disk");
        std::fs::create_dir(&at).unwrap();
        Self::done(mount.args([from, &at]))?;
        Some(Self(at))
    }

    /// What a command said; the calling test is skipped where it failed.
    fn done(command: &mut Command) -> Option<String> {
        let output = command.output().unwrap();
        if output.status.success() {
            return Some(String::from_utf8(output.stdout).unwrap());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        tools::skip(&format!("needs to mount an image: {}", said.trim()));
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let is_unmounted =
            Command::new("umount").arg(&self.0).status().is_ok_and(|it| it.success());
        if !is_unmounted {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}

/// A mirror of which one side, or both, lie on a disk of another kind.
struct Mirror {
    // Unmounted before the folder goes.
    disk: Disk,
    project: Project,
    folders: [&'static str; 2],
}

impl Mirror {
    /// One side on exFAT, the other one where the tests are.
    fn on_exfat(side: Side) -> Option<Self> {
        let project = Project::new();
        let disk = Disk::exfat(&project)?;
        let folders = match side {
            Side::Network => ["disk/net", "local"],
            Side::Local => ["net", "disk/local"],
        };
        Some(Self::new(disk, project, folders))
    }

    fn new(disk: Disk, project: Project, folders: [&'static str; 2]) -> Self {
        for folder in folders {
            std::fs::create_dir(project.path(folder)).unwrap();
        }
        let [network, local] = folders;
        let config = format!("[mirror.default]\nnetwork = '{network}'\nlocal = '{local}'\n");
        project.write("instep.toml", config);
        Self { disk, project, folders }
    }

    fn at(&self, side: Side, path: &str) -> Utf8PathBuf {
        let [network, local] = self.folders;
        let folder = if side == Side::Network { network } else { local };
        self.project.path(folder).join(path)
    }

    fn write(&self, side: Side, path: &str, text: &str) {
        let path = self.at(side, path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[track_caller]
    fn read(&self, side: Side, path: &str) -> String {
        std::fs::read_to_string(self.at(side, path)).unwrap()
    }

    fn rename(&self, side: Side, from: &str, to: &str) {
        std::fs::rename(self.at(side, from), self.at(side, to)).unwrap();
    }

    /// The names in a folder of a side, but for ours.
    fn names(&self, side: Side, folder: &str) -> Vec<String> {
        let entries = self.at(side, folder).read_dir_utf8().unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.retain(|name| name != ".instep-mirror" && name != ".sync_log.json");
        names.sort();
        names
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.project.run([&["mirror"], args].concat())
    }

    #[track_caller]
    fn sync(&self) -> Outcome {
        self.run(&["sync"]).success()
    }

    /// Asserts that another sync has nothing to do.
    #[track_caller]
    fn assert_idle(&self) {
        let done = json(&self.run(&["sync", "--json"]).success().stdout);
        let copied = (&done["copied"]["network"], &done["copied"]["local"]);
        assert_eq!(copied, (&0.into(), &0.into()), "{done}");
        assert_eq!(done["deleted"]["network"], 0, "{done}");
        assert_eq!(done["deleted"]["local"], 0, "{done}");
        self.run(&["status"]).success();
    }
}

#[test]
fn exfat_has_what_the_other_side_has_and_a_second_sync_does_nothing() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        for (path, text) in [("a.txt", "one"), ("d/e/b", "two"), (".hidden", "three"), ("ü b", "")]
        {
            mirror.write(side, path, text);
            mirror.write(side.other(), &format!("other/{path}"), text);
        }
        mirror.sync();
        mirror.assert_idle();
        for (path, text) in [("a.txt", "one"), ("other/d/e/b", "two"), ("other/ü b", "")] {
            assert_eq!(mirror.read(Side::Network, path), text);
            assert_eq!(mirror.read(Side::Local, path), text);
        }
        // What is replaced and deleted is in the trash there, too.
        mirror.write(side.other(), "a.txt", "changed");
        std::fs::remove_file(mirror.at(side.other(), "d/e/b")).unwrap();
        mirror.sync();
        assert_eq!(mirror.read(side, "a.txt"), "changed");
        let status = json(&mirror.run(&["status", "--json"]).success().stdout);
        let trash = status["trash"][side.as_str()].as_array().unwrap();
        let paths: Vec<&str> = trash.iter().map(|one| one["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["a.txt", "d/e/b"]);
        mirror.assert_idle();
        drop(mirror.disk);
    }
}

#[test]
fn names_that_exfat_cannot_tell_apart_are_reported_and_nothing_is_overwritten() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        let whole = side.other();
        for (path, text) in [("README", "one"), ("Readme", "two"), ("D/a", "3"), ("d/a", "4")] {
            mirror.write(whole, path, text);
        }
        mirror.write(whole, "stays", "5");
        // Two small letters of one capital.
        mirror.write(whole, "\u{3c3}", "small sigma");
        mirror.write(whole, "\u{3c2}", "final sigma");
        for _ in 0..2 {
            let outcome = mirror.run(&["sync"]).exit(1);
            for name in ["README", "D", "\u{3c2}"] {
                let expected = format!("the other side cannot tell it from `{name}`");
                assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
            }
            assert_eq!(mirror.names(side, ""), ["D", "README", "stays", "\u{3c2}"]);
            assert_eq!(mirror.read(side, "README"), "one");
            assert_eq!(mirror.read(whole, "Readme"), "two");
            assert_eq!(mirror.read(whole, "d/a"), "4");
        }
        // The other one takes the name when it is free.
        std::fs::remove_file(mirror.at(whole, "README")).unwrap();
        std::fs::remove_dir_all(mirror.at(whole, "D")).unwrap();
        std::fs::remove_file(mirror.at(whole, "\u{3c2}")).unwrap();
        mirror.sync();
        assert_eq!(mirror.names(side, ""), ["Readme", "d", "stays", "\u{3c3}"]);
        assert_eq!(mirror.read(side, "Readme"), "two");
        assert_eq!(mirror.read(side, "d/a"), "4");
        mirror.assert_idle();
    }
}

#[test]
fn a_name_that_only_changes_its_case_is_carried_to_and_from_exfat() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        mirror.write(Side::Network, "name.txt", "one");
        mirror.write(Side::Network, "folder/inside/a", "two");
        mirror.sync();
        let table = [
            (side.other(), "name.txt", "Name.txt"),
            (side, "Name.txt", "NAME.txt"),
            (side.other(), "folder", "Folder"),
            (side, "Folder", "FOLDER"),
        ];
        for (renamed, from, to) in table {
            mirror.rename(renamed, from, to);
            mirror.sync();
            for side in Side::BOTH {
                let names = mirror.names(side, "");
                assert!(names.iter().any(|name| name == to), "{side}: {names:?}");
                assert_eq!(names.len(), 2, "{side}: {names:?}");
            }
            mirror.assert_idle();
        }
        assert_eq!(mirror.read(side, "NAME.txt"), "one");
        assert_eq!(mirror.read(side, "FOLDER/inside/a"), "two");
        assert_eq!(mirror.read(side.other(), "FOLDER/inside/a"), "two");
    }
}

#[test]
fn names_that_a_side_cannot_hold_are_reported_as_such() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        let odd = ["a:b", "what?", "tab\there", "d:/inside", "back\\slash"];
        for path in odd {
            mirror.write(side.other(), path, "odd");
        }
        // What Windows does not hold, and exFAT does.
        for path in ["aux.txt", "good"] {
            mirror.write(side.other(), path, "good");
        }
        // 200 letters, and twice as many bytes.
        let long = "ü".repeat(200);
        mirror.write(side, &long, "long");
        for _ in 0..2 {
            let outcome = mirror.run(&["sync"]).exit(1);
            let held = outcome.stderr.matches("the other side cannot hold its name").count();
            assert_eq!(held, odd.len() + 1, "{}", outcome.stderr);
            assert!(!outcome.stderr.contains("os error"), "{}", outcome.stderr);
            assert_eq!(mirror.names(side, ""), ["aux.txt", "good", long.as_str()]);
        }
        for path in odd {
            assert_eq!(mirror.read(side.other(), path), "odd");
        }
    }
}

#[test]
fn links_are_reported_where_exfat_holds_none() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        mirror.write(side.other(), "d/a", "one");
        std::os::unix::fs::symlink("a", mirror.at(side.other(), "d/link")).unwrap();
        for _ in 0..2 {
            let outcome = mirror.run(&["sync"]).exit(1);
            assert!(
                outcome.stderr.contains("it is a link, and the other side holds none"),
                "{}",
                outcome.stderr
            );
            assert!(!outcome.stderr.contains("os error"), "{}", outcome.stderr);
            assert_eq!(mirror.names(side, "d"), ["a"]);
            assert!(mirror.at(side.other(), "d/link").is_symlink());
        }
    }
}

#[test]
fn what_may_be_executed_stays_so_on_the_way_over_exfat() {
    use std::os::unix::fs::PermissionsExt as _;

    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        let whole = side.other();
        for path in ["run.sh", "plain.txt"] {
            mirror.write(whole, path, "text");
        }
        make_executable(&mirror.at(whole, "run.sh"));
        let is_executable = |path: &str| {
            std::fs::metadata(mirror.at(whole, path)).unwrap().permissions().mode() & 0o100 != 0
        };
        mirror.sync();
        mirror.assert_idle();
        mirror.write(side, "run.sh", "changed there");
        mirror.write(side, "plain.txt", "changed there");
        mirror.write(side, "new.txt", "made there");
        mirror.sync();
        assert_eq!(mirror.read(whole, "run.sh"), "changed there");
        assert!(is_executable("run.sh"));
        assert!(!is_executable("plain.txt"));
        assert!(!is_executable("new.txt"));
        mirror.assert_idle();
    }
}

#[test]
fn a_change_right_after_a_sync_is_found_by_the_clock_of_exfat() {
    for side in Side::BOTH {
        let Some(mirror) = Mirror::on_exfat(side) else { return };
        for round in 0..4 {
            let texts = [format!("first {round}"), format!("again {round}")];
            for text in texts {
                mirror.write(side, "a.txt", &text);
                mirror.sync();
                assert_eq!(mirror.read(side.other(), "a.txt"), text);
            }
        }
        mirror.assert_idle();
    }
}

/// Text that nothing makes smaller.
fn noise(seed: u64) -> Vec<u8> {
    let mut moments = seed;
    let mut bytes = Vec::with_capacity(16 << 20);
    while bytes.len() < 16 << 20 {
        moments = moments.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(moments.to_le_bytes());
    }
    bytes
}

/// Whether some of the blocks of a file are another one's as well.
fn shares_blocks(path: &Utf8Path) -> Option<bool> {
    let program = tools::system("filefrag")?;
    let output = Command::new(program).args(["-v", path.as_str()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).contains("shared"))
}

#[test]
fn large_files_share_their_blocks_where_the_file_system_can() {
    let project = Project::new();
    let Some(disk) = Disk::xfs(&project) else { return };
    let mirror = Mirror::new(disk, project, ["disk/net", "disk/local"]);
    let mut from = Side::Network;
    for seed in 1..4 {
        std::fs::write(mirror.at(from, "large.bin"), noise(seed)).unwrap();
        mirror.sync();
        let at = mirror.at(from.other(), "large.bin");
        assert!(std::fs::read(&at).unwrap() == noise(seed), "{seed}");
        let Some(is_shared) = shares_blocks(&at) else { return };
        assert!(is_shared, "{seed}");
        mirror.assert_idle();
        from = from.other();
    }
}

#[test]
fn between_two_file_systems_large_files_are_copied() {
    for folders in [["disk/net", "local"], ["net", "disk/local"]] {
        let project = Project::new();
        let Some(disk) = Disk::xfs(&project) else { return };
        let mirror = Mirror::new(disk, project, folders);
        for (seed, from) in [(5, Side::Network), (6, Side::Local)] {
            std::fs::write(mirror.at(from, "large.bin"), noise(seed)).unwrap();
            mirror.sync();
            let at = mirror.at(from.other(), "large.bin");
            assert!(std::fs::read(&at).unwrap() == noise(seed), "{seed}");
            let Some(is_shared) = shares_blocks(&at) else { return };
            assert!(!is_shared, "{seed}");
            mirror.assert_idle();
        }
    }
}
