//! The message that a model call writes to.

use domain::store::OpenAnswer;
use domain::{Fence, Message, MessageStatus, Run, StoreResult, Timestamp};

use super::row;
use crate::conversations::Held;
use crate::messages::{self, NewMessage, Said, is_written, said, said_message};
use crate::tx::Tx;

fn open_answer(message: &Message, said: Said) -> OpenAnswer {
    OpenAnswer {
        message_id: message.id,
        revision: message.revision,
        tool_arguments: i64::try_from(said.tool_arguments.len()).unwrap_or(i64::MAX),
        text: said.text,
        reasoning: said.reasoning,
    }
}

/// The open answer, made where there is none; `streaming` from here on.
pub(crate) async fn opened(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    now: Timestamp,
) -> StoreResult<Message> {
    let mut answer = messages::bare(tx, run.user_id, run.ai_message_id).await?;
    if !is_written(&answer) {
        let new = NewMessage::answer(run.run_id, MessageStatus::Streaming);
        let head = held.head;
        let id = messages::append(tx, held, head, new, now).await?;
        row::set_answer(tx, run, id).await?;
        return messages::bare(tx, run.user_id, id).await;
    }
    if answer.status == MessageStatus::Queued {
        answer.status = MessageStatus::Streaming;
        messages::write(tx, &answer).await?;
        said_message(tx, held, Some(run.run_id), answer.id, now);
    }
    Ok(answer)
}

pub(crate) async fn begin(
    tx: &mut Tx,
    fence: Fence,
    model: Option<String>,
    now: Timestamp,
) -> StoreResult<OpenAnswer> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    if let (None, Some(model)) = (&run.model, model) {
        row::set_model(tx, &mut run, model).await?;
    }
    let answer = opened(tx, &mut held, &mut run, now).await?;
    let said = said(tx, run.user_id, &answer).await?;
    Ok(open_answer(&answer, said))
}

pub(crate) async fn restart(tx: &mut Tx, fence: Fence, now: Timestamp) -> StoreResult<OpenAnswer> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    let mut answer = opened(tx, &mut held, &mut run, now).await?;
    let said = said(tx, run.user_id, &answer).await?;
    if said.is_empty() {
        return Ok(open_answer(&answer, said));
    }
    // Reasoning alone is not worth keeping, but its offsets must start again.
    if !said.text.is_empty() {
        messages::supersede(tx, run.user_id, &answer, &said.text, now).await?;
    }
    answer.revision += 1;
    messages::write(tx, &answer).await?;
    said_message(tx, &held, Some(run.run_id), answer.id, now);
    Ok(open_answer(&answer, Said::default()))
}

/// For [`super::recall`]: the answer of an unfinished model call, if one was begun.
pub(crate) async fn unfinished(tx: &mut Tx, run: &Run) -> StoreResult<Option<OpenAnswer>> {
    let answer = messages::bare(tx, run.user_id, run.ai_message_id).await?;
    if answer.status != MessageStatus::Streaming {
        return Ok(None);
    }
    let said = said(tx, run.user_id, &answer).await?;
    Ok(Some(open_answer(&answer, said)))
}
