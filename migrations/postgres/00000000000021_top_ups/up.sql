-- Cash that an outside payment provider charges for an account, and cash that an operator credits.

CREATE TABLE top_ups (
    id                 uuid        NOT NULL PRIMARY KEY,
    user_id            uuid        NOT NULL CONSTRAINT top_ups_user_exists REFERENCES users (id),
    amount             bigint      NOT NULL CONSTRAINT top_ups_bring_something CHECK (amount > 0),
    -- When the user asked for it.
    created_at         timestamptz NOT NULL,
    state              text        NOT NULL CONSTRAINT top_ups_state_is_known
                                   CHECK (state IN ('pending', 'succeeded', 'failed', 'undone')),
    -- When it succeeded, failed or was undone; why it failed; and how the account was credited.
    ended_at           timestamptz,
    failure            text,
    entry_id           uuid,
    balance_after      bigint,
    -- What the provider holds for it; and while it owes an answer, as in `payments`, how often it was
    -- asked, when it is next, and until when it should be settled.
    provider_state     text        NOT NULL CONSTRAINT top_ups_provider_state_is_known
                                   CHECK (provider_state IN ('asked', 'charged', 'declined', 'return_due', 'returned')),
    provider_asks      bigint,
    provider_ask_at    timestamptz,
    provider_settle_by timestamptz,
    CONSTRAINT top_ups_wait_for_a_provider CHECK ((state = 'pending') = (provider_state = 'asked')),
    CONSTRAINT top_ups_are_in_the_account_once_charged
        CHECK ((state = 'succeeded') = (provider_state = 'charged')
           AND (state = 'succeeded') = (entry_id IS NOT NULL)),
    CONSTRAINT top_ups_owe_an_answer_or_not
        CHECK ((provider_state IN ('asked', 'return_due')) = (provider_ask_at IS NOT NULL)),
    CONSTRAINT top_ups_end_when_they_are_settled CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX top_ups_by_user ON top_ups (user_id, created_at);
CREATE INDEX top_ups_to_ask ON top_ups (provider_ask_at) WHERE provider_ask_at IS NOT NULL;

-- How many of an account's top-ups are pending, and what they will bring in together.
ALTER TABLE cash_accounts
    ADD COLUMN pending_count  bigint NOT NULL DEFAULT 0,
    ADD COLUMN pending_amount bigint NOT NULL DEFAULT 0;

-- Where the cash of a charge came from: a top-up, or an operator who had a reason; or from nowhere.
ALTER TABLE cash_entries
    ADD COLUMN top_up_id   uuid CONSTRAINT cash_entries_top_up_exists REFERENCES top_ups (id),
    ADD COLUMN credited_by uuid CONSTRAINT cash_entries_operator_exists REFERENCES users (id),
    ADD COLUMN reason      text;
ALTER TABLE cash_entries ADD CONSTRAINT cash_entries_have_one_origin
    CHECK ((credited_by IS NOT NULL) = (reason IS NOT NULL)
       AND (kind = 'charge' OR (top_up_id IS NULL AND credited_by IS NULL))
       AND (top_up_id IS NULL OR credited_by IS NULL)) NOT VALID;
CREATE UNIQUE INDEX cash_entries_one_a_top_up ON cash_entries (top_up_id) WHERE top_up_id IS NOT NULL;
