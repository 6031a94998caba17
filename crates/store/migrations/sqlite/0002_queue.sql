-- Runs that wait behind another run of their conversation (decision 0006). Same tables and columns
-- as ../postgres; a test compares them.

ALTER TABLE runs ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting IN (0, 1));

-- Of the runs that are not over, one has its message in the tree; all others wait.
CREATE UNIQUE INDEX runs_one_placed ON runs (conversation_id)
    WHERE state IN ('queued', 'running', 'awaiting_approval') AND NOT waiting;
-- The queue. A message's id is given under the lock of its conversation, so that no clock orders it.
CREATE INDEX runs_waiting ON runs (conversation_id, user_message_id) WHERE waiting;
