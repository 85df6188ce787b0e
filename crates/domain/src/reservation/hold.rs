//! Holding seats.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::policy::{BookingPolicy, ensure_within};
use super::{Reservation, ReservationState, ReservationStatus, ReservedSeat, expire};
use crate::concert::Concert;
use crate::ids::{ReservationId, SeatId, ShowId, TokenId, UserId};
use crate::money::Amount;
use crate::records::Records;
use crate::refusal::Refusal;
use crate::seat::{Seat, SeatStatus};

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
/// Whoever gives seats back and holds again gets no more time than the first hold had, be it for other
/// seats of the show; and no hold goes on past the moment by which its token has to be out.
///
/// # Errors
/// What the token refuses, then [`Refusal::InvalidShow`], [`Refusal::NotOnSale`], what
/// [`BookingPolicy::ensure_can_be_asked_for`] refuses, [`Refusal::InvalidSeat`],
/// [`Refusal::SeatLimitExceeded`], [`Refusal::ChosenTooOften`], [`Refusal::SeatAlreadyReserved`],
/// [`Refusal::SeatLetGo`], and [`Refusal::TokenExpired`] where it has to be out within a second.
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
    ensure_not_chosen_too_often(
        records,
        ask,
        policy.given_back_max(concert.details.max_seats_per_user),
    )?;
    ensure_available(records, ask)?;

    end_lapsed_holds(records, &ask.seat_ids);
    ensure_not_just_let_go(records, ask, policy.rehold_cooldown())?;
    let hold_seconds = seconds_to_hold(records, ask, policy)?;
    let held_until = now + TimeDelta::seconds(i64::from(hold_seconds));
    let seats: Vec<_> = ask
        .seat_ids
        .iter()
        .filter_map(|id| {
            let seat = records.seats.get_mut(id)?;
            seat.hold(ask.id, held_until, now, policy.rehold_cooldown());
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
        hold_seconds: Some(hold_seconds),
        held_until,
        state: ReservationState::Held,
    };
    if let Some(mut token) = records.tokens.get(&ask.token_id).cloned()
        && token.keep_until(held_until, policy.hold())
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

/// What the user gave back of the show within the time that it was to be held.
fn given_back<'a>(
    records: &'a Records,
    ask: &HoldRequest,
) -> impl Iterator<Item = &'a Reservation> + use<'a> {
    let (now, whose) = (records.now, (ask.user_id, ask.show_id));
    records.reservations.iter().filter(move |r| {
        let is_given_back = matches!(r.state, ReservationState::Cancelled { .. });
        (r.user_id, r.show_id) == whose && is_given_back && now < r.held_until
    })
}

fn ensure_not_chosen_too_often(
    records: &Records,
    ask: &HoldRequest,
    max: usize,
) -> Result<(), Refusal> {
    let has = |seat_id: &SeatId| {
        let mut theirs = records.reservations.iter().filter(|r| r.user_id == ask.user_id);
        theirs.any(|r| r.state.has_its_seats() && r.seat_ids().any(|id| id == *seat_id))
    };
    let given_back: BTreeSet<_> =
        given_back(records, ask).flat_map(Reservation::seat_ids).collect();
    let others = given_back.iter().filter(|id| !ask.seat_ids.contains(id) && !has(id));
    if others.count() <= max {
        return Ok(());
    }
    let first = self::given_back(records, ask).map(|r| r.held_until).min();
    let wait = first.map_or(1, |first| whole_seconds_up(first - records.now));
    Err(Refusal::ChosenTooOften { wait_seconds: wait.into() })
}

/// For how long the seats are to be held.
fn seconds_to_hold(
    records: &Records,
    ask: &HoldRequest,
    policy: BookingPolicy,
) -> Result<u32, Refusal> {
    let now = records.now;
    let token = records.token(ask.token_id, ask.user_id)?;
    let leave_by = token.leave_by(policy.hold()).ok_or(Refusal::TokenExpired)?;
    let inside = (leave_by - now).min(policy.hold()).num_seconds();
    let inside = u32::try_from(inside).ok().filter(|seconds| *seconds > 0);
    let inside = inside.ok_or(Refusal::TokenExpired)?;
    let before = given_back(records, ask).map(|r| whole_seconds_up(r.held_until - now)).min();
    Ok(before.map_or(inside, |before| before.min(inside)))
}

fn whole_seconds_up(time: TimeDelta) -> u32 {
    let millis = u64::try_from(time.num_milliseconds()).unwrap_or(0);
    u32::try_from(millis.div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
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
    let turn = |seat: &Seat| seat.is_left_to_others_by(ask.user_id, cooldown, now);
    let let_go: Vec<_> = seats.filter_map(|seat| Some((seat, turn(seat)?))).collect();
    let Some(last) = let_go.iter().map(|(_, at)| *at).max() else { return Ok(()) };
    Err(Refusal::SeatLetGo {
        seat_numbers: let_go.iter().map(|(seat, _)| seat.place.number.clone()).collect(),
        wait_seconds: whole_seconds_up(last - now).into(),
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
