//! Stop: recorded at once, carried out by the driver, or here where nobody drives.

use domain::store::Finish;
use domain::{MessageStatus, Run, RunId, RunState, StoreResult, Timestamp, UserId};
use serde_json::json;

use super::{finish, queue, row};
use crate::conversations::Held;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    WANT_CANCEL { "UPDATE runs SET cancel_requested = TRUE WHERE run_id = $1" }
    LEASED { "SELECT run_id FROM runs WHERE run_id = $1 AND lease_until >= $2" }
}

pub(crate) async fn request(
    tx: &mut Tx,
    user_id: UserId,
    run_id: RunId,
    now: Timestamp,
) -> StoreResult<Run> {
    let (mut held, mut run) = row::held(tx, user_id, run_id).await?;
    if run.state.is_terminal() {
        return Ok(run);
    }
    if run.waiting {
        return queue::withdraw(tx, &held, run, now).await;
    }
    tx.run(WANT_CANCEL, args![run_id]).await?;
    run.cancel_requested = true;
    let driven =
        run.state == RunState::Running && tx.maybe(LEASED, args![run_id, now]).await?.is_some();
    if !driven {
        end_now(tx, &mut held, &mut run, MessageStatus::Cancelled, now).await?;
    }
    Ok(run)
}

/// Ends the run with what it has said so far, whoever drives it: that driver finds no running row
/// any more and writes nothing.
pub(super) async fn end_now(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    message_status: MessageStatus,
    now: Timestamp,
) -> StoreResult<()> {
    let end = Finish {
        state: RunState::Cancelled,
        message_status,
        text: None,
        reasoning: None,
        usage: run.usage,
        error: None,
        additional_data: json!({}),
        now,
    };
    finish::end(tx, held, run, end).await?;
    run.node_id = None;
    Ok(())
}
