//! One-use keys to a WebSocket, since browsers can't send headers with one and a token in a URL
//! ends up in logs. In memory: a ticket is good for half a minute on the node that made it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Ids, Timestamp};
use sha2::{Digest, Sha256};

use super::jwt::Access;
use crate::limits::{TICKET_MS, TICKETS_PER_USER};

const PREFIX: &str = "rjt_";

struct Ticket {
    access: Access,
    ends_at: Timestamp,
}

#[derive(Default)]
pub struct Tickets {
    /// By hash, so that looking one up takes no longer for a nearly right one.
    waiting: Mutex<HashMap<[u8; 32], Ticket>>,
}

impl Tickets {
    /// `None` when the user has too many unused ones.
    pub fn issue(&self, access: Access, ids: &dyn Ids, now: Timestamp) -> Option<String> {
        let mut bytes = [0; 32];
        ids.fill(&mut bytes);
        let ticket = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, ticket| ticket.ends_at > now);
        let mine = waiting
            .values()
            .filter(|t| t.access.user_id == access.user_id)
            .count();
        if mine >= TICKETS_PER_USER {
            return None;
        }
        waiting.insert(
            hash(&ticket),
            Ticket {
                access,
                ends_at: now.plus_millis(TICKET_MS),
            },
        );
        Some(ticket)
    }

    /// Uses the ticket up.
    pub fn redeem(&self, ticket: &str, now: Timestamp) -> Option<Access> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = waiting.remove(&hash(ticket))?;
        (ticket.ends_at > now).then_some(ticket.access)
    }
}

/// Whether this text means to be a ticket rather than a token.
pub fn is_ticket(text: &str) -> bool {
    text.starts_with(PREFIX)
}

fn hash(ticket: &str) -> [u8; 32] {
    Sha256::digest(ticket.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use domain::{SessionId, UserId};
    use uuid::Uuid;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Ids for Counting {
        fn uuid(&self) -> Uuid {
            Uuid::nil()
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn access() -> Access {
        Access {
            user_id: UserId(1),
            session_id: SessionId(Uuid::nil()),
            expires_at: Timestamp(600_000),
        }
    }

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets
            .issue(access(), &Counting::default(), Timestamp(0))
            .unwrap();
        assert!(is_ticket(&ticket));
        assert_eq!(tickets.redeem(&ticket, Timestamp(29_999)), Some(access()));
        assert_eq!(tickets.redeem(&ticket, Timestamp(29_999)), None);
    }

    #[test]
    fn a_ticket_is_good_for_thirty_seconds() {
        let tickets = Tickets::default();
        let ticket = tickets
            .issue(access(), &Counting::default(), Timestamp(0))
            .unwrap();
        assert_eq!(tickets.redeem(&ticket, Timestamp(30_000)), None);
        assert_eq!(tickets.redeem("rjt_made-up", Timestamp(0)), None);
    }

    #[test]
    fn unused_tickets_are_limited_and_forgotten() {
        let (tickets, ids) = (Tickets::default(), Counting::default());
        for _ in 0..TICKETS_PER_USER {
            assert!(tickets.issue(access(), &ids, Timestamp(0)).is_some());
        }
        assert_eq!(tickets.issue(access(), &ids, Timestamp(0)), None);
        assert!(tickets.issue(access(), &ids, Timestamp(30_000)).is_some());
    }
}
