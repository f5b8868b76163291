//! Where packages come from. People configure pip; uv reads none of that. So that it makes no difference which of the
//! two is there, pip's settings are read and told to uv, except where the user has told uv something else.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::pip_config::PipConfig;
use crate::uv_config::UvConfig;
use crate::{Environment, Error};

/// Where pip gets packages from, and what it trusts on the way. The values may hold passwords; the `Debug` form shows
/// none.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct IndexSettings {
    /// `index-url`: the index, instead of `PyPI`.
    pub index_url: Option<String>,
    /// `extra-index-url`: further indexes.
    pub extra_index_urls: Vec<String>,
    /// `find-links`: folders and pages with links to archives.
    pub find_links: Vec<String>,
    /// `no-index`: only what `find-links` leads to.
    pub no_index: bool,
    /// `trusted-host`: hosts whose certificate is not checked.
    pub trusted_hosts: Vec<String>,
    /// `cert`: a file, or folder, of certificate authorities.
    pub cert: Option<Utf8PathBuf>,
    /// `client-cert`: a file with a client certificate and its key.
    pub client_cert: Option<Utf8PathBuf>,
    /// `proxy`: the proxy for everything.
    pub proxy: Option<String>,
}

impl IndexSettings {
    /// Reads what `pip install` would go by: `PIP_*` variables and the configuration files at the places that pip
    /// documents, that of the Python environment at `prefix` among them, by pip's precedence.
    ///
    /// # Errors
    ///
    /// [`Error::PipConfig`] for a file that pip would refuse, too.
    pub fn from_pip(
        environment: &Environment,
        prefix: Option<&Utf8Path>,
    ) -> Result<IndexSettings, Error> {
        let pip = PipConfig::read(environment, prefix)?;
        // requests, on which pip stands, looks at these when pip itself was told nothing.
        let bundle = || {
            ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"].iter().find_map(|name| environment.var(name))
        };
        let path = |value: &str| environment.cwd().join(value);
        Ok(IndexSettings {
            index_url: pip.value("index-url").map(str::to_owned),
            extra_index_urls: pip.values("extra-index-url"),
            find_links: pip.values("find-links"),
            no_index: pip.is_on("no-index"),
            trusted_hosts: pip.values("trusted-host"),
            cert: pip.value("cert").or_else(bundle).map(path),
            client_cert: pip.value("client-cert").map(path),
            proxy: pip.value("proxy").map(str::to_owned),
        })
    }

    /// The variables that make uv go to the same places, for what the user has not told uv in a variable or a
    /// configuration file of its own:
    ///
    /// | pip | uv | not when the user has set |
    /// | --- | --- | --- |
    /// | `index-url` | `UV_DEFAULT_INDEX` | `UV_DEFAULT_INDEX`, `UV_INDEX_URL`; `index`, `index-url` in a file |
    /// | `extra-index-url` | `UV_EXTRA_INDEX_URL` | `UV_EXTRA_INDEX_URL`, `UV_INDEX`; `index`, `extra-index-url` |
    /// | the same | `UV_INDEX_STRATEGY` | `UV_INDEX_STRATEGY`; `index-strategy` |
    /// | `find-links` | `UV_FIND_LINKS` | `UV_FIND_LINKS`; `find-links` |
    /// | `trusted-host` | `UV_INSECURE_HOST` | `UV_INSECURE_HOST`; `allow-insecure-host` |
    /// | `cert` | `SSL_CERT_FILE`, `SSL_CERT_DIR` | either of them |
    /// | `client-cert` | `SSL_CLIENT_CERT` | `SSL_CLIENT_CERT` |
    /// | `proxy` | `ALL_PROXY` | `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, in either case |
    ///
    /// uv has no variable for `no-index`: see [`to_uv_args`](IndexSettings::to_uv_args).
    ///
    /// pip takes the best version that any of its indexes has, uv by itself only looks at the first index that has the
    /// package. For the same lock to install the same way, indexes that come from pip are searched in pip's way.
    pub fn to_uv_env(&self, environment: &Environment) -> Vec<(String, String)> {
        let uv = UvConfig::read(environment);
        let mut variables = Vec::new();
        let mut tell = |name: &str, value: String, own: &Own| {
            if !value.is_empty() && !own.is_set(&uv) {
                variables.push((name.to_owned(), value));
            }
        };
        tell("UV_DEFAULT_INDEX", self.index_url.clone().unwrap_or_default(), &DEFAULT_INDEX);
        if !self.extra_index_urls.is_empty() && !EXTRA_INDEX.is_set(&uv) {
            tell("UV_EXTRA_INDEX_URL", self.extra_index_urls.join(" "), &EXTRA_INDEX);
            tell("UV_INDEX_STRATEGY", "unsafe-best-match".to_owned(), &INDEX_STRATEGY);
        }
        // uv separates these by commas, and everything else by spaces.
        tell("UV_FIND_LINKS", self.find_links.join(","), &FIND_LINKS);
        tell("UV_INSECURE_HOST", self.trusted_hosts.join(" "), &INSECURE_HOST);
        if let Some(cert) = &self.cert {
            let name = if cert.is_dir() { "SSL_CERT_DIR" } else { "SSL_CERT_FILE" };
            tell(name, cert.to_string(), &CERT);
        }
        let client_cert = self.client_cert.as_ref().map(Utf8PathBuf::to_string);
        tell("SSL_CLIENT_CERT", client_cert.unwrap_or_default(), &CLIENT_CERT);
        tell("ALL_PROXY", self.proxy.clone().unwrap_or_default(), &PROXY);
        variables
    }

    /// The options for uv commands that install or resolve which no variable can give: `--no-index`, unless the user
    /// has told uv of an index.
    pub fn to_uv_args(&self, environment: &Environment) -> Vec<String> {
        let uv = UvConfig::read(environment);
        let own_index = [&DEFAULT_INDEX, &EXTRA_INDEX, &NO_INDEX].iter().any(|own| own.is_set(&uv));
        if self.no_index && !own_index { vec!["--no-index".to_owned()] } else { Vec::new() }
    }
}

/// How the user may have told uv something: in a variable, or as a setting of a configuration file.
struct Own {
    variables: &'static [&'static str],
    settings: &'static [&'static str],
}

impl Own {
    fn is_set(&self, uv: &UvConfig<'_>) -> bool {
        uv.has_variable(self.variables) || uv.has_setting(self.settings)
    }
}

const DEFAULT_INDEX: Own =
    Own { variables: &["UV_DEFAULT_INDEX", "UV_INDEX_URL"], settings: &["index", "index-url"] };
const EXTRA_INDEX: Own =
    Own { variables: &["UV_EXTRA_INDEX_URL", "UV_INDEX"], settings: &["index", "extra-index-url"] };
const INDEX_STRATEGY: Own =
    Own { variables: &["UV_INDEX_STRATEGY"], settings: &["index-strategy"] };
const NO_INDEX: Own = Own { variables: &[], settings: &["no-index"] };
const FIND_LINKS: Own = Own { variables: &["UV_FIND_LINKS"], settings: &["find-links"] };
const INSECURE_HOST: Own =
    Own { variables: &["UV_INSECURE_HOST"], settings: &["allow-insecure-host"] };
const CERT: Own = Own { variables: &["SSL_CERT_FILE", "SSL_CERT_DIR"], settings: &[] };
const CLIENT_CERT: Own = Own { variables: &["SSL_CLIENT_CERT"], settings: &[] };
/// The lower-case names are the older ones.
const PROXY: Own = Own {
    variables: &[
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
    ],
    settings: &[],
};

impl fmt::Debug for IndexSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("IndexSettings")
            .field("index_url", &self.index_url.is_some())
            .field("extra_index_urls", &self.extra_index_urls.len())
            .field("find_links", &self.find_links.len())
            .field("no_index", &self.no_index)
            .field("trusted_hosts", &self.trusted_hosts.len())
            .field("cert", &self.cert.is_some())
            .field("client_cert", &self.client_cert.is_some())
            .field("proxy", &self.proxy.is_some())
            .finish()
    }
}
