//! What can go wrong with a registry.

/// Why a registry did not do what it was asked for. None of them shows a login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryProblem {
    /// The reference is none.
    #[error("it cannot be read: {reason}")]
    Name {
        /// What is wrong with it.
        reason: String,
    },
    /// A setting cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// 401.
    #[error("{} (401)", if *had_login { "the login was refused" } else { "it asks for a login" })]
    Unauthorized {
        /// Whether there was a login for this host.
        had_login: bool,
    },
    /// 403.
    #[error("it is forbidden for this login (403)")]
    Forbidden,
    /// The login could not be read.
    #[error("it asks for a login, and {from} gave none: {reason}")]
    Login {
        /// The file or the program.
        from: String,
        /// What is wrong.
        reason: String,
    },
    /// 404.
    #[error("there is none (404)")]
    Missing,
    /// 429.
    #[error("it had too many requests (429){}", asked(*wait))]
    TooMany {
        /// How long it asks to wait, in seconds.
        wait: Option<u64>,
    },
    /// Any other status that is no success.
    #[error("it answered with status {status}{}", said(message))]
    Status {
        /// The status.
        status: u16,
        /// What it said, shortened, without secrets.
        message: String,
    },
    /// It cannot be reached, is silent, or stopped in the middle.
    #[error("{reason}")]
    Unreachable {
        /// Why.
        reason: String,
    },
    /// Its answer makes no sense.
    #[error("its answer is not understood: {reason}")]
    Answer {
        /// Why not.
        reason: String,
    },
    /// The content is another one than its digest says.
    #[error("the content is not what was asked for: expected {expected}, got {found}")]
    WrongDigest {
        /// As it was asked for.
        expected: String,
        /// As it came.
        found: String,
    },
    /// The content is larger or smaller than it was said to be.
    #[error("the content has {found} bytes, not {expected}")]
    WrongSize {
        /// Bytes, as they were said.
        expected: u64,
        /// Bytes that came, or at least so many.
        found: u64,
    },
    /// Something is larger than it may be.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
}

fn asked(wait: Option<u64>) -> String {
    wait.map(|seconds| [" and asks to wait ", &seconds.to_string(), " s"].concat())
        .unwrap_or_default()
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { [": ", message].concat() }
}

impl RegistryProblem {
    /// What to do about it, at a host.
    pub(crate) fn hint(&self, host: &str) -> Option<String> {
        let text = match self {
            Self::Name { .. } => "write it as HOST/NAME:TAG or HOST/NAME@sha256:DIGEST",
            Self::Unauthorized { .. } => {
                return Some(format!(
                    "log in with `docker login {host}`, `podman login {host}` or `skopeo login {host}`; a name that \
                     does not exist may be answered in this way too"
                ));
            }
            Self::Forbidden => {
                return Some(format!(
                    "log in at {host} as somebody who may do this, and look at the name"
                ));
            }
            Self::Login { .. } => {
                return Some(format!("mend it, or log in anew with `docker login {host}`"));
            }
            Self::Missing => "look at the name and the tag",
            Self::TooMany { .. } => "try it again later; what has come is kept",
            Self::Unreachable { .. } => {
                "look at the name of the host, the network, the proxy, and `SSL_CERT_FILE` for a certificate of your own; \
                 what has come is kept"
            }
            Self::WrongDigest { .. } | Self::WrongSize { .. } => {
                "it was not kept; something between here and the registry, or the registry, changes contents"
            }
            Self::Status { .. } => "look at the registry's log; what has come is kept",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
