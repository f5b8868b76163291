//! Keeps every copy of a Python environment in step with what it is built from.
//!
//! This is the crate that other programs embed. A desktop application that ships Python, a Rust
//! monorepo with Python tools, a service that prepares environments: each asks at start-up whether its
//! environment is still what it should be (a few file reads), and if not, syncs it, showing progress
//! and able to cancel.
//!
//! ```no_run
//! use camino::Utf8Path;
//! use instep::{CancelToken, CheckRequest, Event, Host, SyncRequest, Workspace};
//!
//! fn main() -> Result<(), instep::Error> {
//!     // The configuration is looked for in this folder and above; without one, `.venv` follows
//!     // `requirements.txt`.
//!     let workspace = Workspace::open_at(Utf8Path::new("path/of/the/application"))?;
//!     let environment = workspace.environment("default")?;
//!
//!     // At start-up: no process is started, nothing is written.
//!     let request = CheckRequest { app_version: Some("2.1.0".into()), ..CheckRequest::default() };
//!     let check = environment.check_sync_needed(&request)?;
//!     if !check.needed {
//!         return Ok(());
//!     }
//!     for finding in &check.findings {
//!         println!("{}: {}", finding.reason, finding.detail);
//!     }
//!
//!     // Another thread, a window's button, a signal handler: whoever holds a clone may cancel. The
//!     // tools that are running then end too, and the environment stays what it was.
//!     let cancel = CancelToken::new();
//!     let button = cancel.clone();
//!     std::thread::spawn(move || {
//!         let gave_up = false;
//!         if gave_up {
//!             button.cancel();
//!         }
//!     });
//!
//!     let mut host = Host::new(|event| match event {
//!         Event::Venv { detail: instep::venv::Event::Progress { done, total }, .. } => {
//!             println!("{done} of {total} packages");
//!         }
//!         Event::Notice { message, .. } => println!("note: {message}"),
//!         _ => {}
//!     })
//!     .with_cancel(cancel);
//!     let request = SyncRequest { app_version: Some("2.1.0".into()), ..SyncRequest::default() };
//!     match environment.sync(&request, &mut host) {
//!         Ok(synced) => println!("{} packages", synced.packages),
//!         Err(error) if error.is_cancelled() => println!("cancelled"),
//!         Err(error) => {
//!             println!("{error}");
//!             if let Some(hint) = error.hint() {
//!                 println!("help: {hint}");
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # The way through
//!
//! [`Workspace`] finds the configuration ([`config`]) and gives an [`Environment`] for each table
//! `[env.NAME]`. Everything that is done to one goes the same way: observe, plan, apply, record. The
//! virtual environment's part of that is [`venv`] (the crate `instep-venv`); what an environment was
//! built from is a [`Manifest`].
//!
//! # What is promised
//!
//! - A check changes nothing and, with nothing to do, starts no process.
//! - A sync that is killed at any point leaves the old environment, or one that the next sync
//!   completes by itself.
//! - Two syncs at once: one works, the other waits, says for whom, and finds nothing to do.
//! - No secret reaches a log, an error, an event or a lock.

mod app_version;
#[cfg(feature = "bundle")]
mod bundle;
mod check;
mod ci;
pub mod config;
mod doctor;
mod error;
mod event;
mod host;
mod init;
mod journal;
#[cfg(feature = "keys")]
mod keys;
mod layers;
mod lock;
mod members;
mod options;
mod outdated;
mod project;
mod project_mirror;
mod record;
mod sources;
mod spec;
mod stamps;
mod state;
mod steps;
mod sync;
mod toolbox;
#[cfg(feature = "wheels")]
mod wheels;
mod workspace;

#[cfg(feature = "bundle")]
pub use bundle::{
    BundleRequest, BundleResult, InstallRequest, Installed, PullRequest, VerifiedBundle,
    VerifyRequest, create_bundle, install_bundle, pull_bundle, push_bundle, renew_bundle_root,
    verify_bundle,
};
pub use check::{Check, CheckRequest};
pub use ci::Repository;
pub use doctor::{Diagnosis, Problem, Severity};
pub use error::{AppVersionProblem, Error, Snippet};
pub use event::Event;
pub use host::{Host, Question};
pub use init::{Initialised, init};
#[cfg(feature = "bundle")]
pub use instep_bundle as bundles;
pub use instep_ci as files;
#[cfg(feature = "keys")]
pub use instep_keys as key;
pub use instep_lock as layer;
pub use instep_lock::{Upgrade, Upgrades};
pub use instep_manifest::{Finding, HistoryEntry, Listing, Manifest, Reason};
pub use instep_mirror as mirror;
pub use instep_tools::{CancelToken, Environment as Variables};
pub use instep_venv as venv;
pub use instep_venv::Plan;
#[cfg(feature = "wheels")]
pub use instep_wheel as wheel;
pub use journal::{Counts, Journal, Line, LineEvent, Outcome};
#[cfg(feature = "keys")]
pub use keys::{KeyCheck, KeyListing, ListedKey, check_key, key_password, list_keys};
pub use layers::{Beside, LockRequest, LockedLayers};
pub use members::Member;

pub use outdated::{Outdated, OutdatedPackage};
pub use project_mirror::{MirrorRequest, ProjectMirror, Ran};
pub use spec::{Source, Spec};
pub use state::STATE_DIR;
pub use sync::{SyncOutcome, SyncRequest, Synced};
#[cfg(feature = "wheels")]
pub use wheels::{Wheelhouse, WheelhouseRequest, wheelhouse};
pub use workspace::{Environment, Notice, Workspace, sync_all};
