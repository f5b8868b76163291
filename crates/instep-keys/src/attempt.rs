//! Who was asked, and what came of it.

use std::fmt;

use serde::Serialize;

use crate::kind::BackendKind;

/// One backend was asked for one password. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Attempt {
    /// Who was asked.
    pub backend: BackendKind,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What a person has to know before the password is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// It has the password.
    Found,
    /// It is configured, answered, and has none for this role.
    Absent,
    /// It is not configured, and was not asked.
    Unconfigured {
        /// What is missing.
        reason: String,
    },
    /// It is configured and did not do what it should.
    Failed {
        /// Why, without secrets.
        reason: String,
    },
    /// This program was built without it.
    NotCompiled,
    /// It may not be used for this purpose.
    Refused {
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found => formatter.write_str("found"),
            Self::Absent => formatter.write_str("has none"),
            Self::Unconfigured { reason } => write!(formatter, "not configured: {reason}"),
            Self::Failed { reason } => write!(formatter, "failed: {reason}"),
            Self::NotCompiled => formatter.write_str("not in this program"),
            Self::Refused { reason } => write!(formatter, "refused: {reason}"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({} ms)", self.backend, self.outcome, self.duration_ms)?;
        match self.warning {
            Some(warning) => write!(formatter, "; WARNING: {warning}"),
            None => Ok(()),
        }
    }
}
