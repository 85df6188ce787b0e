//! Reservations: one user's seats at one show, held for a while, then paid for or given back.

mod columns;
mod hold;
mod policy;
mod returning;

use crate::Timestamp;
use crate::ids::{ConcertId, PaymentId, ReservationId, SeatId, ShowId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::Refusal;
use crate::seat::{LetGo, Place};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use columns::{ReservationSeat, StateColumns};
pub use hold::{HoldRequest, hold};
pub use policy::BookingPolicy;
pub(crate) use returning::free_after;
pub use returning::free_returned;

/// One user's seats at one show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// Whose it is.
    pub user_id: UserId,
    /// Of which concert.
    pub concert_id: ConcertId,
    /// At which show.
    pub show_id: ShowId,
    /// On which day, at the venue.
    pub date: NaiveDate,
    /// Which seats, at the prices they had when they were held.
    pub seats: Vec<ReservedSeat>,
    /// What they cost together.
    pub total_amount: Amount,
    /// When they were held.
    pub created_at: Timestamp,
    /// For how many seconds they were held, without what outages added since; none for one that was
    /// written before this was kept.
    pub hold_seconds: Option<u32>,
    /// Until when they are held, unless paid for before.
    pub held_until: Timestamp,
    /// How far it got.
    pub state: ReservationState,
}

/// A seat as it was when it was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedSeat {
    /// The seat's id.
    pub id: SeatId,
    /// Where it is and what it cost.
    pub place: Place,
}

/// How far a reservation got, as it was last written down. A hold that ran out stays written until
/// somebody comes by; ask [`Reservation::status`] for what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReservationState {
    /// Set aside.
    Held,
    /// Set aside for as long as a payment is pending, whatever the hold's end.
    Paying {
        /// Which payment.
        payment_id: PaymentId,
    },
    /// Paid for.
    Confirmed {
        /// By which payment.
        payment_id: PaymentId,
        /// When.
        confirmed_at: Timestamp,
    },
    /// Not paid for in time.
    Expired {
        /// When that was written down.
        ended_at: Timestamp,
    },
    /// Given back by its user.
    Cancelled {
        /// When.
        ended_at: Timestamp,
    },
    /// Given free because its payment failed.
    PaymentFailed {
        /// Which payment.
        payment_id: PaymentId,
        /// When.
        ended_at: Timestamp,
    },
    /// Paid for, and the payment given back.
    Refunded {
        /// Which payment.
        payment_id: PaymentId,
        /// When it was paid.
        confirmed_at: Timestamp,
        /// When it was given back.
        refunded_at: Timestamp,
    },
}

/// A reservation's status as its user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Set aside.
    Held,
    /// Paid for.
    Confirmed,
    /// Not paid for in time.
    Expired,
    /// Given back, or given free because the payment failed.
    Cancelled,
    /// Paid for, and the payment given back.
    Refunded,
}

impl ReservationState {
    /// Whether the reservation is written down as having its seats.
    #[must_use]
    pub const fn has_its_seats(&self) -> bool {
        match self {
            Self::Held | Self::Paying { .. } | Self::Confirmed { .. } => true,
            Self::Expired { .. }
            | Self::Cancelled { .. }
            | Self::PaymentFailed { .. }
            | Self::Refunded { .. } => false,
        }
    }

    /// When it ended, if it did and was never paid for.
    #[must_use]
    pub const fn ended_unpaid_at(&self) -> Option<Timestamp> {
        match self {
            Self::Expired { ended_at } | Self::Cancelled { ended_at } => Some(*ended_at),
            Self::Held
            | Self::Paying { .. }
            | Self::Confirmed { .. }
            | Self::PaymentFailed { .. }
            | Self::Refunded { .. } => None,
        }
    }

    /// The payment that it names.
    #[must_use]
    pub const fn payment_id(&self) -> Option<PaymentId> {
        match self {
            Self::Paying { payment_id }
            | Self::Confirmed { payment_id, .. }
            | Self::PaymentFailed { payment_id, .. }
            | Self::Refunded { payment_id, .. } => Some(*payment_id),
            Self::Held | Self::Expired { .. } | Self::Cancelled { .. } => None,
        }
    }
}

impl Reservation {
    /// Its status at `now`: a hold that is over has expired, swept or not, unless a payment for it
    /// is pending.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> ReservationStatus {
        match self.state {
            ReservationState::Held if self.held_until <= now => ReservationStatus::Expired,
            ReservationState::Held | ReservationState::Paying { .. } => ReservationStatus::Held,
            ReservationState::Confirmed { .. } => ReservationStatus::Confirmed,
            ReservationState::Expired { .. } => ReservationStatus::Expired,
            ReservationState::Cancelled { .. } | ReservationState::PaymentFailed { .. } => {
                ReservationStatus::Cancelled
            }
            ReservationState::Refunded { .. } => ReservationStatus::Refunded,
        }
    }

    /// The seats' ids.
    pub fn seat_ids(&self) -> impl Iterator<Item = SeatId> {
        self.seats.iter().map(|seat| seat.id)
    }

    /// # Errors
    /// [`Refusal::NotFound`] unless it is `user_id`'s: that it exists is nobody else's business.
    pub fn ensure_owned_by(&self, user_id: UserId) -> Result<(), Refusal> {
        if self.user_id == user_id { Ok(()) } else { Err(Refusal::NotFound) }
    }

    fn ended_without_payment(&mut self, state: ReservationState) -> Vec<SeatId> {
        debug_assert_eq!(self.state, ReservationState::Held, "a reservation ends twice");
        self.state = state;
        self.seat_ids().collect()
    }
}

/// Ends a hold whose time is over and frees its seats. Says whether there was one to end. Needs
/// the reservation among the records.
pub fn expire(records: &mut Records, id: ReservationId) -> bool {
    let now = records.now;
    let Some(reservation) = records.reservations.get_mut(&id) else { return false };
    if reservation.state != ReservationState::Held || records.cutoff < reservation.held_until {
        return false;
    }
    let seats = reservation.ended_without_payment(ReservationState::Expired { ended_at: now });
    let let_go = LetGo { by: reservation.user_id, at: reservation.held_until, early: false };
    release(records, id, &seats, Some(let_go));
    true
}

/// Gives a hold back. Who had it for longer than the cooldown, or than half of a hold, let the seats go
/// as much as who let them run out; who chose wrongly may choose again. Needs the reservation among the
/// records.
///
/// # Errors
/// [`Refusal::NotFound`] unless it is the user's own, [`Refusal::NotHeld`] unless it is held and no
/// payment for it is pending, [`Refusal::Interrupted`].
pub fn cancel(
    records: &mut Records,
    id: ReservationId,
    user_id: UserId,
    policy: BookingPolicy,
) -> Result<(), Refusal> {
    let now = records.now;
    let reservation = records.reservations.get(&id).ok_or(Refusal::NotFound)?;
    reservation.ensure_owned_by(user_id)?;
    let is_pinned = reservation.state != ReservationState::Held;
    if is_pinned || reservation.status(records.cutoff) != ReservationStatus::Held {
        return Err(Refusal::NotHeld);
    }
    records.ensure_before(reservation.held_until)?;
    let reservation = records.reservations.get_mut(&id).ok_or(Refusal::NotFound)?;
    let early = now - reservation.created_at <= policy.second_thoughts();
    let let_go = LetGo { by: user_id, at: now, early };
    let seats = reservation.ended_without_payment(ReservationState::Cancelled { ended_at: now });
    release(records, id, &seats, Some(let_go));
    Ok(())
}

pub(crate) fn release(
    records: &mut Records,
    from: ReservationId,
    seat_ids: &[SeatId],
    let_go: Option<LetGo>,
) {
    for id in seat_ids {
        if let Some(seat) = records.seats.get_mut(id) {
            seat.release(from, let_go);
        }
    }
}
