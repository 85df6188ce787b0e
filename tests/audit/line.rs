//! What can be wrong with rooms and those who wait in them.

use super::{Mutation, mutation};

/// Lets in all who wait in the drawn room, a second after number 2 and for as long, under a capacity.
macro_rules! let_all_in {
    ($capacity:literal) => {
        concat!(
            "UPDATE waiting_tokens SET state = 'active', admitted_capacity = ",
            $capacity,
            ", admitted_at = (SELECT t.admitted_at FROM waiting_tokens AS t
                 WHERE t.number = 2 AND t.room_id = waiting_tokens.room_id) + {second},
             ends_at = (SELECT t.ends_at FROM waiting_tokens AS t
                 WHERE t.number = 2 AND t.room_id = waiting_tokens.room_id)
             WHERE state = 'waiting' AND room_id = {drawn}"
        )
    };
}

pub(super) const MUTATIONS: &[Mutation] = &[
    mutation(
        &[12],
        "a number that nobody has",
        "UPDATE waiting_rooms SET last_number = last_number + 1 WHERE last_number > 0",
    ),
    mutation(
        &[12, 33],
        "a place that is gone",
        "DELETE FROM waiting_tokens WHERE number = 1 AND room_id = {drawing}",
    ),
    mutation(
        &[12],
        "a place that is forgotten and still there",
        "UPDATE waiting_rooms SET forgotten_to = 2 WHERE id = {forgetful}",
    ),
    mutation(
        &[12],
        "a place that is gone and not forgotten",
        "UPDATE waiting_rooms SET forgotten_to = 0 WHERE id = {forgetful}",
    ),
    mutation(
        &[12],
        "one more place that is gone",
        "DELETE FROM waiting_tokens WHERE number = 2 AND room_id = {forgetful}",
    ),
    mutation(
        &[12],
        "a gap past what is forgotten",
        "DELETE FROM waiting_tokens WHERE number = 3 AND room_id = {forgetful}",
    ),
    mutation(
        &[12, 33],
        "a lobby that is forgotten with who came after it",
        "DELETE FROM waiting_tokens WHERE room_id = {drawn};
         UPDATE waiting_rooms SET forgotten_to = last_number WHERE id = {drawn}",
    ),
    mutation(
        &[12],
        "a place of the lobby, not drawn yet, that was taken after the opening",
        "UPDATE waiting_tokens SET (joined_at, heard_at) = (SELECT r.opens_at + {second},
             r.opens_at + {second} FROM waiting_rooms AS r WHERE r.id = waiting_tokens.room_id)
         WHERE number IS NULL",
    ),
    mutation(
        &[12],
        "a place of the lobby, drawn, that was taken after the opening",
        "UPDATE waiting_tokens SET (joined_at, heard_at) = (SELECT r.opens_at + {second},
             r.opens_at + {second} FROM waiting_rooms AS r WHERE r.id = waiting_tokens.room_id)
         WHERE number = 4 AND room_id = {drawn}",
    ),
    mutation(
        &[12],
        "somebody who came before the opening behind the lobby",
        "UPDATE waiting_tokens SET joined_at = (SELECT r.opens_at - {second}
             FROM waiting_rooms AS r WHERE r.id = waiting_tokens.room_id)
         WHERE number = 6 AND room_id = {drawn}",
    ),
    mutation(&[13], "people let in over the capacity, written with another", let_all_in!(99)),
    mutation(
        &[31],
        "people inside after they had to be out",
        "UPDATE waiting_tokens SET leave_by = ends_at - {second} WHERE admitted_at IS NOT NULL",
    ),
    mutation(&[13], "people let in over the capacity", let_all_in!(1)),
    mutation(
        &[13],
        "somebody who stayed longer than there was a place",
        "UPDATE waiting_tokens SET ends_at = ends_at + {day} WHERE number = 1 AND room_id = {drawn}",
    ),
    mutation(
        &[13],
        "a capacity that the room did not have yet",
        "UPDATE waiting_tokens SET admitted_capacity = 12 WHERE admitted_capacity = 10",
    ),
    mutation(
        &[13],
        "a capacity that the room did not have any more",
        "UPDATE waiting_tokens SET admitted_capacity = 10 WHERE admitted_capacity = 12",
    ),
    mutation(
        &[13, 30],
        "a capacity that was changed without a word",
        "UPDATE waiting_rooms SET capacity = 99",
    ),
    mutation(
        &[13],
        "another history of a capacity",
        "UPDATE room_policies SET capacity = 99 WHERE number = 1 AND capacity = 10",
    ),
    mutation(
        &[13],
        "a room without the history of its capacity",
        "DELETE FROM room_policies WHERE room_id = {drawn}",
    ),
    mutation(
        &[14],
        "somebody who was let in before joining",
        "UPDATE waiting_tokens SET joined_at = admitted_at + {second},
             heard_at = admitted_at + {second} WHERE state = 'done'",
    ),
    mutation(
        &[14],
        "somebody who left before being let in",
        "UPDATE waiting_tokens SET ends_at = admitted_at - {second} WHERE state = 'done'",
    ),
    mutation(
        &[14],
        "somebody who left the line before joining it",
        "UPDATE waiting_tokens SET ends_at = joined_at - {second}
         WHERE state = 'expired' AND admitted_at IS NULL",
    ),
    mutation(
        &[14],
        "somebody who was heard of before joining",
        "UPDATE waiting_tokens SET heard_at = joined_at - {second}",
    ),
    mutation(
        &[14],
        "somebody who was let in before the opening",
        "UPDATE waiting_tokens SET admitted_at = joined_at WHERE number = 1 AND room_id = {drawn}",
    ),
    mutation(
        &[14],
        "somebody who was let in past another",
        "UPDATE waiting_tokens SET state = 'waiting', admitted_at = NULL, admitted_capacity = NULL,
             ends_at = NULL WHERE number = 1 AND room_id = {drawn}",
    ),
    mutation(
        &[12, 23, 28, 33],
        "people inside of whom it is not known when they were let in",
        "UPDATE waiting_tokens SET admitted_at = NULL WHERE number = 2 AND room_id = {drawn}",
    ),
    mutation(
        &[13],
        "a policy that was changed without a word",
        "UPDATE waiting_rooms SET idle_ttl_seconds = idle_ttl_seconds + 1 WHERE id = {drawn}",
    ),
    mutation(
        &[33],
        "a hash of other arrivals than there were",
        "UPDATE waiting_rooms SET lobby_hash = draw_seed WHERE id = {drawn}",
    ),
    mutation(
        &[33],
        "an arrival that is not counted",
        "UPDATE waiting_tokens SET arrival = NULL, returns = NULL
         WHERE arrival = 2 AND room_id = {drawing}",
    ),
    mutation(
        &[33],
        "two who came in another order",
        "UPDATE waiting_tokens SET arrival = 1000 WHERE arrival = 1 AND room_id = {drawn};
         UPDATE waiting_tokens SET arrival = 1 WHERE arrival = 2 AND room_id = {drawn};
         UPDATE waiting_tokens SET arrival = 2 WHERE arrival = 1000 AND room_id = {drawn}",
    ),
    mutation(
        &[19],
        "two numbers of a draw",
        "UPDATE waiting_tokens SET number = 1000 WHERE number = 4 AND room_id = {drawn};
         UPDATE waiting_tokens SET number = 4 WHERE number = 5 AND room_id = {drawn};
         UPDATE waiting_tokens SET number = 5 WHERE number = 1000 AND room_id = {drawn}",
    ),
    mutation(
        &[19],
        "two numbers of a draw that goes on",
        "UPDATE waiting_tokens SET number = 1000 WHERE number = 1 AND room_id = {drawing};
         UPDATE waiting_tokens SET number = 1 WHERE number = 2 AND room_id = {drawing};
         UPDATE waiting_tokens SET number = 2 WHERE number = 1000 AND room_id = {drawing}",
    ),
    mutation(
        &[19],
        "a number given to another one while the draw goes on",
        "UPDATE waiting_tokens SET number = 1000 WHERE id = (SELECT id FROM waiting_tokens
             WHERE number IS NULL AND room_id = {drawing} ORDER BY id LIMIT 1);
         UPDATE waiting_tokens SET number = NULL WHERE number = 2 AND room_id = {drawing};
         UPDATE waiting_tokens SET number = 2 WHERE number = 1000",
    ),
    mutation(
        &[19],
        "a draw that is over before all are drawn",
        "UPDATE waiting_rooms SET drawn_at = opens_at WHERE drawn_count < lobby_count",
    ),
    mutation(
        &[19],
        "a draw that is over and does not say when",
        "UPDATE waiting_rooms SET drawn_at = NULL WHERE drawn_count = lobby_count AND lobby_count > 0",
    ),
    mutation(
        &[19],
        "a draw before the opening",
        "UPDATE waiting_rooms SET drawn_at = opens_at - {second}
         WHERE drawn_at IS NOT NULL AND lobby_count > 0",
    ),
];
