//! Writing messages: appending to a branch, setting aside, what a message becomes.

use domain::{
    EventBody, Message, MessageId, MessageStatus, MessageType, Role, RunId, StoreResult, Timestamp,
    ToolSuccess, UserId,
};
use serde_json::Value as Json;

use crate::conversations::{Held, changed};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    INSERT_MESSAGE {
        "INSERT INTO conversation_messages (conversation_id, user_id, role, content, message_type, \
         tool_name, tool_success, timestamp, additional_data, parent_id, run_id, status, \
         client_message_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id"
    }
    MOVE_HEAD {
        "UPDATE conversation_states SET head_message_id = $2, message_count = message_count + 1, \
         updated_at = $3 WHERE conversation_id = $1"
    }
    /// A message that waits counts, but is not the head of anything.
    COUNT_MESSAGE {
        "UPDATE conversation_states SET message_count = message_count + 1, updated_at = $2 \
         WHERE conversation_id = $1"
    }
    SET_MESSAGE {
        "UPDATE conversation_messages SET content = $2, status = $3, additional_data = $4, \
         revision = $5 WHERE id = $1"
    }
    INSERT_REVISION {
        "INSERT INTO message_revisions (message_id, revision, user_id, content, superseded_at) \
         VALUES ($1, $2, $3, $4, $5)"
    }
}

/// A message to be appended behind `parent`, which becomes the head.
pub(crate) struct NewMessage {
    pub(crate) role: Role,
    pub(crate) message_type: MessageType,
    pub(crate) content: String,
    pub(crate) status: MessageStatus,
    pub(crate) tool_name: Option<String>,
    pub(crate) tool_success: Option<ToolSuccess>,
    pub(crate) additional_data: Option<Json>,
    pub(crate) run_id: Option<RunId>,
    pub(crate) client_message_id: Option<String>,
}

impl NewMessage {
    pub(crate) fn answer(run_id: RunId, status: MessageStatus) -> Self {
        Self {
            role: Role::Assistant,
            message_type: MessageType::AssistantResponse,
            content: String::new(),
            status,
            tool_name: None,
            tool_success: None,
            additional_data: None,
            run_id: Some(run_id),
            client_message_id: None,
        }
    }
}

/// Appends behind `parent`, moves the head there, and says so.
pub(crate) async fn append(
    tx: &mut Tx,
    held: &mut Held,
    parent: Option<MessageId>,
    new: NewMessage,
    now: Timestamp,
) -> StoreResult<MessageId> {
    let run_id = new.run_id;
    let id = insert(tx, held, parent, new, now).await?;
    held.head = Some(id);
    tx.run(MOVE_HEAD, args![held.conversation_id, id, held.updated_at])
        .await?;
    said_message(tx, held, run_id, id, now);
    Ok(id)
}

/// Stores a message that waits: beside the tree, whatever its parent.
pub(crate) async fn set_aside(
    tx: &mut Tx,
    held: &mut Held,
    parent: Option<MessageId>,
    new: NewMessage,
    now: Timestamp,
) -> StoreResult<MessageId> {
    let id = insert(tx, held, parent, new, now).await?;
    tx.run(COUNT_MESSAGE, args![held.conversation_id, held.updated_at])
        .await?;
    Ok(id)
}

async fn insert(
    tx: &mut Tx,
    held: &mut Held,
    parent: Option<MessageId>,
    new: NewMessage,
    now: Timestamp,
) -> StoreResult<MessageId> {
    let args = args![
        held.conversation_id,
        held.user_id,
        new.role.as_str(),
        new.content,
        new.message_type.as_str(),
        new.tool_name,
        new.tool_success.map(ToolSuccess::as_str),
        now,
        new.additional_data,
        parent,
        new.run_id,
        new.status.as_str(),
        new.client_message_id,
    ];
    let id = MessageId(tx.one(INSERT_MESSAGE, args).await?.get("id")?);
    // A node whose clock is behind does not send a conversation back in the list.
    held.updated_at = held.updated_at.max(now);
    Ok(id)
}

pub(crate) fn said_message(
    tx: &mut Tx,
    held: &Held,
    run_id: Option<RunId>,
    message_id: MessageId,
    now: Timestamp,
) {
    let body = EventBody::Message { message_id };
    tx.emit(held.user_id, Some(held.conversation_id), run_id, body, now);
}

/// Writes what can change of a message.
pub(crate) async fn write(tx: &mut Tx, message: &Message) -> StoreResult<()> {
    let data = message.additional_data.as_ref();
    let args = args![
        message.id,
        &message.content,
        message.status.as_str(),
        data,
        message.revision
    ];
    tx.run(SET_MESSAGE, args).await.map(|_| ())
}

pub(crate) async fn supersede(
    tx: &mut Tx,
    user_id: UserId,
    message: &Message,
    text: &str,
    now: Timestamp,
) -> StoreResult<()> {
    let args = args![message.id, message.revision, user_id, text, now];
    tx.run(INSERT_REVISION, args).await.map(|_| ())
}

pub(crate) fn conversation_changed(tx: &mut Tx, held: &Held, now: Timestamp) {
    changed(tx, held.user_id, held.conversation_id, now);
}
