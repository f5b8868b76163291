//! Who is asked, in which order, under which names.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::kind::BackendKind;
use crate::role::Role;

/// How keys are looked up. Names may hold the placeholders `{app}`, `{role}` and `{ROLE}`: the role in capitals with
/// `-` as `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who is asked, in this order.
    pub order: Vec<BackendKind>,
    /// What is done when one that is configured fails.
    pub on_failure: OnFailure,
    /// The program whose keys they are: `instep`.
    pub app: String,
    /// How long one backend has, all that it has to ask together: 10 seconds.
    pub time_limit: Duration,
    /// How long the system's keyring has, which may have to ask a person to unlock it: 60 seconds.
    pub keyring_time_limit: Duration,
    /// Names of variables.
    pub environment: EnvironmentNames,
    /// Names in the system's keyring.
    pub keyring: KeyringNames,
    /// Names at AWS.
    pub aws: AwsNames,
    /// Names at Azure.
    pub azure: AzureNames,
    /// Names at Vault.
    pub vault: VaultNames,
    /// Names of files.
    pub file: FileNames,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            order: BackendKind::ALL.to_vec(),
            on_failure: OnFailure::default(),
            app: "instep".to_owned(),
            time_limit: Duration::from_secs(10),
            keyring_time_limit: Duration::from_mins(1),
            environment: EnvironmentNames::default(),
            keyring: KeyringNames::default(),
            aws: AwsNames::default(),
            azure: AzureNames::default(),
            vault: VaultNames::default(),
            file: FileNames::default(),
        }
    }
}

/// What is done when a backend that is configured fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Nobody else is asked: somebody has to look at it.
    #[default]
    Stop,
    /// The next one is asked.
    GoOn,
}

/// What a key is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Others will trust what is signed: the development password is refused.
    Release,
    /// A trial.
    Trial,
}

/// Names of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentNames {
    /// The variable: `TUF_{ROLE}_KEY_PASSWORD`.
    pub variable: String,
}

impl Default for EnvironmentNames {
    fn default() -> Self {
        Self { variable: "TUF_{ROLE}_KEY_PASSWORD".to_owned() }
    }
}

/// Names in the system's keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringNames {
    /// The service: `{app}`.
    pub service: String,
    /// The user: `tuf-{role}-key-password`.
    pub user: String,
}

impl Default for KeyringNames {
    fn default() -> Self {
        Self { service: "{app}".to_owned(), user: "tuf-{role}-key-password".to_owned() }
    }
}

/// Names at AWS Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsNames {
    /// The secret's name or ARN, where the variable `TUF_AWS_SECRET_NAME` is not set.
    pub secret_name: Option<String>,
    /// The field of the JSON object that the secret is: `{role}_key_password`.
    pub field: String,
}

impl Default for AwsNames {
    fn default() -> Self {
        Self { secret_name: None, field: "{role}_key_password".to_owned() }
    }
}

/// Names at Azure Key Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureNames {
    /// The vault's address, where the variable `TUF_AZURE_VAULT_URL` is not set.
    pub vault_url: Option<String>,
    /// The secret: `tuf-{role}-key-password`.
    pub secret: String,
}

impl Default for AzureNames {
    fn default() -> Self {
        Self { vault_url: None, secret: "tuf-{role}-key-password".to_owned() }
    }
}

/// Names at Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultNames {
    /// The server, where the variable `VAULT_ADDR` is not set.
    pub address: Option<String>,
    /// The namespace, where the variable `VAULT_NAMESPACE` is not set.
    pub namespace: Option<String>,
    /// Where the key-value engine (version 2) is mounted: `secret`.
    pub mount: String,
    /// The secret's path in it: `{app}/tuf/{role}`.
    pub path: String,
    /// The field of the secret: `password`.
    pub field: String,
    /// Where the JWT login is mounted: `jwt`.
    pub jwt_mount: String,
    /// The role that is logged in as by JWT; the mount's default role where there is none.
    pub jwt_role: Option<String>,
    /// A file with the JWT, where the variable `VAULT_JWT` is not set.
    pub jwt_file: Option<Utf8PathBuf>,
}

impl Default for VaultNames {
    fn default() -> Self {
        Self {
            address: None,
            namespace: None,
            mount: "secret".to_owned(),
            path: "{app}/tuf/{role}".to_owned(),
            field: "password".to_owned(),
            jwt_mount: "jwt".to_owned(),
            jwt_role: None,
            jwt_file: None,
        }
    }
}

/// Names of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNames {
    /// The file of a role, such as `/run/secrets/tuf-{role}-key-password`, relative to the working folder. Without
    /// one, no file is read.
    pub path: Option<Utf8PathBuf>,
}

/// A name with placeholders, known to be good.
#[derive(Clone, Debug)]
pub(crate) struct Name(String);

impl Name {
    /// # Errors
    ///
    /// [`Error::Name`].
    pub(crate) fn new(backend: BackendKind, given: &str, app: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Name { backend, given: given.to_owned(), reason };
        let text = given.replace("{app}", app);
        let rest = text.replace("{role}", "").replace("{ROLE}", "");
        if text.trim().is_empty() {
            return Err(refuse("it is empty"));
        }
        if rest.contains(['{', '}']) {
            return Err(refuse("it has a placeholder that means nothing"));
        }
        if rest.chars().any(char::is_control) {
            return Err(refuse("it has a control character"));
        }
        Ok(Self(text))
    }

    /// The name for a role.
    pub(crate) fn of(&self, role: &Role) -> String {
        self.0.replace("{role}", role.as_str()).replace("{ROLE}", &role.in_capitals())
    }
}

#[cfg(test)]
mod tests {
    use super::Name;
    use crate::{BackendKind, Error};

    #[test]
    fn a_name_is_filled_with_the_program_and_the_role() {
        let role = "release-2".parse().unwrap();
        for (given, filled) in [
            ("TUF_{ROLE}_KEY_PASSWORD", "TUF_RELEASE_2_KEY_PASSWORD"),
            ("{app}/tuf/{role}", "shop/tuf/release-2"),
            ("fixed", "fixed"),
        ] {
            let name = Name::new(BackendKind::Vault, given, "shop").unwrap();
            assert_eq!(name.of(&role), filled);
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for given in ["", "  ", "{rolle}", "a{", "}", "a\nb"] {
            let error = Name::new(BackendKind::Vault, given, "shop").unwrap_err();
            assert!(matches!(error, Error::Name { .. }), "{given}");
        }
    }
}
