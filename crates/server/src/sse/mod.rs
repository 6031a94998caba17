//! Server-sent events: `event:` is the frame's type, `data:` the frame, `id:` its cursor.

mod pump;

use std::convert::Infallible;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::Cursor;
use tokio::sync::mpsc;

use crate::auth::Account;
use crate::error::Problem;
use crate::limits::SSE_COMMENT;
use crate::serve::Hangup;
use crate::state::AppState;
use crate::wire::frame::Frame;
use crate::ws::{SocketGuard, too_many_sockets};

pub(crate) use pump::Frames;

/// Whether the client asked for events.
pub(crate) fn wanted(headers: &HeaderMap) -> bool {
    headers
        .get_all(axum::http::header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|part| part.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Where the client left off: `Last-Event-ID`, which a browser sends by itself when it reconnects,
/// before the position in the URL. `Err`: a position that isn't one.
pub(crate) fn position(headers: &HeaderMap, in_url: Option<&str>) -> Result<Option<Cursor>, ()> {
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    match last.filter(|text| !text.is_empty()).or(in_url) {
        Some(text) => Cursor::parse(text).map(Some).ok_or(()),
        None => Ok(None),
    }
}

/// Of an epoch that no feed has, so that reading from it answers `reset`.
pub(crate) const NOWHERE: Cursor = Cursor { epoch: 0, seq: 0 };

/// A stream counts like a socket.
pub(crate) fn place(state: &AppState, account: &Account) -> Result<SocketGuard, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    state
        .sockets
        .enter(account.id())
        .ok_or_else(too_many_sockets)
}

/// Answers with the frames until they end. What writes them is a task of its own, so that the end of
/// the login or of the server is noticed while the client takes nothing.
pub(crate) fn respond<F: Frames>(
    state: &AppState,
    frames: F,
    place: SocketGuard,
    hangup: Hangup,
) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    let pump = async move {
        let _place = place;
        pump::run(frames, sender, hangup).await;
    };
    state.config.tracker.spawn(pump);
    response(receiver)
}

/// What the client reads. Where there is nothing to say for a while a comment is: proxies end
/// connections on which nothing comes, and a client can tell silence from a dead line.
fn response(receiver: mpsc::Receiver<Frame>) -> Response {
    let events = futures::stream::unfold(receiver, |mut receiver| async move {
        let frame: Frame = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event(&frame)), receiver))
    });
    let keep_alive = KeepAlive::new().interval(SSE_COMMENT);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(
        axum::http::header::CACHE_CONTROL,
        axum::http::HeaderValue::from_static("no-store"),
    );
    // Proxies that gather answers would hold tokens back.
    headers.insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    response
}

fn event(frame: &Frame) -> Event {
    let event = Event::default()
        .event(frame.kind.as_str())
        .data(frame.text());
    match &frame.cursor {
        Some(cursor) => event.id(cursor),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt;
    use tokio::time::{Instant, timeout};

    use super::*;

    /// What comes next, and after how many seconds.
    async fn next(body: &mut axum::body::BodyDataStream) -> (String, u64) {
        let asked = Instant::now();
        // The time stands still but for this: more than a comment may take.
        let came = timeout(Duration::from_secs(60), body.next()).await;
        let bytes = came.expect("neither a frame nor a comment in a minute");
        let text = String::from_utf8(bytes.unwrap().unwrap().to_vec()).unwrap();
        (text, asked.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_every_15_seconds_that_it_lives() {
        let (sender, receiver) = mpsc::channel(1);
        let mut body = response(receiver).into_body().into_data_stream();
        for _ in 0..3 {
            assert_eq!(next(&mut body).await, (":\n\n".to_owned(), 15));
        }
        let saying = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            sender.send(Frame::reset(NOWHERE)).await.unwrap();
        };
        let ((), (text, after)) = tokio::join!(saying, next(&mut body));
        assert!(text.starts_with("event: reset\n"), "{text}");
        assert_eq!(after, 10);
        // Counted from the last word, whatever it was.
        assert_eq!(next(&mut body).await, (":\n\n".to_owned(), 15));
        drop(sender);
        assert!(body.next().await.is_none());
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, axum::http::HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn events_are_asked_for_by_accept() {
        assert!(wanted(&headers(
            "accept",
            "application/json;q=0.1, text/event-stream"
        )));
        assert!(!wanted(&headers("accept", "*/*")));
        assert!(!wanted(&HeaderMap::new()));
    }

    #[test]
    fn the_last_event_wins_over_the_url() {
        let at = Cursor { epoch: 1, seq: 16 };
        assert_eq!(
            position(&headers("last-event-id", "1-10"), Some("1-1")),
            Ok(Some(at))
        );
        assert_eq!(position(&HeaderMap::new(), Some("1-10")), Ok(Some(at)));
        assert_eq!(position(&HeaderMap::new(), None), Ok(None));
        assert_eq!(position(&HeaderMap::new(), Some("x")), Err(()));
    }
}
