//! What the end-to-end tests are written with: small wheels, an index to get them from, a project to
//! run the real `instep` in, and the real tools of this machine.
//!
//! | a test needs | it uses |
//! | --- | --- |
//! | a package that costs nothing to install | [`Wheel`] |
//! | a folder, and the command run in it with a clean environment | [`Project`], [`Outcome`] |
//! | real uv, pip-tools or virtualenv, or a named skip | [`tools::require`] |
//! | to know what an environment holds | [`installed`] |
//! | an index that asks for a password, is slow, breaks off, or sends elsewhere | [`Index`] |
//! | a real registry, with a password or TLS, and what it was asked | [`Registry`] |
//! | a Vault, or AWS's secrets, on this machine | [`VaultServer`], [`AwsServer`] |
//! | an image of a container, brought to a registry | [`Image`] |
//! | faults on the way to a server: cut, silent, corrupt, too much | [`Faulty`] |
//!
//! ```no_run
//! use instep_tests::{Project, Wheel, installed, tools};
//!
//! let Some(uv) = tools::require("uv") else { return };
//! let project = Project::new().tool(&uv);
//! Wheel::new("alpha", "1.0").build(&project.wheels());
//! project.write("requirements.txt", "alpha\n");
//!
//! project.run(["sync"]).success();
//! assert_eq!(installed(&project.path(".venv"))["alpha"], "1.0");
//! ```
//!
//! | variable | what it is | set by |
//! | --- | --- | --- |
//! | `INSTEP_TEST_TOOLS` | the folder with the programs of `tools/requirements.in` | `cargo xtask test` |
//! | `INSTEP_TEST_SKIPS` | the file that skipped tests are named in | `cargo xtask test` |
//! | `INSTEP_TEST_LONG` | `1`: tests that take minutes run too | `cargo xtask test --long` |
//! | `INSTEP_TEST_DEVCONTAINER` | the program that reads dev containers | `cargo xtask test` |
//! | `INSTEP_TEST_VAULT` | the program `rvault` of RustyVault | `cargo xtask test` |
//! | `INSTEP_TEST_NETWORK` | on Windows: a drive letter of a network drive, and a share: `N:;\\\\server\\share` | `cargo xtask test`, for Wine |
//! | `INSTEP_TEST_BIN` | the `instep` to test, instead of the one cargo builds | whoever tests a release |
//!
//! Everything here panics when something fails: it only ever runs in a test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "in a test, a panic is how a failure is told"
)]

mod aws;
mod binary;
mod faulty;
mod http;
mod image;
mod index;
mod installed;
mod outcome;
mod project;
mod registry;
mod search_path;
pub mod tools;
mod vault;
mod wheel;

pub use aws::AwsServer;
pub use binary::instep;
pub use faulty::{Fault, Faulty, Passed};
pub use image::Image;
pub use index::{Behaviour, Index, Ranges, Request};
pub use installed::installed;
pub use outcome::Outcome;
pub use project::Project;
pub use registry::{Answered, Registry, RegistrySetup, certify};
pub use tools::long;
pub use vault::VaultServer;
pub use wheel::Wheel;
