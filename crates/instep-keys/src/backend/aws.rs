//! AWS Secrets Manager: one secret, a JSON object with a field a role.
//!
//! Keys, region, profile and endpoint come from the variables that are handed in. Where there are no keys in them,
//! AWS's default chain looks for credentials: profiles, single sign-on, OIDC tokens of a workload
//! (`AWS_WEB_IDENTITY_TOKEN_FILE`), containers, machines. It reads the files and the variables of the process itself.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::{Credentials, ProvideCredentials as _};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use instep_tools::{CancelToken, Environment};
use secrecy::SecretString;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings};
use crate::transport::{Transport, Trust, plain_code, transport_problem};
use crate::wait::wait;

const VARIABLE: &str = "TUF_AWS_SECRET_NAME";
const SECRET: &str = "the secret in AWS";

/// A secret of Secrets Manager.
pub(crate) struct SecretsManager {
    secret_name: Option<String>,
    field: Name,
    environment: Environment,
    limit: Duration,
}

impl SecretsManager {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let name = environment.var(VARIABLE).map(str::to_owned);
        Ok(Self {
            secret_name: name.or_else(|| settings.aws.secret_name.clone()),
            field: Name::new(BackendKind::Aws, &settings.aws.field, &settings.app)?,
            environment: environment.clone(),
            limit: settings.time_limit,
        })
    }

    async fn get(&self, name: &str, field: &str) -> Result<Option<SecretString>, Problem> {
        let config = self.config().await?;
        if config.region().is_none() {
            return Err(Problem::NoLogin { reason: "no region is set (AWS_REGION)" });
        }
        let no_credentials = Problem::NoLogin { reason: "AWS's default chain has no credentials" };
        match config.credentials_provider() {
            None => return Err(no_credentials),
            Some(provider) => {
                // Asked for here, so that what is said is not mixed up with what the secret's request says.
                provider.provide_credentials().await.map_err(|error| {
                    transport_problem(&error).map_or(no_credentials, Problem::from)
                })?;
            }
        }
        let endpoint = self.environment.var("AWS_ENDPOINT_URL_SECRETS_MANAGER");
        let mut service = aws_sdk_secretsmanager::config::Builder::from(&config);
        if let Some(endpoint) = endpoint {
            service = service.endpoint_url(endpoint);
        }
        let client = aws_sdk_secretsmanager::Client::from_conf(service.build());
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| problem(&error))?;
        let text = answer.secret_string.map(Zeroizing::new);
        let text = text.ok_or(Problem::Answer { what: SECRET, reason: "it is no text" })?;
        password_in(&text, field)
    }

    async fn config(&self) -> Result<SdkConfig, Problem> {
        let var = |name: &str| self.environment.var(name).map(str::to_owned);
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled());
        let mut is_plain = false;
        if let Some(endpoint) = var("AWS_ENDPOINT_URL") {
            is_plain = endpoint.starts_with("http://");
            loader = loader.endpoint_url(endpoint);
        }
        let bundle = var("AWS_CA_BUNDLE").map(|path| self.environment.cwd().join(path));
        let trust = match bundle {
            Some(path) => Trust::File(path),
            None if is_plain => Trust::Nobody,
            None => Trust::System,
        };
        let connector = Connector(Arc::new(Transport::new(&self.environment, &trust)?));
        let connector = SharedHttpConnector::new(connector);
        loader = loader.http_client(http_client_fn(move |_, _| connector.clone()));
        if let Some(region) = var("AWS_REGION").or_else(|| var("AWS_DEFAULT_REGION")) {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = var("AWS_PROFILE") {
            loader = loader.profile_name(profile);
        }
        if let (Some(id), Some(key)) = (var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY")) {
            let token = var("AWS_SESSION_TOKEN");
            loader =
                loader.credentials_provider(Credentials::new(id, key, token, None, "variables"));
        }
        Ok(loader.load().await)
    }
}

impl Backend for SecretsManager {
    fn kind(&self) -> BackendKind {
        BackendKind::Aws
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        match self.secret_name {
            Some(_) => Readiness::Ready,
            None => Readiness::Unconfigured { reason: [VARIABLE, " is not set"].concat() },
        }
    }

    fn password(&self, role: &Role, cancel: &CancelToken) -> Result<Option<SecretString>, Problem> {
        let Some(name) = &self.secret_name else { return Ok(None) };
        let field = self.field.of(role);
        wait(cancel, self.limit, self.get(name, &field))
    }
}

/// The field of a JSON object. An object without it has no password for this role.
fn password_in(text: &str, field: &str) -> Result<Option<SecretString>, Problem> {
    let refuse = |reason| Problem::Answer { what: SECRET, reason };
    // The error would show a part of the text.
    let value = serde_json::from_str(text).map_err(|_| refuse("it is no JSON"))?;
    let Value::Object(mut fields) = value else { return Err(refuse("it is no JSON object")) };
    let found = match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(password)) => Ok(Some(secret(password))),
        Some(_) => Err(refuse("its field for this role is no text")),
    };
    for value in fields.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
    found
}

fn problem(error: &SdkError<GetSecretValueError, HttpResponse>) -> Problem {
    if let Some(problem) = transport_problem(error) {
        return problem.into();
    }
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    match (error, status) {
        (_, Some(200)) => {
            Problem::Answer { what: SECRET, reason: "it is not what the service sends" }
        }
        (SdkError::ServiceError(refused), Some(status)) => {
            let code = plain_code(refused.err().code().unwrap_or_default());
            Problem::Status { what: SECRET, status, code }
        }
        (_, Some(status)) => Problem::Status { what: SECRET, status, code: String::new() },
        _ => Problem::Client { what: SECRET, reason: "the request could not be made".to_owned() },
    }
}

/// Sends what the SDK wants to have sent.
#[derive(Clone, Debug)]
struct Connector(Arc<Transport>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let user =
                |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
            let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
            let request = request.map(|body| body.bytes().unwrap_or_default().to_vec());
            let request =
                reqwest::Request::try_from(request).map_err(|error| user(error.into()))?;
            let mut reply =
                transport.send(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            let status = reply.status.try_into().map_err(|_| user("no such status".into()))?;
            let mut response = HttpResponse::new(status, std::mem::take(&mut *reply.body).into());
            for (name, value) in &reply.headers {
                // What is no text in a header means nothing to the SDK.
                if let Ok(value) = value.to_str() {
                    response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::password_in;
    use crate::Problem;

    #[test]
    fn a_password_is_a_text_in_the_field_of_an_object() {
        for (text, wanted) in [
            (r#"{"root_key_password": "word"}"#, Ok(Some("word"))),
            (r#"{"root_key_password": ""}"#, Ok(Some(""))),
            (r#"{"root_key_password": "a\u0000\n\ud83d\ude00"}"#, Ok(Some("a\0\n😀"))),
            (r#"{"targets_key_password": "word"}"#, Ok(None)),
            (r#"{"root_key_password": null}"#, Ok(None)),
            (r#"{"root_key_password": 7}"#, Err("its field for this role is no text")),
            (r#"{"root_key_password": {"word": 1}}"#, Err("its field for this role is no text")),
            (r#"["word"]"#, Err("it is no JSON object")),
            ("word", Err("it is no JSON")),
            ("", Err("it is no JSON")),
            (r#"{"root_key_password": "\ud800"}"#, Err("it is no JSON")),
        ] {
            let found = password_in(text, "root_key_password");
            let found = found.map(|value| value.map(|value| value.expose_secret().to_owned()));
            let found = found.map_err(|problem| match problem {
                Problem::Answer { reason, .. } => reason,
                other => panic!("{other}"),
            });
            assert_eq!(found, wanted.map(|value| value.map(str::to_owned)), "{text}");
        }
    }
}
