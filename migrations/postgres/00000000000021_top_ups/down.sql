ALTER TABLE cash_entries DROP CONSTRAINT cash_entries_have_one_origin;
ALTER TABLE cash_entries DROP COLUMN reason, DROP COLUMN credited_by, DROP COLUMN top_up_id;
ALTER TABLE cash_accounts DROP COLUMN pending_amount, DROP COLUMN pending_count;
DROP TABLE top_ups;
