DROP INDEX waiting_tokens_inside;
CREATE INDEX waiting_tokens_inside ON waiting_tokens (room_id) WHERE state = 'active';

DROP TABLE show_counts;
DROP TABLE room_counts;
