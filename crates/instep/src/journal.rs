//! The journal: a line when a sync starts, a line when it ends, whatever the end is.
//!
//! JSON Lines. The keys `timestamp`, `event`, `tool`, `venv`, `rebuild`, `use_pip`, `dry_run` and
//! `duration_seconds` are those that scripts which Instep replaces have always written.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use camino::Utf8PathBuf;
use fs_err::File;
use instep_venv::Plan;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where the journal lies and how large it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The file.
    pub path: Utf8PathBuf,
    /// Bytes after which it is rotated.
    pub max_size: u64,
    /// How many rotated files are kept.
    pub keep: usize,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// RFC 3339, UTC.
    pub timestamp: String,
    /// What happened.
    pub event: LineEvent,
    /// Ties the two lines of a sync together.
    pub run_id: String,
    /// The environment's name.
    pub environment: String,
    /// `uv`, `pip` or `pip-tools`; `null` as long as none is chosen.
    pub tool: Option<String>,
    /// The environment's path.
    pub venv: String,
    /// Whether the environment is made anew.
    pub rebuild: bool,
    /// Whether pip installs.
    pub use_pip: bool,
    /// Whether nothing is changed.
    pub dry_run: bool,
    /// Only at the end: seconds, to the millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Only at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Only at the end: how many packages were installed, changed, reinstalled, removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Only at the end of what failed: the error in one line, secrets removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineEvent {
    /// A sync starts.
    #[serde(rename = "venv_sync_start")]
    Start,
    /// A sync ended.
    #[serde(rename = "venv_sync_end")]
    End,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The environment is in step.
    Success,
    /// It failed, with an error.
    Failure,
    /// The host cancelled it.
    Cancelled,
    /// The process was killed; the next one wrote this line.
    Interrupted,
}

impl Outcome {
    /// As the journal spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

/// How many packages a sync touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Were not there before.
    pub installed: usize,
    /// Came in another version.
    pub changed: usize,
    /// Were put there anew.
    pub reinstalled: usize,
    /// Went.
    pub removed: usize,
}

impl From<&Plan> for Counts {
    fn from(plan: &Plan) -> Self {
        Self {
            installed: plan.install.len(),
            changed: plan.change.len(),
            reinstalled: plan.to_install() - plan.install.len() - plan.change.len(),
            removed: plan.remove.len(),
        }
    }
}

/// How far back an unfinished sync is looked for, in bytes.
const TAIL: u64 = 64 * 1024;

impl Journal {
    /// The starts of `environment`, of late, that have no end.
    ///
    /// To be called with the environment's lock held: whoever wrote them is dead then.
    pub(crate) fn dangling(&self, environment: &str) -> Result<Vec<Line>, Error> {
        let text = self.tail().map_err(|source| Error::Read { path: self.path.clone(), source })?;
        let mut open: Vec<Line> = Vec::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if line.environment != environment {
                continue;
            }
            match line.event {
                LineEvent::Start => open.push(line),
                LineEvent::End => open.retain(|start| start.run_id != line.run_id),
            }
        }
        Ok(open)
    }

    fn tail(&self) -> io::Result<String> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Appends a line; whole or not at all.
    pub fn append(&self, line: &Line) -> Result<(), Error> {
        // Plain values: there is nothing in a line that JSON cannot hold.
        let Ok(text) = serde_json::to_string(line) else { return Ok(()) };
        instep_fs::rotate(&self.path, self.max_size, self.keep)?;
        instep_fs::append_line(&self.path, &text)?;
        Ok(())
    }
}
