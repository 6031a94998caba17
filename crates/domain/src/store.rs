//! The ports of the store. Implemented once on SQLite and PostgreSQL (crate `store`); called by the
//! server's handlers and the agent's driver.
//!
//! Rules that hold for every method:
//! - One method is one transaction. What it returns has been committed.
//! - Ownership is part of the statement: a foreign id answers [`StoreError::NotFound`] like a random
//!   one, by the same statement.
//! - Events are written in the transaction of the change and handed to [`crate::Bus::publish`] after
//!   the commit, never before.
//! - Methods that take a [`Fence`] first lock the run's row with it and answer
//!   [`StoreError::FenceLost`] when there is none. Locks are taken in one order: conversation, runs
//!   by id, ledger, feeds by user last.
//! - A repeated call after [`StoreError::Unknown`] is safe wherever the method says so.

mod calls;

use async_trait::async_trait;
use serde_json::Value;

pub use calls::{CallStore, NewRetry, PermissionStore};

use crate::conversation::{ConversationPage, ConversationQuery, NewConversation};
use crate::event::FeedPage;
use crate::message::{MessagePage, Revision, Window};
use crate::step::ToolOutcome;
use crate::todo::{Command, TodoAnswer};
use crate::user::{NewUser, UserPatch};
use crate::{
    Approval, ApprovalId, CallId, Conversation, ConversationId, ConversationPatch, Cursor,
    Decision, Delta, Fence, FinishReason, LedgerEntry, Message, MessageId, MessageStatus, NodeId,
    OnBusy, Rotation, Run, RunError, RunId, RunState, Scope, Session, SessionId, Step, StoreError,
    StoreResult, Timestamp, Todo, TodoCommand, ToolCall, ToolClass, Usage, User, UserId,
};

/// Everything that the product keeps.
pub trait Store:
    UserStore
    + SessionStore
    + ConversationStore
    + RunStore
    + FeedStore
    + ApprovalStore
    + CallStore
    + PermissionStore
    + TodoStore
    + Maintenance
    + Send
    + Sync
    + 'static
{
}

impl<T> Store for T where
    T: UserStore
        + SessionStore
        + ConversationStore
        + RunStore
        + FeedStore
        + ApprovalStore
        + CallStore
        + PermissionStore
        + TodoStore
        + Maintenance
        + Send
        + Sync
        + 'static
{
}

/// Who may be added, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The first account becomes admin; every later one is refused with `registration_closed`.
    FirstOnly,
    /// The first account becomes admin, later ones get the role asked for.
    Open,
    /// By an admin or the operator: the role asked for.
    Granted,
}

#[async_trait]
pub trait UserStore {
    /// Conflicts: `email_taken`, `registration_closed`. Two first registrations at once give one
    /// admin. Creates the user's feed (`next_seq` 1).
    async fn create_user(&self, user: NewUser, admission: Admission) -> StoreResult<User>;
    async fn user(&self, id: UserId) -> StoreResult<User>;
    /// With the PHC string of the password. `email` is normalised.
    async fn user_by_email(&self, email: &str) -> StoreResult<Option<(User, String)>>;
    async fn password_hash(&self, id: UserId) -> StoreResult<String>;
    /// By id, at most `limit` after `after`.
    async fn users(&self, after: UserId, limit: i64) -> StoreResult<Vec<User>>;
    async fn has_users(&self) -> StoreResult<bool>;
    /// Conflict `last_admin` where the change would leave no enabled admin. Disabling deletes the
    /// user's sessions.
    async fn update_user(&self, id: UserId, patch: UserPatch, now: Timestamp) -> StoreResult<User>;
    /// Sets the password and ends the user's sessions but `except`: both or neither. How many were
    /// ended.
    async fn change_password(
        &self,
        id: UserId,
        password_hash: String,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> StoreResult<u64>;
    /// Deletes the account and everything of it. Conflict `last_admin` where other users remain
    /// without one.
    async fn delete_user(&self, id: UserId) -> StoreResult<()>;
    /// Numeric ids and an action's name only; no content.
    async fn audit(
        &self,
        actor: Option<UserId>,
        action: &str,
        subject: Option<i64>,
        now: Timestamp,
    ) -> StoreResult<()>;
}

#[async_trait]
pub trait SessionStore {
    async fn create_session(&self, session: Session) -> StoreResult<()>;
    /// The session and its user when the session is live, belongs to `user_id`, and the user is
    /// enabled. Checked on every request: one indexed read.
    async fn live_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> StoreResult<Option<(Session, User)>>;
    /// See [`Rotation`]. Extends `expires_at` to `now + SESSION_MS`.
    async fn rotate_session(
        &self,
        session_id: SessionId,
        presented: i64,
        now: Timestamp,
    ) -> StoreResult<Rotation>;
    /// Live ones, newest use first.
    async fn sessions(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<Session>>;
    async fn end_session(&self, user_id: UserId, session_id: SessionId) -> StoreResult<()>;
    /// How many were ended.
    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> StoreResult<u64>;
}

#[async_trait]
pub trait ConversationStore {
    /// Begins an empty one; with a key that is known, answers the one that it began. Errors:
    /// `KeyReused`, `Gone`. Safe to repeat with a key.
    async fn create_conversation(
        &self,
        user_id: UserId,
        new: NewConversation,
        key: Option<IdempotencyKey>,
    ) -> StoreResult<Conversation>;
    async fn conversation(&self, user_id: UserId, id: ConversationId) -> StoreResult<Conversation>;
    async fn conversations(
        &self,
        user_id: UserId,
        query: ConversationQuery,
    ) -> StoreResult<ConversationPage>;
    /// Does not move `updated_at`. A title makes `title_source` `user`.
    async fn patch_conversation(
        &self,
        user_id: UserId,
        id: ConversationId,
        patch: ConversationPatch,
    ) -> StoreResult<Conversation>;
    /// Sets the title when the present one is made of the first words.
    async fn suggest_title(
        &self,
        user_id: UserId,
        id: ConversationId,
        title: &str,
    ) -> StoreResult<()>;
    /// Deletes it with its messages, runs, steps, ledger, approvals, and its lines in the feed;
    /// leaves one `conversation_deleted`. Answers the runs that were active, to be stopped.
    async fn delete_conversation(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<Vec<RunId>>;
    /// A part of the active branch, `limit` in 1..=200, with the queue behind the latest window. A
    /// `Window` around a message that is not on the active branch is `NotFound`; one that waits in
    /// the queue counts as coming after the branch.
    async fn messages(
        &self,
        user_id: UserId,
        id: ConversationId,
        window: Window,
        limit: i64,
    ) -> StoreResult<MessagePage>;
    /// Those of the given messages that exist and are the user's, each with its text so far, and
    /// the feed position of the snapshot.
    async fn messages_by_id(
        &self,
        user_id: UserId,
        ids: &[MessageId],
    ) -> StoreResult<(Vec<Message>, Cursor)>;
    /// Those of the given conversations that exist and are the user's.
    async fn conversations_by_id(
        &self,
        user_id: UserId,
        ids: &[ConversationId],
    ) -> StoreResult<Vec<Conversation>>;
    /// Superseded text, oldest first.
    async fn revisions(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
    ) -> StoreResult<Vec<Revision>>;
    /// The answer that is open (`queued`, `streaming`, `awaiting_approval`) in this conversation, if
    /// any, and the feed position, read in one snapshot. Not one that waits behind it.
    async fn open_message(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<(Option<Message>, Cursor)>;
}

/// A key under which a write may be repeated: at most `IDEMPOTENCY_KEY_BYTES`, one namespace per
/// user, kept `IDEMPOTENCY_KEPT_MS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub key: String,
    /// Lower-case hex of SHA-256 over the canonical request: what is asked for, of which thing, with
    /// which body. Requests of two kinds never have the same.
    pub body_hash: String,
}

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
    /// As [`RunStore::sent`], with the feed position of the same snapshot: whoever goes on from
    /// there misses nothing of the run and hears nothing twice.
    async fn joined(&self, user_id: UserId, run_id: RunId) -> StoreResult<(Sent, Cursor)>;
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
    /// the call leaves, so that an `intended` entry is known never to have left.
    async fn call_running(&self, fence: Fence, call_id: CallId, now: Timestamp) -> StoreResult<()>;
    /// Records the outcome of a call, with its `tool_result` message; attempts back to 0. A call
    /// that has an outcome keeps it (safe to repeat).
    async fn record_outcome(
        &self,
        fence: Fence,
        call_id: CallId,
        outcome: ToolOutcome,
        now: Timestamp,
    ) -> StoreResult<ToolOutcome>;
    /// A transactional tool: executes the command and records its outcome in one transaction. A
    /// call that has an outcome is not executed again; its outcome is answered.
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

#[async_trait]
pub trait ApprovalStore {
    /// Undecided ones of the user, oldest first.
    async fn approvals(&self, user_id: UserId) -> StoreResult<Vec<Approval>>;
    async fn approvals_by_id(
        &self,
        user_id: UserId,
        ids: &[ApprovalId],
    ) -> StoreResult<Vec<Approval>>;
    /// Decides once, by compare-and-set on the arguments' hash; when nothing is undecided any more
    /// the run goes back to `queued` in the same transaction. `scope` counts for approvals: with
    /// `Conversation` later calls of the tool in this conversation are not asked for; those that
    /// wait already still are. Conflicts: `already_decided`, `arguments_changed`.
    async fn decide(
        &self,
        user_id: UserId,
        id: ApprovalId,
        decision: Decision,
        scope: Scope,
        arguments_hash: &str,
        now: Timestamp,
    ) -> StoreResult<Approval>;
}

#[async_trait]
pub trait TodoStore {
    async fn todos(&self, user_id: UserId) -> StoreResult<Vec<Todo>>;
    async fn todos_by_id(&self, user_id: UserId, ids: &[crate::TodoId]) -> StoreResult<Vec<Todo>>;
    /// Adds one; with a key that is known, answers the one that it added, as it is now. Errors: the
    /// conflict `too_many_todos`, `KeyReused`, `Gone`. Safe to repeat with a key.
    async fn add_todo(
        &self,
        user_id: UserId,
        title: String,
        due_at: Option<Timestamp>,
        key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> StoreResult<Todo>;
    async fn todo_command(
        &self,
        user_id: UserId,
        command: TodoCommand,
        now: Timestamp,
    ) -> StoreResult<TodoAnswer>;
}

#[async_trait]
pub trait FeedStore {
    /// Present end of the user's feed.
    async fn feed_end(&self, user_id: UserId) -> StoreResult<Cursor>;
    /// Events after the cursor, at most `limit` and at most [`crate::limits::FEED_PAGE_BYTES`] of
    /// them, one in any case; or `Reset`. Where the deltas of a finished run have been swept, its
    /// `message` event stands in their place.
    async fn feed_after(
        &self,
        user_id: UserId,
        cursor: Cursor,
        limit: i64,
    ) -> StoreResult<FeedPage>;
}

/// Whether writes can be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Ready,
    /// Rolled back for want of space; probed until it returns.
    NotWritable(String),
    /// The outcome of a write is unknown for good: the process must exit with 74.
    Broken(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub deltas: u64,
    pub events: u64,
    pub keys: u64,
    pub sessions: u64,
}

#[async_trait]
pub trait Maintenance {
    /// Last known state; cheap.
    fn health(&self) -> Health;
    /// Tries a write (rolled back) and says how the store is.
    async fn probe(&self) -> Health;
    /// Removes what is past its time. Bounded work per call.
    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept>;
    /// Marks a clean stop, checkpoints, closes. Nothing works afterwards.
    async fn close(&self) -> Result<(), StoreError>;
    /// `sqlite 3.51.3` or `postgresql 15.18`, for logs and `doctor`.
    async fn version(&self) -> StoreResult<String>;
}
