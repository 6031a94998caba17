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
mod runs;

use async_trait::async_trait;

pub use calls::{CallStore, NewRetry, PermissionStore};
pub use runs::{
    Finish, Joined, ModelStep, OpenAnswer, PlannedCall, Regenerate, Renewal, RunRecords, RunStore,
    SendMessage, Sent,
};

use crate::conversation::{ConversationPage, ConversationQuery, NewConversation};
use crate::event::FeedPage;
use crate::message::{MessagePage, Revision, Window};
use crate::todo::TodoAnswer;
use crate::user::{NewUser, UserPatch};
use crate::{
    Approval, ApprovalId, Conversation, ConversationId, ConversationPatch, Cursor, Decision,
    Message, MessageId, Rotation, RunId, Scope, Session, SessionId, StoreError, StoreResult,
    Timestamp, Todo, TodoCommand, User, UserId,
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
    /// ended. `NotFound` where the password is no longer the `verified` one, by its hash: of two who
    /// know the old one, the first decides.
    async fn change_password(
        &self,
        id: UserId,
        verified: Option<String>,
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
    /// `password_hash` is what the password was compared with. `NotFound` where the account has
    /// another by now, was disabled or is gone: whoever ends its sessions then ends them all.
    async fn create_session(&self, session: Session, password_hash: String) -> StoreResult<()>;
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
    /// Nothing can be stored now: no space, read-only, or on PostgreSQL a server that is away or whose
    /// disk fails. Probed until that is over.
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
    /// Tries to write and says how the store is: rolled back while it is well, else with room claimed
    /// for a message. On PostgreSQL nothing else makes it well again.
    async fn probe(&self) -> Health;
    /// Removes what is past its time. Bounded work per call.
    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept>;
    /// Marks a clean stop, checkpoints, closes. Nothing works afterwards.
    async fn close(&self) -> Result<(), StoreError>;
    /// `sqlite 3.51.3` or `postgresql 15.18`, for logs and `doctor`.
    async fn version(&self) -> StoreResult<String>;
}
