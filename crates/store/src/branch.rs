//! Walks along a branch: pages of the active one, the history of a run. The order is that of the
//! walk, never of ids: a message that waited in the queue is older than those before it.

use std::collections::HashMap;

use domain::message::{MessagePage, Window};
use domain::{ConversationId, Message, MessageId, StoreError, StoreResult, UserId};

use crate::feed;
use crate::messages::{self, owned};
use crate::runs::queue;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    /// From a message upwards, at most so many; touches nothing else of the conversation.
    UPWARDS {
        "WITH RECURSIVE path (id, parent_id, depth) AS (\
         SELECT m.id, m.parent_id, CAST(1 AS " either("INTEGER", "BIGINT") ") \
         FROM conversation_messages m WHERE m.id = $1 AND $2 > 0 \
         UNION ALL SELECT m.id, m.parent_id, p.depth + 1 FROM path p \
         JOIN conversation_messages m ON m.id = p.parent_id WHERE p.depth < $2) \
         SELECT id FROM path ORDER BY depth DESC"
    }
    /// From the head up to a message, or to the root where it is not on the way. Answers where the
    /// walk ended and up to so many after it.
    DOWN_TO {
        "WITH RECURSIVE path (id, parent_id, depth) AS (\
         SELECT m.id, m.parent_id, CAST(1 AS " either("INTEGER", "BIGINT") ") \
         FROM conversation_messages m WHERE m.id = $1 \
         UNION ALL SELECT m.id, m.parent_id, p.depth + 1 FROM path p \
         JOIN conversation_messages m ON m.id = p.parent_id WHERE p.id <> $2) \
         SELECT id FROM path ORDER BY depth DESC LIMIT $3"
    }
    /// The newest that fit into so many bytes together, the leaf in any case.
    HISTORY {
        "WITH RECURSIVE path (id, parent_id, total, depth) AS (\
         SELECT m.id, m.parent_id, CAST(octet_length(m.content) AS " either("INTEGER", "BIGINT") "), \
         CAST(1 AS " either("INTEGER", "BIGINT") ") FROM conversation_messages m WHERE m.id = $1 \
         UNION ALL SELECT m.id, m.parent_id, p.total + octet_length(m.content), p.depth + 1 \
         FROM path p JOIN conversation_messages m ON m.id = p.parent_id \
         WHERE p.total + octet_length(m.content) <= $2) \
         SELECT id FROM path ORDER BY depth DESC"
    }
    /// The nearest message of the user above.
    QUESTION_ABOVE {
        "WITH RECURSIVE path (id, parent_id, message_type) AS (\
         SELECT m.id, m.parent_id, m.message_type FROM conversation_messages m WHERE m.id = $1 \
         UNION ALL SELECT m.id, m.parent_id, m.message_type FROM path p \
         JOIN conversation_messages m ON m.id = p.parent_id \
         WHERE p.message_type <> 'user_input') \
         SELECT id FROM path WHERE message_type = 'user_input'"
    }
}

async fn upwards(tx: &mut Tx, from: MessageId, limit: i64) -> StoreResult<Vec<i64>> {
    tx.all(UPWARDS, args![from, limit])
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

/// Up to `limit` messages of the active branch behind `target`; `NotFound` when it is not on it.
async fn behind(
    tx: &mut Tx,
    head: Option<MessageId>,
    target: MessageId,
    limit: i64,
) -> StoreResult<Vec<i64>> {
    let head = head.ok_or(StoreError::NotFound)?;
    let rows = tx
        .all(DOWN_TO, args![head, target, limit.saturating_add(1)])
        .await?;
    let ids = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<StoreResult<Vec<i64>>>()?;
    match ids.split_first() {
        Some((first, rest)) if *first == target.0 => Ok(rest.to_vec()),
        _ => Err(StoreError::NotFound),
    }
}

fn size(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(0)
}

/// The last `limit` of ids in ascending order, and whether there were more.
fn last(mut ids: Vec<i64>, limit: i64) -> (Vec<i64>, bool) {
    let cut = ids.len().saturating_sub(size(limit));
    (ids.split_off(cut), cut > 0)
}

fn first(mut ids: Vec<i64>, limit: i64) -> (Vec<i64>, bool) {
    let more = ids.len() > size(limit);
    ids.truncate(size(limit));
    (ids, more)
}

/// The last `limit` of the branch, and whether there are more.
async fn newest(tx: &mut Tx, head: Option<MessageId>, limit: i64) -> StoreResult<(Vec<i64>, bool)> {
    let found = match head {
        Some(head) => upwards(tx, head, limit + 1).await?,
        None => Vec::new(),
    };
    Ok(last(found, limit))
}

async fn around(
    tx: &mut Tx,
    head: Option<MessageId>,
    target: MessageId,
    limit: i64,
) -> StoreResult<(Vec<i64>, bool, bool)> {
    let after = behind(tx, head, target, limit).await?;
    let mut before = upwards(tx, target, limit + 1).await?;
    before.pop();
    // Half behind it, the rest before it; what one side lacks goes to the other.
    let room = limit - 1;
    let lengths = (i64::try_from(before.len()), i64::try_from(after.len()));
    let (before_len, after_len) = (lengths.0.unwrap_or(room), lengths.1.unwrap_or(room));
    let n_before = before_len.min(room - after_len.min(room / 2));
    let n_after = after_len.min(room - n_before);
    let (mut ids, has_before) = last(before, n_before);
    let (after, has_after) = first(after, n_after);
    ids.push(target.0);
    ids.extend(after);
    Ok((ids, has_before, has_after))
}

/// The messages in the order of their ids here.
async fn in_order(tx: &mut Tx, user_id: UserId, ids: Vec<i64>) -> StoreResult<Vec<Message>> {
    let places: HashMap<i64, usize> = ids.iter().copied().zip(0..).collect();
    let mut messages = messages::several(tx, user_id, ids).await?;
    messages.sort_by_key(|message| places.get(&message.id.0).copied());
    Ok(messages)
}

pub(crate) async fn page(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
    window: Window,
    limit: i64,
) -> StoreResult<MessagePage> {
    let limit = limit.clamp(1, 200);
    let head = owned(tx, user_id, id).await?;
    let queue = queue::messages(tx, id).await?;
    let (ids, has_before, has_after) = match window {
        Window::Before(target) if queue.contains(&target.0) => {
            let (ids, has_before) = newest(tx, head, limit).await?;
            (ids, has_before, true)
        }
        Window::After(target) if queue.contains(&target.0) => {
            let after = queue.into_iter().filter(|id| *id > target.0).collect();
            let (ids, has_after) = first(after, limit);
            (ids, true, has_after)
        }
        Window::Around(target) if !queue.contains(&target.0) => {
            around(tx, head, target, limit).await?
        }
        Window::Latest | Window::Around(_) => {
            let (mut ids, has_before) = newest(tx, head, limit).await?;
            ids.extend(queue);
            (ids, has_before, false)
        }
        Window::Before(target) => {
            behind(tx, head, target, 0).await?;
            let mut found = upwards(tx, target, limit + 2).await?;
            found.pop();
            let (ids, has_before) = last(found, limit);
            (ids, has_before, true)
        }
        Window::After(target) => {
            let (ids, has_after) = first(behind(tx, head, target, limit + 1).await?, limit);
            (ids, true, has_after)
        }
    };
    let messages = in_order(tx, user_id, ids).await?;
    let cursor = feed::end(tx, user_id).await?;
    Ok(MessagePage {
        messages,
        has_before,
        has_after,
        cursor,
    })
}

pub(crate) async fn history(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    leaf: MessageId,
    max_bytes: i64,
) -> StoreResult<(Vec<Message>, bool)> {
    messages::of_conversation(tx, user_id, conversation_id, leaf).await?;
    let rows = tx.all(HISTORY, args![leaf, max_bytes]).await?;
    let ids = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<StoreResult<Vec<i64>>>()?;
    let messages = in_order(tx, user_id, ids).await?;
    let cut = messages
        .first()
        .is_some_and(|oldest| oldest.parent_id.is_some());
    Ok((messages, cut))
}

/// The user's message that an answer belongs to.
pub(crate) async fn question(tx: &mut Tx, answer: MessageId) -> StoreResult<MessageId> {
    Ok(MessageId(
        tx.one(QUESTION_ABOVE, args![answer]).await?.get("id")?,
    ))
}
