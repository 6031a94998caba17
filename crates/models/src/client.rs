//! The HTTP clients of model calls and model files. Tools have another one, with its own rules.

use std::sync::OnceLock;
use std::time::Duration;

use agent::ports::{ModelError, ModelErrorKind};
use reqwest::{Certificate, Client, Url, redirect};

const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
const IDLE_PER_HOST: usize = 16;

/// Built at the first call: an idle server needs no certificates in memory.
#[derive(Default)]
pub(crate) struct Clients {
    remote: OnceLock<Result<Client, String>>,
    loopback: OnceLock<Result<Client, String>>,
}

impl Clients {
    /// The client for an endpoint. Loopback is never reached through a proxy.
    pub(crate) fn get(&self, endpoint: &str) -> Result<Client, ModelError> {
        let slot = if is_loopback(endpoint) {
            &self.loopback
        } else {
            &self.remote
        };
        slot.get_or_init(|| build(is_loopback(endpoint)).map_err(|error| error.to_string()))
            .clone()
            .map_err(|why| {
                ModelError::new(
                    ModelErrorKind::Unreachable,
                    format!("No TLS client could be built on this machine: {why}."),
                )
            })
    }
}

/// A client that fetches a file: redirects are followed, no key travels, silence ends it.
pub(crate) fn for_files(url: &str, silence: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(silence)
        .user_agent(concat!("rejoinder/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        return builder.no_proxy().tls_certs_only(roots()).build();
    }
    builder.tls_certs_merge(roots()).build()
}

/// No total timeout: an answer may take long, and the driver watches for stalls. No redirects: a
/// key must not travel to another host.
fn build(loopback: bool) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .tcp_nodelay(true)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("rejoinder/", env!("CARGO_PKG_VERSION")));
    if loopback {
        return builder.no_proxy().tls_certs_only(roots()).build();
    }
    // The platform's store, and Mozilla's for machines without one.
    builder = builder.tls_certs_merge(roots());
    builder.build()
}

fn roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|der| Certificate::from_der(der.as_ref()).ok())
}

fn is_loopback(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clients_can_be_built() {
        let clients = Clients::default();
        assert!(clients.get("https://example.org/v1").is_ok());
        assert!(clients.get("http://127.0.0.1:1").is_ok());
    }

    #[test]
    fn loopback_is_recognised() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:1/v1", true),
            ("http://localhost:11434", true),
            ("http://[::1]:5/", true),
            ("https://example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(endpoint), expected, "{endpoint}");
        }
    }
}
