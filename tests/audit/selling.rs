//! What can be wrong with seats and reservations.

use super::{Mutation, mutation};

/// Marks the seats of reservations in a state as theirs, or as not theirs.
macro_rules! mark_seats {
    ($state:literal live = $live:literal) => {
        concat!(
            "UPDATE reservation_seats SET live = ",
            $live,
            " WHERE reservation_id IN (SELECT id FROM reservations WHERE state = '",
            $state,
            "')"
        )
    };
}

pub(super) const MUTATIONS: &[Mutation] = &[
    mutation(
        &[3],
        "a seat that comes back though its reservation has it",
        "UPDATE seats SET returns_at = (SELECT max(r.confirmed_at) + {day} FROM reservations AS r)
         WHERE state = 'sold'",
    ),
    mutation(
        &[2],
        "a hold that began within another",
        "UPDATE reservations SET created_at = created_at - {hour}, hold_seconds = hold_seconds + 3600
         WHERE state = 'confirmed' AND id IN (SELECT reservation_id FROM reservation_seats
             WHERE seat_id IN (SELECT t.seat_id FROM reservation_seats AS t
                 JOIN reservations AS r ON r.id = t.reservation_id WHERE r.state = 'expired'))",
    ),
    mutation(
        &[3],
        "a seat that is held for longer than its reservation",
        "UPDATE seats SET held_until = held_until + {day} WHERE state = 'held'",
    ),
    mutation(
        &[3],
        "a seat that is held for less long than its reservation",
        "UPDATE seats SET held_until = held_until - {second} WHERE state = 'held'",
    ),
    mutation(
        &[3],
        "a confirmed reservation's seat that is not marked live",
        mark_seats!("confirmed" live = false),
    ),
    mutation(
        &[3],
        "a held reservation's seat that is not marked live",
        mark_seats!("held" live = false),
    ),
    mutation(
        &[3],
        "an expired reservation's seat that is marked live",
        concat!(
            mark_seats!("expired" live = true),
            " AND seat_id IN (SELECT id FROM seats WHERE state = 'available')"
        ),
    ),
    mutation(
        &[3],
        "a cancelled reservation's seat that is marked live",
        mark_seats!("cancelled" live = true),
    ),
    mutation(
        &[3],
        "a sold seat that is free",
        "UPDATE seats SET state = 'available', reservation_id = NULL WHERE state = 'sold'",
    ),
    mutation(
        &[3],
        "a pinned seat that is sold",
        "UPDATE seats SET state = 'sold' WHERE state = 'pinned'",
    ),
    mutation(&[4], "a seat that is gone", "DELETE FROM seats WHERE version = 0"),
    mutation(
        &[4],
        "seats that moved to another show",
        "UPDATE seats SET number = number || '-moved', show_id = (SELECT s.id FROM shows AS s
             WHERE s.id <> seats.show_id ORDER BY s.id LIMIT 1) WHERE version = 0 AND show_id =
             (SELECT id FROM shows WHERE seat_count = 12)",
    ),
    mutation(
        &[5],
        "reservations that were made after they were paid for",
        "UPDATE reservations SET created_at = (SELECT p.paid_at FROM payments AS p
             WHERE p.id = payment_id) + {second}, held_until = held_until + {hour},
             hold_seconds = NULL WHERE state = 'confirmed'",
    ),
    mutation(
        &[5],
        "a reservation that was made after it was paid for, by its time alone",
        "UPDATE reservations SET created_at = created_at + {minute} + {minute}
         WHERE state = 'confirmed'",
    ),
    mutation(
        &[5],
        "a hold until next year",
        "UPDATE reservations SET held_until = held_until + {year} WHERE state = 'held';
         UPDATE seats SET held_until = held_until + {year} WHERE state = 'held'",
    ),
    mutation(
        &[5],
        "a hold that was paid for and was to last until next year",
        "UPDATE reservations SET held_until = held_until + {year} WHERE state = 'confirmed'",
    ),
    mutation(
        &[5],
        "a hold whose length is not known",
        "UPDATE reservations SET hold_seconds = NULL WHERE state = 'cancelled'",
    ),
    mutation(
        &[5],
        "a hold that ended early",
        "UPDATE reservations SET ended_at = held_until - {second} WHERE state = 'expired'",
    ),
    mutation(
        &[5],
        "a hold that was given back before it was made",
        "UPDATE reservations SET ended_at = created_at - {second} WHERE state = 'cancelled'",
    ),
    mutation(
        &[5],
        "the total of a hold",
        "UPDATE reservations SET total_amount = total_amount + 1 WHERE state = 'held'",
    ),
    mutation(
        &[5],
        "the total of what was given back",
        "UPDATE reservations SET total_amount = total_amount - 1 WHERE state = 'cancelled'",
    ),
    mutation(
        &[5, 8],
        "the total of what was paid for",
        "UPDATE reservations SET total_amount = total_amount + 1 WHERE state = 'confirmed'",
    ),
    mutation(
        &[5, 8, 20],
        "half the price",
        "UPDATE reservation_seats SET price = price / 2
         WHERE reservation_id IN (SELECT id FROM reservations WHERE state = 'confirmed')",
    ),
    mutation(
        &[5, 20],
        "a reservation without its seats",
        "DELETE FROM reservation_seats
         WHERE reservation_id IN (SELECT id FROM reservations WHERE state = 'cancelled')",
    ),
    mutation(
        &[20],
        "a reservation of another show than its seats",
        "UPDATE reservations SET show_id = (SELECT s.id FROM shows AS s
             WHERE s.concert_id = reservations.concert_id AND s.id <> reservations.show_id)
         WHERE state = 'held'",
    ),
    mutation(
        &[20],
        "a reservation of another concert than its seats",
        "UPDATE reservations SET concert_id = (SELECT c.id FROM concerts AS c
             WHERE c.id <> reservations.concert_id ORDER BY c.id LIMIT 1) WHERE state = 'confirmed'",
    ),
    mutation(
        &[20],
        "a reservation of another day than its show",
        "UPDATE reservations SET date = (SELECT s.date FROM shows AS s
             WHERE s.date <> reservations.date) WHERE state = 'refunded'",
    ),
    mutation(
        &[20],
        "a show that is on another day than it begins on",
        "UPDATE shows SET date = (SELECT s.date FROM shows AS s WHERE s.date <> shows.date
             ORDER BY s.id LIMIT 1)
         WHERE seat_count = 2 AND concert_id IN (SELECT concert_id FROM shows WHERE seat_count = 12)
             AND starts_at = (SELECT max(s.starts_at) FROM shows AS s)",
    ),
    mutation(
        &[20],
        "seats at another price than they were held at",
        "UPDATE seats SET price = price + 1 WHERE state = 'sold'",
    ),
    mutation(
        &[20],
        "a reservation with a gap in its seats",
        "UPDATE reservation_seats SET position = position + 7
         WHERE reservation_id IN (SELECT id FROM reservations WHERE state = 'held')",
    ),
    mutation(
        &[20],
        "seats of a reservation that is not there",
        "INSERT INTO reservation_seats (reservation_id, position, seat_id, price, live)
             SELECT {new_id}, 0, id, price, false FROM seats WHERE state = 'held'",
    ),
    mutation(
        &[21],
        "more seats than a user may have",
        "UPDATE concerts SET max_seats_per_user = 1",
    ),
    mutation(
        &[21],
        "the seats of several users as one user's",
        "UPDATE concerts SET max_seats_per_user = 2;
         UPDATE reservations SET user_id = (SELECT r.user_id FROM reservations AS r
             WHERE r.state = 'paying') WHERE state = 'held'",
    ),
    mutation(
        &[3, 8, 20, 23],
        "a confirmed reservation that does not say since when",
        "UPDATE reservations SET confirmed_at = NULL WHERE state = 'confirmed'",
    ),
    mutation(&[22], "versions of 0", "UPDATE seats SET version = 0"),
    mutation(
        &[22],
        "the version of a sold seat",
        "UPDATE seats SET version = version - 1 WHERE state = 'sold'",
    ),
    mutation(
        &[22],
        "the version of a pinned seat",
        "UPDATE seats SET version = version - 1 WHERE state = 'pinned'",
    ),
    mutation(
        &[22],
        "the version of a seat that is free again",
        "UPDATE seats SET version = version - 1 WHERE state = 'available' AND version > 0",
    ),
];
