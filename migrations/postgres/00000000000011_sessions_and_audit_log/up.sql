-- Who is signed in, one account a mailbox, and who did what.

ALTER TABLE users
    -- What all spellings of an address have in common: what an account is found by. The address itself
    -- stays as its owner wrote it. A server of the version before leaves it empty.
    ADD COLUMN mailbox        text,
    -- Since when an operator shuts the user out.
    ADD COLUMN disabled_at    timestamptz,
    -- Every session that began up to then is ended, but for one.
    ADD COLUMN signed_out_at  timestamptz,
    ADD COLUMN signed_out_but uuid,
    ADD CONSTRAINT users_keep_a_session_only_of_those_ended
        CHECK (signed_out_but IS NULL OR signed_out_at IS NOT NULL);
-- Accounts of one mailbox that are there already keep their own spelling as theirs, but for the one without
-- a tag, or else the oldest.
UPDATE users SET mailbox = CASE
    WHEN position('"' IN email) = 0 AND position('<' IN email) = 0
        AND position('+' IN email) BETWEEN 2 AND position('@' IN email)
    THEN left(email, position('+' IN email) - 1) || substr(email, position('@' IN email))
    ELSE email END;
UPDATE users SET mailbox = email
    FROM (SELECT id, row_number() OVER (PARTITION BY mailbox
        ORDER BY email <> mailbox, created_at, id) AS n FROM users) AS ranked
    WHERE ranked.id = users.id AND ranked.n > 1;
CREATE UNIQUE INDEX users_mailbox_is_unique ON users (mailbox);
CREATE INDEX users_signed_out ON users (signed_out_at) WHERE signed_out_at IS NOT NULL;

-- A row a sign-in, deleted some time after it ran out.
CREATE TABLE sessions (
    id         uuid        NOT NULL PRIMARY KEY,
    user_id    uuid        NOT NULL CONSTRAINT sessions_user_exists REFERENCES users (id),
    -- The client's network.
    network    text,
    created_at timestamptz NOT NULL,
    -- When its access token runs out.
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX sessions_by_network ON sessions (user_id, network);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (expires_at) WHERE ended_at IS NOT NULL;

-- Links by which passwords are set anew, each once. Deleted some time after they ran out.
CREATE TABLE password_resets (
    id            uuid        NOT NULL PRIMARY KEY,
    user_id       uuid        NOT NULL CONSTRAINT password_resets_user_exists REFERENCES users (id),
    secret_sha256 bytea       NOT NULL
        CONSTRAINT password_resets_secret_is_of_32_bytes CHECK (length(secret_sha256) = 32),
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz
);
CREATE INDEX password_resets_by_end ON password_resets (expires_at);

-- Who did what, from where. Rows are added, and never changed or deleted.
CREATE TABLE audit_log (
    id                uuid        NOT NULL PRIMARY KEY,
    at                timestamptz NOT NULL,
    kind              text        NOT NULL,
    actor_id          uuid,
    subject_id        uuid,
    user_id           uuid,
    -- JSON, both.
    before            text,
    after             text,
    address           text,
    request_id        text,
    client_request_id text
);
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_kind ON audit_log (kind, at, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_by_user ON audit_log (user_id, at, id) WHERE user_id IS NOT NULL;
-- Only the times move, where the store's clock is set back, which says so.
CREATE FUNCTION refuse_to_change_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('stagedoor.sets_clock_back', true) = 'on'
        AND to_jsonb(OLD) - 'at' = to_jsonb(NEW) - 'at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of the audit log are not changed or deleted';
END $$;
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_audit_log();
CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit_log();

ALTER TABLE commits
    -- Sessions that were ended, users who were signed out everywhere, and refused sign-ins.
    ADD COLUMN session_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN user_ids    uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN audit_ids   uuid[] NOT NULL DEFAULT '{}';

-- Since when each change that has to be in the audit log is.
ALTER TABLE service ADD COLUMN audit_log_since timestamptz;
UPDATE service SET audit_log_since =
    greatest(clock_timestamp() + clock_offset * interval '1 microsecond', heartbeat_at)
        + interval '1 microsecond';
