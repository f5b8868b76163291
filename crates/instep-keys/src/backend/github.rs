//! Who a job of GitHub Actions is, as a JWT that Entra accepts in the place of a secret.
//! <https://docs.github.com/en/actions/reference/security/oidc>

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use instep_tools::Environment;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::password::secret;
use crate::transport::Transport;

/// What Entra's federated credentials expect: the default of `azure/login`.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Asks GitHub for a JWT.
pub(super) struct GithubJob {
    url: Url,
    token: SecretString,
    transport: Arc<Transport>,
}

impl std::fmt::Debug for GithubJob {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("GithubJob")
    }
}

impl GithubJob {
    /// `None` outside a job that has the permission `id-token: write`.
    pub(super) fn of(environment: &Environment, transport: &Arc<Transport>) -> Option<Self> {
        let mut url = Url::parse(environment.var("ACTIONS_ID_TOKEN_REQUEST_URL")?).ok()?;
        let token = environment.var("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        Some(Self { url, token: secret(token), transport: Arc::clone(transport) })
    }
}

#[derive(Deserialize)]
struct Reply {
    value: String,
}

#[async_trait]
impl ClientAssertion for GithubJob {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let fail = |message| azure_core::Error::with_message(ErrorKind::Credential, message);
        let mut request = reqwest::Request::new(reqwest::Method::GET, self.url.clone());
        let bearer = Zeroizing::new(["Bearer ", self.token.expose_secret()].concat());
        let mut header = reqwest::header::HeaderValue::from_str(&bearer)
            .map_err(|_| fail("the token of the job is no header"))?;
        header.set_sensitive(true);
        request.headers_mut().insert(reqwest::header::AUTHORIZATION, header);
        let reply = self.transport.send(request).await.map_err(|problem| {
            azure_core::Error::with_error(ErrorKind::Io, problem, "GitHub did not answer")
        })?;
        if reply.status != 200 {
            let status = reply.status.into();
            let kind = ErrorKind::HttpResponse { status, error_code: None, raw_response: None };
            return Err(kind.into_error());
        }
        let reply: Result<Reply, _> = serde_json::from_slice(&reply.body);
        reply.map(|reply| reply.value).map_err(|_| fail("the answer of GitHub is no token"))
    }
}
