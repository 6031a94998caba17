//! Logins and the rotation of their refresh tokens.

use async_trait::async_trait;
use domain::limits::{REFRESH_GRACE_MS, SESSION_MS};
use domain::store::SessionStore;
use domain::{Rotation, Session, SessionId, StoreError, StoreResult, Timestamp, User, UserId};

use crate::SqlStore;
use crate::db::{read, tx};
use crate::sql::statements;
use crate::tx::Tx;
use crate::users;
use crate::value::{Row, args};

macro_rules! columns {
    () => {
        "s.session_id, s.user_id, s.generation, s.user_agent, s.created_at AS session_created_at, \
         s.last_used_at, s.rotated_at, s.expires_at"
    };
}

statements! {
    /// Waits for a change of it, which ends the sessions in the same transaction.
    PASSWORD_FOR_LOGIN {
        "SELECT password_hash FROM users WHERE id = $1 AND disabled = FALSE" lock
    }
    INSERT_SESSION {
        "INSERT INTO sessions (session_id, user_id, generation, user_agent, created_at, \
         last_used_at, rotated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)"
    }
    LIVE_SESSION {
        "SELECT " columns!() ", u.id, u.email, u.full_name, u.role, u.disabled, u.created_at \
         FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.session_id = $1 AND s.user_id = $2 AND s.expires_at > $3 AND u.disabled = FALSE"
    }
    SESSION_FOR_UPDATE {
        "SELECT " columns!() " FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.session_id = $1 AND s.expires_at > $2 AND u.disabled = FALSE" lock of s
    }
    ROTATE_SESSION {
        "UPDATE sessions SET generation = $2, rotated_at = $3, last_used_at = $4, \
         expires_at = $5 WHERE session_id = $1"
    }
    SESSIONS_OF_USER {
        "SELECT " columns!() " FROM sessions s WHERE s.user_id = $1 AND s.expires_at > $2 \
         ORDER BY s.last_used_at DESC, s.session_id DESC"
    }
    END_SESSION { "DELETE FROM sessions WHERE session_id = $1 AND user_id = $2" }
    END_SESSIONS {
        "DELETE FROM sessions WHERE user_id = $1 \
         AND (CAST($2 AS " either("BLOB", "UUID") ") IS NULL OR session_id <> $2)"
    }
}

fn session(row: &Row) -> StoreResult<Session> {
    Ok(Session {
        session_id: SessionId(row.get("session_id")?),
        user_id: UserId(row.get("user_id")?),
        generation: row.get("generation")?,
        user_agent: row.get("user_agent")?,
        created_at: row.time("session_created_at")?,
        last_used_at: row.time("last_used_at")?,
        expires_at: row.time("expires_at")?,
    })
}

/// Holds the account until the commit. `NotFound` where its password is another one by now, or it was
/// disabled or deleted.
pub(crate) async fn still_has_password(
    tx: &mut Tx,
    user_id: UserId,
    password_hash: &str,
) -> StoreResult<()> {
    let row = tx.one(PASSWORD_FOR_LOGIN, args![user_id]).await?;
    if row.get::<String>("password_hash")? == password_hash {
        Ok(())
    } else {
        Err(StoreError::NotFound)
    }
}

async fn create(tx: &mut Tx, new: Session, password_hash: String) -> StoreResult<()> {
    still_has_password(tx, new.user_id, &password_hash).await?;
    let args = args![
        new.session_id,
        new.user_id,
        new.generation,
        new.user_agent,
        new.created_at,
        new.last_used_at,
        new.expires_at,
    ];
    tx.run(INSERT_SESSION, args).await.map(|_| ())
}

async fn live(
    tx: &mut Tx,
    user_id: UserId,
    session_id: SessionId,
    now: Timestamp,
) -> StoreResult<Option<(Session, User)>> {
    tx.maybe(LIVE_SESSION, args![session_id, user_id, now])
        .await?
        .map(|row| Ok((session(&row)?, users::user(&row)?)))
        .transpose()
}

async fn rotate(
    tx: &mut Tx,
    session_id: SessionId,
    presented: i64,
    now: Timestamp,
) -> StoreResult<Rotation> {
    let Some(row) = tx.maybe(SESSION_FOR_UPDATE, args![session_id, now]).await? else {
        return Ok(Rotation::Gone);
    };
    let before = session(&row)?;
    let rotated_at = row.time("rotated_at")?;
    let stored = before.generation;
    let (generation, rotated_at, issued) = match stored.saturating_sub(presented) {
        0 => (stored + 1, now, stored + 1),
        1 => (stored, rotated_at, stored),
        2 if now.since(rotated_at) <= REFRESH_GRACE_MS => (stored, rotated_at, stored - 1),
        // Newer than anything we gave out: the database was restored from an older copy.
        behind if behind < 0 => return Ok(Rotation::Gone),
        _ => {
            tx.run(END_SESSION, args![session_id, before.user_id])
                .await?;
            return Ok(Rotation::Replayed {
                user_id: before.user_id,
            });
        }
    };
    let expires_at = now.plus_millis(SESSION_MS);
    tx.run(
        ROTATE_SESSION,
        args![session_id, generation, rotated_at, now, expires_at],
    )
    .await?;
    let session = Session {
        generation,
        last_used_at: now,
        expires_at,
        ..before
    };
    Ok(Rotation::Issued {
        session,
        generation: issued,
    })
}

async fn list(tx: &mut Tx, user_id: UserId, now: Timestamp) -> StoreResult<Vec<Session>> {
    tx.all(SESSIONS_OF_USER, args![user_id, now])
        .await?
        .iter()
        .map(session)
        .collect()
}

async fn end(tx: &mut Tx, user_id: UserId, session_id: SessionId) -> StoreResult<()> {
    match tx.run(END_SESSION, args![session_id, user_id]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

pub(crate) async fn end_all(
    tx: &mut Tx,
    user_id: UserId,
    except: Option<SessionId>,
) -> StoreResult<u64> {
    tx.run(END_SESSIONS, args![user_id, except]).await
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn create_session(&self, session: Session, password_hash: String) -> StoreResult<()> {
        tx!(self, create, session, password_hash)
    }

    async fn live_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> StoreResult<Option<(Session, User)>> {
        read!(self, live, user_id, session_id, now)
    }

    async fn rotate_session(
        &self,
        session_id: SessionId,
        presented: i64,
        now: Timestamp,
    ) -> StoreResult<Rotation> {
        tx!(self, rotate, session_id, presented, now)
    }

    async fn sessions(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<Session>> {
        read!(self, list, user_id, now)
    }

    async fn end_session(&self, user_id: UserId, session_id: SessionId) -> StoreResult<()> {
        tx!(self, end, user_id, session_id)
    }

    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> StoreResult<u64> {
        tx!(self, end_all, user_id, except)
    }
}
