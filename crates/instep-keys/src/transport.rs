//! How servers are reached: through which proxy, trusting whom, and how much of an answer is read. The clients of AWS,
//! Azure and Vault all send through this, so that one set of rules holds for them.

use std::fmt;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::Environment;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, NoProxy, Proxy, Request};
use zeroize::Zeroizing;

use crate::problem::Problem;

/// More than any answer with a secret or a token: Secrets Manager keeps 64 KiB at most.
const LONGEST_ANSWER: usize = 256 * 1024;
const AGENT: &str = concat!("instep/", env!("CARGO_PKG_VERSION"));
/// Where clouds tell a machine who it is: never through a proxy.
const LINK_LOCAL: &str = "169.254.0.0/16";

/// Who vouches for a server.
pub(crate) enum Trust {
    /// `SSL_CERT_FILE`, else whomever the system trusts.
    System,
    /// The certificates of this file alone.
    File(Utf8PathBuf),
    /// Nobody: the address says `http`, so there is no certificate. Works where the system has none either.
    Nobody,
}

/// What was sent cannot be answered, or not in a way that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum TransportProblem {
    #[error("cannot reach {host}: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("the answer of {host} is longer than {LONGEST_ANSWER} bytes")]
    TooLong { host: String },
    #[error("{host} sends the request elsewhere, which is not followed with a secret in it")]
    Redirected { host: String },
}

/// An answer. The body is zeroized.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Sends requests.
pub(crate) struct Transport(Client);

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Transport")
    }
}

impl Transport {
    /// # Errors
    ///
    /// For a proxy or a file of certificates that cannot be used.
    pub(crate) fn new(environment: &Environment, trust: &Trust) -> Result<Self, Problem> {
        // What follows a redirect takes headers along, and a token with them.
        let mut builder = Client::builder().user_agent(AGENT).redirect(Policy::none()).no_proxy();
        for proxy in proxies(environment)? {
            builder = builder.proxy(proxy);
        }
        let own = environment.var("SSL_CERT_FILE").map(|path| environment.cwd().join(path));
        builder = match (trust, own) {
            (Trust::File(path), _) => builder.tls_certs_only(certificates(path)?),
            (Trust::Nobody, _) => builder.tls_certs_only([]),
            (Trust::System, Some(path)) => builder.tls_certs_only(certificates(&path)?),
            (Trust::System, None) => builder,
        };
        let client = builder.build().map_err(|error| Problem::Client {
            what: "cannot make connections",
            reason: last_cause(&error),
        })?;
        Ok(Self(client))
    }

    /// Sends one request.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or one that may not be used. Any status but a redirect is an answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, TransportProblem> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let unreachable = |error: reqwest::Error| TransportProblem::Unreachable {
            host: host.clone(),
            reason: last_cause(&error.without_url()),
        };
        let mut response = self.0.execute(request).await.map_err(unreachable)?;
        if response.status().is_redirection() {
            return Err(TransportProblem::Redirected { host });
        }
        // Never grows, since what a growing buffer leaves behind is not zeroized.
        let mut body = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if chunk.len() > LONGEST_ANSWER - body.len() {
                return Err(TransportProblem::TooLong { host });
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status().as_u16();
        Ok(Reply { status, headers: std::mem::take(response.headers_mut()), body })
    }
}

/// The transport's own problem, where an error of a client comes from one.
pub(crate) fn transport_problem(
    error: &(dyn std::error::Error + 'static),
) -> Option<TransportProblem> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(problem) = error.downcast_ref::<TransportProblem>() {
            return Some(problem.clone());
        }
        cause = error.source();
    }
    None
}

/// A server's own code for what went wrong, as far as it can be no secret: few letters and nothing else, which no
/// token is.
pub(crate) fn plain_code(code: &str) -> String {
    let is_plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_plain { code.to_owned() } else { String::new() }
}

/// What an error is about in the end, in the words of the system or of TLS.
fn last_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Makes the kind of proxy that a variable means.
type Make = fn(String) -> reqwest::Result<Proxy>;

fn proxies(environment: &Environment) -> Result<Vec<Proxy>, Problem> {
    let var = |names: [&'static str; 2]| {
        let found = names.into_iter().find_map(|name| Some((name, environment.var(name)?)));
        found.filter(|(_, value)| !value.trim().is_empty())
    };
    let without = var(["NO_PROXY", "no_proxy"]).map(|(_, hosts)| hosts).unwrap_or_default();
    let without = NoProxy::from_string(&[without, LINK_LOCAL].join(","));
    let named: [(_, Make); 3] = [
        (var(["HTTPS_PROXY", "https_proxy"]), Proxy::https),
        (var(["HTTP_PROXY", "http_proxy"]), Proxy::http),
        (var(["ALL_PROXY", "all_proxy"]), Proxy::all),
    ];
    let mut proxies = Vec::new();
    for (found, make) in named {
        let Some((name, address)) = found else { continue };
        // The error may show the address, and a password in it.
        let proxy = make(address.to_owned()).map_err(|_| Problem::Variable {
            name: name.to_owned(),
            reason: "is no address of a proxy",
        })?;
        proxies.push(proxy.no_proxy(without.clone()));
    }
    Ok(proxies)
}

fn certificates(path: &Utf8Path) -> Result<Vec<Certificate>, Problem> {
    let read = |source| Problem::Read { path: path.to_owned(), source };
    let pem = std::fs::read(path).map_err(read)?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if found.is_empty() {
        let nothing = "it holds no certificate in PEM form";
        return Err(read(std::io::Error::new(ErrorKind::InvalidData, nothing)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::plain_code;

    #[test]
    fn a_code_that_could_be_a_secret_is_not_shown() {
        for (code, shown) in [
            ("ResourceNotFoundException", "ResourceNotFoundException"),
            ("hvs.CAESIJ", ""),
            ("AKIA1234", ""),
            ("a b", ""),
            (&*"x".repeat(65), ""),
        ] {
            assert_eq!(plain_code(code), shown);
        }
    }
}
