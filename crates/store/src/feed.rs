//! The feed: numbering, storing and reading of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::event::FeedPage;
use domain::limits::FEED_PAGE_BYTES;
use domain::store::FeedStore;
use domain::{
    ConversationId, Cursor, Event, EventBody, MessageId, RunId, StoreError, StoreResult, UserId,
};
use serde_json::{Value as Json, json};

use crate::SqlStore;
use crate::db::{read, snapshot};
use crate::sql::statements;
use crate::tx::{Events, NewEvent, Tx};
use crate::value::{Row, args, ints};

statements! {
    /// Users in ascending order: the order in which feeds are locked.
    LOCK_FEEDS {
        "SELECT user_id FROM feeds WHERE user_id IN " ints("$1") " ORDER BY user_id" lock
    }
    TAKE_NUMBERS {
        "UPDATE feeds SET next_seq = feeds.next_seq + wanted.n FROM "
        either(
            "(SELECT value ->> 'user_id' AS user_id, value ->> 'n' AS n FROM json_each($1)) AS wanted",
            "jsonb_to_recordset($1::JSONB) AS wanted (user_id BIGINT, n BIGINT)"
        )
        " WHERE feeds.user_id = wanted.user_id \
         RETURNING feeds.user_id AS user_id, feeds.epoch AS epoch, feeds.next_seq AS next_seq"
    }
    INSERT_EVENTS {
        "INSERT INTO events (user_id, seq, kind, conversation_id, run_id, message_id, body, created_at) "
        either(
            "SELECT value ->> 'user_id', value ->> 'seq', value ->> 'kind', \
             unhex(value ->> 'conversation_id'), unhex(value ->> 'run_id'), value ->> 'message_id', \
             value -> 'body', value ->> 'created_at' FROM json_each($1)",
            "SELECT user_id, seq, kind, conversation_id, run_id, message_id, body, created_at \
             FROM jsonb_to_recordset($1::JSONB) AS e (user_id BIGINT, seq BIGINT, kind TEXT, \
             conversation_id UUID, run_id UUID, message_id BIGINT, body JSONB, created_at BIGINT)"
        )
    }
    FEED { "SELECT epoch, next_seq, floor_seq FROM feeds WHERE user_id = $1" }
    /// As many as are asked for and no more than fit, the first in any case. The first pass reads
    /// lengths only, which SQLite knows without the text.
    EVENTS_AFTER {
        "SELECT user_id, seq, kind, conversation_id, run_id, body, created_at FROM events \
         WHERE user_id = $1 AND seq > $2 AND seq <= \
         (SELECT MAX(seq) FROM \
         (SELECT seq, bytes, SUM(bytes) OVER (ORDER BY seq) AS total FROM \
         (SELECT seq, " either("octet_length(body)", "octet_length(body::TEXT)") " AS bytes FROM events \
         WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS asked) AS counted \
         WHERE total <= $4 OR total = bytes) ORDER BY seq"
    }
}

/// Numbers and stores what the transaction said. Feeds are the last lock that it takes. Lines of
/// users that are gone are dropped with them.
pub(crate) async fn flush(tx: &mut Tx) -> StoreResult<Events> {
    let pending = std::mem::take(&mut tx.pending);
    if pending.is_empty() {
        return Ok(Events::new());
    }
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for event in &pending {
        *counts.entry(event.user_id.0).or_default() += 1;
    }
    if tx.is_postgres() {
        tx.all(LOCK_FEEDS, vec![ints(counts.keys().copied())])
            .await?;
    }
    let wanted: Json = counts
        .iter()
        .map(|(user_id, n)| json!({ "user_id": user_id, "n": n }))
        .collect();
    let mut next: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for row in tx.all(TAKE_NUMBERS, args![wanted]).await? {
        let user_id: i64 = row.get("user_id")?;
        let after: i64 = row.get("next_seq")?;
        let taken = counts.get(&user_id).copied().unwrap_or(0);
        next.insert(user_id, (row.get("epoch")?, after - taken));
    }
    let mut events = Events::with_capacity(pending.len());
    for NewEvent {
        user_id,
        conversation_id,
        run_id,
        body,
        created_at,
    } in pending
    {
        if let Some((epoch, seq)) = next.get_mut(&user_id.0) {
            let event = Event {
                user_id,
                epoch: *epoch,
                seq: *seq,
                conversation_id,
                run_id,
                body,
                created_at,
            };
            *seq += 1;
            events.push(Arc::new(event));
        }
    }
    let rows = events
        .iter()
        .map(|event| to_json(event))
        .collect::<StoreResult<Vec<_>>>()?;
    tx.run(INSERT_EVENTS, args![Json::Array(rows)]).await?;
    Ok(events)
}

fn to_json(event: &Event) -> StoreResult<Json> {
    let mut body = serde_json::to_value(&event.body).map_err(StoreError::internal)?;
    if let Some(object) = body.as_object_mut() {
        object.remove("kind");
    }
    Ok(json!({
        "user_id": event.user_id.0,
        "seq": event.seq,
        "kind": event.body.kind(),
        "conversation_id": event.conversation_id.map(|id| id.0.simple().to_string()),
        "run_id": event.run_id.map(|id| id.0.simple().to_string()),
        "message_id": message_of(&event.body).map(|id| id.0),
        "body": body,
        "created_at": event.created_at.0,
    }))
}

fn message_of(body: &EventBody) -> Option<MessageId> {
    match body {
        EventBody::Message { message_id }
        | EventBody::MessageDeleted { message_id }
        | EventBody::Tool { message_id, .. } => Some(*message_id),
        EventBody::Delta(delta) => Some(delta.message_id),
        EventBody::Run { message_id, .. } => *message_id,
        EventBody::Approval { .. }
        | EventBody::Conversation {}
        | EventBody::ConversationDeleted {}
        | EventBody::Todo { .. }
        | EventBody::TodoDeleted { .. } => None,
    }
}

fn from_row(row: &Row, epoch: i64) -> StoreResult<Event> {
    let mut body = row.json("body")?.unwrap_or_else(|| json!({}));
    if let Some(object) = body.as_object_mut() {
        object.insert("kind".to_owned(), Json::String(row.get("kind")?));
    }
    Ok(Event {
        user_id: UserId(row.get("user_id")?),
        epoch,
        seq: row.get("seq")?,
        conversation_id: row
            .get::<Option<uuid::Uuid>>("conversation_id")?
            .map(ConversationId),
        run_id: row.get::<Option<uuid::Uuid>>("run_id")?.map(RunId),
        body: serde_json::from_value(body).map_err(StoreError::internal)?,
        created_at: row.time("created_at")?,
    })
}

/// The end of the feed as the transaction sees it.
pub(crate) async fn end(tx: &mut Tx, user_id: UserId) -> StoreResult<Cursor> {
    let row = tx.one(FEED, args![user_id]).await?;
    Ok(Cursor {
        epoch: row.get("epoch")?,
        seq: row.get::<i64>("next_seq")? - 1,
    })
}

async fn after(tx: &mut Tx, user_id: UserId, cursor: Cursor, limit: i64) -> StoreResult<FeedPage> {
    let feed = tx.one(FEED, args![user_id]).await?;
    let epoch: i64 = feed.get("epoch")?;
    let last = Cursor {
        epoch,
        seq: feed.get::<i64>("next_seq")? - 1,
    };
    let floor: i64 = feed.get("floor_seq")?;
    if cursor.epoch != epoch || cursor.seq > last.seq || cursor.seq < floor {
        return Ok(FeedPage::Reset { cursor: last });
    }
    let wanted = args![user_id, cursor.seq, limit.max(1), FEED_PAGE_BYTES];
    let rows = tx.all(EVENTS_AFTER, wanted).await?;
    let events = rows
        .iter()
        .map(|row| from_row(row, epoch).map(Arc::new))
        .collect::<StoreResult<Vec<_>>>()?;
    // Where nothing is found there are only holes: the reader moves over them.
    let end = events.last().map_or(last, |event| event.cursor());
    let more = end.seq < last.seq;
    Ok(FeedPage::Events { events, end, more })
}

#[async_trait]
impl FeedStore for SqlStore {
    async fn feed_end(&self, user_id: UserId) -> StoreResult<Cursor> {
        read!(self, end, user_id)
    }

    async fn feed_after(
        &self,
        user_id: UserId,
        cursor: Cursor,
        limit: i64,
    ) -> StoreResult<FeedPage> {
        snapshot!(self, after, user_id, cursor, limit)
    }
}
