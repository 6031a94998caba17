//! Every limit of the server, by name, and the rate limiters.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::UserId;
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::Problem;

pub const BODY_BYTES: usize = 1024 * 1024;
/// A body must have arrived within this time.
pub const BODY_READ: Duration = Duration::from_secs(30);
pub const EMAIL_CHARS: usize = 254;
pub const NAME_CHARS: usize = 200;
pub const PASSWORD_MIN_CHARS: usize = 8;
pub const PASSWORD_MAX_CHARS: usize = 1024;
pub const USER_AGENT_CHARS: usize = 200;
pub const TAGS: usize = 20;
pub const TAG_CHARS: usize = 50;
pub const MODEL_CHARS: usize = 200;
/// SHA-256, in hex.
pub const HASH_DIGITS: usize = 64;
pub const FILTER_CHARS: usize = 200;
/// The last page that may be asked for by number; further on there are cursors.
pub const PAGES: i64 = 1_000_000;
/// Accounts in an admin's list.
pub const USERS_LISTED: i64 = 10_000;

/// Password hashes computed at once; each takes 19 MiB while it lasts.
pub const PASSWORD_HASHES: usize = 4;
/// A login that waits longer than this for its turn is told to come back.
pub const PASSWORD_WAIT: Duration = Duration::from_secs(15);

/// How long a send beyond its user's limit waits for the refusal.
pub const REFUSAL_WAITS: Duration = Duration::from_millis(500);

pub const TICKET_MS: i64 = 30_000;
/// Tickets of one user that wait to be used.
pub const TICKETS_PER_USER: usize = 100;

pub const SOCKETS_PER_USER: usize = 20;
/// UTF-8 bytes of a client's frame.
pub const FRAME_BYTES: usize = 64 * 1024;
pub const FRAMES_PER_SECOND: u32 = 30;
pub const FRAMES_BURST: u32 = 90;
/// What the socket library gathers before it writes.
pub const WS_WRITE_BUFFER: usize = 4 * 1024;
/// The socket library refuses frames beyond this. It holds one frame at a time, since a blocked
/// write is flushed before the next one begins; the largest is an answer of `ANSWER_BYTES` with its
/// reasoning, escaped as JSON.
pub const WS_MAX_WRITE_BUFFER: usize = 16 * 1024 * 1024;
/// A frame that the client doesn't take within this time ends the socket.
pub const WS_SEND: Duration = Duration::from_secs(30);
pub const WS_PING_EVERY: Duration = Duration::from_secs(30);
/// Nothing from the client, not even a pong, for this long: it is gone.
pub const WS_SILENCE: Duration = Duration::from_secs(95);
pub const AUTH_EXPIRING_MS: i64 = 60_000;
pub const AUTH_GRACE_MS: i64 = 60_000;
/// Sockets that are told to go come back spread over this time.
pub const DRAIN_SPREAD_MS: u64 = 3_000;

/// How often an open connection asks whether its login still lives. With `LAST_WORDS` after it this
/// stays below the five seconds that are promised, also where the machine is busy.
pub const SESSION_CHECK: Duration = Duration::from_secs(2);
/// How often an idle connection looks at the log although nothing woke it.
pub const FEED_POLL: Duration = Duration::from_secs(20);
/// Events read at a time by a connection.
pub const FEED_PAGE: usize = 256;
/// Rows that one rendered batch may need; a longer page is rendered in parts.
pub const RENDER_ROWS: usize = 16;
/// Bytes of rendered frames held for one reader, socket or stream; a single frame may be longer. It
/// is what a connection that takes nothing costs, so no more than keeps a fast one busy.
pub const RENDER_BYTES: usize = 16 * 1024;
/// Events read at first by a new connection; twice as many each time, as long as its client takes
/// them.
pub const FIRST_PAGE: usize = 32;
/// How often a failing read is tried again, once a second, before the connection ends.
pub const FEED_RETRIES: u32 = 30;
pub const SSE_COMMENT: Duration = Duration::from_secs(15);
/// A stop answers when its run has ended, and after this time in any case. Shorter than `GRACE`, so
/// that a server that stops has answered.
pub const STOP_WAIT: Duration = Duration::from_secs(2);
/// A waiting send asks for its run at least this often.
pub const RUN_POLL: Duration = Duration::from_secs(5);

pub const CONNECTIONS: usize = 16 * 1024;
pub const HEADER_READ: Duration = Duration::from_secs(15);
pub const HEADER_BYTES: usize = 64 * 1024;
/// A client that takes nothing at all of an answer for so long loses its connection. Longer than
/// `WS_SEND`, so that sockets and streams end by their own rule, and say why where they can.
pub const WRITE_STALL: Duration = Duration::from_secs(60);
/// Answers in progress get this long when the server stops and its runs have been seen to.
pub const GRACE: Duration = Duration::from_secs(3);
/// A connection that must end waits so long for its client to take the last words.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// Seconds until the same request would be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u64);

impl From<RetryAfter> for Problem {
    fn from(RetryAfter(seconds): RetryAfter) -> Self {
        Self::rate_limited(seconds)
    }
}

/// A limiter that forgets idle keys as it goes.
struct Keyed<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::keyed(quota),
            checks: AtomicU32::new(0),
        }
    }

    fn check(&self, key: &K) -> Result<(), RetryAfter> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % 4096 == 4095 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::DefaultClock::default().now());
            RetryAfter(wait.as_secs() + 1)
        })
    }
}

/// What may be done how often in this process.
pub struct Limiters {
    sends: Keyed<UserId>,
    password_account: Keyed<String>,
    password_peer: Keyed<IpAddr>,
}

impl Limiters {
    pub fn new(sends_per_minute: u32) -> Self {
        Self {
            sends: Keyed::new(Quota::per_minute(at_least_one(sends_per_minute))),
            password_account: Keyed::new(
                Quota::per_minute(at_least_one(20)).allow_burst(at_least_one(20)),
            ),
            password_peer: Keyed::new(
                Quota::per_second(at_least_one(2)).allow_burst(at_least_one(120)),
            ),
        }
    }

    pub fn send(&self, user: UserId) -> Result<(), RetryAfter> {
        self.sends.check(&user)
    }

    /// A password is about to be checked or stored for this address, asked by this peer.
    pub fn password(&self, email: &str, peer: IpAddr) -> Result<(), RetryAfter> {
        self.password_peer.check(&network(peer))?;
        self.password_account.check(&email.to_owned())
    }
}

/// One IPv6 subscriber usually holds a /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

/// The frames of one socket.
pub fn frame_limiter() -> DefaultDirectRateLimiter {
    RateLimiter::direct(
        Quota::per_second(at_least_one(FRAMES_PER_SECOND)).allow_burst(at_least_one(FRAMES_BURST)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_are_limited_per_user_with_a_time_to_come_back() {
        let limiters = Limiters::new(2);
        assert_eq!(limiters.send(UserId(1)), Ok(()));
        assert_eq!(limiters.send(UserId(1)), Ok(()));
        assert!(matches!(limiters.send(UserId(1)), Err(RetryAfter(1..=60))));
        assert_eq!(limiters.send(UserId(2)), Ok(()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_peer() {
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let other: IpAddr = "2001:db8::ffff:1".parse().unwrap();
        assert_eq!(network(one), network(other));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
