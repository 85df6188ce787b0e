//! The audit: proves from a store's books alone, after the fact, what must always hold. It shares
//! no code with the rules that keep it so.

mod capacity;
mod counts;
mod deeds;
mod digest;
mod line;
mod money;
mod reservations;
mod seats;
mod top_ups;

use std::collections::HashMap;
use std::fmt::Display;

use crate::Timestamp;
use crate::audit_log::AuditEntry;
use crate::cash::{CashAccount, CashEntry};
use crate::concert::Concert;
use crate::counts::{RoomCount, ShowCount};
use crate::ids::{ReservationId, RoomId, SeatId, ShowId, UserId};
use crate::payment::Payment;
use crate::reservation::{Reservation, ReservationSeat, ReservedSeat};
use crate::seat::{Place, Seat};
use crate::session::PasswordReset;
use crate::show::Show;
use crate::top_up::TopUp;
use crate::uptime::Outage;
use crate::waiting_room::{PolicyInForce, WaitingRoom};
use crate::waiting_token::WaitingToken;
use capacity::capacity;
use counts::{room_counts, show_counts};
use deeds::deeds;
use line::{draws, lots, numbers, order, stays};
use money::{balances, payments, provider};
use reservations::{limits, of_one_show, reservation_ways};
use seats::{all_seats, holds_apart, seats_name_holders, sold_once, versions};
use top_ups::top_ups;
use uuid::Uuid;

/// Everything that a store knows, as of one moment.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each list is named for what is in it")]
pub struct Books {
    pub concerts: Vec<Concert>,
    pub shows: Vec<Show>,
    pub seats: Vec<Seat>,
    /// With those of their seats that there are.
    pub reservations: Vec<Reservation>,
    pub reservation_seats: Vec<ReservationSeat>,
    pub payments: Vec<Payment>,
    pub top_ups: Vec<TopUp>,
    pub accounts: Vec<CashAccount>,
    pub entries: Vec<CashEntry>,
    pub rooms: Vec<WaitingRoom>,
    pub policies: Vec<PolicyInForce>,
    pub tokens: Vec<WaitingToken>,
    /// The counts that are kept of rooms that ever had anyone, and of shows.
    pub room_counts: Vec<(RoomId, RoomCount)>,
    pub show_counts: Vec<(ShowId, ShowCount)>,
    /// Users whom an operator shuts out, and since when.
    pub disabled_users: Vec<(UserId, Timestamp)>,
    pub password_resets: Vec<PasswordReset>,
    /// The audit log but for refused sign-ins.
    pub audit_entries: Vec<AuditEntry>,
    /// Since when each change that has to be in the audit log is.
    pub audit_log_since: Option<Timestamp>,
    /// What cannot be read: in which row of which table, and why.
    pub unreadable: Vec<String>,
    /// Those that have put off the ends of holds.
    pub outages: Vec<Outage>,
    /// Since when everything is written with its evidence: an entry with its digest, a room with its
    /// capacity's history, a reservation with how long it was to be held.
    pub evidence_since: Option<Timestamp>,
    /// The store's time.
    pub now: Timestamp,
    /// Up to when the service was up, as far as is known.
    pub cutoff: Timestamp,
}

impl Books {
    /// Whether what was written at that moment may be without its evidence.
    fn is_before_evidence(&self, at: Timestamp) -> bool {
        self.evidence_since.is_none_or(|since| at < since)
    }
}

/// The seats of each reservation, in the order of their rows, at the prices they had. One that is not there is left out: an
/// audit finds that by its row.
#[must_use]
pub fn seats_of_reservations(
    seats: &[Seat],
    rows: &[ReservationSeat],
) -> HashMap<ReservationId, Vec<ReservedSeat>> {
    let seats: HashMap<SeatId, &Seat> = seats.iter().map(|seat| (seat.id, seat)).collect();
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| row.position);
    let mut theirs: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let Some(seat) = seats.get(&row.seat_id) else { continue };
        let place = Place { price: row.price, ..seat.place.clone() };
        theirs.entry(row.reservation_id).or_default().push(ReservedSeat { id: seat.id, place });
    }
    theirs
}

/// What rows of a table stand for, each with the id that names it. Of those that stand for nothing it is
/// noted in `unreadable` which they are and what is wrong.
pub fn readable<R, T, E: Display>(
    table: &str,
    rows: impl IntoIterator<Item = (Uuid, R)>,
    unreadable: &mut Vec<String>,
    mut read: impl FnMut(R) -> Result<T, E>,
) -> Vec<T> {
    let read_or_noted = |(id, row)| match read(row) {
        Ok(found) => Some(found),
        Err(error) => {
            unreadable.push(format!("{table} {id}: {error}"));
            None
        }
    };
    rows.into_iter().filter_map(read_or_noted).collect()
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
        finding(11, "the provider's charges fit their payments; none is overdue", provider(books)),
        finding(
            12,
            "numbers in a room are 1, 2, 3 …; one live token a user and room",
            numbers(books),
        ),
        finding(13, "never more active tokens than the room's capacity", capacity(books)),
        finding(14, "nobody is let in past somebody who waits", order(books)),
        finding(19, "the draw of a lobby follows its seed", draws(books)),
        finding(20, "a reservation is of the show that its seats are at", of_one_show(books)),
        finding(21, "no user ever has more seats of a concert than it allows", limits(books)),
        finding(22, "a seat's version counts what became of it", versions(books)),
        finding(23, "every row is one that can be read", books.unreadable.clone()),
        finding(27, "the counts of a show are those of its seats", show_counts(books)),
        finding(28, "the counts of a room are those of its tokens", room_counts(books)),
        finding(30, "what operators did and money given back is in the audit log", deeds(books)),
        finding(31, "no stay goes on for more than a hold past its own end", stays(books)),
        finding(
            29,
            "a top-up is in its account once it was charged, and only then",
            top_ups(books),
        ),
        finding(
            33,
            "who came to a lobby has one lot, and those who came were published",
            lots(books),
        ),
    ]
}

#[cfg(test)]
mod tests;
