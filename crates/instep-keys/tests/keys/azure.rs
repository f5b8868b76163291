//! Azure Key Vault: an imitation, since no server of it can be had. It speaks what the documentation says of the
//! vault (<https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret>), of Entra's tokens
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>) and of GitHub's, over TLS
//! behind a proxy, so that the client asks the hosts that it would ask in the world.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_keys::{BackendKind, Outcome, Settings};
use instep_tests::certify;
use instep_tools::Environment;

use crate::server::{Answer, Request, Server};
use crate::{ask, only, variables};

const PASSWORD: &str = "kept-at-azure äöü";
const TOKEN: &str = "the-token-of-entra";
const KEY: &str = "the~secret~of~a~client";
const JWT: &str = "eyJhbGciOiJub25lIn0.the-jwt-of-a-workload.";
const JOB: &str = "the-token-of-a-job";
const SECRETS: [&str; 6] = ["kept-at-azure", TOKEN, KEY, JWT, JOB, "s3cret"];

fn settings() -> Settings {
    only(BackendKind::Azure)
}

/// The vault, Entra and GitHub, by their hosts.
struct Azure {
    server: Server,
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
}

impl Azure {
    /// The calling test is skipped where there is no `openssl`.
    fn start(vault: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Option<Self> {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        certify(
            &folder,
            "DNS:keys.vault.azure.net,DNS:login.microsoftonline.com,DNS:entra.example,DNS:github.example",
        )?;
        let server = Server::proxy(&folder, move |request| match request.header("host") {
            Some("keys.vault.azure.net") if request.header("authorization").is_none() => {
                challenge("https://vault.azure.net")
            }
            Some("keys.vault.azure.net") => {
                let bearer = format!("Bearer {TOKEN}");
                assert_eq!(request.header("authorization"), Some(bearer.as_str()));
                vault(request)
            }
            Some("login.microsoftonline.com" | "entra.example") => entra(request),
            Some("github.example") => github(request),
            other => panic!("{other:?}"),
        });
        Some(Self { server, _guard: guard, folder })
    }

    fn environment(&self, more: &[(&str, &str)]) -> Environment {
        let proxy = self.server.address();
        let certificate = self.folder.join("tls.crt");
        let mut all = vec![
            ("TUF_AZURE_VAULT_URL", "https://keys.vault.azure.net"),
            ("HTTPS_PROXY", proxy.as_str()),
            ("SSL_CERT_FILE", certificate.as_str()),
            ("AZURE_TENANT_ID", "tenant"),
            ("AZURE_CLIENT_ID", "client"),
        ];
        all.extend(more);
        variables(&all)
    }

    /// The hosts that were asked, in their order.
    fn hosts(&self) -> Vec<String> {
        let host = |request: &Request| request.header("host").unwrap_or_default().to_owned();
        self.server.seen().iter().map(host).collect()
    }
}

fn challenge(resource: &str) -> Answer {
    let authority = "https://login.microsoftonline.com/tenant";
    let challenge = format!(r#"Bearer authorization="{authority}", resource="{resource}""#);
    Answer::Full(401, vec![("WWW-Authenticate", challenge)], String::new())
}

fn entra(request: &Request) -> Answer {
    assert_eq!(request.path, "/tenant/oauth2/v2.0/token");
    let has = |pair: &str| request.content.split('&').any(|known| known == pair);
    assert!(has("client_id=client") && has("grant_type=client_credentials"));
    assert!(has("scope=https%3A%2F%2Fvault.azure.net%2F.default"));
    if has("client_secret=the%7Esecret%7Eof%7Ea%7Eclient")
        || has(&format!("client_assertion={JWT}"))
    {
        let token = format!(
            r#"{{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "{TOKEN}"}}"#
        );
        return Answer::json(200, token);
    }
    Answer::json(
        401,
        r#"{"error": "invalid_client", "error_description": "AADSTS7000215: s3cret", "error_codes": [7000215]}"#,
    )
}

fn github(request: &Request) -> Answer {
    assert_eq!(request.path, "/token?api-version=2&audience=api%3A%2F%2FAzureADTokenExchange");
    if request.header("authorization") == Some(&format!("Bearer {JOB}")) {
        Answer::json(200, format!(r#"{{"count": 1, "value": "{JWT}"}}"#))
    } else {
        Answer::json(401, r#"{"message": "s3cret"}"#)
    }
}

fn vault(request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let name = path.trim_start_matches("/secrets/").trim_end_matches('/');
    match name {
        "tuf-root-key-password" => Answer::json(
            200,
            r#"{"value": "kept-at-azure äöü", "id": "https://keys.vault.azure.net/secrets/tuf-root-key-password/1"}"#,
        ),
        "tuf-empty-key-password" => Answer::json(200, r#"{"value": ""}"#),
        "tuf-forbidden-key-password" => {
            Answer::json(403, r#"{"error": {"code": "Forbidden", "message": "s3cret"}}"#)
        }
        _ => Answer::json(404, r#"{"error": {"code": "SecretNotFound", "message": "s3cret"}}"#),
    }
}

#[test]
fn a_client_with_a_secret_gets_the_secret_of_the_role() {
    let Some(azure) = Azure::start(vault) else { return };
    let environment = azure.environment(&[("AZURE_CLIENT_SECRET", KEY)]);
    assert_eq!(ask(&settings(), &environment, "root", &SECRETS).found(), PASSWORD);
    let (vault, entra) = ("keys.vault.azure.net", "login.microsoftonline.com");
    assert_eq!(azure.hosts()[..3], [vault, entra, vault]);

    assert_eq!(ask(&settings(), &environment, "targets", &SECRETS).outcome(), &Outcome::Absent);
    let asked = ask(&settings(), &environment, "empty", &SECRETS);
    assert_eq!(asked.reason(), "the value is empty");
    let asked = ask(&settings(), &environment, "forbidden", &SECRETS);
    assert_eq!(asked.reason(), "the secret in Key Vault answered 403 Forbidden");

    let environment = azure.environment(&[("AZURE_CLIENT_SECRET", "s3cret")]);
    let asked = ask(&settings(), &environment, "root", &SECRETS);
    assert_eq!(asked.reason(), "the login at Azure answered 401 AADSTS7000215");
    let environment = environment.without_var("AZURE_TENANT_ID");
    let asked = ask(&settings(), &environment, "root", &SECRETS);
    assert_eq!(asked.reason(), "the variable AZURE_TENANT_ID is not set");
}

#[test]
fn a_workload_and_a_job_of_github_are_known_by_their_jwt() {
    let Some(azure) = Azure::start(vault) else { return };
    std::fs::write(azure.folder.join("jwt"), JWT).unwrap();
    let file = azure.folder.join("jwt");
    let environment = azure.environment(&[("AZURE_FEDERATED_TOKEN_FILE", file.as_str())]);
    assert_eq!(ask(&settings(), &environment, "root", &SECRETS).found(), PASSWORD);

    let url = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.example/token?api-version=2");
    let job = [url, ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB)];
    assert_eq!(ask(&settings(), &azure.environment(&job), "root", &SECRETS).found(), PASSWORD);
    let job = [url, ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret")];
    let asked = ask(&settings(), &azure.environment(&job), "root", &SECRETS);
    assert_eq!(asked.reason(), "the login at Azure answered 401");
}

#[test]
fn the_authority_of_a_cloud_of_ones_own_is_asked_and_another_vaults_challenge_is_not_believed() {
    let Some(azure) = Azure::start(vault) else { return };
    let more = [("AZURE_CLIENT_SECRET", KEY), ("AZURE_AUTHORITY_HOST", "https://entra.example")];
    assert_eq!(ask(&settings(), &azure.environment(&more), "root", &SECRETS).found(), PASSWORD);
    assert_eq!(azure.hosts()[1], "entra.example");

    let guard = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(guard.path()).unwrap();
    certify(folder, "DNS:keys.vault.azure.net,DNS:login.microsoftonline.com").unwrap();
    let server = Server::proxy(folder, |_| challenge("https://management.azure.com"));
    let (proxy, certificate) = (server.address(), folder.join("tls.crt"));
    let environment = azure.environment(&[
        ("AZURE_CLIENT_SECRET", KEY),
        ("HTTPS_PROXY", &proxy),
        ("SSL_CERT_FILE", certificate.as_str()),
    ]);
    let asked = ask(&settings(), &environment, "root", &SECRETS);
    assert!(asked.reason().contains("the client refused to go on"), "{}", asked.reason());
    assert!(server.seen().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn what_azure_should_not_answer_is_named_and_not_shown() {
    type Make = fn() -> Answer;
    let table: &[(&str, Make)] = &[
        ("longer than any answer should be", || Answer::Endless),
        ("no answer within 1500 ms", || Answer::Silence),
        ("cannot reach keys.vault.azure.net", || Answer::Nothing),
        ("not what Key Vault sends", || Answer::json(200, "<p>s3cret</p>")),
        ("it has no value", || Answer::json(200, r#"{"id": "s3cret"}"#)),
        ("answered 500", || Answer::json(500, r#"{"error": {"code": "s3cret"}}"#)),
        ("answered 404 VaultNotFound", || {
            Answer::json(404, r#"{"error": {"code": "VaultNotFound", "message": "s3cret"}}"#)
        }),
    ];
    for (wanted, answer) in table {
        let answer = *answer;
        let Some(azure) = Azure::start(move |_| answer()) else { return };
        let mut settings = settings();
        if wanted.contains("1500 ms") {
            settings.time_limit = Duration::from_millis(1500);
        }
        let environment = azure.environment(&[("AZURE_CLIENT_SECRET", KEY)]);
        let asked = ask(&settings, &environment, "root", &SECRETS);
        assert!(asked.reason().contains(wanted), "{wanted}: {}", asked.reason());
    }
}

#[test]
fn a_vault_without_tls_is_not_asked() {
    let server = Server::plain(|_| Answer::json(200, r#"{"value": "s3cret"}"#));
    let environment =
        variables(&[("TUF_AZURE_VAULT_URL", &server.address()), ("AZURE_CLIENT_SECRET", KEY)]);
    let asked = ask(&settings(), &environment, "root", &SECRETS);
    assert!(asked.reason().contains("TUF_AZURE_VAULT_URL is no address"), "{}", asked.reason());
    assert!(server.seen().is_empty());
}

/// `az` is imitated by a script that says what it says: no person can log in in a test.
#[test]
#[cfg(target_os = "linux")]
fn a_person_who_logged_in_by_az_is_known_where_nothing_else_is_configured() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(azure) = Azure::start(vault) else { return };
    let script = format!(
        "#!/bin/sh\nprintf '%s' '{{\"accessToken\": \"{TOKEN}\", \"expires_on\": 4102444800, \"tokenType\": \"Bearer\"}}'\n"
    );
    let az = azure.folder.join("az");
    std::fs::write(&az, script).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", azure.folder);
    let environment = azure.environment(&[("PATH", &path)]);
    assert_eq!(ask(&settings(), &environment, "root", &SECRETS).found(), PASSWORD);
    std::fs::write(&az, "#!/bin/sh\necho s3cret >&2\nexit 1\n").unwrap();
    let asked = ask(&settings(), &environment, "root", &SECRETS);
    assert!(asked.reason().contains("there is no login"), "{}", asked.reason());
}
