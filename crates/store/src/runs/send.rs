//! A user's message and the run that answers it.

use domain::conversation::NewConversation;
use domain::sabotage::{Mechanism, sabotaged};
use domain::store::{IdempotencyKey, Regenerate, SendMessage, Sent};
use domain::{
    MessageId, MessageStatus, MessageType, Role, Run, RunId, StoreError, StoreResult, Timestamp,
    UserId,
};

use super::row::{self, run_columns};
use crate::conversations::{self, Held};
use crate::messages::{self, NewMessage};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;
use crate::{branch, keys};

statements! {
    INSERT_RUN {
        "INSERT INTO runs (run_id, user_id, conversation_id, user_message_id, ai_message_id, \
         state, model, agent_id, time_zone, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9) RETURNING " run_columns!()
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

pub(crate) async fn refuse_busy(tx: &mut Tx, held: &Held) -> StoreResult<()> {
    if sabotaged(Mechanism::OneActiveRun) {
        return Ok(());
    }
    let live = conversations::live_runs(tx, held.conversation_id).await?;
    match live.first() {
        Some(&(run_id, state)) => Err(StoreError::RunActive {
            run_id,
            state,
            head: held.head,
        }),
        None => Ok(()),
    }
}

pub(crate) async fn send(tx: &mut Tx, send: SendMessage) -> StoreResult<Sent> {
    let now = send.now;
    let known = repeated(tx, send.user_id, send.key.as_ref(), send.new_run_id, now).await?;
    if let Some(sent) = known {
        return Ok(sent);
    }
    let mut held = match send.conversation_id {
        Some(id) => {
            let held = conversations::hold(tx, send.user_id, id).await?;
            refuse_busy(tx, &held).await?;
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
            Some(
                messages::of_conversation(tx, send.user_id, conversation_id, id)
                    .await?
                    .id,
            )
        }
        None => held.head,
    };
    conversations::name_after(tx, &mut held, &send.content).await?;
    messages::conversation_changed(tx, &held, now);
    let question = NewMessage {
        role: Role::User,
        message_type: MessageType::UserInput,
        content: send.content,
        status: MessageStatus::Complete,
        tool_name: None,
        tool_success: None,
        additional_data: None,
        run_id: Some(send.new_run_id),
        client_message_id: send.client_message_id,
    };
    let question = messages::append(tx, &mut held, parent, question, now).await?;
    let wanted = Wanted {
        run_id: send.new_run_id,
        model: send.model.or_else(|| held.model.clone()),
        agent_id: send.agent_id.or_else(|| held.agent_id.clone()),
        time_zone: send.time_zone,
    };
    let run = queue(tx, &mut held, question, wanted, now).await?;
    sent(tx, run).await
}

pub(crate) struct Wanted {
    pub(crate) run_id: RunId,
    pub(crate) model: Option<String>,
    pub(crate) agent_id: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// The first answer and the run, behind the user's message.
async fn queue(
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

/// A run in the queue, between its question and its answer.
pub(crate) async fn insert_run(
    tx: &mut Tx,
    held: &Held,
    (question, answer): (MessageId, MessageId),
    wanted: Wanted,
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
    ];
    let run = row::run(&tx.one(INSERT_RUN, args).await?)?;
    row::said(tx, &run, now);
    Ok(run)
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
    refuse_busy(tx, &held).await?;
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
    let run = queue(tx, &mut held, question, wanted, now).await?;
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
    })
}

pub(crate) async fn get(tx: &mut Tx, user_id: UserId, run_id: RunId) -> StoreResult<Sent> {
    let run = row::get(tx, user_id, run_id).await?;
    sent(tx, run).await
}
