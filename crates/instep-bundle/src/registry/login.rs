//! Who the user is at a registry: the files and helpers of docker and podman.
//!
//! The files, the first that has a login for the registry counts:
//!
//! 1. `REGISTRY_AUTH_FILE` (podman, skopeo)
//! 2. `DOCKER_CONFIG/config.json`
//! 3. `XDG_RUNTIME_DIR/containers/auth.json`
//! 4. `~/.config/containers/auth.json`
//! 5. `~/.docker/config.json`
//!
//! In each: `credHelpers` for this host, `credsStore`, `auths`, as docker has it
//! (<https://docs.docker.com/reference/cli/docker/login/#credential-stores>), and keys as `containers-auth.json(5)` has
//! them: a host, or a host and the beginning of a name.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Environment, Run};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::problem::RegistryProblem;

/// Somebody may have to unlock a keyring first.
const HELPER_TIMEOUT: Duration = Duration::from_mins(1);
/// Where docker keeps the login of `docker.io`.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// What a helper says who has none; an exit code tells no more.
const HELPER_HAS_NONE: &str = "credentials not found";

/// A login.
#[derive(Clone, Debug)]
pub(super) enum Login {
    /// A name and a password.
    Basic { user: String, password: SecretString },
    /// A token that tokens are had for (OAuth 2 calls it a refresh token).
    Identity(SecretString),
    /// A token that is sent as it is.
    Bearer(SecretString),
}

/// The files that logins are looked up in.
#[derive(Clone)]
pub(super) struct Logins {
    files: Vec<Utf8PathBuf>,
    environment: Environment,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(deserialize_with = "secret")]
    auth: Option<SecretString>,
    username: Option<String>,
    #[serde(deserialize_with = "secret")]
    password: Option<SecretString>,
    #[serde(deserialize_with = "secret")]
    identitytoken: Option<SecretString>,
    #[serde(deserialize_with = "secret")]
    registrytoken: Option<SecretString>,
}

/// A text that nobody sees; `None` where it is empty.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()).map(SecretString::from))
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    #[serde(default)]
    username: String,
    #[serde(default, deserialize_with = "secret")]
    secret: Option<SecretString>,
}

impl Logins {
    pub(super) fn new(environment: &Environment) -> Self {
        let path = |name: &str| environment.var(name).map(|path| environment.cwd().join(path));
        let home = environment.home();
        let files = [
            path("REGISTRY_AUTH_FILE"),
            path("DOCKER_CONFIG").map(|folder| folder.join("config.json")),
            path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            path("XDG_CONFIG_HOME")
                .or_else(|| home.map(|home| home.join(".config")))
                .map(|folder| folder.join("containers/auth.json")),
            home.map(|home| home.join(".docker/config.json")),
        ];
        Self { files: files.into_iter().flatten().collect(), environment: environment.clone() }
    }

    /// The login for a registry (`docker.io`, `HOST:PORT`), and a repository there.
    pub(super) fn find(
        &self,
        registry: &str,
        repository: &str,
        cancel: &CancelToken,
    ) -> Result<Option<Login>, RegistryProblem> {
        for path in &self.files {
            let Some(file) = read(path)? else { continue };
            if let Some(helper) = helper_for(&file, registry)
                && let Some(login) = ask(helper, registry, &self.environment, cancel)?
            {
                return Ok(Some(login));
            }
            if let Some(entry) = entry_for(&file, registry, repository)
                && let Some(login) = login_of(entry, path)?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }
}

fn read(path: &Utf8Path) -> Result<Option<ConfigFile>, RegistryProblem> {
    let failed = |reason: String| RegistryProblem::Login { from: path.to_string(), reason };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(unreadable(&error)))
}

/// Where the text is wrong; what stands there may be a secret.
fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("what it says is not understood at line {line}, column {column}")
}

/// The helper for a registry.
fn helper_for<'a>(file: &'a ConfigFile, registry: &str) -> Option<&'a str> {
    let own = file.cred_helpers.iter().find(|(key, _)| host_of(key) == known_as(registry));
    let name = own.map_or(file.creds_store.as_str(), |(_, name)| name);
    (!name.is_empty()).then_some(name)
}

/// The entry for a repository, or for what it begins with, the longest first.
fn entry_for<'a>(file: &'a ConfigFile, registry: &str, repository: &str) -> Option<&'a Entry> {
    let whole = [known_as(registry), "/", repository].concat();
    let begins = |key: &str| {
        let key = key_of(key);
        let rest = whole.strip_prefix(&key)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(key.len())
    };
    let fitting = file.auths.iter().filter_map(|(key, entry)| Some((begins(key)?, entry)));
    fitting.max_by_key(|(length, _)| *length).map(|(_, entry)| entry)
}

/// A key without its scheme and the version of an interface that docker writes after it.
fn key_of(key: &str) -> String {
    let bare = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = known_as(host);
    if path.is_empty() { host.to_owned() } else { [host, "/", path].concat() }
}

fn host_of(key: &str) -> String {
    let key = key_of(key);
    key.split_once('/').map_or(key.clone(), |(host, _)| host.to_owned())
}

/// Docker's own registry has several names.
fn known_as(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

fn login_of(entry: &Entry, path: &Utf8Path) -> Result<Option<Login>, RegistryProblem> {
    if let Some(token) = &entry.registrytoken {
        return Ok(Some(Login::Bearer(token.clone())));
    }
    if let Some(token) = &entry.identitytoken {
        return Ok(Some(Login::Identity(token.clone())));
    }
    if let (Some(user), Some(password)) = (&entry.username, &entry.password) {
        return Ok(Some(Login::Basic { user: user.clone(), password: password.clone() }));
    }
    let Some(auth) = &entry.auth else { return Ok(None) };
    let decoded = STANDARD.decode(auth.expose_secret()).ok().map(Zeroizing::new);
    let text = decoded.as_ref().and_then(|bytes| str::from_utf8(bytes).ok());
    match text.and_then(|text| text.split_once(':')) {
        Some((user, password)) => {
            // Docker once wrote zeros behind it.
            let password = password.trim_end_matches('\0').into();
            Ok(Some(Login::Basic { user: user.to_owned(), password }))
        }
        None => Err(RegistryProblem::Login {
            from: path.to_string(),
            reason: "an `auth` in it is not NAME:PASSWORD in base64".to_owned(),
        }),
    }
}

/// Asks a credential helper (<https://github.com/docker/docker-credential-helpers>).
fn ask(
    helper: &str,
    registry: &str,
    environment: &Environment,
    cancel: &CancelToken,
) -> Result<Option<Login>, RegistryProblem> {
    let program = ["docker-credential-", helper].concat();
    let failed =
        |reason: &str| RegistryProblem::Login { from: program.clone(), reason: reason.to_owned() };
    let is_plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    if !helper.chars().all(is_plain) {
        return Err(failed("this is no name of a helper"));
    }
    let key = if known_as(registry) == "docker.io" { DOCKER_HUB_KEY } else { registry };
    let question = || {
        let mut file = tempfile::tempfile()?;
        file.write_all(key.as_bytes())?;
        file.rewind()?;
        Ok::<_, std::io::Error>(file)
    };
    let question = question().map_err(|error| failed(&error.to_string()))?;
    let run = Run::new(program.as_str(), environment).arg("get").stdin(question);
    match run.timeout(HELPER_TIMEOUT).run(cancel, &mut |_, _| {}) {
        Ok(output) => {
            let text = Zeroizing::new(output.stdout);
            let answer: HelperAnswer =
                serde_json::from_str(&text).map_err(|error| failed(&unreadable(&error)))?;
            let Some(password) = answer.secret else { return Ok(None) };
            Ok(Some(match answer.username.as_str() {
                "<token>" => Login::Identity(password),
                _ => Login::Basic { user: answer.username, password },
            }))
        }
        Err(instep_tools::Error::Failed { tail, .. })
            if tail.iter().any(|line| line.contains(HELPER_HAS_NONE)) =>
        {
            Ok(None)
        }
        // What it wrote may be what nobody should read.
        Err(instep_tools::Error::Failed { code: Some(code), .. }) => {
            Err(failed(&format!("it ended with exit code {code}")))
        }
        Err(instep_tools::Error::NotFound { .. }) => Err(failed("there is no such program")),
        Err(instep_tools::Error::TimedOut { .. }) => {
            Err(failed("it did not answer within a minute"))
        }
        Err(_) => Err(failed("it could not be run to its end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    fn shown(login: Option<Login>) -> String {
        match login {
            None => "none".to_owned(),
            Some(Login::Basic { user, password }) => {
                [&user, ":", password.expose_secret()].concat()
            }
            Some(Login::Identity(token)) => ["identity ", token.expose_secret()].concat(),
            Some(Login::Bearer(token)) => ["bearer ", token.expose_secret()].concat(),
        }
    }

    fn find(folder: &Utf8Path, variables: &[(&str, &str)], host: &str, name: &str) -> String {
        let variables = variables.iter().map(|(name, value)| (*name, *value));
        let logins = Logins::new(&Environment::new(folder, Some(folder.to_owned()), variables));
        logins.find(host, name, &CancelToken::new()).map_or_else(|error| error.to_string(), shown)
    }

    #[test]
    fn keys_are_read_as_docker_and_podman_write_them() {
        let (_guard, home) = folder();
        fs_err::create_dir(home.join(".docker")).unwrap();
        let auth = |text: &str| STANDARD.encode(text);
        let config = serde_json::json!({"auths": {
            DOCKER_HUB_KEY: {"auth": auth("hub:a:b")},
            "host.example:5000": {"auth": auth("host:pw\0\0")},
            "https://old.example/v2/": {"username": "old", "password": "pw"},
            "part.example/team": {"auth": auth("team:pw")},
            "part.example/team/tool": {"auth": auth("tool:pw")},
            "empty.example": {},
            "identity.example": {"auth": auth("0:"), "identitytoken": "refresh"},
            "token.example": {"registrytoken": "bearer"},
        }});
        fs_err::write(home.join(".docker/config.json"), config.to_string()).unwrap();
        let table = [
            ("docker.io", "library/python", "hub:a:b"),
            ("host.example:5000", "a", "host:pw"),
            ("host.example", "a", "none"),
            ("old.example", "a", "old:pw"),
            ("part.example", "team/tool", "tool:pw"),
            ("part.example", "team/tools", "team:pw"),
            ("part.example", "other", "none"),
            ("empty.example", "a", "none"),
            ("identity.example", "a", "identity refresh"),
            ("token.example", "a", "bearer bearer"),
        ];
        for (host, name, expected) in table {
            assert_eq!(find(&home, &[], host, name), expected, "{host}/{name}");
        }
    }

    #[test]
    fn the_first_file_with_a_login_counts() {
        let (_guard, home) = folder();
        let files = ["auth.json", "docker/config.json", "run/containers/auth.json"];
        let others = ["config/containers/auth.json", ".docker/config.json"];
        for file in files.iter().chain(&others) {
            let path = home.join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            let text = serde_json::json!({"auths": {"h": {"auth": STANDARD.encode([file, ":p"].concat())}}});
            fs_err::write(path, text.to_string()).unwrap();
        }
        let variables = [
            ("REGISTRY_AUTH_FILE", "auth.json"),
            ("DOCKER_CONFIG", "docker"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
        ];
        for (index, file) in files.iter().chain(&others).enumerate() {
            let variables = variables.get(index..).unwrap_or_default();
            assert_eq!(find(&home, variables, "h", "a"), [file, ":p"].concat());
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_named_and_not_shown() {
        let (_guard, home) = folder();
        fs_err::create_dir(home.join(".docker")).unwrap();
        let table = [
            r#"{"auths": {"h": "c2VjcmV0"}}"#,
            r#"{"auths": {"h": {"auth": "c2VjcmV0"}}}"#,
            r#"{"auths": {"h": {"auth": "%secret%"}}}"#,
            r#"{"auths": {"h": {"auth": 12345}}}"#,
            r#"{"auths": {"h": {"auth": "c2VjcmV0"}"#,
        ];
        for text in table {
            fs_err::write(home.join(".docker/config.json"), text).unwrap();
            let found = find(&home, &[], "h", "a");
            assert!(found.contains("config.json gave none"), "{found}");
            for secret in ["c2VjcmV0", "secret", "12345"] {
                assert!(!found.contains(secret), "{found}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn helpers_are_asked_and_their_ends_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_guard, home) = folder();
        let helper = |name: &str, script: &str| {
            let path = home.join(["docker-credential-", name].concat());
            fs_err::write(&path, ["#!/bin/sh\nread -r key\n", script].concat()).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        helper(
            "good",
            r#"printf '{"ServerURL":"%s","Username":"%s","Secret":"pw"}' "$key" "$key""#,
        );
        helper("token", r#"echo '{"Username":"<token>","Secret":"refresh"}'"#);
        helper("none", "echo 'credentials not found in native keychain'; exit 1");
        helper("bad", "echo 's3cret'; echo 's3cret' >&2; exit 3");
        helper("odd", "echo 's3cret'");
        let config = serde_json::json!({
            "credsStore": "none",
            "credHelpers": {
                "good.example": "good", "docker.io": "good", "token.example": "token",
                "bad.example": "bad", "odd.example": "odd", "lost.example": "lost",
                "climbs.example": "../../x",
            },
            "auths": {"file.example": {"auth": STANDARD.encode("file:pw")}},
        });
        fs_err::create_dir(home.join(".docker")).unwrap();
        fs_err::write(home.join(".docker/config.json"), config.to_string()).unwrap();
        let path = [home.as_str(), ":/usr/bin:/bin"].concat();
        let table = [
            ("good.example", "good.example:pw"),
            ("docker.io", "https://index.docker.io/v1/:pw"),
            ("token.example", "identity refresh"),
            ("file.example", "file:pw"),
            ("other.example", "none"),
            (
                "bad.example",
                "it asks for a login, and docker-credential-bad gave none: it ended with exit code 3",
            ),
            (
                "odd.example",
                "it asks for a login, and docker-credential-odd gave none: what it says is not understood at line 1, column 1",
            ),
            (
                "lost.example",
                "it asks for a login, and docker-credential-lost gave none: there is no such program",
            ),
            (
                "climbs.example",
                "it asks for a login, and docker-credential-../../x gave none: this is no name of a helper",
            ),
        ];
        for (host, expected) in table {
            assert_eq!(find(&home, &[("PATH", &path)], host, "a"), expected, "{host}");
        }
    }
}
