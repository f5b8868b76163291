//! What `instep-bundle` asks of a registry, gives to it and takes from it: a real one, and one behind a way that is
//! full of faults. Whatever happens, a bundle is there whole and right, or it is not there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a panic is how a failure is told"
)]

mod carrying;
mod faults;
mod interruption;
mod logins;
mod refusals;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::{Error, Event, Pulled, Pushed, RegistrySettings};
use instep_tools::{CancelToken, Environment};

/// Every file below a folder.
type Tree = BTreeMap<String, Vec<u8>>;

/// A bundle, a place to pull it to, and what surrounds both.
struct World {
    _guard: Option<tempfile::TempDir>,
    root: Utf8PathBuf,
    settings: RegistrySettings,
    variables: Vec<(String, String)>,
}

impl World {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let world = Self { _guard: Some(guard), ..Self::at(root) };
        world.write("bundle.json", b"{\"v\": 1}");
        world.write("instep.toml", b"[project]\n");
        world.write("project/empty.txt", b"");
        world.write("project/\u{dc}n\u{ef}code.txt", b"text");
        for number in 0..4 {
            world.write(&format!("wheels/w{number}.whl"), &noise(number, 40_000));
        }
        world.write("images/one.tar", &noise(100, 600_000));
        world
    }

    /// One that another process has made, and will remove.
    fn at(root: Utf8PathBuf) -> Self {
        let settings = RegistrySettings {
            first_wait: Duration::from_millis(1),
            silence: Duration::from_secs(20),
            ..RegistrySettings::default()
        };
        Self { _guard: None, root, settings, variables: Vec::new() }
    }

    fn bundle(&self) -> Utf8PathBuf {
        self.root.join("site.bundle")
    }

    fn out(&self) -> Utf8PathBuf {
        self.root.join("out.bundle")
    }

    /// Writes a file of the bundle.
    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.bundle().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    /// With this in the docker configuration.
    fn configure(&self, config: &serde_json::Value) {
        fs_err::create_dir_all(self.root.join(".docker")).unwrap();
        fs_err::write(self.root.join(".docker/config.json"), config.to_string()).unwrap();
    }

    fn environment(&self) -> Environment {
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Environment::new(self.root.as_path(), Some(self.root.clone()), variables)
    }

    fn push(&self, host: &str) -> Result<Pushed, Error> {
        self.push_to(&format!("oci://{host}/team/site:1"), &mut |_| {})
    }

    fn push_to(&self, to: &str, tell: &mut dyn FnMut(Event)) -> Result<Pushed, Error> {
        let (settings, environment) = (&self.settings, self.environment());
        let bundle = self.bundle();
        instep_bundle::push(&bundle, to, settings, &environment, tell, &CancelToken::new())
    }

    fn pull(&self, host: &str) -> Result<Pulled, Error> {
        self.pull_from(&format!("oci://{host}/team/site:1"), &mut |_| {}, &CancelToken::new())
    }

    fn pull_from(
        &self,
        from: &str,
        tell: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Result<Pulled, Error> {
        let accept = |_: &Utf8Path| Ok(());
        let (settings, environment) = (&self.settings, self.environment());
        instep_bundle::pull(from, &self.out(), settings, &environment, accept, tell, cancel)
    }

    /// That what was pulled is what was to be pushed, and nothing is left of the work.
    fn assert_same(&self) {
        assert_eq!(names(&tree(&self.out())), names(&tree(&self.bundle())));
        assert!(tree(&self.out()) == tree(&self.bundle()), "the contents differ");
        assert!(!self.root.join("out.bundle.partial").exists(), "something is left");
    }
}

fn names(tree: &Tree) -> Vec<&str> {
    tree.keys().map(String::as_str).collect()
}

/// Every file below a folder, by its path; none where there is no folder.
fn tree(folder: &Utf8Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let Ok(entries) = at.read_dir_utf8() else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path().to_owned());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().as_str().replace('\\', "/");
                found.insert(path, fs_err::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Bytes that look like nothing, and are the same each time.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The digits of the digest of bytes.
fn digits(bytes: &[u8]) -> String {
    instep_bundle::Digest::of(bytes).hex()
}

/// Everything that a person could see of an error.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {:?}", error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &cause.to_string();
        source = cause.source();
    }
    text
}
