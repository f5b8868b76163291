//! A real registry on this machine: Debian's `docker-registry`, with a store of its own.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::tools;

/// How long it may take to begin, or to write down what it did, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);
const USER: &str = "ada";
const PASSWORD: &str = "s3cret-of-ada";
/// The password above by bcrypt, the only form that the registry takes.
const HTPASSWD: &str = "ada:$2y$05$abcdefghijklmnopqrstuuitFbFC.tJuUuBIoKqGq8ZH9Y5KVtvNK\n";

/// A registry on a port of its own at 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    is_encrypted: bool,
}

/// What a registry is to be like.
#[derive(Clone, Debug, Default)]
#[must_use = "it serves nothing before `start`"]
pub struct RegistrySetup {
    has_password: bool,
    tokens: Option<String>,
    is_encrypted: bool,
}

/// A request that a registry has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// As in `GET`.
    pub method: String,
    /// As in `/v2/site/manifests/1`, with what comes behind a `?`.
    pub path: String,
    /// As in 200.
    pub status: u16,
}

impl RegistrySetup {
    /// Answers only who logs in as [`Registry::login`] says.
    pub fn password(mut self) -> Self {
        self.has_password = true;
        self
    }

    /// Sends whoever comes for a token to this address. Nobody gets one there that it would believe.
    pub fn tokens(mut self, realm: &str) -> Self {
        self.tokens = Some(realm.to_owned());
        self
    }

    /// Speaks TLS, with the certificate [`Registry::certificate`].
    pub fn encrypted(mut self) -> Self {
        self.is_encrypted = true;
        self
    }

    /// Begins to serve; the calling test is skipped where a program is missing.
    pub fn start(self) -> Option<Registry> {
        let program = tools::system("docker-registry")?;
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap();
        // The registry wants to know whose tokens it believes, and believes none of ours.
        if self.is_encrypted || self.tokens.is_some() {
            certify(folder, "IP:127.0.0.1")?;
        }
        let tls = if self.is_encrypted {
            format!("  tls: {{certificate: {folder}/tls.crt, key: {folder}/tls.key}}\n")
        } else {
            String::new()
        };
        let auth = if self.has_password {
            fs::write(folder.join("htpasswd"), HTPASSWD).unwrap();
            format!("auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n")
        } else if let Some(realm) = &self.tokens {
            format!(
                "auth: {{token: {{realm: \"{realm}\", service: tests, issuer: tests, rootcertbundle: {folder}/tls.crt}}}}\n"
            )
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/store}}\n  \
             delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:0\n{tls}{auth}"
        );
        fs::write(folder.join("config.yml"), config).unwrap();
        let output = |name: &str| {
            let file = fs::File::create(folder.join(name)).unwrap();
            Stdio::from(file.into_file())
        };
        let process = Command::new(program)
            .args(["serve", folder.join("config.yml").as_str()])
            .stdin(Stdio::null())
            .stdout(output("requests.log"))
            .stderr(output("registry.log"))
            .spawn()
            .unwrap();
        let mut registry =
            Registry { process, folder: guard, port: 0, is_encrypted: self.is_encrypted };
        registry.port = registry.wait_for_port();
        Some(registry)
    }
}

/// Writes a certificate that vouches for itself, `tls.crt`, and its key, `tls.key`; the names are written as in
/// `IP:127.0.0.1,DNS:example.org`. The calling test is skipped without `openssl`.
pub fn certify(folder: &Utf8Path, names: &str) -> Option<()> {
    let status = Command::new(tools::system("openssl")?)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=tests", "-keyout", "tls.key"])
        .args(["-out", "tls.crt", "-addext", &format!("subjectAltName={names}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    Some(())
}

impl Registry {
    /// One that lets everybody do everything, without TLS; the calling test is skipped without the program.
    pub fn start() -> Option<Self> {
        RegistrySetup::default().start()
    }

    /// One that is to be something else.
    pub fn setup() -> RegistrySetup {
        RegistrySetup::default()
    }

    /// `127.0.0.1:PORT`, as it stands in references.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The user name and the password of who may log in.
    pub fn login() -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// The file of its certificate.
    pub fn certificate(&self) -> Utf8PathBuf {
        assert!(self.is_encrypted, "it has none");
        self.folder().join("tls.crt")
    }

    /// What it has answered so far. An answer is written down a moment after it was given: see
    /// [`requests_until`](Self::requests_until).
    pub fn requests(&self) -> Vec<Answered> {
        let text = fs::read_to_string(self.folder().join("requests.log")).unwrap();
        text.lines().filter_map(answered).collect()
    }

    /// What it has answered, as soon as one of that is what is waited for.
    pub fn requests_until(&self, is_last: impl Fn(&Answered) -> bool) -> Vec<Answered> {
        wait_for(|| {
            let requests = self.requests();
            requests.iter().any(&is_last).then_some(requests)
        })
        .unwrap_or_else(|| panic!("never answered: {:?}", self.requests()))
    }

    /// The file of a blob in its store, by the digits of its digest.
    pub fn stored(&self, digits: &str) -> Utf8PathBuf {
        let first = digits.get(..2).unwrap();
        let blobs = self.folder().join("store/docker/registry/v2/blobs/sha256");
        blobs.join(first).join(digits).join("data")
    }

    fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn wait_for_port(&mut self) -> u16 {
        const BEFORE: &str = "listening on 127.0.0.1:";
        let path = self.folder().join("registry.log");
        let port = wait_for(|| {
            let text = fs::read_to_string(&path).unwrap();
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the registry ended: {status}\n{text}");
            }
            let (_, after) = text.split_once(BEFORE)?;
            let (digits, _) = after.split_once(|one: char| !one.is_ascii_digit())?;
            digits.parse().ok()
        });
        port.unwrap_or_else(|| panic!("the registry does not begin to listen"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begun.elapsed() > PATIENCE {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A line of an access log: `HOST - - [TIME] "METHOD PATH HTTP/1.1" STATUS ...`.
fn answered(line: &str) -> Option<Answered> {
    let (_, rest) = line.split_once('"')?;
    let (request, rest) = rest.split_once('"')?;
    let mut words = request.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let status = rest.split_whitespace().next()?.parse().ok()?;
    Some(Answered { method, path, status })
}
