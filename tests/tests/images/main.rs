//! Images of containers between a real registry and the programs that load what was saved: `docker-registry`, `skopeo`,
//! `podman` and `umoci` of Debian.

// Its programs are those of Debian.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

mod engines;
mod faults;
mod readers;
mod same;

use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_bundle::{
    Engine, Error, Event, ImageRequest, ImageSources, RegistrySettings, SavedImage, resolve_image,
    save_image,
};
use instep_tests::{Image, tools};
use instep_tools::{CancelToken, Environment};
use sha2::{Digest as _, Sha256};

/// A folder for a test: a home without logins, a store of podman, a cache.
struct World {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    environment: Environment,
    registry: RegistrySettings,
    engines: Vec<Engine>,
    with_cache: bool,
    patience: Duration,
}

impl World {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let storage = root.join("storage.conf");
        fs_err::write(
            &storage,
            format!(
                "[storage]\ndriver = \"vfs\"\ngraphroot = \"{root}/store\"\nrunroot = \"{root}/run\"\n"
            ),
        )
        .unwrap();
        for folder in ["home", "work", "programs"] {
            fs_err::create_dir(root.join(folder)).unwrap();
        }
        let variables = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", root.join("home").into_string()),
            ("CONTAINERS_STORAGE_CONF", storage.into_string()),
            ("XDG_RUNTIME_DIR", root.join("run").into_string()),
            ("DOCKER_HOST", format!("unix://{root}/no-daemon")),
        ];
        let home = Some(root.join("home"));
        let registry = RegistrySettings {
            tries: 3,
            first_wait: Duration::from_millis(5),
            silence: Duration::from_secs(2),
            ..RegistrySettings::default()
        };
        Self {
            environment: Environment::new(root.join("work"), home, variables),
            _guard: guard,
            root,
            registry,
            engines: Vec::new(),
            with_cache: true,
            patience: Duration::from_mins(5),
        }
    }

    fn engines(mut self, engines: &[Engine]) -> Self {
        self.engines = engines.to_vec();
        self
    }

    fn out(&self) -> Utf8PathBuf {
        self.root.join("out/image.tar")
    }

    fn cache(&self) -> Utf8PathBuf {
        self.root.join("cache")
    }

    fn sources<'a>(&'a self, cache: &'a Utf8Path) -> ImageSources<'a> {
        ImageSources {
            engines: &self.engines,
            cache: self.with_cache.then_some(cache),
            registry: &self.registry,
            environment: &self.environment,
            patience: self.patience,
        }
    }

    /// Saves an image for Linux on amd64 as [`out`](Self::out).
    fn save(&self, name: &str) -> Result<SavedImage, Error> {
        self.save_as(&request(name, "linux/amd64"), &mut |_| {})
    }

    fn save_as(
        &self,
        request: &ImageRequest,
        tell: &mut dyn FnMut(Event),
    ) -> Result<SavedImage, Error> {
        let cache = self.cache();
        save_image(request, &self.out(), &self.sources(&cache), tell, &CancelToken::new())
    }

    fn resolve(&self, name: &str, platform: &str) -> Result<instep_bundle::ResolvedImage, Error> {
        let (cache, cancel) = (self.cache(), CancelToken::new());
        resolve_image(&request(name, platform), &self.sources(&cache), &mut |_| {}, &cancel)
    }

    /// What is in the folder of the tar.
    fn left(&self) -> Vec<String> {
        let Ok(entries) = fs_err::read_dir(self.root.join("out")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// Runs a program of this machine to its end, and gives what it wrote.
    fn run(&self, program: &Utf8Path, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.root.join("work"))
            .env_clear()
            .envs(self.environment.vars_os())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

fn request(name: &str, platform: &str) -> ImageRequest {
    ImageRequest::new(name, platform.parse().unwrap()).unwrap()
}

/// An image of two layers, one of them not compressed. Its text makes it another image.
fn image(platform: &str, text: &str) -> Image {
    let large: Vec<u8> =
        (0..40_000_u32).flat_map(|one| one.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    Image::new(platform)
        .layer(&[("etc/base", b"the same in all"), ("usr/lib/large", &large)])
        .plain_layer(&[("etc/text", text.as_bytes())])
}

/// An error and what caused it.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn digest(bytes: &[u8]) -> String {
    let digits: Vec<_> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ["sha256:", &digits.concat()].concat()
}

fn skopeo() -> Option<Utf8PathBuf> {
    tools::system("skopeo")
}
