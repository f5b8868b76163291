//! The table `[keys]`: where the passwords of signing keys come from.
//!
//! Where a key has no value, the default of the crate `instep-keys` holds. Names may have the placeholders `{app}`,
//! `{role}` and `{ROLE}` in them.

use std::num::NonZeroU32;

use camino::Utf8PathBuf;
use serde::Deserialize;

/// Where the passwords of signing keys come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keys {
    /// Who is asked, in this order. Default: all of them, as they are listed here.
    pub order: Option<Vec<KeyBackend>>,
    /// What is done when one that is configured fails. Default: `stop`.
    pub on_failure: KeyFailure,
    /// What stands for `{app}` in names. Default: `instep`.
    pub app: Option<String>,
    /// How many seconds one backend has. Default: 10; the system's keyring has 60, since it may have to ask a person.
    pub time_limit: Option<NonZeroU32>,
    /// Variables.
    pub environment: KeysEnvironment,
    /// The system's keyring.
    pub keyring: KeysKeyring,
    /// AWS Secrets Manager.
    pub aws: KeysAws,
    /// Azure Key Vault.
    pub azure: KeysAzure,
    /// HashiCorp Vault.
    pub vault: KeysVault,
    /// Files.
    pub file: KeysFile,
}

/// Who can be asked for a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyBackend {
    /// A variable.
    Environment,
    /// The system's keyring: Secret Service, Keychain, Credential Manager.
    Keyring,
    /// AWS Secrets Manager.
    Aws,
    /// Azure Key Vault.
    Azure,
    /// HashiCorp Vault.
    Vault,
    /// A file that only its owner can read.
    File,
    /// The password that everybody knows, for trials; refused for a release.
    Development,
}

/// What is done when a backend that is configured fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyFailure {
    /// Nobody else is asked.
    #[default]
    Stop,
    /// The next one is asked.
    GoOn,
}

/// Names of variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysEnvironment {
    /// The variable. Default: `TUF_{ROLE}_KEY_PASSWORD`.
    pub variable: Option<String>,
}

/// Names in the system's keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysKeyring {
    /// The service. Default: `{app}`.
    pub service: Option<String>,
    /// The user. Default: `tuf-{role}-key-password`.
    pub user: Option<String>,
}

/// Names at AWS Secrets Manager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysAws {
    /// The secret, where `TUF_AWS_SECRET_NAME` names none.
    pub secret_name: Option<String>,
    /// The field of its JSON object. Default: `{role}_key_password`.
    pub field: Option<String>,
}

/// Names at Azure Key Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysAzure {
    /// The vault's address, where `TUF_AZURE_VAULT_URL` names none.
    pub vault_url: Option<String>,
    /// The secret. Default: `tuf-{role}-key-password`.
    pub secret: Option<String>,
}

/// Names at Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysVault {
    /// The server, where `VAULT_ADDR` names none.
    pub address: Option<String>,
    /// The namespace, where `VAULT_NAMESPACE` names none.
    pub namespace: Option<String>,
    /// Where the key-value engine, of version 2, is mounted. Default: `secret`.
    pub mount: Option<String>,
    /// The secret's path in it. Default: `{app}/tuf/{role}`.
    pub path: Option<String>,
    /// The secret's field. Default: `password`.
    pub field: Option<String>,
    /// Where the login by JWT is mounted. Default: `jwt`.
    pub jwt_mount: Option<String>,
    /// The role of that login. Default: the mount's own.
    pub jwt_role: Option<String>,
    /// A file with the JWT, where `VAULT_JWT` holds none; relative to the configuration.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub jwt_file: Option<Utf8PathBuf>,
}

/// Names of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeysFile {
    /// The file of a role, such as `/run/secrets/tuf-{role}-key-password`; relative to the configuration. Without one,
    /// no file is read.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub path: Option<Utf8PathBuf>,
}
