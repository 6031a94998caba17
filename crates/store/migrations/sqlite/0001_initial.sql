-- Times are epoch milliseconds, booleans 0 or 1, UUIDs 16 bytes, JSON checked text.
-- Same tables and columns as ../postgres; a test compares them.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    conversation_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id BLOB PRIMARY KEY NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE conversation_states (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_input TEXT,
    focus_areas TEXT CHECK (focus_areas IS NULL OR json_valid(focus_areas)),
    step_count INTEGER NOT NULL DEFAULT 0,
    last_tool_result TEXT CHECK (last_tool_result IS NULL OR json_valid(last_tool_result)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    title TEXT,
    title_source TEXT NOT NULL CHECK (title_source IN ('first_words', 'model', 'user')),
    -- Lower-cased title and first message: lists are searched the same way by both databases.
    search_text TEXT NOT NULL DEFAULT '',
    pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    model TEXT,
    agent_id TEXT,
    head_message_id INTEGER,
    message_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX conversations_by_activity
    ON conversation_states (user_id, updated_at DESC, id DESC);

-- No foreign key on parent_id: cascades along a long branch would exceed the trigger depth.
CREATE TABLE conversation_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id BLOB NOT NULL
        REFERENCES conversation_states (conversation_id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'tool', 'system')),
    content TEXT NOT NULL,
    message_type TEXT NOT NULL CHECK (message_type IN
        ('user_input', 'assistant_response', 'tool_call', 'tool_result', 'system_message')),
    tool_name TEXT,
    tool_success TEXT CHECK (tool_success IN ('true', 'false', 'unknown')),
    timestamp INTEGER NOT NULL,
    additional_data TEXT CHECK (additional_data IS NULL OR json_valid(additional_data)),
    parent_id INTEGER,
    run_id BLOB,
    status TEXT NOT NULL CHECK (status IN ('queued', 'streaming', 'awaiting_approval',
        'complete', 'interrupted', 'cancelled', 'failed')),
    revision INTEGER NOT NULL DEFAULT 1,
    client_message_id TEXT
) STRICT;
CREATE INDEX messages_by_parent ON conversation_messages (conversation_id, parent_id, id);
CREATE INDEX messages_by_conversation ON conversation_messages (conversation_id, id);
CREATE INDEX messages_by_run ON conversation_messages (run_id, id);
CREATE INDEX messages_by_user ON conversation_messages (user_id);
CREATE INDEX messages_open ON conversation_messages (conversation_id)
    WHERE status IN ('queued', 'streaming', 'awaiting_approval');

CREATE TABLE message_revisions (
    message_id INTEGER NOT NULL REFERENCES conversation_messages (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content TEXT NOT NULL,
    superseded_at INTEGER NOT NULL,
    PRIMARY KEY (message_id, revision)
) STRICT;
CREATE INDEX message_revisions_by_user ON message_revisions (user_id);

CREATE TABLE runs (
    run_id BLOB PRIMARY KEY NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id BLOB NOT NULL
        REFERENCES conversation_states (conversation_id) ON DELETE CASCADE,
    user_message_id INTEGER NOT NULL,
    ai_message_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'running', 'awaiting_approval', 'completed', 'failed', 'cancelled')),
    fence INTEGER NOT NULL DEFAULT 0,
    node_id BLOB,
    lease_until INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    model TEXT,
    agent_id TEXT,
    time_zone TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    error TEXT CHECK (error IS NULL OR json_valid(error)),
    deltas_swept INTEGER NOT NULL DEFAULT 0 CHECK (deltas_swept IN (0, 1)),
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER
) STRICT;
-- One active run per conversation: the law of the engine, kept by the database.
CREATE UNIQUE INDEX runs_one_active ON runs (conversation_id)
    WHERE state IN ('running', 'awaiting_approval');
CREATE INDEX runs_live ON runs (conversation_id)
    WHERE state IN ('queued', 'running', 'awaiting_approval');
CREATE INDEX runs_by_conversation ON runs (conversation_id, created_at);
CREATE INDEX runs_by_user ON runs (user_id);
CREATE INDEX runs_by_lease ON runs (state, lease_until) WHERE state IN ('queued', 'running');
CREATE INDEX runs_unswept ON runs (finished_at) WHERE NOT deltas_swept;

CREATE TABLE steps (
    run_id BLOB NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    step_index INTEGER NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    body TEXT NOT NULL CHECK (json_valid(body)),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, step_index)
) STRICT;
CREATE INDEX steps_by_user ON steps (user_id);

CREATE TABLE tool_ledger (
    call_id BLOB PRIMARY KEY NOT NULL,
    run_id BLOB NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    tool_name TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('transactional', 'read_only', 'keyed', 'effectful')),
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    state TEXT NOT NULL CHECK (state IN
        ('intended', 'succeeded', 'failed', 'denied', 'unknown')),
    result TEXT CHECK (result IS NULL OR json_valid(result)),
    created_at INTEGER NOT NULL,
    -- When the call may have left.
    left_at INTEGER,
    settled_at INTEGER
) STRICT;
CREATE INDEX tool_ledger_by_run ON tool_ledger (run_id, step, position);
CREATE INDEX tool_ledger_by_user ON tool_ledger (user_id);

CREATE TABLE approvals (
    approval_id BLOB PRIMARY KEY NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id BLOB NOT NULL
        REFERENCES conversation_states (conversation_id) ON DELETE CASCADE,
    run_id BLOB NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    call_id BLOB NOT NULL REFERENCES tool_ledger (call_id) ON DELETE CASCADE,
    tool_name TEXT NOT NULL,
    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
    arguments_hash TEXT NOT NULL,
    decision TEXT CHECK (decision IN ('approve', 'deny')),
    created_at INTEGER NOT NULL,
    decided_at INTEGER
) STRICT;
CREATE INDEX approvals_by_user ON approvals (user_id, created_at);
CREATE INDEX approvals_by_run ON approvals (run_id);
CREATE INDEX approvals_by_conversation ON approvals (conversation_id);
CREATE INDEX approvals_by_call ON approvals (call_id);

-- floor_seq: the highest swept line that had no other in its place; an older cursor is reset.
CREATE TABLE feeds (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    next_seq INTEGER NOT NULL,
    floor_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- No foreign key on conversation_id: the line that says "deleted" outlives the conversation.
CREATE TABLE events (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    conversation_id BLOB,
    run_id BLOB,
    message_id INTEGER,
    body TEXT NOT NULL CHECK (json_valid(body)),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_conversation ON events (conversation_id, message_id, seq);

CREATE TABLE todos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    due_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX todos_by_user ON todos (user_id, done, id DESC);

CREATE TABLE settings (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

-- No foreign key on what a key made: a deleted thing answers "gone", not a second message.
CREATE TABLE idempotency_keys (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    run_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Numbers only, and no foreign key: it outlives the account.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    actor INTEGER,
    action TEXT NOT NULL,
    subject INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
