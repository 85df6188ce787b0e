//! The audit: proves from a store's books alone, after the fact, what must always hold. It shares
//! no code with the rules that keep it so.

mod line;
mod money;
mod seats;

use crate::Timestamp;
use crate::cash::{CashAccount, CashEntry};
use crate::payment::Payment;
use crate::reservation::Reservation;
use crate::seat::Seat;
use crate::show::Show;
use crate::waiting_room::WaitingRoom;
use crate::waiting_token::WaitingToken;
use line::{capacity, draws, numbers, order};
use money::{balances, payments, provider};
use seats::{all_seats, holds_apart, reservation_ways, seats_name_holders, sold_once};

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
    /// The store's time.
    pub now: Timestamp,
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
    ]
}

#[cfg(test)]
mod tests;
