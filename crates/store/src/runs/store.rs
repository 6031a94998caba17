//! The port, wired to the operations.

use async_trait::async_trait;
use domain::step::ToolOutcome;
use domain::store::{
    Finish, Joined, ModelStep, OpenAnswer, Regenerate, Renewal, RunRecords, RunStore, SendMessage,
    Sent,
};
use domain::todo::Command;
use domain::{
    CallId, ConversationId, Delta, Fence, LedgerEntry, Message, MessageId, NodeId, Run, RunId,
    StoreResult, Timestamp, UserId,
};

use super::{answer, cancel, claim, finish, ledger, queue, recall, row, send, step};
use crate::db::{Db, read, snapshot, tx};
use crate::{SqlStore, approvals, branch};

#[async_trait]
impl RunStore for SqlStore {
    async fn send(&self, send: SendMessage) -> StoreResult<Sent> {
        tx!(self, send::send, send)
    }

    async fn change_queued(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
        content: String,
        now: Timestamp,
    ) -> StoreResult<Message> {
        tx!(
            self,
            queue::change,
            user_id,
            conversation_id,
            message_id,
            content,
            now
        )
    }

    async fn remove_queued(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
        now: Timestamp,
    ) -> StoreResult<()> {
        tx!(
            self,
            queue::remove,
            user_id,
            conversation_id,
            message_id,
            now
        )
    }

    async fn regenerate(&self, again: Regenerate) -> StoreResult<Sent> {
        tx!(self, send::regenerate, again)
    }

    async fn run(&self, user_id: UserId, run_id: RunId) -> StoreResult<Run> {
        read!(self, row::get, user_id, run_id)
    }

    async fn sent(&self, user_id: UserId, run_id: RunId) -> StoreResult<Sent> {
        snapshot!(self, send::get, user_id, run_id)
    }

    async fn joined(&self, user_id: UserId, run_id: RunId) -> StoreResult<Joined> {
        snapshot!(self, send::joined, user_id, run_id)
    }

    async fn request_cancel(
        &self,
        user_id: UserId,
        run_id: RunId,
        now: Timestamp,
    ) -> StoreResult<Run> {
        tx!(self, cancel::request, user_id, run_id, now)
    }

    async fn claim(
        &self,
        node: NodeId,
        now: Timestamp,
        max: i64,
        recover: bool,
    ) -> StoreResult<Vec<Run>> {
        tx!(self, claim::claim, node, now, max, recover)
    }

    async fn renew(&self, node: NodeId, runs: Vec<RunId>, now: Timestamp) -> StoreResult<Renewal> {
        tx!(self, claim::renew, node, runs, now)
    }

    async fn release(&self, fence: Fence, now: Timestamp) -> StoreResult<()> {
        tx!(self, claim::release, fence, now)
    }

    async fn recall(&self, fence: Fence) -> StoreResult<RunRecords> {
        snapshot!(self, recall::recall, fence)
    }

    async fn history(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        leaf: MessageId,
        max_bytes: usize,
    ) -> StoreResult<(Vec<Message>, bool)> {
        let max_bytes = i64::try_from(max_bytes).unwrap_or(i64::MAX);
        snapshot!(
            self,
            branch::history,
            user_id,
            conversation_id,
            leaf,
            max_bytes
        )
    }

    async fn begin_answer(
        &self,
        fence: Fence,
        model: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<OpenAnswer> {
        let model = model.map(str::to_owned);
        tx!(self, answer::begin, fence, model, now)
    }

    async fn restart_answer(&self, fence: Fence, now: Timestamp) -> StoreResult<OpenAnswer> {
        tx!(self, answer::restart, fence, now)
    }

    async fn append_deltas(
        &self,
        fence: Fence,
        deltas: Vec<Delta>,
        now: Timestamp,
    ) -> StoreResult<()> {
        match &self.db {
            Db::Sqlite { journal, .. } => journal.deltas(fence, deltas, now).await,
            Db::Postgres { deltas: task, .. } => task.append(fence, deltas, now).await,
        }
    }

    async fn record_model_step(
        &self,
        fence: Fence,
        step: ModelStep,
    ) -> StoreResult<Vec<LedgerEntry>> {
        tx!(self, step::record_model_step, fence, step)
    }

    async fn call_running(&self, fence: Fence, call_id: CallId, now: Timestamp) -> StoreResult<()> {
        tx!(self, ledger::running, fence, call_id, now)
    }

    async fn record_outcome(
        &self,
        fence: Fence,
        call_id: CallId,
        outcome: ToolOutcome,
        now: Timestamp,
    ) -> StoreResult<ToolOutcome> {
        tx!(self, ledger::record_outcome, fence, call_id, outcome, now)
    }

    async fn commit_command(
        &self,
        fence: Fence,
        call_id: CallId,
        command: Command,
        now: Timestamp,
    ) -> StoreResult<ToolOutcome> {
        tx!(self, ledger::commit_command, fence, call_id, command, now)
    }

    async fn park(&self, fence: Fence, now: Timestamp) -> StoreResult<bool> {
        tx!(self, approvals::park, fence, now)
    }

    async fn finish(&self, fence: Fence, finish: Finish) -> StoreResult<()> {
        tx!(self, finish::finish, fence, finish)
    }
}
