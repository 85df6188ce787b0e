//! What must hold of top-ups: that the provider's money and the cash in accounts are the same.

use std::collections::BTreeMap;

use super::Books;
use crate::cash::{CashEntry, PendingTopUps};
use crate::ids::TopUpId;
use crate::money::Amount;
use crate::provider_charge::ProviderChargeState;
use crate::top_up::{TopUp, TopUpState};
use crate::uptime::end_past_outages;

pub(super) fn top_ups(books: &Books) -> Vec<String> {
    let mut entries: BTreeMap<TopUpId, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        if let Some(id) = entry.kind.top_up_id() {
            entries.entry(id).or_default().push(entry);
        }
    }
    let mut breaches = Vec::new();
    for top_up in &books.top_ups {
        let id = top_up.id;
        if !is_entered(top_up, &entries.remove(&id).unwrap_or_default()) {
            breaches.push(format!("top-up {id} is not entered as it should be"));
        }
        if !fits_its_charge(top_up) {
            breaches.push(format!("top-up {id} does not fit its charge"));
        }
        // Nobody asks while the service is away.
        let settle_by = top_up.charge.question().map(|question| {
            end_past_outages(question.settle_by, top_up.asked_at(), &books.outages)
        });
        if let Some(since) = settle_by.filter(|settle_by| *settle_by <= books.cutoff) {
            breaches.push(format!("top-up {id} was to be settled by {since}"));
        }
    }
    breaches.extend(
        entries.into_keys().map(|id| format!("entries of top-up {id}, which there is not")),
    );
    breaches.extend(wrong_counts(books));
    breaches
}

/// Whether one that succeeded, and no other, has its entry, of its amount and at its end.
fn is_entered(top_up: &TopUp, entries: &[&CashEntry]) -> bool {
    match top_up.state {
        TopUpState::Succeeded { entry_id, balance_after, succeeded_at } => {
            matches!(entries, [entry] if entry.id == entry_id
                && (entry.user_id, entry.amount) == (top_up.user_id, top_up.amount)
                && (entry.balance_after, entry.created_at) == (balance_after, succeeded_at))
        }
        TopUpState::Pending | TopUpState::Failed { .. } | TopUpState::Undone { .. } => {
            entries.is_empty()
        }
    }
}

const fn fits_its_charge(top_up: &TopUp) -> bool {
    use ProviderChargeState::{Asked, Charged, Declined, ReturnDue, Returned};
    matches!(
        (&top_up.state, &top_up.charge),
        (TopUpState::Pending, Asked(_))
            | (TopUpState::Succeeded { .. }, Charged)
            | (TopUpState::Failed { .. }, Declined | ReturnDue(_) | Returned)
            | (TopUpState::Undone { .. }, ReturnDue(_) | Returned)
    )
}

/// Accounts that do not know what is pending.
fn wrong_counts(books: &Books) -> Vec<String> {
    let mut pending: BTreeMap<_, (u32, i128)> = BTreeMap::new();
    for top_up in books.top_ups.iter().filter(|top_up| top_up.state == TopUpState::Pending) {
        let (count, amount) = pending.entry(top_up.user_id).or_default();
        *count += 1;
        *amount += i128::from(top_up.amount.minor_units());
    }
    let mut breaches = Vec::new();
    for account in &books.accounts {
        let (count, amount) = pending.remove(&account.user_id).unwrap_or_default();
        let PendingTopUps { count: told, amount: told_amount } = account.pending;
        if told != count || i128::from(Amount::minor_units(told_amount)) != amount {
            let user = account.user_id;
            breaches.push(format!("account of {user}: {told} top-ups pending, there are {count}"));
        }
    }
    breaches.extend(pending.into_keys().map(|user| format!("top-ups of {user} without account")));
    breaches
}
