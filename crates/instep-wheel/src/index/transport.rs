//! Connections: through which proxy, and trusting whom.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{Environment, IndexSettings};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};
use url::Url;

use super::resolver::Remembering;
use super::{IndexProblem, shown};
use crate::error::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A server that says nothing for so long is stuck.
const SILENCE: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("instep/", env!("CARGO_PKG_VERSION"));

/// How servers are reached.
pub(super) struct Transport {
    /// The same that bundles are signed with, so that there is one of them in a program.
    crypto: Arc<CryptoProvider>,
    roots: RootCerts,
    client: Option<ClientCert>,
    /// `HOST` or `HOST:PORT`, of which the certificate is not checked.
    insecure: Vec<String>,
    proxies: Proxies,
    /// By whether certificates are checked, and which proxy is used.
    agents: Mutex<BTreeMap<(bool, Way), Agent>>,
}

/// The way to a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Direct,
    /// By the proxy for plain connections.
    Http,
    /// By the proxy for encrypted ones.
    Https,
}

struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// Hosts that are reached without one, and what is below them.
    without: Vec<String>,
}

impl Transport {
    /// # Errors
    ///
    /// [`Error::Index`] for a proxy or a certificate that cannot be used.
    pub(super) fn of(settings: &IndexSettings, variables: &Environment) -> Result<Self, Error> {
        let var = |name: &str| variables.var(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| var(name).map(|path| variables.cwd().join(path));
        let own: Vec<Utf8PathBuf> =
            [path("SSL_CERT_FILE"), path("SSL_CERT_DIR")].into_iter().flatten().collect();
        let own = if own.is_empty() { settings.cert.iter().cloned().collect() } else { own };
        let roots = if own.is_empty() { RootCerts::PlatformVerifier } else { roots(&own)? };
        let client = path("SSL_CLIENT_CERT").or_else(|| settings.client_cert.clone());
        let mut insecure = settings.trusted_hosts.clone();
        insecure.extend(
            var("UV_INSECURE_HOST").into_iter().flat_map(str::split_whitespace).map(str::to_owned),
        );
        Ok(Self {
            crypto: Arc::new(aws_lc_rs::default_provider()),
            roots,
            client: client.map(|path| client_certificate(&path)).transpose()?,
            insecure,
            proxies: Proxies::of(settings, variables)?,
            agents: Mutex::default(),
        })
    }

    /// The agent for an address.
    pub(super) fn agent(&self, url: &Url) -> Agent {
        let is_checked = !self.is_insecure(url);
        let (way, proxy) = self.proxies.of_url(url);
        let make = || self.make(is_checked, proxy.cloned());
        match self.agents.lock() {
            Ok(mut agents) => agents.entry((is_checked, way)).or_insert_with(make).clone(),
            Err(_) => make(),
        }
    }

    fn make(&self, is_checked: bool, proxy: Option<Proxy>) -> Agent {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::clone(&self.crypto))
            .root_certs(self.roots.clone())
            .client_cert(self.client.clone())
            .disable_verification(!is_checked)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(AGENT)
            .tls_config(tls)
            .proxy(proxy)
            // Each address has a way, a login and a trust of its own, which are not known here.
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .max_idle_connections(64)
            .max_idle_connections_per_host(32)
            .build();
        Agent::with_parts(config, DefaultConnector::default(), Remembering::default())
    }

    fn is_insecure(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let port = url.port_or_known_default().map(|port| [host, &port.to_string()].join(":"));
        self.insecure.iter().any(|known| known == host || Some(known) == port.as_ref())
    }
}

impl Proxies {
    fn of(settings: &IndexSettings, variables: &Environment) -> Result<Self, Error> {
        let var = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| variables.var(name));
            found.find(|value| !value.trim().is_empty())
        };
        let all = var(&["ALL_PROXY", "all_proxy"]);
        let own = settings.proxy.as_deref();
        let http = own.or_else(|| var(&["HTTP_PROXY", "http_proxy"])).or(all);
        let https = own.or_else(|| var(&["HTTPS_PROXY", "https_proxy"])).or(all);
        let without = var(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        Ok(Self {
            http: http.map(proxy).transpose()?,
            https: https.map(proxy).transpose()?,
            without: without
                .split([',', ' '])
                .map(|host| host.trim().trim_start_matches(['*', '.']).to_ascii_lowercase())
                .filter(|host| !host.is_empty())
                .chain(without.split(',').any(|host| host.trim() == "*").then(|| "*".to_owned()))
                .collect(),
        })
    }

    fn of_url(&self, url: &Url) -> (Way, Option<&Proxy>) {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let port = url.port().map(|port| [&host, ":", &port.to_string()].concat());
        let is_without = self.without.iter().any(|known| {
            known == "*"
                || *known == host
                || Some(known) == port.as_ref()
                || host.strip_suffix(known.as_str()).is_some_and(|rest| rest.ends_with('.'))
        });
        if is_without {
            return (Way::Direct, None);
        }
        let (way, proxy) = match url.scheme() {
            "https" => (Way::Https, self.https.as_ref()),
            _ => (Way::Http, self.http.as_ref()),
        };
        if proxy.is_some() { (way, proxy) } else { (Way::Direct, None) }
    }
}

fn proxy(text: &str) -> Result<Proxy, Error> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { ["http://", text].concat() };
    Proxy::new(&full).map_err(|error| setting("the proxy", text, &error.to_string()))
}

fn setting(what: &'static str, value: &str, reason: &str) -> Error {
    let url = match Url::parse(value) {
        Ok(url) => shown(&url),
        Err(_) => instep_tools::redact(value).into(),
    };
    Error::Index { url, problem: IndexProblem::Setting { what, reason: reason.to_owned() } }
}

/// Every certificate of these files and folders.
fn roots(paths: &[Utf8PathBuf]) -> Result<RootCerts, Error> {
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for path in paths {
        if path.is_dir() {
            // A folder of the system has much beside certificates.
            for entry in path.read_dir_utf8().map_err(Error::io("read", path))?.flatten() {
                if let Ok(bytes) = std::fs::read(entry.path()) {
                    found.extend(certificates(&bytes));
                }
            }
        } else {
            let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
            found.extend(certificates(&bytes));
        }
    }
    if found.is_empty() {
        let names: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
        return Err(setting("the certificate file", &names.join(", "), "it holds no certificate"));
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(Result::ok);
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    items.filter_map(certificate).collect()
}

/// A certificate of ours with its key, in one file.
fn client_certificate(path: &Utf8Path) -> Result<ClientCert, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let chain = certificates(&bytes);
    let key = PrivateKey::from_pem(&bytes)
        .map_err(|error| setting("the client certificate", path.as_str(), &error.to_string()))?;
    if chain.is_empty() {
        return Err(setting("the client certificate", path.as_str(), "it holds no certificate"));
    }
    Ok(ClientCert::new_with_certs(&chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(settings: &IndexSettings, variables: &[(&str, &str)]) -> Result<Transport, Error> {
        let variables = variables.iter().map(|(name, value)| (*name, *value));
        Transport::of(settings, &Environment::new("/", None, variables))
    }

    #[test]
    fn a_proxy_is_taken_for_what_it_is_for() {
        let variables = [
            ("HTTPS_PROXY", "http://ada:s3cret@secure.example:3128"),
            ("ALL_PROXY", "all.example:80"),
            ("NO_PROXY", "direct.example, .below.example,port.example:8080"),
        ];
        let transport = transport(&IndexSettings::default(), &variables).unwrap();
        let host = |url: &str| {
            let (_, proxy) = transport.proxies.of_url(&Url::parse(url).unwrap());
            proxy.map(|proxy| proxy.host().to_owned())
        };
        let cases = [
            ("https://index.example/", Some("secure.example")),
            ("http://index.example/", Some("all.example")),
            ("https://direct.example/", None),
            ("https://a.direct.example/", None),
            ("https://notdirect.example/", Some("secure.example")),
            ("https://a.below.example/", None),
            ("https://port.example:8080/", None),
            ("https://port.example/", Some("secure.example")),
        ];
        for (url, expected) in cases {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn pips_proxy_is_for_everything() {
        let settings =
            IndexSettings { proxy: Some("http://pip.example".into()), ..IndexSettings::default() };
        let transport = transport(&settings, &[("HTTPS_PROXY", "http://other.example")]).unwrap();
        let url = Url::parse("https://index.example/").unwrap();
        assert_eq!(transport.proxies.of_url(&url).1.unwrap().host(), "pip.example");
    }

    #[test]
    fn hosts_are_trusted_with_their_port_or_without() {
        let settings = IndexSettings {
            trusted_hosts: vec!["a.example".into(), "b.example:8443".into()],
            ..IndexSettings::default()
        };
        let transport = transport(&settings, &[("UV_INSECURE_HOST", "c.example")]).unwrap();
        let cases = [
            ("https://a.example:444/", true),
            ("https://b.example:8443/", true),
            ("https://b.example/", false),
            ("https://c.example/", true),
            ("https://d.example/", false),
        ];
        for (url, expected) in cases {
            assert_eq!(transport.is_insecure(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("empty.pem");
        fs_err::write(&path, "no certificate").unwrap();
        let error = transport(&IndexSettings::default(), &[("SSL_CERT_FILE", path.as_str())]);
        assert!(error.err().unwrap().to_string().contains("it holds no certificate"));
    }
}
