//! What can be wrong with the counts that are kept.

use super::{Mutation, mutation};

/// Counts anew, as a store would have counted whatever was changed.
pub(super) const COUNT_ANEW: &str = "
    DELETE FROM room_counts;
    DELETE FROM show_counts;
    INSERT INTO room_counts SELECT room_id, {writer} count(*) FILTER (WHERE state = 'waiting'),
            count(*) FILTER (WHERE state = 'active')
        FROM waiting_tokens GROUP BY room_id;
    INSERT INTO show_counts SELECT show_id, {writer} count(*) FILTER (WHERE state = 'available'),
            count(*) FILTER (WHERE state IN ('held', 'pinned')),
            count(*) FILTER (WHERE state = 'sold'),
            coalesce(sum(price) FILTER (WHERE state = 'sold' AND returns_at IS NULL), 0)
        FROM seats GROUP BY show_id;
";

pub(super) const MUTATIONS: &[Mutation] = &[
    mutation(
        &[27],
        "one more seat that can be held",
        "UPDATE show_counts SET available = available + 1, held = held - 1",
    ),
    mutation(&[27], "one seat fewer that is sold", "UPDATE show_counts SET sold = sold - 1"),
    mutation(&[27], "an income that is too high", "UPDATE show_counts SET income = income + 1"),
    mutation(&[27], "shows that nobody counted", "DELETE FROM show_counts"),
    mutation(&[28], "one more who is inside", "UPDATE room_counts SET inside = inside + 1"),
    mutation(&[28], "one fewer who waits", "UPDATE room_counts SET waiting = waiting - 1"),
    mutation(&[28], "rooms that nobody counted", "DELETE FROM room_counts"),
];
