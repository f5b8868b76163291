//! One request, its retries, and what an answer is worth.

use std::error::Error as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;
use instep_tools::Environment;
use oci_client::errors::OciEnvelope;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, NoProxy, Proxy, RequestBuilder, Response, redirect};
use url::Url;
use zeroize::Zeroizing;

use super::problem::RegistryProblem;
use super::settings::RegistrySettings;
use super::token::{Access, Grant, scope};
use super::{Registry, Subject};
use crate::error::Error;
use crate::event::{Event, Tell};

const AGENT: &str = concat!("instep/", env!("CARGO_PKG_VERSION"));
const MOST_REDIRECTS: usize = 10;
/// What is read of an answer that is an error.
const LARGEST_MESSAGE: u64 = 64 * 1024;
/// What is shown of it.
const SHOWN: usize = 300;
/// This machine is reached without a proxy, as docker, podman and skopeo do it.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may pass. The wait is what the registry asked for.
    Passing { error: Error, wait: Option<Duration> },
    /// It will not.
    Lasting(Error),
}

impl Failure {
    pub(super) fn lasting(subject: &Subject<'_>, problem: RegistryProblem) -> Self {
        Self::Lasting(subject.error(problem))
    }

    pub(super) fn passing(subject: &Subject<'_>, problem: RegistryProblem) -> Self {
        Self::Passing { error: subject.error(problem), wait: None }
    }

    pub(super) fn unreachable(subject: &Subject<'_>, reason: &str) -> Self {
        Self::passing(subject, RegistryProblem::Unreachable { reason: reason.to_owned() })
    }
}

/// # Errors
///
/// [`Error::Registry`] for a certificate or a proxy that cannot be used.
pub(super) fn client(
    settings: &RegistrySettings,
    environment: &Environment,
) -> Result<Client, Error> {
    let var = |names: [&str; 2]| {
        let mut found = names.iter().filter_map(|name| environment.var(name));
        found.find(|value| !value.trim().is_empty()).map(str::trim)
    };
    let mut builder = Client::builder()
        .user_agent(AGENT)
        .connect_timeout(settings.connect_timeout)
        .referer(false)
        .redirect(redirect::Policy::custom(follow))
        // Another crate may have asked for them; a digest is that of the content as it is kept.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // Those of the process are not the ones that were given.
        .no_proxy();
    let without = [var(["NO_PROXY", "no_proxy"]).unwrap_or_default(), LOOPBACK].join(",");
    let all = var(["ALL_PROXY", "all_proxy"]);
    for (url, is_for_tls) in [
        (var(["HTTPS_PROXY", "https_proxy"]).or(all), true),
        (var(["HTTP_PROXY", "http_proxy"]).or(all), false),
    ] {
        let Some(url) = url else { continue };
        let proxy = if is_for_tls { Proxy::https(url) } else { Proxy::http(url) };
        let proxy = proxy.map_err(|error| setting("the proxy", url, &told(&error)))?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&without)));
    }
    if let Some(path) = environment.var("SSL_CERT_FILE") {
        let path = environment.cwd().join(path);
        builder = builder.tls_certs_only(certificates(&path)?);
    } else if let Some(path) = &settings.ca {
        let path = environment.cwd().join(path);
        builder = builder.tls_certs_merge(certificates(&path)?);
    }
    builder.build().map_err(|error| setting("TLS", "the connection", &told(&error)))
}

/// Registries send to their stores. What was begun with TLS does not go on without; `reqwest` sends no login to
/// another host.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("it sends from one address to the next, without an end")
    } else if was_tls && attempt.url().scheme() != "https" {
        attempt.error("it sends to an address without TLS")
    } else {
        attempt.follow()
    }
}

fn certificates(path: &Utf8Path) -> Result<Vec<Certificate>, Error> {
    let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    let found = Certificate::from_pem_bundle(&bytes).unwrap_or_default();
    if found.is_empty() {
        return Err(setting("the certificate file", path.as_str(), "it holds no certificate"));
    }
    Ok(found)
}

fn setting(what: &'static str, value: &str, reason: &str) -> Error {
    Error::Registry {
        host: "every registry".to_owned(),
        what: ["`", &instep_tools::redact(value), "`"].concat(),
        problem: RegistryProblem::Setting { what, reason: reason.to_owned() },
    }
}

/// What went wrong, down to the cause, without the address, which may hold the signature of a store.
fn told(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        source = cause.source();
    }
    if parts.is_empty() {
        parts.push("the request could not be made".to_owned());
    }
    clean(&parts.join(": "))
}

/// One line for people, of what somebody else wrote.
pub(super) fn clean(text: &str) -> String {
    let line: String =
        text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(SHOWN).collect();
    instep_tools::redact(line.trim()).into_owned()
}

impl Registry {
    /// The address of something in a repository.
    pub(super) fn url(&self, subject: &Subject<'_>, path: &str) -> Result<Url, Error> {
        let registry = subject.reference.resolve_registry();
        let scheme = if self.settings.is_plain(registry) { "http" } else { "https" };
        let name = subject.reference.repository();
        let url = [scheme, "://", registry, "/v2/", name, "/", path].concat();
        Url::parse(&url)
            .map_err(|error| subject.error(RegistryProblem::Name { reason: error.to_string() }))
    }

    /// Whether an address is the registry's own. An upload may go to another host, to whom our login says nothing.
    pub(super) fn is_theirs(&self, subject: &Subject<'_>, url: &Url) -> bool {
        self.url(subject, "").is_ok_and(|own| own.origin() == url.origin())
    }

    /// Makes a request, once more if it has to say who we are. Only answers that are a success come back.
    pub(super) async fn send(
        &self,
        subject: &Subject<'_>,
        access: Access,
        url: &Url,
        make: &dyn Fn(&Client, Url) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let is_theirs = self.is_theirs(subject, url);
        let mut grant = if is_theirs { self.granted(&scope(subject, access)) } else { None };
        let request = |grant: Option<&Grant>| {
            let request = make(&self.client, url.clone());
            match grant {
                Some(grant) => request.header(AUTHORIZATION, grant.header.clone()),
                None => request,
            }
        };
        let mut response = self.answer(subject, request(grant.as_ref())).await?;
        let asks = response.status().as_u16() == 401 && is_theirs;
        // After a redirect it is somebody else who asks.
        if asks
            && response.url().origin() == url.origin()
            && let Some(now) = self.authorize(subject, access, &response, grant.as_ref()).await?
        {
            response = self.answer(subject, request(Some(&now))).await?;
            grant = Some(now);
        }
        self.judge(subject, response, grant.as_ref()).await
    }

    /// The head of an answer, whatever it says.
    pub(super) async fn answer(
        &self,
        subject: &Subject<'_>,
        request: RequestBuilder,
    ) -> Result<Response, Failure> {
        match tokio::time::timeout(self.settings.silence, request.send()).await {
            Err(_) => Err(self.silent(subject)),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(cut(subject, &error)),
        }
    }

    pub(super) fn silent(&self, subject: &Subject<'_>) -> Failure {
        let seconds = self.settings.silence.as_secs_f32();
        Failure::unreachable(subject, &format!("nothing came for {seconds} s"))
    }

    /// What an answer is worth. `sent` is the login that went with the request.
    pub(super) async fn judge(
        &self,
        subject: &Subject<'_>,
        response: Response,
        sent: Option<&Grant>,
    ) -> Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = retry_after(response.headers());
        let problem = match status.as_u16() {
            401 => self.unauthorized(subject, sent.is_some_and(|sent| sent.has_login)),
            403 => RegistryProblem::Forbidden,
            404 => RegistryProblem::Missing,
            429 => RegistryProblem::TooMany { wait: wait.map(|wait| wait.as_secs()) },
            status => {
                let body = self.body(subject, response, LARGEST_MESSAGE).await.unwrap_or_default();
                RegistryProblem::Status {
                    status,
                    message: message(&body, sent.map(|sent| &sent.header)),
                }
            }
        };
        let passes = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=599);
        let is_too_long = wait.is_some_and(|wait| wait > self.settings.longest_wait);
        Err(if passes && !is_too_long {
            Failure::Passing { error: subject.error(problem), wait }
        } else {
            Failure::lasting(subject, problem)
        })
    }

    /// A whole body, of at most so many bytes.
    pub(super) async fn body(
        &self,
        subject: &Subject<'_>,
        mut response: Response,
        limit: u64,
    ) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(subject, &mut response).await? {
            if body.len() as u64 + chunk.len() as u64 > limit {
                return Err(Failure::lasting(subject, RegistryProblem::TooLarge { limit }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next bytes of a body.
    pub(super) async fn chunk(
        &self,
        subject: &Subject<'_>,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Failure> {
        match tokio::time::timeout(self.settings.silence, response.chunk()).await {
            Err(_) => Err(self.silent(subject)),
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(cut(subject, &error)),
        }
    }

    /// Tries it as often as it may pass, with a growing wait between.
    pub(super) async fn patiently<T>(
        &self,
        subject: &Subject<'_>,
        tell: &Tell<'_>,
        mut work: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, Error> {
        let mut tries = 0;
        loop {
            match work().await {
                Ok(found) => return Ok(found),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing { error, wait }) => {
                    tries += 1;
                    if tries >= self.settings.tries.max(1) {
                        return Err(error);
                    }
                    tell.tell(Event::Retrying {
                        what: subject.what.clone(),
                        reason: error.to_string(),
                    });
                    let wait = wait.unwrap_or_else(|| backing_off(&self.settings, tries));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

/// A connection that was not made, or was cut.
pub(super) fn cut(subject: &Subject<'_>, error: &reqwest::Error) -> Failure {
    let reason = told(error);
    let problem = RegistryProblem::Unreachable { reason };
    // A certificate that is not trusted will not be the next time.
    if error.is_redirect() || error.is_builder() || is_untrusted(error) {
        Failure::lasting(subject, problem)
    } else {
        Failure::passing(subject, problem)
    }
}

fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.to_string().contains("invalid peer certificate") {
            return true;
        }
        source = cause.source();
    }
    false
}

/// What a registry says of an error, without the login that was sent to it.
fn message(body: &[u8], sent: Option<&HeaderValue>) -> String {
    let said = match serde_json::from_slice::<OciEnvelope>(body) {
        Ok(envelope) => {
            let messages = envelope.errors.iter().map(|error| error.message.as_str());
            messages.collect::<Vec<_>>().join("; ")
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    if sent.is_some_and(|sent| shows(&said, sent)) { String::new() } else { clean(&said) }
}

/// Whether a text holds what a header says, or the password in it.
fn shows(text: &str, header: &HeaderValue) -> bool {
    let header = header.to_str().unwrap_or_default();
    let (_, secret) = header.split_once(' ').unwrap_or_default();
    let decoded = Zeroizing::new(STANDARD.decode(secret).unwrap_or_default());
    let both = str::from_utf8(&decoded).unwrap_or_default();
    let (_, password) = both.split_once(':').unwrap_or_default();
    [secret, password].iter().any(|secret| !secret.is_empty() && text.contains(secret))
}

/// `Retry-After`: seconds, or a time (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("Retry-After")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = at.duration_since(jiff::Timestamp::now()).as_secs();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// Twice as long each time; a part of it by chance, so that many do not come back together.
fn backing_off(settings: &RegistrySettings, tries: u32) -> Duration {
    let whole = settings.first_wait.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let chance = RandomState::new().build_hasher().finish() % 512;
    let part = f64::from(u16::try_from(chance).unwrap_or_default()) / 1024.0;
    whole.min(settings.longest_wait).mul_f64(0.75 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest() {
        let settings = RegistrySettings::default();
        for tries in 1..=40 {
            let whole = settings.first_wait.saturating_mul(2_u32.saturating_pow(tries - 1));
            let whole = whole.min(settings.longest_wait);
            for _ in 0..20 {
                let wait = backing_off(&settings, tries);
                assert!(wait >= whole.mul_f64(0.75) && wait <= whole.mul_f64(1.25), "{wait:?}");
            }
        }
    }

    #[test]
    fn a_wait_is_a_number_or_a_time() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("Retry-After", text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(wait("Wed, 21 Oct 2099 07:28:00 GMT").unwrap() > Duration::from_hours(24));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn what_a_registry_says_is_one_line_without_what_was_sent() {
        let sent = HeaderValue::from_static("Basic YTpzM2NyZXQ=");
        let table = [
            (
                r#"{"errors":[{"code":"DENIED","message":"no\nroom"},{"code":"UNKNOWN"}]}"#,
                "no room;",
            ),
            ("<html>\u{1b}[31mnope", "<html> [31mnope"),
            ("you sent Basic YTpzM2NyZXQ=", ""),
            ("a has the password s3cret", ""),
            ("", ""),
        ];
        for (body, expected) in table {
            assert_eq!(message(body.as_bytes(), Some(&sent)), expected);
        }
        assert_eq!(message(&[b'x'; 5000], None).len(), SHOWN);
    }

    #[test]
    fn a_proxy_or_certificate_that_is_none_is_said_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("empty.pem");
        fs_err::write(&path, "no certificate").unwrap();
        let table = [
            ("HTTPS_PROXY", "http://ada:s3cret@[", "the proxy cannot be used"),
            ("SSL_CERT_FILE", path.as_str(), "it holds no certificate"),
        ];
        for (name, value, expected) in table {
            let environment = Environment::new("/", None, [(name, value)]);
            let error = client(&RegistrySettings::default(), &environment).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
