use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::cash::EntryKind;
use crate::payment::PaymentState;
use crate::provider_charge::{ProviderCharge, ProviderChargeState, Question};
use crate::reservation::ReservationState;
use crate::seat::SeatState;
use crate::waiting_token::{Admission, TokenState};

use crate::concert::tests::concert;
use crate::draw::{DrawSeed, draw_order};
use crate::ids::{RoomId, TokenId, UserId};
use crate::money::Amount;
use crate::reservation::ReservedSeat;
use crate::seat::Place;
use crate::show::tests::show;
use crate::waiting_room::tests::room;

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
        held_until: at(310),
        state,
    };
    let confirmed = ReservationState::Confirmed { payment_id: id(301), confirmed_at: at(20) };
    let entry = |n: u64, kind, moved, after| CashEntry {
        id: id(400 + u128::from(n)),
        user_id: id(1),
        number: n,
        kind,
        amount: amount(moved),
        balance_after: amount(after),
        created_at: at(5),
    };
    let token = |n: u64, state| WaitingToken {
        id: TokenId::from(Uuid::from_u128(500 + u128::from(n))),
        user_id: UserId::from(Uuid::from_u128(n.into())),
        room_id: RoomId::SITE,
        concert_id: None,
        number: Some(n),
        joined_at: at(0),
        heard_at: at(0),
        state,
    };
    let admission = Admission { at: at(1), capacity: 1 };
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
    Books {
        now: at(100),
        seats: vec![
            seat(1, SeatState::Sold { to: id(201) }),
            seat(2, SeatState::Held { by: id(202), until: at(310) }),
        ],
        shows: vec![show.clone()],
        reservations: vec![reservation(1, confirmed), reservation(2, ReservationState::Held)],
        payments: vec![payment],
        accounts: vec![CashAccount { user_id: id(1), balance: amount(40), entry_count: 2 }],
        entries: vec![
            entry(1, EntryKind::Charge, 100, 100),
            entry(2, EntryKind::Payment(id(301)), 60, 40),
        ],
        rooms: vec![WaitingRoom { last_number: 2, ..room(1).0 }],
        tokens: vec![
            token(1, TokenState::Done { admission, ended_at: at(20) }),
            token(2, TokenState::Waiting),
        ],
    }
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
    assert_eq!(broken(&books), numbers);
}

#[test]
fn sound_books_have_no_breach() {
    assert!(broken(&sound()).is_empty());
}

#[test]
fn a_seat_with_two_owners_is_found() {
    assert_breaks(&[1, 2, 3, 5], |books| {
        let mut second = books.reservations[0].clone();
        second.id = id(299);
        books.reservations.push(second);
    });
}

#[test]
fn a_hold_within_another_is_found_and_one_right_after_it_is_sound() {
    let with_third = |books: &mut Books, created_at| {
        let mut third = books.reservations[1].clone();
        third.id = id(203);
        third.created_at = created_at;
        third.held_until = created_at + TimeDelta::seconds(300);
        books.reservations[1].state = ReservationState::Expired { ended_at: at(310) };
        books.seats[1].state = SeatState::Held { by: id(203), until: third.held_until };
        books.reservations.push(third);
    };
    assert_breaks(&[2], |books| with_third(books, at(309)));
    assert_breaks(&[], |books| with_third(books, at(310)));
}

#[test]
fn a_seat_that_names_a_stranger_and_a_reservation_that_lost_its_seat_are_found() {
    assert_breaks(&[3], |books| books.seats[1].state = SeatState::Sold { to: id(202) });
    assert_breaks(&[3], |books| books.seats[0].state = SeatState::Available);
    assert_breaks(&[3], |books| {
        books.seats[1].state = SeatState::Held { by: id(299), until: at(310) };
    });
}

#[test]
fn a_missing_seat_is_found() {
    assert_breaks(&[4], |books| books.shows[0].seat_count = 3);
}

#[test]
fn a_reservation_that_went_no_way_there_is_is_found() {
    let early = ReservationState::Expired { ended_at: at(309) };
    assert_breaks(&[5], |books| {
        books.reservations[1].state = early;
        books.seats[1].state = SeatState::Available;
    });
    assert_breaks(&[5], |books| books.reservations[0].held_until = at(20));
}

#[test]
fn won_that_were_made_or_lost_are_found() {
    assert_breaks(&[7], |books| books.accounts[0].balance = amount(41));
    assert_breaks(&[7], |books| books.entries[0].amount = amount(99));
    assert_breaks(&[7], |books| books.accounts[0].entry_count = 3);
    assert_breaks(&[7], |books| books.accounts.clear());
}

#[test]
fn a_payment_without_its_debit_or_with_another_price_is_found() {
    assert_breaks(&[7, 8], |books| books.entries.truncate(1));
    assert_breaks(&[8], |books| books.payments[0].amount = amount(59));
    assert_breaks(&[5, 8], |books| books.payments.clear());
    assert_breaks(&[8], |books| {
        books.payments[0].state = PaymentState::Refunded { refunded_at: at(30) };
    });
}

/// The sound books with the payment made through a provider.
fn through_provider(books: &mut Books, state: ProviderChargeState) {
    books.payments[0].provider = Some(ProviderCharge { token_id: id(501), state });
}

/// Still to be settled until second 200.
const QUESTION: Question = Question { asks: 1, ask_at: START, settle_by: at(200) };

/// The sound books with the payment waiting for the provider.
fn pending(books: &mut Books) {
    through_provider(books, ProviderChargeState::Asked(QUESTION));
    books.payments[0].state = PaymentState::Pending;
    books.reservations[0].state = ReservationState::Paying { payment_id: id(301) };
    books.seats[0].state = SeatState::Pinned { by: id(201) };
}

#[test]
fn a_payment_may_be_pending_and_confirmed_after_the_hold_would_have_ended() {
    assert_breaks(&[], pending);
    assert_breaks(&[], |books| {
        through_provider(books, ProviderChargeState::Charged);
        let state = ReservationState::Confirmed { payment_id: id(301), confirmed_at: at(400) };
        books.reservations[0].state = state;
    });
}

#[test]
fn a_charge_that_does_not_fit_its_payment_is_found() {
    assert_breaks(&[11], |books| {
        through_provider(books, ProviderChargeState::Asked(QUESTION));
    });
    assert_breaks(&[11], |books| through_provider(books, ProviderChargeState::Returned));
    assert_breaks(&[11], |books| {
        pending(books);
        through_provider(books, ProviderChargeState::Charged);
    });
}

#[test]
fn a_payment_that_stays_pending_too_long_is_found() {
    assert_breaks(&[11], |books| {
        pending(books);
        books.now = at(200);
    });
}

#[test]
fn a_pinned_seat_whose_payment_is_not_pending_is_found() {
    assert_breaks(&[3, 5, 8], |books| {
        pending(books);
        books.reservations[0].state = ReservationState::Held;
    });
}

#[test]
fn a_gap_in_the_numbers_and_a_second_place_are_found() {
    assert_breaks(&[12], |books| books.tokens[1].number = Some(3));
    assert_breaks(&[12], |books| books.rooms[0].last_number = 3);
    assert_breaks(&[12], |books| {
        let mut again = books.tokens[1].clone();
        again.number = Some(3);
        books.rooms[0].last_number = 3;
        books.tokens.push(again);
    });
}

#[test]
fn a_room_over_its_capacity_is_found_and_a_place_that_was_left_can_be_taken() {
    let let_in_second = |books: &mut Books, when| {
        let admission = Admission { at: when, capacity: 1 };
        books.tokens[1].state = TokenState::Active { admission, expires_at: at(900) };
    };
    assert_breaks(&[13], |books| let_in_second(books, at(19)));
    assert_breaks(&[], |books| let_in_second(books, at(20)));
}

#[test]
fn who_was_let_in_past_somebody_who_waits_is_found() {
    assert_breaks(&[14], |books| {
        let done = books.tokens[0].state;
        books.tokens[0].state = TokenState::Waiting;
        books.tokens[1].state = done;
    });
    assert_breaks(&[14], |books| {
        let done = books.tokens[0].state;
        books.tokens[0].state = TokenState::Expired { admission: None, ended_at: at(2) };
        books.tokens[1].state = done;
    });
}

/// The sound books with the waiting token drawn as the first of a lobby of two.
fn drawn(books: &mut Books) {
    let room = &mut books.rooms[0];
    room.policy.opens_at = Some(at(1));
    room.lobby.count = 2;
    room.lobby.drawn_count = 2;
    room.lobby.drawn_at = Some(at(1));
    let seed = room.lobby.seed;
    let ids: Vec<_> = books.tokens.iter().map(|token| token.id).collect();
    for (number, id) in (1..).zip(draw_order(&seed, &ids)) {
        let token = books.tokens.iter_mut().find(|token| token.id == id).unwrap();
        token.number = Some(number);
        token.state = TokenState::Waiting;
    }
}

#[test]
fn a_draw_that_does_not_follow_its_seed_is_found() {
    assert_breaks(&[], drawn);
    assert_breaks(&[19], |books| {
        drawn(books);
        let (first, second) = (books.tokens[0].number, books.tokens[1].number);
        (books.tokens[0].number, books.tokens[1].number) = (second, first);
    });
    assert_breaks(&[19], |books| {
        drawn(books);
        let numbers: Vec<_> = books.tokens.iter().map(|token| token.number).collect();
        // Another seed that orders these two the other way.
        let room = &mut books.rooms[0];
        let ids: Vec<_> = books.tokens.iter().map(|token| token.id).collect();
        let other = (2..).map(|n| DrawSeed::new([n; 32])).find(|seed| {
            let place = |id| draw_order(seed, &ids).iter().position(|other| *other == id);
            place(ids[0]) > place(ids[1]) && numbers[0] < numbers[1]
                || place(ids[0]) < place(ids[1]) && numbers[0] > numbers[1]
        });
        room.lobby.seed = other.unwrap();
    });
}

#[test]
fn somebody_without_a_number_after_the_draw_is_found() {
    assert_breaks(&[12], |books| books.tokens[1].number = None);
}
