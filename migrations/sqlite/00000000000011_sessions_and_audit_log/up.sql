-- Who is signed in, one account a mailbox, and who did what.

-- What all spellings of an address have in common: what an account is found by. The address itself stays as
-- its owner wrote it. Accounts of one mailbox that are there already keep their own spelling as theirs, but
-- for the one without a tag, or else the oldest.
ALTER TABLE users ADD COLUMN mailbox TEXT;
UPDATE users SET mailbox = CASE
    WHEN instr(email, '"') = 0 AND instr(email, '<') = 0
        AND instr(email, '+') BETWEEN 2 AND instr(email, '@')
    THEN substr(email, 1, instr(email, '+') - 1) || substr(email, instr(email, '@'))
    ELSE email END;
UPDATE users SET mailbox = email
    FROM (SELECT id, row_number() OVER (PARTITION BY mailbox
        ORDER BY email <> mailbox, created_at, id) AS n FROM users) AS ranked
    WHERE ranked.id = users.id AND ranked.n > 1;
CREATE UNIQUE INDEX users_mailbox_is_unique ON users (mailbox);

-- Since when an operator shuts the user out.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;
-- Every session that began up to then is ended, but for one.
ALTER TABLE users ADD COLUMN signed_out_at BIGINT;
ALTER TABLE users ADD COLUMN signed_out_but BLOB
    CONSTRAINT users_keep_a_session_only_of_those_ended
        CHECK (signed_out_but IS NULL OR signed_out_at IS NOT NULL);
CREATE INDEX users_signed_out ON users (signed_out_at) WHERE signed_out_at IS NOT NULL;

-- A row a sign-in, deleted some time after it ran out.
CREATE TABLE sessions (
    id         BLOB   NOT NULL PRIMARY KEY,
    user_id    BLOB   NOT NULL REFERENCES users (id),
    -- The client's network.
    network    TEXT,
    created_at BIGINT NOT NULL,
    -- When its access token runs out.
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
) WITHOUT ROWID;
CREATE INDEX sessions_by_network ON sessions (user_id, network);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (expires_at) WHERE ended_at IS NOT NULL;

-- Links by which passwords are set anew, each once. Deleted some time after they ran out.
CREATE TABLE password_resets (
    id            BLOB   NOT NULL PRIMARY KEY,
    user_id       BLOB   NOT NULL REFERENCES users (id),
    secret_sha256 BLOB   NOT NULL
        CONSTRAINT password_resets_secret_is_of_32_bytes CHECK (length(secret_sha256) = 32),
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    used_at       BIGINT
) WITHOUT ROWID;
CREATE INDEX password_resets_by_end ON password_resets (expires_at);

-- Who did what, from where. Rows are added, and never changed or deleted.
CREATE TABLE audit_log (
    id                BLOB   NOT NULL PRIMARY KEY,
    at                BIGINT NOT NULL,
    kind              TEXT   NOT NULL,
    actor_id          BLOB,
    subject_id        BLOB,
    user_id           BLOB,
    -- JSON, both.
    before            TEXT,
    after             TEXT,
    address           TEXT,
    request_id        TEXT,
    client_request_id TEXT
) WITHOUT ROWID;
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_kind ON audit_log (kind, at, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_by_user ON audit_log (user_id, at, id) WHERE user_id IS NOT NULL;
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'rows of the audit log are not changed'); END;
CREATE TRIGGER audit_log_is_not_deleted BEFORE DELETE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'rows of the audit log are not deleted'); END;

-- Since when each change that has to be in the audit log is.
ALTER TABLE service ADD COLUMN audit_log_since BIGINT;
UPDATE service SET audit_log_since = last_commit_at + 1;
