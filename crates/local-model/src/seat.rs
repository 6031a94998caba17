//! One request: waiting, then answered in a sequence of the context.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent::ports::{ModelChunk, ModelError, ModelRequest};
use domain::{ConversationId, FinishReason, Usage};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::mpsc::UnboundedSender;

use crate::text::Utf8;

/// To the reader of an answer. Unbounded in form only: an answer has at most one chunk per token
/// and a token for each place in the context.
pub(crate) type Out = UnboundedSender<Result<ModelChunk, ModelError>>;

/// A place in the queue; given back when dropped.
pub(crate) struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    /// `None` when `limit` are waiting.
    pub(crate) fn take(waiting: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < limit).then_some(n + 1)
            })
            .ok()
            .map(|_| Self(Arc::clone(waiting)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request as it comes to the engine's thread.
pub(crate) struct Job {
    pub(crate) request: ModelRequest,
    pub(crate) out: Out,
    pub(crate) ticket: Ticket,
}

/// A request that was understood and waits for a sequence and for room.
pub(crate) struct Waiting {
    pub(crate) conversation_id: ConversationId,
    pub(crate) tokens: Vec<LlamaToken>,
    pub(crate) sampler: LlamaSampler,
    pub(crate) out: Out,
    /// Tokens that the answer may have.
    pub(crate) output: usize,
    pub(crate) told: Option<usize>,
    pub(crate) ticket: Ticket,
}

impl Waiting {
    /// Places in the context that it will need at most.
    pub(crate) fn room(&self) -> usize {
        self.tokens.len() + self.output
    }

    pub(crate) fn tell(&mut self, ahead: usize) {
        if self.told != Some(ahead) {
            self.told = Some(ahead);
            let _ = self.out.send(Ok(ModelChunk::Queued { ahead }));
        }
    }

    /// `shared`: so many of the tokens are in the sequence already.
    pub(crate) fn seat(mut self, sequence: i32, shared: usize) -> Seat {
        let room = self.room();
        let prompt_tokens = self.tokens.len();
        let pending = self.tokens.split_off(shared).into();
        drop(self.ticket);
        Seat {
            conversation_id: self.conversation_id,
            sequence,
            room,
            prompt_tokens,
            seen: self.tokens,
            pending,
            sampler: self.sampler,
            out: self.out,
            left: self.output,
            made: 0,
            text: Utf8::default(),
        }
    }
}

/// A request that is being answered.
pub(crate) struct Seat {
    pub(crate) conversation_id: ConversationId,
    pub(crate) sequence: i32,
    pub(crate) room: usize,
    prompt_tokens: usize,
    /// Tokens that are in the sequence, or will be with the batch that is being filled.
    pub(crate) seen: Vec<LlamaToken>,
    /// Tokens that the model has not seen: the rest of the prompt, then the last one it made.
    pub(crate) pending: VecDeque<LlamaToken>,
    pub(crate) sampler: LlamaSampler,
    pub(crate) out: Out,
    left: usize,
    made: usize,
    text: Utf8,
}

impl Seat {
    /// Nobody listens any more.
    pub(crate) fn left_alone(&self) -> bool {
        self.out.is_closed()
    }

    /// Says the text of a token that is no end. `false`: the limit is reached.
    pub(crate) fn say(&mut self, token: LlamaToken, bytes: &[u8]) -> bool {
        let text = self.text.push(bytes);
        if !text.is_empty() {
            let _ = self.out.send(Ok(ModelChunk::Text(text)));
        }
        self.made += 1;
        self.left = self.left.saturating_sub(1);
        self.pending.push_back(token);
        self.left > 0
    }

    pub(crate) fn end(self, finish: FinishReason) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let usage = Usage {
            prompt_tokens: count(self.prompt_tokens),
            completion_tokens: count(self.made),
        };
        let _ = self.out.send(Ok(ModelChunk::End {
            calls: vec![],
            finish,
            usage,
        }));
    }
}
