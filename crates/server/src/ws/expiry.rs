//! The access token of a socket grows old: it is announced once, and then ends the socket.

use std::time::Duration;

use domain::Timestamp;
use tokio::time::Instant;

use crate::limits::{AUTH_EXPIRING_MS, AUTH_GRACE_MS};

/// When the access token's end is announced, and when it ends the socket.
pub(super) struct Expiry {
    announce_at: Timestamp,
    close_at: Timestamp,
    announced: bool,
    /// When to look at the clock next.
    pub(super) wake_at: Instant,
}

/// What the access token's age asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Announcement,
    Close,
}

impl Expiry {
    pub(super) fn new(expires_at: Timestamp, now: Timestamp) -> Self {
        let mut expiry = Self {
            announce_at: expires_at.plus_millis(-AUTH_EXPIRING_MS),
            close_at: expires_at.plus_millis(AUTH_GRACE_MS),
            announced: false,
            wake_at: Instant::now(),
        };
        expiry.set_timer(now);
        expiry
    }

    fn set_timer(&mut self, now: Timestamp) {
        let next = if self.announced {
            self.close_at
        } else {
            self.announce_at
        };
        let left = u64::try_from(next.since(now)).unwrap_or(0);
        // A clock that stands or goes back must not make a busy loop.
        self.wake_at = Instant::now() + Duration::from_millis(left.max(100));
    }

    pub(super) fn due(&mut self, now: Timestamp) -> Due {
        let due = if now >= self.close_at {
            Due::Close
        } else if now >= self.announce_at && !self.announced {
            self.announced = true;
            Due::Announcement
        } else {
            Due::Nothing
        };
        self.set_timer(now);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_announced_once_and_then_ends_the_socket() {
        let end = Timestamp(1_000_000);
        let mut expiry = Expiry::new(end, Timestamp(0));
        assert_eq!(
            expiry.wake_at - Instant::now(),
            Duration::from_millis(940_000)
        );
        assert_eq!(expiry.due(end.plus_millis(-60_001)), Due::Nothing);
        assert_eq!(expiry.due(end.plus_millis(-60_000)), Due::Announcement);
        assert_eq!(
            expiry.wake_at - Instant::now(),
            Duration::from_millis(120_000)
        );
        assert_eq!(expiry.due(end), Due::Nothing);
        assert_eq!(expiry.due(end.plus_millis(60_000)), Due::Close);
    }
}
