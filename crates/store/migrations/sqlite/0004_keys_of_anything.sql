-- A key may have made a conversation as well as a run.
ALTER TABLE idempotency_keys RENAME COLUMN run_id TO made_id;
