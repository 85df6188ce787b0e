//! Payments: cash for a reservation, and back again.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::cash::EntryKind;
use crate::ids::{EntryId, PaymentId, ReservationId, TokenId, UserId};
use crate::money::Amount;
use crate::provider_charge::{ProviderCharge, SettlingPolicy};
use crate::records::Records;
use crate::refusal::Refusal;
use crate::reservation::{Reservation, ReservationState, free_after};
use crate::seat::LetGo;

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
    /// When the cash was taken.
    pub paid_at: Timestamp,
    /// What became of it.
    pub state: PaymentState,
    /// What an outside provider holds for it; `None` for one that cash alone has paid.
    pub provider: Option<ProviderCharge>,
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentState {
    /// The cash is taken and the hold is pinned, and the outside provider has not answered yet.
    Pending,
    /// The seats are sold.
    Succeeded,
    /// The outside provider refused: the cash came back and the seats are free.
    Failed {
        /// Why, in the provider's words.
        reason: String,
        /// When.
        failed_at: Timestamp,
    },
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

impl Payment {
    /// When the provider was first asked what it may still owe an answer to: to charge, or to give back.
    #[must_use]
    pub const fn asked_at(&self) -> Timestamp {
        match self.state {
            PaymentState::Pending | PaymentState::Succeeded => self.paid_at,
            PaymentState::Failed { failed_at: ended_at, .. }
            | PaymentState::Refunded { refunded_at: ended_at } => ended_at,
        }
    }
}

impl Receipt {
    /// The payment of that id, with what it is for.
    pub(crate) fn of(records: &Records, id: PaymentId) -> Result<Self, Refusal> {
        let payment = records.payments.get(&id).cloned().ok_or(Refusal::NotFound)?;
        let reservation = records.reservations.get(&payment.reservation_id).cloned();
        Ok(Self { payment, reservation: reservation.ok_or(Refusal::NotFound)? })
    }

    /// As it was when it was paid, should it have been refunded since: what was answered once is
    /// answered again.
    #[must_use]
    pub fn as_paid(mut self) -> Self {
        if let ReservationState::Refunded { payment_id, confirmed_at, .. } = self.reservation.state
        {
            self.payment.state = PaymentState::Succeeded;
            self.reservation.state = ReservationState::Confirmed { payment_id, confirmed_at };
        }
        self
    }
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

/// Takes the cash for a reservation. Without `settling` it is paid with that: the seats are sold,
/// the reservation is confirmed and the token is done. With it, an outside provider has to say yes
/// first: the payment is pending and the hold is pinned until [`crate::settling::hear`].
/// Whoever asks again while it is pending gets the same payment. Needs the token, the reservation
/// and the user's account among the records.
///
/// # Errors
/// What the token refuses; [`Refusal::NotFound`] unless the reservation is the user's own;
/// [`Refusal::AlreadyPaid`], [`Refusal::PaymentFailed`], [`Refusal::HoldExpired`],
/// [`Refusal::Interrupted`], [`Refusal::InsufficientBalance`].
pub fn pay(
    records: &mut Records,
    ask: &PayRequest,
    settling: Option<SettlingPolicy>,
) -> Result<Receipt, Refusal> {
    let now = records.now;
    let owned = records.reservations.get(&ask.reservation_id);
    let Some(mut reservation) = owned.filter(|r| r.user_id == ask.user_id).cloned() else {
        records.token(ask.token_id, ask.user_id)?.ensure_active(records.cutoff)?;
        return Err(Refusal::NotFound);
    };
    records.gated_show((ask.token_id, ask.user_id), reservation.show_id, Refusal::NotFound)?;
    if let ReservationState::Paying { payment_id } = reservation.state {
        return Receipt::of(records, payment_id);
    }
    ensure_payable(records, &reservation)?;

    let amount = reservation.total_amount;
    // What costs nothing needs nobody's yes.
    let settling = settling.filter(|_| amount > Amount::ZERO);
    let account = records.account_mut(ask.user_id);
    let balance_before = account.balance;
    let entry = account
        .enter(ask.entry_id, EntryKind::Payment(ask.id), amount, now)
        .ok_or(Refusal::InsufficientBalance { balance: balance_before, amount })?;
    let provider = settling.map(|policy| ProviderCharge::asked_now(ask.token_id, now, policy));
    records.payments.insert(Payment {
        id: ask.id,
        reservation_id: reservation.id,
        user_id: ask.user_id,
        amount,
        balance_before,
        balance_after: entry.balance_after,
        paid_at: now,
        state: PaymentState::Pending,
        provider,
    });
    records.entries.insert(entry);
    reservation.state = ReservationState::Paying { payment_id: ask.id };
    records.reservations.put(reservation.clone());
    if settling.is_none() {
        succeed(records, ask.id, ask.token_id)?;
        return Receipt::of(records, ask.id);
    }
    for id in reservation.seat_ids() {
        if let Some(seat) = records.seats.get_mut(&id) {
            seat.pin(reservation.id);
        }
    }
    Receipt::of(records, ask.id)
}

fn ensure_payable(records: &Records, reservation: &Reservation) -> Result<(), Refusal> {
    match reservation.state {
        ReservationState::Held if records.cutoff < reservation.held_until => {
            records.ensure_before(reservation.held_until)
        }
        ReservationState::Held
        | ReservationState::Paying { .. }
        | ReservationState::Expired { .. }
        | ReservationState::Cancelled { .. } => Err(Refusal::HoldExpired),
        ReservationState::PaymentFailed { payment_id, .. } => {
            match records.payments.get(&payment_id).map(|payment| &payment.state) {
                Some(PaymentState::Failed { reason, .. }) => {
                    Err(Refusal::PaymentFailed { payment_id, reason: reason.clone() })
                }
                _ => Err(Refusal::HoldExpired),
            }
        }
        ReservationState::Confirmed { payment_id, .. }
        | ReservationState::Refunded { payment_id, .. } => Err(Refusal::AlreadyPaid { payment_id }),
    }
}

/// A pending payment came about: the seats are sold, the reservation is confirmed, and the token is
/// done if it is still inside.
pub(crate) fn succeed(
    records: &mut Records,
    id: PaymentId,
    token_id: TokenId,
) -> Result<(), Refusal> {
    let now = records.now;
    let Receipt { mut payment, mut reservation } = Receipt::of(records, id)?;
    payment.state = PaymentState::Succeeded;
    records.payments.put(payment);
    for id in reservation.seat_ids() {
        if let Some(seat) = records.seats.get_mut(&id) {
            seat.sell(reservation.id);
        }
    }
    if let Some(mut token) = records.tokens.get(&token_id).cloned()
        && token.ensure_active(records.cutoff).is_ok()
    {
        token.finish(now);
        records.tokens.put(token);
    }
    reservation.state = ReservationState::Confirmed { payment_id: id, confirmed_at: now };
    records.reservations.put(reservation);
    Ok(())
}

/// A pending payment did not come about: the cash comes back and the seats are free. The user may hold
/// them again at once, once: whoever cannot pay does not keep them either. With a delay they are free
/// after that, and shown as sold until then.
pub(crate) fn fail(
    records: &mut Records,
    id: PaymentId,
    reason: &str,
    entry_id: EntryId,
    returns_after: TimeDelta,
) -> Result<(), Refusal> {
    let now = records.now;
    let Receipt { mut payment, mut reservation } = Receipt::of(records, id)?;
    give_cash_back(records, &payment, entry_id)?;
    payment.state = PaymentState::Failed { reason: reason.to_owned(), failed_at: now };
    records.payments.put(payment);
    reservation.state = ReservationState::PaymentFailed { payment_id: id, ended_at: now };
    let seat_ids: Vec<_> = reservation.seat_ids().collect();
    let let_go = LetGo { by: reservation.user_id, at: now, early: true };
    free_after(records, reservation.id, &seat_ids, returns_after, Some(let_go));
    records.reservations.put(reservation);
    Ok(())
}

fn give_cash_back(
    records: &mut Records,
    payment: &Payment,
    entry_id: EntryId,
) -> Result<(), Refusal> {
    let now = records.now;
    let entry = records
        .account_mut(payment.user_id)
        .enter(entry_id, EntryKind::Refund(payment.id), payment.amount, now)
        .ok_or(Refusal::NotRefundable)?;
    records.entries.insert(entry);
    Ok(())
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
    /// After how long the seats are free: see [`ReturnDelays`](crate::ports::ReturnDelays).
    pub returns_after: TimeDelta,
}

/// Gives the cash back, lets the seats come back and ends the reservation: all or nothing. What an outside
/// provider charged is due to be given back from then on. Needs the payment and the user's account
/// among the records.
///
/// # Errors
/// [`Refusal::NotFound`] unless the payment is the user's own; [`Refusal::NotRefundable`] when it
/// is too late or was done before.
pub fn refund(
    records: &mut Records,
    ask: &RefundRequest,
    policy: RefundPolicy,
    settling: SettlingPolicy,
) -> Result<Receipt, Refusal> {
    let now = records.now;
    let payment = records.payments.get(&ask.payment_id).filter(|p| p.user_id == ask.user_id);
    let mut payment = payment.cloned().ok_or(Refusal::NotFound)?;
    let reservation = records.reservations.get(&payment.reservation_id);
    let mut reservation = reservation.cloned().ok_or(Refusal::NotFound)?;
    let show = records.shows.get(&reservation.show_id).ok_or(Refusal::NotFound)?;
    let too_late = show.starts_at <= now + TimeDelta::hours(i64::from(policy.until_hours));
    let (PaymentState::Succeeded, ReservationState::Confirmed { payment_id, confirmed_at }, false) =
        (&payment.state, reservation.state, too_late)
    else {
        return Err(Refusal::NotRefundable);
    };

    give_cash_back(records, &payment, ask.entry_id)?;
    payment.state = PaymentState::Refunded { refunded_at: now };
    if let Some(charge) = &mut payment.provider {
        charge.give_back(now, settling);
    }
    records.payments.put(payment.clone());
    reservation.state = ReservationState::Refunded { payment_id, confirmed_at, refunded_at: now };
    let seat_ids: Vec<_> = reservation.seat_ids().collect();
    free_after(records, reservation.id, &seat_ids, ask.returns_after, None);
    records.reservations.put(reservation.clone());
    Ok(Receipt { payment, reservation })
}
