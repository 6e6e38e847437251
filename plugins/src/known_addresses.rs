//! Name lookups, remembered for a while: the client asks for an address before every request, connected or not, and its
//! own lookup starts a thread each time, which costs more than all the rest of a small request.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an address holds; servers that move are found again after this.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A resolver that looks each name up once a minute. Addresses written as numbers need no lookup at all.
#[derive(Debug, Default)]
pub(crate) struct KnownAddresses {
    lookup: DefaultResolver,
    known: RwLock<HashMap<String, (Instant, ResolvedSocketAddrs)>>,
}

impl Resolver for KnownAddresses {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let place = uri
            .scheme()
            .zip(uri.authority())
            .and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority));
        let Some(place) = place else { return self.lookup.resolve(uri, config, timeout) };
        if let Some(address) = numeric(uri) {
            let mut found = self.empty();
            found.push(address);
            return Ok(found);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some((_, found)) = known.filter(|(since, _)| since.elapsed() < REMEMBERED) {
            return Ok(found);
        }
        let found = self.lookup.resolve(uri, config, timeout)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(place, (Instant::now(), found.clone()));
        Ok(found)
    }
}

/// The address of a URI whose host is a number, e.g. `http://127.0.0.1:8000/v1` or `http://[::1]:8000/v1`.
fn numeric(uri: &Uri) -> Option<SocketAddr> {
    let authority = uri.authority()?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some(SocketAddr::new(address, authority.port_u16().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_addresses_and_names_are_not() {
        let of = |text: &str| numeric(&text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(of("http://127.0.0.1:8000/v1").as_deref(), Some("127.0.0.1:8000"));
        assert_eq!(of("https://[::1]/v1").as_deref(), Some("[::1]:443"));
        assert_eq!(of("http://10.0.0.1/v1").as_deref(), Some("10.0.0.1:80"));
        assert_eq!(of("http://localhost:8000/v1"), None);
    }
}
