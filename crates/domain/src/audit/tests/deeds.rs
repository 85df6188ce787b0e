//! What must hold of the audit log.

use serde_json::json;

use super::*;
use crate::audit_log::{AuditEntry, AuditKind, Deed, Origin};
use crate::session::PasswordReset;

fn entry(n: u128, second: i64, deed: Deed) -> AuditEntry {
    AuditEntry { id: id(700 + n), at: at(second), actor_id: None, deed, origin: Origin::default() }
}

/// Books in which an operator changed the room twice, shut a user out, and a password was set anew.
fn eventful() -> Books {
    let mut books = sound();
    books.audit_log_since = Some(START);
    let policy = json!(books.rooms[0].policy);
    let mut other = policy.clone();
    other["paused"] = true.into();
    let room = |before: &serde_json::Value, after: &serde_json::Value| {
        Deed::new(AuditKind::RoomChanged, RoomId::SITE).before(before.clone()).after(after.clone())
    };
    let user = id::<UserId>(1);
    books.audit_entries = vec![
        entry(1, 30, room(&policy, &other)),
        entry(2, 40, room(&other, &policy)),
        entry(3, 50, Deed::new(AuditKind::UserDisabled, user)),
        entry(4, 60, Deed::new(AuditKind::PasswordReset, user)),
    ];
    books.disabled_users = vec![(user, at(50))];
    books.password_resets = vec![PasswordReset {
        id: id(1),
        user_id: user,
        secret_sha256: [0; 32],
        created_at: at(55),
        expires_at: at(100),
        used_at: Some(at(60)),
    }];
    books
}

#[track_caller]
fn assert_found(damage: impl Fn(&mut Books)) {
    let mut books = eventful();
    damage(&mut books);
    assert_eq!(broken(&books), [30]);
}

#[test]
fn what_is_told_in_full_is_sound() {
    assert!(broken(&eventful()).is_empty());
}

#[test]
fn each_entry_that_is_missing_is_found() {
    // A room's first entry is missed by the history of its policies.
    for n in 1..4 {
        assert_found(|books| drop(books.audit_entries.remove(n)));
    }
}

#[test]
fn what_is_other_than_the_log_says_is_found() {
    assert_found(|books| books.audit_entries[1].deed.after = Some(json!({ "paused": true })));
    assert_found(|books| books.disabled_users.clear());
    assert_found(|books| books.disabled_users[0].1 = at(51));
    assert_found(|books| books.password_resets[0].used_at = Some(at(61)));
    let deed = Deed::new(AuditKind::PaymentRefunded, id::<crate::ids::PaymentId>(301));
    assert_found(|books| books.audit_entries.push(entry(9, 70, deed.clone())));
}

#[test]
fn two_changes_at_one_moment_are_a_chain_in_either_order() {
    let mut books = eventful();
    books.audit_entries[1].at = at(30);
    assert!(broken(&books).is_empty());
    books.audit_entries.swap(0, 1);
    assert!(broken(&books).is_empty());
}
