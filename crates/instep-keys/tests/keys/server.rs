//! A server that answers what a test tells it, on 127.0.0.1: in the clear, or, as a proxy does, by letting a client
//! through to a host that it is itself, with TLS. It imitates the wire alone: what is answered is up to each test.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use camino::Utf8Path;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
pub(crate) enum Answer {
    /// A status, headers and a content.
    Full(u16, Vec<(&'static str, String)>, String),
    /// A content without an end.
    Endless,
    /// Nothing, for as long as the server is there.
    Silence,
    /// The end of the connection.
    Nothing,
}

impl Answer {
    pub(crate) fn json(status: u16, content: impl Into<String>) -> Self {
        let kind = ("Content-Type", "application/json".to_owned());
        Self::Full(status, vec![kind], content.into())
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<ServerConfig>>,
    seen: Mutex<Vec<Request>>,
    has_stopped: AtomicBool,
}

impl Server {
    /// Answers in the clear.
    pub(crate) fn plain(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(Box::new(handler), None)
    }

    /// Is a proxy to every host, and every host behind it, with the certificate `tls.crt` of a folder.
    pub(crate) fn proxy(
        folder: &Utf8Path,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let certificate = CertificateDer::from_pem_file(folder.join("tls.crt")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("tls.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::start(Box::new(handler), Some(Arc::new(config)))
    }

    fn start(handler: Box<Handler>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let has_stopped = AtomicBool::new(false);
        let shared = Arc::new(Shared { handler, tls, seen: Mutex::default(), has_stopped });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.has_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&for_thread);
                // A client that goes away in the middle is what some tests are about.
                std::thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// As in `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.has_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let Some(tls) = &self.tls else { return self.answer(stream) };
        let connect = read(&stream)?;
        assert_eq!(connect.method, "CONNECT");
        (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
        self.answer(StreamOwned::new(connection, stream))
    }

    fn answer(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        let request = read(&mut stream)?;
        self.seen.lock().unwrap().push(request.clone());
        match (self.handler)(&request) {
            Answer::Full(status, headers, content) => {
                let mut head = format!(
                    "HTTP/1.1 {status} OK\r\nContent-Length: {}\r\nConnection: close\r\n",
                    content.len()
                );
                for (name, value) in headers {
                    head.extend([name, ": ", &value, "\r\n"]);
                }
                stream.write_all(format!("{head}\r\n{content}").as_bytes())?;
                stream.flush()
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                let piece = vec![b' '; 16 * 1024];
                // Until the client has had enough.
                loop {
                    stream.write_all(&piece)?;
                }
            }
            Answer::Silence => {
                // The client goes away in the end.
                let _ = stream.read(&mut [0])?;
                Ok(())
            }
            Answer::Nothing => Ok(()),
        }
    }
}

fn read(stream: impl Read) -> std::io::Result<Request> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
    let mut content = vec![0; length];
    reader.read_exact(&mut content)?;
    let content = String::from_utf8_lossy(&content).into_owned();
    Ok(Request { method, path, headers, content })
}
