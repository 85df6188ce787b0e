//! Settling payments that an outside provider has to agree to.
//!
//! Such a payment is two commits. [`crate::payment::pay`] writes it down as pending, takes the cash
//! and pins the hold; then the provider is asked, and [`hear`] writes down what it said. Between
//! the two anything may happen: until the provider has answered, nothing is guessed and it is asked
//! again.

use chrono::TimeDelta;

use crate::ids::{EntryId, PaymentId};
use crate::payment::{Payment, PaymentState, Receipt, fail, succeed};
use crate::provider_charge::{
    ProviderCharge, ProviderChargeState, Question, SettlingPolicy, Verdict,
};
use crate::records::Records;
use crate::refusal::Refusal;

/// Takes on the payments among `ids` about which the provider is to be asked at `now`, and puts the
/// next question off, so that no two servers ask at once and one that dies is followed by the next.
/// Needs the payments among the records.
pub fn take_on(records: &mut Records, ids: &[PaymentId], policy: SettlingPolicy) -> Vec<Payment> {
    let now = records.now;
    let mut taken = Vec::new();
    for id in ids {
        let Some(mut payment) = records.payments.get(id).cloned() else { continue };
        let asked_at = payment.asked_at();
        let is_pending = payment.state == PaymentState::Pending;
        let Some(question) = payment.provider.as_mut().and_then(ProviderCharge::question_mut)
        else {
            continue;
        };
        if question.ask_at <= now {
            question.asks = question.asks.saturating_add(1);
            if is_pending {
                question.put_off_until_undone(now, asked_at, policy);
            } else {
                question.put_off(now, policy);
            }
            records.payments.put(payment.clone());
            taken.push(payment);
        }
    }
    taken
}

/// A payment after the provider was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The payment and what it is for.
    pub receipt: Receipt,
    /// Whether the provider took back what it had said before, which nothing follows from: a
    /// person has to look.
    pub contradicts: bool,
}

/// Writes down what the provider said of a payment, in an answer or a notice, however often and in
/// whichever order it comes: what was settled stays settled, but a charge that nothing is sold for
/// is given back. Needs the payment, its user's account and the token it was paid with among the
/// records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a payment, or one that the provider was never asked about.
pub fn hear(
    records: &mut Records,
    id: PaymentId,
    verdict: &Verdict,
    entry_id: EntryId,
    policy: SettlingPolicy,
) -> Result<Heard, Refusal> {
    let (payment, charge) = of_provider(records, id)?;
    let now = records.now;
    let give_back = ProviderChargeState::ReturnDue(Question::due_at(now, policy));
    let mut contradicts = false;
    match (&payment.state, charge.state, verdict) {
        (_, _, Verdict::Unknown | Verdict::Pending) => {}
        (PaymentState::Pending, _, Verdict::Charged) => {
            settle_as(records, id, ProviderChargeState::Charged);
            succeed(records, id, charge.token_id)?;
        }
        (PaymentState::Pending, _, Verdict::Declined { reason }) => {
            settle_as(records, id, ProviderChargeState::Declined);
            fail(records, id, reason, entry_id, TimeDelta::zero())?;
        }
        (PaymentState::Pending, _, Verdict::Returned) => {
            settle_as(records, id, ProviderChargeState::Returned);
            fail(records, id, "the payment was given back", entry_id, TimeDelta::zero())?;
        }
        (PaymentState::Succeeded, _, Verdict::Charged) => {}
        (PaymentState::Succeeded, _, Verdict::Declined { .. } | Verdict::Returned) => {
            contradicts = true;
        }
        (_, ProviderChargeState::Declined, Verdict::Charged) => settle_as(records, id, give_back),
        (_, _, Verdict::Charged) => {}
        (_, ProviderChargeState::ReturnDue(_), Verdict::Returned) => {
            settle_as(records, id, ProviderChargeState::Returned);
        }
        // A late no may be older than the yes: only what was given back is over.
        (_, _, Verdict::Declined { .. } | Verdict::Returned) => {}
    }
    Ok(Heard { receipt: Receipt::of(records, id)?, contradicts })
}

/// An operator ends a payment that stays pending: the cash comes back, the seats are free after a time,
/// and whatever the provider has charged or will yet charge is given back. Needs the payment and its
/// user's account among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a payment; [`Refusal::NotPending`] when it is settled.
pub fn undo(
    records: &mut Records,
    id: PaymentId,
    entry_id: EntryId,
    policy: SettlingPolicy,
    returns_after: TimeDelta,
) -> Result<Receipt, Refusal> {
    end_pending(records, id, (entry_id, "an operator ended the payment"), policy, returns_after)
}

/// The same, because the provider has left it pending for too long. It was asked a moment ago, and did
/// not say.
///
/// # Errors
/// As [`undo`]; also before the time at which it is to be undone.
pub fn give_up(
    records: &mut Records,
    id: PaymentId,
    entry_id: EntryId,
    policy: SettlingPolicy,
) -> Result<Receipt, Refusal> {
    let payment = records.payments.get(&id).ok_or(Refusal::NotFound)?;
    if policy.undo_at(payment.asked_at()).is_none_or(|undo_at| records.now < undo_at) {
        return Err(Refusal::NotPending);
    }
    let reason = "the payment provider did not answer in time";
    end_pending(records, id, (entry_id, reason), policy, TimeDelta::zero())
}

fn end_pending(
    records: &mut Records,
    id: PaymentId,
    (entry_id, reason): (EntryId, &str),
    policy: SettlingPolicy,
    returns_after: TimeDelta,
) -> Result<Receipt, Refusal> {
    let payment = records.payments.get(&id).ok_or(Refusal::NotFound)?;
    if payment.state != PaymentState::Pending {
        return Err(Refusal::NotPending);
    }
    let due = Question::due_at(records.now, policy);
    settle_as(records, id, ProviderChargeState::ReturnDue(due));
    fail(records, id, reason, entry_id, returns_after)?;
    Receipt::of(records, id)
}

fn of_provider(records: &Records, id: PaymentId) -> Result<(Payment, ProviderCharge), Refusal> {
    let payment = records.payments.get(&id).cloned().ok_or(Refusal::NotFound)?;
    let charge = payment.provider.clone().ok_or(Refusal::NotFound)?;
    Ok((payment, charge))
}

fn settle_as(records: &mut Records, id: PaymentId, state: ProviderChargeState) {
    if let Some(charge) = records.payments.get_mut(&id).and_then(|p| p.provider.as_mut()) {
        charge.state = state;
    }
}

#[cfg(test)]
pub(crate) mod tests;
