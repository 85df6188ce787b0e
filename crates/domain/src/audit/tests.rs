mod deeds;
mod line;
mod money;
mod selling;
mod top_ups;

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::cash::EntryKind;
use crate::concert::tests::concert;
use crate::ids::{RoomId, TokenId, UserId};
use crate::money::Amount;
use crate::payment::PaymentState;
use crate::records::Records;
use crate::reservation::ReservationState;
use crate::seat::SeatState;
use crate::show::tests::show;
use crate::waiting_room::tests::room;
use crate::waiting_token::{Admission, TokenState};

const START: Timestamp = Timestamp::UNIX_EPOCH;

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(seconds, 0).unwrap()
}

fn id<Id: From<Uuid>>(n: u128) -> Id {
    Uuid::from_u128(n).into()
}

fn amount(n: i64) -> Amount {
    Amount::new(n).unwrap()
}

/// Two seats; the first sold to reservation 1 by payment 1, paid with a charge of 100; the second
/// held by reservation 2. Two tokens: number 1 was let in and is done, number 2 waits.
fn sound() -> Books {
    let concert = concert(1);
    let show = Show { seat_count: 2, ..show(2, &concert) };
    let place = |n: u32| Place {
        number: format!("A-1-{n}"),
        section: "A".into(),
        row: "1".into(),
        grade: "R".into(),
        price: amount(60),
    };
    let seat = |n: u32, state| Seat {
        state,
        version: 2,
        ..Seat::new(id(100 + u128::from(n)), show.id, place(n))
    };
    let reservation = |n: u32, state| Reservation {
        id: id(200 + u128::from(n)),
        user_id: id(1),
        concert_id: concert.id,
        show_id: show.id,
        date: show.date,
        seats: vec![ReservedSeat { id: id(100 + u128::from(n)), place: place(n) }],
        total_amount: amount(60),
        created_at: at(10),
        hold_seconds: Some(300),
        held_until: at(310),
        state,
    };
    let confirmed = ReservationState::Confirmed { payment_id: id(301), confirmed_at: at(20) };
    let entry = |n: u64, kind, moved, after, second| CashEntry {
        id: id(400 + u128::from(n)),
        user_id: id(1),
        number: n,
        kind,
        amount: amount(moved),
        balance_after: amount(after),
        created_at: at(second),
        digest: None,
    };
    let token = |n: u64, state| WaitingToken {
        id: TokenId::from(Uuid::from_u128(500 + u128::from(n))),
        user_id: UserId::from(Uuid::from_u128(n.into())),
        room_id: RoomId::SITE,
        concert_id: None,
        number: Some(n),
        lot: None,
        joined_at: at(0),
        heard_at: at(0),
        state,
    };
    let admission = Admission { at: at(1), capacity: 1, leave_by: None };
    let payment = Payment {
        id: id(301),
        reservation_id: id(201),
        user_id: id(1),
        amount: amount(60),
        balance_before: amount(100),
        balance_after: amount(40),
        paid_at: at(20),
        state: PaymentState::Succeeded,
        provider: None,
    };
    let room = WaitingRoom { last_number: 2, policy_count: 1, ..room(1).0 };
    let policy = PolicyInForce {
        room_id: RoomId::SITE,
        number: 1,
        since: START,
        capacity: 1,
        policy: Some(room.policy.clone()),
    };
    let mut books = Books {
        concerts: vec![concert.clone()],
        reservation_seats: Vec::new(),
        policies: vec![policy],
        room_counts: Vec::new(),
        show_counts: Vec::new(),
        disabled_users: Vec::new(),
        password_resets: Vec::new(),
        audit_entries: Vec::new(),
        audit_log_since: None,
        unreadable: Vec::new(),
        outages: Vec::new(),
        evidence_since: Some(START),
        now: at(100),
        cutoff: at(100),
        seats: vec![
            seat(1, SeatState::Sold { to: id(201) }),
            seat(2, SeatState::Held { by: id(202), until: at(310) }),
        ],
        shows: vec![show.clone()],
        reservations: vec![reservation(1, confirmed), reservation(2, ReservationState::Held)],
        payments: vec![payment],
        top_ups: Vec::new(),
        accounts: vec![CashAccount {
            balance: amount(40),
            entry_count: 2,
            ..CashAccount::empty(id(1))
        }],
        entries: vec![
            entry(1, EntryKind::Charge, 100, 100, 5),
            entry(2, EntryKind::Payment(id(301)), 60, 40, 20),
        ],
        rooms: vec![room],
        tokens: vec![
            token(1, TokenState::Done { admission, ended_at: at(20) }),
            token(2, TokenState::Waiting),
        ],
    };
    write_seats(&mut books);
    write_digests(&mut books);
    write_counts(&mut books);
    books
}

/// Writes down the seats of the reservations as a store does.
fn write_seats(books: &mut Books) {
    let rows = books.reservations.iter().flat_map(Reservation::seat_rows);
    books.reservation_seats = rows.collect();
}

/// Binds the entries, all of one account, to each other.
fn write_digests(books: &mut Books) {
    let mut digest = None;
    for entry in &mut books.entries {
        digest = Some(digest::digest_after(digest, entry));
        entry.digest = digest;
    }
    books.accounts[0].digest = digest;
}

/// Counts what there is.
fn write_counts(books: &mut Books) {
    let mut kept = Records::at(books.now);
    books.seats.iter().cloned().for_each(|seat| kept.seats.insert(seat));
    books.tokens.iter().cloned().for_each(|token| kept.tokens.insert(token));
    (books.show_counts, books.room_counts) = (kept.show_counts(), kept.room_counts());
}

/// The numbers of the invariants that are found broken.
fn broken(books: &Books) -> Vec<u8> {
    let findings = audit(books).into_iter();
    findings.filter(|finding| !finding.breaches.is_empty()).map(|finding| finding.number).collect()
}

#[track_caller]
fn assert_breaks(numbers: &[u8], damage: impl Fn(&mut Books)) {
    let mut books = sound();
    damage(&mut books);
    write_counts(&mut books);
    assert_eq!(broken(&books), numbers);
}

#[test]
fn a_count_that_is_not_of_what_there_is_is_found() {
    let broken_by = |damage: fn(&mut Books)| {
        let mut books = sound();
        damage(&mut books);
        broken(&books)
    };
    assert_eq!(broken_by(|books| books.show_counts[0].1.available += 1), [27]);
    assert_eq!(broken_by(|books| books.show_counts[0].1.income -= 1), [27]);
    assert_eq!(broken_by(|books| books.show_counts.clear()), [27]);
    assert_eq!(broken_by(|books| books.room_counts[0].1.inside += 1), [28]);
    let of_nobody = broken_by(|books| books.room_counts.push((id(9), RoomCount::default())));
    assert!(of_nobody.is_empty());
}

#[test]
fn a_row_that_cannot_be_read_is_found() {
    assert_breaks(&[23], |books| books.unreadable.push("seats 1: unreadable hold".into()));
}

#[test]
fn sound_books_have_no_breach() {
    assert!(broken(&sound()).is_empty());
}
