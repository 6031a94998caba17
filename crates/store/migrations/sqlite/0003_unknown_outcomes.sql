-- What users say of calls with unknown outcomes, and tools that a conversation need not ask for.

ALTER TABLE tool_ledger ADD COLUMN decision TEXT
    CHECK (decision IN ('retry', 'happened', 'did_not_happen'));
ALTER TABLE tool_ledger ADD COLUMN decided_at INTEGER;
-- The unknown call that this one tries again, and the first of them: keyed services know its id.
ALTER TABLE tool_ledger ADD COLUMN retry_of BLOB;
ALTER TABLE tool_ledger ADD COLUMN first_call_id BLOB;
-- No call is tried again twice, kept by the database.
CREATE UNIQUE INDEX tool_ledger_one_retry ON tool_ledger (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX tool_ledger_undecided ON tool_ledger (user_id, created_at DESC, call_id DESC)
    WHERE state = 'unknown' AND decision IS NULL;

ALTER TABLE approvals ADD COLUMN scope TEXT CHECK (scope IN ('once', 'conversation'));

CREATE TABLE tool_permissions (
    conversation_id BLOB NOT NULL
        REFERENCES conversation_states (conversation_id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tool_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, tool_name)
) STRICT;
CREATE INDEX tool_permissions_by_user ON tool_permissions (user_id);
