//! Claims runs for this node, keeps their leases, and gives each a driver.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::{LEASE_RENEW_MS, RUNS_PER_NODE};
use domain::store::Finish;
use domain::{
    Bus, Fence, MessageStatus, NodeId, Run, RunError, RunId, RunState, Signal, StoreError, Usage,
    Wake,
};
use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::driver::{Deps, Stop, drive};
use crate::failpoints;

/// Runs left by other nodes are looked for this often; own ones wake the scheduler.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub struct Scheduler {
    deps: Deps,
    bus: Arc<dyn Bus>,
    node: NodeId,
    /// One process per database: runs that are `running` at the start are this node's to recover.
    alone: bool,
    active: HashMap<RunId, Active>,
    /// When the last renewal that succeeded was sent.
    renewed: Instant,
    drivers: JoinSet<Driven>,
    /// A driver has ended its run: the conversation may hold another.
    ended: Arc<Notify>,
    /// Runs without a driver that could not be ended; tried again with each renewal.
    broken: Vec<Fence>,
}

/// A run with a driver here, and under which fence.
struct Active {
    fence: i64,
    stop: Stop,
}

struct Driven {
    fence: Fence,
    /// It panicked, or met an error that repeats.
    broken: bool,
}

impl Scheduler {
    #[must_use]
    pub fn new(deps: Deps, bus: Arc<dyn Bus>, node: NodeId, alone: bool) -> Self {
        Self {
            deps,
            bus,
            node,
            alone,
            active: HashMap::new(),
            renewed: Instant::now(),
            drivers: JoinSet::new(),
            ended: Arc::default(),
            broken: Vec::new(),
        }
    }

    /// Runs until `drain`; then takes nothing new, gives running steps until `deadline`, hands the
    /// rest back and returns.
    pub async fn run(mut self, drain: CancellationToken, deadline: Duration) {
        let mut signals = self.bus.signals();
        let mut renew = interval(Duration::from_millis(LEASE_RENEW_MS));
        let mut look = interval(LOOK_EVERY);
        for timer in [&mut renew, &mut look] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        self.claim(self.alone).await;
        loop {
            tokio::select! {
                () = drain.cancelled() => break,
                wake = signals.wake() => self.on_wake(wake).await,
                _ = renew.tick() => self.renew().await,
                _ = look.tick() => self.claim(false).await,
                () = self.ended.notified() => self.claim(false).await,
                Some(driven) = self.drivers.join_next(), if !self.drivers.is_empty() => {
                    self.on_driven(driven.ok()).await;
                }
            }
        }
        self.drain(deadline, &mut *signals).await;
    }

    async fn on_wake(&mut self, wake: Wake) {
        match wake {
            Wake::Signal(Signal::RunQueued) => self.claim(false).await,
            Wake::Signal(Signal::RunCancelled { run_id }) => self.cancel(run_id),
            Wake::Lagged | Wake::Signal(Signal::Recheck { .. }) => {
                self.renew().await;
                self.claim(false).await;
            }
            Wake::Feed | Wake::Signal(_) => {}
        }
    }

    fn cancel(&self, run_id: RunId) {
        if let Some(active) = self.active.get(&run_id) {
            active.stop.cancel.cancel();
        }
    }

    async fn claim(&mut self, recover: bool) {
        // After a pause the own runs' leases may be over: they are renewed, not taken over.
        if self.renewed.elapsed() > Duration::from_millis(2 * LEASE_RENEW_MS) {
            self.renew().await;
        }
        let free = RUNS_PER_NODE.saturating_sub(self.active.len());
        if free == 0 {
            return;
        }
        let claimed_at = Instant::now();
        let max = i64::try_from(free).unwrap_or(i64::MAX);
        match self
            .deps
            .store
            .claim(self.node, self.deps.clock.now(), max, recover)
            .await
        {
            Ok(runs) => {
                for run in runs {
                    failpoints::reached("after_claim");
                    self.start(run, claimed_at);
                }
            }
            Err(error) => tracing::warn!(%error, "runs could not be claimed"),
        }
    }

    fn start(&mut self, run: Run, claimed_at: Instant) {
        let fence = Fence {
            run_id: run.run_id,
            fence: run.fence,
        };
        let stop = Stop {
            ended: Arc::clone(&self.ended),
            ..Stop::default()
        };
        let active = Active {
            fence: run.fence,
            stop: stop.clone(),
        };
        if let Some(old) = self.active.insert(run.run_id, active) {
            // The same run with a newer fence: the old driver can write nothing any more.
            old.stop.lost.cancel();
        }
        let deps = self.deps.clone();
        self.drivers.spawn(async move {
            let driven = AssertUnwindSafe(drive(deps, run, claimed_at, stop))
                .catch_unwind()
                .await;
            Driven {
                fence,
                broken: !matches!(driven, Ok(Ok(()))),
            }
        });
    }

    async fn on_driven(&mut self, driven: Option<Driven>) {
        let Some(Driven { fence, broken }) = driven else {
            return;
        };
        if broken {
            self.give_up(fence).await;
        }
        self.forget(fence);
        // A place is free, and the conversation may hold another run.
        self.claim(false).await;
    }

    /// A run that was claimed again in the meantime stays.
    fn forget(&mut self, fence: Fence) {
        if self
            .active
            .get(&fence.run_id)
            .is_some_and(|active| active.fence == fence.fence)
        {
            self.active.remove(&fence.run_id);
        }
    }

    /// A defect of ours ends the run visibly instead of leaving it hanging.
    async fn give_up(&mut self, fence: Fence) {
        tracing::error!(run_id = %fence.run_id, "the driver of a run broke down");
        let finish = Finish {
            state: RunState::Failed,
            message_status: MessageStatus::Failed,
            text: None,
            reasoning: None,
            usage: Usage::default(),
            error: Some(RunError {
                code: "internal".to_owned(),
                detail: "The server made an error while working on this answer. Try again; the \
                         log says more."
                    .to_owned(),
                retryable: true,
            }),
            additional_data: serde_json::json!({}),
            now: self.deps.clock.now(),
        };
        match self.deps.store.finish(fence, finish).await {
            Ok(()) | Err(StoreError::FenceLost | StoreError::NotFound) => {}
            Err(error) => {
                tracing::error!(run_id = %fence.run_id, %error, "a broken run could not be ended");
                self.broken.push(fence);
            }
        }
    }

    async fn renew(&mut self) {
        for fence in std::mem::take(&mut self.broken) {
            self.give_up(fence).await;
        }
        let sent = Instant::now();
        // A run that could not be ended keeps its lease: taken over, it would buy its answers again.
        let broken = self.broken.iter().map(|fence| fence.run_id);
        let held: Vec<RunId> = self.active.keys().copied().chain(broken).collect();
        if held.is_empty() {
            self.renewed = sent;
            return;
        }
        match self
            .deps
            .store
            .renew(self.node, held, self.deps.clock.now())
            .await
        {
            Ok(renewal) => {
                self.renewed = sent;
                // First those that are lost: a renewed lease is not theirs.
                for (run_id, active) in &self.active {
                    // A run that is just ending is not renewed either; its driver needs no word.
                    if !renewal.kept.contains(run_id) {
                        active.stop.lost.cancel();
                    }
                }
                self.deps.lease.renewed_at(sent);
                for run_id in renewal.cancel_requested {
                    self.cancel(run_id);
                }
            }
            Err(error) => tracing::warn!(%error, "leases could not be renewed"),
        }
    }

    async fn drain(&mut self, deadline: Duration, signals: &mut dyn domain::Subscription) {
        let until = Instant::now() + deadline;
        for active in self.active.values() {
            active.stop.draining.cancel();
        }
        let mut renew = interval(Duration::from_millis(LEASE_RENEW_MS));
        while !self.drivers.is_empty() {
            tokio::select! {
                Some(driven) = self.drivers.join_next() => {
                    if let Ok(driven) = driven {
                        if driven.broken {
                            self.give_up(driven.fence).await;
                        }
                        self.forget(driven.fence);
                    }
                }
                wake = signals.wake() => {
                    if let Wake::Signal(Signal::RunCancelled { run_id }) = wake {
                        self.cancel(run_id);
                    }
                }
                _ = renew.tick() => self.renew().await,
                () = tokio::time::sleep_until(until) => break,
            }
        }
        for active in self.active.values() {
            active.stop.hand_back.cancel();
        }
        while self.drivers.join_next().await.is_some() {}
    }
}
