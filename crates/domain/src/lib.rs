//! The nouns and laws of Rejoinder. No I/O, no runtime, no SQL, no HTTP.
//!
//! Everything else depends on this crate; it depends on nothing of ours.

pub mod approval;
pub mod bus;
pub mod conversation;
pub mod error;
pub mod event;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod message;
pub mod problem;
pub mod run;
pub mod sabotage;
pub mod session;
pub mod step;
pub mod store;
pub mod time;
pub mod todo;
pub mod user;

pub use approval::{Approval, Decision, Permission, Scope};
pub use bus::{Bus, Signal, Subscription, Wake};
pub use conversation::{Conversation, ConversationPatch, TitleSource};
pub use error::{StoreError, StoreResult};
pub use event::{Cursor, Delta, DeltaChannel, Event, EventBody, Offsets};
pub use ids::{
    ApprovalId, CallId, ConversationId, Ids, MessageId, NodeId, RunId, SessionId, TodoId, UserId,
};
pub use ledger::{Call, CallDecision, CallState, LedgerEntry, ToolClass, ToolPolicy};
pub use message::{Message, MessageStatus, MessageType, Role, ToolSuccess};
pub use problem::RunError;
pub use run::{Fence, OnBusy, Run, RunState, Usage};
pub use session::{Rotation, Session};
pub use step::{FinishReason, Step, StepKind, ToolCall};
pub use store::Store;
pub use time::{Clock, Timestamp};
pub use todo::{Todo, TodoCommand};
pub use user::{Role as UserRole, User};
