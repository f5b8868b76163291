//! The way to a server, with faults on it.
//!
//! What lies behind it is a real server: each request is handed on to it, and its answer back, but for the ones that
//! are to go wrong. A real server cannot be told to break off in the middle, or to send something else.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A way to a server, on a port of its own at 127.0.0.1 until it is dropped.
#[derive(Debug)]
pub struct Faulty {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    behind: String,
    faults: Mutex<Vec<Rule>>,
    passed: Mutex<Vec<Passed>>,
    has_stopped: AtomicBool,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers this status, as in `503 Service Unavailable`, these lines of a header, and this text; nothing is
    /// handed on.
    Answer(&'static str, Vec<String>, String),
    /// It hands on so many bytes of the content, though more were promised, and closes the connection.
    CutAfter(usize),
    /// It hands on so many bytes of the content, and then nothing for as long as it is there.
    SilentAfter(usize),
    /// It takes so many bytes of what is sent to the server, hands on nothing, and closes the connection.
    CutUpload(usize),
    /// It takes what is sent to the server in pieces of so many bytes, with a pause behind each.
    SlowUpload(usize, Duration),
    /// One bit in the middle of the content is another one.
    Corrupt,
    /// These bytes come behind the content, and are promised or not.
    Longer(Vec<u8>, bool),
    /// The last bytes of the content are missing, and nobody promised them.
    Shorter(usize),
    /// The content comes in pieces of so many bytes, with a pause behind each.
    Drip(usize, Duration),
    /// The server does not see that only a part is asked for.
    IgnoreRange,
    /// Another part is asked for, and told, than the client wants.
    OtherRange,
}

#[derive(Clone, Debug)]
struct Rule {
    method: String,
    path: String,
    /// Of the requests that fit, by their number.
    which: Range<usize>,
    seen: usize,
    fault: Fault,
}

/// A request that came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// As in `GET`.
    pub method: String,
    /// As in `/v2/site/manifests/1`.
    pub path: String,
    /// What it says of who asks.
    pub authorization: Option<String>,
    /// What part it asks for, as in `bytes=7-`.
    pub range: Option<String>,
    /// What came with it, where nothing was handed on.
    pub body: Vec<u8>,
}

struct Head {
    lines: Vec<String>,
    length: Option<usize>,
}

impl Faulty {
    /// The way to a server at `127.0.0.1:PORT`.
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behind: server.to_owned(),
            faults: Mutex::default(),
            passed: Mutex::default(),
            has_stopped: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.has_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&for_thread);
                // A client that goes away in the middle is what some tests are about.
                std::thread::spawn(move || shared.serve(&stream).ok());
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Lets some of the requests go wrong that have this method and this in their path, by their number: `0..1` is
    /// the first. Of several faults that fit, the one that was told first.
    pub fn fault(&self, method: &str, path: &str, which: Range<usize>, fault: Fault) -> &Self {
        let rule = Rule { method: method.into(), path: path.into(), which, seen: 0, fault };
        self.shared.faults.lock().unwrap().push(rule);
        self
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// What came by so far.
    pub fn passed(&self) -> Vec<Passed> {
        self.shared.passed.lock().unwrap().clone()
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.shared.has_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        let mut from_client = BufReader::new(client);
        let head = read_head(&mut from_client)?;
        let Some(first) = head.lines.first() else { return Ok(()) };
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut passed = Passed {
            authorization: head.value("authorization"),
            range: head.value("range"),
            body: Vec::new(),
            method,
            path,
        };
        let fault = self.fault_of(&passed);
        if matches!(fault, Some(Fault::Answer(..))) {
            // A client that is still sending would not read the answer of who does not listen.
            passed.body = vec![0; head.length.unwrap_or_default()];
            from_client.read_exact(&mut passed.body)?;
        }
        self.passed.lock().unwrap().push(passed.clone());
        match &fault {
            Some(Fault::Answer(status, lines, text)) => {
                let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
                let length = text.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{lines}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
                );
                let mut client = client;
                client.write_all(answer.as_bytes())
            }
            Some(Fault::CutUpload(bytes)) => {
                from_client.read_exact(&mut vec![0; *bytes])?;
                client.shutdown(std::net::Shutdown::Both)
            }
            _ => self.hand_on(client, from_client, head, &passed, fault.as_ref()),
        }
    }

    fn fault_of(&self, passed: &Passed) -> Option<Fault> {
        let mut found = None;
        for rule in self.faults.lock().unwrap().iter_mut() {
            if rule.method == passed.method && passed.path.contains(&rule.path) {
                if found.is_none() && rule.which.contains(&rule.seen) {
                    found = Some(rule.fault.clone());
                }
                rule.seen += 1;
            }
        }
        found
    }

    fn hand_on(
        &self,
        client: &TcpStream,
        mut from_client: BufReader<&TcpStream>,
        mut head: Head,
        passed: &Passed,
        fault: Option<&Fault>,
    ) -> std::io::Result<()> {
        head.drop("connection");
        match fault {
            Some(Fault::IgnoreRange) => head.drop("range"),
            Some(Fault::OtherRange) if passed.range.is_some() => {
                head.drop("range");
                head.lines.push("Range: bytes=1-".into());
            }
            _ => {}
        }
        head.lines.push("Connection: close".into());
        let server = TcpStream::connect(&self.behind)?;
        let mut to_server = &server;
        to_server.write_all(head.text().as_bytes())?;
        let (mut left, (most, pause)) = (
            head.length.unwrap_or_default(),
            match fault {
                Some(Fault::SlowUpload(bytes, pause)) => (*bytes, *pause),
                _ => (usize::MAX, Duration::ZERO),
            },
        );
        while left > 0 {
            let piece = left.min(most) as u64;
            std::io::copy(&mut Read::by_ref(&mut from_client).take(piece), &mut to_server)?;
            std::thread::sleep(pause);
            left -= left.min(most);
        }
        let mut from_server = BufReader::new(&server);
        let head = read_head(&mut from_server)?;
        let mut body = Vec::new();
        if passed.method != "HEAD" {
            from_server.read_to_end(&mut body)?;
        }
        self.answer(client, head, body, fault)
    }

    fn answer(
        &self,
        mut client: &TcpStream,
        mut head: Head,
        mut body: Vec<u8>,
        fault: Option<&Fault>,
    ) -> std::io::Result<()> {
        let mut sent = body.len();
        let (mut piece, mut pause) = (usize::MAX, Duration::ZERO);
        match fault {
            Some(Fault::CutAfter(bytes) | Fault::SilentAfter(bytes)) => sent = sent.min(*bytes),
            Some(Fault::Corrupt) => {
                let middle = body.len() / 2;
                if let Some(byte) = body.get_mut(middle) {
                    *byte ^= 1;
                }
            }
            Some(Fault::Longer(more, is_promised)) => {
                body.extend_from_slice(more);
                sent = body.len();
                head.drop("content-length");
                if *is_promised {
                    head.lines.push(format!("Content-Length: {sent}"));
                }
            }
            Some(Fault::Shorter(bytes)) => {
                sent -= bytes;
                head.drop("content-length");
                head.lines.push(format!("Content-Length: {sent}"));
            }
            Some(Fault::Drip(bytes, time)) => (piece, pause) = (*bytes, *time),
            _ => {}
        }
        client.write_all(head.text().as_bytes())?;
        for piece in body.get(..sent).unwrap_or_default().chunks(piece) {
            client.write_all(piece)?;
            std::thread::sleep(pause);
        }
        client.flush()?;
        while matches!(fault, Some(Fault::SilentAfter(_)))
            && !self.has_stopped.load(Ordering::SeqCst)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Head {
    fn value(&self, name: &str) -> Option<String> {
        let mut lines = self.lines.iter().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    }

    fn drop(&mut self, name: &str) {
        self.lines.retain(|line| {
            line.split_once(':').is_none_or(|(key, _)| !key.eq_ignore_ascii_case(name))
        });
    }

    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\r\n"]).chain(["\r\n"]).collect()
    }
}

/// Reads up to the empty line.
fn read_head(from: &mut impl std::io::BufRead) -> std::io::Result<Head> {
    let mut head = Head { lines: Vec::new(), length: None };
    for line in from.by_ref().lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.lines.push(line);
    }
    head.length = head.value("content-length").and_then(|value| value.parse().ok());
    Ok(head)
}
