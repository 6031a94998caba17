//! `GET /api/v1/chat/conversations/{conversation_id}/messages`

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::message::{MessagePage, Window};
use domain::{ConversationId, MessageId};

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{PathId, Query};
use crate::state::AppState;
use crate::wire::message::MessageResponse;

const X_CURSOR: HeaderName = HeaderName::from_static("x-cursor");

/// The latest messages of the active branch, oldest first.
///
/// Where nothing else is asked for, the messages that wait in the queue follow the branch (`status`
/// `queued`, at most 20, first to be answered first), whatever the `limit`: they become part of it
/// when the run before them has ended. In `before` and `after` they count as coming after it.
///
/// `before`, `after` and `around` (message ids, at most one of them) page in both directions.
/// `Link` names the neighbouring pages that exist (`prev` is older, `next` newer), `X-Cursor` the
/// feed's position at this moment: what follows it is not in this answer.
#[utoipa::path(
    get, path = "/api/v1/chat/conversations/{conversation_id}/messages", tag = "chat",
    operation_id = "list_messages",
    params(
        ("conversation_id" = String, Path, format = Uuid),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 200, description = "Default 50"),
        ("before" = Option<i64>, Query), ("after" = Option<i64>, Query),
        ("around" = Option<i64>, Query),
    ),
    responses((status = 200, body = Vec<MessageResponse>, description = "Oldest first", headers(
        ("Link" = String, description = "`rel=\"prev\"`, `rel=\"next\"`"),
        ("X-Cursor" = String, description = "Good for `since`"),
    )))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
    mut query: Query,
) -> Result<(HeaderMap, Json<Vec<MessageResponse>>), Problem> {
    let limit = query.integer("limit", 1..=200).unwrap_or(50);
    let window = window(&mut query);
    query.done()?;
    let page = state
        .store
        .messages(account.id(), id, window, limit)
        .await?;
    let headers = headers(id, limit, &page);
    Ok((
        headers,
        Json(page.messages.into_iter().map(Into::into).collect()),
    ))
}

fn window(query: &mut Query) -> Window {
    let named = ["before", "after", "around"]
        .iter()
        .filter(|name| query.has(name))
        .count();
    if named > 1 {
        query.fail(
            "before",
            "Only one of `before`, `after` and `around` may be given.",
        );
    }
    let mut id = |name| query.integer(name, 1..=i64::MAX).map(MessageId);
    let (before, after, around) = (id("before"), id("after"), id("around"));
    match (before, after, around) {
        (Some(id), _, _) => Window::Before(id),
        (_, Some(id), _) => Window::After(id),
        (_, _, Some(id)) => Window::Around(id),
        (None, None, None) => Window::Latest,
    }
}

fn headers(id: ConversationId, limit: i64, page: &MessagePage) -> HeaderMap {
    let path = format!("/api/v1/chat/conversations/{id}/messages?limit={limit}");
    let mut links = Vec::new();
    if let (true, Some(first)) = (page.has_before, page.messages.first()) {
        links.push(format!("<{path}&before={}>; rel=\"prev\"", first.id));
    }
    if let (true, Some(last)) = (page.has_after, page.messages.last()) {
        links.push(format!("<{path}&after={}>; rel=\"next\"", last.id));
    }
    let mut headers = HeaderMap::new();
    if let (false, Ok(value)) = (links.is_empty(), HeaderValue::from_str(&links.join(", "))) {
        headers.insert(LINK, value);
    }
    if let Ok(value) = HeaderValue::from_str(&page.cursor.to_string()) {
        headers.insert(X_CURSOR, value);
    }
    headers
}
