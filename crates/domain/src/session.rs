//! Logins. A session is one family of refresh tokens; its token number `n` is
//! `HMAC(server key, session id, n)`, so nothing that the database holds can be replayed.

use crate::{SessionId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub session_id: SessionId,
    pub user_id: UserId,
    /// Number of the newest refresh token that was given out.
    pub generation: i64,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Answer to a refresh token with a valid signature.
///
/// With `g` the stored generation: token `g` makes `g + 1`; `g - 1` (its successor was never used:
/// a race, a lost reply, a kill in between) answers `g` again; `g - 2` within
/// [`crate::limits::REFRESH_GRACE_MS`] of the last rotation answers `g - 1`; anything older is a
/// replay and deletes the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// Give out the token of this generation.
    Issued { session: Session, generation: i64 },
    /// A stolen or very old token: the session has been deleted.
    Replayed { user_id: UserId },
    /// No live session (ended, expired, its user disabled or deleted).
    Gone,
}
