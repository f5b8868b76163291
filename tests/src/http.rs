//! One request to a server on this machine, as tests need it to set one up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Sends a request to `127.0.0.1:PORT`, and gives the status and the content of the answer.
pub(crate) fn call(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    content: &str,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(host)?;
    // 1.0: the answer comes in one piece, and ends with the connection.
    let mut request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
        content.len()
    );
    for (name, value) in headers {
        request.extend([*name, ": ", *value, "\r\n"]);
    }
    stream.write_all(format!("{request}\r\n{content}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let none = || std::io::Error::other(format!("no answer of HTTP: {answer}"));
    Ok((status.ok_or_else(none)?, content.to_owned()))
}
