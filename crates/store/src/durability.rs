//! What PostgreSQL's own settings do to our promises. Whether an acknowledged message survives a
//! power failure is decided there: where we can we ask for it, where we can't we say so.

use domain::StoreResult;

use crate::SqlStore;
use crate::db::{Db, read};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    SERVER_SETTING { "SELECT " either("$1", "current_setting($1)") " AS value" }
}

/// Every connection: an answer waits for the log, whatever the database's default is. Stronger
/// wishes (`remote_apply` and the like) stay.
pub(crate) const COMMITS_WAIT: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') = 'off'";

/// Setting, the value that harms, and how.
const HARMFUL: [(&str, &str, &str); 3] = [
    (
        "fsync",
        "off",
        "a power failure can damage the database and take acknowledged messages back",
    ),
    (
        "full_page_writes",
        "off",
        "a power failure can damage the database",
    ),
    (
        "synchronous_commit",
        "off",
        "a power failure can take acknowledged messages back",
    ),
];

async fn harmful(tx: &mut Tx) -> StoreResult<Vec<String>> {
    let mut found = Vec::new();
    for (name, value, harm) in HARMFUL {
        let now: String = tx
            .one(SERVER_SETTING, args![name.to_owned()])
            .await?
            .get("value")?;
        if now == value {
            found.push(format!("PostgreSQL runs with {name} = {value}: {harm}"));
        }
    }
    Ok(found)
}

impl SqlStore {
    /// For the log and `doctor`: what the database's settings take away from the promises, one line
    /// each. Empty is good. SQLite's settings are ours, and checked when it is opened.
    pub async fn weakened(&self) -> StoreResult<Vec<String>> {
        match &self.db {
            Db::Sqlite { .. } => Ok(Vec::new()),
            Db::Postgres { .. } => read!(self, harmful),
        }
    }
}
