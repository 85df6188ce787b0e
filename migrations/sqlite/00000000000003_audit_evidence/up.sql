-- What the audit compares the books with. All that is written from now on has its evidence; what was
-- written before has what could be filled in without rewriting large tables.

-- Since when. The audit asks for no evidence of what is older.
ALTER TABLE service ADD COLUMN evidence_since BIGINT;
UPDATE service SET evidence_since = last_commit_at + 1;

-- Every capacity that a room has had, in order.
CREATE TABLE room_capacities (
    room_id  BLOB   NOT NULL REFERENCES waiting_rooms (id),
    number   BIGINT NOT NULL,
    since    BIGINT NOT NULL,
    capacity BIGINT NOT NULL CONSTRAINT room_capacities_are_not_negative CHECK (capacity >= 0),
    PRIMARY KEY (room_id, number)
) WITHOUT ROWID;
ALTER TABLE waiting_rooms ADD COLUMN capacity_count BIGINT NOT NULL DEFAULT 0;
INSERT INTO room_capacities (room_id, number, since, capacity)
    SELECT r.id, 1, s.evidence_since, r.capacity FROM waiting_rooms AS r, service AS s;
UPDATE waiting_rooms SET capacity_count = 1;

-- For how long a reservation was to be held, without what outages added. Only where it still is.
ALTER TABLE reservations ADD COLUMN hold_seconds BIGINT;
UPDATE reservations SET hold_seconds = (held_until - created_at) / 1000000 WHERE state = 'held';

-- Binds each entry of an account to those before it.
ALTER TABLE cash_entries ADD COLUMN digest BLOB
    CONSTRAINT cash_entries_digest_is_of_32_bytes CHECK (length(digest) = 32);
ALTER TABLE cash_accounts ADD COLUMN digest BLOB
    CONSTRAINT cash_accounts_digest_is_of_32_bytes CHECK (length(digest) = 32);
