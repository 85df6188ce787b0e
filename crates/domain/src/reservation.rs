//! Reservations: one user's seats at one show, held for a while, then paid for or given back.

mod columns;
mod policy;

use std::collections::BTreeSet;

use crate::Timestamp;
use crate::concert::Concert;
use crate::ids::{ConcertId, PaymentId, ReservationId, SeatId, ShowId, TokenId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::Refusal;
use crate::seat::{LetGo, Place, Seat, SeatStatus};
use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

pub use columns::{ReservationSeat, StateColumns};
pub use policy::BookingPolicy;
use policy::ensure_within;

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

/// Seats that a user asks to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// The new reservation's id.
    pub id: ReservationId,
    /// Who asks.
    pub user_id: UserId,
    /// With which token.
    pub token_id: TokenId,
    /// At which show.
    pub show_id: ShowId,
    /// Which seats.
    pub seat_ids: Vec<SeatId>,
}

/// Holds seats: all of them or none. Needs the token, the show, the seats and what the user
/// reserved in the concert among the records.
///
/// # Errors
/// What the token refuses, then [`Refusal::InvalidShow`], [`Refusal::NotOnSale`], what
/// [`BookingPolicy::ensure_can_be_asked_for`] refuses, [`Refusal::InvalidSeat`],
/// [`Refusal::SeatLimitExceeded`], [`Refusal::SeatAlreadyReserved`], [`Refusal::SeatLetGo`].
pub fn hold(
    records: &mut Records,
    ask: &HoldRequest,
    policy: BookingPolicy,
) -> Result<Reservation, Refusal> {
    let now = records.now;
    let (show, concert) =
        records.gated_show((ask.token_id, ask.user_id), ask.show_id, Refusal::InvalidShow)?;
    show.ensure_on_sale(&concert, now)?;
    policy.ensure_can_be_asked_for(&ask.seat_ids, "seat_ids")?;
    ensure_seats_of(records, ask)?;
    ensure_within_limit_of_user(records, ask, &concert)?;
    ensure_available(records, ask)?;

    end_lapsed_holds(records, &ask.seat_ids);
    ensure_not_just_let_go(records, ask, policy.rehold_cooldown())?;
    let held_until = now + TimeDelta::seconds(i64::from(policy.hold_seconds));
    let seats: Vec<_> = ask
        .seat_ids
        .iter()
        .filter_map(|id| {
            let seat = records.seats.get_mut(id)?;
            seat.hold(ask.id, held_until, now);
            Some(ReservedSeat { id: seat.id, place: seat.place.clone() })
        })
        .collect();
    let total = seats.iter().try_fold(Amount::ZERO, |sum, seat| sum.checked_add(seat.place.price));
    let reservation = Reservation {
        id: ask.id,
        user_id: ask.user_id,
        concert_id: concert.id,
        show_id: show.id,
        date: show.date,
        seats,
        total_amount: total
            .ok_or(Refusal::SeatLimitExceeded { limit: policy.seats_per_reservation })?,
        created_at: now,
        hold_seconds: Some(policy.hold_seconds),
        held_until,
        state: ReservationState::Held,
    };
    if let Some(mut token) = records.tokens.get(&ask.token_id).cloned()
        && token.keep_until(held_until)
    {
        records.tokens.put(token);
    }
    records.reservations.insert(reservation.clone());
    Ok(reservation)
}

fn ensure_seats_of(records: &Records, ask: &HoldRequest) -> Result<(), Refusal> {
    let is_of_show = |id: &SeatId| records.seats.get(id).is_some_and(|s| s.show_id == ask.show_id);
    let seat_ids: Vec<_> = ask.seat_ids.iter().copied().filter(|id| !is_of_show(id)).collect();
    if seat_ids.is_empty() {
        return Ok(());
    }
    Err(Refusal::InvalidSeat { seat_ids, seat_numbers: Vec::new() })
}

fn ensure_within_limit_of_user(
    records: &Records,
    ask: &HoldRequest,
    concert: &Concert,
) -> Result<(), Refusal> {
    let reserved: usize = records
        .reservations
        .iter()
        .filter(|r| (r.user_id, r.concert_id) == (ask.user_id, concert.id))
        .filter(|r| {
            let status = r.status(records.cutoff);
            matches!(status, ReservationStatus::Held | ReservationStatus::Confirmed)
        })
        .map(|r| r.seats.len())
        .sum();
    let count = reserved.saturating_add(ask.seat_ids.len());
    ensure_within(count, concert.details.max_seats_per_user)
}

fn ensure_available(records: &Records, ask: &HoldRequest) -> Result<(), Refusal> {
    let seats = ask.seat_ids.iter().filter_map(|id| records.seats.get(id));
    let taken = seats.filter(|seat| seat.status(records.cutoff) != SeatStatus::Available);
    let seat_numbers: Vec<_> = taken.map(|seat| seat.place.number.clone()).collect();
    if seat_numbers.is_empty() {
        Ok(())
    } else {
        Err(Refusal::SeatAlreadyReserved { seat_numbers })
    }
}

fn ensure_not_just_let_go(
    records: &Records,
    ask: &HoldRequest,
    cooldown: TimeDelta,
) -> Result<(), Refusal> {
    let now = records.now;
    let seats = ask.seat_ids.iter().filter_map(|id| records.seats.get(id));
    let let_go = seats.filter(|seat| seat.was_just_let_go_by(ask.user_id, cooldown, now));
    let let_go: Vec<_> = let_go.collect();
    let last = let_go.iter().filter_map(|seat| seat.let_go).map(|let_go| let_go.at).max();
    let Some(last) = last else { return Ok(()) };
    let wait = (last + cooldown - now).num_milliseconds();
    Err(Refusal::SeatLetGo {
        seat_numbers: let_go.iter().map(|seat| seat.place.number.clone()).collect(),
        wait_seconds: u64::try_from(wait).unwrap_or(0).div_ceil(1_000).max(1),
    })
}

/// Whoever held one of these seats too long loses the whole hold, before somebody else gets it.
fn end_lapsed_holds(records: &mut Records, seat_ids: &[SeatId]) {
    let cutoff = records.cutoff;
    let lapsed = |seat: &&Seat| seat.has_lapsed_hold(cutoff);
    let seats = seat_ids.iter().filter_map(|id| records.seats.get(id)).filter(lapsed);
    let holders: BTreeSet<_> = seats.filter_map(Seat::reservation_id).collect();
    for holder in holders {
        expire(records, holder);
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
    let let_go = LetGo { by: reservation.user_id, at: reservation.held_until };
    release(records, id, &seats, Some(let_go));
    true
}

/// Gives a hold back. Who had it for longer than the cooldown let the seats go as much as who let
/// them run out; who chose wrongly may choose again. Needs the reservation among the records.
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
    let was_long = now - reservation.created_at > policy.rehold_cooldown();
    let let_go = was_long.then_some(LetGo { by: user_id, at: now });
    let seats = reservation.ended_without_payment(ReservationState::Cancelled { ended_at: now });
    release(records, id, &seats, let_go);
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
