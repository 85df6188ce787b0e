-- A server of which nothing is heard for a second or two costs impatient rooms more than they can do
-- without. In them, silence counts from here.
ALTER TABLE service ADD COLUMN punctual_since BIGINT;
