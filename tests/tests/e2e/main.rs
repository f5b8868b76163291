//! End-to-end: the real command, with real tools, on wheels that the tests build.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod bad_input;
// Registries, Vault and images: servers of Debian.
#[cfg(target_os = "linux")]
mod bundle;
mod ci;
mod ci_consumers;
mod ci_faults;
mod concurrency;
mod exactness;
// Images that are mounted.
#[cfg(target_os = "linux")]
mod file_systems;
mod interruption;
mod keys;
mod layer_faults;
mod layers;
mod mirror;
#[cfg(target_os = "linux")]
mod network_drive;
mod records;
// Links, mounts and modes: what it does to a machine only Unix lets a test do.
#[cfg(unix)]
mod recovery;
mod secrets;
mod sources;
mod stamps;
mod support;
mod sync;
// They rename what the other one has open.
#[cfg(unix)]
mod two_machines;
mod two_programs;
mod wheel_tags;
mod wheelhouse;
mod wheels_compare;
mod wheels_verify;
#[cfg(windows)]
mod windows;
