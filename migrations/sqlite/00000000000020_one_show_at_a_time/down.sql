DROP INDEX shows_one_at_a_time;
CREATE INDEX shows_by_concert ON shows (concert_id, starts_at);
ALTER TABLE shows DROP COLUMN twin;
