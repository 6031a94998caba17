//! Runs: what is sent, what is recorded of them, how they end.

use async_trait::async_trait;
use serde_json::Value;

use super::IdempotencyKey;
use crate::step::ToolOutcome;
use crate::todo::Command;
use crate::{
    Approval, ApprovalId, CallId, ConversationId, Cursor, Delta, Fence, FinishReason, LedgerEntry,
    Message, MessageId, MessageStatus, NodeId, OnBusy, Run, RunError, RunId, RunState, Step,
    StoreResult, Timestamp, ToolCall, ToolClass, Usage, UserId,
};

/// A user's message and the run that answers it.
#[derive(Debug, Clone)]
pub struct SendMessage {
    pub user_id: UserId,
    pub key: Option<IdempotencyKey>,
    /// As the client sent it, echoed in the message.
    pub client_message_id: Option<String>,
    /// `None`: a new conversation.
    pub conversation_id: Option<ConversationId>,
    /// `None`: the head of the active branch. A message of the same conversation otherwise; sending
    /// to it makes a branch and moves the head. What waits in the queue can't be a parent yet
    /// (conflict `parent_queued`).
    pub parent_id: Option<MessageId>,
    /// Beside an active run.
    pub on_busy: OnBusy,
    pub content: String,
    pub model: Option<String>,
    pub agent_id: Option<String>,
    pub time_zone: Option<String>,
    /// Used when a conversation is made.
    pub new_conversation_id: ConversationId,
    pub new_run_id: RunId,
    pub now: Timestamp,
}

/// Another answer beside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regenerate {
    pub user_id: UserId,
    pub key: Option<IdempotencyKey>,
    pub conversation_id: ConversationId,
    /// An `assistant_response` of the conversation.
    pub message_id: MessageId,
    pub model: Option<String>,
    pub new_run_id: RunId,
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub user_message: Message,
    /// The newest `assistant_response` of the run.
    pub ai_message: Message,
    pub run: Run,
    /// The key was known: nothing was written.
    pub repeated: bool,
    /// The run that this message ended ([`OnBusy::Interrupt`]): its driver is to be told.
    pub interrupted: Option<RunId>,
}

/// A run in its middle, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    pub run: Run,
    /// The user's message, and what the run has said so far: oldest first. Many, and long ones among
    /// them.
    pub messages: Vec<MessageId>,
    /// The newest answer: of the others nothing is written any more.
    pub answer: Message,
    /// The feed position of that moment.
    pub cursor: Cursor,
}

/// Everything recorded about a run: what the machine is restored from.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecords {
    pub run: Run,
    pub steps: Vec<Step>,
    /// Of the last model step.
    pub ledger: Vec<LedgerEntry>,
    pub approvals: Vec<Approval>,
    /// The message of an unfinished model call, if one was begun.
    pub open_answer: Option<OpenAnswer>,
}

/// The message that a model call writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAnswer {
    pub message_id: MessageId,
    pub revision: i64,
    /// What the stored deltas of this revision add up to.
    pub text: String,
    pub reasoning: String,
    /// UTF-8 bytes of tool arguments that were streamed.
    pub tool_arguments: i64,
}

/// A model call that ended with tool calls.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelStep {
    pub message_id: MessageId,
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<PlannedCall>,
    pub finish: FinishReason,
    pub usage: Usage,
    /// Merged into the message's `additional_data`.
    pub additional_data: Value,
    pub now: Timestamp,
}

/// A call with what its tool says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedCall {
    pub call: ToolCall,
    pub class: ToolClass,
    /// An approval is wanted before it may run, unless the conversation has a permission for its
    /// tool: no approval is recorded then, and the records say that it may be made.
    pub approval: Option<(ApprovalId, String)>,
    /// It is not made, and why: recorded together with it, so that nobody ever finds it open.
    pub refused: Option<ToolOutcome>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// `Completed`, `Failed` or `Cancelled`.
    pub state: RunState,
    pub message_status: MessageStatus,
    /// The whole text of the open answer; `None` keeps what the stored deltas add up to.
    pub text: Option<String>,
    pub reasoning: Option<String>,
    pub usage: Usage,
    pub error: Option<RunError>,
    /// Merged into the message's `additional_data`.
    pub additional_data: Value,
    pub now: Timestamp,
}

/// What a node learns when it renews its leases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Still this node's.
    pub kept: Vec<RunId>,
    /// Of those, the ones with a recorded stop.
    pub cancel_requested: Vec<RunId>,
}

#[async_trait]
pub trait RunStore {
    /// Stores the message and its run (`queued`), with its first `assistant_response` (`queued`),
    /// in one transaction. Errors: `NotFound` (conversation or parent), `RunActive`, `KeyReused`,
    /// `Gone`, the conflicts `queue_full` and `parent_queued`. Safe to repeat with a key. Events:
    /// `conversation`, both `message`s, `run`.
    ///
    /// Beside an active run, by `on_busy`: `RunActive`; or the run waits, its message `queued` and
    /// outside the tree (events: `conversation`, the user's `message`); or the active run is ended
    /// in the same transaction, under whoever drives it. The end of a run, however it comes about,
    /// gives the first that waits its place: parent is the head of that moment, and from then on it
    /// is like a message that was just sent.
    async fn send(&self, send: SendMessage) -> StoreResult<Sent>;
    /// Changes the text of a message that waits in the queue. Conflict `not_queued` for every other
    /// message of the user. Event: `message`.
    async fn change_queued(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
        content: String,
        now: Timestamp,
    ) -> StoreResult<Message>;
    /// Removes a message that waits in the queue, with its run; nothing of them remains, and its
    /// key answers `Gone`. Conflict `not_queued`. Events: `run` cancelled, `message_deleted`,
    /// `conversation`.
    async fn remove_queued(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
        now: Timestamp,
    ) -> StoreResult<()>;
    /// A new answer beside `message_id` (an `assistant_response`): a run for the user message that
    /// it answers. Errors and repeats as above.
    async fn regenerate(&self, again: Regenerate) -> StoreResult<Sent>;
    async fn run(&self, user_id: UserId, run_id: RunId) -> StoreResult<Run>;
    /// The run with its two messages in their current state.
    async fn sent(&self, user_id: UserId, run_id: RunId) -> StoreResult<Sent>;
    /// The run, which messages it has, tool results among them, its newest answer and the feed
    /// position of the same snapshot: whoever goes on from there misses nothing of the run and hears
    /// nothing twice.
    async fn joined(&self, user_id: UserId, run_id: RunId) -> StoreResult<Joined>;
    /// Records that the user wants the run stopped. A run without an owner (`queued`,
    /// `awaiting_approval`, lease over) ends as `cancelled` at once; a running one is ended by its
    /// driver. One that waits leaves the queue, its message `cancelled`, and the others stay.
    /// Answers the run as it is then; a terminal run unchanged.
    async fn request_cancel(
        &self,
        user_id: UserId,
        run_id: RunId,
        now: Timestamp,
    ) -> StoreResult<Run>;

    /// Takes up to `max` runs that are `queued`, or `running` with a lease that is over; `recover`
    /// takes `running` ones of other nodes whatever their lease (single process, at boot). Fence + 1;
    /// attempts + 1 where it was `running`. Skips runs that wait behind another. First in, first
    /// out. Event: `run` running.
    async fn claim(
        &self,
        node: NodeId,
        now: Timestamp,
        max: i64,
        recover: bool,
    ) -> StoreResult<Vec<Run>>;
    /// One statement for these runs of the node: those that are driven, or could not be ended yet. What
    /// nobody holds any more, such as a claim whose commit was not heard of, runs out and is claimed
    /// again.
    async fn renew(&self, node: NodeId, runs: Vec<RunId>, now: Timestamp) -> StoreResult<Renewal>;
    /// Hands a run back at drain: `queued`, attempts unchanged.
    async fn release(&self, fence: Fence, now: Timestamp) -> StoreResult<()>;
    /// Everything recorded about the run. Needs the fence.
    async fn recall(&self, fence: Fence) -> StoreResult<RunRecords>;
    /// The branch that ends in `leaf` (included), oldest first: the newest messages whose contents
    /// fit in `max_bytes` together (at least one), and whether older ones were left out.
    async fn history(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        leaf: MessageId,
        max_bytes: usize,
    ) -> StoreResult<(Vec<Message>, bool)>;

    /// Makes ready for a model call: the open answer as it is (now `streaming`), or a new
    /// `assistant_response` at the end of the branch. `model` becomes the run's where it has none,
    /// so that whoever takes the run up later knows who wrote what is there. Safe to repeat.
    async fn begin_answer(
        &self,
        fence: Fence,
        model: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<OpenAnswer>;
    /// The text so far becomes a superseded revision; the answer is empty again with
    /// `revision + 1`. Does nothing but answer when the text so far is empty.
    async fn restart_answer(&self, fence: Fence, now: Timestamp) -> StoreResult<OpenAnswer>;
    /// Stores deltas of the open answer. Many runs' deltas share a commit.
    async fn append_deltas(
        &self,
        fence: Fence,
        deltas: Vec<Delta>,
        now: Timestamp,
    ) -> StoreResult<()>;
    /// Records a model call that ended with tool calls: the answer `complete`, one `tool_call`
    /// message and one ledger entry (`intended`) each, approvals where wanted; attempts back to 0.
    async fn record_model_step(
        &self,
        fence: Fence,
        step: ModelStep,
    ) -> StoreResult<Vec<LedgerEntry>>;
    /// The ledger entry goes from `intended` to `running`, and the feed says so. Committed before
    /// the call leaves, so that an `intended` entry is known never to have left. `Stopped` once the
    /// user's stop is recorded.
    async fn call_running(&self, fence: Fence, call_id: CallId, now: Timestamp) -> StoreResult<()>;
    /// Records the outcome of a call, with its `tool_result` message; attempts back to 0. A call
    /// that has an outcome keeps it (safe to repeat). Nobody is asked any more about a call that did
    /// not succeed: its open approval is denied, as an event too. So it is wherever outcomes are
    /// recorded.
    async fn record_outcome(
        &self,
        fence: Fence,
        call_id: CallId,
        outcome: ToolOutcome,
        now: Timestamp,
    ) -> StoreResult<ToolOutcome>;
    /// A transactional tool: executes the command and records its outcome in one transaction. A
    /// call that has an outcome is not executed again; its outcome is answered. `Stopped` as above.
    async fn commit_command(
        &self,
        fence: Fence,
        call_id: CallId,
        command: Command,
        now: Timestamp,
    ) -> StoreResult<ToolOutcome>;
    /// Parks the run as `awaiting_approval` when one of its approvals is undecided; otherwise leaves
    /// it `running`. Answers whether it was parked.
    async fn park(&self, fence: Fence, now: Timestamp) -> StoreResult<bool>;
    /// Ends the run: open answer, run and `run` event in one transaction. Calls without an outcome
    /// get one (`denied` where undecided, `unknown` where a non-read-only call may have left,
    /// `failed` otherwise) with a `tool_result` message. An open answer without any text on a
    /// cancelled or failed run stays, empty, with its status.
    async fn finish(&self, fence: Fence, finish: Finish) -> StoreResult<()>;
}
