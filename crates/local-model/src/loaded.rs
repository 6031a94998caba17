//! Everybody who asks at a time: their places, their tokens, one batch after the other.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use agent::ports::ModelError;
use domain::{ConversationId, FinishReason};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::config::LocalConfig;
use crate::failure;
use crate::prompt::Template;
use crate::sampling;
use crate::seat::{Job, Seat, Waiting};

/// Conversations answered together.
const SEATS: i32 = 4;
/// Tokens computed at a time. Larger ones read prompts no faster and delay the next token of
/// everybody, and a cancellation.
const BATCH: usize = 64;
/// Tokens of an answer where the request says nothing.
const OUTPUT: usize = 512;
/// A prompt must leave room for at least this much answer.
const OUTPUT_MIN: usize = 16;

/// A model in memory, with everybody who asks it.
pub(crate) struct Loaded<'a> {
    label: &'a str,
    model: &'a LlamaModel,
    context: LlamaContext<'a>,
    template: Template,
    batch: LlamaBatch<'static>,
    window: usize,
    waiting: VecDeque<Waiting>,
    seats: Vec<Seat>,
    /// Sequences that nobody sits on, the one used last at the end.
    kept: VecDeque<Kept>,
}

/// What a finished answer leaves in the context: the next turn of the same conversation begins
/// with the same tokens and need not compute them again.
struct Kept {
    sequence: i32,
    conversation_id: ConversationId,
    tokens: Vec<LlamaToken>,
}

impl<'a> Loaded<'a> {
    pub(crate) fn idle(&self) -> bool {
        self.seats.is_empty()
    }

    pub(crate) fn new(
        config: &'a LocalConfig,
        backend: &LlamaBackend,
        model: &'a LlamaModel,
        template: Template,
    ) -> Result<Self, ModelError> {
        let trained = usize::try_from(model.n_ctx_train()).unwrap_or(usize::MAX);
        let window = config.context.min(trained).max(BATCH);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let threads = i32::try_from(config.threads.max(1)).unwrap_or(1);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(number(window)))
            .with_n_seq_max(SEATS.unsigned_abs())
            .with_n_batch(number(BATCH))
            .with_n_ubatch(number(BATCH))
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            // One pool for all sequences: a long conversation may use what short ones leave.
            .with_kv_unified(true);
        let context = model
            .new_context(backend, params)
            .map_err(|_| failure::engine("there is not enough memory for it"))?;
        Ok(Self {
            label: &config.label,
            model,
            context,
            template,
            batch: LlamaBatch::new(BATCH, SEATS),
            window,
            waiting: VecDeque::new(),
            seats: vec![],
            kept: VecDeque::new(),
        })
    }

    /// A new request: its prompt is made at once, so that one that can't be answered is refused
    /// without waiting.
    pub(crate) fn take(&mut self, job: Job) {
        let Job {
            request,
            out,
            ticket,
        } = job;
        let text = match self.template.prompt(&request) {
            Ok(text) => text,
            Err(error) => {
                tracing::warn!(%error, "chat template");
                let _ = out.send(Err(failure::no_template(self.label)));
                return;
            }
        };
        let vocab = self.model.vocab();
        let bos = vocab
            .text(vocab.bos())
            .map(|text| text.to_string_lossy().into_owned());
        let has_bos = bos.is_some_and(|bos| !bos.is_empty() && text.starts_with(&bos));
        let mut tokens = vocab.tokenize(text.as_bytes(), vocab.should_add_bos() && !has_bos, true);
        if vocab.should_add_eos() && tokens.last() == Some(&vocab.eos()) {
            tokens.pop();
        }
        if tokens.len() + OUTPUT_MIN > self.window {
            let error = failure::too_long(self.label, tokens.len(), self.window);
            let _ = out.send(Err(error));
            return;
        }
        let begun = request.prefill.as_deref().unwrap_or_default();
        let begun = vocab.tokenize(begun.as_bytes(), false, false);
        let asked = request
            .max_output_tokens
            .map_or(OUTPUT, |n| usize::try_from(n).unwrap_or(OUTPUT));
        self.waiting.push_back(Waiting {
            conversation_id: request.conversation_id,
            output: asked.clamp(1, self.window - tokens.len()),
            tokens,
            sampler: sampling::sampler(vocab.n_tokens(), request.run_id, &begun),
            out,
            told: None,
            ticket,
        });
    }

    /// First come, first served, as sequences and room allow. The others are told how many are
    /// before them.
    pub(crate) fn sit_down(&mut self) {
        self.waiting.retain(|waiting| !waiting.out.is_closed());
        while let Some(waiting) = self.waiting.pop_front() {
            match self.place(&waiting) {
                Some((sequence, shared)) => self.seats.push(waiting.seat(sequence, shared)),
                None => {
                    self.waiting.push_front(waiting);
                    break;
                }
            }
        }
        let seated = self.seats.len();
        for (before, waiting) in self.waiting.iter_mut().enumerate() {
            waiting.tell(seated + before);
        }
    }

    /// A sequence with enough room, and how many of the tokens it already holds. What was kept of
    /// other conversations gives way, the oldest first.
    fn place(&mut self, waiting: &Waiting) -> Option<(i32, usize)> {
        let seated: usize = self.seats.iter().map(|seat| seat.room).sum();
        if seated + waiting.room() > self.window || self.seats.len() >= seats() {
            return None;
        }
        let own = self
            .kept
            .iter()
            .rposition(|kept| kept.conversation_id == waiting.conversation_id);
        let own = own.and_then(|n| self.kept.remove(n));
        let kept = |this: &Self| {
            this.kept
                .iter()
                .map(|kept| kept.tokens.len())
                .sum::<usize>()
        };
        while seated + waiting.room() + kept(self) > self.window
            || (own.is_none() && self.seats.len() + self.kept.len() >= seats())
        {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.forget(oldest.sequence);
        }
        if let Some(own) = own {
            return Some((own.sequence, self.keep_shared(&own, &waiting.tokens)));
        }
        let free = (0..SEATS).find(|n| {
            self.seats.iter().all(|seat| seat.sequence != *n)
                && self.kept.iter().all(|kept| kept.sequence != *n)
        })?;
        self.forget(free);
        Some((free, 0))
    }

    /// Forgets what a sequence holds beyond the tokens that it shares with a new prompt; answers
    /// with their number. The last token of a prompt is always computed: it gives the first one of
    /// the answer.
    fn keep_shared(&mut self, own: &Kept, tokens: &[LlamaToken]) -> usize {
        let same = own
            .tokens
            .iter()
            .zip(tokens)
            .take_while(|(a, b)| a == b)
            .count();
        let shared = same.min(tokens.len().saturating_sub(1));
        let sequence = u32::try_from(own.sequence).ok();
        let from = u32::try_from(shared).ok();
        match self.context.clear_kv_cache_seq(sequence, from, None) {
            Ok(true) => shared,
            // Some kinds of models can only forget everything.
            _ => {
                self.forget(own.sequence);
                0
            }
        }
    }

    fn keep(&mut self, sequence: i32, conversation_id: ConversationId, tokens: Vec<LlamaToken>) {
        self.kept.push_back(Kept {
            sequence,
            conversation_id,
            tokens,
        });
    }

    /// One batch: the next token of everybody who has one, then as much prompt as fits.
    pub(crate) fn step(&mut self) {
        let leaving: Vec<usize> = (0..self.seats.len())
            .rev()
            .filter(|n| self.seats[*n].left_alone())
            .collect();
        for n in leaving {
            let seat = self.seats.swap_remove(n);
            self.keep(seat.sequence, seat.conversation_id, seat.seen);
        }
        let Some(asking) = self.fill() else { return };
        if let Err(error) = self.context.decode(&mut self.batch) {
            tracing::error!(%error, "decoding failed");
            return self.fail_all();
        }
        let mut done = vec![];
        for (n, index) in asking {
            if let Some(finish) = self.answer(n, index) {
                done.push((n, finish));
            }
        }
        done.sort_unstable_by_key(|(n, _)| std::cmp::Reverse(*n));
        for (n, finish) in done {
            let mut seat = self.seats.swap_remove(n);
            self.keep(
                seat.sequence,
                seat.conversation_id,
                std::mem::take(&mut seat.seen),
            );
            seat.end(finish);
        }
    }

    /// Fills the batch. Answers with the seats whose next token it will give, each with its place
    /// in the batch; `None` when there is nothing to compute.
    fn fill(&mut self) -> Option<Vec<(usize, i32)>> {
        self.batch.clear();
        let mut asking = vec![];
        let mut order: Vec<usize> = (0..self.seats.len()).collect();
        order.sort_by_key(|n| self.seats[*n].pending.len());
        for n in order {
            let seat = &mut self.seats[n];
            while let Some(token) = seat.pending.front().copied() {
                let last = seat.pending.len() == 1;
                let index = self.batch.n_tokens();
                let Ok(position) = i32::try_from(seat.seen.len()) else {
                    break;
                };
                if self
                    .batch
                    .add(token, position, &[seat.sequence], last)
                    .is_err()
                {
                    break;
                }
                seat.pending.pop_front();
                seat.seen.push(token);
                if last {
                    asking.push((n, index));
                }
            }
        }
        (self.batch.n_tokens() > 0).then_some(asking)
    }

    /// The next token of a seat; `Some` when it was the last.
    fn answer(&mut self, n: usize, index: i32) -> Option<FinishReason> {
        let vocab = self.model.vocab();
        let seat = &mut self.seats[n];
        let token: LlamaToken = seat.sampler.sample(&self.context, index);
        if vocab.is_eog(token) {
            return Some(FinishReason::Stop);
        }
        let bytes = vocab.token_to_piece(token, false, None);
        (!seat.say(token, &bytes)).then_some(FinishReason::Length)
    }

    fn forget(&mut self, sequence: i32) {
        let _ = self
            .context
            .clear_kv_cache_seq(u32::try_from(sequence).ok(), None, None);
    }

    fn fail_all(&mut self) {
        for seat in self.seats.drain(..) {
            let _ = seat
                .out
                .send(Err(failure::engine("its engine reported an error")));
        }
        self.kept.clear();
        self.context.clear_kv_cache();
    }
}

fn seats() -> usize {
    usize::try_from(SEATS).unwrap_or(1)
}
