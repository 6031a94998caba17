//! Signals, health, sweeping: what goes on beside the work.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::store::{Health, Maintenance};
use domain::{Clock, StoreError, StoreResult};
use metrics_exporter_prometheus::PrometheusHandle;
use store::SqlStore;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// `EX_IOERR`: the outcome of a write is unknown for good.
const EXIT_BROKEN_STORE: u8 = 74;
/// Left at once, on the operator's second word.
const EXIT_SECOND_SIGNAL: i32 = 130;
/// Open requests get this long to hear of it.
const BROKEN_GRACE: Duration = Duration::from_secs(5);
const HEALTH_EVERY: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_secs(30);
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// SIGTERM and SIGINT, watched from the moment this is made: made before anybody is told that the
/// server is there.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub fn watch() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("SIGTERM can't be watched")?,
            interrupt: signal(SignalKind::interrupt()).context("SIGINT can't be watched")?,
        })
    }

    /// The first one begins the drain; the second leaves at once, which is as safe as a crash:
    /// everything that was said is stored.
    pub async fn drain_then_leave(mut self, drain: CancellationToken) {
        self.next().await;
        tracing::info!(
            "stopping: no new work, running answers get a moment; again to leave at once"
        );
        drain.cancel();
        self.next().await;
        tracing::warn!("leaving at once");
        std::process::exit(EXIT_SECOND_SIGNAL);
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Watches the store: probes a full disk until there is space, leaves when a write's outcome is
/// unknown for good.
pub async fn watch_health(store: Arc<SqlStore>) {
    let mut tick = interval(HEALTH_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_ready = true;
    loop {
        tick.tick().await;
        match store.health() {
            Health::Ready => {
                if !was_ready {
                    tracing::info!("the database can be written again");
                }
                was_ready = true;
            }
            Health::NotWritable(reason) => {
                if was_ready {
                    tracing::error!(
                        reason,
                        "the database can't be written; messages are refused until it can"
                    );
                }
                was_ready = false;
                store.probe().await;
            }
            Health::Broken(reason) => {
                tracing::error!(
                    reason,
                    "a write to the database failed with an unknown outcome; leaving in {} s. Check the disk, then start again: nothing acknowledged is lost",
                    BROKEN_GRACE.as_secs()
                );
                sleep(BROKEN_GRACE).await;
                std::process::exit(EXIT_BROKEN_STORE.into());
            }
        }
    }
}

/// The last word of a server whose work has ended. Nothing acknowledged is lost in any case.
pub fn closed(outcome: StoreResult<()>) -> Result<ExitCode> {
    match outcome {
        Ok(()) => tracing::info!("stopped"),
        // Not an error of this stop: a supervisor that starts us again would change nothing.
        Err(StoreError::NotWritable(reason)) => tracing::warn!(
            reason,
            "stopped, but the database can't be written and so does not say that the stop was \
             clean: if the machine restarts too, open pages load everything again"
        ),
        Err(StoreError::Unknown(reason)) => {
            tracing::error!(
                reason,
                "stopped, but the disk failed. Check it, then start again: nothing acknowledged is lost"
            );
            return Ok(ExitCode::from(EXIT_BROKEN_STORE));
        }
        Err(other) => return Err(other.into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes what is past its time.
pub async fn sweep(store: Arc<SqlStore>, clock: Arc<dyn Clock>) {
    let mut tick = interval(SWEEP_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match store.sweep(clock.now()).await {
            Ok(swept) => tracing::debug!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "sweeping failed; it is tried again"),
        }
    }
}

/// Sums up what was measured. Without it every measurement is kept until somebody asks for the
/// metrics, which may be never.
pub async fn metrics_upkeep(metrics: PrometheusHandle) {
    let mut tick = interval(UPKEEP_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        metrics.run_upkeep();
    }
}
