//! Who drives a run: claims, leases, hand-over.

use domain::limits::LEASE_MS;
use domain::store::Renewal;
use domain::{Fence, NodeId, Run, RunId, RunState, StoreResult, Timestamp};

use super::row::{self, run_columns};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Value, args};

statements! {
    /// What waits behind another run is not claimed: the end of that run makes it claimable.
    CLAIMABLE {
        "SELECT r.run_id FROM runs r WHERE (r.state = 'queued' AND NOT r.waiting) \
         OR (r.state = 'running' AND (r.lease_until < $1 OR ($2 AND r.node_id <> $3))) \
         ORDER BY r.created_at, r.run_id LIMIT $4" skip_locked
    }
    CLAIM {
        "UPDATE runs SET state = 'running', fence = fence + 1, node_id = $2, lease_until = $3, \
         attempts = attempts + CASE WHEN state = 'running' THEN 1 ELSE 0 END, \
         started_at = COALESCE(started_at, $4) WHERE run_id IN " uuids("$1")
        " AND state IN ('queued', 'running') RETURNING " run_columns!()
    }
    RENEW {
        "UPDATE runs SET lease_until = $3 WHERE run_id IN (SELECT run_id FROM runs \
         WHERE run_id IN " uuids("$1") " AND node_id = $2 AND state = 'running' ORDER BY run_id" lock
        ") RETURNING run_id, cancel_requested"
    }
    RELEASE {
        "UPDATE runs SET state = 'queued', node_id = NULL, lease_until = NULL WHERE run_id = $1"
    }
}

pub(crate) async fn claim(
    tx: &mut Tx,
    node: NodeId,
    now: Timestamp,
    max: i64,
    recover: bool,
) -> StoreResult<Vec<Run>> {
    let rows = tx
        .all(CLAIMABLE, args![now, recover, node, max.max(0)])
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows
        .iter()
        .map(|row| row.get("run_id"))
        .collect::<StoreResult<Vec<_>>>()?;
    let lease_until = now.plus_millis(LEASE_MS);
    let rows = tx
        .all(CLAIM, args![Value::Uuids(ids), node, lease_until, now])
        .await?;
    let mut runs = rows.iter().map(row::run).collect::<StoreResult<Vec<_>>>()?;
    runs.sort_by_key(|run| (run.created_at, run.run_id));
    for run in &runs {
        row::said(tx, run, now);
    }
    Ok(runs)
}

pub(crate) async fn renew(
    tx: &mut Tx,
    node: NodeId,
    runs: Vec<RunId>,
    now: Timestamp,
) -> StoreResult<Renewal> {
    let mut renewal = Renewal::default();
    let runs = Value::Uuids(runs.into_iter().map(|run_id| run_id.0).collect());
    let lease_until = now.plus_millis(LEASE_MS);
    for row in tx.all(RENEW, args![runs, node, lease_until]).await? {
        let run_id = RunId(row.get("run_id")?);
        renewal.kept.push(run_id);
        if row.get("cancel_requested")? {
            renewal.cancel_requested.push(run_id);
        }
    }
    Ok(renewal)
}

pub(crate) async fn release(tx: &mut Tx, fence: Fence, now: Timestamp) -> StoreResult<()> {
    let (_, mut run) = row::fenced(tx, fence).await?;
    tx.run(RELEASE, args![run.run_id]).await?;
    run.state = RunState::Queued;
    row::said(tx, &run, now);
    Ok(())
}
