DROP INDEX reservations_given_back;
ALTER TABLE waiting_tokens DROP COLUMN leave_by;
DROP INDEX seats_returning;
ALTER TABLE seats DROP COLUMN returns_at;
ALTER TABLE seats DROP COLUMN let_go_to_others;
ALTER TABLE seats DROP COLUMN let_go_before;
