//! `GET /api/v1/chat/conversations`

use axum::Json;
use axum::extract::State;
use domain::conversation::{ConversationQuery, ListPosition};
use domain::{Conversation, Timestamp};

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::Query;
use crate::limits::{FILTER_CHARS, PAGES, TAG_CHARS};
use crate::state::AppState;
use crate::wire::conversation::ConversationListResponse;

/// The account's conversations, newest activity first.
///
/// By page number, or by `cursor`, which neither skips nor repeats while conversations move.
#[utoipa::path(
    get, path = "/api/v1/chat/conversations", tag = "chat", operation_id = "list_conversations",
    params(
        ("page" = Option<i64>, Query, minimum = 1, description = "From 1"),
        ("per_page" = Option<i64>, Query, minimum = 1, maximum = 100, description = "Default 20"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("q" = Option<String>, Query, description = "A part of the title or of the first message"),
        ("archived" = Option<bool>, Query),
        ("pinned" = Option<bool>, Query),
        ("tag" = Option<String>, Query),
    ),
    responses((status = 200, body = ConversationListResponse, description = "A page of the list"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
    mut query: Query,
) -> Result<Json<ConversationListResponse>, Problem> {
    let page = query.integer("page", 1..=PAGES).unwrap_or(1);
    let per_page = query.integer("per_page", 1..=100).unwrap_or(20);
    let q = query.short_text("q", FILTER_CHARS);
    let tag = query.short_text("tag", TAG_CHARS);
    let archived = query.boolean("archived");
    let pinned = query.boolean("pinned");
    let position = match query.text("cursor").map(parse) {
        Some(Some(after)) => after,
        Some(None) => {
            query.fail("cursor", "This is not a cursor of this list.");
            ListPosition::default()
        }
        None => ListPosition::Page(page),
    };
    query.done()?;

    let query = ConversationQuery {
        position,
        per_page,
        q,
        archived,
        pinned,
        tag,
    };
    let found = state.store.conversations(account.id(), query).await?;
    let next_cursor = found
        .conversations
        .last()
        .filter(|_| found.has_more)
        .map(cursor);
    Ok(Json(ConversationListResponse {
        conversations: found.conversations.into_iter().map(Into::into).collect(),
        total: found.total,
        page,
        per_page,
        next_cursor,
    }))
}

fn cursor(last: &Conversation) -> String {
    format!("{:x}-{:x}", last.updated_at.0, last.id)
}

fn parse(text: &str) -> Option<ListPosition> {
    // The same form as a feed's position: two numbers, plainly written.
    let domain::Cursor { epoch, seq } = domain::Cursor::parse(text)?;
    Some(ListPosition::After {
        updated_at: Timestamp(epoch),
        id: seq,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_names_a_place_in_the_order() {
        assert!(matches!(
            parse("10-a"),
            Some(ListPosition::After {
                updated_at: Timestamp(16),
                id: 10
            })
        ));
        for bad in ["", "x", "-1-1", "1", "1-2-3"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
