//! What can go wrong.

/// An error of this crate. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name is not that of a role.
    #[error("`{given}` is no role: small letters, digits and hyphens, a letter first")]
    Role {
        /// The name.
        given: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Role { .. } => {
                Some("the roles of a bundle are root, targets, snapshot and timestamp".to_owned())
            }
        }
    }
}
