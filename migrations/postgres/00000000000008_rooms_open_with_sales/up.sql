-- A room without a time of its own opens with the sale of what is behind it, unless somebody has been
-- there. Where that sale has begun, the room is open.

UPDATE waiting_rooms SET opens_at = (
    SELECT c.sale_opens_at FROM concerts AS c
    WHERE c.id = coalesce(waiting_rooms.concert_id,
        (SELECT s.concert_id FROM shows AS s WHERE s.id = waiting_rooms.show_id)))
WHERE opens_at IS NULL AND last_number = 0;
