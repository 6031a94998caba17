//! What every handler shares.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent::AgentHandle;
use domain::{Bus, Clock, Ids, Store, StoreResult, Timestamp};
use secrecy::{SecretBox, SecretString};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::NewSetupCode;
use crate::auth::first::FirstAccount;
use crate::auth::jwt::AccessTokens;
use crate::auth::refresh::RefreshTokens;
use crate::auth::tickets::Tickets;
use crate::limits::Limiters;
use crate::ws::SocketCounts;

/// Who may make an account after the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Open,
    /// An admin or the operator adds accounts.
    Closed,
}

/// Everything about the server that the operator decides or the start finds out.
pub struct ServerConfig {
    /// The address that was bound, with its real port.
    pub listen: SocketAddr,
    /// `http(s)://host[:port]`; its origin is the only one allowed. Without it, loopback names on
    /// the listening port are.
    pub public_url: Option<String>,
    pub registration: Registration,
    /// Makes what is asked of whoever makes the first account; `None`: nothing is.
    pub new_setup_code: Option<NewSetupCode>,
    /// At least 32 bytes. Signs access tokens; refresh tokens use a key derived from it.
    pub jwt_key: SecretBox<[u8]>,
    /// How long a plain send waits for its run.
    pub send_wait: Duration,
    /// Messages per user and minute.
    pub send_rate_per_minute: u32,
    /// Without it `/metrics` answers only to loopback peers of a loopback listener.
    pub metrics_token: Option<SecretString>,
    /// `/docs` and `/openapi.json` are served.
    pub docs: bool,
    /// Compared by pages that are open: another one is a reason to offer a reload.
    pub version: &'static str,
    /// Waited for when the process stops.
    pub tracker: TaskTracker,
    /// Cancelled when the process begins to stop.
    pub drain: CancellationToken,
    /// Prometheus text.
    pub metrics_render: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Cheap to clone; one per process.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

pub struct Inner {
    pub config: ServerConfig,
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub agent: AgentHandle,
    pub(crate) access: AccessTokens,
    pub(crate) refresh: RefreshTokens,
    pub(crate) tickets: Tickets,
    pub(crate) limiters: Limiters,
    pub(crate) sockets: SocketCounts,
    pub(crate) first_account: FirstAccount,
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AppState {
    #[must_use]
    pub fn new(
        config: ServerConfig,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        agent: AgentHandle,
    ) -> Self {
        let access = AccessTokens::new(&config.jwt_key);
        let refresh = RefreshTokens::new(&config.jwt_key);
        let limiters = Limiters::new(config.send_rate_per_minute);
        let first_account = FirstAccount::new(config.new_setup_code.clone());
        Self(Arc::new(Inner {
            config,
            store,
            bus,
            clock,
            ids,
            agent,
            access,
            refresh,
            tickets: Tickets::default(),
            limiters,
            sockets: SocketCounts::default(),
            first_account,
        }))
    }

    /// Shows the operator the setup code where the first account is still to be made and needs one.
    pub async fn show_setup_code(&self) -> StoreResult<()> {
        let mut alone = self.first_account.alone().await;
        if !self.first_account.exists(&*self.store).await? {
            alone.show_code();
        }
        Ok(())
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The public address speaks TLS, so cookies are `Secure` with the `__Host-` prefix.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.config
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }
}
