//! `POST /api/v1/chat/messages`

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::store::Sent;
use domain::{EventBody, RunState, StoreError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::{IdempotencyHeader, Json, RequestId};
use crate::feed::{Follower, Happening, RunStream};
use crate::limits::RUN_POLL;
use crate::serve::Hangup;
use crate::sse;
use crate::state::AppState;
use crate::wire::frame::Frame;
use crate::wire::send::{MessageCreate, SendAccepted, SendResponse};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Sends a message and answers with its reply.
///
/// Waits until the run ends, at most five minutes; the reply's `status` says how far it got. With
/// `Prefer: respond-async`: 202 as soon as message and run are stored. With
/// `Accept: text/event-stream`: the run's frames as server-sent events until its terminal `run`
/// frame. Leaving the connection stops nothing.
///
/// While the conversation has an active run, `on_busy` decides: `reject` (409), `enqueue` (the run
/// waits its turn; `user_message.status` is `queued` until then) or `interrupt` (the active run ends
/// now). All three ways to answer work while the run waits.
///
/// `client_message_id` (or the header `Idempotency-Key`) makes it safe to repeat for 30 days: a
/// repeat attaches to the same run and answers its present state in the form now asked for.
#[utoipa::path(
    post, path = "/api/v1/chat/messages", tag = "chat", operation_id = "send_message",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait"),
    ),
    request_body = MessageCreate,
    responses(
        (status = 200, description = "The message and its answer", content(
            (SendResponse = "application/json"),
            (Frame = "text/event-stream"),
        )),
        (status = 202, body = SendAccepted, description = "Stored; the answer comes over the feed"),
    )
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
    RequestId(request_id): RequestId,
    hangup: Hangup,
    headers: HeaderMap,
    IdempotencyHeader(key): IdempotencyHeader,
    Json(body): Json<MessageCreate>,
) -> Result<Response, Problem> {
    let message = chat::prepare(&state, &account.user, body, key)?;

    if sse::wanted(&headers) {
        let place = sse::place(&state, &account)?;
        let follower = follow(&state, &account).await?;
        let sent = chat::send(&state, message).await?;
        let stream = if sent.repeated {
            RunStream::begin(&state, account, request_id, sent.run.run_id, None).await?
        } else {
            RunStream::attach(&state, account, request_id, &sent.run, follower)
        };
        return Ok(sse::respond(&state, stream, place, hangup));
    }
    if prefers_async(&headers) {
        let sent = chat::send(&state, message).await?;
        let applied = [(
            PREFERENCE_APPLIED,
            HeaderValue::from_static("respond-async"),
        )];
        let body = axum::Json(SendAccepted::from(sent));
        return Ok((StatusCode::ACCEPTED, applied, body).into_response());
    }
    let follower = follow(&state, &account).await?;
    let sent = chat::send(&state, message).await?;
    let sent = wait(&state, &account, follower, sent).await?;
    Ok(axum::Json(SendResponse::from(sent)).into_response())
}

/// Begun before the send, so that nothing of the run is missed.
async fn follow(state: &AppState, account: &Account) -> Result<Follower, Problem> {
    Ok(Follower::begin(state, account.id(), account.session.session_id, None).await?)
}

fn prefers_async(headers: &HeaderMap) -> bool {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|part| part.trim().eq_ignore_ascii_case("respond-async"))
}

/// Until the run ends, or parks, or the time is over.
async fn wait(
    state: &AppState,
    account: &Account,
    mut follower: Follower,
    mut sent: Sent,
) -> Result<Sent, Problem> {
    let deadline = Instant::now() + state.config.send_wait;
    let mut patience = true;
    while patience && !rests(sent.run.state) {
        patience = tokio::select! {
            patience = until_it_rests(&mut follower, &sent) => patience,
            () = sleep(RUN_POLL) => true,
            () = sleep_until(deadline) => false,
        };
        let run_id = sent.run.run_id;
        sent = state
            .store
            .sent(account.id(), run_id)
            .await
            .map_err(|error| match error {
                // It was here a moment ago.
                StoreError::NotFound => StoreError::Gone.into(),
                other => Problem::from(other),
            })?;
    }
    Ok(sent)
}

fn rests(state: RunState) -> bool {
    state.is_terminal() || state == RunState::AwaitingApproval
}

/// Whether it is worth waiting longer once this returns.
async fn until_it_rests(follower: &mut Follower, sent: &Sent) -> bool {
    loop {
        match follower.next().await {
            Happening::Events(events) => {
                let over = events.iter().any(|event| match &event.body {
                    EventBody::Run { run_id, state, .. } => {
                        *run_id == sent.run.run_id && rests(*state)
                    }
                    EventBody::ConversationDeleted {} => {
                        event.conversation_id == Some(sent.run.conversation_id)
                    }
                    _ => false,
                });
                if over {
                    return true;
                }
            }
            Happening::Reset(_) => return true,
            Happening::Typing { .. } => {}
            // The run goes on without this connection; what there is is answered.
            Happening::Ended(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn async_is_preferred_by_name() {
        let prefers = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            prefers_async(&headers)
        };
        assert!(prefers("respond-async"));
        assert!(prefers("handling=lenient, Respond-Async; wait=10"));
        assert!(!prefers("return=minimal"));
    }
}
