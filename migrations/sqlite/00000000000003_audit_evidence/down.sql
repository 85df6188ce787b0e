ALTER TABLE cash_accounts DROP COLUMN digest;
ALTER TABLE cash_entries DROP COLUMN digest;
ALTER TABLE reservations DROP COLUMN hold_seconds;
ALTER TABLE waiting_rooms DROP COLUMN capacity_count;
DROP TABLE room_capacities;
ALTER TABLE service DROP COLUMN evidence_since;
