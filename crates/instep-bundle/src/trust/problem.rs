//! What can go wrong with keys and roots.

use camino::Utf8PathBuf;
use instep_keys::Role;
use jiff::Timestamp;
use serde::Serialize;

use super::fault::Fault;
use super::role::TopRole;

/// Why nothing was signed, or could be verified. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustProblem {
    /// A key is named twice for one role.
    #[error("the key `{key}` is named twice for the role {role}")]
    KeyTwice {
        /// For which role.
        role: TopRole,
        /// Which.
        key: Role,
    },
    /// Two files hold the same key, which would count twice.
    #[error("`{one}` and `{other}` are the same key, and both are for the role {role}")]
    SameKey {
        /// For which role.
        role: TopRole,
        /// The one.
        one: Role,
        /// The other.
        other: Role,
    },
    /// Fewer keys than have to sign.
    #[error("the role {role} needs {needed} signatures, and there are {found} keys for it")]
    TooFewKeys {
        /// Which role.
        role: TopRole,
        /// How many can sign.
        found: usize,
        /// How many have to.
        needed: u64,
    },
    /// A key file cannot be used.
    #[error("the key {path} cannot be used: {problem}")]
    Key {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: KeyProblem,
    },
    /// No password could be had.
    #[error("no password for the key `{key}`")]
    Password {
        /// Which key.
        key: Role,
        /// Why not.
        source: instep_keys::Error,
    },
    /// The password is empty.
    #[error("the password for the key `{key}` is empty")]
    EmptyPassword {
        /// Which key.
        key: Role,
    },
    /// A key that can be opened is not one of the role.
    #[error("the key `{key}` is not one that the root knows for the role {role}")]
    NotInRoot {
        /// Which key.
        key: Role,
        /// For which role.
        role: TopRole,
    },
    /// There is no root to sign for.
    #[error("there is no root at {path}")]
    NoRoot {
        /// Where it should be.
        path: Utf8PathBuf,
    },
    /// A root cannot be used.
    #[error("the root {path} cannot be used: {problem}")]
    Root {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        problem: RootProblem,
    },
    /// The root that was handed over cannot be used.
    #[error("the trusted root cannot be used: {problem}")]
    TrustedRoot {
        /// Why not.
        problem: RootProblem,
    },
    /// The root has expired, so that nobody would accept what is signed for it.
    #[error("the root {path} has expired at {since}")]
    RootExpired {
        /// The file.
        path: Utf8PathBuf,
        /// When.
        since: Timestamp,
    },
    /// A new root would not be accepted by who has the old one.
    #[error("the new root is signed by {valid} of the {needed} keys of the old one that it needs")]
    OldKeys {
        /// How many keys of the old root could be used.
        valid: u64,
        /// How many have to sign.
        needed: u64,
    },
    /// A bundle has in it what cannot be signed.
    #[error("{} cannot be signed: {}", bundle, list(faults))]
    Unsignable {
        /// The bundle.
        bundle: Utf8PathBuf,
        /// What.
        faults: Vec<Fault>,
    },
    /// What a site remembers belongs to another root.
    #[error("{folder} remembers bundles of another root")]
    OtherRoot {
        /// Where it is remembered.
        folder: Utf8PathBuf,
    },
    /// What a site remembers cannot be read.
    #[error("{path} is damaged, so that it cannot be said which bundles were accepted here before")]
    Memory {
        /// The file.
        path: Utf8PathBuf,
    },
    /// There is no higher version.
    #[error("the version after {version} cannot be written")]
    Versions {
        /// The highest one.
        version: u64,
    },
    /// Something could not be signed.
    #[error("cannot sign {role}: {reason}")]
    Sign {
        /// For which role.
        role: TopRole,
        /// Why not.
        reason: String,
    },
    /// A file could not be written, or a lock not be taken.
    #[error(transparent)]
    File(#[from] instep_fs::Error),
}

impl TrustProblem {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Key { problem, .. } => return problem.hint().map(str::to_owned),
            Self::Password { source, .. } => return source.hint(),
            Self::File(error) => return error.hint(),
            Self::KeyTwice { .. } | Self::SameKey { .. } => "name each key once",
            Self::TooFewKeys { .. } => "name more keys for the role, or lower its threshold",
            Self::NotInRoot { .. } => "renew the root, so that it knows the key",
            Self::NoRoot { .. } => "make one with the first bundle, or name the folder that has it",
            Self::RootExpired { .. } => "renew the root, and hand the new one to the sites",
            Self::OldKeys { .. } => "name enough keys of the root before",
            Self::OtherRoot { .. } => "name another folder for what is remembered",
            Self::Memory { .. } => {
                "remove the folder, if you are sure that the bundle is the newest"
            }
            Self::EmptyPassword { .. }
            | Self::Root { .. }
            | Self::TrustedRoot { .. }
            | Self::Unsignable { .. }
            | Self::Versions { .. }
            | Self::Sign { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// The first of them, and how many more there are.
pub(crate) fn list(faults: &[Fault]) -> String {
    match faults {
        [] => "nothing is wrong".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    }
}

/// Why a key file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// It is not there.
    #[error("it is not there")]
    Missing,
    /// It is no PEM file.
    #[error("it is no PEM file")]
    Pem,
    /// It is a PEM file of something else, or of a key without a password.
    #[error("it is a `{label}`, and no `ENCRYPTED PRIVATE KEY`")]
    NotEncrypted {
        /// What it says that it is.
        label: String,
    },
    /// It is encrypted in a way that is not known.
    #[error("it is encrypted in a way that is not known")]
    Scheme,
    /// It is not opened by this password.
    #[error("it is not opened by this password")]
    Password,
    /// It is not a key that can sign: Ed25519, ECDSA on P-256, RSA of 2048 bits or more.
    #[error("it is no Ed25519, P-256 or RSA key of 2048 bits or more")]
    Kind,
    /// It could not be made or written.
    #[error("it cannot be made")]
    Made,
}

impl KeyProblem {
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("copy the key file there, or renew the root with another key"),
            Self::NotEncrypted { .. } | Self::Scheme => Some(
                "encrypt it: `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW`",
            ),
            _ => None,
        }
    }
}

/// Why a root is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "problem")]
#[non_exhaustive]
pub enum RootProblem {
    /// It cannot be understood.
    #[error("it cannot be understood: {reason}")]
    Unreadable {
        /// Why not.
        reason: String,
    },
    /// It is not the version that it should be.
    #[error("it says that it is version {found}")]
    Version {
        /// The version that it says.
        found: u64,
    },
    /// The root before does not vouch for it.
    #[error("it is signed by {valid} of the {needed} keys of the root before that it needs")]
    Before {
        /// How many signatures hold.
        valid: u64,
        /// How many have to.
        needed: u64,
    },
    /// It does not vouch for itself.
    #[error("it is signed by {valid} of the {needed} keys of its own that it needs")]
    Own {
        /// How many signatures hold.
        valid: u64,
        /// How many have to.
        needed: u64,
    },
    /// A role has no keys, or fewer than have to sign.
    #[error("the role {role} has fewer keys than have to sign")]
    Keys {
        /// Which role.
        role: TopRole,
    },
    /// One key would count twice.
    #[error("the role {role} has one key under two names")]
    SameKey {
        /// Which role.
        role: TopRole,
    },
    /// Its repository has other names of files.
    #[error("it asks for consistent snapshots, which a bundle does not have")]
    ConsistentSnapshot,
    /// It is written to a specification that this version does not know.
    #[error("it is written to version {version} of the TUF specification")]
    NewerSpec {
        /// As it says.
        version: String,
    },
}
