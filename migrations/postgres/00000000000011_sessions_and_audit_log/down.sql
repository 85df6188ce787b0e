ALTER TABLE service DROP COLUMN audit_log_since;
ALTER TABLE commits DROP COLUMN session_ids, DROP COLUMN user_ids, DROP COLUMN audit_ids;
DROP TABLE audit_log;
DROP FUNCTION refuse_to_change_audit_log;
DROP TABLE password_resets;
DROP TABLE sessions;
ALTER TABLE users
    DROP COLUMN mailbox, DROP COLUMN disabled_at, DROP COLUMN signed_out_at, DROP COLUMN signed_out_but;
