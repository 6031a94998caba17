//! Samples of the two conditions, and what they say.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where everybody writes down how long something took. What comes outside of a phase is dropped.
#[derive(Clone, Default)]
pub struct Samples(Arc<Mutex<Option<Vec<Duration>>>>);

impl Samples {
    pub fn add(&self, took: Duration) {
        if let Some(samples) = self.lock().as_mut() {
            samples.push(took);
        }
    }

    /// Writes down what happens in the next `time`, and answers it in order.
    pub async fn during(&self, time: Duration) -> Phase {
        *self.lock() = Some(Vec::new());
        tokio::time::sleep(time).await;
        let mut samples = self.lock().take().unwrap_or_default();
        samples.sort_unstable();
        Phase(samples)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Duration>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sorted samples of one phase.
#[derive(Clone)]
pub struct Phase(Vec<Duration>);

impl Phase {
    /// The time within which `percent` of the samples were done (nearest rank).
    ///
    /// # Panics
    /// Without samples: nothing was measured.
    pub fn percentile(&self, percent: usize) -> Duration {
        assert!(!self.0.is_empty(), "nothing happened in a phase");
        self.0[(self.0.len() * percent).div_ceil(100).max(1) - 1]
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [50, 99, 100].map(|percent| millis(self.percentile(percent)));
        write!(
            f,
            "p50 {p50:>7.1} ms  p99 {p99:>7.1} ms  max {max:>7.1} ms  n {}",
            self.len()
        )
    }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The middle one: a phase that something else on the machine disturbed doesn't decide.
pub fn median<T: PartialOrd + Copy>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[sorted.len() / 2]
}

/// A bound, and whether it holds.
pub struct Verdict {
    text: String,
    pub kept: bool,
}

impl Verdict {
    /// `value` may be at most `bound`.
    pub fn at_most(what: &str, value: f64, bound: f64, unit: &str) -> Self {
        let kept = value <= bound;
        let word = if kept { "kept" } else { "BROKEN" };
        Self {
            text: format!("{what}: {value:.2}{unit}, at most {bound}{unit}: {word}"),
            kept,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let phase = Phase((1..=200).map(Duration::from_millis).collect());
        assert_eq!(phase.percentile(50), Duration::from_millis(100));
        assert_eq!(phase.percentile(99), Duration::from_millis(198));
        assert_eq!(phase.percentile(100), Duration::from_millis(200));
        assert_eq!(Phase(vec![Duration::ZERO]).percentile(99), Duration::ZERO);
    }

    #[test]
    fn a_bound_is_inclusive() {
        assert!(Verdict::at_most("x", 1.2, 1.2, "").kept);
        assert!(!Verdict::at_most("x", 1.21, 1.2, "").kept);
    }
}
