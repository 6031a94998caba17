//! How long this node may still believe that a run is its own, by the monotonic clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::limits::LEASE_MS;
use tokio::time::Instant;

/// A margin for the way from this check to the effect.
const MARGIN_MS: u64 = 1_000;

/// Shared by the scheduler, which renews, and the drivers, which ask before an effect leaves.
#[derive(Debug)]
pub struct Lease {
    start: Instant,
    /// Milliseconds after `start` at which the last successful renewal was *sent*.
    renewed: AtomicU64,
}

impl Default for Lease {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            renewed: AtomicU64::new(0),
        }
    }
}

impl Lease {
    pub fn renewed_at(&self, sent: Instant) {
        let millis = u64::try_from(sent.duration_since(self.start).as_millis()).unwrap_or(u64::MAX);
        self.renewed.fetch_max(millis, Ordering::Relaxed);
    }

    /// `claimed` is the time just before the run was claimed.
    #[must_use]
    pub fn holds(&self, claimed: Instant) -> bool {
        let renewed = self.start + Duration::from_millis(self.renewed.load(Ordering::Relaxed));
        let allowed = Duration::from_millis(LEASE_MS.unsigned_abs().saturating_sub(MARGIN_MS));
        Instant::now().duration_since(renewed.max(claimed)) < allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::Lease;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_nobody_renews_runs_out_before_its_time() {
        let lease = Lease::default();
        let claimed = Instant::now();
        advance(Duration::from_secs(8)).await;
        assert!(lease.holds(claimed));
        lease.renewed_at(Instant::now());
        advance(Duration::from_secs(8)).await;
        assert!(lease.holds(claimed));
        advance(Duration::from_secs(1)).await;
        assert!(!lease.holds(claimed));
    }
}
