//! What a child writes: two threads that read its pipes, and what becomes of the bytes. The threads only move bytes
//! into one bounded channel, so that a child can never block on a full pipe for long, a flood of output cannot fill
//! the memory before it is looked at, and lines are handed on by the thread that called.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::process::{ChildStderr, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::lines::Lines;
use crate::redact::redact;

/// How many of the last lines an error carries.
const TAIL_LINES: usize = 40;
/// How long a line may get before it is handed on, where nothing is kept.
const LONGEST_LINE: usize = 64 * 1024;
/// How much is read at once: the size of a pipe on Linux.
const CHUNK: usize = 64 * 1024;
/// How many chunks wait in the channel at most.
const QUEUED: usize = 32;

/// One of the two streams of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// The results.
    Stdout,
    /// What is meant for people.
    Stderr,
}

/// What a program wrote before it ended well: the text as it was, not redacted, for programs to parse. What is not
/// UTF-8 stands as the replacement character. The `Debug` form shows sizes only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Output {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Output")
            .field("stdout_bytes", &self.stdout.len())
            .field("stderr_bytes", &self.stderr.len())
            .finish()
    }
}

/// What came out of the pipes since they were last asked.
pub(crate) enum Arrival {
    Bytes(Stream, Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Nothing more will come: everybody has closed both pipes.
    End,
}

/// The threads that read the pipes. Dropped while a descendant still holds a pipe open, each thread ends at the next
/// bytes that arrive, or with the pipe.
pub(crate) struct Readers {
    arrivals: Receiver<(Stream, Vec<u8>)>,
}

impl Readers {
    pub(crate) fn start(
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
    ) -> io::Result<Readers> {
        let (sender, arrivals) = sync_channel(QUEUED);
        if let Some(pipe) = stdout {
            read(pipe, Stream::Stdout, sender.clone())?;
        }
        if let Some(pipe) = stderr {
            read(pipe, Stream::Stderr, sender)?;
        }
        Ok(Readers { arrivals })
    }

    /// Waits for the next bytes, at most this long.
    pub(crate) fn next(&self, time: Duration) -> Arrival {
        match self.arrivals.recv_timeout(time) {
            Ok((stream, bytes)) => Arrival::Bytes(stream, bytes),
            Err(RecvTimeoutError::Timeout) => Arrival::Nothing,
            Err(RecvTimeoutError::Disconnected) => {
                // The child ends a moment after its pipes do; without a pause the wait for that would be a busy one.
                thread::sleep(time.min(Duration::from_millis(1)));
                Arrival::End
            }
        }
    }
}

fn read(
    mut pipe: impl Read + Send + 'static,
    stream: Stream,
    sender: SyncSender<(Stream, Vec<u8>)>,
) -> io::Result<()> {
    thread::Builder::new().name("instep-output".to_owned()).spawn(move || {
        let mut buffer = vec![0; CHUNK];
        loop {
            let bytes = match pipe.read(&mut buffer) {
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A pipe that breaks has ended; the exit status tells the rest.
                Err(_) => break,
            };
            if bytes.is_empty() || sender.send((stream, bytes.to_vec())).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}

/// Everything a program has written so far.
#[derive(Debug)]
pub(crate) struct Collected {
    stdout: Capture,
    stderr: Capture,
    tail: VecDeque<String>,
    is_kept: bool,
}

#[derive(Debug, Default)]
struct Capture {
    bytes: Vec<u8>,
    lines: Lines,
}

impl Collected {
    /// Keeps the bytes, or only hands on lines.
    pub(crate) fn new(is_kept: bool) -> Collected {
        let (stdout, stderr) = (Capture::default(), Capture::default());
        Collected { stdout, stderr, tail: VecDeque::new(), is_kept }
    }

    pub(crate) fn take(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        on_line: &mut dyn FnMut(Stream, &str),
    ) {
        let capture = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let tail = &mut self.tail;
        if self.is_kept {
            capture.bytes.extend_from_slice(bytes);
        } else if capture.lines.pending() >= LONGEST_LINE {
            capture.lines.finish(&mut |line| hand_on(stream, line, tail, on_line));
        }
        capture.lines.feed(bytes, &mut |line| hand_on(stream, line, tail, on_line));
    }

    /// Hands on the last lines, which may lack their newline.
    fn finish(&mut self, on_line: &mut dyn FnMut(Stream, &str)) {
        let tail = &mut self.tail;
        for (stream, capture) in
            [(Stream::Stdout, &mut self.stdout), (Stream::Stderr, &mut self.stderr)]
        {
            capture.lines.finish(&mut |line| hand_on(stream, line, tail, on_line));
        }
    }

    pub(crate) fn into_output(mut self, on_line: &mut dyn FnMut(Stream, &str)) -> Output {
        self.finish(on_line);
        Output { stdout: text(self.stdout.bytes), stderr: text(self.stderr.bytes) }
    }

    pub(crate) fn into_tail(mut self, on_line: &mut dyn FnMut(Stream, &str)) -> Vec<String> {
        self.finish(on_line);
        self.tail.into()
    }
}

fn hand_on(
    stream: Stream,
    line: &str,
    tail: &mut VecDeque<String>,
    on_line: &mut dyn FnMut(Stream, &str),
) {
    let line = redact(line);
    on_line(stream, &line);
    if tail.len() == TAIL_LINES {
        tail.pop_front();
    }
    tail.push_back(line.into_owned());
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
