-- A concert has one show at a time. Those that were entered twice before this was so are told apart by a
-- number, which is 0 for all others.
ALTER TABLE shows ADD COLUMN twin bigint NOT NULL DEFAULT 0;
UPDATE shows SET twin = (SELECT count(*) FROM shows AS s
    WHERE s.concert_id = shows.concert_id AND s.starts_at = shows.starts_at AND s.id < shows.id);
DROP INDEX shows_by_concert;
CREATE UNIQUE INDEX shows_one_at_a_time ON shows (concert_id, starts_at, twin);
