//! Azure Key Vault: one secret a role.
//!
//! The login is the first of these that is configured: a client secret (`AZURE_CLIENT_SECRET`); a workload identity,
//! as of Kubernetes (`AZURE_FEDERATED_TOKEN_FILE`); a job of GitHub Actions (`ACTIONS_ID_TOKEN_REQUEST_URL`), each with
//! `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`. One that is configured and refused is not followed by another. Where none
//! is, the managed identity of the machine is tried, then `az` and `azd`.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport as Pipe,
};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, DeveloperToolsCredentialOptions,
    Executor, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use instep_tools::{CancelToken, Environment, Run};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::github::GithubJob;
use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::Problem;
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings};
use crate::transport::{Transport, Trust, plain_code, transport_problem};
use crate::wait::wait;

const VARIABLE: &str = "TUF_AZURE_VAULT_URL";
const SECRET: &str = "the secret in Key Vault";
const LOGIN: &str = "the login at Azure";
/// How long the machine is asked who it is. Where it is none of Azure's, nobody answers at all.
const MACHINE: Duration = Duration::from_secs(2);

/// A vault.
pub(crate) struct KeyVault {
    url: Option<String>,
    secret: Name,
    environment: Environment,
    limit: Duration,
}

impl KeyVault {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let url = environment.var(VARIABLE).map(str::to_owned);
        Ok(Self {
            url: url.or_else(|| settings.azure.vault_url.clone()),
            secret: Name::new(BackendKind::Azure, &settings.azure.secret, &settings.app)?,
            environment: environment.clone(),
            limit: settings.time_limit,
        })
    }

    async fn get(
        &self,
        url: &str,
        name: &str,
        cancel: &CancelToken,
    ) -> Result<Option<SecretString>, Problem> {
        let is_https = reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "https");
        if !is_https {
            let reason = "is no address that begins with https://";
            return Err(Problem::Variable { name: VARIABLE.to_owned(), reason });
        }
        let transport = Arc::new(Transport::new(&self.environment, &Trust::System)?);
        let options = self.client_options(&transport);
        let credential = self.credential(&transport, &options, cancel)?;
        let options = SecretClientOptions { client_options: options, ..Default::default() };
        let client = SecretClient::new(url, credential, Some(options))
            .map_err(|error| problem(&error, SECRET))?;
        let answer = match client.get_secret(name, None).await {
            Ok(answer) => answer,
            Err(error) if is_not_there(&error) => return Ok(None),
            Err(error) => return Err(problem(&error, SECRET)),
        };
        let refuse = |reason| Problem::Answer { what: SECRET, reason };
        let answer = answer.into_model().map_err(|_| refuse("it is not what Key Vault sends"))?;
        let value = answer.value.map(Zeroizing::new).ok_or_else(|| refuse("it has no value"))?;
        Ok(Some(secret(&value)))
    }

    fn client_options(&self, transport: &Arc<Transport>) -> ClientOptions {
        // Always set: where it is not, the variable of the process is read.
        let cloud = match self.environment.var("AZURE_AUTHORITY_HOST") {
            None => CloudConfiguration::AzurePublic,
            Some(host) => {
                let mut custom = CustomConfiguration::default();
                host.clone_into(&mut custom.authority_host);
                custom.into()
            }
        };
        ClientOptions {
            transport: Some(Pipe::new(Arc::new(Sender(Arc::clone(transport))))),
            retry: RetryOptions::none(),
            cloud: Some(Arc::new(cloud)),
            ..Default::default()
        }
    }

    fn credential(
        &self,
        transport: &Arc<Transport>,
        options: &ClientOptions,
        cancel: &CancelToken,
    ) -> Result<Arc<dyn TokenCredential>, Problem> {
        let var = |name: &str| self.environment.var(name).map(str::to_owned);
        let needed = |name: &str| {
            let missing = || Problem::Variable { name: name.to_owned(), reason: "is not set" };
            var(name).ok_or_else(missing)
        };
        let refuse = |error: azure_core::Error| problem(&error, LOGIN);
        if let Some(key) = var("AZURE_CLIENT_SECRET") {
            let options = ClientSecretCredentialOptions { client_options: options.clone() };
            let (tenant, client) = (needed("AZURE_TENANT_ID")?, needed("AZURE_CLIENT_ID")?);
            let key = Secret::new(key);
            let made = ClientSecretCredential::new(&tenant, client, key, Some(options));
            return Ok(made.map_err(refuse)?);
        }
        let federated = ClientAssertionCredentialOptions { client_options: options.clone() };
        if let Some(file) = var("AZURE_FEDERATED_TOKEN_FILE") {
            let options = WorkloadIdentityCredentialOptions {
                credential_options: federated,
                client_id: Some(needed("AZURE_CLIENT_ID")?),
                tenant_id: Some(needed("AZURE_TENANT_ID")?),
                token_file_path: Some(self.environment.cwd().join(file).into()),
            };
            return Ok(WorkloadIdentityCredential::new(Some(options)).map_err(refuse)?);
        }
        let ids = (var("AZURE_TENANT_ID"), var("AZURE_CLIENT_ID"));
        let job = GithubJob::of(&self.environment, transport);
        if let ((Some(tenant), Some(client)), Some(job)) = (ids, job) {
            let made = ClientAssertionCredential::new(tenant, client, job, Some(federated));
            return Ok(made.map_err(refuse)?);
        }
        let id = var("AZURE_CLIENT_ID").map(UserAssignedId::ClientId);
        let machine = ManagedIdentityCredentialOptions {
            user_assigned_id: id,
            client_options: options.clone(),
        };
        let run = Tools {
            environment: self.environment.clone(),
            cancel: cancel.clone(),
            limit: self.limit,
        };
        let tools = DeveloperToolsCredentialOptions { executor: Some(Arc::new(run)) };
        Ok(Arc::new(Undeclared {
            machine: ManagedIdentityCredential::new(Some(machine)).map_err(refuse)?,
            tools: DeveloperToolsCredential::new(Some(tools)).map_err(refuse)?,
        }))
    }
}

impl Backend for KeyVault {
    fn kind(&self) -> BackendKind {
        BackendKind::Azure
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        match self.url {
            Some(_) => Readiness::Ready,
            None => Readiness::Unconfigured { reason: [VARIABLE, " is not set"].concat() },
        }
    }

    fn password(&self, role: &Role, cancel: &CancelToken) -> Result<Option<SecretString>, Problem> {
        let Some(url) = &self.url else { return Ok(None) };
        let name = self.secret.of(role);
        wait(cancel, self.limit, self.get(url, &name, cancel))
    }
}

/// Nobody said who we are: the machine may know, or a person who logged in.
#[derive(Debug)]
struct Undeclared {
    machine: Arc<dyn TokenCredential>,
    tools: Arc<dyn TokenCredential>,
}

#[async_trait]
impl TokenCredential for Undeclared {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let machine = self.machine.get_token(scopes, options.clone());
        if let Ok(Ok(token)) = tokio::time::timeout(MACHINE, machine).await {
            return Ok(token);
        }
        self.tools.get_token(scopes, options).await
    }
}

/// Runs `az` and `azd`.
#[derive(Debug)]
struct Tools {
    environment: Environment,
    cancel: CancelToken,
    limit: Duration,
}

#[async_trait]
impl Executor for Tools {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let text =
            |text: &OsStr| text.to_str().map(str::to_owned).ok_or(io::ErrorKind::InvalidInput);
        let mut run = Run::new(text(program)?, &self.environment).timeout(self.limit);
        for arg in args {
            run = run.arg(text(arg)?);
        }
        let cancel = self.cancel.clone();
        let ended = tokio::task::spawn_blocking(move || run.run(&cancel, &mut |_, _| {})).await;
        match ended.map_err(io::Error::other)? {
            Ok(output) => Ok(Output {
                status: ExitStatus::default(),
                stdout: output.stdout.into_bytes(),
                stderr: Vec::new(),
            }),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Sends what the SDK wants to have sent.
#[derive(Debug)]
struct Sender(Arc<Transport>);

#[async_trait]
impl HttpClient for Sender {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let unmade = || azure_core::Error::with_message(ErrorKind::Other, "no such request");
        let method = request.method().as_str().parse().map_err(|_| unmade())?;
        let mut sent = reqwest::Request::new(method, request.url().clone());
        for (name, value) in request.headers().iter() {
            let name: reqwest::header::HeaderName = name.as_str().parse().map_err(|_| unmade())?;
            sent.headers_mut().append(name, value.as_str().parse().map_err(|_| unmade())?);
        }
        let Body::Bytes(body) = request.body() else { return Err(unmade()) };
        *sent.body_mut() = Some(body.clone().into());
        let mut reply = self.0.send(sent).await.map_err(|problem| {
            azure_core::Error::with_error(ErrorKind::Io, problem, "no answer")
        })?;
        let mut headers = Headers::new();
        for (name, value) in &reply.headers {
            // What is no text in a header means nothing to the SDK.
            if let Ok(value) = value.to_str() {
                let name = HeaderName::from(name.as_str().to_owned());
                headers.insert(name, HeaderValue::from(value.to_owned()));
            }
        }
        let body = std::mem::take(&mut *reply.body);
        Ok(AsyncRawResponse::from_bytes(reply.status.into(), headers, body))
    }
}

/// Whether the vault answered that there is no such secret.
fn is_not_there(error: &azure_core::Error) -> bool {
    matches!(answered(error), Some((404, code)) if code == "SecretNotFound")
}

/// The status and the code of a server's refusal, where an error comes from one.
fn answered(error: &azure_core::Error) -> Option<(u16, &str)> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind);
        if let Some(ErrorKind::HttpResponse { status, error_code, .. }) = kind {
            return Some((u16::from(*status), error_code.as_deref().unwrap_or_default()));
        }
        cause = error.source();
    }
    None
}

fn problem(error: &azure_core::Error, what: &'static str) -> Problem {
    if let Some(problem) = transport_problem(error) {
        return problem.into();
    }
    let is_login = matches!(error.kind(), ErrorKind::Credential);
    let what = if is_login { LOGIN } else { what };
    match answered(error) {
        Some((status, code)) if is_login => {
            Problem::Status { what, status, code: entra_code(code) }
        }
        Some((status, code)) => Problem::Status { what, status, code: plain_code(code) },
        None if is_login => Problem::NoLogin {
            reason: "no client secret, workload identity, managed identity, `az` or `azd` gave one",
        },
        None => Problem::Client { what, reason: "the client refused to go on".to_owned() },
    }
}

/// The numbers of Entra's errors, as people look them up.
fn entra_code(code: &str) -> String {
    let first = code.split(',').next().unwrap_or_default();
    let is_number =
        (1..=9).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { ["AADSTS", first].concat() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::entra_code;

    #[test]
    fn only_a_number_is_shown_of_what_entra_says() {
        for (code, shown) in [
            ("7000215", "AADSTS7000215"),
            ("7000215,50", "AADSTS7000215"),
            ("", ""),
            ("secret", ""),
        ] {
            assert_eq!(entra_code(code), shown);
        }
        assert_eq!(entra_code("12345678901234567890"), "");
    }
}
