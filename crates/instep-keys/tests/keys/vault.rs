//! Vault: a real server that speaks like it, and an imitation for what the real one does not know (a login by JWT,
//! namespaces) or never does (odd and endless answers). The imitation answers as the documentation of Vault's HTTP
//! API says: <https://developer.hashicorp.com/vault/api-docs>.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use instep_keys::{BackendKind, Error, Keys, Outcome, Purpose, Settings};
use instep_tests::{VaultServer, certify};
use instep_tools::CancelToken;

use crate::server::{Answer, Server};
use crate::{ask, only, variables};

const PASSWORD: &str = "kept-in-vault-äöü \"quoted\"";
const TOKEN: &str = "hvs.the-token-of-a-test";
const JWT: &str = "eyJhbGciOiJub25lIn0.the-jwt-of-a-test.";

fn settings() -> Settings {
    only(BackendKind::Vault)
}

#[test]
fn a_real_server_gives_the_password_of_a_role_to_who_has_a_token() {
    let Some(server) = VaultServer::start() else { return };
    server.put("instep/tuf/root", r#"{"password": "kept-in-vault-äöü \"quoted\""}"#);
    server.put("instep/tuf/empty", r#"{"password": ""}"#);
    server.put("instep/tuf/odd", r#"{"word": "kept-in-vault"}"#);
    let (address, token) = (server.address(), server.token().to_owned());
    let environment = variables(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", &token)]);
    let secrets = [PASSWORD, "kept-in-vault", token.as_str()];

    assert_eq!(ask(&settings(), &environment, "root", &secrets).found(), PASSWORD);
    assert_eq!(ask(&settings(), &environment, "targets", &secrets).outcome(), &Outcome::Absent);
    let asked = ask(&settings(), &environment, "empty", &secrets);
    assert_eq!(asked.reason(), "the value is empty");
    let asked = ask(&settings(), &environment, "odd", &secrets);
    assert!(asked.reason().ends_with("the secret has no such field"), "{}", asked.reason());

    let environment = environment.with_var("VAULT_TOKEN", "hvs.wrong-token");
    let asked = ask(&settings(), &environment, "root", &["wrong-token", "kept-in-vault"]);
    assert_eq!(asked.reason(), "the secret in Vault answered 403");

    server.seal();
    let environment = environment.with_var("VAULT_TOKEN", &token);
    let asked = ask(&settings(), &environment, "root", &secrets);
    assert_eq!(asked.reason(), "the secret in Vault answered 503");
}

#[test]
#[cfg(unix)]
fn the_token_that_vault_login_left_is_used_if_nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(server) = VaultServer::start() else { return };
    server.put("instep/tuf/root", r#"{"password": "word"}"#);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".vault-token");
    let address = [("VAULT_ADDR", server.address())];
    let environment =
        instep_tools::Environment::new("/", home.path().to_str().map(Into::into), address);
    let asked = ask(&settings(), &environment, "root", &[server.token()]);
    assert!(asked.reason().starts_with("there is no login"), "{}", asked.reason());
    std::fs::write(&file, server.token()).unwrap();
    for (mode, is_used) in [(0o600, true), (0o644, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let asked = ask(&settings(), &environment, "root", &[server.token()]);
        assert_eq!(asked.result.is_ok(), is_used, "{mode:o}");
    }
}

/// Vault with a login by JWT, and an engine at `kv` in the namespace `team`.
fn with_jwt() -> Server {
    Server::plain(|request| {
        let is_ours = request.header("x-vault-namespace") == Some("team");
        let path = request.path.trim_end_matches('?');
        match (request.method.as_str(), path) {
            _ if !is_ours => Answer::json(404, r#"{"errors": ["no such namespace"]}"#),
            ("POST", "/v1/auth/ci/login") => {
                let asked: serde_json::Value = serde_json::from_str(&request.content).unwrap();
                if asked["jwt"] == JWT && asked["role"] == "signer" {
                    Answer::json(200, format!(r#"{{"auth": {{"client_token": "{TOKEN}"}}}}"#))
                } else {
                    Answer::json(400, format!(r#"{{"errors": ["no such jwt: {}"]}}"#, asked["jwt"]))
                }
            }
            ("GET", "/v1/kv/data/shop/root") if request.header("x-vault-token") == Some(TOKEN) => {
                Answer::json(200, r#"{"data": {"data": {"word": "by-jwt"}, "metadata": {}}}"#)
            }
            _ => Answer::json(403, format!(r#"{{"errors": ["denied: {request:?}"]}}"#)),
        }
    })
}

#[test]
fn a_jwt_of_a_variable_or_of_a_file_is_exchanged_for_a_token() {
    let server = with_jwt();
    let mut settings = settings();
    settings.app = "shop".to_owned();
    settings.vault.address = Some(server.address());
    settings.vault.namespace = Some("team".to_owned());
    settings.vault.mount = "kv".to_owned();
    settings.vault.path = "{app}/{role}".to_owned();
    settings.vault.field = "word".to_owned();
    settings.vault.jwt_mount = "ci".to_owned();
    settings.vault.jwt_role = Some("signer".to_owned());
    let secrets = [JWT, TOKEN, "by-jwt"];
    let environment = variables(&[("VAULT_JWT", JWT)]);
    assert_eq!(ask(&settings, &environment, "root", &secrets).found(), "by-jwt");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwt"), format!("{JWT}\n")).unwrap();
    settings.vault.jwt_file = folder.path().join("jwt").to_str().map(Into::into);
    assert_eq!(ask(&settings, &variables(&[]), "root", &secrets).found(), "by-jwt");

    // The variable wins, and what the server says of it is not shown.
    let environment = variables(&[("VAULT_JWT", "eyJ.another-jwt.")]);
    let asked = ask(&settings, &environment, "root", &[JWT, TOKEN, "another-jwt"]);
    assert_eq!(asked.reason(), "the login at Vault answered 400");
    let environment = variables(&[("VAULT_JWT", JWT), ("VAULT_NAMESPACE", "other")]);
    let asked = ask(&settings, &environment, "root", &secrets);
    assert_eq!(asked.reason(), "the login at Vault answered 404");
}

/// Makes an answer, as often as it is asked for one.
type Make = Box<dyn Fn() -> Answer + Send + Sync>;

#[test]
fn what_a_server_should_not_answer_is_named_and_not_shown() {
    let elsewhere = Server::plain(|_| Answer::json(200, "{}"));
    let location = elsewhere.address();
    let table: Vec<(&str, Make)> = vec![
        ("longer than any answer should be", Box::new(|| Answer::Endless)),
        ("it sends the request elsewhere", {
            let to = ("Location", location);
            Box::new(move || Answer::Full(307, vec![to.clone()], String::new()))
        }),
        ("no answer within 400 ms", Box::new(|| Answer::Silence)),
        ("cannot reach 127.0.0.1", Box::new(|| Answer::Nothing)),
        ("not what a key-value engine", Box::new(|| Answer::json(200, "<p>s3cret</p>"))),
        ("not what a key-value engine", Box::new(|| Answer::json(200, "[\"s3cret\""))),
        (
            "its field is no text",
            Box::new(|| Answer::json(200, r#"{"data": {"data": {"password": {"s3cret": 1}}}}"#)),
        ),
        ("answered 500", Box::new(|| Answer::json(500, r#"{"errors": ["s3cret"]}"#))),
        ("answered 429", Box::new(|| Answer::json(429, "s3cret"))),
        ("the value is longer than", {
            let long = "s3cret".repeat(1000);
            let content = format!(r#"{{"data": {{"data": {{"password": "{long}"}}}}}}"#);
            Box::new(move || Answer::json(200, content.clone()))
        }),
    ];
    for (wanted, answer) in table {
        let server = Server::plain(move |_| answer());
        let environment = variables(&[("VAULT_ADDR", &server.address()), ("VAULT_TOKEN", TOKEN)]);
        let mut settings = settings();
        if wanted.contains("400 ms") {
            settings.time_limit = Duration::from_millis(400);
        }
        let asked = ask(&settings, &environment, "root", &["s3cret", TOKEN]);
        assert!(asked.reason().contains(wanted), "{wanted}: {}", asked.reason());
    }
    assert!(elsewhere.seen().is_empty(), "the token went elsewhere");
}

#[test]
fn an_address_or_a_token_that_cannot_be_used_is_named_and_not_shown() {
    for (address, token, wanted) in [
        ("nonsense", TOKEN, "VAULT_ADDR is no address"),
        ("ftp://127.0.0.1", TOKEN, "VAULT_ADDR is no address of http"),
        ("http://ada:s3cret@127.0.0.1:1", TOKEN, "VAULT_ADDR has a login in it"),
        ("http://127.0.0.1:1/ui", TOKEN, "VAULT_ADDR has a path"),
        ("http://127.0.0.1:1", "s3cret token", "VAULT_TOKEN is empty or has odd characters"),
        ("http://127.0.0.1:1", TOKEN, "cannot reach 127.0.0.1"),
    ] {
        let environment = variables(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)]);
        let asked = ask(&settings(), &environment, "root", &["s3cret", TOKEN]);
        assert!(asked.reason().contains(wanted), "{wanted}: {}", asked.reason());
    }
    let asked = ask(&settings(), &variables(&[("VAULT_TOKEN", TOKEN)]), "root", &[TOKEN]);
    assert!(matches!(asked.outcome(), Outcome::Unconfigured { .. }));
}

#[test]
fn a_server_with_tls_is_trusted_by_the_file_that_is_named_alone() {
    let guard = tempfile::tempdir().unwrap();
    let folder = camino::Utf8Path::from_path(guard.path()).unwrap();
    if certify(folder, "DNS:vault.example").is_none() {
        return;
    }
    let answer = |_: &_| Answer::json(200, r#"{"data": {"data": {"password": "by-tls"}}}"#);
    let server = Server::proxy(folder, answer);
    let proxy = server.address();
    let environment = variables(&[
        ("VAULT_ADDR", "https://vault.example:8200"),
        ("VAULT_TOKEN", TOKEN),
        ("HTTPS_PROXY", &proxy),
    ]);
    let asked = ask(&settings(), &environment, "root", &["by-tls", TOKEN]);
    assert!(
        asked.reason().contains("vault.example: invalid peer certificate"),
        "{}",
        asked.reason()
    );
    assert!(server.seen().is_empty());
    let environment = environment.with_var("VAULT_CACERT", folder.join("tls.crt").as_str());
    assert_eq!(ask(&settings(), &environment, "root", &["by-tls", TOKEN]).found(), "by-tls");
    let environment = environment.with_var("VAULT_CACERT", folder.join("tls.key").as_str());
    let asked = ask(&settings(), &environment, "root", &["by-tls", TOKEN]);
    assert!(asked.reason().contains("holds no certificate"), "{}", asked.reason());
}

#[test]
fn whoever_asks_to_stop_while_a_server_is_silent_does_not_wait_for_it() {
    let cancel = CancelToken::new();
    let asked = Arc::new(Mutex::new(cancel.clone()));
    let server = Server::plain(move |_| {
        asked.lock().unwrap().cancel();
        Answer::Silence
    });
    let environment = variables(&[("VAULT_ADDR", &server.address()), ("VAULT_TOKEN", TOKEN)]);
    let settings = Settings { time_limit: Duration::from_mins(1), ..settings() };
    let keys = Keys::new(&settings, &environment).unwrap();
    let role = "root".parse().unwrap();
    let mut attempts = 0;
    let mut tell = |_| attempts += 1;
    let result = keys.password(&role, Purpose::Release, &mut tell, &cancel);
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(attempts, 0);
}
