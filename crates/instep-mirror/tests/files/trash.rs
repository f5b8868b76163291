//! What comes back from the trash, and what is in it.

#[cfg(unix)]
use fs_err as fs;
use instep_mirror::Side;

use crate::pair::Pair;

#[cfg(unix)]
#[test]
fn links_and_what_may_be_executed_come_back_from_the_trash_of_the_network() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let pair = Pair::new();
    pair.write(Side::Network, "d/run.sh", "#!/bin/sh\n");
    let permissions = std::fs::Permissions::from_mode(0o750);
    fs::set_permissions(pair.at(Side::Network, "d/run.sh"), permissions).unwrap();
    symlink("run.sh", pair.at(Side::Network, "d/link")).unwrap();
    pair.write(Side::Network, "stays", "1");
    pair.sync();
    fs::remove_dir_all(pair.at(Side::Local, "d")).unwrap();
    pair.sync();
    assert!(!pair.at(Side::Network, "d").exists());
    let mirror = pair.mirror();
    mirror.restore("d/link").unwrap();
    mirror.restore("d/run.sh").unwrap();
    assert_eq!(fs::read_link(pair.at(Side::Local, "d/link")).unwrap().to_str(), Some("run.sh"));
    assert_eq!(pair.read(Side::Local, "d/run.sh").as_deref(), Some("#!/bin/sh\n"));
    let mode = fs::metadata(pair.at(Side::Local, "d/run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
    // They stay where others find them as well.
    assert_eq!(mirror.trash(Side::Network).unwrap().len(), 2);
    pair.sync();
    pair.assert_equal();
}

#[test]
fn what_else_lies_in_the_trash_is_no_run() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.write(Side::Network, ".instep-mirror/trash/20200101T000000000Z", "a file");
    pair.write(Side::Network, ".instep-mirror/trash/20/x", "short");
    pair.write(Side::Network, ".instep-mirror/trash/20200101-mine-and-old/x", "mine");
    pair.sync();
    let found: Vec<String> =
        pair.mirror().trash(Side::Network).unwrap().into_iter().map(|one| one.time).collect();
    assert_eq!(found, ["20200101-mine-and-old", "20"]);
    let file = pair.read(Side::Network, ".instep-mirror/trash/20200101T000000000Z");
    assert_eq!(file.as_deref(), Some("a file"));
}

#[cfg(unix)]
#[test]
fn what_replaces_a_file_is_open_to_nobody_to_whom_either_was_not() {
    use std::os::unix::fs::PermissionsExt as _;

    // The original's, that of what is replaced, and the outcome.
    let table = [
        (0o644, 0o600, 0o600),
        (0o600, 0o644, 0o600),
        (0o640, 0o664, 0o640),
        (0o755, 0o700, 0o700),
        (0o700, 0o755, 0o700),
        (0o644, 0o444, 0o444),
    ];
    for (original, replaced, expected) in table {
        let pair = Pair::new();
        let set = |side: Side, mode: u32| {
            let permissions = std::fs::Permissions::from_mode(mode);
            fs::set_permissions(pair.at(side, "a"), permissions).unwrap();
        };
        pair.write(Side::Network, "a", "1");
        set(Side::Network, original);
        pair.sync();
        set(Side::Local, replaced);
        pair.write(Side::Network, "a", "changed");
        pair.sync();
        assert_eq!(pair.read(Side::Local, "a").as_deref(), Some("changed"));
        let found = fs::metadata(pair.at(Side::Local, "a")).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, expected, "{original:o} over {replaced:o}: {found:o}");
    }
}

#[cfg(unix)]
#[test]
fn what_replaces_a_link_has_nothing_of_where_it_led() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let pair = Pair::new();
    pair.write(Side::Network, "secret", "1");
    let permissions = std::fs::Permissions::from_mode(0o600);
    fs::set_permissions(pair.at(Side::Network, "secret"), permissions).unwrap();
    symlink("secret", pair.at(Side::Network, "link")).unwrap();
    pair.sync();
    pair.remove(Side::Network, "link");
    pair.write(Side::Network, "link", "a file by now");
    let permissions = std::fs::Permissions::from_mode(0o644);
    fs::set_permissions(pair.at(Side::Network, "link"), permissions).unwrap();
    pair.sync();
    let found = fs::symlink_metadata(pair.at(Side::Local, "link")).unwrap();
    assert!(found.is_file());
    assert_eq!(found.permissions().mode() & 0o777, 0o644);
    assert_eq!(pair.read(Side::Local, "secret").as_deref(), Some("1"));
}
