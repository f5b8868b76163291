//! A package index on this machine, which can be as unpleasant as one on the other side of the world.
//!
//! It imitates: a real index cannot be told to break off in the middle of a file.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::installed::normalized;

/// An index over a folder of wheels, as PEP 503 describes it, on a port of its own at 127.0.0.1 until it
/// is dropped.
#[derive(Debug)]
pub struct Index {
    address: SocketAddr,
    credentials: Option<(String, String)>,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request that the index got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `HEAD`.
    pub method: String,
    /// As in `/simple/alpha/`.
    pub path: String,
    /// The user name and password that came with it.
    pub credentials: Option<(String, String)>,
}

/// What an index is to be like.
#[derive(Clone, Debug)]
#[must_use = "it serves nothing before `start`"]
pub struct Behaviour {
    wheels: Utf8PathBuf,
    credentials: Option<(String, String)>,
    delay: Duration,
    break_off_after: Option<usize>,
}

impl Behaviour {
    /// Answers only who sends this user name and password (RFC 7617); others get 401.
    pub fn password(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Lets every answer wait so long.
    pub fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Closes the connection after so many bytes of a wheel, though it promised more.
    pub fn break_off_after(mut self, bytes: usize) -> Self {
        self.break_off_after = Some(bytes);
        self
    }

    /// Begins to serve.
    pub fn start(self) -> Index {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let credentials = self.credentials.clone();
        let (log, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let behaviour = Arc::new(self);
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (behaviour, log) = (Arc::clone(&behaviour), Arc::clone(&log));
                // A client that goes away in the middle is what some tests are about.
                std::thread::spawn(move || behaviour.answer(&stream, &log).ok());
            }
        });
        Index { address, credentials, requests, stop, thread: Some(thread) }
    }

    fn answer(&self, stream: &TcpStream, log: &Mutex<Vec<Request>>) -> std::io::Result<()> {
        let request = read_request(stream)?;
        log.lock().unwrap().push(request.clone());
        std::thread::sleep(self.delay);
        if self.credentials.is_some() && request.credentials != self.credentials {
            let challenge = "WWW-Authenticate: Basic realm=\"index\"\r\n";
            return respond(stream, &request, "401 Unauthorized", challenge, b"", None);
        }
        let html = "Content-Type: text/html\r\n";
        let wheel = "Content-Type: application/octet-stream\r\n";
        match request.path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["simple"] => respond(stream, &request, OK, html, self.names().as_bytes(), None),
            ["simple", name] => match self.page(name) {
                Some(page) => respond(stream, &request, OK, html, page.as_bytes(), None),
                None => respond(stream, &request, NOT_FOUND, html, b"", None),
            },
            ["files", file] => match fs::read(self.wheels.join(file)) {
                Ok(bytes) => respond(stream, &request, OK, wheel, &bytes, self.break_off_after),
                Err(_) => respond(stream, &request, NOT_FOUND, html, b"", None),
            },
            _ => respond(stream, &request, NOT_FOUND, html, b"", None),
        }
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self.files().into_iter().map(|file| project_of(&file)).collect();
        names.sort();
        names.dedup();
        page(names.iter().map(|name| format!("<a href=\"/simple/{name}/\">{name}</a>")))
    }

    fn page(&self, name: &str) -> Option<String> {
        let mut files = self.files();
        files.retain(|file| project_of(file) == normalized(name));
        let anchor = |file: &String| {
            let digest = Sha256::digest(fs::read(self.wheels.join(file)).unwrap());
            format!("<a href=\"/files/{file}#sha256={}\">{file}</a>", hex(&digest))
        };
        (!files.is_empty()).then(|| page(files.iter().map(anchor)))
    }

    fn files(&self) -> Vec<String> {
        let entries = self.wheels.read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }
}

impl Index {
    /// An index of the wheels in a folder, now and later; `start` begins to serve.
    pub fn of(wheels: &Utf8Path) -> Behaviour {
        Behaviour {
            wheels: wheels.to_owned(),
            credentials: None,
            delay: Duration::ZERO,
            break_off_after: None,
        }
    }

    /// The address for `--index-url`, with user name and password where it asks for them.
    pub fn url(&self) -> String {
        match &self.credentials {
            Some((user, password)) => format!("http://{user}:{password}@{}/simple/", self.address),
            None => self.url_without_password(),
        }
    }

    /// The address alone.
    pub fn url_without_password(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// What was asked of it so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// An address where nobody listens.
    pub fn nowhere() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        format!("http://{}/simple/", listener.local_addr().unwrap())
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

const OK: &str = "200 OK";
const NOT_FOUND: &str = "404 Not Found";

fn page(anchors: impl Iterator<Item = String>) -> String {
    format!(
        "<!DOCTYPE html>\n<html><body>\n{}\n</body></html>\n",
        anchors.collect::<Vec<_>>().join("<br>\n")
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// `my-tool`, of `my_tool-1.0-py3-none-any.whl`.
fn project_of(file: &str) -> String {
    normalized(file.split('-').next().unwrap_or_default())
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut credentials = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or_default();
        if name.eq_ignore_ascii_case("authorization") {
            credentials = basic(value);
        }
    }
    Ok(Request { method, path, credentials })
}

fn basic(value: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.into(), password.into()))
}

fn respond(
    mut stream: &TcpStream,
    request: &Request,
    status: &str,
    headers: &str,
    body: &[u8],
    break_off_after: Option<usize>,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(break_off_after.and_then(|bytes| body.get(..bytes)).unwrap_or(body))?;
    }
    stream.flush()
}

#[cfg(test)]
mod tests {
    use std::process::Output;

    use super::*;
    use crate::{Project, Wheel, installed, tools};

    /// A project with an empty environment, and one wheel.
    fn project() -> Option<Project> {
        let python = tools::python()?;
        let project = Project::new();
        project.wheel(&Wheel::new("My.Tool", "1.0").file("my_tool.py", "x = 1\n".repeat(1000)));
        let mut venv = project.command(&python);
        venv.args(["-m", "venv", "--without-pip", ".venv"]);
        project.finish(venv).success();
        Some(project)
    }

    fn pip(project: &Project, url: &str) -> Output {
        let mut pip = project.command(&tools::python().unwrap());
        pip.env_remove("PIP_NO_INDEX").env_remove("PIP_FIND_LINKS");
        pip.args(["-m", "pip", "--python", ".venv", "install", "--retries=0", "--no-input"]);
        pip.args(["--index-url", url, "my-tool"]);
        pip.output().unwrap()
    }

    #[test]
    fn pip_installs_from_it() {
        let Some(project) = project() else { return };
        let index = Index::of(&project.wheels()).start();
        let output = pip(&project, &index.url());
        assert!(output.status.success(), "{output:?}");
        assert_eq!(installed(&project.path(".venv"))["my-tool"], "1.0");
        assert!(index.requests().iter().any(|request| request.path == "/simple/my-tool/"));
    }

    #[test]
    fn with_a_password_only_who_knows_it_is_answered() {
        let Some(project) = project() else { return };
        let index = Index::of(&project.wheels()).password("ada", "s3cret").start();
        assert!(!pip(&project, &index.url_without_password()).status.success());
        let output = pip(&project, &index.url());
        assert!(output.status.success(), "{output:?}");
        let ada = Some(("ada".to_owned(), "s3cret".to_owned()));
        assert!(index.requests().iter().any(|request| request.credentials == ada));
    }

    #[test]
    fn a_wheel_can_be_broken_off() {
        let Some(project) = project() else { return };
        let index = Index::of(&project.wheels()).break_off_after(100).start();
        assert!(!pip(&project, &index.url()).status.success());
        assert!(!installed(&project.path(".venv")).contains_key("my-tool"));
    }

    #[test]
    fn nobody_listens_nowhere() {
        let Some(project) = project() else { return };
        assert!(!pip(&project, &Index::nowhere()).status.success());
    }
}
