//! What must hold of reservations.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::Books;
use super::seats::term;
use crate::Timestamp;
use crate::ids::{PaymentId, ReservationId};
use crate::payment::Payment;
use crate::reservation::{Reservation, ReservationSeat, ReservationState};
use crate::show::Show;
use crate::uptime::Outage;

pub(super) fn reservation_ways(books: &Books) -> Vec<String> {
    let paid: BTreeMap<_, _> = books.payments.iter().map(|p| (p.reservation_id, p)).collect();
    let mut breaches = Vec::new();
    for r in &books.reservations {
        if !went_a_way(r, paid.get(&r.id).copied(), books.now) {
            breaches.push(format!("reservation {} is {:?}", r.id, r.state));
        }
        if !was_held_as_long_as_promised(r, books) {
            let (from, until) = (r.created_at, r.held_until);
            breaches.push(format!("reservation {} was held from {from} until {until}", r.id));
        }
        let prices: i128 = r.seats.iter().map(|s| i128::from(s.place.price.minor_units())).sum();
        if prices != i128::from(r.total_amount.minor_units()) {
            let total = r.total_amount.minor_units();
            breaches.push(format!("reservation {}: {total}, its seats cost {prices}", r.id));
        }
    }
    breaches
}

fn went_a_way(r: &Reservation, payment: Option<&Payment>, now: Timestamp) -> bool {
    // Paid in time, if perhaps confirmed later: a provider may take its time over a pinned hold.
    let is_paid_by = |id: PaymentId, settled_at: Timestamp| {
        payment.is_some_and(|p| {
            let was_held = r.created_at <= p.paid_at && p.paid_at < r.held_until;
            let at_once = p.provider.is_some() || p.paid_at == settled_at;
            p.id == id && was_held && p.paid_at <= settled_at && at_once
        })
    };
    match r.state {
        ReservationState::Held => payment.is_none(),
        ReservationState::Paying { payment_id } => is_paid_by(payment_id, now),
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
}

/// Whether a hold's end is as far from its beginning as it was to be, and by nothing but outages
/// further.
fn was_held_as_long_as_promised(r: &Reservation, books: &Books) -> bool {
    let Some(seconds) = r.hold_seconds else {
        return books.is_before_evidence(r.created_at) && r.created_at <= r.held_until;
    };
    let longer = r.held_until - r.created_at - TimeDelta::seconds(i64::from(seconds));
    let since = books.outages.iter().filter(|o| r.created_at < o.ended_at);
    let put_off: TimeDelta = since.map(Outage::lasted).sum();
    (TimeDelta::zero()..=put_off).contains(&longer)
}

pub(super) fn of_one_show(books: &Books) -> Vec<String> {
    let shows: BTreeMap<_, _> = books.shows.iter().map(|show| (show.id, show)).collect();
    let seats: BTreeMap<_, _> = books.seats.iter().map(|seat| (seat.id, seat)).collect();
    let mut rows: BTreeMap<ReservationId, Vec<&ReservationSeat>> = BTreeMap::new();
    for row in &books.reservation_seats {
        rows.entry(row.reservation_id).or_default().push(row);
    }
    let mut breaches = odd_shows(books);
    for r in &books.reservations {
        let fits_show = shows
            .get(&r.show_id)
            .is_some_and(|show| (r.concert_id, r.date) == (show.concert_id, show.date));
        let mut theirs = rows.remove(&r.id).unwrap_or_default();
        theirs.sort_by_key(|row| row.position);
        let are_counted = !theirs.is_empty()
            && theirs.iter().map(|row| row.position).eq((0..).take(theirs.len()));
        let are_different =
            theirs.iter().map(|row| row.seat_id).collect::<BTreeSet<_>>().len() == theirs.len();
        let are_of_show = theirs.iter().all(|row| {
            let seat = seats.get(&row.seat_id);
            seat.is_some_and(|s| (s.show_id, s.place.price) == (r.show_id, row.price))
        });
        if !(fits_show && are_counted && are_different && are_of_show) {
            let show = r.show_id;
            breaches.push(format!("reservation {} of show {show} has other seats", r.id));
        }
    }
    let strays = rows.into_keys();
    breaches.extend(strays.map(|id| format!("seats of reservation {id}, which there is not")));
    breaches
}

/// Shows that are of no concert, or on another day than they begin on at its venue.
fn odd_shows(books: &Books) -> Vec<String> {
    let zones: BTreeMap<_, _> =
        books.concerts.iter().map(|concert| (concert.id, concert.details.time_zone)).collect();
    let is_odd = |show: &&Show| {
        let begins = zones.get(&show.concert_id).map(|zone| show.starts_at.with_timezone(zone));
        begins.is_none_or(|begins| begins.date_naive() != show.date)
    };
    let odd = books.shows.iter().filter(is_odd);
    odd.map(|show| format!("show {} is not on {}", show.id, show.date)).collect()
}

pub(super) fn limits(books: &Books) -> Vec<String> {
    let limits: BTreeMap<_, _> =
        books.concerts.iter().map(|c| (c.id, i64::from(c.details.max_seats_per_user))).collect();
    // What each user had more or less of from some moment on. Where somebody gives back and holds
    // anew at the same moment, the seats that are given back come first.
    let mut changes: BTreeMap<_, BTreeMap<Timestamp, i64>> = BTreeMap::new();
    for r in &books.reservations {
        let of_user = changes.entry((r.user_id, r.concert_id)).or_default();
        let count = i64::try_from(r.seats.len()).unwrap_or(i64::MAX);
        let (from, until) = term(r);
        *of_user.entry(from).or_insert(0) += count;
        if let Some(until) = until {
            *of_user.entry(until).or_insert(0) -= count;
        }
    }
    let mut breaches = Vec::new();
    for ((user, concert), changes) in changes {
        let Some(limit) = limits.get(&concert) else {
            breaches
                .push(format!("user {user} has seats of concert {concert}, which there is not"));
            continue;
        };
        let mut has = 0_i64;
        for (at, change) in changes {
            has += change;
            if has > *limit {
                breaches.push(format!("user {user} had {has} seats of {concert} at {at}"));
                break;
            }
        }
    }
    breaches
}
