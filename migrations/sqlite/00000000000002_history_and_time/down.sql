DROP TABLE outages;
ALTER TABLE service DROP COLUMN server_id;
ALTER TABLE service DROP COLUMN server_beat;
ALTER TABLE service DROP COLUMN outage_ended_at;
ALTER TABLE service DROP COLUMN outage_beat_at;
ALTER TABLE service DROP COLUMN outage_step;
ALTER TABLE service DROP COLUMN outage_done_to;
