//! Why an environment is to be brought in step.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason to sync, written with exactly these words everywhere.
///
/// Several may apply at once. The first one in the order of this list leads: a reason that makes
/// others pointless to look at stands before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The caller asked for it.
    Forced,
    /// There is no manifest, or none that can be read.
    ManifestMissing,
    /// The environment is not there, or cannot be used.
    VenvInvalid,
    /// An earlier run did not come to its end.
    Interrupted,
    /// The interpreter is another one than the environment was built with.
    PythonChanged,
    /// The application is of another version than the one the environment was built for.
    VersionMismatch,
    /// The requirements ask for something else.
    RequirementsChanged,
    /// Options that decide what is installed have changed.
    OptionsChanged,
    /// Packages were added, removed or edited by hand.
    EnvironmentDrifted,
}

impl Reason {
    /// The word, as in files and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::ManifestMissing => "manifest_missing",
            Self::VenvInvalid => "venv_invalid",
            Self::Interrupted => "interrupted",
            Self::PythonChanged => "python_changed",
            Self::VersionMismatch => "version_mismatch",
            Self::RequirementsChanged => "requirements_changed",
            Self::OptionsChanged => "options_changed",
            Self::EnvironmentDrifted => "environment_drifted",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A reason that was found to apply, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The reason.
    pub reason: Reason,
    /// What shows it, for a person: `requirements.txt was edited`.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All words, in the order in which they lead.
    const WORDS: [&str; 9] = [
        "forced",
        "manifest_missing",
        "venv_invalid",
        "interrupted",
        "python_changed",
        "version_mismatch",
        "requirements_changed",
        "options_changed",
        "environment_drifted",
    ];

    #[test]
    fn words_are_the_same_in_json_and_in_messages_and_lead_in_order() {
        let reasons: Vec<Reason> =
            WORDS.iter().map(|word| serde_json::from_value((*word).into()).unwrap()).collect();
        assert!(reasons.is_sorted_by(|one, next| one < next));
        for (reason, word) in reasons.iter().zip(WORDS) {
            assert_eq!(reason.to_string(), word);
            assert_eq!(serde_json::to_value(reason).unwrap(), word);
        }
    }
}
