DROP TABLE outages;
ALTER TABLE service
    DROP COLUMN clock_offset,
    DROP COLUMN clock_changed_at,
    DROP COLUMN server_ids,
    DROP COLUMN server_beats,
    DROP COLUMN outage_ended_at,
    DROP COLUMN outage_beat_at,
    DROP COLUMN outage_step,
    DROP COLUMN outage_done_to;
DROP TABLE commits;
DROP TABLE writers;
CREATE TABLE commits (
    id           uuid        NOT NULL PRIMARY KEY,
    transaction  bigint      NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    server_id    uuid        NOT NULL,
    committed_at timestamptz NOT NULL,
    seat_ids     uuid[]      NOT NULL,
    token_ids    uuid[]      NOT NULL
);
CREATE INDEX commits_by_transaction ON commits (transaction);
