//! As much of HTTP/1.1 as an index needs.

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) const OK: &str = "200 OK";
pub(super) const NOT_FOUND: &str = "404 Not Found";

/// A request that the index got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `HEAD`.
    pub method: String,
    /// As in `/simple/alpha/`.
    pub path: String,
    /// The user name and password that came with it.
    pub credentials: Option<(String, String)>,
    /// The types of pages that it takes.
    pub accept: String,
    /// The byte from which on it asks for the content (`Range: bytes=7-`).
    pub from: Option<usize>,
}

/// An answer to be.
pub(super) struct Answer {
    pub(super) status: String,
    /// Whole lines.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
    /// How many bytes of the body are sent, where it is not all of them.
    pub(super) sent: Option<usize>,
    /// Pieces of so many bytes, with a pause behind each.
    pub(super) drip: Option<(usize, Duration)>,
    /// The connection stays open behind it.
    pub(super) is_silent: bool,
}

impl Answer {
    pub(super) fn new(status: &str) -> Self {
        Self {
            status: status.into(),
            headers: String::new(),
            body: Vec::new(),
            sent: None,
            drip: None,
            is_silent: false,
        }
    }

    /// With this line in its header.
    pub(super) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }

    pub(super) fn body(mut self, bytes: Vec<u8>) -> Self {
        self.body = bytes;
        self
    }
}

/// Reads a request up to its empty line.
pub(super) fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, ..Request::default() };
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.credentials = basic(value),
            "accept" => request.accept = value.into(),
            "range" => request.from = range(value),
            _ => {}
        }
    }
    Ok(request)
}

fn basic(value: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(user, password)| (user.into(), password.into()))
}

fn range(value: &str) -> Option<usize> {
    value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Sends an answer, or as much of it as is to be sent.
pub(super) fn send(
    mut stream: &TcpStream,
    request: &Request,
    answer: Answer,
) -> std::io::Result<()> {
    let Answer { status, headers, body, sent, drip, .. } = answer;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        let body = sent.and_then(|bytes| body.get(..bytes)).unwrap_or(&body);
        let (piece, pause) = drip.unwrap_or((usize::MAX, Duration::ZERO));
        for piece in body.chunks(piece) {
            stream.write_all(piece)?;
            std::thread::sleep(pause);
        }
    }
    stream.flush()
}
