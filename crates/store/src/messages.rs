//! Messages as they are read: rows, the text of those being written, siblings, revisions.

pub(crate) mod writing;

use std::collections::HashMap;

use domain::DeltaChannel;
use domain::message::Revision;
use domain::{
    ConversationId, Cursor, Delta, Message, MessageId, MessageStatus, MessageType, Offsets, Role,
    Run, RunId, StoreError, StoreResult, ToolSuccess, UserId,
};
use serde_json::{Map, Value as Json};

use crate::feed;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, args, ints};

pub(crate) use writing::{
    NewMessage, append, conversation_changed, said_message, set_aside, supersede, write,
};

macro_rules! columns {
    () => {
        "m.id, m.conversation_id, m.role, m.content, m.message_type, m.tool_name, m.tool_success, \
         m.timestamp, m.additional_data, m.client_message_id, m.parent_id, m.run_id, m.status, \
         m.revision"
    };
}

statements! {
    MESSAGE {
        "SELECT " columns!() " FROM conversation_messages m WHERE m.id = $1 AND m.user_id = $2"
    }
    MESSAGES_BY_ID {
        "SELECT " columns!() " FROM conversation_messages m \
         WHERE m.user_id = $1 AND m.id IN " ints("$2") " ORDER BY m.id"
    }
    MESSAGES_OF_RUN {
        "SELECT id FROM conversation_messages WHERE run_id = $1 AND user_id = $2 ORDER BY id"
    }
    /// Two halves, because an index is used for `=` and for `IS NULL`, but not for "the same or both
    /// NULL". A user's message that waits, or left the queue, has no place among them.
    SIBLINGS {
        "SELECT m.id AS id, s.id AS sibling FROM conversation_messages m \
         JOIN conversation_messages s ON s.conversation_id = m.conversation_id \
         AND s.parent_id = m.parent_id AND s.role = m.role \
         AND (s.role <> 'user' OR s.status = 'complete') WHERE m.id IN " ints("$1")
        " UNION ALL SELECT m.id AS id, s.id AS sibling FROM conversation_messages m \
         JOIN conversation_messages s ON s.conversation_id = m.conversation_id \
         AND s.parent_id IS NULL AND s.role = m.role \
         AND (s.role <> 'user' OR s.status = 'complete') \
         WHERE m.parent_id IS NULL AND m.id IN " ints("$2") " ORDER BY 1, 2"
    }
    DELTAS_OF_MESSAGE {
        "SELECT body FROM events WHERE conversation_id = $1 AND message_id = $2 AND user_id = $3 \
         AND kind = 'delta' ORDER BY seq"
    }
    OPEN_MESSAGE {
        "SELECT " columns!() " FROM conversation_messages m \
         JOIN runs r ON r.run_id = m.run_id \
         WHERE m.conversation_id = $1 AND m.user_id = $2 AND NOT r.waiting \
         AND m.status IN ('queued', 'streaming', 'awaiting_approval') ORDER BY m.id DESC LIMIT 1"
    }
    OWNED { "SELECT head_message_id FROM conversation_states WHERE conversation_id = $1 AND user_id = $2" }
    MESSAGE_OF_CONVERSATION {
        "SELECT " columns!() " FROM conversation_messages m \
         WHERE m.id = $1 AND m.conversation_id = $2 AND m.user_id = $3"
    }
    REVISIONS {
        "SELECT revision, content, superseded_at FROM message_revisions \
         WHERE message_id = $1 ORDER BY revision"
    }
}

pub(crate) fn message(row: &Row) -> StoreResult<Message> {
    let content: String = row.get("content")?;
    let additional_data = row.json("additional_data")?;
    let offsets = offsets(&content, additional_data.as_ref(), 0);
    let tool_success = match row.get::<Option<String>>("tool_success")? {
        Some(_) => Some(row.word("tool_success", ToolSuccess::parse)?),
        None => None,
    };
    Ok(Message {
        id: MessageId(row.get("id")?),
        conversation_id: ConversationId(row.get("conversation_id")?),
        role: row.word("role", Role::parse)?,
        content,
        message_type: row.word("message_type", MessageType::parse)?,
        tool_name: row.get("tool_name")?,
        tool_success,
        timestamp: row.time("timestamp")?,
        additional_data,
        client_message_id: row.get("client_message_id")?,
        parent_id: row.get::<Option<i64>>("parent_id")?.map(MessageId),
        run_id: row.get::<Option<uuid::Uuid>>("run_id")?.map(RunId),
        status: row.word("status", MessageStatus::parse)?,
        siblings: Vec::new(),
        revision: row.get("revision")?,
        offsets,
    })
}

fn bytes(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn offsets(content: &str, additional_data: Option<&Json>, tool_arguments: i64) -> Offsets {
    let reasoning = additional_data
        .and_then(|data| data.get("reasoning"))
        .and_then(Json::as_str);
    Offsets {
        text: bytes(content),
        reasoning: reasoning.map_or(0, bytes),
        tool_arguments,
    }
}

/// Object merge; keys of `more` win.
pub(crate) fn merged(data: Option<Json>, more: &Json) -> Option<Json> {
    let mut object = match data {
        Some(Json::Object(object)) => object,
        _ => Map::new(),
    };
    if let Json::Object(more) = more {
        object.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    (!object.is_empty()).then_some(Json::Object(object))
}

/// `{key: value}` added to the data.
pub(crate) fn with(data: Option<Json>, key: &str, value: Json) -> Option<Json> {
    merged(
        data,
        &Json::Object(Map::from_iter([(key.to_owned(), value)])),
    )
}

/// What the stored deltas of one revision add up to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) tool_arguments: String,
}

impl Said {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.tool_arguments.is_empty()
    }

    /// A delta that was stored twice (its first commit seemed lost) counts once.
    fn add(&mut self, delta: &Delta) {
        let channel = match delta.channel {
            DeltaChannel::Text => &mut self.text,
            DeltaChannel::Reasoning => &mut self.reasoning,
            DeltaChannel::ToolArguments => &mut self.tool_arguments,
        };
        let known = usize::try_from(bytes(channel).saturating_sub(delta.offset)).unwrap_or(0);
        if let Some(new) = delta.text.get(known..) {
            channel.push_str(new);
        }
    }
}

pub(crate) async fn said(tx: &mut Tx, user_id: UserId, message: &Message) -> StoreResult<Said> {
    let args = args![message.conversation_id, message.id, user_id];
    let mut said = Said::default();
    for row in tx.all(DELTAS_OF_MESSAGE, args).await? {
        let body = row.json("body")?.unwrap_or_default();
        let delta: Delta = serde_json::from_value(body).map_err(StoreError::internal)?;
        if delta.revision == message.revision {
            said.add(&delta);
        }
    }
    Ok(said)
}

/// Adds what is not in the rows: siblings, and the text of messages that are being written.
pub(crate) async fn fill(
    tx: &mut Tx,
    user_id: UserId,
    mut messages: Vec<Message>,
) -> StoreResult<Vec<Message>> {
    if messages.is_empty() {
        return Ok(messages);
    }
    let ids = ints(messages.iter().map(|message| message.id.0));
    let mut siblings: HashMap<i64, Vec<MessageId>> = HashMap::new();
    for row in tx.all(SIBLINGS, vec![ids.clone(), ids]).await? {
        siblings
            .entry(row.get("id")?)
            .or_default()
            .push(MessageId(row.get("sibling")?));
    }
    for message in &mut messages {
        // What has no place in the tree stands beside nothing.
        message.siblings = siblings
            .remove(&message.id.0)
            .filter(|found| found.contains(&message.id))
            .unwrap_or_else(|| vec![message.id]);
        if is_written(message) {
            let said = said(tx, user_id, message).await?;
            message.content = said.text;
            if !said.reasoning.is_empty() {
                let data = message.additional_data.take();
                message.additional_data = with(data, "reasoning", Json::String(said.reasoning));
            }
            message.offsets = offsets(
                &message.content,
                message.additional_data.as_ref(),
                bytes(&said.tool_arguments),
            );
        }
    }
    Ok(messages)
}

/// Its text is in its deltas; a parked answer has been recorded already.
pub(crate) fn is_written(message: &Message) -> bool {
    message.role == Role::Assistant
        && matches!(
            message.status,
            MessageStatus::Queued | MessageStatus::Streaming
        )
}

/// One message as it is now, without siblings and streamed text.
pub(crate) async fn bare(tx: &mut Tx, user_id: UserId, id: MessageId) -> StoreResult<Message> {
    message(&tx.one(MESSAGE, args![id, user_id]).await?)
}

pub(crate) async fn full(tx: &mut Tx, user_id: UserId, id: MessageId) -> StoreResult<Message> {
    let message = bare(tx, user_id, id).await?;
    fill(tx, user_id, vec![message])
        .await?
        .pop()
        .ok_or(StoreError::NotFound)
}

pub(crate) async fn several(
    tx: &mut Tx,
    user_id: UserId,
    ids: impl IntoIterator<Item = i64>,
) -> StoreResult<Vec<Message>> {
    let rows = tx.all(MESSAGES_BY_ID, args![user_id, ints(ids)]).await?;
    let messages = rows.iter().map(message).collect::<StoreResult<Vec<_>>>()?;
    fill(tx, user_id, messages).await
}

/// The question and what the run has said, oldest first.
pub(crate) async fn of_run(tx: &mut Tx, run: &Run) -> StoreResult<Vec<MessageId>> {
    let rows = tx
        .all(MESSAGES_OF_RUN, args![run.run_id, run.user_id])
        .await?;
    let mut ids = vec![run.user_message_id];
    for row in &rows {
        let id = MessageId(row.get("id")?);
        // The question is of the first run that answers it.
        if id != run.user_message_id {
            ids.push(id);
        }
    }
    Ok(ids)
}

pub(crate) async fn by_id(
    tx: &mut Tx,
    user_id: UserId,
    ids: Vec<i64>,
) -> StoreResult<(Vec<Message>, Cursor)> {
    let messages = several(tx, user_id, ids).await?;
    Ok((messages, feed::end(tx, user_id).await?))
}

/// Answers the head of the user's conversation, or `NotFound`.
pub(crate) async fn owned(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
) -> StoreResult<Option<MessageId>> {
    let row = tx.one(OWNED, args![id, user_id]).await?;
    Ok(row.get::<Option<i64>>("head_message_id")?.map(MessageId))
}

pub(crate) async fn open(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
) -> StoreResult<(Option<Message>, Cursor)> {
    owned(tx, user_id, id).await?;
    let row = tx.maybe(OPEN_MESSAGE, args![id, user_id]).await?;
    let found = row.as_ref().map(message).transpose()?;
    let message = fill(tx, user_id, found.into_iter().collect()).await?.pop();
    Ok((message, feed::end(tx, user_id).await?))
}

/// A message of this very conversation, without siblings and streamed text.
pub(crate) async fn of_conversation(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    id: MessageId,
) -> StoreResult<Message> {
    message(
        &tx.one(MESSAGE_OF_CONVERSATION, args![id, conversation_id, user_id])
            .await?,
    )
}

pub(crate) async fn revisions(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    id: MessageId,
) -> StoreResult<Vec<Revision>> {
    of_conversation(tx, user_id, conversation_id, id).await?;
    let rows = tx.all(REVISIONS, args![id]).await?;
    rows.iter()
        .map(|row| {
            Ok(Revision {
                revision: row.get("revision")?,
                content: row.get("content")?,
                superseded_at: row.time("superseded_at")?,
            })
        })
        .collect()
}
