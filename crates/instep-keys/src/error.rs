//! What can go wrong.

use crate::attempt::{Attempt, Outcome};
use crate::kind::BackendKind;
use crate::problem::Problem;
use crate::role::Role;

/// An error of this crate. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name is not that of a role.
    #[error("`{given}` is no role: small letters, digits and hyphens, a letter first")]
    Role {
        /// The name.
        given: String,
    },
    /// A name is not that of a backend.
    #[error("`{given}` is no backend of keys")]
    Kind {
        /// The name.
        given: String,
    },
    /// A backend stands in the order twice.
    #[error("the backend `{backend}` stands in the order twice")]
    Twice {
        /// Which.
        backend: BackendKind,
    },
    /// A name of the settings has a placeholder that means nothing, or makes no name.
    #[error("the name `{given}` of `{backend}` cannot be used: {reason}")]
    Name {
        /// Whose name it is.
        backend: BackendKind,
        /// As it was given.
        given: String,
        /// Why.
        reason: &'static str,
    },
    /// A backend that is configured failed, and the settings say to stop there.
    #[error("`{backend}` failed to give the password of the key `{role}`")]
    Failed {
        /// Whose key it is.
        role: Role,
        /// Who was asked.
        backend: BackendKind,
        /// Why it failed.
        source: Problem,
    },
    /// None of the backends has it.
    #[error("no backend has the password of the key `{role}`{}", listed(attempts))]
    NoPassword {
        /// Whose key it is.
        role: Role,
        /// Who was asked, and what came of it.
        attempts: Vec<Attempt>,
    },
    /// The host asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Role { .. } => {
                "the roles of a bundle are root, targets, snapshot and timestamp".into()
            }
            Self::Kind { .. } => {
                ["the backends are ", &BackendKind::ALL.map(BackendKind::as_str).join(", ")]
                    .concat()
            }
            Self::Name { .. } => {
                "placeholders are {app}, {role}, and {ROLE} (in capitals, `-` as `_`)".into()
            }
            Self::Failed { role, .. } => {
                let role = role.as_str();
                [
                    "see `instep keys check ",
                    role,
                    "`; with `on-failure = \"go-on\"` the next one is asked",
                ]
                .concat()
            }
            Self::NoPassword { role, .. } => [
                "set the variable TUF_",
                &role.in_capitals(),
                "_KEY_PASSWORD, or configure a backend",
            ]
            .concat(),
            Self::Twice { .. } | Self::Cancelled => return None,
        };
        Some(text)
    }

    /// Whether the host asked for it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

/// Those that could have had it: who is not configured is no news.
fn listed(attempts: &[Attempt]) -> String {
    let told = |attempt: &&Attempt| !matches!(attempt.outcome, Outcome::Unconfigured { .. });
    let each =
        |attempt: &Attempt| [attempt.backend.as_str(), " ", &attempt.outcome.to_string()].concat();
    let told: Vec<String> = attempts.iter().filter(told).map(each).collect();
    if told.is_empty() { String::new() } else { [" (", &told.join("; "), ")"].concat() }
}
