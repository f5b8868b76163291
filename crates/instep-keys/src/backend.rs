//! The one trait that every place of passwords implements, and which of them this program has.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod development;
mod environment;
mod file;
#[cfg(feature = "azure")]
mod github;
#[cfg(feature = "keyring")]
mod keyring;
mod missing;
#[cfg(feature = "vault")]
mod vault;

use instep_tools::{CancelToken, Environment};
use secrecy::SecretString;

use crate::error::Error;
use crate::kind::BackendKind;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Purpose, Settings};

/// A place where passwords are kept.
pub(crate) trait Backend: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> BackendKind;

    /// Whether it can be asked. Asks nobody.
    fn readiness(&self, role: &Role, purpose: Purpose) -> Readiness;

    /// The password of a role, where it has one. Only called when it is ready.
    ///
    /// # Errors
    ///
    /// Where it does not do what it should. [`Problem::NotThere`] where it turns out to be not configured.
    fn password(&self, role: &Role, cancel: &CancelToken) -> Result<Option<SecretString>, Problem>;

    /// What a person has to know before a password of this backend is used.
    fn warning(&self) -> Option<&'static str> {
        None
    }
}

/// Whether a backend can be asked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[non_exhaustive]
pub enum Readiness {
    /// It can.
    Ready,
    /// It is not configured.
    Unconfigured {
        /// What is missing.
        reason: String,
    },
    /// It may not be used for this purpose.
    Refused {
        /// Why not.
        reason: String,
    },
    /// This program was built without it.
    NotCompiled,
}

/// The backend of a kind, with the names of the settings.
///
/// # Errors
///
/// [`Error::Name`].
pub(crate) fn of(
    kind: BackendKind,
    settings: &Settings,
    environment: &Environment,
) -> Result<Box<dyn Backend>, Error> {
    Ok(match kind {
        BackendKind::Environment => Box::new(environment::Variable::new(settings, environment)?),
        BackendKind::File => Box::new(file::PasswordFile::new(settings, environment)?),
        BackendKind::Development => Box::new(development::Development),
        #[cfg(feature = "keyring")]
        BackendKind::Keyring => Box::new(keyring::Keyring::new(settings, environment)?),
        #[cfg(feature = "aws")]
        BackendKind::Aws => Box::new(aws::SecretsManager::new(settings, environment)?),
        #[cfg(feature = "azure")]
        BackendKind::Azure => Box::new(azure::KeyVault::new(settings, environment)?),
        #[cfg(feature = "vault")]
        BackendKind::Vault => Box::new(vault::Vault::new(settings, environment)?),
        #[allow(unreachable_patterns, reason = "with every feature on, none is missing")]
        kind => Box::new(missing::Missing(kind)),
    })
}
