//! Where the passwords of signing keys come from, as the configuration says.

use std::time::Duration;

use instep_keys::{
    Attempt, BackendKind, Keys, Listed, OnFailure, Password, Purpose, Role, Settings,
};
use instep_tools::Environment as Variables;
use serde::Serialize;

use crate::config::{self, KeyBackend, KeyFailure, Located, Trust};
use crate::error::Error;
use crate::event::Event;
use crate::host::Host;

/// The roles of TUF, whose names their keys have where the configuration names no others.
const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// The keys of a bundle, and who would be asked for their passwords.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct KeyListing {
    /// Each key.
    pub keys: Vec<ListedKey>,
}

/// A key, and who would be asked for its password.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListedKey {
    /// Its name.
    pub role: Role,
    /// Everybody in their order, and whether they can be asked.
    pub backends: Vec<Listed>,
}

/// What came of asking everybody for the password of one key.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct KeyCheck {
    /// The key's name.
    pub role: Role,
    /// Whose password would be used.
    pub answers: Option<BackendKind>,
    /// Who was asked, in their order.
    pub attempts: Vec<Attempt>,
}

/// The keys of the configuration around the working folder, and who would be asked for their passwords. Asks nobody.
///
/// # Errors
///
/// Those of the configuration.
pub fn list_keys(variables: &Variables, release: bool) -> Result<KeyListing, Error> {
    let located = config::find(variables.cwd())?;
    let keys = Keys::new(&settings(&located), variables)?;
    let listed = |role: Role| {
        let backends = keys.list(&role, purpose(release));
        ListedKey { role, backends }
    };
    Ok(KeyListing { keys: roles(&located.config.bundle.trust)?.into_iter().map(listed).collect() })
}

/// Asks everybody for the password of a key, and keeps no value. For a `release`, the development password is refused.
///
/// # Errors
///
/// Those of the configuration, and for a name that is none.
pub fn check_key(
    variables: &Variables,
    role: &str,
    release: bool,
    host: &Host<'_>,
) -> Result<KeyCheck, Error> {
    let role: Role = role.parse()?;
    let keys = Keys::new(&settings(&config::find(variables.cwd())?), variables)?;
    let attempts = keys.check(&role, purpose(release), &host.cancel_token())?;
    Ok(KeyCheck { answers: keys.answering(&attempts), role, attempts })
}

/// The password of a key. Each attempt is told as [`Event::Key`].
///
/// # Errors
///
/// Those of the configuration, and [`Error::Keys`].
pub fn key_password(
    variables: &Variables,
    role: &str,
    release: bool,
    host: &mut Host<'_>,
) -> Result<Password, Error> {
    let role: Role = role.parse()?;
    let keys = Keys::new(&settings(&config::find(variables.cwd())?), variables)?;
    let cancel = host.cancel_token();
    let tell = &mut |attempt| host.tell(Event::Key { role: role.to_string(), attempt });
    Ok(keys.password(&role, purpose(release), tell, &cancel)?)
}

fn purpose(release: bool) -> Purpose {
    if release { Purpose::Release } else { Purpose::Trial }
}

/// The names of all keys, each once, in the order of the roles.
fn roles(trust: &Trust) -> Result<Vec<Role>, Error> {
    let told = [&trust.root_role, &trust.targets, &trust.snapshot, &trust.timestamp];
    let mut roles: Vec<Role> = Vec::new();
    for (name, told) in ROLES.into_iter().zip(told) {
        let default = [name.to_owned()];
        let names = if told.keys.is_empty() { &default[..] } else { &told.keys };
        for name in names {
            let role: Role = name.parse()?;
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    Ok(roles)
}

/// What the configuration says; where it says nothing, the default.
pub(crate) fn settings(located: &Located) -> Settings {
    let keys = located.config.keys.clone();
    let mut settings = Settings::default();
    let on =
        |to: &mut String, told: Option<String>| *to = told.unwrap_or_else(|| std::mem::take(to));
    if let Some(order) = keys.order {
        settings.order = order.into_iter().map(backend).collect();
    }
    settings.on_failure = match keys.on_failure {
        KeyFailure::Stop => OnFailure::Stop,
        KeyFailure::GoOn => OnFailure::GoOn,
    };
    if let Some(seconds) = keys.time_limit {
        let limit = Duration::from_secs(seconds.get().into());
        (settings.time_limit, settings.keyring_time_limit) = (limit, limit);
    }
    on(&mut settings.app, keys.app);
    on(&mut settings.environment.variable, keys.environment.variable);
    on(&mut settings.keyring.service, keys.keyring.service);
    on(&mut settings.keyring.user, keys.keyring.user);
    settings.aws.secret_name = keys.aws.secret_name;
    on(&mut settings.aws.field, keys.aws.field);
    settings.azure.vault_url = keys.azure.vault_url;
    on(&mut settings.azure.secret, keys.azure.secret);
    let vault = &mut settings.vault;
    vault.address = keys.vault.address;
    vault.namespace = keys.vault.namespace;
    on(&mut vault.mount, keys.vault.mount);
    on(&mut vault.path, keys.vault.path);
    on(&mut vault.field, keys.vault.field);
    on(&mut vault.jwt_mount, keys.vault.jwt_mount);
    vault.jwt_role = keys.vault.jwt_role;
    vault.jwt_file = keys.vault.jwt_file.map(|path| located.root.join(path));
    settings.file.path = keys.file.path.map(|path| located.root.join(path));
    settings
}

fn backend(backend: KeyBackend) -> BackendKind {
    match backend {
        KeyBackend::Environment => BackendKind::Environment,
        KeyBackend::Keyring => BackendKind::Keyring,
        KeyBackend::Aws => BackendKind::Aws,
        KeyBackend::Azure => BackendKind::Azure,
        KeyBackend::Vault => BackendKind::Vault,
        KeyBackend::File => BackendKind::File,
        KeyBackend::Development => BackendKind::Development,
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use instep_keys::{BackendKind, OnFailure, Settings};

    use super::{roles, settings};
    use crate::config::{Config, Located, parse};

    fn located(text: &str) -> Located {
        let config: Config = parse(text, Utf8Path::new("instep.toml")).unwrap();
        Located { root: "/project".into(), file: None, config }
    }

    #[test]
    fn a_configuration_that_says_nothing_leaves_every_default() {
        assert_eq!(settings(&located("")), Settings::default());
    }

    #[test]
    fn every_key_of_the_configuration_reaches_its_setting() {
        let text = r#"
            [keys]
            order = ["vault", "file"]
            on-failure = "go-on"
            app = "shop"
            time-limit = 3
            environment = { variable = "V" }
            keyring = { service = "s", user = "u" }
            aws = { secret-name = "n", field = "f" }
            azure = { vault-url = "https://v", secret = "z" }
            file = { path = "keys/{role}" }
            [keys.vault]
            address = "https://a"
            namespace = "ns"
            mount = "kv"
            path = "p"
            field = "w"
            jwt-mount = "ci"
            jwt-role = "signer"
            jwt-file = "/run/jwt"
        "#;
        let found = settings(&located(text));
        let mut wanted = Settings::default();
        wanted.order = vec![BackendKind::Vault, BackendKind::File];
        wanted.on_failure = OnFailure::GoOn;
        wanted.app = "shop".into();
        wanted.time_limit = std::time::Duration::from_secs(3);
        wanted.keyring_time_limit = wanted.time_limit;
        wanted.environment.variable = "V".into();
        wanted.keyring.service = "s".into();
        wanted.keyring.user = "u".into();
        wanted.aws.secret_name = Some("n".into());
        wanted.aws.field = "f".into();
        wanted.azure.vault_url = Some("https://v".into());
        wanted.azure.secret = "z".into();
        wanted.file.path = Some("/project/keys/{role}".into());
        wanted.vault.address = Some("https://a".into());
        wanted.vault.namespace = Some("ns".into());
        wanted.vault.mount = "kv".into();
        wanted.vault.path = "p".into();
        wanted.vault.field = "w".into();
        wanted.vault.jwt_mount = "ci".into();
        wanted.vault.jwt_role = Some("signer".into());
        wanted.vault.jwt_file = Some("/run/jwt".into());
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_keys_are_those_of_the_roles_or_the_ones_that_are_named_each_once() {
        let names = |text: &str| {
            let roles = roles(&located(text).config.bundle.trust).unwrap();
            roles.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(""), ["root", "targets", "snapshot", "timestamp"]);
        let text = "[bundle.trust]\nroot-role.keys = [\"ada\", \"eve\"]\nsnapshot.keys = [\"online\"]\n\
                    timestamp.keys = [\"online\"]";
        assert_eq!(names(text), ["ada", "eve", "targets", "online"]);
    }
}
