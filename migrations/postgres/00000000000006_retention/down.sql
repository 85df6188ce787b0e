DROP INDEX reservations_ended_unpaid;
ALTER TABLE waiting_rooms DROP COLUMN forgotten_to;
