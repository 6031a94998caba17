//! A model whose every word is the moment at which it was said, so that whoever reads it knows how
//! long it was under way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Asks for a word every so often, until the server is stopped.
pub const ENDLESS: &str = "endless";
const EVERY: Duration = Duration::from_millis(50);
/// Asks for more than any reader takes at once.
pub const LONG: &str = "long";
const LONG_WORDS: usize = 600;
/// Words of any other answer, said at once.
const WORDS: usize = 5;

pub struct Model {
    address: SocketAddr,
    clock: Clock,
    _server: JoinSet<()>,
}

/// Microseconds since the start of the measurement.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    fn stamp(self) -> String {
        format!("{} ", self.0.elapsed().as_micros())
    }

    /// How long the words of a text have been under way.
    pub fn ages(self, text: &str) -> impl Iterator<Item = Duration> {
        let now = self.0.elapsed();
        text.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .map(move |said| now.saturating_sub(Duration::from_micros(said)))
    }
}

impl Model {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Clock(Instant::now());
        let app = Router::new()
            .route("/v1/chat/completions", post(complete))
            .with_state(clock);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            clock,
            _server: server,
        }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }
}

async fn complete(State(clock): State<Clock>, Json(body): Json<Value>) -> Body {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let content = |message: &Value| message["content"].to_string();
    let asked = match messages {
        // A title is asked for, of what was said.
        [first, ..] if content(first).contains("title") => String::new(),
        [.., last] => content(last),
        [] => String::new(),
    };
    if asked.contains(ENDLESS) {
        return Body::from_stream(events(endlessly(clock)));
    }
    if asked.contains(LONG) {
        let words = stream::iter(0..LONG_WORDS).map(|_| ". ".repeat(100));
        return Body::from_stream(events(words));
    }
    let words = stream::iter(0..WORDS).map(move |_| clock.stamp());
    Body::from_stream(events(words))
}

fn endlessly(clock: Clock) -> impl Stream<Item = String> + Send {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    stream::unfold(ticks, move |mut ticks| async move {
        ticks.tick().await;
        Some((clock.stamp(), ticks))
    })
}

/// The words in the protocol, and its end.
fn events(
    words: impl Stream<Item = String> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let said = words.map(move |word| chunk(json!({"content": word}), Value::Null));
    let end = chunk(json!({}), json!("stop")) + "data: [DONE]\n\n";
    said.chain(stream::iter([end]))
        .map(|text| Ok(Bytes::from(text)))
}
