-- Waiting tokens that are over, and reservations that ended unpaid, are deleted after a time. Both are
-- referred to without foreign keys, by what the rules see to: a seat names no reservation that ended.

ALTER TABLE waiting_rooms
    -- The highest number whose token is deleted, as are all before it but for those of the lobby.
    ADD COLUMN forgotten_to bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT waiting_rooms_keep_their_lobby
        CHECK (forgotten_to = 0 OR forgotten_to > lobby_count),
    ADD CONSTRAINT waiting_rooms_forget_what_there_was
        CHECK (forgotten_to <= last_number);

-- Those that ended unpaid, in the order in which they are deleted.
CREATE INDEX reservations_ended_unpaid ON reservations (ended_at)
    WHERE payment_id IS NULL AND ended_at IS NOT NULL;
