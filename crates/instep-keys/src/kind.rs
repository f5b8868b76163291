//! Who can be asked.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::Error;

/// A place where passwords are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BackendKind {
    /// A variable.
    Environment,
    /// The keyring of the system: Secret Service, Keychain, Credential Manager. Feature `keyring`.
    Keyring,
    /// AWS Secrets Manager. Feature `aws`.
    Aws,
    /// Azure Key Vault. Feature `azure`.
    Azure,
    /// HashiCorp Vault, or a server that speaks like it. Feature `vault`.
    Vault,
    /// A file that only its owner can read.
    File,
    /// One fixed password that everybody knows, for trials.
    Development,
}

impl BackendKind {
    /// All of them, in the order in which they are asked where nothing else is configured.
    pub const ALL: [Self; 7] = [
        Self::Environment,
        Self::Keyring,
        Self::Aws,
        Self::Azure,
        Self::Vault,
        Self::File,
        Self::Development,
    ];

    /// As it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Keyring => "keyring",
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Vault => "vault",
            Self::File => "file",
            Self::Development => "development",
        }
    }
}

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == text).ok_or_else(|| Error::Kind { given: text.to_owned() })
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::BackendKind;

    #[test]
    fn a_backend_is_read_as_it_is_written() {
        for kind in BackendKind::ALL {
            assert_eq!(kind.to_string().parse::<BackendKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("Vault".parse::<BackendKind>().is_err());
    }
}
