-- Ids are UUIDs of 16 bytes; times are whole microseconds since 1970 in UTC; money is in minor
-- units. Rules live in the program; the named constraints here are the second guard behind them.

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL CONSTRAINT users_email_is_unique UNIQUE,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL CONSTRAINT users_role_is_known CHECK (role IN ('buyer', 'admin')),
    password_hash TEXT,
    created_at    BIGINT  NOT NULL
) WITHOUT ROWID;

CREATE TABLE waiting_rooms (
    id                    BLOB    NOT NULL PRIMARY KEY,
    concert_id            BLOB,
    show_id               BLOB,
    capacity              BIGINT  NOT NULL CONSTRAINT waiting_rooms_capacity_is_not_negative CHECK (capacity >= 0),
    admissions_per_minute BIGINT,
    active_ttl_seconds    BIGINT  NOT NULL,
    idle_ttl_seconds      BIGINT  NOT NULL,
    paused                BOOLEAN NOT NULL,
    opens_at              BIGINT,
    -- Decides the draw of the lobby; secret until that is over.
    draw_seed             BLOB    NOT NULL CONSTRAINT waiting_rooms_seed_is_of_32_bytes CHECK (length(draw_seed) = 32),
    lobby_count           BIGINT  NOT NULL,
    drawn_count           BIGINT  NOT NULL,
    drawn_at              BIGINT,
    sold_out              BOOLEAN NOT NULL,
    last_number           BIGINT  NOT NULL,
    rate_used_until       BIGINT  NOT NULL,
    created_at            BIGINT  NOT NULL,
    CONSTRAINT waiting_rooms_have_one_door CHECK (concert_id IS NULL OR show_id IS NULL),
    CONSTRAINT waiting_rooms_draw_only_their_lobby CHECK (drawn_count BETWEEN 0 AND lobby_count)
) WITHOUT ROWID;

CREATE TABLE concerts (
    id                 BLOB   NOT NULL PRIMARY KEY,
    title              TEXT   NOT NULL,
    venue              TEXT   NOT NULL,
    time_zone          TEXT   NOT NULL,
    currency           TEXT   NOT NULL,
    sale_opens_at      BIGINT,
    sale_closes_at     BIGINT,
    max_seats_per_user BIGINT NOT NULL,
    room_id            BLOB   REFERENCES waiting_rooms (id),
    created_at         BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX concerts_by_room ON concerts (room_id);

CREATE TABLE shows (
    id         BLOB   NOT NULL PRIMARY KEY,
    concert_id BLOB   NOT NULL REFERENCES concerts (id),
    starts_at  BIGINT NOT NULL,
    date       TEXT   NOT NULL,
    seat_count BIGINT NOT NULL,
    room_id    BLOB   REFERENCES waiting_rooms (id)
) WITHOUT ROWID;
CREATE INDEX shows_by_concert ON shows (concert_id, starts_at);
CREATE INDEX shows_by_room ON shows (room_id);

CREATE TABLE waiting_tokens (
    id                BLOB   NOT NULL PRIMARY KEY,
    user_id           BLOB   NOT NULL REFERENCES users (id),
    room_id           BLOB   NOT NULL REFERENCES waiting_rooms (id),
    concert_id        BLOB   REFERENCES concerts (id),
    -- None for who came before the room opened, until it is drawn.
    number            BIGINT,
    joined_at         BIGINT NOT NULL,
    heard_at          BIGINT NOT NULL,
    state             TEXT   NOT NULL CONSTRAINT waiting_tokens_state_is_known
                             CHECK (state IN ('waiting', 'active', 'done', 'expired')),
    admitted_at       BIGINT,
    admitted_capacity BIGINT,
    -- While active: when it runs out. Afterwards: when it ended.
    ends_at           BIGINT,
    CONSTRAINT waiting_tokens_number_is_unique_in_its_room UNIQUE (room_id, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX waiting_tokens_one_live_a_user_and_room
    ON waiting_tokens (user_id, room_id) WHERE state IN ('waiting', 'active');
CREATE INDEX waiting_tokens_in_line ON waiting_tokens (room_id, number) WHERE state = 'waiting';
CREATE INDEX waiting_tokens_inside ON waiting_tokens (room_id, ends_at) WHERE state = 'active';
CREATE INDEX waiting_tokens_running_out ON waiting_tokens (ends_at) WHERE state = 'active';
CREATE INDEX waiting_tokens_admitted ON waiting_tokens (room_id, admitted_at) WHERE admitted_at IS NOT NULL;

CREATE TABLE seats (
    id             BLOB   NOT NULL PRIMARY KEY,
    show_id        BLOB   NOT NULL REFERENCES shows (id),
    number         TEXT   NOT NULL,
    section        TEXT   NOT NULL,
    row            TEXT   NOT NULL,
    grade          TEXT   NOT NULL,
    price          BIGINT NOT NULL CONSTRAINT seats_price_is_not_negative CHECK (price >= 0),
    version        BIGINT NOT NULL,
    state          TEXT   NOT NULL CONSTRAINT seats_state_is_known
                          CHECK (state IN ('available', 'held', 'pinned', 'sold')),
    reservation_id BLOB,
    held_until     BIGINT,
    -- Who had it last and did not pay for it, and when that ended.
    let_go_by      BLOB,
    let_go_at      BIGINT,
    CONSTRAINT seats_number_is_unique_in_its_show UNIQUE (show_id, number),
    CONSTRAINT seats_are_somebodys_or_nobodys
        CHECK ((state = 'available') = (reservation_id IS NULL)
           AND (state = 'held') = (held_until IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX seats_by_show ON seats (show_id, id);

CREATE TABLE reservations (
    id           BLOB   NOT NULL PRIMARY KEY,
    user_id      BLOB   NOT NULL REFERENCES users (id),
    concert_id   BLOB   NOT NULL REFERENCES concerts (id),
    show_id      BLOB   NOT NULL REFERENCES shows (id),
    date         TEXT   NOT NULL,
    total_amount BIGINT NOT NULL CONSTRAINT reservations_total_is_not_negative CHECK (total_amount >= 0),
    created_at   BIGINT NOT NULL,
    held_until   BIGINT NOT NULL,
    state        TEXT   NOT NULL CONSTRAINT reservations_state_is_known
                        CHECK (state IN ('held', 'paying', 'confirmed', 'expired', 'cancelled', 'failed', 'refunded')),
    payment_id   BLOB,
    confirmed_at BIGINT,
    ended_at     BIGINT,
    CONSTRAINT reservations_name_their_payment
        CHECK ((state IN ('paying', 'confirmed', 'failed', 'refunded')) = (payment_id IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX reservations_by_user ON reservations (user_id, id);
CREATE INDEX reservations_live ON reservations (user_id, concert_id) WHERE state IN ('held', 'paying', 'confirmed');
CREATE INDEX reservations_lapsing ON reservations (held_until) WHERE state = 'held';

CREATE TABLE reservation_seats (
    reservation_id BLOB   NOT NULL REFERENCES reservations (id),
    position       BIGINT NOT NULL,
    seat_id        BLOB   NOT NULL REFERENCES seats (id),
    price          BIGINT NOT NULL CONSTRAINT reservation_seats_price_is_not_negative CHECK (price >= 0),
    -- Whether the reservation still has the seat: held, pinned or sold.
    live           BOOLEAN NOT NULL,
    PRIMARY KEY (reservation_id, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX reservation_seats_one_live_hold_a_seat
    ON reservation_seats (seat_id) WHERE live;

CREATE TABLE payments (
    id                 BLOB   NOT NULL PRIMARY KEY,
    reservation_id     BLOB   NOT NULL CONSTRAINT payments_one_a_reservation UNIQUE REFERENCES reservations (id),
    user_id            BLOB   NOT NULL REFERENCES users (id),
    amount             BIGINT NOT NULL CONSTRAINT payments_amount_is_not_negative CHECK (amount >= 0),
    balance_before     BIGINT NOT NULL,
    balance_after      BIGINT NOT NULL,
    -- When the cash was taken.
    paid_at            BIGINT NOT NULL,
    state              TEXT   NOT NULL CONSTRAINT payments_state_is_known
                              CHECK (state IN ('pending', 'succeeded', 'failed', 'refunded')),
    -- When it failed or was refunded, and why it failed.
    ended_at           BIGINT,
    failure            TEXT,
    -- What an outside provider holds for it; none for one in cash alone.
    provider_token_id  BLOB,
    provider_state     TEXT   CONSTRAINT payments_provider_state_is_known
                              CHECK (provider_state IN ('asked', 'charged', 'declined', 'return_due', 'returned')),
    -- While the provider owes an answer: how often it was asked, when it is next, and until when
    -- it should be settled.
    provider_asks      BIGINT,
    provider_ask_at    BIGINT,
    provider_settle_by BIGINT,
    CONSTRAINT payments_add_up CHECK (balance_before - amount = balance_after),
    CONSTRAINT payments_wait_for_a_provider
        CHECK (state <> 'pending' OR coalesce(provider_state, '') = 'asked'),
    CONSTRAINT payments_owe_an_answer_or_not
        CHECK ((coalesce(provider_state, '') IN ('asked', 'return_due')) = (provider_ask_at IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX payments_by_user ON payments (user_id, id);
CREATE INDEX payments_to_ask ON payments (provider_ask_at) WHERE provider_ask_at IS NOT NULL;

CREATE TABLE cash_accounts (
    user_id     BLOB   NOT NULL PRIMARY KEY REFERENCES users (id),
    balance     BIGINT NOT NULL CONSTRAINT cash_accounts_balance_is_not_negative CHECK (balance >= 0),
    entry_count BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cash_entries (
    id            BLOB   NOT NULL PRIMARY KEY,
    user_id       BLOB   NOT NULL REFERENCES cash_accounts (user_id),
    number        BIGINT NOT NULL,
    kind          TEXT   NOT NULL CONSTRAINT cash_entries_kind_is_known CHECK (kind IN ('charge', 'payment', 'refund')),
    payment_id    BLOB   REFERENCES payments (id),
    amount        BIGINT NOT NULL CONSTRAINT cash_entries_amount_is_not_negative CHECK (amount >= 0),
    balance_after BIGINT NOT NULL CONSTRAINT cash_entries_balance_is_not_negative CHECK (balance_after >= 0),
    created_at    BIGINT NOT NULL,
    CONSTRAINT cash_entries_number_is_unique_in_its_account UNIQUE (user_id, number),
    CONSTRAINT cash_entries_one_of_a_kind_a_payment UNIQUE (payment_id, kind)
) WITHOUT ROWID;
CREATE INDEX cash_entries_by_user ON cash_entries (user_id, id);

CREATE TABLE kept_answers (
    user_id     BLOB   NOT NULL,
    call        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint BLOB   NOT NULL,
    answer      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, call, key)
) WITHOUT ROWID;
CREATE INDEX kept_answers_by_age ON kept_answers (created_at);

-- One row: what the service knows of itself.
CREATE TABLE service (
    id             INTEGER NOT NULL PRIMARY KEY CONSTRAINT service_is_one CHECK (id = 1),
    -- No decision is ever made at an earlier time than this, whatever the machine's clock says.
    last_commit_at BIGINT  NOT NULL,
    heartbeat_at   BIGINT,
    up_since       BIGINT
);
INSERT INTO service (id, last_commit_at) VALUES (1, 0);
