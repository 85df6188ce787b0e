-- Rooms keep the time at which they open.
SELECT 1;
