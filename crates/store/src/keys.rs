//! Keys under which a write may be repeated: one namespace per user.

use domain::limits::IDEMPOTENCY_KEPT_MS;
use domain::sabotage::{Mechanism, sabotaged};
use domain::store::IdempotencyKey;
use domain::{StoreError, StoreResult, Timestamp, UserId};
use uuid::Uuid;

use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    /// Waits for a concurrent write with the same key; takes a key over that is past its time.
    TAKE_KEY {
        "INSERT INTO idempotency_keys (user_id, key, body_hash, made_id, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, key) DO UPDATE \
         SET body_hash = excluded.body_hash, made_id = excluded.made_id, \
         created_at = excluded.created_at \
         WHERE idempotency_keys.created_at < $6 RETURNING made_id"
    }
    SET_MADE { "UPDATE idempotency_keys SET made_id = $3 WHERE user_id = $1 AND key = $2" }
    /// What a conversation's sends, one run's, or a todo were asked for with: the hash of a short text
    /// tells the text.
    FORGET {
        "UPDATE idempotency_keys SET body_hash = '' WHERE user_id = $1 AND (made_id = $2 \
         OR made_id IN (SELECT run_id FROM runs WHERE conversation_id = $2))"
    }
    KEY { "SELECT body_hash, made_id FROM idempotency_keys WHERE user_id = $1 AND key = $2" }
}

/// Binds the key to what this transaction is about to make; or answers what it made before. The
/// hash says what kind of thing that is, since it covers the request with its route.
pub(crate) async fn take(
    tx: &mut Tx,
    user_id: UserId,
    key: &IdempotencyKey,
    made: Uuid,
    now: Timestamp,
) -> StoreResult<Option<Uuid>> {
    if sabotaged(Mechanism::Dedupe) {
        return Ok(None);
    }
    let oldest = now.plus_millis(-IDEMPOTENCY_KEPT_MS);
    let args = args![user_id, &key.key, &key.body_hash, made, now, oldest];
    if tx.maybe(TAKE_KEY, args).await?.is_some() {
        return Ok(None);
    }
    let row = tx.one(KEY, args![user_id, &key.key]).await?;
    let known = row.get::<String>("body_hash")?;
    // Of what was deleted only the key is known, and that it is gone.
    if !known.is_empty() && known != key.body_hash {
        return Err(StoreError::KeyReused);
    }
    row.get("made_id").map(Some)
}

/// For what has its id from the database, and so only after it was made; taken with
/// [`Uuid::nil`] in the same transaction.
pub(crate) async fn made(
    tx: &mut Tx,
    user_id: UserId,
    key: &IdempotencyKey,
    id: i64,
) -> StoreResult<()> {
    let args = args![user_id, &key.key, of_row(id)];
    tx.run(SET_MADE, args).await.map(|_| ())
}

/// What a key keeps of a row that has its id from the database.
pub(crate) const fn of_row(id: i64) -> Uuid {
    Uuid::from_u64_pair(0, id.cast_unsigned())
}

/// The id that [`of_row`] was given.
pub(crate) fn row_id(made: Uuid) -> i64 {
    made.as_u64_pair().1.cast_signed()
}

/// The conversation, run or row is about to be deleted: nothing of its content stays behind.
pub(crate) async fn forget(tx: &mut Tx, user_id: UserId, made: Uuid) -> StoreResult<()> {
    tx.run(FORGET, args![user_id, made]).await.map(|_| ())
}

/// What a key made and is no longer there was deleted.
pub(crate) fn or_gone<T>(found: StoreResult<T>) -> StoreResult<T> {
    match found {
        Err(StoreError::NotFound) => Err(StoreError::Gone),
        found => found,
    }
}
