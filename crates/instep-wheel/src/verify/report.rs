//! What verifying a folder comes to.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::compare::{Comparison, Verdict};
use crate::rule::Rule;

/// What became of a script, and of each wheel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// 1.
    pub schema_version: u32,
    /// The folder of the wheels, as it was given.
    pub folder: Utf8PathBuf,
    /// The script, without secrets.
    pub command: String,
    /// How it ended.
    pub script: Script,
    /// What it wrote.
    pub output: KeptOutput,
    /// The wheels of the folder and those that were built besides, by name.
    pub wheels: Vec<VerifiedWheel>,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "ending")]
#[non_exhaustive]
pub enum Script {
    /// With exit code 0.
    Succeeded,
    /// With another one.
    Failed {
        /// The exit code; `null`: a signal ended it.
        code: Option<i32>,
    },
    /// It was ended, with all that it had started.
    TimedOut {
        /// The time that it had, in seconds.
        seconds: u64,
    },
}

/// What a script wrote, on both streams, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptOutput {
    /// Its last lines, in the order in which they came.
    pub lines: Vec<String>,
    /// How many lines before them are not kept.
    pub omitted: u64,
}

/// A wheel, and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedWheel {
    /// Its file name.
    pub file: String,
    /// Whether the script wrote it into the folder of the wheels, and not where it was told to. The wheel that was
    /// there is there again.
    pub in_place: bool,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a wheel.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
#[non_exhaustive]
pub enum Outcome {
    /// The rebuilt one is the same, but for noise that is named.
    Reproduced {
        /// The wheel and the rebuilt one.
        comparison: Box<Comparison>,
    },
    /// The rebuilt one differs.
    Different {
        /// The wheel and the rebuilt one.
        comparison: Box<Comparison>,
    },
    /// The script did not build it.
    NotRebuilt {
        /// The wheel that it built instead, as far as can be told.
        nearest: Option<String>,
    },
    /// The script built it, and there is none of that name.
    Extra {
        /// The wheel instead of which it was built, as far as can be told.
        nearest: Option<String>,
    },
    /// It breaks a rule, and was not compared.
    Refused {
        /// Which of both.
        which: Which,
        /// Where in it; `null` for the whole file.
        entry: Option<String>,
        /// The rule.
        rule: Rule,
    },
    /// Its file name is not that of a wheel.
    NoWheel {
        /// Which of both.
        which: Which,
        /// Why not.
        problem: String,
    },
    /// The script failed before it was built, or before it was whole.
    ScriptFailed {
        /// The exit code; `null`: a signal ended the script.
        code: Option<i32>,
    },
    /// The time was over before it was built, or before it was whole.
    TimedOut {
        /// The time that the script had, in seconds.
        seconds: u64,
    },
}

/// A wheel of the folder, or the rebuilt one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Which {
    /// That of the folder.
    Original,
    /// The rebuilt one.
    Rebuilt,
}

impl Report {
    /// Whether the script ended well and rebuilt each wheel, and nothing else, as it is.
    pub fn is_reproduced(&self) -> bool {
        self.script == Script::Succeeded
            && self.wheels.iter().all(|wheel| wheel.outcome.is_reproduced())
    }

    /// The comparisons, by name of the wheel.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.wheels.iter().filter_map(|wheel| wheel.outcome.comparison())
    }
}

impl Outcome {
    /// Whether the rebuilt wheel is the same, but for noise.
    pub fn is_reproduced(&self) -> bool {
        matches!(self, Self::Reproduced { .. })
    }

    /// Whether the rebuilt wheel is the same, byte for byte.
    pub fn is_identical(&self) -> bool {
        self.comparison().is_some_and(|comparison| comparison.verdict == Verdict::Identical)
    }

    /// What differs, where both were compared.
    pub fn comparison(&self) -> Option<&Comparison> {
        match self {
            Self::Reproduced { comparison } | Self::Different { comparison } => Some(comparison),
            _ => None,
        }
    }
}

impl Script {
    /// What became of a wheel that it did not build.
    pub(super) fn failure(self) -> Option<Outcome> {
        match self {
            Self::Succeeded => None,
            Self::Failed { code } => Some(Outcome::ScriptFailed { code }),
            Self::TimedOut { seconds } => Some(Outcome::TimedOut { seconds }),
        }
    }
}
