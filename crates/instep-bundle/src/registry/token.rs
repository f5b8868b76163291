//! What a registry asks for, and the answer to it
//! (<https://distribution.github.io/distribution/spec/auth/token/>, `/oauth/`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeParser;
use instep_tools::CancelToken;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::http::Failure;
use super::login::{Login, secret};
use super::problem::RegistryProblem;
use super::{Registry, Subject};

/// Tokens have some kilobytes.
const LARGEST_TOKEN: u64 = 1 << 20;
/// As what we ask for tokens.
const CLIENT_ID: &str = "instep";

/// What is to be done in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Pull,
    Push,
}

/// A registry, a repository, and what is to be done there.
pub(super) type Scope = (String, String, Access);

/// What was let in.
#[derive(Clone, PartialEq)]
pub(super) struct Grant {
    /// Marked as secret.
    pub(super) header: HeaderValue,
    /// Whether it says who we are.
    pub(super) has_login: bool,
}

/// What a registry wants to be sent.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenAnswer {
    #[serde(deserialize_with = "secret")]
    token: Option<SecretString>,
    #[serde(deserialize_with = "secret")]
    access_token: Option<SecretString>,
}

pub(super) fn scope(subject: &Subject<'_>, access: Access) -> Scope {
    let reference = subject.reference;
    (reference.registry().to_owned(), reference.repository().to_owned(), access)
}

impl Registry {
    /// What was let in before.
    pub(super) fn granted(&self, scope: &Scope) -> Option<Grant> {
        self.granted.lock().ok()?.get(scope).cloned()
    }

    /// No more counts on what was let in.
    pub(super) fn forget(&self, scope: &Scope) {
        if let Ok(mut granted) = self.granted.lock() {
            granted.remove(scope);
        }
    }

    /// The answer to a 401; `None` where there is nothing to say that was not said. `sent` is what was
    /// refused.
    pub(super) async fn authorize(
        &self,
        subject: &Subject<'_>,
        access: Access,
        refused: &Response,
        sent: Option<&Grant>,
    ) -> Result<Option<Grant>, Failure> {
        let scope = scope(subject, access);
        let _one_at_a_time = self.asking.lock().await;
        if let Some(now) = self.granted(&scope)
            && Some(&now) != sent
        {
            // Somebody else has asked meanwhile.
            return Ok(Some(now));
        }
        let Some(challenge) = challenge(refused) else { return Ok(None) };
        let login = self.login(&scope).await;
        let has_login = login.is_some();
        let header = match (challenge, login) {
            (_, Some(Login::Bearer(token))) => secret_header("Bearer ", &token),
            (Challenge::Basic, Some(Login::Basic { user, password })) => basic(&user, &password),
            (Challenge::Basic, _) => None,
            (Challenge::Bearer { realm, service }, login) => {
                let token =
                    self.token(subject, access, &realm, service.as_deref(), login.as_ref()).await?;
                let header = secret_header("Bearer ", &token);
                Some(header.ok_or_else(|| {
                    let reason = "its token cannot be sent in a header".to_owned();
                    Failure::lasting(subject, RegistryProblem::Answer { reason })
                })?)
            }
        };
        let grant = header.map(|header| Grant { header, has_login });
        let Some(grant) = grant.filter(|grant| Some(grant) != sent) else { return Ok(None) };
        if let Ok(mut granted) = self.granted.lock() {
            granted.insert(scope, grant.clone());
        }
        Ok(Some(grant))
    }

    /// Who we are there. Where that cannot be read, we are nobody, and it is told if nobody is not enough.
    async fn login(&self, (registry, repository, _): &Scope) -> Option<Login> {
        /// Ends the helper if nobody waits for it any more.
        struct CancelOnDrop(CancelToken);
        impl Drop for CancelOnDrop {
            fn drop(&mut self) {
                self.0.cancel();
            }
        }
        let guard = CancelOnDrop(CancelToken::new());
        let (logins, token) = (self.logins.clone(), guard.0.clone());
        let (host, name) = (registry.clone(), repository.clone());
        let find = move || logins.find(&host, &name, &token);
        match tokio::task::spawn_blocking(find).await {
            Ok(Ok(login)) => login,
            Ok(Err(problem)) => {
                if let Ok(mut unread) = self.unread.lock() {
                    unread.insert(registry.clone(), problem);
                }
                None
            }
            Err(_) => None,
        }
    }

    /// Asks the realm for a token.
    async fn token(
        &self,
        subject: &Subject<'_>,
        access: Access,
        realm: &str,
        service: Option<&str>,
        login: Option<&Login>,
    ) -> Result<SecretString, Failure> {
        let odd = |reason: &str| {
            let reason = reason.to_owned();
            Failure::lasting(subject, RegistryProblem::Answer { reason })
        };
        let mut realm =
            Url::parse(realm).map_err(|_| odd("the place of its tokens is no address"))?;
        let is_plain = self.settings.is_plain(subject.reference.resolve_registry());
        if realm.scheme() != "https" && !(is_plain && realm.scheme() == "http") {
            return Err(odd("it sends logins to a place without TLS"));
        }
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let scope = ["repository:", subject.reference.repository(), ":", actions].concat();
        let request = if let Some(Login::Identity(refresh)) = login {
            self.client
                .post(realm)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(refresh_form(refresh, service, &scope))
        } else {
            let mut query = realm.query_pairs_mut();
            query.append_pair("scope", &scope);
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            drop(query);
            with_login(self.client.get(realm), login)
        };
        let about = Subject::new(subject.reference, ["the token for ", &subject.what].concat());
        let response = self.answer(&about, request).await?;
        if matches!(response.status().as_u16(), 400 | 401 | 403) {
            // Which of them it is differs from registry to registry.
            return Err(Failure::lasting(subject, self.unauthorized(subject, login.is_some())));
        }
        let response = self.judge(&about, response, None).await?;
        let body = Zeroizing::new(self.body(&about, response, LARGEST_TOKEN).await?);
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|_| odd("it gave no token"))?;
        answer.token.or(answer.access_token).ok_or_else(|| odd("it gave no token"))
    }

    /// 401, or why there was no login.
    pub(super) fn unauthorized(&self, subject: &Subject<'_>, had_login: bool) -> RegistryProblem {
        let registry = subject.reference.registry();
        let unread = self.unread.lock().ok().and_then(|unread| unread.get(registry).cloned());
        unread.unwrap_or(RegistryProblem::Unauthorized { had_login })
    }
}

/// What a registry wants, the safest it offers.
fn challenge(refused: &Response) -> Option<Challenge> {
    let values = refused.headers().get_all(WWW_AUTHENTICATE);
    challenge_of(values.iter().filter_map(|value| value.to_str().ok()))
}

fn challenge_of<'a>(values: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut found = None;
    for challenge in values.flat_map(ChallengeParser::new).filter_map(Result::ok) {
        let parameter = |name: &str| {
            let mut named = challenge.params.iter();
            named
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("Bearer")
            && let Some(realm) = parameter("realm")
        {
            return Some(Challenge::Bearer { realm, service: parameter("service") });
        }
        if challenge.scheme.eq_ignore_ascii_case("Basic") {
            found = Some(Challenge::Basic);
        }
    }
    found
}

fn with_login(request: RequestBuilder, login: Option<&Login>) -> RequestBuilder {
    match login {
        Some(Login::Basic { user, password }) => match basic(user, password) {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        },
        _ => request,
    }
}

fn refresh_form(refresh: &SecretString, service: Option<&str>, scope: &str) -> Vec<u8> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("scope", scope)
        .append_pair("refresh_token", refresh.expose_secret());
    if let Some(service) = service {
        form.append_pair("service", service);
    }
    form.finish().into_bytes()
}

fn basic(user: &str, password: &SecretString) -> Option<HeaderValue> {
    let both = Zeroizing::new([user, ":", password.expose_secret()].concat());
    secret_header("Basic ", &STANDARD.encode(both.as_bytes()).into())
}

/// `None` where it holds what no header may.
fn secret_header(scheme: &str, value: &SecretString) -> Option<HeaderValue> {
    let text = Zeroizing::new([scheme, value.expose_secret()].concat());
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
        };
        let table = [
            (vec![r#"Bearer realm="https://a/t",service="r""#], bearer("https://a/t", Some("r"))),
            (vec![r#"bearer Realm="https://a/t""#], bearer("https://a/t", None)),
            (vec![r#"Basic realm="x", Bearer realm="https://a/t""#], bearer("https://a/t", None)),
            (
                vec![r#"Basic realm="x""#, r#"Bearer realm="https://a/t""#],
                bearer("https://a/t", None),
            ),
            (vec![r#"Basic realm="x""#], Some(Challenge::Basic)),
            (vec!["Bearer service=\"r\""], None),
            (vec!["Negotiate"], None),
            (vec!["\u{1}"], None),
            (vec![], None),
        ];
        for (values, expected) in table {
            assert_eq!(challenge_of(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn a_token_with_a_line_break_is_no_header() {
        assert!(secret_header("Bearer ", &"a\nb".into()).is_none());
        let header = secret_header("Bearer ", &"s3cret".into()).unwrap();
        assert!(!format!("{header:?}").contains("s3cret"));
    }
}
