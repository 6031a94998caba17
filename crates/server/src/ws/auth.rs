//! Authentication before the upgrade.
//!
//! A token in the URL (the seed plan's form: an access token or a ticket), in `Authorization`, or
//! as the second of the subprotocols `rejoinder, <token>`. Cookies never authenticate a socket.

use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;

use super::origin;
use crate::auth::extractor::bearer;
use crate::auth::{Account, tickets};
use crate::error::Problem;
use crate::extract::Query;
use crate::state::AppState;

pub(crate) const PROTOCOL: &str = "rejoinder";

pub(crate) async fn authenticate(
    state: &AppState,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Account, Problem> {
    if !origin::allowed(&state.config, headers) {
        return Err(cross_site());
    }
    let token = query
        .text("token")
        .or_else(|| bearer(headers))
        .or_else(|| subprotocol(headers))
        .ok_or_else(Problem::unauthenticated)?;
    if tickets::is_ticket(token) {
        let access = state
            .tickets
            .redeem(token, state.now())
            .ok_or_else(Problem::unauthenticated)?;
        Account::check(state, access).await
    } else {
        Account::from_token(state, token).await
    }
}

pub(crate) fn cross_site() -> Problem {
    Problem::new(
        axum::http::StatusCode::FORBIDDEN,
        "cross_site",
        "This request comes from another site. Where the server is reached under another address \
         than the one it listens on, its operator sets `--public-url`.",
    )
}

fn subprotocol(headers: &HeaderMap) -> Option<&str> {
    let mut offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    offered.find(|name| *name == PROTOCOL)?;
    offered.next()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_token_follows_the_name_of_the_protocol() {
        let mut headers = HeaderMap::new();
        assert_eq!(subprotocol(&headers), None);
        headers.append(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("other, rejoinder , tok"),
        );
        assert_eq!(subprotocol(&headers), Some("tok"));
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("tok, rejoinder"),
        );
        assert_eq!(subprotocol(&headers), None);
    }
}
