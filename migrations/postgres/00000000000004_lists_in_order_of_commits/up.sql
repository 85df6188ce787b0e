-- Lists are in the order of commits: a user's reservations and payments, and all concerts, by the
-- store's time of the decision; cash entries by their number, which is unique in its account and so
-- has its index.
DROP INDEX reservations_by_user;
CREATE INDEX reservations_by_user ON reservations (user_id, created_at, id);

DROP INDEX payments_by_user;
CREATE INDEX payments_by_user ON payments (user_id, paid_at, id);

DROP INDEX cash_entries_by_user;

CREATE INDEX concerts_by_age ON concerts (created_at, id);
