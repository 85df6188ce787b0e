-- Ids are UUIDs that sort by age; times are in UTC, whole microseconds; money is in minor units.
-- Rules live in the program; the named constraints here are the second guard behind them.
--
-- Rows that are updated often leave room on their pages (fillfactor) and keep what changes out of
-- indexes, so that most updates touch no index (heap-only tuples).
--
-- What is written in a rush (tokens, reservations and their seats) has no foreign keys. PostgreSQL
-- checks them row by row, which costs more than all else that is done about the row; and those to a
-- concert, a show or a room would lock one row that all the others lock, too. What they would prove
-- holds without them: nothing that is referred to is ever deleted, and a transaction has read, or
-- itself written, every row that it refers to. Payments and cash, of which there are fewer and which
-- matter more, have theirs.

CREATE TABLE users (
    id            uuid        NOT NULL PRIMARY KEY,
    email         text        NOT NULL CONSTRAINT users_email_is_unique UNIQUE,
    name          text        NOT NULL,
    role          text        NOT NULL CONSTRAINT users_role_is_known CHECK (role IN ('buyer', 'admin')),
    password_hash text,
    created_at    timestamptz NOT NULL
);

CREATE TABLE waiting_rooms (
    id                    uuid        NOT NULL PRIMARY KEY,
    concert_id            uuid,
    show_id               uuid,
    capacity              bigint      NOT NULL CONSTRAINT waiting_rooms_capacity_is_not_negative CHECK (capacity >= 0),
    admissions_per_minute bigint,
    active_ttl_seconds    bigint      NOT NULL,
    idle_ttl_seconds      bigint      NOT NULL,
    paused                boolean     NOT NULL,
    opens_at              timestamptz,
    -- Decides the draw of the lobby; secret until that is over.
    draw_seed             bytea       NOT NULL CONSTRAINT waiting_rooms_seed_is_of_32_bytes CHECK (length(draw_seed) = 32),
    lobby_count           bigint      NOT NULL,
    drawn_count           bigint      NOT NULL,
    drawn_at              timestamptz,
    sold_out              boolean     NOT NULL,
    last_number           bigint      NOT NULL,
    rate_used_until       timestamptz NOT NULL,
    created_at            timestamptz NOT NULL,
    CONSTRAINT waiting_rooms_have_one_door CHECK (concert_id IS NULL OR show_id IS NULL),
    CONSTRAINT waiting_rooms_draw_only_their_lobby CHECK (drawn_count BETWEEN 0 AND lobby_count)
) WITH (fillfactor = 50);

CREATE TABLE concerts (
    id                 uuid        NOT NULL PRIMARY KEY,
    title              text        NOT NULL,
    venue              text        NOT NULL,
    time_zone          text        NOT NULL,
    currency           text        NOT NULL,
    sale_opens_at      timestamptz,
    sale_closes_at     timestamptz,
    max_seats_per_user bigint      NOT NULL,
    room_id            uuid        CONSTRAINT concerts_room_exists REFERENCES waiting_rooms (id),
    created_at         timestamptz NOT NULL
);
CREATE INDEX concerts_by_room ON concerts (room_id);

CREATE TABLE shows (
    id         uuid        NOT NULL PRIMARY KEY,
    concert_id uuid        NOT NULL CONSTRAINT shows_concert_exists REFERENCES concerts (id),
    starts_at  timestamptz NOT NULL,
    date       date        NOT NULL,
    seat_count bigint      NOT NULL,
    room_id    uuid        CONSTRAINT shows_room_exists REFERENCES waiting_rooms (id)
);
CREATE INDEX shows_by_concert ON shows (concert_id, starts_at);
CREATE INDEX shows_by_room ON shows (room_id);

CREATE TABLE waiting_tokens (
    id                uuid        NOT NULL PRIMARY KEY,
    user_id           uuid        NOT NULL,
    room_id           uuid        NOT NULL,
    concert_id        uuid,
    -- None for who came before the room opened, until it is drawn.
    number            bigint,
    joined_at         timestamptz NOT NULL,
    heard_at          timestamptz NOT NULL,
    state             text        NOT NULL CONSTRAINT waiting_tokens_state_is_known
                                  CHECK (state IN ('waiting', 'active', 'done', 'expired')),
    admitted_at       timestamptz,
    admitted_capacity bigint,
    -- While active: when it runs out. Afterwards: when it ended.
    ends_at           timestamptz,
    CONSTRAINT waiting_tokens_number_is_unique_in_its_room UNIQUE (room_id, number)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX waiting_tokens_one_live_a_user_and_room
    ON waiting_tokens (user_id, room_id) WHERE state IN ('waiting', 'active');
CREATE INDEX waiting_tokens_in_line ON waiting_tokens (room_id, number) WHERE state = 'waiting';
-- Without `ends_at`, which holds put off: there are only as many as rooms have places.
CREATE INDEX waiting_tokens_inside ON waiting_tokens (room_id) WHERE state = 'active';
CREATE INDEX waiting_tokens_admitted ON waiting_tokens (room_id, admitted_at) WHERE admitted_at IS NOT NULL;

CREATE TABLE seats (
    id             uuid   NOT NULL PRIMARY KEY,
    show_id        uuid   NOT NULL CONSTRAINT seats_show_exists REFERENCES shows (id),
    number         text   NOT NULL,
    section        text   NOT NULL,
    "row"          text   NOT NULL,
    grade          text   NOT NULL,
    price          bigint NOT NULL CONSTRAINT seats_price_is_not_negative CHECK (price >= 0),
    version        bigint NOT NULL,
    state          text   NOT NULL CONSTRAINT seats_state_is_known
                          CHECK (state IN ('available', 'held', 'pinned', 'sold')),
    reservation_id uuid,
    held_until     timestamptz,
    -- Who had it last and did not pay for it, and when that ended.
    let_go_by      uuid,
    let_go_at      timestamptz,
    CONSTRAINT seats_number_is_unique_in_its_show UNIQUE (show_id, number),
    CONSTRAINT seats_are_somebodys_or_nobodys
        CHECK ((state = 'available') = (reservation_id IS NULL)
           AND (state = 'held') = (held_until IS NOT NULL))
) WITH (fillfactor = 60);
CREATE INDEX seats_by_show ON seats (show_id, id);

CREATE TABLE reservations (
    id           uuid        NOT NULL PRIMARY KEY,
    user_id      uuid        NOT NULL,
    concert_id   uuid        NOT NULL,
    show_id      uuid        NOT NULL,
    date         date        NOT NULL,
    total_amount bigint      NOT NULL CONSTRAINT reservations_total_is_not_negative CHECK (total_amount >= 0),
    created_at   timestamptz NOT NULL,
    held_until   timestamptz NOT NULL,
    state        text        NOT NULL CONSTRAINT reservations_state_is_known
                             CHECK (state IN ('held', 'paying', 'confirmed', 'expired', 'cancelled', 'failed', 'refunded')),
    payment_id   uuid,
    confirmed_at timestamptz,
    ended_at     timestamptz,
    CONSTRAINT reservations_name_their_payment
        CHECK ((state IN ('paying', 'confirmed', 'failed', 'refunded')) = (payment_id IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX reservations_by_user ON reservations (user_id, id);
CREATE INDEX reservations_live ON reservations (user_id, concert_id) WHERE state IN ('held', 'paying', 'confirmed');
CREATE INDEX reservations_lapsing ON reservations (held_until) WHERE state = 'held';

CREATE TABLE reservation_seats (
    reservation_id uuid    NOT NULL,
    "position"     bigint  NOT NULL,
    seat_id        uuid    NOT NULL,
    price          bigint  NOT NULL CONSTRAINT reservation_seats_price_is_not_negative CHECK (price >= 0),
    -- Whether the reservation still has the seat: held, pinned or sold.
    live           boolean NOT NULL,
    PRIMARY KEY (reservation_id, "position")
);
CREATE UNIQUE INDEX reservation_seats_one_live_hold_a_seat
    ON reservation_seats (seat_id) WHERE live;

CREATE TABLE payments (
    id                 uuid        NOT NULL PRIMARY KEY,
    reservation_id     uuid        NOT NULL CONSTRAINT payments_one_a_reservation UNIQUE
                                   CONSTRAINT payments_reservation_exists REFERENCES reservations (id),
    user_id            uuid        NOT NULL CONSTRAINT payments_user_exists REFERENCES users (id),
    amount             bigint      NOT NULL CONSTRAINT payments_amount_is_not_negative CHECK (amount >= 0),
    balance_before     bigint      NOT NULL,
    balance_after      bigint      NOT NULL,
    -- When the cash was taken.
    paid_at            timestamptz NOT NULL,
    state              text        NOT NULL CONSTRAINT payments_state_is_known
                                   CHECK (state IN ('pending', 'succeeded', 'failed', 'refunded')),
    -- When it failed or was refunded, and why it failed.
    ended_at           timestamptz,
    failure            text,
    -- What an outside provider holds for it; none for one in cash alone.
    provider_token_id  uuid,
    provider_state     text        CONSTRAINT payments_provider_state_is_known
                                   CHECK (provider_state IN ('asked', 'charged', 'declined', 'return_due', 'returned')),
    -- While the provider owes an answer: how often it was asked, when it is next, and until when
    -- it should be settled.
    provider_asks      bigint,
    provider_ask_at    timestamptz,
    provider_settle_by timestamptz,
    CONSTRAINT payments_add_up CHECK (balance_before - amount = balance_after),
    CONSTRAINT payments_wait_for_a_provider
        CHECK (state <> 'pending' OR coalesce(provider_state, '') = 'asked'),
    CONSTRAINT payments_owe_an_answer_or_not
        CHECK ((coalesce(provider_state, '') IN ('asked', 'return_due')) = (provider_ask_at IS NOT NULL))
);
CREATE INDEX payments_by_user ON payments (user_id, id);
CREATE INDEX payments_to_ask ON payments (provider_ask_at) WHERE provider_ask_at IS NOT NULL;

CREATE TABLE cash_accounts (
    user_id     uuid   NOT NULL PRIMARY KEY CONSTRAINT cash_accounts_user_exists REFERENCES users (id),
    balance     bigint NOT NULL CONSTRAINT cash_accounts_balance_is_not_negative CHECK (balance >= 0),
    entry_count bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE cash_entries (
    id            uuid        NOT NULL PRIMARY KEY,
    user_id       uuid        NOT NULL CONSTRAINT cash_entries_account_exists REFERENCES cash_accounts (user_id),
    number        bigint      NOT NULL,
    kind          text        NOT NULL CONSTRAINT cash_entries_kind_is_known CHECK (kind IN ('charge', 'payment', 'refund')),
    payment_id    uuid        CONSTRAINT cash_entries_payment_exists REFERENCES payments (id),
    amount        bigint      NOT NULL CONSTRAINT cash_entries_amount_is_not_negative CHECK (amount >= 0),
    balance_after bigint      NOT NULL CONSTRAINT cash_entries_balance_is_not_negative CHECK (balance_after >= 0),
    created_at    timestamptz NOT NULL,
    CONSTRAINT cash_entries_number_is_unique_in_its_account UNIQUE (user_id, number),
    CONSTRAINT cash_entries_one_of_a_kind_a_payment UNIQUE (payment_id, kind)
);
CREATE INDEX cash_entries_by_user ON cash_entries (user_id, id);

CREATE TABLE kept_answers (
    user_id     uuid        NOT NULL,
    call        text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    answer      text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, call, key)
);
CREATE INDEX kept_answers_by_age ON kept_answers (created_at);

-- One row a commit, kept for some minutes: whoever lost the answer to COMMIT finds out here what
-- became of it, and the other servers what changed.
CREATE TABLE commits (
    id           uuid        NOT NULL PRIMARY KEY,
    transaction  bigint      NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    server_id    uuid        NOT NULL,
    committed_at timestamptz NOT NULL,
    seat_ids     uuid[]      NOT NULL,
    token_ids    uuid[]      NOT NULL
);
CREATE INDEX commits_by_transaction ON commits (transaction);

-- One row: what the service knows of itself.
CREATE TABLE service (
    id           integer     NOT NULL PRIMARY KEY CONSTRAINT service_is_one CHECK (id = 1),
    -- No decision is made at an earlier time than this, should the database's clock go back.
    heartbeat_at timestamptz,
    up_since     timestamptz
) WITH (fillfactor = 50);
INSERT INTO service (id) VALUES (1);
