//! How many sockets each user has open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::UserId;

use crate::limits::SOCKETS_PER_USER;

type Open = Arc<Mutex<HashMap<UserId, usize>>>;

#[derive(Default)]
pub(crate) struct SocketCounts(Open);

/// One counted socket; gives its place back when dropped.
pub(crate) struct SocketGuard {
    open: Open,
    user_id: UserId,
}

impl SocketCounts {
    /// `None`: the user has as many as allowed.
    pub(crate) fn enter(&self, user_id: UserId) -> Option<SocketGuard> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user_id).or_insert(0);
        if *count >= SOCKETS_PER_USER {
            return None;
        }
        *count += 1;
        metrics::gauge!("rejoinder_sockets_open").increment(1.0);
        Some(SocketGuard {
            open: Arc::clone(&self.0),
            user_id,
        })
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user_id);
            }
        }
        metrics::gauge!("rejoinder_sockets_open").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let counts = SocketCounts::default();
        let mut guards: Vec<_> = (0..SOCKETS_PER_USER)
            .map(|_| counts.enter(UserId(1)).unwrap())
            .collect();
        assert!(counts.enter(UserId(1)).is_none());
        assert!(counts.enter(UserId(2)).is_some());
        guards.pop();
        assert!(counts.enter(UserId(1)).is_some());
        drop(guards);
        assert!(counts.0.lock().unwrap().is_empty());
    }
}
