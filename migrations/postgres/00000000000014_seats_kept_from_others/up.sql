-- Nobody keeps seats or a place inside by holding over and over, and what was paid for and given back is
-- free at a moment that nobody can tell.

-- Who had the seat before `let_go_by` and did not pay for it either, the last first, 16 bytes each.
ALTER TABLE seats ADD COLUMN let_go_before bytea;
-- Whether they leave it to others for a while. So does whoever let one go before this column was there.
ALTER TABLE seats ADD COLUMN let_go_to_others boolean NOT NULL DEFAULT true;
-- Of a seat that was paid for and given back: when it is free. Until then its state is `sold`.
ALTER TABLE seats ADD COLUMN returns_at timestamptz
    CONSTRAINT seats_return_from_a_sale CHECK (returns_at IS NULL OR state = 'sold');
CREATE INDEX seats_returning ON seats (returns_at) WHERE returns_at IS NOT NULL;

-- By when a token that a hold kept alive has to be out, whatever else is held with it.
ALTER TABLE waiting_tokens ADD COLUMN leave_by timestamptz;

-- What a user gave back, the last first.
CREATE INDEX reservations_given_back ON reservations (user_id, concert_id, held_until)
    WHERE state = 'cancelled';
