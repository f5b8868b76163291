//! What was asked for.

use secrecy::{ExposeSecret as _, SecretString};

use crate::kind::BackendKind;

/// The password of a key. Its `Debug` form does not show it, and its memory is zeroized.
#[derive(Clone, Debug)]
pub struct Password {
    value: SecretString,
    backend: BackendKind,
}

impl Password {
    pub(crate) fn new(value: SecretString, backend: BackendKind) -> Self {
        Self { value, backend }
    }

    /// The password itself. Whoever calls this sees to it that it goes nowhere else.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// Who had it.
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// The password alone.
    pub fn into_secret(self) -> SecretString {
        self.value
    }
}

/// Copies a text into a secret of exactly its length, so that nothing is left behind by a growing buffer.
pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(Box::<str>::from(text))
}
