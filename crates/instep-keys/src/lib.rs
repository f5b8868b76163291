//! Where the password of a signing key comes from: asked of one backend after the other, in an order that is
//! configured.
//!
//! | question | answer |
//! | --- | --- |
//! | whose key | [`Role`] |
//! | who is asked, in which order, under which names | [`Settings`], [`BackendKind`] |
//! | what is done when one that is configured fails | [`OnFailure`] |
//! | the password | [`Keys::password`], [`Password`] |
//! | who was asked, what came of it, how long it took | [`Attempt`], [`Outcome`] |
//! | who would answer | [`Keys::check`], [`Keys::answering`] |
//!
//! ```no_run
//! use instep_keys::{Keys, Purpose, Role, Settings};
//! use instep_tools::{CancelToken, Environment};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::capture()?;
//! let keys = Keys::new(&Settings::default(), &environment)?;
//! let role: Role = "targets".parse()?;
//! let mut tell = |attempt| eprintln!("{attempt}");
//! let password = keys.password(&role, Purpose::Release, &mut tell, &CancelToken::new())?;
//! # let _ = password;
//! # Ok(())
//! # }
//! ```
//!
//! # Secrets
//!
//! A password leaves this crate in a [`Password`] alone. No error, attempt or `Debug` text holds one, nor the tokens
//! that were used to get it: of what a server answers, only its status and codes are ever shown. Buffers of this crate
//! are zeroized; those inside the clients of AWS and Azure, and inside D-Bus, are theirs.
//!
//! # What is read from the process itself
//!
//! Variables come from the [`Environment`](instep_tools::Environment) that is handed in. There are three exceptions,
//! in code that is not ours: the address of the session bus (Secret Service), the files and services of AWS's default
//! chain (`~/.aws`, roles of containers and machines, where no keys are in the variables), and the service of managed
//! identities of Azure.

mod attempt;
mod backend;
mod error;
mod keys;
mod kind;
mod password;
mod problem;
mod role;
mod settings;
#[cfg(feature = "network")]
#[cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "vault")),
    allow(dead_code, reason = "each of the three uses a part of it")
)]
mod transport;
#[cfg(feature = "network")]
mod wait;

pub use attempt::{Attempt, Outcome};
pub use backend::Readiness;
pub use error::Error;
pub use keys::{Keys, Listed};
pub use kind::BackendKind;
pub use password::Password;
pub use problem::Problem;
pub use role::Role;
pub use settings::{
    AwsNames, AzureNames, EnvironmentNames, FileNames, KeyringNames, OnFailure, Purpose, Settings,
    VaultNames,
};
