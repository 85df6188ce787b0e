-- Who comes before a room opens has one lot, whatever they do, and a hash of all arrivals holds the room to
-- them before its seed is told.
ALTER TABLE waiting_rooms ADD COLUMN lobby_hash bytea;
-- The how-many-th the user was to come before the room opened, and how often the user came again.
ALTER TABLE waiting_tokens ADD COLUMN arrival bigint;
ALTER TABLE waiting_tokens ADD COLUMN returns bigint;
CREATE UNIQUE INDEX waiting_tokens_one_lot_a_user_and_room ON waiting_tokens (user_id, room_id)
    WHERE arrival IS NOT NULL AND number IS NULL;
CREATE UNIQUE INDEX waiting_tokens_arrived ON waiting_tokens (room_id, arrival)
    WHERE arrival IS NOT NULL;

-- All of a policy is published with the time of its change. Of those before, only capacities are known.
ALTER TABLE room_capacities RENAME TO room_policies;
ALTER TABLE waiting_rooms RENAME COLUMN capacity_count TO policy_count;
ALTER TABLE room_policies ADD COLUMN admissions_per_minute bigint;
ALTER TABLE room_policies ADD COLUMN active_ttl_seconds bigint;
ALTER TABLE room_policies ADD COLUMN idle_ttl_seconds bigint;
ALTER TABLE room_policies ADD COLUMN paused boolean;
ALTER TABLE room_policies ADD COLUMN opens_at timestamptz;
