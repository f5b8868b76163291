//! A package index on this machine, which can be as unpleasant as one on the other side of the world.
//!
//! It imitates: a real index cannot be told to break off in the middle of a file.

mod http;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest, Sha256};

pub use http::Request;
use http::{Answer, NOT_FOUND, OK};

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

/// What an index is to be like.
#[derive(Clone, Debug)]
#[must_use = "it serves nothing before `start`"]
pub struct Behaviour {
    wheels: Utf8PathBuf,
    credentials: Option<(String, String)>,
    delay: Duration,
    json: bool,
    page_type: Option<String>,
    ranges: Ranges,
    refusal: Option<Refusal>,
    moved: Option<Moved>,
    break_off: Option<BreakOff>,
    drip: Option<(usize, Duration)>,
}

/// What an index does when only a part of a file is asked for (RFC 9110, section 14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranges {
    /// It sends the whole file.
    #[default]
    Ignored,
    /// It sends the part.
    Served,
    /// It says that there is no such part.
    Refused,
    /// It sends a part, but another one.
    Another,
}

#[derive(Clone, Debug)]
struct Refusal {
    status: String,
    headers: String,
    /// Of the requests of an address, by their number.
    which: Range<usize>,
}

/// Where everybody is sent to.
#[derive(Clone, Copy, Debug)]
enum Moved {
    To(SocketAddr),
    Around,
}

#[derive(Clone, Copy, Debug)]
struct BreakOff {
    bytes: usize,
    times: usize,
    /// Nothing more is sent, but the connection stays open.
    is_silent: bool,
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
    pub fn break_off_after(self, bytes: usize) -> Self {
        self.break_off_times(bytes, usize::MAX)
    }

    /// The same, for the first so many requests of each wheel.
    pub fn break_off_times(mut self, bytes: usize, times: usize) -> Self {
        self.break_off = Some(BreakOff { bytes, times, is_silent: false });
        self
    }

    /// Sends so many bytes of a wheel, and then nothing more for as long as the index is there.
    pub fn silent_after(mut self, bytes: usize) -> Self {
        self.break_off = Some(BreakOff { bytes, times: usize::MAX, is_silent: true });
        self
    }

    /// Sends its pages as JSON (PEP 691, PEP 700) to who asks for it.
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// Says of its pages that they are of this type.
    pub fn page_type(mut self, name: &str) -> Self {
        self.page_type = Some(name.into());
        self
    }

    /// Answers who asks for a part of a wheel in this way.
    pub fn ranges(mut self, ranges: Ranges) -> Self {
        self.ranges = ranges;
        self
    }

    /// Answers the first so many requests of each address with this status, as in `503 Service Unavailable`, and
    /// these lines of a header, as in `Retry-After: 1`.
    pub fn refuse(mut self, status: &str, headers: &[&str], times: usize) -> Self {
        let headers = headers.iter().flat_map(|line| [*line, "\r\n"]).collect();
        self.refusal = Some(Refusal { status: status.into(), headers, which: 0..times });
        self
    }

    /// Answers with this status after so many requests of an address.
    pub fn refuse_after(mut self, times: usize, status: &str) -> Self {
        let which = times..usize::MAX;
        self.refusal = Some(Refusal { status: status.into(), headers: String::new(), which });
        self
    }

    /// Sends everybody to the same address of another index.
    pub fn moved_to(mut self, other: &Index) -> Self {
        self.moved = Some(Moved::To(other.address));
        self
    }

    /// Sends everybody to where they have come to.
    pub fn moved_to_itself(mut self) -> Self {
        self.moved = Some(Moved::Around);
        self
    }

    /// Sends wheels in pieces of so many bytes, with a pause behind each.
    pub fn drip(mut self, bytes: usize, pause: Duration) -> Self {
        self.drip = Some((bytes, pause));
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
                let stopped = Arc::clone(&stopped);
                std::thread::spawn(move || behaviour.serve(&stream, &log, &stopped).ok());
            }
        });
        Index { address, credentials, requests, stop, thread: Some(thread) }
    }

    fn serve(
        &self,
        stream: &TcpStream,
        log: &Mutex<Vec<Request>>,
        stopped: &AtomicBool,
    ) -> std::io::Result<()> {
        let request = http::read(stream)?;
        let before = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.iter().filter(|other| other.path == request.path).count() - 1
        };
        std::thread::sleep(self.delay);
        let answer = self.answer(&request, before);
        let is_silent = answer.is_silent;
        http::send(stream, &request, answer)?;
        while is_silent && !stopped.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The answer to who asks for this address, after so many that did.
    fn answer(&self, request: &Request, before: usize) -> Answer {
        if self.credentials.is_some() && request.credentials != self.credentials {
            return Answer::new("401 Unauthorized")
                .header("WWW-Authenticate: Basic realm=\"index\"");
        }
        if let Some(refusal) = self.refusal.as_ref().filter(|found| found.which.contains(&before)) {
            let mut answer = Answer::new(&refusal.status);
            answer.headers.push_str(&refusal.headers);
            return answer;
        }
        if let Some(moved) = self.moved {
            let to = match moved {
                Moved::To(other) => format!("http://{other}{}", request.path),
                Moved::Around => request.path.clone(),
            };
            return Answer::new("302 Found").header(&format!("Location: {to}"));
        }
        match request.path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["simple"] => self.html(self.names()),
            ["simple", name] => self.project(name, request).unwrap_or(Answer::new(NOT_FOUND)),
            ["files", file] => match fs::read(self.wheels.join(file)) {
                Ok(bytes) if Utf8Path::new(file).extension() == Some("html") => {
                    Answer::new(OK).header("Content-Type: text/html").body(bytes)
                }
                Ok(bytes) => self.file(bytes, request, before),
                Err(_) => Answer::new(NOT_FOUND),
            },
            _ => Answer::new(NOT_FOUND),
        }
    }

    fn project(&self, name: &str, request: &Request) -> Option<Answer> {
        let mut files = self.files();
        files.retain(|file| project_of(file) == normalized(name));
        files.sort();
        if files.is_empty() {
            return None;
        }
        let bytes = |file: &str| fs::read(self.wheels.join(file)).unwrap();
        if self.json && request.accept.contains(JSON) {
            let file = |file: &String| {
                let bytes = bytes(file);
                format!(
                    r#"{{"filename": "{file}", "url": "/files/{file}", "size": {}, "hashes": {{"sha256": "{}"}}}}"#,
                    bytes.len(),
                    hex(&Sha256::digest(&bytes))
                )
            };
            let files = files.iter().map(file).collect::<Vec<_>>().join(",\n");
            let text = format!(
                r#"{{"meta": {{"api-version": "1.1"}}, "name": "{name}", "files": [{files}]}}"#
            );
            return Some(self.page(JSON, text));
        }
        let anchor = |file: &String| {
            let digest = hex(&Sha256::digest(bytes(file)));
            format!("<a href=\"/files/{file}#sha256={digest}\">{file}</a>")
        };
        Some(self.html(page(files.iter().map(anchor))))
    }

    fn html(&self, text: String) -> Answer {
        self.page("text/html", text)
    }

    fn page(&self, name: &str, text: String) -> Answer {
        let name = self.page_type.as_deref().unwrap_or(name);
        Answer::new(OK).header(&format!("Content-Type: {name}")).body(text.into())
    }

    fn file(&self, mut bytes: Vec<u8>, request: &Request, before: usize) -> Answer {
        let size = bytes.len();
        let mut answer = Answer::new(OK);
        if let Some(from) = request.from {
            let from = match self.ranges {
                Ranges::Ignored => 0,
                Ranges::Served if from < size => from,
                Ranges::Another => from / 2,
                Ranges::Served | Ranges::Refused => {
                    return Answer::new("416 Range Not Satisfiable")
                        .header(&format!("Content-Range: bytes */{size}"));
                }
            };
            if self.ranges != Ranges::Ignored {
                bytes.drain(..from);
                answer = Answer::new("206 Partial Content")
                    .header(&format!("Content-Range: bytes {from}-{}/{size}", size - 1));
            }
        }
        let mut answer = answer.header("Content-Type: application/octet-stream").body(bytes);
        answer.drip = self.drip;
        if let Some(fault) = self.break_off.filter(|fault| before < fault.times) {
            answer.sent = Some(fault.bytes);
            answer.is_silent = fault.is_silent;
        }
        answer
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self.files().into_iter().map(|file| project_of(&file)).collect();
        names.sort();
        names.dedup();
        page(names.iter().map(|name| format!("<a href=\"/simple/{name}/\">{name}</a>")))
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
            json: false,
            page_type: None,
            ranges: Ranges::default(),
            refusal: None,
            moved: None,
            break_off: None,
            drip: None,
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

const JSON: &str = "application/vnd.pypi.simple.v1+json";

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
