//! Every limit of the engine, by name.

/// Bytes of one idempotency key.
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;
/// How long a key is remembered.
pub const IDEMPOTENCY_KEPT_MS: i64 = 30 * DAY_MS;
/// Code points of a user's message.
pub const CONTENT_CHARS: usize = 10_000;
/// Code points of a title.
pub const TITLE_CHARS: usize = 200;
pub const TODO_TITLE_CHARS: usize = 500;
pub const TODOS_LISTED: i64 = 500;
pub const TODOS_PER_USER: i64 = 5_000;
/// Calls of unknown outcome listed at a time; more come up as these are decided.
pub const CALLS_LISTED: i64 = 200;

/// See [`crate::Rotation`].
pub const REFRESH_GRACE_MS: i64 = 10_000;
pub const SESSION_MS: i64 = 30 * DAY_MS;
pub const ACCESS_TOKEN_SECONDS: i64 = 600;

/// A run's owner must renew within this time.
pub const LEASE_MS: i64 = 10_000;
pub const LEASE_RENEW_MS: u64 = 3_000;
/// Unclean take-overs of one step before the run fails visibly.
pub const MAX_ATTEMPTS: i64 = 5;
/// Runs that one node drives at a time; more wait as `queued`.
pub const RUNS_PER_NODE: usize = 1_024;

/// Runs that wait behind the active one of a conversation; a message beyond them is refused.
pub const QUEUED_PER_CONVERSATION: usize = 20;

/// Model calls and tool rounds of one run.
pub const RUN_STEPS: i64 = 16;
/// Tool calls of one model answer; more are answered with an error and not executed.
pub const CALLS_PER_STEP: usize = 8;
/// Tokens of one run, prompt and completion together, as counted by the provider.
pub const RUN_TOKENS: i64 = 1_000_000;
/// Wall time of one run while a node drives it.
pub const RUN_WALL_MS: u64 = 15 * 60 * 1_000;
/// More of it for a last model call, where nothing was said by then.
pub const LAST_CALL_MS: u64 = 60_000;
/// UTF-8 bytes of a tool result that enter the context.
pub const TOOL_RESULT_BYTES: usize = 16 * 1_024;
/// UTF-8 bytes of a tool result that are stored and shown.
pub const TOOL_RESULT_STORED_BYTES: usize = 256 * 1_024;
/// UTF-8 bytes of one answer.
pub const ANSWER_BYTES: usize = 1_024 * 1_024;
pub const TOOL_CALL_MS: u64 = 60_000;
/// Nothing from a model for this long is a stall.
pub const MODEL_FIRST_CHUNK_MS: u64 = 120_000;
pub const MODEL_NEXT_CHUNK_MS: u64 = 60_000;
/// Retries before the first token; waits double from the first.
pub const MODEL_RETRIES: u32 = 3;
pub const MODEL_RETRY_FIRST_MS: u64 = 500;
pub const MODEL_RETRY_MAX_MS: u64 = 30_000;

/// One delta row per run at most this often; the first token goes at once.
pub const DELTA_EVERY_MS: u64 = 25;
pub const DELTA_EVERY_LOADED_MS: u64 = 100;
/// Deltas of a finished run are swept after this time.
pub const DELTAS_KEPT_MS: i64 = 60 * 60 * 1_000;
/// Other events are kept this long.
pub const EVENTS_KEPT_MS: i64 = 30 * DAY_MS;
/// Bytes of one user's events held in memory for readers, the last event in any case: some ten
/// seconds of an answer. Whoever is further behind than that reads the log, where a page costs no
/// more than its rows.
pub const TAIL_BYTES: usize = 128 * 1_024;
/// Bytes of events read from the log at a time; a single event may be longer.
pub const FEED_PAGE_BYTES: i64 = 64 * 1_024;
/// Conversations that one socket may watch.
pub const WATCHED: usize = 8;

/// Writes waiting for the journal; more wait outside.
pub const JOURNAL_QUEUE: usize = 4_096;
/// Writes in one group commit.
pub const JOURNAL_BATCH: usize = 512;

pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
