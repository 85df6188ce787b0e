-- How servers hear of each other's commits, what they know of each other, and what time it is.
-- A server of the version before cannot write beside these tables, and says so with 503.

-- One row for each connection that writes. Deleted some time after the connection has ended.
CREATE TABLE writers (
    id        uuid        NOT NULL PRIMARY KEY,
    server_id uuid        NOT NULL,
    -- When its server last said that the connection is in use.
    seen_at   timestamptz NOT NULL,
    -- Not in use for a while; its row goes when all servers have had time to see this.
    retired   boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- One row a commit, kept for some minutes. A writer numbers its commits 1, 2, 3, … on one connection,
-- one after the other, so whoever has seen number n of a writer has seen all before it. Each writer's
-- newest row is kept.
DROP TABLE commits;
CREATE TABLE commits (
    writer_id    uuid        NOT NULL CONSTRAINT commits_writer_exists REFERENCES writers (id),
    number       bigint      NOT NULL,
    -- The store's time, at which the commit's decisions were made.
    committed_at timestamptz NOT NULL,
    seat_ids     uuid[]      NOT NULL,
    token_ids    uuid[]      NOT NULL,
    PRIMARY KEY (writer_id, number)
);
-- No decision is made at an earlier time than one that was committed before.
CREATE INDEX commits_by_time ON commits (committed_at);

ALTER TABLE service
    -- The store's time is the database's clock and this many microseconds.
    ADD COLUMN clock_offset     bigint      NOT NULL DEFAULT 0,
    ADD COLUMN clock_changed_at timestamptz,
    -- Servers that are there, and up to when each has written down whom it had heard of.
    ADD COLUMN server_ids       uuid[]        NOT NULL DEFAULT '{}',
    ADD COLUMN server_beats     timestamptz[] NOT NULL DEFAULT '{}',
    -- An outage whose time is being given back: see `outages` for those that were.
    ADD COLUMN outage_ended_at  timestamptz,
    ADD COLUMN outage_beat_at   timestamptz,
    ADD COLUMN outage_step      text CONSTRAINT service_outage_step_is_known
                                     CHECK (outage_step IN ('tokens', 'holds')),
    ADD COLUMN outage_done_to   uuid;

-- Every time in which no server could work, and that was given back to holds and to who was inside.
CREATE TABLE outages (
    began_at timestamptz NOT NULL PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    CONSTRAINT outages_end_after_they_begin CHECK (began_at <= ended_at)
);
