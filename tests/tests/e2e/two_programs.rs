//! `instep` and `instep-network`, which lies beside it.

use std::process::Command;

use camino::Utf8Path;
use fs_err as fs;
use instep_tests::instep;

const WINDOWS: bool = cfg!(windows);

fn copy(name: &str, to: &Utf8Path) {
    let name = if WINDOWS { [name, ".exe"].concat() } else { name.to_owned() };
    fs::copy(instep().with_file_name(&name), to.join(&name)).unwrap();
}

fn digest(program: &Utf8Path) -> (Option<i32>, String) {
    let output =
        Command::new(program).args(["wheels", "digest", "nothing", "-q"]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).replace('\r', ""))
}

#[test]
fn a_command_of_the_network_says_so_where_its_program_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    copy("instep", folder);
    let (code, stderr) = digest(&folder.join("instep"));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot start") && stderr.contains("instep-network"), "{stderr}");
    assert!(stderr.contains("install both, of the same version"), "{stderr}");

    copy("instep-network", folder);
    let (code, stderr) = digest(&folder.join("instep"));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot read") && stderr.contains("nothing"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_link_to_the_command_finds_the_program_beside_what_it_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let link = folder.join("step");
    fs::os::unix::fs::symlink(fs::canonicalize(instep()).unwrap(), &link).unwrap();
    let (code, stderr) = digest(&link);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("cannot read") && stderr.contains("nothing"), "{stderr}");
}
