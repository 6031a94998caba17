//! An unknown call, made once more at its user's word: a run that begins with the call.

use domain::store::NewRetry;
use domain::{Call, MessageStatus, OnBusy, StoreError, StoreResult, Timestamp};

use super::intent::{self, Intent};
use super::queue as waiting;
use super::row;
use super::send::{self, Wanted};
use crate::branch;
use crate::conversations::Held;
use crate::messages::{self, NewMessage};
use crate::tx::Tx;

/// At the head of the active branch, whatever was said since: history only grows at its end. An
/// answer without text asks for the call, as that of a model does that only calls.
pub(crate) async fn queue(
    tx: &mut Tx,
    held: &mut Held,
    original: &Call,
    new: NewRetry,
    now: Timestamp,
) -> StoreResult<()> {
    waiting::make_way(tx, held, OnBusy::Reject, now).await?;
    let head = held.head.ok_or(StoreError::NotFound)?;
    let question = branch::question(tx, head).await?;
    let before = row::get(tx, held.user_id, original.entry.run_id).await?;
    let answer = NewMessage::answer(new.run_id, MessageStatus::Complete);
    let answer = messages::append(tx, held, Some(head), answer, now).await?;
    let wanted = Wanted {
        run_id: new.run_id,
        model: held.model.clone().or(before.model),
        agent_id: before.agent_id,
        time_zone: before.time_zone,
    };
    let run = send::insert_run(tx, held, (question, answer), wanted, now).await?;
    let entry = &original.entry;
    let intent = Intent {
        call_id: new.call_id,
        tool_name: entry.tool_name.clone(),
        class: entry.class,
        arguments: entry.arguments.clone(),
        step: 0,
        position: 0,
        retry_of: Some((entry.call_id, entry.key)),
        permitted: false,
    };
    intent::record(tx, held, &run, intent, now).await?;
    Ok(())
}
