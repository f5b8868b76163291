//! What happens while Instep works, as values: a host shows them as it likes.

use instep_manifest::Reason;
use instep_venv::Plan;
use serde::Serialize;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// Another process is at work on the environment, and is waited for.
    Waiting {
        /// The environment.
        environment: String,
        /// Its process id, as far as it is known.
        pid: Option<u32>,
        /// What it runs.
        command: Option<String>,
    },
    /// Something that a person should know, and that stops nothing.
    Notice {
        /// The environment, if it is about one.
        environment: Option<String>,
        /// A sentence.
        message: String,
    },
    /// A sync is needed, and begins.
    SyncStarted {
        /// The environment.
        environment: String,
        /// Identifies the sync in the journal and the history.
        run_id: String,
        /// Why; the first leads.
        reasons: Vec<Reason>,
    },
    /// The tool that does the work was chosen.
    Tool {
        /// The environment.
        environment: String,
        /// `uv`, `pip` or `pip-tools`.
        name: String,
        /// Its version.
        version: String,
        /// The version of Python that the environment is made of.
        python: String,
    },
    /// A lock is being compiled.
    Locking {
        /// The environment.
        environment: String,
        /// The lock's path, relative to the root where it is inside.
        lock: String,
    },
    /// The locks of layers are being compiled.
    Layers {
        /// What happened.
        detail: instep_lock::Event,
    },
    /// A mirror is being synced.
    Mirror {
        /// Its name.
        mirror: String,
        /// What happened.
        detail: instep_mirror::Event,
    },
    /// A bundle is being made, carried, verified or installed.
    #[cfg(feature = "bundle")]
    Bundle {
        /// What happens to it.
        detail: instep_bundle::Event,
    },
    /// Somebody was asked for the password of a key.
    #[cfg(feature = "keys")]
    Key {
        /// Whose key.
        role: String,
        /// Who was asked, and what came of it; never the password.
        attempt: instep_keys::Attempt,
    },
    /// Wheels are being collected, or rebuilt.
    #[cfg(feature = "wheels")]
    Wheels {
        /// What happened.
        detail: instep_wheel::Event,
    },
    /// What is going to be done.
    Planned {
        /// The environment.
        environment: String,
        /// The plan.
        plan: Plan,
    },
    /// A step of the virtual environment's own work.
    Venv {
        /// The environment.
        environment: String,
        /// What happened.
        detail: instep_venv::Event,
    },
    /// A command that runs after the sync begins.
    StepStarted {
        /// The environment.
        environment: String,
        /// The step's name.
        step: String,
    },
    /// A sync ended well.
    SyncFinished {
        /// The environment.
        environment: String,
        /// Identifies the sync in the journal and the history.
        run_id: String,
        /// Seconds.
        duration_seconds: f64,
    },
}
