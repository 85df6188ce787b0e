//! What can be wrong with the audit log. (Nobody changes it, unless its triggers are gone.)

use super::{Mutation, mutation};

pub(super) const MUTATIONS: &[Mutation] = &[
    mutation(
        &[30],
        "a refund that nobody wrote down",
        "{unsealed} DELETE FROM audit_log WHERE kind = 'payment_refunded'",
    ),
    mutation(
        &[30],
        "an end of a payment that nobody wrote down",
        "{unsealed} DELETE FROM audit_log WHERE kind = 'payment_undone'",
    ),
    mutation(
        &[30],
        "a refund at another time",
        "{unsealed} UPDATE audit_log SET at = at + {second} WHERE kind = 'payment_refunded'",
    ),
    mutation(
        &[30],
        "a refund of somebody else's",
        "{unsealed} UPDATE audit_log SET user_id = actor_id, actor_id = NULL
             WHERE kind = 'payment_undone'",
    ),
    mutation(
        &[30],
        "a refund that there was not",
        "INSERT INTO audit_log (id, at, kind, subject_id, user_id)
             SELECT {new_id}, paid_at, 'payment_refunded', id, user_id FROM payments
             WHERE state = 'succeeded'",
    ),
    mutation(
        &[30],
        "somebody who is shut out by nobody",
        "{unsealed} DELETE FROM audit_log WHERE kind = 'user_disabled'",
    ),
    mutation(
        &[30],
        "somebody who was let in again without a word",
        "UPDATE users SET disabled_at = NULL",
    ),
    mutation(
        &[30],
        "a password that was set anew without a word",
        "{unsealed} DELETE FROM audit_log WHERE kind = 'password_reset'",
    ),
    mutation(
        &[30],
        "a room that was changed without a word",
        "{unsealed} DELETE FROM audit_log WHERE kind = 'room_changed'",
    ),
    mutation(
        &[13, 30],
        "a room that is other than the log says",
        "UPDATE waiting_rooms SET idle_ttl_seconds = idle_ttl_seconds + 1",
    ),
];
