//! `rejoinder serve`.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::store::Maintenance;
use domain::{Bus, Signal, Store};
use secrecy::SecretString;
use server::auth::NewSetupCode;
use server::{AppState, ServerConfig};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use store::{DataDirLock, LockError};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, DataFlags, Registration, ServeFlags, is_plain};
use crate::wiring;
use crate::{keys, lifecycle, parameters, telemetry};

pub async fn run(data: &DataFlags, flags: &ServeFlags) -> Result<ExitCode> {
    let config = Config::load(data, flags)?;
    telemetry::logs(&config)?;
    config.one_node()?;
    #[cfg(feature = "failpoints")]
    if let Some(failpoint) = crate::config::failpoint()? {
        tracing::warn!(?failpoint, "this process will kill itself");
        failpoint.arm();
    }
    #[cfg(feature = "sabotage")]
    if let Some(mechanism) = crate::config::sabotage()? {
        tracing::warn!(?mechanism, "this process works without it");
        mechanism.turn_off();
    }
    config.create_data_dir()?;
    let _lock = lock(&config).await?;
    let metrics = telemetry::metrics()?;
    let jwt_key = keys::signing_key(&config)?;
    let models = wiring::Models::new(&config)?;
    let listener = bind(config.listen)?;
    let listen = listener.local_addr()?;
    let base = wiring::base(&config, true).await?;
    for weakness in base.store.weakened().await? {
        tracing::warn!("{weakness}");
    }
    let (handle, scheduler) = wiring::agent(&base, Arc::clone(&models.catalog), &config)?;

    let (tracker, drain) = (TaskTracker::new(), CancellationToken::new());
    let server_config = ServerConfig {
        listen,
        public_url: config.public_url.clone(),
        registration: match config.registration {
            Registration::Open => server::Registration::Open,
            Registration::Closed => server::Registration::Closed,
        },
        new_setup_code: new_setup_code(config.listen),
        jwt_key,
        send_wait: config.send_wait,
        send_rate_per_minute: config.send_rate_per_minute,
        metrics_token: config.metrics_token.clone(),
        docs: config.docs,
        version: server::version(),
        tracker: tracker.clone(),
        drain: drain.clone(),
        metrics_render: {
            let metrics = metrics.clone();
            Arc::new(move || metrics.render())
        },
    };
    let store: Arc<dyn Store> = base.store.clone();
    let state = AppState::new(
        server_config,
        store,
        Arc::clone(&base.bus),
        Arc::clone(&base.clock),
        Arc::clone(&base.ids),
        handle,
    );

    let signals = lifecycle::StopSignals::watch()?;
    let stopped = CancellationToken::new();
    let beside = TaskTracker::new();
    beside.spawn(
        stopped
            .clone()
            .run_until_cancelled_owned(lifecycle::watch_health(base.store.clone())),
    );
    beside.spawn(
        stopped
            .clone()
            .run_until_cancelled_owned(lifecycle::metrics_upkeep(metrics)),
    );
    beside.spawn(stopped.clone().run_until_cancelled_owned(lifecycle::sweep(
        base.store.clone(),
        Arc::clone(&base.clock),
    )));
    beside.spawn(
        stopped
            .clone()
            .run_until_cancelled_owned(signals.drain_then_leave(drain.clone())),
    );
    beside.spawn(
        stopped
            .clone()
            .run_until_cancelled_owned(announce_drain(drain.clone(), Arc::clone(&base.bus))),
    );
    let runs = tracker.spawn(scheduler.run(drain.clone(), config.drain));

    println!("listening on http://{listen}");
    state.show_setup_code().await?;
    if config.public_url.as_deref().is_some_and(is_plain) {
        tracing::warn!(
            "the public URL is http: passwords and messages travel unencrypted; put a TLS proxy in front where the network isn't yours"
        );
    }
    tracing::info!(%listen, data_dir = %config.data_dir.display(), version = server::version(), "ready");
    // Until the runs have ended or been handed back: `/ready` says 503, what is there can be read,
    // new work is refused with a reason.
    let closed = CancellationToken::new();
    let serving = tracker.spawn(server::serve(
        listener,
        server::router(state),
        closed.clone(),
    ));
    let ended = runs.await;
    closed.cancel();
    serving.await.context("the listener broke")??;
    ended.context("the scheduler broke")?;
    tracker.close();
    tracker.wait().await;
    stopped.cancel();
    beside.close();
    beside.wait().await;
    models.shutdown();
    lifecycle::closed(base.store.close().await)
}

/// A server that was just killed lets go of its lock a moment after its death.
async fn lock(config: &Config) -> Result<DataDirLock> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let until = Instant::now() + PATIENCE;
    loop {
        match DataDirLock::acquire(&config.data_dir) {
            Err(LockError::Held { .. }) if Instant::now() < until => {
                sleep(Duration::from_millis(50)).await;
            }
            answer => {
                return answer.with_context(|| {
                    format!(
                        "the data directory {} can't be used; stop the other server, or choose \
                         another with --data-dir",
                        config.data_dir.display()
                    )
                });
            }
        }
    }
}

/// What the system may hold of a connection beyond what is on its way. Its own choice is megabytes:
/// for a reader that takes nothing, they would be made, and kept, for nobody. What is on its way is
/// not limited, so fast clients lose nothing.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Connections that the system keeps until the server takes them. After a restart every open page
/// comes back at about the same time, and one that finds no place is not refused: it is silent, and
/// knocks again after one second, then two, then four. What asks for more than the system allows
/// (`net.core.somaxconn`) gets that.
const BACKLOG: u32 = 1_024;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As `TcpListener::bind` does it: connections of the server before may linger on the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = listen(address).with_context(|| {
        format!(
            "can't listen on {address}; another program may use that port: stop it, or choose \
             another with --listen (port 0 takes any free one)"
        )
    })?;
    // Connections inherit it.
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(&listener).set_tcp_notsent_lowat(UNSENT_BYTES) {
        tracing::warn!(%error, "slow readers will cost the system more memory");
    }
    Ok(listener)
}

async fn announce_drain(drain: CancellationToken, bus: Arc<dyn Bus>) {
    drain.cancelled().await;
    bus.signal(Signal::Draining);
}

/// Beyond loopback the first account is whoever comes first, so it needs a word from the console.
fn new_setup_code(listen: SocketAddr) -> Option<NewSetupCode> {
    if listen.ip().is_loopback() {
        return None;
    }
    Some(Arc::new(|| {
        let mut bytes = [0u8; 10];
        parameters::fill(&mut bytes);
        let code = hex::encode(bytes);
        // Nobody may be reading any more; the server goes on.
        if let Err(error) = writeln!(stdout(), "setup code for the first account: {code}") {
            tracing::warn!(%error, "the setup code could not be printed; the next start prints another");
        }
        SecretString::from(code)
    }))
}

// Elsewhere the queue may be shorter, and nothing tells by how much.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_crowd_finds_a_place_before_anybody_is_let_in() {
        const CROWD: usize = 400;
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
        if most.trim().parse().is_ok_and(|most: usize| most <= CROWD) {
            eprintln!(
                "SKIPPED: more than {} connections wait nowhere here",
                most.trim()
            );
            return;
        }
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody takes them. Those beyond the queue would be silent.
        let patience = Duration::from_secs(10);
        let inside: Vec<TcpStream> = (0..CROWD)
            .map_while(|_| TcpStream::connect_timeout(&address, patience).ok())
            .collect();
        assert_eq!(inside.len(), CROWD);
    }
}
