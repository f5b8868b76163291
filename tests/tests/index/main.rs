//! What `instep-wheel` asks of an index and takes from it, against indexes that are slow, forgetful, in the wrong place
//! or full of lies: whatever they do, a wheel is there whole and right, or it is not there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod fetching;
mod pages;
mod servers;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tests::{Behaviour, Index, Wheel};
use instep_tools::{CancelToken, Environment, IndexSettings};
use instep_wheel::{Client, Error, Event, Fetched, IndexFile, Plan, PlannedFile};
use pep508_rs::PackageName;
use sha2::{Digest as _, Sha256};

/// A folder of an index, a wheelhouse, a cache, and what surrounds the client.
struct World {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl World {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let world = Self { _guard: guard, root };
        for folder in [world.wheels(), world.out(), world.cache()] {
            fs_err::create_dir(folder).unwrap();
        }
        world
    }

    fn wheels(&self) -> Utf8PathBuf {
        self.root.join("wheels")
    }

    fn out(&self) -> Utf8PathBuf {
        self.root.join("out")
    }

    fn cache(&self) -> Utf8PathBuf {
        self.root.join("cache")
    }

    /// An index of its wheels.
    fn index(&self) -> Behaviour {
        Index::of(&self.wheels())
    }

    /// Adds a small wheel to the index.
    fn wheel(&self, name: &str) -> String {
        let wheel = Wheel::new(name, "1.0").requires_python(">=3.9");
        wheel.build(&self.wheels());
        wheel.file_name()
    }

    /// Adds a wheel of about so many bytes to the index, which do not compress.
    fn large_wheel(&self, name: &str, size: usize) -> String {
        let mut bytes = Vec::with_capacity(size + 32);
        let mut block = Sha256::digest(name);
        while bytes.len() < size {
            bytes.extend_from_slice(&block);
            block = Sha256::digest(block);
        }
        let wheel = Wheel::new(name, "1.0").file(&format!("{name}.bin"), bytes);
        wheel.build(&self.wheels());
        wheel.file_name()
    }

    /// What surrounds the client: nothing of this machine.
    fn variables(&self) -> Environment {
        Environment::new(self.root.clone(), None, std::iter::empty::<(String, String)>())
    }

    fn client(&self, url: &str) -> Client {
        let settings =
            IndexSettings { index_url: Some(url.to_owned()), ..IndexSettings::default() };
        Client::new(&settings, &self.variables()).unwrap()
    }

    /// A plan for all of these packages, by the digests that the index tells.
    fn plan(&self, names: &[&str]) -> Plan {
        let index = self.index().json().start();
        let found = ask(&self.client(&index.url()), names).unwrap();
        let offered = found.into_iter().flat_map(|(name, files)| {
            files.into_iter().map(move |file| planned(name.clone(), file))
        });
        Plan { files: offered.collect(), missing: Vec::new() }
    }

    /// The same, where another index has the files.
    fn plan_at(&self, index: &Index, names: &[&str]) -> Plan {
        let mut plan = self.plan(names);
        for planned in &mut plan.files {
            let address = index.url().replace("/simple/", "/files/");
            planned.file.url = [&address, planned.file.name.as_str()].concat().parse().unwrap();
        }
        plan
    }

    fn download(&self, plan: &Plan, index: &Index) -> Result<Fetched, Error> {
        self.download_into(&self.out(), plan, index)
    }

    fn download_into(&self, out: &Utf8Path, plan: &Plan, index: &Index) -> Result<Fetched, Error> {
        let client = self.client(&index.url());
        let cancel = CancelToken::new();
        instep_wheel::download(plan, &client, out, Some(&self.cache()), &mut |_| {}, &cancel)
    }

    /// Whether the wheelhouse has these wheels as the index has them, and no other.
    fn assert_whole(&self, names: &[String]) {
        let found = wheels_below(&self.out());
        let expected: BTreeMap<String, Vec<u8>> = names
            .iter()
            .map(|name| (name.clone(), fs_err::read(self.wheels().join(name)).unwrap()))
            .collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert!(found == expected, "the bytes are others");
    }
}

fn planned(package: PackageName, file: IndexFile) -> PlannedFile {
    let hashes = file.hashes.iter().map(|(name, digits)| format!("{name}:{digits}")).collect();
    let version = "1.0".parse().unwrap();
    PlannedFile { package, version, file, hashes, targets: Vec::new() }
}

fn ask(client: &Client, names: &[&str]) -> Result<BTreeMap<PackageName, Vec<IndexFile>>, Error> {
    ask_and_hear(client, names, &mut |_| {})
}

fn ask_and_hear(
    client: &Client,
    names: &[&str],
    on_event: &mut dyn FnMut(Event),
) -> Result<BTreeMap<PackageName, Vec<IndexFile>>, Error> {
    let names: Vec<PackageName> = names.iter().map(|name| name.parse().unwrap()).collect();
    client.projects(&names, on_event, &CancelToken::new())
}

/// Every wheel below a folder, and its bytes.
fn wheels_below(folder: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let read =
        |path: Utf8PathBuf| (path.file_name().unwrap().to_owned(), fs_err::read(&path).unwrap());
    files_below(folder, "whl").into_iter().map(read).collect()
}

/// Every file below a folder whose name ends so.
fn files_below(folder: &Utf8Path, extension: &str) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in next.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.into_path());
            } else if entry.path().extension() == Some(extension) {
                found.push(entry.into_path());
            }
        }
    }
    found
}
