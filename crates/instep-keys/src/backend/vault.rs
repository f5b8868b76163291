//! HashiCorp Vault, and what speaks like it: a key-value engine of version 2, by token or by JWT.
//!
//! The login is the first of: `VAULT_TOKEN`; a JWT from `VAULT_JWT` or from the file of the settings; the token that
//! `vault login` left in `~/.vault-token`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use instep_tools::{CancelToken, Environment};
use reqwest::Url;
use rustify::endpoint::Endpoint;
use rustify::errors::ClientError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::kv2::requests::ReadSecretRequest;
use zeroize::{Zeroize as _, Zeroizing};

use super::file::read_secret;
use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings, VaultNames};
use crate::transport::{Transport, TransportProblem, Trust};
use crate::wait::wait;

const ADDRESS: &str = "VAULT_ADDR";
const SECRET: &str = "the secret in Vault";
const LOGIN: &str = "the login at Vault";
/// Longer than any JWT or token.
const LONGEST_TOKEN: usize = 64 * 1024;

/// A server.
pub(crate) struct Vault {
    names: VaultNames,
    path: Name,
    field: Name,
    environment: Environment,
    limit: Duration,
}

impl Vault {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let name = |given: &str| Name::new(BackendKind::Vault, given, &settings.app);
        let names = settings.vault.clone();
        for given in [&names.mount, &names.path, &names.jwt_mount] {
            check_path(given, &name(given)?)?;
        }
        let (path, field) = (name(&names.path)?, name(&names.field)?);
        Ok(Self {
            names,
            path,
            field,
            environment: environment.clone(),
            limit: settings.time_limit,
        })
    }

    fn address(&self) -> Option<&str> {
        self.environment.var(ADDRESS).or(self.names.address.as_deref())
    }

    /// The server's origin, and what sends to it.
    fn client(&self, address: &str) -> Result<Client, Problem> {
        let refuse = |reason| Problem::Variable { name: ADDRESS.to_owned(), reason };
        let url = Url::parse(address).map_err(|_| refuse("is no address"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refuse("is no address of http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has a login in it, which Vault does not know"));
        }
        if url.path() != "/" {
            return Err(refuse("has a path behind the host"));
        }
        let own = self.environment.var("VAULT_CACERT");
        let trust = match own.map(|path| self.environment.cwd().join(path)) {
            _ if url.scheme() == "http" => Trust::Nobody,
            Some(path) => Trust::File(path),
            None => Trust::System,
        };
        let transport = Arc::new(Transport::new(&self.environment, &trust)?);
        Ok(Client { base: url.origin().ascii_serialization(), transport })
    }

    async fn get(
        &self,
        address: &str,
        path: &str,
        field: &str,
    ) -> Result<Option<SecretString>, Problem> {
        let client = self.client(address)?;
        let namespace = self.environment.var("VAULT_NAMESPACE").or(self.names.namespace.as_deref());
        let mut middleware = EndpointMiddleware {
            token: String::new(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: namespace.map(|name| visible(name, "VAULT_NAMESPACE")).transpose()?,
        };
        let token = self.token(&client, &middleware).await?;
        token.expose_secret().clone_into(&mut middleware.token);
        let request =
            ReadSecretRequest::builder().mount(self.names.mount.as_str()).path(path).build();
        let request = request.map_err(|_| unmade(SECRET))?;
        let answer = request.with_middleware(&middleware).exec(&client).await;
        middleware.token.zeroize();
        match answer {
            Ok(answer) => password_in(&Zeroizing::new(answer.response.into_body()), field),
            Err(ClientError::ServerResponseError { code: 404, .. }) => Ok(None),
            Err(error) => Err(problem(error, SECRET)),
        }
    }

    async fn token(
        &self,
        client: &Client,
        middleware: &EndpointMiddleware,
    ) -> Result<SecretString, Problem> {
        if let Some(token) = self.environment.var("VAULT_TOKEN") {
            return Ok(secret(&Zeroizing::new(visible(token.trim(), "VAULT_TOKEN")?)));
        }
        if let Some(jwt) = self.jwt()? {
            return self.log_in(client, middleware, &jwt).await;
        }
        let file = self.environment.home().map(|home| home.join(".vault-token"));
        let kept = file.map(|file| read_secret(&file, LONGEST_TOKEN)).transpose()?.flatten();
        match kept {
            Some(token) => {
                Ok(secret(&Zeroizing::new(visible(token.trim(), "the token in ~/.vault-token")?)))
            }
            None => Err(Problem::NoLogin {
                reason: "set VAULT_TOKEN or VAULT_JWT, or run `vault login`",
            }),
        }
    }

    fn jwt(&self) -> Result<Option<Zeroizing<String>>, Problem> {
        if let Some(jwt) = self.environment.var("VAULT_JWT") {
            return Ok(Some(Zeroizing::new(jwt.trim().to_owned())));
        }
        let Some(path) = &self.names.jwt_file else { return Ok(None) };
        let path = self.environment.cwd().join(path);
        // Kubernetes projects tokens that a whole group can read: they are short-lived, and only good with a role.
        let text = std::fs::read_to_string(&path).map(Zeroizing::new);
        let text = text.map_err(|source| Problem::Read { path, source })?;
        Ok(Some(Zeroizing::new(text.trim().to_owned())))
    }

    async fn log_in(
        &self,
        client: &Client,
        middleware: &EndpointMiddleware,
        jwt: &str,
    ) -> Result<SecretString, Problem> {
        let mut builder = JWTLoginRequest::builder();
        builder.mount(self.names.jwt_mount.as_str()).jwt(jwt);
        if let Some(role) = &self.names.jwt_role {
            builder.role(role.as_str());
        }
        let request = builder.build().map_err(|_| unmade(LOGIN))?;
        let answer = request.with_middleware(middleware).exec(client).await;
        let answer = answer.map_err(|error| problem(error, LOGIN))?;
        let body = Zeroizing::new(answer.response.into_body());
        let refuse = |reason| Problem::Answer { what: LOGIN, reason };
        let reply: LoginReply =
            serde_json::from_slice(&body).map_err(|_| refuse("it is not what Vault sends"))?;
        let token = Zeroizing::new(reply.auth.client_token);
        visible(&token, "the token").map_err(|_| refuse("its token is none"))?.zeroize();
        Ok(secret(&token))
    }
}

impl Backend for Vault {
    fn kind(&self) -> BackendKind {
        BackendKind::Vault
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        match self.address() {
            Some(_) => Readiness::Ready,
            None => Readiness::Unconfigured { reason: [ADDRESS, " is not set"].concat() },
        }
    }

    fn password(&self, role: &Role, cancel: &CancelToken) -> Result<Option<SecretString>, Problem> {
        let Some(address) = self.address() else { return Ok(None) };
        let (path, field) = (self.path.of(role), self.field.of(role));
        wait(cancel, self.limit, self.get(address, &path, &field))
    }
}

#[derive(Deserialize)]
struct LoginReply {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
}

#[derive(Deserialize)]
struct ReadReply {
    data: Option<ReadData>,
}

#[derive(Deserialize)]
struct ReadData {
    data: Option<Map<String, Value>>,
}

/// The field of a secret. A version that was deleted has no data.
fn password_in(body: &[u8], field: &str) -> Result<Option<SecretString>, Problem> {
    let refuse = |reason| Problem::Answer { what: SECRET, reason };
    // The error would show a part of the text.
    let reply: ReadReply = serde_json::from_slice(body)
        .map_err(|_| refuse("it is not what a key-value engine of version 2 sends"))?;
    let Some(mut fields) = reply.data.and_then(|data| data.data) else { return Ok(None) };
    let found = match fields.get(field) {
        None => Err(refuse("the secret has no such field")),
        Some(Value::String(password)) => Ok(Some(secret(password))),
        Some(_) => Err(refuse("its field is no text")),
    };
    for value in fields.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
    found
}

/// A path of which every character stands in an address as it is, and which stays below its mount.
fn check_path(given: &str, name: &Name) -> Result<(), Error> {
    let role: Role = "role".parse()?;
    let path = name.of(&role);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_plain);
    if path.split('/').all(is_part) {
        return Ok(());
    }
    let reason = "it is no path of letters, digits, `-`, `_` and `.`";
    Err(Error::Name { backend: BackendKind::Vault, given: given.to_owned(), reason })
}

/// A text that can be the value of a header: the client would panic at another.
fn visible(text: &str, name: &str) -> Result<String, Problem> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Problem::Variable { name: name.to_owned(), reason: "is empty or has odd characters in it" })
}

fn unmade(what: &'static str) -> Problem {
    Problem::Client { what, reason: "the request could not be made".to_owned() }
}

fn problem(error: ClientError, what: &'static str) -> Problem {
    match error {
        ClientError::ServerResponseError { code, .. } => {
            Problem::Status { what, status: code, code: String::new() }
        }
        ClientError::RequestError { source, .. } => match source.downcast::<TransportProblem>() {
            Ok(problem) => problem.into(),
            Err(_) => unmade(what),
        },
        _ => unmade(what),
    }
}

/// Sends what the client of Vault wants to have sent.
struct Client {
    base: String,
    transport: Arc<Transport>,
}

#[async_trait]
impl rustify::client::Client for Client {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, ClientError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|source| ClientError::ReqwestBuildError { source })?;
        let (url, method) = (request.url().to_string(), request.method().to_string());
        let reply =
            self.transport.send(request).await.map_err(|problem| ClientError::RequestError {
                source: problem.into(),
                url: url.clone(),
                method: method.clone(),
            })?;
        let mut body = reply.body;
        let response = http::Response::builder().status(reply.status);
        response.body(std::mem::take(&mut *body)).map_err(|error| ClientError::RequestError {
            source: error.into(),
            url,
            method,
        })
    }

    fn base(&self) -> &str {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use instep_tools::Environment;
    use secrecy::ExposeSecret as _;

    use super::{Vault, password_in, visible};
    use crate::{Problem, Settings};

    #[test]
    fn a_password_is_a_text_in_the_field_of_a_secret() {
        for (body, wanted) in [
            (r#"{"data": {"data": {"password": "word"}, "metadata": {}}}"#, Ok(Some("word"))),
            (r#"{"data": {"data": {"password": ""}}}"#, Ok(Some(""))),
            (r#"{"data": {"data": null, "metadata": {"destroyed": true}}}"#, Ok(None)),
            (r#"{"data": null}"#, Ok(None)),
            (r#"{"data": {"data": {"word": "password"}}}"#, Err("the secret has no such field")),
            (r#"{"data": {"data": {"password": ["word"]}}}"#, Err("its field is no text")),
            (r#"{"data": "word"}"#, Err("it is not what a key-value engine of version 2 sends")),
            ("word", Err("it is not what a key-value engine of version 2 sends")),
        ] {
            let found = password_in(body.as_bytes(), "password");
            let found = found.map(|value| value.map(|value| value.expose_secret().to_owned()));
            let found = found.map_err(|problem| match problem {
                Problem::Answer { reason, .. } => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found, wanted.map(|value| value.map(str::to_owned)), "{body}");
        }
    }

    #[test]
    fn a_path_that_would_leave_its_mount_or_ask_something_else_is_refused() {
        let environment = Environment::new("/", None, Vec::<(String, String)>::new());
        for (path, is_good) in [
            ("{app}/tuf/{role}", true),
            ("a.b/c_d-e", true),
            ("../{role}", false),
            ("/tuf", false),
            ("a//b", false),
            ("a?version=1", false),
            ("a%2e", false),
            ("ä", false),
        ] {
            let mut settings = Settings::default();
            settings.vault.path = path.to_owned();
            assert_eq!(Vault::new(&settings, &environment).is_ok(), is_good, "{path}");
        }
    }

    #[test]
    fn a_token_that_can_be_no_header_is_refused_without_being_shown() {
        for text in ["", "a b", "a\nb", "ä", "a\u{7f}"] {
            let error = visible(text, "VAULT_TOKEN").unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        assert_eq!(visible("hvs.x", "VAULT_TOKEN").unwrap(), "hvs.x");
    }
}
