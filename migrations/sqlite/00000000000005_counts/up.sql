-- Counts are kept, so that nobody has to look at all that is counted.

CREATE TABLE room_counts (
    room_id BLOB   NOT NULL PRIMARY KEY,
    waiting BIGINT NOT NULL,
    inside  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE show_counts (
    show_id   BLOB   NOT NULL PRIMARY KEY,
    available BIGINT NOT NULL,
    -- And pinned ones.
    held      BIGINT NOT NULL,
    sold      BIGINT NOT NULL,
    -- What those that are sold cost.
    income    BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO room_counts
    SELECT room_id, count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'active')
    FROM waiting_tokens WHERE state IN ('waiting', 'active') GROUP BY room_id;
INSERT INTO show_counts
    SELECT show_id, count(*) FILTER (WHERE state = 'available'),
        count(*) FILTER (WHERE state IN ('held', 'pinned')), count(*) FILTER (WHERE state = 'sold'),
        coalesce(sum(price) FILTER (WHERE state = 'sold'), 0)
    FROM seats GROUP BY show_id;
