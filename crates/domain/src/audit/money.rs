//! What must hold of cash, payments and what a provider charged for them.

use std::collections::BTreeMap;

use super::Books;
use super::digest::digest_after;
use crate::Timestamp;
use crate::cash::{CashAccount, CashEntry, EntryDigest, EntryKind};
use crate::ids::PaymentId;
use crate::payment::{Payment, PaymentState};
use crate::provider_charge::ProviderChargeState;
use crate::reservation::{Reservation, ReservationState};
use crate::uptime::end_past_outages;

pub(super) fn balances(books: &Books) -> Vec<String> {
    let mut entries: BTreeMap<_, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        entries.entry(entry.user_id).or_default().push(entry);
    }
    let mut breaches = Vec::new();
    for account in &books.accounts {
        let mut of_account = entries.remove(&account.user_id).unwrap_or_default();
        of_account.sort_by_key(|entry| entry.number);
        breaches.extend(odd_entries(books, account, &of_account));
    }
    breaches.extend(entries.into_keys().map(|user| format!("entries of {user} without account")));
    breaches
}

/// What does not follow from the entries before, and whether the account follows from all of them.
fn odd_entries(books: &Books, account: &CashAccount, entries: &[&CashEntry]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut balance = 0_i128;
    let mut digest: Option<EntryDigest> = None;
    let mut before = Timestamp::MIN_UTC;
    for (number, entry) in (1..).zip(entries) {
        balance += i128::from(entry.signed_amount());
        let adds_up = i128::from(entry.balance_after.minor_units()) == balance;
        let is_next = entry.number == number && before <= entry.created_at;
        let is_bound = match entry.digest {
            Some(told) => told == digest_after(digest, entry),
            None => digest.is_none() && books.is_before_evidence(entry.created_at),
        };
        if !(adds_up && is_next && is_bound) {
            breaches.push(format!("entry {} does not follow from those before", entry.id));
        }
        (digest, before) = (entry.digest, entry.created_at);
    }
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let told = account.balance.minor_units();
    if i128::from(told) != balance || account.entry_count != count || account.digest != digest {
        let user = account.user_id;
        breaches.push(format!("account of {user}: {told}, its entries say {balance}"));
    }
    breaches
}

pub(super) fn payments(books: &Books) -> Vec<String> {
    let reservations: BTreeMap<_, _> = books.reservations.iter().map(|r| (r.id, r)).collect();
    let mut debits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    let mut credits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        match &entry.kind {
            EntryKind::Charge | EntryKind::TopUp(_) | EntryKind::Credit { .. } => {}
            EntryKind::Payment(id) => debits.entry(*id).or_default().push(entry),
            EntryKind::Refund(id) => credits.entry(*id).or_default().push(entry),
        }
    }
    let mut breaches = Vec::new();
    for payment in &books.payments {
        let debits = debits.remove(&payment.id).unwrap_or_default();
        let credits = credits.remove(&payment.id).unwrap_or_default();
        let reservation = reservations.get(&payment.reservation_id);
        let is_for = reservation.is_some_and(|reservation| is_payment_for(payment, reservation));
        if !is_booked(payment, &debits, &credits) || !is_for {
            breaches.push(format!("payment {}", payment.id));
        }
    }
    let strays = debits.into_keys().chain(credits.into_keys());
    breaches.extend(strays.map(|id| format!("entries of payment {id}, which there is not")));
    breaches
}

/// Whether a payment has its debit, with the same balances and at the same time, and its credit, if
/// the cash was given back, and when.
fn is_booked(payment: &Payment, debits: &[&CashEntry], credits: &[&CashEntry]) -> bool {
    let is_its =
        |entry: &CashEntry| (entry.user_id, entry.amount) == (payment.user_id, payment.amount);
    let is_debited = matches!(debits, [debit] if is_its(debit)
        && debit.created_at == payment.paid_at
        && debit.balance_after == payment.balance_after
        && debit.balance_after.checked_add(debit.amount) == Some(payment.balance_before));
    let is_credited = match payment.state {
        PaymentState::Pending | PaymentState::Succeeded => credits.is_empty(),
        PaymentState::Failed { failed_at: ended_at, .. }
        | PaymentState::Refunded { refunded_at: ended_at } => {
            matches!(credits, [credit] if is_its(credit) && credit.created_at == ended_at)
        }
    };
    is_debited && is_credited
}

/// Whether a payment is for that reservation, for what it costs, and ended as and when it did.
fn is_payment_for(payment: &Payment, r: &Reservation) -> bool {
    let state_fits = match (r.state, &payment.state) {
        (ReservationState::Paying { .. }, PaymentState::Pending)
        | (ReservationState::Confirmed { .. }, PaymentState::Succeeded) => true,
        (
            ReservationState::PaymentFailed { ended_at, .. },
            PaymentState::Failed { failed_at: of_payment, .. },
        )
        | (
            ReservationState::Refunded { refunded_at: ended_at, .. },
            PaymentState::Refunded { refunded_at: of_payment },
        ) => ended_at == *of_payment,
        _ => false,
    };
    let prices: i128 = r.seats.iter().map(|s| i128::from(s.place.price.minor_units())).sum();
    state_fits
        && r.state.payment_id() == Some(payment.id)
        && r.user_id == payment.user_id
        && r.total_amount == payment.amount
        && prices == i128::from(payment.amount.minor_units())
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
        // Nobody asks while the service is away.
        let settle_by = charge.question().map(|question| {
            end_past_outages(question.settle_by, payment.asked_at(), &books.outages)
        });
        if let Some(since) = settle_by.filter(|settle_by| *settle_by <= books.cutoff) {
            breaches.push(format!("payment {} was to be settled by {since}", payment.id));
        }
    }
    breaches
}
