ALTER TABLE service DROP COLUMN punctual_since;
