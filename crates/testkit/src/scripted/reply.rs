//! Plays a round: as one JSON object, or as a stream of server-sent events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::listener::ResetSwitch;
use super::script::{Fault, Round};
use super::server::{Ended, Shared};

/// What a prefilled answer holds already.
pub(super) struct Skip {
    pub(super) pieces: usize,
    /// Of the piece after those.
    pub(super) bytes: usize,
}

pub(super) struct Reply {
    pub(super) number: usize,
    pub(super) model: String,
    pub(super) round: Round,
    pub(super) skip: Skip,
    pub(super) prompt_tokens: usize,
    pub(super) usage_wanted: bool,
}

impl Reply {
    fn usage(&self) -> Value {
        let completion = self.round.text.len() + self.round.reasoning + self.round.calls.len();
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        })
    }

    fn call_id(&self, index: usize) -> Value {
        if self.round.quirks.no_ids {
            return Value::Null;
        }
        let index = if self.round.quirks.dup_ids { 0 } else { index };
        json!(format!("call_{}_{index}", self.number))
    }

    fn finish_reason(&self) -> &'static str {
        match (&self.round.fault, self.round.calls.is_empty()) {
            (Some(Fault::CutArguments), _) => "length",
            (_, false) => "tool_calls",
            (_, true) => "stop",
        }
    }

    /// The pieces still to be said, with their index.
    fn pieces(&self) -> impl Iterator<Item = (usize, &str)> {
        self.round
            .text
            .iter()
            .enumerate()
            .skip(self.skip.pieces)
            .map(|(index, piece)| {
                let from = if index == self.skip.pieces {
                    self.skip.bytes
                } else {
                    0
                };
                (index, piece.get(from..).unwrap_or_default())
            })
    }

    async fn pass_gates(&self, shared: &Shared, index: usize) {
        for (at, name) in &self.round.gates {
            if *at == index {
                shared.gates.get(name).pass().await;
            }
        }
    }
}

/// What a proxy says when it should not.
pub(super) const PAGE: &str = "<!doctype html><title>Proxy</title>Sorry.\n\n";

/// JSON in ASCII, as Python writes it by default.
fn escaped(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

/// Marks the record when the client leaves before the end.
struct Watcher {
    shared: Arc<Shared>,
    number: usize,
}

impl Watcher {
    fn sent(&self) {
        self.shared.update(self.number, |record| record.sent += 1);
    }

    fn ended(&self, how: Ended) {
        self.shared.update(self.number, |record| record.ended = how);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.update(self.number, |record| {
            if record.ended == Ended::Running {
                record.ended = Ended::Dropped;
            }
        });
    }
}

/// The answer to a request without `stream`. Gates and delays hold; of the faults only those that
/// can be told in one object do.
pub(super) async fn whole(shared: Arc<Shared>, reply: Reply) -> Value {
    let watcher = Watcher {
        shared: shared.clone(),
        number: reply.number,
    };
    let mut text = String::new();
    for (index, piece) in reply.pieces() {
        reply.pass_gates(&shared, index).await;
        tokio::time::sleep(Duration::from_millis(reply.round.delay_ms)).await;
        text.push_str(piece);
        watcher.sent();
    }
    let calls: Vec<Value> = reply
        .round
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            json!({
                "id": reply.call_id(index),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.to_string()},
            })
        })
        .collect();
    let mut message = json!({"role": "assistant", "content": text});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    watcher.ended(Ended::Complete);
    let mut answer = json!({
        "id": format!("chatcmpl-{}", reply.number),
        "object": "chat.completion",
        "created": 0,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason()}],
    });
    if !reply.round.quirks.no_usage {
        answer["usage"] = reply.usage();
    }
    answer
}

type Piece = Result<Bytes, io::Error>;

/// The answer as server-sent events. The player runs inside the body, so it ends with it.
pub(super) fn stream(
    shared: Arc<Shared>,
    reply: Reply,
    reset: ResetSwitch,
) -> impl Stream<Item = Piece> + Send + 'static {
    let (sender, receiver) = mpsc::channel::<Piece>(1);
    let body = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let watcher = Watcher {
        shared: shared.clone(),
        number: reply.number,
    };
    let player = Player {
        out: sender,
        reply,
        shared,
        watcher,
        trickle: false,
    };
    let playing = stream::once(player.play(reset)).filter_map(|()| std::future::ready(None));
    stream::select(body, playing)
}

struct Player {
    out: mpsc::Sender<Piece>,
    reply: Reply,
    shared: Arc<Shared>,
    watcher: Watcher,
    trickle: bool,
}

impl Player {
    async fn play(mut self, reset: ResetSwitch) {
        self.delta(json!({"role": "assistant", "content": ""}))
            .await;
        for index in 0..self.reply.round.reasoning {
            self.pause().await;
            let thought = self.reply.round.padded(&format!("think{index} "));
            self.delta(json!({"reasoning_content": thought})).await;
        }
        let pieces: Vec<(usize, String)> = self
            .reply
            .pieces()
            .map(|(index, piece)| (index, piece.to_owned()))
            .collect();
        for (index, piece) in pieces {
            if self.breaks(index, &reset).await {
                return;
            }
            self.reply.pass_gates(&self.shared, index).await;
            self.pause().await;
            self.delta(json!({"content": piece})).await;
            self.watcher.sent();
        }
        while self.reply.round.endless {
            for piece in self.reply.round.text.clone() {
                self.pause().await;
                self.delta(json!({"content": piece})).await;
                self.watcher.sent();
            }
            // Without a pause of its own it must let others run.
            tokio::task::yield_now().await;
        }
        let end = self.reply.round.text.len();
        if self.breaks(end, &reset).await {
            return;
        }
        self.reply.pass_gates(&self.shared, end).await;
        self.calls().await;
        self.finish().await;
        self.watcher.ended(Ended::Complete);
    }

    /// Carries out a fault that strikes before token `index`; true when nothing may follow.
    async fn breaks(&mut self, index: usize, reset: &ResetSwitch) -> bool {
        let Some(fault) = self
            .reply
            .round
            .fault
            .filter(|fault| fault.at() == Some(index))
        else {
            return false;
        };
        match fault {
            Fault::Trickle { .. } => {
                self.trickle = true;
                return false;
            }
            Fault::Reset { .. } => {
                reset.set();
                self.watcher.ended(Ended::Fault);
                let _ = self.out.send(Err(io::Error::other("scripted reset"))).await;
            }
            Fault::Error { .. } => {
                let error = json!({"error": {"message": "scripted failure", "code": 500}});
                self.line(&format!("data: {error}\n\n")).await;
            }
            Fault::Malformed { .. } => self.line("data: {\"choices\": [{]\n\n").await,
            Fault::Stall { .. } => std::future::pending().await,
            Fault::Html { .. } => self.line(PAGE).await,
            Fault::Chatter { .. } => loop {
                self.pause().await;
                self.line(": still there\n\n").await;
                tokio::task::yield_now().await;
            },
            Fault::LongLine { .. } => {
                self.line("data: ").await;
                for _ in 0..50 {
                    let megabyte = Bytes::from_static(&[b'x'; 1 << 20]);
                    if self.out.send(Ok(megabyte)).await.is_err() {
                        break;
                    }
                }
            }
            Fault::End { .. } | Fault::Status(_) | Fault::CutArguments => {}
        }
        self.watcher.ended(Ended::Fault);
        true
    }

    async fn calls(&mut self) {
        let calls = self.reply.round.calls.clone();
        let cut = self.reply.round.fault == Some(Fault::CutArguments);
        for (index, call) in calls.iter().enumerate() {
            let head = json!({
                "id": self.reply.call_id(index),
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
            });
            self.call_chunk(index, head).await;
            let mut arguments = call.arguments.to_string();
            if cut && index + 1 == calls.len() {
                arguments.truncate(arguments.len() / 2);
            }
            let letters: Vec<char> = arguments.chars().collect();
            // Small pieces, but not by the hundred thousand.
            for piece in letters.chunks(8.max(letters.len() / 500)) {
                self.pause().await;
                let piece: String = piece.iter().collect();
                self.call_chunk(index, json!({"function": {"arguments": piece}}))
                    .await;
            }
        }
    }

    async fn call_chunk(&mut self, index: usize, mut call: Value) {
        if !self.reply.round.quirks.no_index {
            call["index"] = json!(index);
        }
        self.delta(json!({"tool_calls": [call]})).await;
    }

    async fn finish(&mut self) {
        let reason = self.reply.finish_reason();
        self.chunk(
            json!([{"index": 0, "delta": {}, "finish_reason": reason}]),
            None,
        )
        .await;
        if self.reply.usage_wanted && !self.reply.round.quirks.no_usage {
            let usage = self.reply.usage();
            self.chunk(json!([]), Some(usage)).await;
        }
        self.line("data: [DONE]\n\n").await;
    }

    async fn delta(&mut self, delta: Value) {
        self.chunk(
            json!([{"index": 0, "delta": delta, "finish_reason": null}]),
            None,
        )
        .await;
    }

    async fn chunk(&mut self, choices: Value, usage: Option<Value>) {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", self.reply.number),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self.reply.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        let mut json = chunk.to_string();
        if self.reply.round.quirks.ascii {
            json = escaped(&json);
        }
        self.line(&format!("data: {json}\n\n")).await;
    }

    /// A failed send means that the client left; the body, and this player with it, is dropped.
    async fn line(&mut self, line: &str) {
        let size = if self.trickle {
            Some(1)
        } else {
            self.reply.round.split
        };
        for part in line.as_bytes().chunks(size.unwrap_or(usize::MAX)) {
            if self.trickle {
                self.pause().await;
            }
            let _ = self.out.send(Ok(Bytes::copy_from_slice(part))).await;
        }
    }

    async fn pause(&self) {
        if self.reply.round.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.reply.round.delay_ms)).await;
        }
    }
}
