//! What must hold of seats.

use std::collections::BTreeMap;

use super::Books;
use crate::Timestamp;
use crate::ids::{ReservationId, SeatId};
use crate::reservation::{Reservation, ReservationState};
use crate::seat::{Seat, SeatState};
use crate::show::Show;

/// From when to when a reservation had its seats; no end for one that has them.
pub(super) fn term(reservation: &Reservation) -> (Timestamp, Option<Timestamp>) {
    let end = match reservation.state {
        ReservationState::Held | ReservationState::Expired { .. } => Some(reservation.held_until),
        ReservationState::Paying { .. } | ReservationState::Confirmed { .. } => None,
        ReservationState::Cancelled { ended_at }
        | ReservationState::PaymentFailed { ended_at, .. } => Some(ended_at),
        ReservationState::Refunded { refunded_at, .. } => Some(refunded_at),
    };
    (reservation.created_at, end)
}

fn by_seat(books: &Books) -> BTreeMap<SeatId, Vec<&Reservation>> {
    let mut by_seat: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for reservation in &books.reservations {
        for seat_id in reservation.seat_ids() {
            by_seat.entry(seat_id).or_default().push(reservation);
        }
    }
    by_seat
}

pub(super) fn sold_once(books: &Books) -> Vec<String> {
    let owns = |r: &&&Reservation| matches!(r.state, ReservationState::Confirmed { .. });
    let owners =
        by_seat(books).into_iter().map(|(seat, rs)| (seat, rs.iter().filter(owns).count()));
    let breached = owners.filter(|(_, owners)| *owners > 1);
    breached.map(|(seat, owners)| format!("seat {seat} has {owners} owners")).collect()
}

pub(super) fn holds_apart(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for (seat, mut reservations) in by_seat(books) {
        reservations.sort_by_key(|r| r.created_at);
        let mut had_by: Option<(ReservationId, Option<Timestamp>)> = None;
        for reservation in reservations {
            let (from, until) = term(reservation);
            if let Some((before, end)) = had_by
                && end.is_none_or(|end| from < end)
            {
                breaches.push(format!("seat {seat}: {} began within {before}", reservation.id));
            }
            had_by = Some((reservation.id, until));
        }
    }
    breaches
}

pub(super) fn seats_name_holders(books: &Books) -> Vec<String> {
    let reservations: BTreeMap<_, _> = books.reservations.iter().map(|r| (r.id, r)).collect();
    let mut breaches = Vec::new();
    for seat in &books.seats {
        let Some(named) = seat.reservation_id() else { continue };
        if !reservations.get(&named).is_some_and(|r| is_held_as_written(seat, r)) {
            breaches.push(format!("seat {} names reservation {named}", seat.id));
        }
    }
    let seats: BTreeMap<_, _> = books.seats.iter().map(|s| (s.id, s)).collect();
    for row in &books.reservation_seats {
        let (id, seat_id) = (row.reservation_id, row.seat_id);
        let has_seats = reservations.get(&id).is_some_and(|r| r.state.has_its_seats());
        if row.live != has_seats {
            let live = if row.live { "live" } else { "not live" };
            breaches.push(format!("seat {seat_id} of reservation {id} is {live}"));
        }
        let names = seats.get(&seat_id).and_then(|seat| seat.reservation_id());
        if has_seats && names != Some(id) {
            breaches.push(format!("reservation {id} has lost seat {seat_id}"));
        }
    }
    breaches
}

/// Whether a reservation has the seat that names it, in the same state and until the same time.
fn is_held_as_written(seat: &Seat, reservation: &Reservation) -> bool {
    let state_fits = match (seat.state, reservation.state) {
        (SeatState::Held { until, .. }, ReservationState::Held) => until == reservation.held_until,
        (SeatState::Pinned { .. }, ReservationState::Paying { .. })
        | (SeatState::Sold { .. }, ReservationState::Confirmed { .. })
        | (
            SeatState::Returning { .. },
            ReservationState::Refunded { .. } | ReservationState::PaymentFailed { .. },
        ) => true,
        _ => false,
    };
    state_fits && reservation.seat_ids().any(|id| id == seat.id)
}

pub(super) fn all_seats(books: &Books) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for seat in &books.seats {
        *counts.entry(seat.show_id).or_insert(0_u32) += 1;
    }
    let count_of = |show: &Show| counts.get(&show.id).copied().unwrap_or(0);
    let off = books.shows.iter().filter(|show| count_of(show) != show.seat_count);
    off.map(|show| format!("show {} has {} of {}", show.id, count_of(show), show.seat_count))
        .collect()
}

/// A seat's version is never below the number of changes that its reservations made to it.
pub(super) fn versions(books: &Books) -> Vec<String> {
    let providers: BTreeMap<_, _> =
        books.payments.iter().map(|p| (p.reservation_id, p.provider.is_some())).collect();
    // Each was held; one to be paid through a provider was pinned; and then it was sold, or free
    // again, or both.
    let changes = |r: &Reservation| {
        let pinned = u64::from(providers.get(&r.id).is_some_and(|has_provider| *has_provider));
        match r.state {
            ReservationState::Held => 1,
            ReservationState::Paying { .. } => 1 + pinned,
            ReservationState::Expired { .. } | ReservationState::Cancelled { .. } => 2,
            ReservationState::Confirmed { .. } | ReservationState::PaymentFailed { .. } => {
                2 + pinned
            }
            ReservationState::Refunded { .. } => 3 + pinned,
        }
    };
    let mut least: BTreeMap<SeatId, u64> = BTreeMap::new();
    for (seat, reservations) in by_seat(books) {
        least.insert(seat, reservations.into_iter().map(changes).sum());
    }
    let below = books.seats.iter().filter_map(|seat| {
        let to_come = u64::from(matches!(seat.state, SeatState::Returning { .. }));
        let least = least.get(&seat.id).copied().unwrap_or(0).saturating_sub(to_come);
        (seat.version < least).then_some((seat, least))
    });
    below
        .map(|(seat, least)| format!("seat {} has version {} of {least}", seat.id, seat.version))
        .collect()
}
