//! Time and ids that a test decides.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::{Clock, Ids, Timestamp};
use uuid::Uuid;

use crate::Dice;

/// Stands still until told otherwise. Clones share the time.
#[derive(Clone)]
pub struct FakeClock(Arc<AtomicI64>);

impl Default for FakeClock {
    /// 2026-01-01T00:00:00Z
    fn default() -> Self {
        Self::at(Timestamp(1_767_225_600_000))
    }
}

impl FakeClock {
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    pub fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// `00000000-0000-7000-8000-000000000001`, `…2`, …: the same in every run. Clones share the count.
#[derive(Clone, Default)]
pub struct SeqIds(Arc<AtomicU64>);

impl SeqIds {
    /// Starts behind `first`: for suites that share a database.
    #[must_use]
    pub fn after(first: u64) -> Self {
        Self(Arc::new(AtomicU64::new(first)))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Ids for SeqIds {
    fn uuid(&self) -> Uuid {
        const VERSION_7: u128 = 0x7000_8000 << 48;
        Uuid::from_u128(VERSION_7 | u128::from(self.next()))
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

/// The machine's clock, for servers whose leases and logins must really run out.
pub struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(i64::try_from(since.unwrap().as_millis()).unwrap())
    }
}

/// Ids as in production, but of a seeded generator's bytes.
pub struct RandomIds(Mutex<Dice>);

impl Default for RandomIds {
    fn default() -> Self {
        Self(Mutex::new(Dice::new(Dice::seed())))
    }
}

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(WallClock.now().0).unwrap();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&dice.throw().to_be_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_7_in_order() {
        let ids = SeqIds::default();
        let first = ids.uuid();
        assert_eq!(first.to_string(), "00000000-0000-7000-8000-000000000001");
        assert_eq!(first.get_version_num(), 7);
        assert!(first < ids.uuid());
    }

    #[test]
    fn the_clock_stands_still() {
        let clock = FakeClock::default();
        let twin = clock.clone();
        let before = clock.now();
        twin.advance_millis(5);
        assert_eq!(clock.now(), before.plus_millis(5));
    }
}
