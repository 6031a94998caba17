//! Everything recorded about a run.

use domain::store::RunRecords;
use domain::{Fence, StoreResult};

use super::{answer, ledger, row, step};
use crate::approvals;
use crate::tx::Tx;

pub(crate) async fn recall(tx: &mut Tx, fence: Fence) -> StoreResult<RunRecords> {
    let run = row::peek(tx, fence).await?;
    Ok(RunRecords {
        steps: step::all(tx, &run).await?,
        ledger: ledger::of_last_step(tx, run.run_id).await?,
        approvals: approvals::of_run(tx, run.run_id).await?,
        open_answer: answer::unfinished(tx, &run).await?,
        run,
    })
}
