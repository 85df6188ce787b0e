//! What must hold of seats and reservations.

use std::collections::BTreeMap;

use super::Books;
use crate::Timestamp;
use crate::ids::{PaymentId, ReservationId, SeatId};
use crate::reservation::{Reservation, ReservationState};
use crate::seat::SeatState;
use crate::show::Show;

/// From when to when a reservation had its seats; no end for one that has them.
fn term(reservation: &Reservation) -> (Timestamp, Option<Timestamp>) {
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
        let fits = reservations.get(&named).is_some_and(|r| {
            let state_fits = matches!(
                (seat.state, r.state),
                (SeatState::Held { .. }, ReservationState::Held)
                    | (SeatState::Pinned { .. }, ReservationState::Paying { .. })
                    | (SeatState::Sold { .. }, ReservationState::Confirmed { .. })
            );
            state_fits && r.seat_ids().any(|id| id == seat.id)
        });
        if !fits {
            breaches.push(format!("seat {} names reservation {named}", seat.id));
        }
    }
    let seats: BTreeMap<_, _> = books.seats.iter().map(|s| (s.id, s)).collect();
    for r in &books.reservations {
        if !r.state.has_its_seats() {
            continue;
        }
        let forgotten = r
            .seat_ids()
            .filter(|id| seats.get(id).is_none_or(|seat| seat.reservation_id() != Some(r.id)));
        breaches.extend(forgotten.map(|id| format!("reservation {} has lost seat {id}", r.id)));
    }
    breaches
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

pub(super) fn reservation_ways(books: &Books) -> Vec<String> {
    let paid: BTreeMap<_, _> = books.payments.iter().map(|p| (p.reservation_id, p)).collect();
    let fits = |r: &&Reservation| {
        let payment = paid.get(&r.id).copied();
        // Paid in time, if perhaps confirmed later: a provider may take its time over a pinned hold.
        let is_paid_by = |id: PaymentId, settled_at: Timestamp| {
            payment.is_some_and(|p| {
                let in_time = p.paid_at < r.held_until && p.paid_at <= settled_at;
                p.id == id && in_time && (p.provider.is_some() || p.paid_at == settled_at)
            })
        };
        match r.state {
            ReservationState::Held => payment.is_none(),
            ReservationState::Paying { payment_id } => is_paid_by(payment_id, books.now),
            ReservationState::Expired { ended_at } => payment.is_none() && ended_at >= r.held_until,
            ReservationState::Cancelled { ended_at } => {
                payment.is_none() && (r.created_at..=r.held_until).contains(&ended_at)
            }
            ReservationState::PaymentFailed { payment_id, ended_at } => {
                is_paid_by(payment_id, ended_at)
            }
            ReservationState::Confirmed { payment_id, confirmed_at } => {
                is_paid_by(payment_id, confirmed_at)
            }
            ReservationState::Refunded { payment_id, confirmed_at, refunded_at } => {
                is_paid_by(payment_id, confirmed_at) && confirmed_at <= refunded_at
            }
        }
    };
    let odd = books.reservations.iter().filter(|r| !fits(r));
    odd.map(|r| format!("reservation {} is {:?}", r.id, r.state)).collect()
}
