DROP INDEX cash_entries_one_a_top_up;
ALTER TABLE cash_entries DROP COLUMN reason;
ALTER TABLE cash_entries DROP COLUMN credited_by;
ALTER TABLE cash_entries DROP COLUMN top_up_id;
ALTER TABLE cash_accounts DROP COLUMN pending_amount;
ALTER TABLE cash_accounts DROP COLUMN pending_count;
DROP TABLE top_ups;
