//! Approvals: decided once, from any device; the run parks meanwhile.

use async_trait::async_trait;
use domain::store::ApprovalStore;
use domain::{
    Approval, ApprovalId, CallId, ConversationId, Decision, EventBody, Fence, MessageStatus, Run,
    RunId, RunState, Scope, StoreError, StoreResult, Timestamp, UserId,
};

use crate::SqlStore;
use crate::conversations::Held;
use crate::db::{read, tx};
use crate::messages::{self, said_message};
use crate::permissions;
use crate::runs::row;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, Value, args};

macro_rules! columns {
    () => {
        "approval_id, user_id, conversation_id, run_id, call_id, tool_name, arguments, \
         arguments_hash, decision, scope, created_at, decided_at"
    };
}

statements! {
    INSERT_APPROVAL {
        "INSERT INTO approvals (approval_id, user_id, conversation_id, run_id, call_id, tool_name, \
         arguments, arguments_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    }
    UNDECIDED_OF_USER {
        "SELECT " columns!() " FROM approvals WHERE user_id = $1 AND decision IS NULL \
         ORDER BY created_at, approval_id"
    }
    APPROVALS_BY_ID {
        "SELECT " columns!() " FROM approvals WHERE user_id = $1 AND approval_id IN " uuids("$2")
        " ORDER BY created_at, approval_id"
    }
    APPROVALS_OF_RUN {
        "SELECT " columns!() " FROM approvals WHERE run_id = $1 ORDER BY created_at, approval_id"
    }
    APPROVAL { "SELECT " columns!() " FROM approvals WHERE approval_id = $1 AND user_id = $2" }
    DECIDE {
        "UPDATE approvals SET decision = $2, decided_at = $3, scope = $5 \
         WHERE approval_id = $1 AND decision IS NULL AND arguments_hash = $4 \
         RETURNING " columns!()
    }
    DENY_UNDECIDED {
        "UPDATE approvals SET decision = 'deny', decided_at = $3 \
         WHERE run_id = $1 AND call_id = $2 AND decision IS NULL RETURNING " columns!()
    }
    ANY_UNDECIDED {
        "SELECT approval_id FROM approvals WHERE run_id = $1 AND decision IS NULL LIMIT 1"
    }
    PARK {
        "UPDATE runs SET state = 'awaiting_approval', node_id = NULL, lease_until = NULL \
         WHERE run_id = $1"
    }
    UNPARK { "UPDATE runs SET state = 'queued' WHERE run_id = $1" }
}

fn approval(row: &Row) -> StoreResult<Approval> {
    let decision = match row.get::<Option<String>>("decision")? {
        Some(_) => Some(row.word("decision", Decision::parse)?),
        None => None,
    };
    let scope = match row.get::<Option<String>>("scope")? {
        Some(_) => Some(row.word("scope", Scope::parse)?),
        None => None,
    };
    Ok(Approval {
        approval_id: ApprovalId(row.get("approval_id")?),
        user_id: UserId(row.get("user_id")?),
        conversation_id: ConversationId(row.get("conversation_id")?),
        run_id: RunId(row.get("run_id")?),
        call_id: CallId(row.get("call_id")?),
        tool_name: row.get("tool_name")?,
        arguments: row.json("arguments")?.unwrap_or_default(),
        arguments_hash: row.get("arguments_hash")?,
        decision,
        scope,
        created_at: row.time("created_at")?,
        decided_at: row.maybe_time("decided_at")?,
    })
}

fn said(tx: &mut Tx, approval: &Approval, now: Timestamp) {
    let body = EventBody::Approval {
        approval_id: approval.approval_id,
    };
    let (conversation, run) = (Some(approval.conversation_id), Some(approval.run_id));
    tx.emit(approval.user_id, conversation, run, body, now);
}

pub(crate) async fn insert(tx: &mut Tx, new: &Approval) -> StoreResult<()> {
    let args = args![
        new.approval_id,
        new.user_id,
        new.conversation_id,
        new.run_id,
        new.call_id,
        &new.tool_name,
        &new.arguments,
        &new.arguments_hash,
        new.created_at,
    ];
    tx.run(INSERT_APPROVAL, args).await?;
    said(tx, new, new.created_at);
    Ok(())
}

pub(crate) async fn of_run(tx: &mut Tx, run_id: RunId) -> StoreResult<Vec<Approval>> {
    tx.all(APPROVALS_OF_RUN, args![run_id])
        .await?
        .iter()
        .map(approval)
        .collect()
}

async fn undecided(tx: &mut Tx, user_id: UserId) -> StoreResult<Vec<Approval>> {
    tx.all(UNDECIDED_OF_USER, args![user_id])
        .await?
        .iter()
        .map(approval)
        .collect()
}

async fn by_id(tx: &mut Tx, user_id: UserId, ids: Vec<uuid::Uuid>) -> StoreResult<Vec<Approval>> {
    let rows = tx
        .all(APPROVALS_BY_ID, args![user_id, Value::Uuids(ids)])
        .await?;
    rows.iter().map(approval).collect()
}

/// Compare-and-set; `None` when it was decided before or is about other arguments.
async fn settle(
    tx: &mut Tx,
    id: ApprovalId,
    (decision, scope): (Decision, Option<Scope>),
    arguments_hash: &str,
    now: Timestamp,
) -> StoreResult<Option<Approval>> {
    let args = args![
        id,
        decision.as_str(),
        now,
        arguments_hash,
        scope.map(Scope::as_str)
    ];
    let row = tx.maybe(DECIDE, args).await?;
    let decided = row.as_ref().map(approval).transpose()?;
    if let Some(decided) = &decided {
        said(tx, decided, now);
    }
    Ok(decided)
}

/// The call is not made any more: if nobody decided about it, that is denied, so that nobody is asked
/// for ever.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    run_id: RunId,
    call_id: CallId,
    now: Timestamp,
) -> StoreResult<()> {
    let row = tx
        .maybe(DENY_UNDECIDED, args![run_id, call_id, now])
        .await?;
    if let Some(row) = &row {
        said(tx, &approval(row)?, now);
    }
    Ok(())
}

/// Shows on the newest answer that the run waits, or no longer does.
async fn mark(
    tx: &mut Tx,
    held: &Held,
    run: &Run,
    status: MessageStatus,
    now: Timestamp,
) -> StoreResult<()> {
    let mut answer = messages::bare(tx, run.user_id, run.ai_message_id).await?;
    // Only a recorded answer waits; its text is in its row.
    if messages::is_written(&answer) || answer.status == status {
        return Ok(());
    }
    answer.status = status;
    messages::write(tx, &answer).await?;
    said_message(tx, held, Some(run.run_id), answer.id, now);
    Ok(())
}

pub(crate) async fn park(tx: &mut Tx, fence: Fence, now: Timestamp) -> StoreResult<bool> {
    let (held, mut run) = row::fenced(tx, fence).await?;
    // A stop that was recorded meanwhile is the driver's to carry out: nobody owns a parked run.
    let open = tx.maybe(ANY_UNDECIDED, args![run.run_id]).await?.is_some();
    if !open || run.cancel_requested {
        return Ok(false);
    }
    tx.run(PARK, args![run.run_id]).await?;
    run.state = RunState::AwaitingApproval;
    mark(tx, &held, &run, MessageStatus::AwaitingApproval, now).await?;
    row::said(tx, &run, now);
    Ok(true)
}

async fn decide(
    tx: &mut Tx,
    user_id: UserId,
    id: ApprovalId,
    decision: Decision,
    scope: Scope,
    arguments_hash: String,
    now: Timestamp,
) -> StoreResult<Approval> {
    let seen = approval(&tx.one(APPROVAL, args![id, user_id]).await?)?;
    let (held, mut run) = row::held(tx, user_id, seen.run_id).await?;
    let scope = (decision == Decision::Approve).then_some(scope);
    let Some(decided) = settle(tx, id, (decision, scope), &arguments_hash, now).await? else {
        let seen = approval(&tx.one(APPROVAL, args![id, user_id]).await?)?;
        return Err(match seen.decision {
            Some(_) => conflict("already_decided", "This call has been decided already."),
            None => conflict(
                "arguments_changed",
                "The call is not the one that was shown.",
            ),
        });
    };
    if scope == Some(Scope::Conversation) {
        permissions::give(tx, &held, &decided.tool_name, now).await?;
    }
    let parked = run.state == RunState::AwaitingApproval;
    if parked && tx.maybe(ANY_UNDECIDED, args![run.run_id]).await?.is_none() {
        tx.run(UNPARK, args![run.run_id]).await?;
        run.state = RunState::Queued;
        mark(tx, &held, &run, MessageStatus::Complete, now).await?;
        row::said(tx, &run, now);
    }
    Ok(decided)
}

fn conflict(code: &'static str, detail: &str) -> StoreError {
    StoreError::Conflict {
        code,
        detail: detail.to_owned(),
    }
}

#[async_trait]
impl ApprovalStore for SqlStore {
    async fn approvals(&self, user_id: UserId) -> StoreResult<Vec<Approval>> {
        read!(self, undecided, user_id)
    }

    async fn approvals_by_id(
        &self,
        user_id: UserId,
        ids: &[ApprovalId],
    ) -> StoreResult<Vec<Approval>> {
        let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
        read!(self, by_id, user_id, ids)
    }

    async fn decide(
        &self,
        user_id: UserId,
        id: ApprovalId,
        decision: Decision,
        scope: Scope,
        arguments_hash: &str,
        now: Timestamp,
    ) -> StoreResult<Approval> {
        let arguments_hash = arguments_hash.to_owned();
        tx!(
            self,
            decide,
            user_id,
            id,
            decision,
            scope,
            arguments_hash,
            now
        )
    }
}
