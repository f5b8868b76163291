//! Who vouches for a bundle: TUF metadata, made and checked.
//!
//! The trust folder of who makes bundles ([`TrustSettings::folder`]):
//!
//! ```text
//! root.json          the newest root: public, what a site verifies with
//! N.root.json        every root there was, so that a site with an older one follows
//! keys/NAME.pem      private keys, encrypted by a password: PKCS#8, PBES2
//! ```
//!
//! In a bundle, `metadata/` has the roots, `targets.json`, `snapshot.json` and `timestamp.json`. Every file of the
//! bundle but the last three is a target, under its own path, the roots too: so each byte of it is signed for.
//! `tough` signs and decides whether metadata is accepted; what it does not look at (files that nobody signed for,
//! links, names, all faults instead of the first one, roots that a site has seen) is looked at here.

mod canonical;
mod compare;
mod fault;
mod files;
mod follow;
mod judge;
mod key;
mod memory;
mod metadata;
mod problem;
mod role;
mod root;
mod settings;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use fault::Fault;
pub use jiff::Timestamp;
pub(crate) use problem::list;
pub use problem::{KeyProblem, RootProblem, TrustProblem};
pub use role::TopRole;
pub use root::{Passwords, TrustRoot, ensure_root, renew_root};
pub use settings::{RoleSettings, TrustSettings};
pub use sign::{SignRequest, SignedBundle, sign};
pub use verify::{Trust, Verified, VerifiedFile, verify};
