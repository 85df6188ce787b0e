-- Counts are kept, so that nobody has to look at all that is counted. Each writer adds to rows of its
-- own, and so waits for nobody; a count is the sum over writers. What writers counted that are gone is
-- in the rows of the writer that is all zeros.

CREATE TABLE room_counts (
    room_id   uuid   NOT NULL,
    writer_id uuid   NOT NULL,
    waiting   bigint NOT NULL,
    inside    bigint NOT NULL,
    PRIMARY KEY (room_id, writer_id)
) WITH (fillfactor = 50);
CREATE INDEX room_counts_by_writer ON room_counts (writer_id);

CREATE TABLE show_counts (
    show_id   uuid   NOT NULL,
    writer_id uuid   NOT NULL,
    available bigint NOT NULL,
    -- And pinned ones.
    held      bigint NOT NULL,
    sold      bigint NOT NULL,
    -- What those that are sold cost.
    income    bigint NOT NULL,
    PRIMARY KEY (show_id, writer_id)
) WITH (fillfactor = 50);
CREATE INDEX show_counts_by_writer ON show_counts (writer_id);

INSERT INTO room_counts
    SELECT room_id, '00000000-0000-0000-0000-000000000000',
        count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'active')
    FROM waiting_tokens WHERE state IN ('waiting', 'active') GROUP BY room_id;
INSERT INTO show_counts
    SELECT show_id, '00000000-0000-0000-0000-000000000000',
        count(*) FILTER (WHERE state = 'available'), count(*) FILTER (WHERE state IN ('held', 'pinned')),
        count(*) FILTER (WHERE state = 'sold'), coalesce(sum(price) FILTER (WHERE state = 'sold'), 0)
    FROM seats GROUP BY show_id;

-- Whose time is over is found without a look at all who are inside. A hold that puts an end off
-- therefore touches this index; only those do that are made in the last part of a stay.
DROP INDEX waiting_tokens_inside;
CREATE INDEX waiting_tokens_inside ON waiting_tokens (room_id, ends_at) WHERE state = 'active';

-- An id is in one index of its table alone. In another one, behind other columns, it could be looked for
-- by going through all of that, which a plan takes to be as good while the table is empty.
DROP INDEX seats_by_show;
CREATE INDEX seats_by_show ON seats (show_id);
DROP INDEX reservations_by_user;
CREATE INDEX reservations_by_user ON reservations (user_id, created_at);
DROP INDEX payments_by_user;
CREATE INDEX payments_by_user ON payments (user_id, paid_at);
DROP INDEX concerts_by_age;
CREATE INDEX concerts_by_age ON concerts (created_at);
