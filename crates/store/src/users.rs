//! Accounts.

use async_trait::async_trait;
use domain::store::{Admission, UserStore};
use domain::user::{NewUser, UserPatch, normalize_email};
use domain::{SessionId, StoreError, StoreResult, Timestamp, User, UserId, UserRole};

use crate::SqlStore;
use crate::db::{read, tx};
use crate::sessions;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, args};

macro_rules! columns {
    () => {
        "id, email, full_name, role, disabled, created_at"
    };
}

statements! {
    /// Changes of who may administer wait for each other; counting admins is exact then.
    LOCK_ADMISSION { either("SELECT 1 AS locked", "SELECT 1 AS locked FROM pg_advisory_xact_lock(20261)") }
    ANY_USER { "SELECT id FROM users LIMIT 1" }
    INSERT_USER {
        "INSERT INTO users (email, full_name, password_hash, role, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (email) DO NOTHING RETURNING " columns!()
    }
    INSERT_FEED { "INSERT INTO feeds (user_id, epoch, next_seq) VALUES ($1, $2, 1)" }
    USER_BY_ID { "SELECT " columns!() " FROM users WHERE id = $1" }
    USER_FOR_UPDATE { "SELECT " columns!() " FROM users WHERE id = $1" lock }
    USER_BY_EMAIL { "SELECT " columns!() ", password_hash FROM users WHERE email = $1" }
    PASSWORD_HASH { "SELECT password_hash FROM users WHERE id = $1" }
    USERS_AFTER { "SELECT " columns!() " FROM users WHERE id > $1 ORDER BY id LIMIT $2" }
    OTHER_ADMIN {
        "SELECT id FROM users WHERE role = 'admin' AND disabled = FALSE AND id <> $1 LIMIT 1"
    }
    OTHER_USER { "SELECT id FROM users WHERE id <> $1 LIMIT 1" }
    UPDATE_USER {
        "UPDATE users SET full_name = $2, role = $3, disabled = $4, updated_at = $5 \
         WHERE id = $1"
    }
    SET_PASSWORD { "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1" }
    END_ALL_SESSIONS { "DELETE FROM sessions WHERE user_id = $1" }
    DELETE_USER { "DELETE FROM users WHERE id = $1" }
    INSERT_AUDIT {
        "INSERT INTO audit_log (actor, action, subject, created_at) VALUES ($1, $2, $3, $4)"
    }
}

pub(crate) fn user(row: &Row) -> StoreResult<User> {
    Ok(User {
        id: UserId(row.get("id")?),
        email: row.get("email")?,
        full_name: row.get("full_name")?,
        role: row.word("role", UserRole::parse)?,
        disabled: row.get("disabled")?,
        created_at: row.time("created_at")?,
    })
}

fn conflict(code: &'static str, detail: &str) -> StoreError {
    StoreError::Conflict {
        code,
        detail: detail.to_owned(),
    }
}

async fn create(tx: &mut Tx, new: NewUser, admission: Admission) -> StoreResult<User> {
    tx.maybe(LOCK_ADMISSION, args![]).await?;
    let first = tx.maybe(ANY_USER, args![]).await?.is_none();
    let role = match (admission, first) {
        (Admission::FirstOnly, false) => {
            return Err(conflict(
                "registration_closed",
                "An admin adds accounts on this server.",
            ));
        }
        (Admission::FirstOnly | Admission::Open, true) => UserRole::Admin,
        (Admission::Open, false) | (Admission::Granted, _) => new.role,
    };
    let args = args![
        normalize_email(&new.email),
        new.full_name,
        new.password_hash,
        role.as_str(),
        new.now,
    ];
    let row = tx.maybe(INSERT_USER, args).await?.ok_or_else(|| {
        conflict(
            "email_taken",
            "There is an account with this e-mail address.",
        )
    })?;
    let user = user(&row)?;
    tx.run(INSERT_FEED, args![user.id, new.now.0.max(1)])
        .await?;
    Ok(user)
}

async fn update(tx: &mut Tx, id: UserId, patch: UserPatch, now: Timestamp) -> StoreResult<User> {
    tx.maybe(LOCK_ADMISSION, args![]).await?;
    let before = user(&tx.one(USER_FOR_UPDATE, args![id]).await?)?;
    let after = User {
        full_name: patch.full_name.unwrap_or_else(|| before.full_name.clone()),
        role: patch.role.unwrap_or(before.role),
        disabled: patch.disabled.unwrap_or(before.disabled),
        ..before.clone()
    };
    if is_admin(&before) && !is_admin(&after) && tx.maybe(OTHER_ADMIN, args![id]).await?.is_none() {
        return Err(last_admin());
    }
    let role = after.role.as_str();
    let args = args![id, &after.full_name, role, after.disabled, now];
    tx.run(UPDATE_USER, args).await?;
    if after.disabled {
        tx.run(END_ALL_SESSIONS, args![id]).await?;
    }
    Ok(after)
}

async fn change_password(
    tx: &mut Tx,
    id: UserId,
    verified: Option<String>,
    password_hash: String,
    except: Option<SessionId>,
    now: Timestamp,
) -> StoreResult<u64> {
    if let Some(verified) = verified {
        sessions::still_has_password(tx, id, &verified).await?;
    }
    if tx.run(SET_PASSWORD, args![id, password_hash, now]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    sessions::end_all(tx, id, except).await
}

fn is_admin(user: &User) -> bool {
    user.role == UserRole::Admin && !user.disabled
}

fn last_admin() -> StoreError {
    conflict(
        "last_admin",
        "This is the last admin: make somebody else admin first.",
    )
}

async fn delete(tx: &mut Tx, id: UserId) -> StoreResult<()> {
    tx.maybe(LOCK_ADMISSION, args![]).await?;
    let user = user(&tx.one(USER_FOR_UPDATE, args![id]).await?)?;
    if is_admin(&user)
        && tx.maybe(OTHER_USER, args![id]).await?.is_some()
        && tx.maybe(OTHER_ADMIN, args![id]).await?.is_none()
    {
        return Err(last_admin());
    }
    tx.run(DELETE_USER, args![id]).await?;
    tx.scrub = true;
    Ok(())
}

async fn by_id(tx: &mut Tx, id: UserId) -> StoreResult<User> {
    user(&tx.one(USER_BY_ID, args![id]).await?)
}

async fn by_email(tx: &mut Tx, email: String) -> StoreResult<Option<(User, String)>> {
    tx.maybe(USER_BY_EMAIL, args![email])
        .await?
        .map(|row| Ok((user(&row)?, row.get("password_hash")?)))
        .transpose()
}

async fn password_hash(tx: &mut Tx, id: UserId) -> StoreResult<String> {
    tx.one(PASSWORD_HASH, args![id]).await?.get("password_hash")
}

async fn list(tx: &mut Tx, after: UserId, limit: i64) -> StoreResult<Vec<User>> {
    tx.all(USERS_AFTER, args![after, limit.max(0)])
        .await?
        .iter()
        .map(user)
        .collect()
}

async fn any(tx: &mut Tx) -> StoreResult<bool> {
    Ok(tx.maybe(ANY_USER, args![]).await?.is_some())
}

async fn audit(
    tx: &mut Tx,
    actor: Option<UserId>,
    action: String,
    subject: Option<i64>,
    now: Timestamp,
) -> StoreResult<()> {
    tx.run(INSERT_AUDIT, args![actor, action, subject, now])
        .await
        .map(|_| ())
}

#[async_trait]
impl UserStore for SqlStore {
    async fn create_user(&self, user: NewUser, admission: Admission) -> StoreResult<User> {
        tx!(self, create, user, admission)
    }

    async fn user(&self, id: UserId) -> StoreResult<User> {
        read!(self, by_id, id)
    }

    async fn user_by_email(&self, email: &str) -> StoreResult<Option<(User, String)>> {
        let email = normalize_email(email);
        read!(self, by_email, email)
    }

    async fn password_hash(&self, id: UserId) -> StoreResult<String> {
        read!(self, password_hash, id)
    }

    async fn users(&self, after: UserId, limit: i64) -> StoreResult<Vec<User>> {
        read!(self, list, after, limit)
    }

    async fn has_users(&self) -> StoreResult<bool> {
        read!(self, any)
    }

    async fn update_user(&self, id: UserId, patch: UserPatch, now: Timestamp) -> StoreResult<User> {
        tx!(self, update, id, patch, now)
    }

    async fn change_password(
        &self,
        id: UserId,
        verified: Option<String>,
        password_hash: String,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> StoreResult<u64> {
        tx!(
            self,
            change_password,
            id,
            verified,
            password_hash,
            except,
            now
        )
    }

    async fn delete_user(&self, id: UserId) -> StoreResult<()> {
        tx!(self, delete, id)
    }

    async fn audit(
        &self,
        actor: Option<UserId>,
        action: &str,
        subject: Option<i64>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let action = action.to_owned();
        tx!(self, audit, actor, action, subject, now)
    }
}
