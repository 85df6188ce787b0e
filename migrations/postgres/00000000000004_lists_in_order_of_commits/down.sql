DROP INDEX concerts_by_age;

CREATE INDEX cash_entries_by_user ON cash_entries (user_id, id);

DROP INDEX payments_by_user;
CREATE INDEX payments_by_user ON payments (user_id, id);

DROP INDEX reservations_by_user;
CREATE INDEX reservations_by_user ON reservations (user_id, id);
