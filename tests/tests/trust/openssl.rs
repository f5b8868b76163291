//! Key files are a standard format: openssl reads those that are made here, and writes some that are taken.

use std::process::Command;

use base64::Engine as _;
use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::{Digest, KeyProblem, TrustProblem};
use instep_tests::tools;

use super::*;

fn run(openssl: &Utf8Path, password: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(openssl).args(arguments).env("PASSWORD", password).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The openssl of this machine, and the commands that make keys with it.
struct OpenSsl(Utf8PathBuf);

impl OpenSsl {
    fn run(&self, arguments: &[&str]) -> String {
        let (is_good, text) = run(&self.0, PASSWORD, arguments);
        assert!(is_good, "{arguments:?}: {text}");
        text
    }

    fn make(&self, world: &World, name: &str, arguments: &[&str]) {
        let path = world.key(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        self.run(&[&["genpkey", "-out", path.as_str()], arguments].concat());
    }
}

const ENCRYPTED: [&str; 3] = ["-aes-256-cbc", "-pass", "env:PASSWORD"];
const RSA: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

#[test]
fn openssl_reads_the_keys_that_are_made_and_only_with_the_password() {
    let Some(openssl) = tools::system("openssl") else { return };
    let world = World::new();
    let root = world.ensure_root().unwrap();
    for name in ["root", "targets", "snapshot", "timestamp"] {
        let path = world.key(name);
        let read = ["pkey", "-in", path.as_str(), "-passin", "env:PASSWORD", "-pubout"];
        let (is_good, _) = run(&openssl, "wrong", &read);
        assert!(!is_good);
        let (is_good, text) = run(&openssl, PASSWORD, &read);
        assert!(is_good, "{text}");
        let line = text.lines().nth(1).unwrap();
        let public = base64::engine::general_purpose::STANDARD.decode(line).unwrap();
        // RFC 8410: the last 32 bytes are the key.
        let digits = Digest::from(<[u8; 32]>::try_from(&public[12..]).unwrap()).hex();
        assert!(String::from_utf8_lossy(&root.bytes).contains(&digits), "{name}");
        let (_, text) = run(&openssl, PASSWORD, &["asn1parse", "-in", path.as_str()]);
        for object in ["PBES2", ":scrypt", "aes-256-cbc"] {
            assert!(text.contains(object), "{text}");
        }
    }
}

#[test]
fn keys_that_openssl_made_sign() {
    let Some(openssl) = tools::system("openssl").map(OpenSsl) else { return };
    let world = World::new();
    openssl.make(&world, "root", &[&RSA[..], &ENCRYPTED].concat());
    openssl.make(&world, "targets", &[&P256[..], &ENCRYPTED].concat());
    openssl.make(&world, "snapshot", &[&["-algorithm", "ED25519"], &ENCRYPTED[..]].concat());
    // A key that had no password gets one, by scrypt.
    openssl.make(&world, "plain", &["-algorithm", "ED25519"]);
    let (plain, timestamp) = (world.key("plain"), world.key("timestamp"));
    let convert = ["pkcs8", "-topk8", "-scrypt", "-passout", "env:PASSWORD"];
    openssl.run(&[&convert[..], &["-in", plain.as_str(), "-out", timestamp.as_str()]].concat());
    let root = world.ensure_root().unwrap();
    assert_eq!(root.made, []);
    let version = world.sign();
    assert_eq!(world.verify(&root).unwrap().version, version);
}

#[test]
fn keys_without_a_password_or_of_another_kind_are_refused() {
    let Some(openssl) = tools::system("openssl").map(OpenSsl) else { return };
    let label = "PRIVATE KEY".to_owned();
    let table: [(&[&str], bool, KeyProblem); 4] = [
        (&["-algorithm", "ED25519"], false, KeyProblem::NotEncrypted { label }),
        (&["-algorithm", "ED448"], true, KeyProblem::Kind),
        (&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], true, KeyProblem::Kind),
        (&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], true, KeyProblem::Kind),
    ];
    for (arguments, is_encrypted, expected) in table {
        let world = World::new();
        let encrypted = if is_encrypted { &ENCRYPTED[..] } else { &[] };
        openssl.make(&world, "root", &[arguments, encrypted].concat());
        let error = world.ensure_root().unwrap_err();
        let Error::Trust(TrustProblem::Key { path, problem }) = error else { panic!("{error:?}") };
        assert_eq!((path, problem), (world.key("root"), expected));
        assert!(!world.settings.folder.join("root.json").exists());
    }
}
