-- What users say of calls with unknown outcomes, and tools that a conversation need not ask for.

ALTER TABLE tool_ledger ADD COLUMN decision TEXT
    CHECK (decision IN ('retry', 'happened', 'did_not_happen'));
ALTER TABLE tool_ledger ADD COLUMN decided_at BIGINT;
-- The unknown call that this one tries again, and the first of them: keyed services know its id.
ALTER TABLE tool_ledger ADD COLUMN retry_of UUID;
ALTER TABLE tool_ledger ADD COLUMN first_call_id UUID;
-- No call is tried again twice, kept by the database.
CREATE UNIQUE INDEX tool_ledger_one_retry ON tool_ledger (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX tool_ledger_undecided ON tool_ledger (user_id, created_at DESC, call_id DESC)
    WHERE state = 'unknown' AND decision IS NULL;

ALTER TABLE approvals ADD COLUMN scope TEXT CHECK (scope IN ('once', 'conversation'));

CREATE TABLE tool_permissions (
    conversation_id UUID NOT NULL
        REFERENCES conversation_states (conversation_id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tool_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, tool_name)
);
CREATE INDEX tool_permissions_by_user ON tool_permissions (user_id);
