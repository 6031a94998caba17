//! Runs that wait behind another run of their conversation. Their order is that of their messages'
//! ids, which are given under the conversation's lock.

use domain::limits::QUEUED_PER_CONVERSATION;
use domain::sabotage::{Mechanism, sabotaged};
use domain::{
    ConversationId, EventBody, Message, MessageId, MessageStatus, OnBusy, Run, RunId, RunState,
    StoreError, StoreResult, Timestamp, UserId,
};

use super::cancel;
use super::row::{self, run_columns};
use crate::conversations::{self, Held};
use crate::keys;
use crate::messages::{self, said_message};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    NEXT_WAITING {
        "SELECT " run_columns!() " FROM runs WHERE conversation_id = $1 AND waiting \
         AND state = 'queued' ORDER BY user_message_id LIMIT 1" lock
    }
    QUEUED_MESSAGES {
        "SELECT user_message_id FROM runs WHERE conversation_id = $1 AND waiting \
         AND state = 'queued' ORDER BY user_message_id"
    }
    WAITS { "SELECT run_id FROM runs WHERE run_id = $1 AND waiting" }
    LEAVE_QUEUE { "UPDATE runs SET waiting = FALSE WHERE run_id = $1" }
    /// A parent that the sender named stays.
    PLACE_MESSAGE {
        "UPDATE conversation_messages SET parent_id = COALESCE(parent_id, $2), status = 'complete' \
         WHERE id = $1"
    }
    PLACE_HEAD {
        "UPDATE conversation_states SET head_message_id = $2, updated_at = $3 \
         WHERE conversation_id = $1"
    }
    CLOSE_MESSAGES { "UPDATE conversation_messages SET status = 'cancelled' WHERE run_id = $1" }
    CLOSE_RUN {
        "UPDATE runs SET state = 'cancelled', cancel_requested = TRUE, finished_at = $2 \
         WHERE run_id = $1"
    }
    DELETE_MESSAGES { "DELETE FROM conversation_messages WHERE run_id = $1" }
    DELETE_RUN { "DELETE FROM runs WHERE run_id = $1" }
    UNCOUNT_MESSAGES {
        "UPDATE conversation_states SET message_count = message_count - $2 \
         WHERE conversation_id = $1"
    }
}

/// What a message finds in its conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// It has to wait.
    pub(super) waits: bool,
    /// The run that was ended for it.
    pub(super) interrupted: Option<RunId>,
}

/// Refuses, ends the active run, or neither, as the message wants it.
pub(super) async fn make_way(
    tx: &mut Tx,
    held: &mut Held,
    on_busy: OnBusy,
    now: Timestamp,
) -> StoreResult<Way> {
    if sabotaged(Mechanism::OneActiveRun) {
        return Ok(Way::default());
    }
    let live = conversations::live_runs(tx, held.conversation_id).await?;
    let Some(active) = live.iter().find(|run| !run.waiting) else {
        return Ok(Way::default());
    };
    let mut ahead = live.len() - 1;
    let mut way = Way {
        waits: true,
        interrupted: None,
    };
    match on_busy {
        OnBusy::Reject => {
            return Err(StoreError::RunActive {
                run_id: active.run_id,
                state: active.state,
                head: held.head,
            });
        }
        OnBusy::Enqueue => {}
        OnBusy::Interrupt => {
            let mut run = row::get(tx, held.user_id, active.run_id).await?;
            cancel::end_now(tx, held, &mut run, MessageStatus::Interrupted, now).await?;
            way.interrupted = Some(run.run_id);
            // The first that waited is the active one now.
            way.waits = ahead > 0;
            ahead = ahead.saturating_sub(1);
        }
    }
    if way.waits && ahead >= QUEUED_PER_CONVERSATION {
        return Err(StoreError::Conflict {
            code: "queue_full",
            detail: format!(
                "{QUEUED_PER_CONVERSATION} messages of this conversation wait already. Remove one, \
                 or wait until the first is answered."
            ),
        });
    }
    Ok(way)
}

/// Refuses a parent that has no place in the tree.
pub(super) async fn refuse_as_parent(tx: &mut Tx, parent: &Message) -> StoreResult<()> {
    let Some(run_id) = parent.run_id else {
        return Ok(());
    };
    match tx.maybe(WAITS, args![run_id]).await? {
        None => Ok(()),
        Some(_) => Err(StoreError::Conflict {
            code: "parent_queued",
            detail: "That message is not part of the conversation yet. Leave `parent_id` out to \
                     send after it."
                .to_owned(),
        }),
    }
}

/// Ids of the user's messages that wait, first in first out.
pub(crate) async fn messages(tx: &mut Tx, id: ConversationId) -> StoreResult<Vec<i64>> {
    tx.all(QUEUED_MESSAGES, args![id])
        .await?
        .iter()
        .map(|row| row.get("user_message_id"))
        .collect()
}

/// The place of a run that has just ended goes to the first that waits: its message becomes part of
/// the tree, behind the head of this moment.
pub(super) async fn place_next(tx: &mut Tx, held: &mut Held, now: Timestamp) -> StoreResult<()> {
    let Some(next) = tx.maybe(NEXT_WAITING, args![held.conversation_id]).await? else {
        return Ok(());
    };
    let mut run = row::run(&next)?;
    tx.run(LEAVE_QUEUE, args![run.run_id]).await?;
    run.waiting = false;
    tx.run(PLACE_MESSAGE, args![run.user_message_id, held.head])
        .await?;
    held.head = Some(run.ai_message_id);
    held.updated_at = held.updated_at.max(now);
    let args = args![held.conversation_id, run.ai_message_id, held.updated_at];
    tx.run(PLACE_HEAD, args).await?;
    said_message(tx, held, Some(run.run_id), run.user_message_id, now);
    said_message(tx, held, Some(run.run_id), run.ai_message_id, now);
    row::said(tx, &run, now);
    Ok(())
}

/// Stop of a run that waits: nothing of it was begun, and nobody but its sender will miss it.
pub(super) async fn withdraw(
    tx: &mut Tx,
    held: &Held,
    mut run: Run,
    now: Timestamp,
) -> StoreResult<Run> {
    tx.run(CLOSE_RUN, args![run.run_id, now]).await?;
    let left = tx.run(CLOSE_MESSAGES, args![run.run_id]).await?;
    uncount(tx, held.conversation_id, left).await?;
    run.state = RunState::Cancelled;
    run.cancel_requested = true;
    run.finished_at = Some(now);
    said_message(tx, held, Some(run.run_id), run.user_message_id, now);
    row::said(tx, &run, now);
    messages::conversation_changed(tx, held, now);
    Ok(run)
}

/// Messages that will never be part of the conversation count no more.
async fn uncount(tx: &mut Tx, id: ConversationId, messages: u64) -> StoreResult<()> {
    let messages = i64::try_from(messages).unwrap_or(0);
    let done = tx.run(UNCOUNT_MESSAGES, args![id, messages]).await;
    done.map(|_| ())
}

/// The conversation, held, and a message of it that waits.
async fn waiting(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    message_id: MessageId,
) -> StoreResult<(Held, Message)> {
    let held = conversations::hold(tx, user_id, conversation_id).await?;
    let message = messages::of_conversation(tx, user_id, conversation_id, message_id).await?;
    if message.waits() {
        return Ok((held, message));
    }
    Err(StoreError::Conflict {
        code: "not_queued",
        detail: "Only a message that waits in the queue can be changed or removed.".to_owned(),
    })
}

pub(crate) async fn change(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    message_id: MessageId,
    content: String,
    now: Timestamp,
) -> StoreResult<Message> {
    let (held, mut message) = waiting(tx, user_id, conversation_id, message_id).await?;
    message.content = content;
    messages::write(tx, &message).await?;
    said_message(tx, &held, message.run_id, message_id, now);
    messages::full(tx, user_id, message_id).await
}

pub(crate) async fn remove(
    tx: &mut Tx,
    user_id: UserId,
    conversation_id: ConversationId,
    message_id: MessageId,
    now: Timestamp,
) -> StoreResult<()> {
    let (held, message) = waiting(tx, user_id, conversation_id, message_id).await?;
    let run_id = message.run_id.ok_or(StoreError::NotFound)?;
    let mut run = row::get(tx, user_id, run_id).await?;
    keys::forget(tx, user_id, run_id.0).await?;
    let removed = tx.run(DELETE_MESSAGES, args![run_id]).await?;
    tx.run(DELETE_RUN, args![run_id]).await?;
    uncount(tx, conversation_id, removed).await?;
    tx.scrub = true;
    // Whoever waits for the run learns that it is over.
    run.state = RunState::Cancelled;
    row::said(tx, &run, now);
    let body = EventBody::MessageDeleted { message_id };
    tx.emit(user_id, Some(conversation_id), Some(run_id), body, now);
    messages::conversation_changed(tx, &held, now);
    Ok(())
}
