//! Conversations: lists, changes, deletion.

use domain::conversation::{
    ActiveRun, ConversationPage, ConversationQuery, ListPosition, NewConversation,
};
use domain::store::IdempotencyKey;
use domain::{
    Conversation, ConversationId, ConversationPatch, EventBody, MessageId, RunId, RunState,
    StoreError, StoreResult, Timestamp, TitleSource, UserId,
};
use serde_json::json;

use crate::keys;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, Value, args};

/// The part of a statement that reads whole conversations.
macro_rules! whole {
    () => {
        "SELECT c.id, c.conversation_id, c.user_id, c.title, c.title_source, c.user_input, \
         c.focus_areas, c.step_count, c.last_tool_result, c.message_count, c.pinned, c.archived, \
         c.tags, c.model, c.agent_id, c.head_message_id, c.created_at, c.updated_at, \
         r.run_id AS active_run_id, r.state AS active_run_state \
         FROM conversation_states c LEFT JOIN runs r ON r.run_id = (\
         SELECT a.run_id FROM runs a WHERE a.conversation_id = c.conversation_id \
         AND a.state IN ('queued', 'running', 'awaiting_approval') AND NOT a.waiting \
         ORDER BY a.created_at LIMIT 1)"
    };
}

statements! {
    CONVERSATION { whole!() " WHERE c.conversation_id = $1 AND c.user_id = $2" }
    CONVERSATIONS_BY_ID {
        whole!() " WHERE c.user_id = $1 AND c.conversation_id IN " uuids("$2") " ORDER BY c.id"
    }
    /// A parameter that is NULL filters nothing.
    CONVERSATIONS {
        whole!() " WHERE c.user_id = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR " either("instr", "strpos") "(c.search_text, $2) > 0) \
         AND (CAST($3 AS BOOLEAN) IS NULL OR c.archived = $3) \
         AND (CAST($4 AS BOOLEAN) IS NULL OR c.pinned = $4) \
         AND (CAST($5 AS TEXT) IS NULL OR " either(
            "EXISTS (SELECT 1 FROM json_each(c.tags) t WHERE t.value = $5)",
            "jsonb_exists(c.tags, $5)") ") \
         AND (CAST($6 AS " either("INTEGER", "BIGINT") ") IS NULL OR (c.updated_at, c.id) < ($6, $7)) \
         ORDER BY c.updated_at DESC, c.id DESC LIMIT $8 OFFSET $9"
    }
    COUNT_CONVERSATIONS {
        "SELECT COUNT(*) AS n FROM conversation_states c WHERE c.user_id = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR " either("instr", "strpos") "(c.search_text, $2) > 0) \
         AND (CAST($3 AS BOOLEAN) IS NULL OR c.archived = $3) \
         AND (CAST($4 AS BOOLEAN) IS NULL OR c.pinned = $4) \
         AND (CAST($5 AS TEXT) IS NULL OR " either(
            "EXISTS (SELECT 1 FROM json_each(c.tags) t WHERE t.value = $5)",
            "jsonb_exists(c.tags, $5)") ")"
    }
    KEPT_COUNT { "SELECT conversation_count AS n FROM users WHERE id = $1" }
    COUNT_BY { "UPDATE users SET conversation_count = conversation_count + $2 WHERE id = $1" }
    INSERT_CONVERSATION {
        "INSERT INTO conversation_states (conversation_id, user_id, title, title_source, \
         search_text, model, agent_id, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
         ON CONFLICT (conversation_id) DO NOTHING RETURNING id"
    }
    HOLD {
        "SELECT c.conversation_id, c.user_id, c.head_message_id, c.updated_at, c.title, \
         c.title_source, c.user_input, c.model, c.agent_id FROM conversation_states c \
         WHERE c.conversation_id = $1 AND c.user_id = $2" lock
    }
    PATCH {
        "UPDATE conversation_states SET title = $2, title_source = $3, search_text = $4, \
         pinned = $5, archived = $6, tags = $7, model = $8 WHERE conversation_id = $1"
    }
    SET_TITLE {
        "UPDATE conversation_states SET title = $2, title_source = $3, search_text = $4, \
         user_input = $5 WHERE conversation_id = $1"
    }
    LIVE_RUNS {
        "SELECT run_id, state, waiting FROM runs WHERE conversation_id = $1 \
         AND state IN ('queued', 'running', 'awaiting_approval') ORDER BY run_id" lock
    }
    DELETE_EVENTS { "DELETE FROM events WHERE conversation_id = $1 AND user_id = $2" }
    DELETE_CONVERSATION { "DELETE FROM conversation_states WHERE conversation_id = $1" }
}

pub(crate) fn conversation(row: &Row) -> StoreResult<Conversation> {
    let active_run = match row.get::<Option<uuid::Uuid>>("active_run_id")? {
        Some(run_id) => Some(ActiveRun {
            run_id: RunId(run_id),
            state: row.word("active_run_state", RunState::parse)?,
        }),
        None => None,
    };
    let tags = row.json("tags")?.unwrap_or_else(|| json!([]));
    Ok(Conversation {
        id: row.get("id")?,
        conversation_id: ConversationId(row.get("conversation_id")?),
        user_id: UserId(row.get("user_id")?),
        title: row.get("title")?,
        title_source: row.word("title_source", TitleSource::parse)?,
        user_input: row.get("user_input")?,
        focus_areas: row.json("focus_areas")?,
        step_count: row.get("step_count")?,
        last_tool_result: row.json("last_tool_result")?,
        message_count: row.get("message_count")?,
        pinned: row.get("pinned")?,
        archived: row.get("archived")?,
        tags: serde_json::from_value(tags).map_err(StoreError::internal)?,
        model: row.get("model")?,
        agent_id: row.get("agent_id")?,
        head_message_id: row.get::<Option<i64>>("head_message_id")?.map(MessageId),
        active_run,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// A conversation whose row this transaction holds: the first lock of every write to it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) conversation_id: ConversationId,
    pub(crate) user_id: UserId,
    pub(crate) head: Option<MessageId>,
    pub(crate) updated_at: Timestamp,
    pub(crate) title: Option<String>,
    pub(crate) title_source: TitleSource,
    pub(crate) user_input: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) agent_id: Option<String>,
}

pub(crate) async fn hold(tx: &mut Tx, user_id: UserId, id: ConversationId) -> StoreResult<Held> {
    let row = tx.one(HOLD, args![id, user_id]).await?;
    Ok(Held {
        conversation_id: id,
        user_id,
        head: row.get::<Option<i64>>("head_message_id")?.map(MessageId),
        updated_at: row.time("updated_at")?,
        title: row.get("title")?,
        title_source: row.word("title_source", TitleSource::parse)?,
        user_input: row.get("user_input")?,
        model: row.get("model")?,
        agent_id: row.get("agent_id")?,
    })
}

/// What lists are searched in.
fn search_text(title: Option<&str>, user_input: Option<&str>) -> String {
    format!(
        "{}\n{}",
        title.unwrap_or_default(),
        user_input.unwrap_or_default()
    )
    .to_lowercase()
}

pub(crate) fn changed(tx: &mut Tx, user_id: UserId, id: ConversationId, now: Timestamp) {
    tx.emit(user_id, Some(id), None, EventBody::Conversation {}, now);
}

/// Makes an empty conversation, held by this transaction.
pub(crate) async fn insert(
    tx: &mut Tx,
    user_id: UserId,
    new: &NewConversation,
    agent_id: Option<&str>,
) -> StoreResult<Held> {
    let title_source = match new.title {
        Some(_) => TitleSource::User,
        None => TitleSource::FirstWords,
    };
    if tx.run(COUNT_BY, args![user_id, 1]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    let args = args![
        new.conversation_id,
        user_id,
        new.title.as_deref(),
        title_source.as_str(),
        search_text(new.title.as_deref(), None),
        new.model.as_deref(),
        agent_id,
        new.now,
    ];
    tx.maybe(INSERT_CONVERSATION, args)
        .await?
        .ok_or_else(|| StoreError::Conflict {
            code: "conversation_exists",
            detail: "There is a conversation with this id.".to_owned(),
        })?;
    Ok(Held {
        conversation_id: new.conversation_id,
        user_id,
        head: None,
        updated_at: new.now,
        title: new.title.clone(),
        title_source,
        user_input: None,
        model: new.model.clone(),
        agent_id: agent_id.map(str::to_owned),
    })
}

/// The first message of a conversation names it.
pub(crate) async fn name_after(tx: &mut Tx, held: &mut Held, content: &str) -> StoreResult<()> {
    if held.user_input.is_some() {
        return Ok(());
    }
    held.user_input = Some(content.to_owned());
    if held.title.is_none() {
        held.title = Some(domain::conversation::title_from_words(content));
    }
    write_title(tx, held).await
}

async fn write_title(tx: &mut Tx, held: &Held) -> StoreResult<()> {
    let search = search_text(held.title.as_deref(), held.user_input.as_deref());
    let args = args![
        held.conversation_id,
        held.title.as_deref(),
        held.title_source.as_str(),
        search,
        held.user_input.as_deref(),
    ];
    tx.run(SET_TITLE, args).await.map(|_| ())
}

pub(crate) async fn create(
    tx: &mut Tx,
    user_id: UserId,
    new: NewConversation,
    key: Option<IdempotencyKey>,
) -> StoreResult<Conversation> {
    let id = new.conversation_id;
    if let Some(key) = &key
        && let Some(made) = keys::take(tx, user_id, key, id.0, new.now).await?
    {
        return keys::or_gone(get(tx, user_id, ConversationId(made)).await);
    }
    insert(tx, user_id, &new, None).await?;
    changed(tx, user_id, id, new.now);
    get(tx, user_id, id).await
}

pub(crate) async fn get(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
) -> StoreResult<Conversation> {
    conversation(&tx.one(CONVERSATION, args![id, user_id]).await?)
}

pub(crate) async fn by_id(
    tx: &mut Tx,
    user_id: UserId,
    ids: Vec<uuid::Uuid>,
) -> StoreResult<Vec<Conversation>> {
    let rows = tx
        .all(CONVERSATIONS_BY_ID, args![user_id, Value::Uuids(ids)])
        .await?;
    rows.iter().map(conversation).collect()
}

pub(crate) async fn list(
    tx: &mut Tx,
    user_id: UserId,
    query: ConversationQuery,
) -> StoreResult<ConversationPage> {
    let per_page = query.per_page.clamp(1, 100);
    let q = query.q.map(|q| q.to_lowercase()).filter(|q| !q.is_empty());
    let filters = args![user_id, q, query.archived, query.pinned, query.tag];
    let unfiltered = matches!(
        filters[1..],
        [
            Value::Text(None),
            Value::Bool(None),
            Value::Bool(None),
            Value::Text(None)
        ]
    );
    let total = if unfiltered {
        tx.one(KEPT_COUNT, args![user_id]).await?.get("n")?
    } else {
        tx.one(COUNT_CONVERSATIONS, filters.clone())
            .await?
            .get("n")?
    };
    let (after, offset) = match query.position {
        ListPosition::Page(page) => (
            args![None::<i64>, None::<i64>],
            page.max(1).saturating_sub(1).saturating_mul(per_page),
        ),
        ListPosition::After { updated_at, id } => (args![updated_at, id], 0),
    };
    let mut all = filters;
    all.extend(after);
    all.extend(args![per_page + 1, offset]);
    let rows = tx.all(CONVERSATIONS, all).await?;
    let wanted = usize::try_from(per_page).unwrap_or(usize::MAX);
    let conversations = rows
        .iter()
        .take(wanted)
        .map(conversation)
        .collect::<StoreResult<Vec<_>>>()?;
    Ok(ConversationPage {
        conversations,
        total,
        has_more: rows.len() > wanted,
    })
}

pub(crate) async fn patch(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
    patch: ConversationPatch,
    now: Timestamp,
) -> StoreResult<Conversation> {
    hold(tx, user_id, id).await?;
    let before = get(tx, user_id, id).await?;
    let title_source = if patch.title.is_some() {
        TitleSource::User
    } else {
        before.title_source
    };
    let after = Conversation {
        title: patch.title.or(before.title),
        title_source,
        pinned: patch.pinned.unwrap_or(before.pinned),
        archived: patch.archived.unwrap_or(before.archived),
        tags: patch.tags.unwrap_or(before.tags),
        model: patch.model.unwrap_or(before.model),
        ..before
    };
    let args = args![
        id,
        after.title.as_deref(),
        title_source.as_str(),
        search_text(after.title.as_deref(), after.user_input.as_deref()),
        after.pinned,
        after.archived,
        json!(after.tags),
        after.model.as_deref(),
    ];
    tx.run(PATCH, args).await?;
    changed(tx, user_id, id, now);
    Ok(after)
}

pub(crate) async fn suggest_title(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
    title: String,
    now: Timestamp,
) -> StoreResult<()> {
    let mut held = hold(tx, user_id, id).await?;
    if held.title_source != TitleSource::FirstWords {
        return Ok(());
    }
    held.title = Some(title);
    held.title_source = TitleSource::Model;
    write_title(tx, &held).await?;
    changed(tx, user_id, id, now);
    Ok(())
}

/// A run of the conversation that is not over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveRun {
    pub(crate) run_id: RunId,
    pub(crate) state: RunState,
    /// Behind another.
    pub(crate) waiting: bool,
}

/// Locked, by id.
pub(crate) async fn live_runs(tx: &mut Tx, id: ConversationId) -> StoreResult<Vec<LiveRun>> {
    let rows = tx.all(LIVE_RUNS, args![id]).await?;
    rows.iter()
        .map(|row| {
            Ok(LiveRun {
                run_id: RunId(row.get("run_id")?),
                state: row.word("state", RunState::parse)?,
                waiting: row.get("waiting")?,
            })
        })
        .collect()
}

pub(crate) async fn delete(
    tx: &mut Tx,
    user_id: UserId,
    id: ConversationId,
    now: Timestamp,
) -> StoreResult<Vec<RunId>> {
    hold(tx, user_id, id).await?;
    let runs = live_runs(tx, id).await?;
    keys::forget(tx, user_id, id.0).await?;
    tx.run(DELETE_EVENTS, args![id, user_id]).await?;
    tx.run(DELETE_CONVERSATION, args![id]).await?;
    tx.run(COUNT_BY, args![user_id, -1]).await?;
    tx.scrub = true;
    tx.emit(
        user_id,
        Some(id),
        None,
        EventBody::ConversationDeleted {},
        now,
    );
    Ok(runs.into_iter().map(|run| run.run_id).collect())
}
