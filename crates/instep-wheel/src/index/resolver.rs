//! Names of hosts: asked for once. The client underneath asks for each request, also where it has a connection, and a
//! few hundred questions within a second are more than many resolvers answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Remembers what the system answered.
#[derive(Debug, Default)]
pub(super) struct Remembering {
    system: DefaultResolver,
    /// By host and port.
    known: Mutex<BTreeMap<String, Vec<SocketAddr>>>,
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return self.system.resolve(uri, config, timeout);
        };
        let key = DefaultResolver::host_and_port(scheme, authority).unwrap_or_default();
        // Held while the system is asked, so that it is asked once.
        let Ok(mut known) = self.known.lock() else {
            return self.system.resolve(uri, config, timeout);
        };
        if let Some(addresses) = known.get(&key) {
            let mut found = self.empty();
            for address in addresses {
                found.push(*address);
            }
            return Ok(found);
        }
        let found = self.system.resolve(uri, config, timeout)?;
        known.insert(key, found.iter().copied().collect());
        Ok(found)
    }
}
