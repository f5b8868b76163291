//! What is signed here is TUF: its reference implementation, python-tuf, comes to the same verdicts.

use std::process::Command;

use instep_bundle::renew_root;
use instep_tests::tools;

use super::*;

/// Runs python-tuf's client over the bundle, with a root that is trusted; its error, where it refuses.
fn referee(python: &Utf8PathBuf, world: &World, root: &TrustRoot) -> Result<(), String> {
    let trusted = world.folder.join("trusted.json");
    fs_err::write(&trusted, &root.bytes).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trust/referee.py");
    let command =
        Command::new(python).args([script, world.bundle().as_str(), trusted.as_str()]).output();
    let output = command.unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(3) => Err(text),
        _ => panic!("{text}"),
    }
}

fn python() -> Option<Utf8PathBuf> {
    let python = tools::require("python")?;
    let has_tuf = Command::new(&python).args(["-c", "import tuf, cryptography"]).status().unwrap();
    if !has_tuf.success() {
        tools::skip("needs python-tuf, which is not among the tools");
        return None;
    }
    Some(python)
}

#[test]
fn the_reference_implementation_accepts_what_is_signed_and_follows_a_renewed_root() {
    let Some(python) = python() else { return };
    let mut world = World::new();
    let root = world.ensure_root().unwrap();
    world.sign();
    referee(&python, &world, &root).unwrap();

    world.settings.root.keys = vec!["root-2".parse().unwrap()];
    world.settings.timestamp.keys = vec!["timestamp-2".parse().unwrap()];
    let before = ["root".parse().unwrap()];
    let mut password = |_: &_| Ok(SecretString::from(PASSWORD));
    let cancel = CancelToken::new();
    let now = Timestamp::now();
    renew_root(&world.settings, &before, &mut password, now, &mut |_| {}, &cancel).unwrap();
    world.sign();
    referee(&python, &world, &root).unwrap();
    assert_eq!(world.verify(&root).unwrap().root_version, 2);
}

#[test]
fn the_reference_implementation_refuses_what_is_refused_here() {
    let Some(python) = python() else { return };
    let world = World::new();
    let root = world.ensure_root().unwrap();
    world.sign();
    let bundle = world.bundle();
    for name in ["timestamp", "snapshot", "targets"] {
        let path = bundle.join(format!("metadata/{name}.json"));
        let good = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, good.replace("\"expires\":\"2", "\"expires\":\"3")).unwrap();
        let refused = referee(&python, &world, &root).unwrap_err();
        assert!(!refused.is_empty());
        assert!(matches!(world.verify(&root).unwrap_err(), Error::Refused { .. }));
        fs_err::write(&path, good).unwrap();
    }
    fs_err::write(bundle.join("a/b c"), "y").unwrap();
    referee(&python, &world, &root).unwrap_err();
    fs_err::write(bundle.join("a/b c"), "x").unwrap();

    let other = World::new().ensure_root().unwrap();
    referee(&python, &world, &other).unwrap_err();
    assert!(matches!(world.verify(&other).unwrap_err(), Error::Refused { .. }));
    referee(&python, &world, &root).unwrap();
}
