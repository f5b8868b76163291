//! Why a backend that is configured did not do what it should.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;

/// Longer than any password that a person or a generator makes, and short enough to be held anywhere.
pub(crate) const LONGEST_PASSWORD: usize = 4096;

/// Why a backend failed. Of what a server says, only its status and its codes are in here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It has a value, and that is nothing.
    #[error("the value is empty")]
    Empty,
    /// It has a value that cannot be a password.
    #[error("the value is longer than {LONGEST_PASSWORD} bytes")]
    TooLong,
    /// It has a value that is no text.
    #[error("the value is not UTF-8")]
    NotText,
    /// A variable that it needs cannot be used.
    #[error("the variable {name} {reason}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What should be a file is something else.
    #[error("{path} is no file")]
    NoFile {
        /// The path.
        path: Utf8PathBuf,
    },
    /// A file with a secret can be read by others than its owner.
    #[error("{path} can be read by others than its owner (mode {mode:03o})")]
    Exposed {
        /// The file.
        path: Utf8PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no login for a server that is configured.
    #[error("there is no login: {reason}")]
    NoLogin {
        /// What is missing.
        reason: &'static str,
    },
    /// A server, or a service of the system, could not be reached.
    #[error("cannot reach {what}: {reason}")]
    Unreachable {
        /// The host, or the service.
        what: String,
        /// Why not.
        reason: String,
    },
    /// There was no answer in time.
    #[error("no answer within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// A server refused.
    #[error("{what} answered {status}{}{}", if code.is_empty() { "" } else { " " }, code)]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's own code, letters and digits alone; empty where it has none.
        code: String,
    },
    /// A server's answer is not of the shape that it should have.
    #[error("the answer of {what} cannot be used: {reason}")]
    Answer {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A server's answer may not be used.
    #[error("the answer of {host} cannot be used: {reason}")]
    Unusable {
        /// The server.
        host: String,
        /// Why not.
        reason: &'static str,
    },
    /// A client of a service said no, before or after it asked.
    #[error("{what}: {reason}")]
    Client {
        /// What was done.
        what: &'static str,
        /// What the client said, where it cannot hold a secret.
        reason: String,
    },
    /// What it needs is not there at all, as is only seen when it is asked: it counts as not configured.
    #[error("{reason}")]
    NotThere {
        /// What is not there.
        reason: String,
    },
    /// The host asked to stop.
    #[error("cancelled")]
    Cancelled,
}

#[cfg(feature = "network")]
impl From<crate::transport::TransportProblem> for Problem {
    fn from(problem: crate::transport::TransportProblem) -> Self {
        use crate::transport::TransportProblem as From;
        match problem {
            From::Unreachable { host, reason } => Self::Unreachable { what: host, reason },
            From::TooLong { host } => {
                Self::Unusable { host, reason: "it is longer than any answer should be" }
            }
            From::Redirected { host } => Self::Unusable {
                host,
                reason: "it sends the request elsewhere, which is not followed with a secret in it",
            },
        }
    }
}

impl Problem {
    /// The whole story in one line.
    pub(crate) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
