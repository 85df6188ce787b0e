DROP INDEX concerts_by_age;
CREATE INDEX concerts_by_age ON concerts (created_at, id);
DROP INDEX payments_by_user;
CREATE INDEX payments_by_user ON payments (user_id, paid_at, id);
DROP INDEX reservations_by_user;
CREATE INDEX reservations_by_user ON reservations (user_id, created_at, id);
DROP INDEX seats_by_show;
CREATE INDEX seats_by_show ON seats (show_id, id);

DROP INDEX waiting_tokens_inside;
CREATE INDEX waiting_tokens_inside ON waiting_tokens (room_id) WHERE state = 'active';

DROP TABLE show_counts;
DROP TABLE room_counts;
