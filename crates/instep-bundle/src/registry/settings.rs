//! What a user may say about registries.

use std::net::IpAddr;
use std::time::Duration;

use camino::Utf8PathBuf;
use url::Url;

/// How registries are reached. The default is what docker and podman do, with time limits.
///
/// Logins are not among the settings: they are read from the files and the helpers of docker and podman. Proxies are
/// those of the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Hosts that are spoken to without TLS, as `HOST` or `HOST:PORT`.
    pub plain_http: Vec<String>,
    /// Whether registries of this machine (`localhost`, `127.0.0.0/8`, `::1`) are spoken to with TLS. They are
    /// without, if nothing is said.
    pub loopback_tls: bool,
    /// A file of certificates in PEM form that are trusted beside those of the system. The variable `SSL_CERT_FILE`
    /// names one that is trusted instead.
    pub ca: Option<Utf8PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long nothing may come or go.
    pub silence: Duration,
    /// How often a request is made that fails by what may pass (429, 5xx, a connection that is cut), at most; a
    /// transfer that got further begins to count anew.
    pub tries: u32,
    /// The wait before the second try. It doubles with each, and a part of it is left to chance.
    pub first_wait: Duration,
    /// The longest wait that is taken, also where a registry asks for one by `Retry-After`.
    pub longest_wait: Duration,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            loopback_tls: false,
            ca: None,
            connect_timeout: Duration::from_secs(15),
            silence: Duration::from_mins(1),
            tries: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_mins(2),
        }
    }
}

impl RegistrySettings {
    /// Whether a registry (`HOST` or `HOST:PORT`) is spoken to without TLS.
    pub(crate) fn is_plain(&self, registry: &str) -> bool {
        let url = Url::parse(&["http://", registry].concat());
        let host = url.as_ref().ok().and_then(Url::host_str).unwrap_or_default();
        let is_told = self.plain_http.iter().any(|told| told == registry || told == host);
        is_told || (!self.loopback_tls && is_loopback(host))
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::RegistrySettings;

    #[test]
    fn only_this_machine_and_what_is_named_is_spoken_to_in_plain() {
        let settings = RegistrySettings {
            plain_http: vec!["registry.lan:5000".into(), "old.lan".into()],
            ..RegistrySettings::default()
        };
        let table = [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("[::1]:5000", true),
            ("registry.lan:5000", true),
            ("registry.lan", false),
            ("registry.lan:5001", false),
            ("old.lan", true),
            ("old.lan:80", true),
            ("localhost.example", false),
            ("docker.io", false),
            ("10.0.0.1:5000", false),
        ];
        for (registry, expected) in table {
            assert_eq!(settings.is_plain(registry), expected, "{registry}");
        }
        let settings = RegistrySettings { loopback_tls: true, ..RegistrySettings::default() };
        assert!(!settings.is_plain("localhost:5000"));
    }
}
