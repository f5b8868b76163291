//! A small bundle, signed, and everything that can be done to it.

mod attacks;
mod forged;
mod keys;
mod rotation;
mod time;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use instep_keys::Role;
use instep_tools::CancelToken;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tough::schema::{Role as TufRole, Signed, Snapshot, Targets, Timestamp as TimestampRole};
use tough::sign::Sign as _;

use super::key::Keys;
use super::*;
use crate::digest::Digest;
use crate::error::Error;

/// What is in the bundle but its metadata.
const FILES: [(&str, &str); 6] = [
    ("bundle.json", "{\"format\": 1}\n"),
    ("images/python.tar", "an image\n"),
    ("instep.toml", "[bundle]\n"),
    ("models/größe/名.bin", "weights, weights\n"),
    ("project/requirements.txt", "demo==1.0\n"),
    ("wheels/demo-1.0-py3-none-any.whl", "a wheel\n"),
];

fn day(days: i64) -> Timestamp {
    let first: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * days)
}

fn role(name: &str) -> Role {
    name.parse().unwrap()
}

/// The password of each key is its name, backwards.
#[expect(clippy::unnecessary_wraps, reason = "it is what asks for passwords")]
fn password(key: &Role) -> Result<SecretString, instep_keys::Error> {
    Ok(key.as_str().chars().rev().collect::<String>().into())
}

/// A folder with a bundle, who signs for it, and a site.
struct World {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
    settings: TrustSettings,
    root: Vec<u8>,
}

impl World {
    /// A bundle that was signed at day 0. Two keys have to sign for its targets.
    fn signed() -> Self {
        static TEMPLATE: OnceLock<World> = OnceLock::new();
        TEMPLATE
            .get_or_init(|| {
                let mut world = Self::empty();
                world.settings.targets.keys = vec![role("targets"), role("targets-2")];
                world.settings.targets.threshold = NonZeroU64::new(2).unwrap();
                world.root = world.ensure_root(day(0)).unwrap().bytes;
                world.sign(day(0)).unwrap();
                world
            })
            .copy()
    }

    /// A bundle that nobody has signed.
    fn empty() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(guard.path().canonicalize().unwrap()).unwrap();
        let settings = TrustSettings::new(folder.join("trust"));
        let world = Self { _guard: guard, folder, settings, root: Vec::new() };
        for (path, text) in FILES {
            world.write(path, text);
        }
        world
    }

    fn copy(&self) -> Self {
        let copy = Self::empty();
        copy_tree(&self.folder, &copy.folder);
        let folder = copy.settings.folder.clone();
        let settings = TrustSettings { folder, ..self.settings.clone() };
        Self { settings, root: self.root.clone(), ..copy }
    }

    fn bundle(&self) -> Utf8PathBuf {
        self.folder.join("bundle")
    }

    fn seen(&self) -> Utf8PathBuf {
        self.folder.join("seen")
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.bundle().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    fn metadata(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.bundle().join("metadata").join(name)).unwrap()
    }

    fn ensure_root(&self, now: Timestamp) -> Result<TrustRoot, Error> {
        ensure_root(&self.settings, &mut password, now, &mut |_| {}, &CancelToken::new())
    }

    fn renew_root(&self, before: &[&str], now: Timestamp) -> Result<TrustRoot, Error> {
        let before: Vec<_> = before.iter().map(|name| role(name)).collect();
        let cancel = CancelToken::new();
        renew_root(&self.settings, &before, &mut password, now, &mut |_| {}, &cancel)
    }

    fn sign(&self, now: Timestamp) -> Result<SignedBundle, Error> {
        let bundle = self.bundle();
        let request =
            SignRequest { bundle: &bundle, settings: &self.settings, previous: None, now };
        sign(&request, &mut password, &mut |_| {}, &CancelToken::new())
    }

    fn verify_at(&self, now: Timestamp, seen: bool) -> Result<Verified, Error> {
        let trust = Trust { root: self.root.clone(), seen: seen.then(|| self.seen()), now };
        verify(&self.bundle(), &trust, &mut |_| {}, &CancelToken::new())
    }

    /// What speaks against the bundle an hour after day 0.
    fn faults(&self) -> Vec<String> {
        texts(self.verify_at(day(0) + SignedDuration::from_hours(1), false))
    }

    /// The files of the bundle.
    fn paths(&self) -> Vec<String> {
        let listing = files::list(&self.bundle()).unwrap();
        listing.files.keys().map(|path| path.as_str().to_owned()).collect()
    }

    /// The content of everything in a folder of it, to see that nothing changed.
    fn contents(&self, folder: &Utf8Path) -> BTreeMap<String, Digest> {
        assert!(folder.starts_with(&self.folder));
        let files = files::list(folder).unwrap().files;
        let digest = |path: instep_fs::RelativePath| {
            (path.to_string(), Digest::of_file(&path.to_path(folder)).unwrap().0)
        };
        files.into_keys().filter(|path| !path.as_str().contains("lock")).map(digest).collect()
    }

    /// Puts the metadata of another bundle in the place of this one's.
    fn take(&self, other: &Self, names: &[&str]) {
        for name in names {
            self.write(&format!("metadata/{name}"), other.metadata(name));
        }
    }
}

/// The faults of a bundle that is refused, in words; nothing where it is accepted.
fn texts(result: Result<Verified, Error>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(Error::Refused { faults, .. }) => faults.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error:?}"),
    }
}

fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(entry.path(), &to);
        } else {
            fs_err::copy(entry.path(), to).unwrap();
        }
    }
}

/// Metadata that somebody with keys has written by hand: read, changed, signed anew by `keys`, and written.
fn forge<T>(world: &World, keys: &[&str], change: impl FnOnce(&mut T)) -> Vec<u8>
where
    T: TufRole + serde::de::DeserializeOwned,
{
    let name = format!("{}.json", TopRole::from(T::TYPE));
    let mut signed: Signed<T> = serde_json::from_slice(&world.metadata(&name)).unwrap();
    change(&mut signed.signed);
    let bytes = forge_signed(world, keys, signed.signed);
    world.write(&format!("metadata/{name}"), &bytes);
    bytes
}

fn forge_signed<T: TufRole>(world: &World, keys: &[&str], signed: T) -> Vec<u8> {
    let mut opened = Keys::new(&world.settings.folder);
    let message = signed.canonical_form().unwrap();
    let mut signed = Signed { signed, signatures: Vec::new() };
    for key in keys {
        let key = opened.open(&role(key), &mut password).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let sig = crate::runtime::run(&CancelToken::new(), async {
            Ok(key.sign(&message, &random).await.unwrap())
        });
        let keyid = key.tuf_key().key_id().unwrap();
        signed.signatures.push(tough::schema::Signature { keyid, sig: sig.unwrap().into() });
    }
    canonical::bytes(&signed).unwrap()
}

/// Signs the snapshot and the timestamp anew, so that they fit what is below them.
fn forge_above(world: &World) {
    let targets = world.metadata("targets.json");
    let version = serde_json::from_slice::<Signed<Targets>>(&targets).unwrap().signed.version;
    forge(world, &["snapshot"], |it: &mut Snapshot| {
        it.meta.insert("targets.json".to_owned(), sign::meta(version, &targets));
    });
    forge_timestamp(world);
}

fn forge_timestamp(world: &World) {
    let snapshot = world.metadata("snapshot.json");
    let version = serde_json::from_slice::<Signed<Snapshot>>(&snapshot).unwrap().signed.version;
    forge(world, &["timestamp"], |it: &mut TimestampRole| {
        it.meta.insert("snapshot.json".to_owned(), sign::meta(version, &snapshot));
    });
}

#[test]
fn a_signed_bundle_is_accepted_and_says_what_is_in_it() {
    let world = World::signed();
    let verified = world.verify_at(day(1), true).unwrap();
    assert_eq!(verified.version, u64::try_from(day(0).as_second()).unwrap());
    assert_eq!((verified.root_version, verified.expires), (1, (day(90), TopRole::Timestamp)));
    let signers: Vec<_> =
        verified.signed_by.iter().map(|(role, keys)| (*role, keys.len())).collect();
    assert_eq!(signers, [(TopRole::Targets, 2), (TopRole::Snapshot, 1), (TopRole::Timestamp, 1)]);
    let files: Vec<_> = verified.files.keys().map(ToString::to_string).collect();
    let mut expected: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    expected.push("metadata/1.root.json".to_owned());
    expected.sort();
    assert_eq!(files, expected);
    let wheel = FILES[5];
    let file = verified.files[&instep_fs::RelativePath::new(wheel.0).unwrap()];
    assert_eq!((file.digest, file.size), (Digest::of(wheel.1.as_bytes()), 8));
}
