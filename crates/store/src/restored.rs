//! After a restore: what may have gone on after the backup does not go on again by itself.
//!
//! A backup is a moment of the past. Runs that were going then have gone on, and what they asked for
//! afterwards has been done and paid for; nothing here knows of it. So they end, visibly, and their
//! users may try them again. A call that the backup has not seen leave may have left later.

use domain::step::ToolOutcome;
use domain::store::Finish;
use domain::{
    CallState, Decision, MessageStatus, Run, RunError, RunId, RunState, StoreResult, Timestamp,
    ToolClass, UserId,
};
use serde_json::json;

use crate::conversations::Held;
use crate::db::tx;
use crate::runs::{finish, ledger, row};
use crate::sql::{Sql, statements};
use crate::tx::Tx;
use crate::value::args;
use crate::{SqlStore, approvals, messages, open};

statements! {
    /// Behind another run nobody has begun: its turn comes when that one has ended.
    UNFINISHED {
        "SELECT user_id, run_id FROM runs WHERE state IN ('queued', 'running') AND NOT waiting \
         ORDER BY run_id"
    }
    PARKED { "SELECT user_id, run_id FROM runs WHERE state = 'awaiting_approval' ORDER BY run_id" }
}

/// What was not to go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Runs that were ended.
    pub ended: u64,
    /// Calls that may have been made after the backup.
    pub unknown: u64,
}

impl SqlStore {
    /// To be called once after a restore, before a server starts. Makes every cursor that was given
    /// out so far invalid. Ends the runs that were going (`failed`, code `restored`; `cancelled`
    /// where a stop was recorded), and those that waited behind them. Effectful and keyed calls
    /// without an outcome become `unknown`. What waits for its user's word goes on waiting, with the
    /// queue behind it.
    pub async fn begin_anew(&self) -> StoreResult<Restored> {
        let now = self.clock.now();
        tx!(self, anew, now)
    }
}

async fn anew(tx: &mut Tx, now: Timestamp) -> StoreResult<Restored> {
    open::new_epoch(tx, now).await?;
    let mut done = Restored::default();
    for (user_id, run_id) in found(tx, PARKED).await? {
        let (mut held, mut run) = row::held(tx, user_id, run_id).await?;
        let unknown = doubt(tx, &mut held, &mut run, now).await?;
        if unknown > 0 {
            messages::conversation_changed(tx, &held, now);
        }
        done.unknown += unknown;
    }
    // The end of a run gives its place to the next of the queue.
    loop {
        let unfinished = found(tx, UNFINISHED).await?;
        if unfinished.is_empty() {
            return Ok(done);
        }
        for (user_id, run_id) in unfinished {
            let (mut held, mut run) = row::held(tx, user_id, run_id).await?;
            done.unknown += doubt(tx, &mut held, &mut run, now).await?;
            let end = ending(&run, now);
            finish::end(tx, &mut held, &mut run, end).await?;
            done.ended += 1;
        }
    }
}

async fn found(tx: &mut Tx, which: Sql) -> StoreResult<Vec<(UserId, RunId)>> {
    tx.all(which, args![])
        .await?
        .iter()
        .map(|row| Ok((UserId(row.get("user_id")?), RunId(row.get("run_id")?))))
        .collect()
}

fn ending(run: &Run, now: Timestamp) -> Finish {
    let (state, message_status, error) = if run.cancel_requested {
        (RunState::Cancelled, MessageStatus::Cancelled, None)
    } else {
        let error = RunError {
            code: "restored".to_owned(),
            detail: "The server was restored from a backup that is older than the end of this \
                     answer. What it did after the backup is not known any more. Try again for a \
                     new answer."
                .to_owned(),
            retryable: true,
        };
        (RunState::Failed, MessageStatus::Failed, Some(error))
    };
    Finish {
        state,
        message_status,
        text: None,
        reasoning: None,
        usage: run.usage,
        error,
        additional_data: json!({}),
        now,
    }
}

/// Calls that were free to leave and leave traces: nobody knows of them now. A key does not help: the
/// service may have forgotten it since the backup.
async fn doubt(tx: &mut Tx, held: &mut Held, run: &mut Run, now: Timestamp) -> StoreResult<u64> {
    let approvals = approvals::of_run(tx, run.run_id).await?;
    let mut unknown = 0;
    for found in ledger::open(tx, run.run_id).await? {
        let entry = &found.entry;
        let kept_back = approvals.iter().any(|approval| {
            approval.call_id == entry.call_id && approval.decision != Some(Decision::Approve)
        });
        if kept_back || !matches!(entry.class, ToolClass::Effectful | ToolClass::Keyed) {
            continue;
        }
        let outcome = ToolOutcome::without_result(
            CallState::Unknown,
            "The server was restored from a backup that does not know what came of this call. It \
             may or may not have happened.",
        );
        ledger::settle(tx, held, run, entry, &outcome, now).await?;
        unknown += 1;
    }
    Ok(unknown)
}
