//! A user's message and the run that answers it.

use domain::conversation::NewConversation;
use domain::store::{IdempotencyKey, Joined, Regenerate, SendMessage, Sent};
use domain::{
    MessageId, MessageStatus, MessageType, OnBusy, Role, Run, RunId, StoreError, StoreResult,
    Timestamp, UserId,
};

use super::queue::{self, Way};
use super::row::{self, run_columns};
use crate::conversations::{self, Held};
use crate::messages::{self, NewMessage};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;
use crate::{branch, feed, keys};

statements! {
    INSERT_RUN {
        "INSERT INTO runs (run_id, user_id, conversation_id, user_message_id, ai_message_id, \
         state, model, agent_id, time_zone, created_at, waiting) \
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10) RETURNING " run_columns!()
    }
    RUN_OF_QUESTION {
        "SELECT agent_id, time_zone FROM runs WHERE conversation_id = $1 AND user_message_id = $2 \
         ORDER BY created_at DESC LIMIT 1"
    }
}

/// The run that the key made before, if it is known.
async fn repeated(
    tx: &mut Tx,
    user_id: UserId,
    key: Option<&IdempotencyKey>,
    new_run_id: RunId,
    now: Timestamp,
) -> StoreResult<Option<Sent>> {
    let Some(key) = key else { return Ok(None) };
    let Some(made) = keys::take(tx, user_id, key, new_run_id.0, now).await? else {
        return Ok(None);
    };
    let sent = keys::or_gone(get(tx, user_id, RunId(made)).await)?;
    Ok(Some(Sent {
        repeated: true,
        ..sent
    }))
}

pub(crate) async fn send(tx: &mut Tx, send: SendMessage) -> StoreResult<Sent> {
    let now = send.now;
    let known = repeated(tx, send.user_id, send.key.as_ref(), send.new_run_id, now).await?;
    if let Some(sent) = known {
        return Ok(sent);
    }
    let mut way = Way::default();
    let mut held = match send.conversation_id {
        Some(id) => {
            let mut held = conversations::hold(tx, send.user_id, id).await?;
            way = queue::make_way(tx, &mut held, send.on_busy, now).await?;
            held
        }
        None => {
            let new = NewConversation {
                conversation_id: send.new_conversation_id,
                title: None,
                model: send.model.clone(),
                now,
            };
            conversations::insert(tx, send.user_id, &new, send.agent_id.as_deref()).await?
        }
    };
    let parent = match send.parent_id {
        Some(id) => {
            let conversation_id = held.conversation_id;
            let parent = messages::of_conversation(tx, send.user_id, conversation_id, id).await?;
            queue::refuse_as_parent(tx, &parent).await?;
            Some(parent.id)
        }
        // What waits gets its parent together with its place.
        None if way.waits => None,
        None => held.head,
    };
    conversations::name_after(tx, &mut held, &send.content).await?;
    messages::conversation_changed(tx, &held, now);
    let question = NewMessage {
        role: Role::User,
        message_type: MessageType::UserInput,
        content: send.content,
        status: if way.waits {
            MessageStatus::Queued
        } else {
            MessageStatus::Complete
        },
        tool_name: None,
        tool_success: None,
        additional_data: None,
        run_id: Some(send.new_run_id),
        client_message_id: send.client_message_id,
    };
    let wanted = Wanted {
        run_id: send.new_run_id,
        model: send.model.or_else(|| held.model.clone()),
        agent_id: send.agent_id.or_else(|| held.agent_id.clone()),
        time_zone: send.time_zone,
    };
    let run = if way.waits {
        enqueue(tx, &mut held, parent, question, wanted, now).await?
    } else {
        let question = messages::append(tx, &mut held, parent, question, now).await?;
        begin(tx, &mut held, question, wanted, now).await?
    };
    Ok(Sent {
        interrupted: way.interrupted,
        ..sent(tx, run).await?
    })
}

pub(crate) struct Wanted {
    pub(crate) run_id: RunId,
    pub(crate) model: Option<String>,
    pub(crate) agent_id: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// The first answer and the run, behind the user's message.
async fn begin(
    tx: &mut Tx,
    held: &mut Held,
    question: MessageId,
    wanted: Wanted,
    now: Timestamp,
) -> StoreResult<Run> {
    let answer = NewMessage::answer(wanted.run_id, MessageStatus::Queued);
    let answer = messages::append(tx, held, Some(question), answer, now).await?;
    insert_run(tx, held, (question, answer), wanted, now).await
}

/// The same beside the tree. The feed hears of the message; of answer and run when it is their
/// turn, so that nobody takes them for what is going on now.
async fn enqueue(
    tx: &mut Tx,
    held: &mut Held,
    parent: Option<MessageId>,
    question: NewMessage,
    wanted: Wanted,
    now: Timestamp,
) -> StoreResult<Run> {
    let question = messages::set_aside(tx, held, parent, question, now).await?;
    let answer = NewMessage::answer(wanted.run_id, MessageStatus::Queued);
    let answer = messages::set_aside(tx, held, Some(question), answer, now).await?;
    let run = write_run(tx, held, (question, answer), wanted, true, now).await?;
    messages::said_message(tx, held, Some(run.run_id), question, now);
    Ok(run)
}

/// A run that may begin, between its question and its answer.
pub(crate) async fn insert_run(
    tx: &mut Tx,
    held: &Held,
    ends: (MessageId, MessageId),
    wanted: Wanted,
    now: Timestamp,
) -> StoreResult<Run> {
    let run = write_run(tx, held, ends, wanted, false, now).await?;
    row::said(tx, &run, now);
    Ok(run)
}

async fn write_run(
    tx: &mut Tx,
    held: &Held,
    (question, answer): (MessageId, MessageId),
    wanted: Wanted,
    waiting: bool,
    now: Timestamp,
) -> StoreResult<Run> {
    let args = args![
        wanted.run_id,
        held.user_id,
        held.conversation_id,
        question,
        answer,
        wanted.model,
        wanted.agent_id,
        wanted.time_zone,
        now,
        waiting,
    ];
    row::run(&tx.one(INSERT_RUN, args).await?)
}

pub(crate) async fn regenerate(tx: &mut Tx, again: Regenerate) -> StoreResult<Sent> {
    let Regenerate {
        user_id,
        key,
        conversation_id,
        message_id,
        model,
        new_run_id,
        now,
    } = again;
    let known = repeated(tx, user_id, key.as_ref(), new_run_id, now).await?;
    if let Some(sent) = known {
        return Ok(sent);
    }
    let mut held = conversations::hold(tx, user_id, conversation_id).await?;
    let answer = messages::of_conversation(tx, user_id, conversation_id, message_id).await?;
    if answer.message_type != MessageType::AssistantResponse {
        return Err(StoreError::NotFound);
    }
    queue::make_way(tx, &mut held, OnBusy::Reject, now).await?;
    let question = branch::question(tx, message_id).await?;
    let before = tx
        .maybe(RUN_OF_QUESTION, args![conversation_id, question])
        .await?;
    let (agent_id, time_zone) = match &before {
        Some(row) => (row.get("agent_id")?, row.get("time_zone")?),
        None => (held.agent_id.clone(), None),
    };
    messages::conversation_changed(tx, &held, now);
    let model = model.or_else(|| held.model.clone());
    let wanted = Wanted {
        run_id: new_run_id,
        model,
        agent_id,
        time_zone,
    };
    let run = begin(tx, &mut held, question, wanted, now).await?;
    sent(tx, run).await
}

async fn sent(tx: &mut Tx, run: Run) -> StoreResult<Sent> {
    let user_message = messages::full(tx, run.user_id, run.user_message_id).await?;
    let ai_message = messages::full(tx, run.user_id, run.ai_message_id).await?;
    Ok(Sent {
        user_message,
        ai_message,
        run,
        repeated: false,
        interrupted: None,
    })
}

pub(crate) async fn get(tx: &mut Tx, user_id: UserId, run_id: RunId) -> StoreResult<Sent> {
    let run = row::get(tx, user_id, run_id).await?;
    sent(tx, run).await
}

pub(crate) async fn joined(tx: &mut Tx, user_id: UserId, run_id: RunId) -> StoreResult<Joined> {
    let run = row::get(tx, user_id, run_id).await?;
    Ok(Joined {
        messages: messages::of_run(tx, &run).await?,
        answer: messages::full(tx, user_id, run.ai_message_id).await?,
        cursor: feed::end(tx, user_id).await?,
        run,
    })
}
