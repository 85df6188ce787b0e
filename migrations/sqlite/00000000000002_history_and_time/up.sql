-- What servers know of each other, and outages. There is one server on a file, and it beats like the
-- many on PostgreSQL.
ALTER TABLE service ADD COLUMN server_id BLOB;
-- Up to when the server has written down whom it had heard of.
ALTER TABLE service ADD COLUMN server_beat BIGINT;
-- An outage whose time is being given back: see `outages` for those that were.
ALTER TABLE service ADD COLUMN outage_ended_at BIGINT;
ALTER TABLE service ADD COLUMN outage_beat_at BIGINT;
ALTER TABLE service ADD COLUMN outage_step TEXT
    CONSTRAINT service_outage_step_is_known CHECK (outage_step IN ('tokens', 'holds'));
ALTER TABLE service ADD COLUMN outage_done_to BLOB;

-- Every time in which no server could work, and that was given back to holds and to who was inside.
CREATE TABLE outages (
    began_at BIGINT NOT NULL PRIMARY KEY,
    ended_at BIGINT NOT NULL,
    CONSTRAINT outages_end_after_they_begin CHECK (began_at <= ended_at)
) WITHOUT ROWID;
