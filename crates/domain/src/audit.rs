//! The audit: proves from a store's books alone, after the fact, what must always hold. It shares
//! no code with the rules that keep it so.

use std::collections::{BTreeMap, BTreeSet};

use crate::Timestamp;
use crate::cash::{CashAccount, CashEntry, EntryKind};
use crate::draw::draw_order;
use crate::ids::{PaymentId, ReservationId, RoomId, SeatId};
use crate::payment::{Payment, PaymentState};
use crate::reservation::{Reservation, ReservationState};
use crate::seat::{Seat, SeatState};
use crate::show::Show;
use crate::waiting_room::WaitingRoom;
use crate::waiting_token::{Admission, TokenState, WaitingToken};

/// Everything that a store knows, as of one moment.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each list is named for what is in it")]
pub struct Books {
    pub shows: Vec<Show>,
    pub seats: Vec<Seat>,
    pub reservations: Vec<Reservation>,
    pub payments: Vec<Payment>,
    pub accounts: Vec<CashAccount>,
    pub entries: Vec<CashEntry>,
    pub rooms: Vec<WaitingRoom>,
    pub tokens: Vec<WaitingToken>,
}

/// What must always hold, and what was found that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its number in `docs/invariants.md`.
    pub number: u8,
    /// What must hold.
    pub invariant: &'static str,
    /// Where it does not; empty when it holds.
    pub breaches: Vec<String>,
}

/// Looks through the books and says of each invariant whether it holds.
#[must_use]
pub fn audit(books: &Books) -> Vec<Finding> {
    let finding = |number, invariant, breaches| Finding { number, invariant, breaches };
    vec![
        finding(1, "a seat is sold to one reservation at most", sold_once(books)),
        finding(2, "the holds of one seat never overlap", holds_apart(books)),
        finding(3, "a seat and its reservation name each other", seats_name_holders(books)),
        finding(4, "available, held and sold seats are all seats of a show", all_seats(books)),
        finding(5, "reservations go only the ways there are", reservation_ways(books)),
        finding(7, "entries add up to the balance, never below zero", balances(books)),
        finding(8, "a payment has its debit, its reservation and its price", payments(books)),
        finding(
            12,
            "numbers in a room are 1, 2, 3 …; one live token a user and room",
            numbers(books),
        ),
        finding(13, "never more active tokens than the room's capacity", capacity(books)),
        finding(14, "nobody is let in past somebody who waits", order(books)),
        finding(19, "the draw of a lobby follows its seed", draws(books)),
    ]
}

/// From when to when a reservation had its seats; no end for one that has them.
fn term(reservation: &Reservation) -> (Timestamp, Option<Timestamp>) {
    let end = match reservation.state {
        ReservationState::Held | ReservationState::Expired { .. } => Some(reservation.held_until),
        ReservationState::Confirmed { .. } => None,
        ReservationState::Cancelled { ended_at } => Some(ended_at),
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

fn sold_once(books: &Books) -> Vec<String> {
    let owns = |r: &&&Reservation| matches!(r.state, ReservationState::Confirmed { .. });
    let owners =
        by_seat(books).into_iter().map(|(seat, rs)| (seat, rs.iter().filter(owns).count()));
    let breached = owners.filter(|(_, owners)| *owners > 1);
    breached.map(|(seat, owners)| format!("seat {seat} has {owners} owners")).collect()
}

fn holds_apart(books: &Books) -> Vec<String> {
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

fn seats_name_holders(books: &Books) -> Vec<String> {
    let reservations: BTreeMap<_, _> = books.reservations.iter().map(|r| (r.id, r)).collect();
    let mut breaches = Vec::new();
    for seat in &books.seats {
        let (named, wants_sold) = match seat.state {
            SeatState::Available => continue,
            SeatState::Held { by, .. } => (by, false),
            SeatState::Sold { to } => (to, true),
        };
        let fits = reservations.get(&named).is_some_and(|r| {
            let state_fits = match r.state {
                ReservationState::Confirmed { .. } => wants_sold,
                ReservationState::Held => !wants_sold,
                _ => false,
            };
            state_fits && r.seat_ids().any(|id| id == seat.id)
        });
        if !fits {
            breaches.push(format!("seat {} names reservation {named}", seat.id));
        }
    }
    let seats: BTreeMap<_, _> = books.seats.iter().map(|s| (s.id, s)).collect();
    for r in &books.reservations {
        if !matches!(r.state, ReservationState::Held | ReservationState::Confirmed { .. }) {
            continue;
        }
        let forgotten = r
            .seat_ids()
            .filter(|id| seats.get(id).is_none_or(|seat| seat.reservation_id() != Some(r.id)));
        breaches.extend(forgotten.map(|id| format!("reservation {} has lost seat {id}", r.id)));
    }
    breaches
}

fn all_seats(books: &Books) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for seat in &books.seats {
        *counts.entry(seat.show_id).or_insert(0_u32) += 1;
    }
    let count_of = |show: &Show| counts.get(&show.id).copied().unwrap_or(0);
    let off = books.shows.iter().filter(|show| count_of(show) != show.seat_count);
    off.map(|show| format!("show {} has {} of {}", show.id, count_of(show), show.seat_count))
        .collect()
}

fn reservation_ways(books: &Books) -> Vec<String> {
    let paid: BTreeMap<_, _> = books.payments.iter().map(|p| (p.reservation_id, p.id)).collect();
    let fits = |r: &&Reservation| {
        let payment = paid.get(&r.id).copied();
        match r.state {
            ReservationState::Held => payment.is_none(),
            ReservationState::Expired { ended_at } => payment.is_none() && ended_at >= r.held_until,
            ReservationState::Cancelled { ended_at } => {
                payment.is_none() && (r.created_at..=r.held_until).contains(&ended_at)
            }
            ReservationState::Confirmed { payment_id, confirmed_at } => {
                payment == Some(payment_id) && confirmed_at < r.held_until
            }
            ReservationState::Refunded { payment_id, confirmed_at, refunded_at } => {
                payment == Some(payment_id)
                    && confirmed_at < r.held_until
                    && confirmed_at <= refunded_at
            }
        }
    };
    let odd = books.reservations.iter().filter(|r| !fits(r));
    odd.map(|r| format!("reservation {} is {:?}", r.id, r.state)).collect()
}

fn balances(books: &Books) -> Vec<String> {
    let mut entries: BTreeMap<_, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        entries.entry(entry.user_id).or_default().push(entry);
    }
    let mut breaches = Vec::new();
    for account in &books.accounts {
        let mut of_account = entries.remove(&account.user_id).unwrap_or_default();
        of_account.sort_by_key(|entry| entry.number);
        let mut balance = 0_i64;
        for (number, entry) in (1..).zip(&of_account) {
            balance += entry.signed_amount();
            if entry.number != number || entry.balance_after.minor_units() != balance {
                breaches.push(format!("entry {} does not follow from those before", entry.id));
            }
        }
        let count = u64::try_from(of_account.len()).unwrap_or(u64::MAX);
        if account.balance.minor_units() != balance || account.entry_count != count {
            let told = account.balance.minor_units();
            let user = account.user_id;
            breaches.push(format!("account of {user}: {told}, its entries say {balance}"));
        }
    }
    breaches.extend(entries.into_keys().map(|user| format!("entries of {user} without account")));
    breaches
}

fn payments(books: &Books) -> Vec<String> {
    let reservations: BTreeMap<_, _> = books.reservations.iter().map(|r| (r.id, r)).collect();
    let mut debits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    let mut credits: BTreeMap<PaymentId, Vec<&CashEntry>> = BTreeMap::new();
    for entry in &books.entries {
        match entry.kind {
            EntryKind::Charge => {}
            EntryKind::Payment(id) => debits.entry(id).or_default().push(entry),
            EntryKind::Refund(id) => credits.entry(id).or_default().push(entry),
        }
    }
    let mut breaches = Vec::new();
    for payment in &books.payments {
        let debits = debits.remove(&payment.id).unwrap_or_default();
        let credits = credits.remove(&payment.id).unwrap_or_default();
        let is_its =
            |entry: &&CashEntry| (entry.user_id, entry.amount) == (payment.user_id, payment.amount);
        let credits_due = match payment.state {
            PaymentState::Succeeded => 0,
            PaymentState::Refunded { .. } => 1,
        };
        let booked = debits.len() == 1
            && debits.iter().all(is_its)
            && credits.len() == credits_due
            && credits.iter().all(is_its);
        let of_reservation =
            reservations.get(&payment.reservation_id).is_some_and(|r| {
                let named = match (r.state, payment.state) {
                    (ReservationState::Confirmed { payment_id, .. }, PaymentState::Succeeded)
                    | (
                        ReservationState::Refunded { payment_id, .. },
                        PaymentState::Refunded { .. },
                    ) => payment_id == payment.id,
                    _ => false,
                };
                let prices: i64 = r.seats.iter().map(|seat| seat.place.price.minor_units()).sum();
                named
                    && r.user_id == payment.user_id
                    && r.total_amount == payment.amount
                    && prices == payment.amount.minor_units()
            });
        if !booked || !of_reservation {
            breaches.push(format!("payment {}", payment.id));
        }
    }
    let strays = debits.into_keys().chain(credits.into_keys());
    breaches.extend(strays.map(|id| format!("entries of payment {id}, which there is not")));
    breaches
}

fn by_room(books: &Books) -> BTreeMap<RoomId, Vec<&WaitingToken>> {
    let mut rooms: BTreeMap<_, Vec<_>> = books.rooms.iter().map(|r| (r.id, Vec::new())).collect();
    for token in &books.tokens {
        rooms.entry(token.room_id).or_default().push(token);
    }
    for tokens in rooms.values_mut() {
        tokens.sort_by_key(|token| token.number);
    }
    rooms
}

fn numbers(books: &Books) -> Vec<String> {
    let rooms: BTreeMap<_, _> = books.rooms.iter().map(|room| (room.id, room)).collect();
    let mut breaches = Vec::new();
    for (id, tokens) in by_room(books) {
        let Some(room) = rooms.get(&id) else {
            breaches.push(format!("there are tokens of room {id}, which there is not"));
            continue;
        };
        let drawn = room.lobby.drawn_count;
        let undrawn = room.lobby.count.saturating_sub(drawn);
        let given = tokens.iter().filter_map(|token| token.number);
        let expected = (1..=drawn).chain(room.lobby.count + 1..=room.last_number);
        if !given.eq(expected) {
            breaches.push(format!("room {id} has a gap or a repeat in its numbers"));
        }
        let without = tokens.iter().filter(|token| token.number.is_none()).count();
        if u64::try_from(without) != Ok(undrawn) {
            breaches.push(format!("room {id}: {without} have no number instead of {undrawn}"));
        }
        let mut live = BTreeSet::new();
        for token in tokens {
            let is_live = matches!(token.state, TokenState::Waiting | TokenState::Active { .. });
            if is_live && !live.insert(token.user_id) {
                breaches.push(format!("user {} has two places in room {id}", token.user_id));
            }
        }
    }
    breaches
}

/// How a token was let in and when it was out again.
fn stay(token: &WaitingToken) -> Option<(Admission, Timestamp)> {
    match token.state {
        TokenState::Waiting | TokenState::Expired { admission: None, .. } => None,
        TokenState::Active { admission, expires_at } => Some((admission, expires_at)),
        TokenState::Done { admission, ended_at }
        | TokenState::Expired { admission: Some(admission), ended_at } => {
            Some((admission, ended_at))
        }
    }
}

fn capacity(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for (room, tokens) in by_room(books) {
        let mut stays: Vec<_> = tokens.iter().filter_map(|token| stay(token)).collect();
        stays.sort_by_key(|(admission, _)| admission.at);
        let mut ends = BTreeMap::new();
        let mut inside = 0_u32;
        let mut stays = stays.into_iter().peekable();
        while let Some((admission, end)) = stays.next() {
            let later = ends.split_off(&(admission.at + chrono::TimeDelta::microseconds(1)));
            inside -= ends.values().sum::<u32>();
            ends = later;
            *ends.entry(end.max(admission.at)).or_insert(0) += 1;
            inside += 1;
            let last_of_moment = stays.peek().is_none_or(|(next, _)| next.at > admission.at);
            if last_of_moment && inside > admission.capacity {
                let (at, most) = (admission.at, admission.capacity);
                breaches.push(format!("room {room} had {inside} of {most} inside at {at}"));
            }
        }
    }
    breaches
}

fn order(books: &Books) -> Vec<String> {
    let mut breaches = Vec::new();
    for (room, tokens) in by_room(books) {
        // Everybody with a lower number had been let in or was out by then; `None`: still waits.
        let mut line_passed_at = Some(Timestamp::MIN_UTC);
        for (number, token) in tokens.iter().filter_map(|token| Some((token.number?, token))) {
            let out_of_line_at = match token.state {
                TokenState::Waiting => None,
                TokenState::Expired { admission: None, ended_at } => Some(ended_at),
                TokenState::Active { admission, .. }
                | TokenState::Done { admission, .. }
                | TokenState::Expired { admission: Some(admission), .. } => {
                    if line_passed_at.is_none_or(|passed| passed > admission.at) {
                        breaches.push(format!("room {room}: number {number} passed others"));
                    }
                    Some(admission.at)
                }
            };
            line_passed_at = line_passed_at.zip(out_of_line_at).map(|(a, b)| a.max(b));
        }
    }
    breaches
}

fn draws(books: &Books) -> Vec<String> {
    let by_room = by_room(books);
    let drawn = books.rooms.iter().filter(|room| room.lobby.drawn_at.is_some());
    let off = drawn.filter(|room| {
        let is_of_lobby =
            |token: &&&WaitingToken| token.number.is_some_and(|number| number <= room.lobby.count);
        let tokens = by_room.get(&room.id).into_iter().flatten().filter(is_of_lobby);
        let ids: Vec<_> = tokens.map(|token| token.id).collect();
        draw_order(&room.lobby.seed, &ids) != ids
    });
    off.map(|room| format!("room {} was drawn in another order", room.id)).collect()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
