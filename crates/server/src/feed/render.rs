//! Events to frames. Rows that can change are rendered as they are now: one query per kind for a
//! whole batch.

use std::collections::HashMap;
use std::sync::Arc;

use agent::ports::Toolbox;
use domain::{
    Approval, ApprovalId, Conversation, ConversationId, Event, EventBody, Message, MessageId,
    StoreResult, Todo, TodoId, UserId,
};

use crate::limits::{RENDER_BYTES, RENDER_ROWS};
use crate::state::AppState;
use crate::wire::approval::ApprovalResponse;
use crate::wire::frame::{
    ConversationDeletedData, Frame, FrameData, FrameType, MessageDeletedData, RunData,
    TodoDeletedData, ToolData,
};

/// How many of these events fit in one batch, at least one: rows may be large, so few are held at a
/// time, and text counts by its bytes.
pub(crate) fn batch(events: &[Arc<Event>]) -> usize {
    let (mut rows, mut bytes) = (0, 0);
    let full = events.iter().position(|event| {
        let row = matches!(
            event.body,
            EventBody::Message { .. }
                | EventBody::Approval { .. }
                | EventBody::Conversation {}
                | EventBody::Todo { .. }
        );
        rows += usize::from(row);
        if let EventBody::Delta(delta) = &event.body {
            bytes += delta.text.len();
        }
        rows > RENDER_ROWS || bytes > RENDER_BYTES
    });
    full.map_or(events.len(), |full| full.max(1))
}

#[derive(Default)]
struct Rows {
    messages: HashMap<MessageId, Message>,
    conversations: HashMap<ConversationId, Conversation>,
    approvals: HashMap<ApprovalId, Approval>,
    todos: HashMap<TodoId, Todo>,
}

/// One frame per event, in order. An event whose row has been deleted since has none: what deleted
/// it follows.
pub(crate) async fn render(
    state: &AppState,
    user_id: UserId,
    events: &[Arc<Event>],
) -> StoreResult<Vec<Option<Frame>>> {
    let rows = load(state, user_id, events).await?;
    let tools = &state.agent.tools;
    Ok(events
        .iter()
        .map(|event| frame(event, &rows, tools))
        .collect())
}

async fn load(state: &AppState, user_id: UserId, events: &[Arc<Event>]) -> StoreResult<Rows> {
    let (mut messages, mut conversations, mut approvals, mut todos) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match &event.body {
            EventBody::Message { message_id } => messages.push(*message_id),
            EventBody::Approval { approval_id } => approvals.push(*approval_id),
            EventBody::Conversation {} => conversations.extend(event.conversation_id),
            EventBody::Todo { todo_id } => todos.push(*todo_id),
            EventBody::MessageDeleted { .. }
            | EventBody::Delta(_)
            | EventBody::Run { .. }
            | EventBody::Tool { .. }
            | EventBody::ConversationDeleted {}
            | EventBody::TodoDeleted { .. } => {}
        }
    }
    let store = &state.store;
    let mut rows = Rows::default();
    if let Some(ids) = distinct(messages) {
        let (found, _) = store.messages_by_id(user_id, &ids).await?;
        rows.messages = found.into_iter().map(|row| (row.id, row)).collect();
    }
    if let Some(ids) = distinct(conversations) {
        let found = store.conversations_by_id(user_id, &ids).await?;
        rows.conversations = found
            .into_iter()
            .map(|row| (row.conversation_id, row))
            .collect();
    }
    if let Some(ids) = distinct(approvals) {
        let found = store.approvals_by_id(user_id, &ids).await?;
        rows.approvals = found
            .into_iter()
            .map(|row| (row.approval_id, row))
            .collect();
    }
    if let Some(ids) = distinct(todos) {
        let found = store.todos_by_id(user_id, &ids).await?;
        rows.todos = found.into_iter().map(|row| (row.id, row)).collect();
    }
    Ok(rows)
}

fn distinct<T: Ord>(mut ids: Vec<T>) -> Option<Vec<T>> {
    ids.sort_unstable();
    ids.dedup();
    (!ids.is_empty()).then_some(ids)
}

fn frame(event: &Event, rows: &Rows, tools: &Toolbox) -> Option<Frame> {
    let (kind, data) = match &event.body {
        EventBody::Message { message_id } => {
            let row = rows.messages.get(message_id)?.clone();
            (FrameType::Message, FrameData::Message(Box::new(row.into())))
        }
        EventBody::MessageDeleted { message_id } => {
            let data = MessageDeletedData {
                id: message_id.0,
                deleted: true,
            };
            (FrameType::Message, FrameData::MessageDeleted(data))
        }
        EventBody::Delta(delta) => (FrameType::Delta, FrameData::Delta(delta.clone().into())),
        EventBody::Run {
            run_id,
            state,
            step,
            message_id,
            usage,
            error,
        } => (
            FrameType::Run,
            FrameData::Run(RunData {
                run_id: run_id.to_string(),
                state: (*state).into(),
                step: *step,
                message_id: message_id.map(|id| id.0),
                usage: usage.map(Into::into),
                error: error.clone().map(Into::into),
            }),
        ),
        EventBody::Tool {
            call_id,
            message_id,
            name,
            state,
        } => (
            FrameType::Tool,
            FrameData::Tool(ToolData {
                call_id: call_id.to_string(),
                message_id: message_id.0,
                run_id: event.run_id.map(|id| id.to_string()),
                name: name.clone(),
                state: (*state).into(),
            }),
        ),
        EventBody::Approval { approval_id } => {
            let row = rows.approvals.get(approval_id)?.clone();
            let row = ApprovalResponse::new(row, tools);
            (FrameType::Approval, FrameData::Approval(Box::new(row)))
        }
        EventBody::Conversation {} => {
            let row = rows.conversations.get(&event.conversation_id?)?.clone();
            (
                FrameType::Conversation,
                FrameData::Conversation(Box::new(row.into())),
            )
        }
        EventBody::ConversationDeleted {} => {
            let conversation_id = event.conversation_id?.to_string();
            let data = ConversationDeletedData {
                conversation_id,
                deleted: true,
            };
            (
                FrameType::Conversation,
                FrameData::ConversationDeleted(data),
            )
        }
        EventBody::Todo { todo_id } => (
            FrameType::Todo,
            FrameData::Todo(rows.todos.get(todo_id)?.clone().into()),
        ),
        EventBody::TodoDeleted { todo_id } => {
            let data = TodoDeletedData {
                id: todo_id.0,
                deleted: true,
            };
            (FrameType::Todo, FrameData::TodoDeleted(data))
        }
    };
    Some(Frame::new(kind, data, event.conversation_id).at(event.cursor()))
}
