//! Stop: recorded at once, carried out by the driver, or here where nobody drives.

use domain::store::Finish;
use domain::{MessageStatus, Run, RunId, RunState, StoreResult, Timestamp, UserId};
use serde_json::json;

use super::{finish, row};
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
    tx.run(WANT_CANCEL, args![run_id]).await?;
    run.cancel_requested = true;
    let driven =
        run.state == RunState::Running && tx.maybe(LEASED, args![run_id, now]).await?.is_some();
    if !driven {
        let usage = run.usage;
        let end = Finish {
            state: RunState::Cancelled,
            message_status: MessageStatus::Cancelled,
            text: None,
            reasoning: None,
            usage,
            error: None,
            additional_data: json!({}),
            now,
        };
        finish::end(tx, &mut held, &mut run, end).await?;
        run.node_id = None;
    }
    Ok(run)
}
