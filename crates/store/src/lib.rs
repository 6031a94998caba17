//! The ports of the store on SQLite and PostgreSQL: one body per operation, two texts per statement
//! where the dialects differ.
//!
//! An operation is a plain function over [`tx::Tx`]; the ports wire it to the writer (`tx!`), to a
//! snapshot (`snapshot!`) or to a single read (`read!`).

use std::sync::Arc;

use domain::Clock;
use tokio_util::task::TaskTracker;

mod approvals;
mod backup;
mod branch;
mod calls;
mod conversation_store;
mod conversations;
mod db;
mod durability;
mod error;
mod feed;
mod journal;
mod keys;
mod lock;
mod maintenance;
mod messages;
mod open;
mod permissions;
mod postgres;
mod postgres_deltas;
mod pragmas;
mod restored;
mod runs;
mod sessions;
mod space;
mod sql;
mod todos;
mod tx;
#[cfg(feature = "sabotage")]
mod unowned;
mod users;
mod value;

pub use backup::{BackupError, backup};
pub use lock::{DataDirLock, LockError};
pub use open::{OpenError, OpenOptions, exists, migrate, schema_version};
pub use restored::Restored;
pub use sql::Sql;

/// The store. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct SqlStore {
    db: db::Db,
    clock: Arc<dyn Clock>,
    health: db::HealthCell,
    tracker: TaskTracker,
    serving: bool,
}

/// Every statement by name: one test prepares all of them on both databases.
#[must_use]
pub fn statements() -> Vec<(&'static str, Sql)> {
    [
        approvals::STATEMENTS,
        branch::STATEMENTS,
        calls::STATEMENTS,
        conversations::STATEMENTS,
        durability::STATEMENTS,
        feed::STATEMENTS,
        keys::STATEMENTS,
        maintenance::STATEMENTS,
        messages::STATEMENTS,
        messages::writing::STATEMENTS,
        open::STATEMENTS,
        permissions::STATEMENTS,
        restored::STATEMENTS,
        runs::cancel::STATEMENTS,
        runs::claim::STATEMENTS,
        runs::deltas::STATEMENTS,
        runs::finish::STATEMENTS,
        runs::ledger::STATEMENTS,
        runs::queue::STATEMENTS,
        runs::row::STATEMENTS,
        runs::send::STATEMENTS,
        runs::step::STATEMENTS,
        sessions::STATEMENTS,
        space::STATEMENTS,
        todos::STATEMENTS,
        users::STATEMENTS,
    ]
    .concat()
}
