//! Events to frames. Rows that can change are rendered as they are now: one query per kind for a
//! whole batch.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use agent::ports::Toolbox;
use domain::{
    Approval, ApprovalId, Conversation, ConversationId, Event, EventBody, Message, MessageId,
    StoreResult, Todo, TodoId, UserId,
};

use super::Follower;
use crate::limits::{RENDER_BYTES, RENDER_ROWS};
use crate::state::AppState;
use crate::wire::approval::ApprovalResponse;
use crate::wire::frame::{
    ConversationDeletedData, Frame, FrameData, FrameType, MessageDeletedData, RunData,
    TodoDeletedData, ToolData,
};

/// What a frame takes beside its text: itself, ids, cursor.
const ENVELOPE: usize = size_of::<Frame>() + 128;

/// How many of these events are rendered at once, at least one, as far as they tell: few rows, since
/// they may be large, and text by its bytes.
fn batch(events: &[Arc<Event>]) -> usize {
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
        bytes += ENVELOPE + event.bytes() - size_of::<Event>();
        rows > RENDER_ROWS || bytes > RENDER_BYTES
    });
    full.map_or(events.len(), |full| full.max(1))
}

/// How many of these frames are handed out, at least one, now that the rows are known.
fn fitting(frames: &[Option<Frame>]) -> usize {
    let mut bytes = 0;
    let full = frames.iter().position(|frame| {
        bytes += frame
            .as_ref()
            .map_or(0, |frame| ENVELOPE + row_bytes(frame));
        bytes > RENDER_BYTES
    });
    full.map_or(frames.len(), |full| full.max(1))
}

/// Text counted by [`batch`] is not counted again.
fn row_bytes(frame: &Frame) -> usize {
    match &frame.data {
        FrameData::Message(_)
        | FrameData::Approval(_)
        | FrameData::Conversation(_)
        | FrameData::Todo(_) => frame.bytes(),
        FrameData::Connection(_)
        | FrameData::MessageDeleted(_)
        | FrameData::Delta(_)
        | FrameData::Typing(_)
        | FrameData::Run(_)
        | FrameData::Tool(_)
        | FrameData::ConversationDeleted(_)
        | FrameData::TodoDeleted(_)
        | FrameData::Ack(_)
        | FrameData::Position(_)
        | FrameData::Error(_) => 0,
    }
}

#[derive(Default)]
struct Rows {
    messages: HashMap<MessageId, Message>,
    conversations: HashMap<ConversationId, Conversation>,
    approvals: HashMap<ApprovalId, Approval>,
    todos: HashMap<TodoId, Todo>,
}

/// As many of the first events as may be held for one reader, at least one: one frame per event, in
/// order. An event whose row has been deleted since has none: what deleted it follows.
pub(crate) async fn render(
    state: &AppState,
    user_id: UserId,
    events: &[Arc<Event>],
) -> StoreResult<Vec<Option<Frame>>> {
    let events = &events[..batch(events)];
    let rows = load(state, user_id, events).await?;
    let tools = &state.agent.tools;
    let mut frames: Vec<_> = events
        .iter()
        .map(|event| frame(event, &rows, tools))
        .collect();
    frames.truncate(fitting(&frames));
    Ok(frames)
}

/// Appends their frames to `ready`. Answers whether all of them fitted; the others come again.
pub(super) async fn render_to(
    ready: &mut VecDeque<Frame>,
    follower: &mut Follower,
    state: &AppState,
    user_id: UserId,
    events: &[Arc<Event>],
) -> StoreResult<bool> {
    let frames = render(state, user_id, events).await?;
    let took = frames.len();
    ready.extend(frames.into_iter().flatten());
    if took < events.len() {
        follower.slow(events[took - 1].cursor(), took);
    }
    Ok(took == events.len())
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

#[cfg(test)]
mod tests {
    use domain::{Delta, DeltaChannel, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::wire::todo::TodoResponse;

    fn event(body: EventBody) -> Arc<Event> {
        Arc::new(Event {
            user_id: UserId(1),
            epoch: 1,
            seq: 1,
            conversation_id: Some(ConversationId(Uuid::from_u128(1))),
            run_id: None,
            body,
            created_at: Timestamp(0),
        })
    }

    fn delta(bytes: usize) -> Arc<Event> {
        event(EventBody::Delta(Delta {
            message_id: MessageId(1),
            revision: 1,
            channel: DeltaChannel::Text,
            offset: 0,
            text: "x".repeat(bytes),
        }))
    }

    fn todo(bytes: usize) -> Option<Frame> {
        let todo = TodoResponse::from(Todo {
            id: TodoId(1),
            title: "x".repeat(bytes),
            done: false,
            due_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        });
        Some(Frame::new(FrameType::Todo, FrameData::Todo(todo), None))
    }

    #[test]
    fn a_batch_counts_what_its_frames_will_hold() {
        assert_eq!(batch(&vec![delta(4); 1_000]), RENDER_BYTES / (ENVELOPE + 4));
        assert_eq!(batch(&vec![delta(RENDER_BYTES / 2); 9]), 1);
        assert_eq!(batch(&vec![delta(2 * RENDER_BYTES); 9]), 1);
        let row = event(EventBody::Todo { todo_id: TodoId(1) });
        assert_eq!(batch(&vec![row; 1_000]), RENDER_ROWS);
        assert_eq!(batch(&[delta(1), delta(1)]), 2);
    }

    #[test]
    fn rows_count_once_they_are_known() {
        assert_eq!(fitting(&vec![todo(10); 3]), 3);
        assert_eq!(fitting(&vec![todo(RENDER_BYTES / 2 - 1_024); 9]), 2);
        assert_eq!(fitting(&vec![todo(2 * RENDER_BYTES); 9]), 1);
        assert_eq!(fitting(&[None, None, todo(2 * RENDER_BYTES)]), 2);
        assert_eq!(fitting(&[None, None]), 2);
    }

    #[test]
    fn a_frame_is_as_long_as_its_text() {
        let frame = todo(7).unwrap();
        assert_eq!(frame.bytes(), frame.text().len());
    }
}
