-- Cash that an outside payment provider charges for an account, and cash that an operator credits.

CREATE TABLE top_ups (
    id                 BLOB   NOT NULL PRIMARY KEY,
    user_id            BLOB   NOT NULL REFERENCES users (id),
    amount             BIGINT NOT NULL CONSTRAINT top_ups_bring_something CHECK (amount > 0),
    -- When the user asked for it.
    created_at         BIGINT NOT NULL,
    state              TEXT   NOT NULL CONSTRAINT top_ups_state_is_known
                              CHECK (state IN ('pending', 'succeeded', 'failed', 'undone')),
    -- When it succeeded, failed or was undone; why it failed; and how the account was credited.
    ended_at           BIGINT,
    failure            TEXT,
    entry_id           BLOB,
    balance_after      BIGINT,
    -- What the provider holds for it; and while it owes an answer, as in `payments`, how often it was
    -- asked, when it is next, and until when it should be settled.
    provider_state     TEXT   NOT NULL CONSTRAINT top_ups_provider_state_is_known
                              CHECK (provider_state IN ('asked', 'charged', 'declined', 'return_due', 'returned')),
    provider_asks      BIGINT,
    provider_ask_at    BIGINT,
    provider_settle_by BIGINT,
    CONSTRAINT top_ups_wait_for_a_provider CHECK ((state = 'pending') = (provider_state = 'asked')),
    CONSTRAINT top_ups_are_in_the_account_once_charged
        CHECK ((state = 'succeeded') = (provider_state = 'charged')
           AND (state = 'succeeded') = (entry_id IS NOT NULL)),
    CONSTRAINT top_ups_owe_an_answer_or_not
        CHECK ((provider_state IN ('asked', 'return_due')) = (provider_ask_at IS NOT NULL)),
    CONSTRAINT top_ups_end_when_they_are_settled CHECK ((state = 'pending') = (ended_at IS NULL))
) WITHOUT ROWID;
CREATE INDEX top_ups_by_user ON top_ups (user_id, created_at, id);
CREATE INDEX top_ups_to_ask ON top_ups (provider_ask_at) WHERE provider_ask_at IS NOT NULL;

-- How many of an account's top-ups are pending, and what they will bring in together.
ALTER TABLE cash_accounts ADD COLUMN pending_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cash_accounts ADD COLUMN pending_amount BIGINT NOT NULL DEFAULT 0;

-- Where the cash of a charge came from: a top-up, or an operator who had a reason; or from nowhere.
ALTER TABLE cash_entries ADD COLUMN top_up_id BLOB REFERENCES top_ups (id);
ALTER TABLE cash_entries ADD COLUMN credited_by BLOB REFERENCES users (id);
ALTER TABLE cash_entries ADD COLUMN reason TEXT
    CONSTRAINT cash_entries_have_one_origin
        CHECK ((credited_by IS NOT NULL) = (reason IS NOT NULL)
           AND (kind = 'charge' OR (top_up_id IS NULL AND credited_by IS NULL))
           AND (top_up_id IS NULL OR credited_by IS NULL));
CREATE UNIQUE INDEX cash_entries_one_a_top_up ON cash_entries (top_up_id) WHERE top_up_id IS NOT NULL;
