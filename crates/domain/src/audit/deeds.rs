//! What must hold of the audit log: whatever it has to tell of is in it.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::Books;
use crate::Timestamp;
use crate::audit_log::{AuditEntry, AuditKind};
use crate::payment::PaymentState;
use crate::waiting_room::WaitingRoom;

pub(super) fn deeds(books: &Books) -> Vec<String> {
    let mut breaches = refunds_and_undoings(books);
    breaches.extend(disabled_users(books));
    breaches.extend(resets(books));
    for room in &books.rooms {
        breaches.extend(changes_of(books, room));
    }
    breaches
}

/// The entries of a kind about one thing, in the order of their times.
fn entries(books: &Books, kind: AuditKind, subject_id: Uuid) -> Vec<&AuditEntry> {
    let is_theirs =
        |entry: &&AuditEntry| entry.deed.kind == kind && entry.deed.subject_id == Some(subject_id);
    let mut entries: Vec<_> = books.audit_entries.iter().filter(is_theirs).collect();
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn is_logged_since(books: &Books, at: Timestamp) -> bool {
    books.audit_log_since.is_some_and(|since| since <= at)
}

/// A payment that was given back or ended by an operator has one entry, of that very moment, and no other
/// payment has one.
fn refunds_and_undoings(books: &Books) -> Vec<String> {
    const KINDS: [AuditKind; 2] = [AuditKind::PaymentRefunded, AuditKind::PaymentUndone];
    let mut told: BTreeMap<Uuid, Vec<&AuditEntry>> = BTreeMap::new();
    for entry in books.audit_entries.iter().filter(|entry| KINDS.contains(&entry.deed.kind)) {
        told.entry(entry.deed.subject_id.unwrap_or_default()).or_default().push(entry);
    }
    let mut breaches = Vec::new();
    for payment in &books.payments {
        let told = told.remove(&payment.id.into()).unwrap_or_default();
        let is_told = |kind, at| {
            matches!(told.as_slice(), [entry] if entry.deed.kind == kind && entry.at == at
                && entry.deed.user_id == Some(payment.user_id))
        };
        let is_sound = match &payment.state {
            PaymentState::Refunded { refunded_at } => {
                let is_told = is_told(AuditKind::PaymentRefunded, *refunded_at);
                is_told || !is_logged_since(books, *refunded_at)
            }
            PaymentState::Failed { reason, failed_at } => {
                let is_undone = reason == "an operator ended the payment";
                let may_be_untold = !is_undone || !is_logged_since(books, *failed_at);
                is_told(AuditKind::PaymentUndone, *failed_at) || (may_be_untold && told.is_empty())
            }
            PaymentState::Pending | PaymentState::Succeeded => told.is_empty(),
        };
        if !is_sound {
            breaches.push(format!("what became of payment {} is not in the audit log", payment.id));
        }
    }
    let strays = told.into_keys();
    breaches.extend(
        strays.map(|id| format!("the audit log tells of payment {id}, which there is not")),
    );
    breaches
}

/// Whoever is shut out is so since the last entry about it, and nobody else's last entry says so.
fn disabled_users(books: &Books) -> Vec<String> {
    const KINDS: [AuditKind; 2] = [AuditKind::UserDisabled, AuditKind::UserEnabled];
    let mut last: BTreeMap<Uuid, &AuditEntry> = BTreeMap::new();
    for entry in books.audit_entries.iter().filter(|entry| KINDS.contains(&entry.deed.kind)) {
        let known = last.entry(entry.deed.subject_id.unwrap_or_default()).or_insert(entry);
        if known.at <= entry.at {
            *known = entry;
        }
    }
    let mut breaches = Vec::new();
    for (id, disabled_at) in &books.disabled_users {
        let is_told = last.remove(&Uuid::from(*id)).is_some_and(|entry| {
            (entry.deed.kind, entry.at) == (AuditKind::UserDisabled, *disabled_at)
        });
        if !is_told {
            breaches.push(format!("that user {id} is shut out is not in the audit log"));
        }
    }
    let says_so = last.into_iter().filter(|(_, entry)| entry.deed.kind == AuditKind::UserDisabled);
    breaches
        .extend(says_so.map(|(id, _)| format!("the audit log says that user {id} is shut out")));
    breaches
}

fn resets(books: &Books) -> Vec<String> {
    let used = books.password_resets.iter().filter_map(|reset| Some((reset, reset.used_at?)));
    let is_untold = |(reset, used_at): &(&crate::session::PasswordReset, Timestamp)| {
        let told = entries(books, AuditKind::PasswordReset, reset.user_id.into());
        told.iter().filter(|entry| entry.at == *used_at).count() != 1
    };
    let untold = used.filter(is_untold);
    untold.map(|(reset, _)| format!("reset {} is not in the audit log", reset.id)).collect()
}

/// The entries of a room lead from one policy to the next, up to the one that it has, and tell of each.
fn changes_of(books: &Books, room: &WaitingRoom) -> Vec<String> {
    let entries = entries(books, AuditKind::RoomChanged, room.id.into());
    let mut breaches = Vec::new();
    let later = books.policies.iter().filter(|c| c.room_id == room.id && c.number > 1);
    for policy in later.filter(|policy| is_logged_since(books, policy.since)) {
        if !entries.iter().any(|entry| entry.at == policy.since) {
            let (id, n) = (room.id, policy.number);
            breaches.push(format!("policy {n} of room {id} is not in the audit log"));
        }
    }
    let Some(first) = entries.first() else { return breaches };
    let now = serde_json::to_value(&room.policy).ok();
    let mut from: Vec<_> = entries.iter().map(|entry| policy(entry.deed.before.as_ref())).collect();
    from.push(policy(now.as_ref()));
    from.sort();
    // Of several at one moment, any may be the first.
    let may_be_first = entries.iter().take_while(|entry| entry.at == first.at);
    let is_chain = may_be_first.into_iter().any(|first| {
        let mut to: Vec<_> =
            entries.iter().map(|entry| policy(entry.deed.after.as_ref())).collect();
        to.push(policy(first.deed.before.as_ref()));
        to.sort();
        to == from
    });
    if !is_chain {
        breaches.push(format!("the audit log does not lead to the policy of room {}", room.id));
    }
    breaches
}

/// What of a policy changes only by an entry. (When a room opens is moved with the store's clock, too.)
fn policy(told: Option<&Value>) -> Vec<String> {
    const FIELDS: [&str; 5] =
        ["capacity", "admissions_per_minute", "active_ttl_seconds", "idle_ttl_seconds", "paused"];
    let field = |name: &&str| {
        told.and_then(|told| told.get(*name)).map_or_else(String::new, Value::to_string)
    };
    FIELDS.iter().map(field).collect()
}
