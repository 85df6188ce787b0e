//! Payments: cash for a reservation, and back again.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::cash::EntryKind;
use crate::ids::{EntryId, PaymentId, ReservationId, TokenId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::Refusal;
use crate::reservation::{Reservation, ReservationState, release};

/// Cash for a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// What it pays for.
    pub reservation_id: ReservationId,
    /// Who paid.
    pub user_id: UserId,
    /// How much.
    pub amount: Amount,
    /// What was in the account before.
    pub balance_before: Amount,
    /// What was in the account after.
    pub balance_after: Amount,
    /// When.
    pub paid_at: Timestamp,
    /// What became of it.
    pub state: PaymentState,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentState {
    /// The seats are sold.
    Succeeded,
    /// The cash was given back.
    Refunded {
        /// When.
        refunded_at: Timestamp,
    },
}

/// A payment and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The payment.
    pub payment: Payment,
    /// The reservation it is for.
    pub reservation: Reservation,
}

/// A reservation that a user asks to pay for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayRequest {
    /// The new payment's id.
    pub id: PaymentId,
    /// The new cash entry's id.
    pub entry_id: EntryId,
    /// Who pays.
    pub user_id: UserId,
    /// With which token.
    pub token_id: TokenId,
    /// For what.
    pub reservation_id: ReservationId,
}

/// Takes the cash, sells the seats, confirms the reservation and ends the token: all or nothing.
/// Needs the token, the reservation and the user's account among the records.
///
/// # Errors
/// What the token refuses; [`Refusal::NotFound`] unless the reservation is the user's own;
/// [`Refusal::AlreadyPaid`], [`Refusal::HoldExpired`], [`Refusal::InsufficientBalance`].
pub fn pay(records: &mut Records, ask: &PayRequest) -> Result<Receipt, Refusal> {
    let now = records.now;
    let owned = records.reservations.get(&ask.reservation_id);
    let Some(reservation) = owned.filter(|r| r.user_id == ask.user_id).cloned() else {
        records.token(ask.token_id, ask.user_id)?.ensure_active(now)?;
        return Err(Refusal::NotFound);
    };
    records.gated_show((ask.token_id, ask.user_id), reservation.show_id, Refusal::NotFound)?;
    ensure_payable(&reservation, now)?;

    let amount = reservation.total_amount;
    let account = records.account_mut(ask.user_id);
    let balance_before = account.balance;
    let entry = account
        .enter(ask.entry_id, EntryKind::Payment(ask.id), amount, now)
        .ok_or(Refusal::InsufficientBalance { balance: balance_before, amount })?;
    let payment = Payment {
        id: ask.id,
        reservation_id: reservation.id,
        user_id: ask.user_id,
        amount,
        balance_before,
        balance_after: entry.balance_after,
        paid_at: now,
        state: PaymentState::Succeeded,
    };
    records.entries.insert(entry);
    records.payments.insert(payment.clone());
    for id in reservation.seat_ids() {
        if let Some(seat) = records.seats.get_mut(&id) {
            seat.sell(reservation.id);
        }
    }
    if let Some(token) = records.tokens.get_mut(&ask.token_id) {
        token.finish(now);
    }
    let state = ReservationState::Confirmed { payment_id: ask.id, confirmed_at: now };
    let reservation = Reservation { state, ..reservation };
    records.reservations.put(reservation.clone());
    Ok(Receipt { payment, reservation })
}

fn ensure_payable(reservation: &Reservation, now: Timestamp) -> Result<(), Refusal> {
    match reservation.state {
        ReservationState::Held if now < reservation.held_until => Ok(()),
        ReservationState::Held
        | ReservationState::Expired { .. }
        | ReservationState::Cancelled { .. } => Err(Refusal::HoldExpired),
        ReservationState::Confirmed { payment_id, .. }
        | ReservationState::Refunded { payment_id, .. } => Err(Refusal::AlreadyPaid { payment_id }),
    }
}

/// Until when a payment can be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundPolicy {
    /// Up to this many hours before the show begins.
    pub until_hours: u32,
}

/// A payment that a user asks to have back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundRequest {
    /// Which payment.
    pub payment_id: PaymentId,
    /// The new cash entry's id.
    pub entry_id: EntryId,
    /// Who asks.
    pub user_id: UserId,
}

/// Gives the cash back, frees the seats and ends the reservation: all or nothing. Needs the
/// payment and the user's account among the records.
///
/// # Errors
/// [`Refusal::NotFound`] unless the payment is the user's own; [`Refusal::NotRefundable`] when it
/// is too late or was done before.
pub fn refund(
    records: &mut Records,
    ask: &RefundRequest,
    policy: RefundPolicy,
) -> Result<Receipt, Refusal> {
    let now = records.now;
    let payment = records.payments.get(&ask.payment_id).filter(|p| p.user_id == ask.user_id);
    let mut payment = payment.cloned().ok_or(Refusal::NotFound)?;
    let reservation = records.reservations.get(&payment.reservation_id);
    let mut reservation = reservation.cloned().ok_or(Refusal::NotFound)?;
    let show = records.shows.get(&reservation.show_id).ok_or(Refusal::NotFound)?;
    let too_late = show.starts_at - TimeDelta::hours(i64::from(policy.until_hours)) <= now;
    let (PaymentState::Succeeded, ReservationState::Confirmed { payment_id, confirmed_at }, false) =
        (payment.state, reservation.state, too_late)
    else {
        return Err(Refusal::NotRefundable);
    };

    let entry = records
        .account_mut(ask.user_id)
        .enter(ask.entry_id, EntryKind::Refund(payment.id), payment.amount, now)
        .ok_or(Refusal::NotRefundable)?;
    records.entries.insert(entry);
    payment.state = PaymentState::Refunded { refunded_at: now };
    records.payments.put(payment.clone());
    reservation.state = ReservationState::Refunded { payment_id, confirmed_at, refunded_at: now };
    let seat_ids: Vec<_> = reservation.seat_ids().collect();
    release(records, reservation.id, &seat_ids, None);
    records.reservations.put(reservation.clone());
    Ok(Receipt { payment, reservation })
}
