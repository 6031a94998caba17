//! Time and randomness of the real world: the one place that asks for them.

use std::time::UNIX_EPOCH;

use domain::{Clock, Ids, Timestamp};
use rand::TryRngCore;
use uuid::Uuid;

pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn fill(&self, bytes: &mut [u8]) {
        fill(bytes);
    }
}

/// Bytes from the operating system.
pub fn fill(bytes: &mut [u8]) {
    if let Err(error) = rand::rngs::OsRng.try_fill_bytes(bytes) {
        // Going on with predictable tickets and keys would be worse than stopping.
        panic!("the operating system gave no random bytes: {error}");
    }
}
