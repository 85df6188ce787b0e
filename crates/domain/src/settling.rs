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
        let Some(charge) = &mut payment.provider else { continue };
        if charge.state.take_on(asked_at, now, policy) {
            records.payments.put(payment.clone());
            taken.push(payment);
        }
    }
    taken
}

/// What became of a payment or a top-up once the provider was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard<T> {
    /// As it is now: a payment with what it is for, or a top-up.
    pub outcome: T,
    /// Whether the provider took back what it had said before, which nothing follows from: a
    /// person has to look.
    pub contradicts: bool,
}

/// How far something is that the provider was asked to charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The provider has not said yet.
    Pending,
    /// It was charged, and what was paid for is given.
    Succeeded,
    /// It failed, or ended later: nothing is to stay charged for it.
    Over,
}

/// What follows from a word of the provider.
pub(crate) enum Step {
    Nothing,
    /// The provider took back what nothing can be done about.
    Contradiction,
    Succeed,
    /// It did not come about, and that is what the provider holds for it.
    Fail {
        reason: String,
        charge: ProviderChargeState,
    },
    /// Only what the provider holds for it is another now.
    Becomes(ProviderChargeState),
}

/// What follows from what the provider said, in an answer or a notice, however often and in
/// whichever order it comes: what was settled stays settled, but a charge that nothing is given for
/// is given back.
pub(crate) fn step(
    progress: Progress,
    charge: ProviderChargeState,
    verdict: &Verdict,
    return_due: Question,
) -> Step {
    use ProviderChargeState::{Declined, ReturnDue, Returned};
    match (progress, charge, verdict) {
        (_, _, Verdict::Unknown | Verdict::Pending) => Step::Nothing,
        (Progress::Pending, _, Verdict::Charged) => Step::Succeed,
        (Progress::Pending, _, Verdict::Declined { reason }) => {
            Step::Fail { reason: reason.clone(), charge: Declined }
        }
        (Progress::Pending, _, Verdict::Returned) => {
            Step::Fail { reason: "the payment was given back".to_owned(), charge: Returned }
        }
        (Progress::Succeeded, _, Verdict::Charged) => Step::Nothing,
        (Progress::Succeeded, _, Verdict::Declined { .. } | Verdict::Returned) => {
            Step::Contradiction
        }
        (Progress::Over, Declined, Verdict::Charged) => Step::Becomes(ReturnDue(return_due)),
        (Progress::Over, ReturnDue(_), Verdict::Returned) => Step::Becomes(Returned),
        // A late no may be older than the yes: only what was given back is over.
        (Progress::Over, _, _) => Step::Nothing,
    }
}

/// Writes down what the provider said of a payment: see [`Heard`]. Needs the payment, its user's
/// account and the token it was paid with among the records.
///
/// # Errors
/// [`Refusal::NotFound`] without such a payment, or one that the provider was never asked about.
pub fn hear(
    records: &mut Records,
    id: PaymentId,
    verdict: &Verdict,
    entry_id: EntryId,
    policy: SettlingPolicy,
) -> Result<Heard<Receipt>, Refusal> {
    let (payment, charge) = of_provider(records, id)?;
    let progress = match payment.state {
        PaymentState::Pending => Progress::Pending,
        PaymentState::Succeeded => Progress::Succeeded,
        PaymentState::Failed { .. } | PaymentState::Refunded { .. } => Progress::Over,
    };
    let return_due = Question::due_at(records.now, policy);
    let step = step(progress, charge.state, verdict, return_due);
    let contradicts = matches!(step, Step::Contradiction);
    match step {
        Step::Nothing | Step::Contradiction => {}
        Step::Succeed => {
            settle_as(records, id, ProviderChargeState::Charged);
            succeed(records, id, charge.token_id)?;
        }
        Step::Fail { reason, charge } => {
            settle_as(records, id, charge);
            fail(records, id, &reason, entry_id, TimeDelta::zero())?;
        }
        Step::Becomes(charge) => settle_as(records, id, charge),
    }
    Ok(Heard { outcome: Receipt::of(records, id)?, contradicts })
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
    end_pending(records, id, (entry_id, NO_ANSWER), policy, TimeDelta::zero())
}

/// Why something failed that the provider left pending.
pub(crate) const NO_ANSWER: &str = "the payment provider did not answer in time";

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
