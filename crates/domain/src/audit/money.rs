//! What must hold of cash, payments and what a provider charged for them.

use std::collections::BTreeMap;

use super::Books;
use crate::cash::{CashEntry, EntryKind};
use crate::ids::PaymentId;
use crate::payment::PaymentState;
use crate::provider_charge::ProviderChargeState;
use crate::reservation::ReservationState;

pub(super) fn balances(books: &Books) -> Vec<String> {
    let mut entries: BTreeMap<_, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        entries.entry(entry.user_id).or_default().push(entry);
    }
    let mut breaches = Vec::new();
    for account in &books.accounts {
        let mut of_account = entries.remove(&account.user_id).unwrap_or_default();
        of_account.sort_by_key(|entry| entry.number);
        let mut balance = 0_i64;
        for (number, entry) in (1..).zip(&of_account) {
            balance += entry.signed_amount();
            if entry.number != number || entry.balance_after.minor_units() != balance {
                breaches.push(format!("entry {} does not follow from those before", entry.id));
            }
        }
        let count = u64::try_from(of_account.len()).unwrap_or(u64::MAX);
        if account.balance.minor_units() != balance || account.entry_count != count {
            let told = account.balance.minor_units();
            let user = account.user_id;
            breaches.push(format!("account of {user}: {told}, its entries say {balance}"));
        }
    }
    breaches.extend(entries.into_keys().map(|user| format!("entries of {user} without account")));
    breaches
}

pub(super) fn payments(books: &Books) -> Vec<String> {
    let reservations: BTreeMap<_, _> = books.reservations.iter().map(|r| (r.id, r)).collect();
    let mut debits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    let mut credits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        match entry.kind {
            EntryKind::Charge => {}
            EntryKind::Payment(id) => debits.entry(id).or_default().push(entry),
            EntryKind::Refund(id) => credits.entry(id).or_default().push(entry),
        }
    }
    let mut breaches = Vec::new();
    for payment in &books.payments {
        let debits = debits.remove(&payment.id).unwrap_or_default();
        let credits = credits.remove(&payment.id).unwrap_or_default();
        let is_its =
            |entry: &&CashEntry| (entry.user_id, entry.amount) == (payment.user_id, payment.amount);
        let credits_due = match payment.state {
            PaymentState::Pending | PaymentState::Succeeded => 0,
            PaymentState::Failed { .. } | PaymentState::Refunded { .. } => 1,
        };
        let booked = debits.len() == 1
            && debits.iter().all(is_its)
            && credits.len() == credits_due
            && credits.iter().all(is_its);
        let of_reservation = reservations.get(&payment.reservation_id).is_some_and(|r| {
            let state_fits = matches!(
                (r.state, &payment.state),
                (ReservationState::Paying { .. }, PaymentState::Pending)
                    | (ReservationState::Confirmed { .. }, PaymentState::Succeeded)
                    | (ReservationState::PaymentFailed { .. }, PaymentState::Failed { .. })
                    | (ReservationState::Refunded { .. }, PaymentState::Refunded { .. })
            );
            let named = state_fits && r.state.payment_id() == Some(payment.id);
            let prices: i64 = r.seats.iter().map(|seat| seat.place.price.minor_units()).sum();
            named
                && r.user_id == payment.user_id
                && r.total_amount == payment.amount
                && prices == payment.amount.minor_units()
        });
        if !booked || !of_reservation {
            breaches.push(format!("payment {}", payment.id));
        }
    }
    let strays = debits.into_keys().chain(credits.into_keys());
    breaches.extend(strays.map(|id| format!("entries of payment {id}, which there is not")));
    breaches
}

pub(super) fn provider(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for payment in &books.payments {
        let Some(charge) = &payment.provider else {
            // Cash alone pays at once or not at all.
            let fits =
                matches!(payment.state, PaymentState::Succeeded | PaymentState::Refunded { .. });
            if !fits {
                breaches.push(format!("payment {} waits for nobody", payment.id));
            }
            continue;
        };
        let fits = match payment.state {
            PaymentState::Pending => matches!(charge.state, ProviderChargeState::Asked(_)),
            PaymentState::Succeeded => charge.state == ProviderChargeState::Charged,
            PaymentState::Failed { .. } => !matches!(
                charge.state,
                ProviderChargeState::Asked(_) | ProviderChargeState::Charged
            ),
            PaymentState::Refunded { .. } => matches!(
                charge.state,
                ProviderChargeState::ReturnDue(_) | ProviderChargeState::Returned
            ),
        };
        if !fits {
            breaches.push(format!("payment {} does not fit its charge", payment.id));
        }
        if let Some(question) = charge.question().filter(|owed| owed.is_overdue(books.now)) {
            let since = question.settle_by;
            breaches.push(format!("payment {} was to be settled by {since}", payment.id));
        }
    }
    breaches
}
