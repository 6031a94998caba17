//! Tools that a conversation need not ask for: given with an approval, revocable, dead with the
//! conversation.

use async_trait::async_trait;
use domain::store::PermissionStore;
use domain::{ConversationId, Permission, StoreError, StoreResult, Timestamp, UserId};

use crate::SqlStore;
use crate::conversations::{self, Held};
use crate::db::{snapshot, tx};
use crate::messages;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    PERMIT {
        "INSERT INTO tool_permissions (conversation_id, user_id, tool_name, created_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (conversation_id, tool_name) DO NOTHING"
    }
    PERMISSION {
        "SELECT created_at FROM tool_permissions WHERE conversation_id = $1 AND tool_name = $2"
    }
    PERMISSIONS {
        "SELECT tool_name, created_at FROM tool_permissions WHERE conversation_id = $1 \
         ORDER BY tool_name"
    }
    REVOKE { "DELETE FROM tool_permissions WHERE conversation_id = $1 AND tool_name = $2" }
}

/// Given already is given.
pub(crate) async fn give(
    tx: &mut Tx,
    held: &Held,
    tool_name: &str,
    now: Timestamp,
) -> StoreResult<()> {
    let args = args![held.conversation_id, held.user_id, tool_name, now];
    if tx.run(PERMIT, args).await? > 0 {
        messages::conversation_changed(tx, held, now);
    }
    Ok(())
}

pub(crate) async fn has(tx: &mut Tx, id: ConversationId, tool_name: &str) -> StoreResult<bool> {
    let found = tx.maybe(PERMISSION, args![id, tool_name]).await?;
    Ok(found.is_some())
}

async fn list(tx: &mut Tx, user_id: UserId, id: ConversationId) -> StoreResult<Vec<Permission>> {
    messages::owned(tx, user_id, id).await?;
    tx.all(PERMISSIONS, args![id])
        .await?
        .iter()
        .map(|row| {
            Ok(Permission {
                tool_name: row.get("tool_name")?,
                created_at: row.time("created_at")?,
            })
        })
        .collect()
}

async fn revoke(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
    tool_name: String,
    now: Timestamp,
) -> StoreResult<()> {
    let held = conversations::hold(tx, user_id, id).await?;
    if tx.run(REVOKE, args![id, tool_name]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    messages::conversation_changed(tx, &held, now);
    Ok(())
}

#[async_trait]
impl PermissionStore for SqlStore {
    async fn permissions(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<Vec<Permission>> {
        snapshot!(self, list, user_id, id)
    }

    async fn revoke_permission(
        &self,
        user_id: UserId,
        id: ConversationId,
        tool_name: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        let tool_name = tool_name.to_owned();
        tx!(self, revoke, user_id, id, tool_name, now)
    }
}
