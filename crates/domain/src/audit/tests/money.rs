use super::*;
use crate::provider_charge::{ProviderCharge, ProviderChargeState, Question};
use crate::uptime::Outage;

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
    books.seats[0].version = 3;
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
        (books.now, books.cutoff) = (at(200), at(200));
    });
    assert_breaks(&[], |books| {
        pending(books);
        (books.now, books.cutoff) = (at(200), at(90));
    });
}

#[test]
fn a_refund_that_stays_due_too_long_is_found_whatever_went_before_it() {
    let owed = |until| {
        move |books: &mut Books| {
            through_provider(books, ProviderChargeState::ReturnDue(QUESTION));
            refunded(books);
            // A pinned seat's version is one further.
            books.seats[0].version += 1;
            books.outages = vec![Outage { began_at: at(21), ended_at: at(29) }];
            (books.now, books.cutoff) = (at(until), at(until));
        }
    };
    assert_breaks(&[], owed(199));
    assert_breaks(&[11], owed(200));
}

#[test]
fn a_pinned_seat_whose_payment_is_not_pending_is_found() {
    assert_breaks(&[3, 5, 8], |books| {
        pending(books);
        books.reservations[0].state = ReservationState::Held;
    });
}

#[test]
fn a_charge_that_was_changed_together_with_the_balance_is_found() {
    let more = |books: &mut Books| {
        books.entries[0].amount = amount(105);
        books.entries[0].balance_after = amount(105);
        books.entries[1].balance_after = amount(45);
        books.payments[0].balance_before = amount(105);
        books.payments[0].balance_after = amount(45);
        books.accounts[0].balance = amount(45);
    };
    assert_breaks(&[7], more);
    assert_breaks(&[], |books| {
        more(books);
        write_digests(books);
    });
    assert_breaks(&[7], |books| {
        more(books);
        write_digests(books);
        books.accounts[0].digest = Some([0; 32]);
    });
}

#[test]
fn only_old_entries_may_be_without_a_digest_and_none_after_one_that_has_it() {
    assert_breaks(&[7], |books| books.entries[1].digest = None);
    let without = |books: &mut Books, since| {
        books.entries.iter_mut().for_each(|entry| entry.digest = None);
        books.accounts[0].digest = None;
        books.evidence_since = Some(at(since));
    };
    assert_breaks(&[7], |books| without(books, 20));
    assert_breaks(&[], |books| without(books, 21));
    assert_breaks(&[], |books| {
        without(books, 20);
        let digest = Some(digest::digest_after(None, &books.entries[1]));
        (books.entries[1].digest, books.accounts[0].digest) = (digest, digest);
    });
}

#[test]
fn entries_whose_times_go_back_are_found() {
    assert_breaks(&[7], |books| books.entries[0].created_at = at(21));
}

#[test]
fn a_payment_whose_balances_or_times_are_not_its_entrys_is_found() {
    assert_breaks(&[8], |books| {
        books.payments[0].balance_before = amount(101);
        books.payments[0].balance_after = amount(41);
    });
    assert_breaks(&[8], |books| books.entries[1].created_at = at(3_620));
}

/// The sound books with the payment given back.
fn refunded(books: &mut Books) {
    let credit = CashEntry {
        id: id(403),
        number: 3,
        kind: EntryKind::Refund(id(301)),
        balance_after: amount(100),
        created_at: at(30),
        ..books.entries[1].clone()
    };
    books.entries.push(credit);
    books.accounts[0].balance = amount(100);
    books.accounts[0].entry_count = 3;
    books.payments[0].state = PaymentState::Refunded { refunded_at: at(30) };
    let (payment_id, confirmed_at) = (id(301), at(20));
    books.reservations[0].state =
        ReservationState::Refunded { payment_id, confirmed_at, refunded_at: at(30) };
    books.seats[0].state = SeatState::Available;
    books.seats[0].version = 3;
    write_seats(books);
    write_digests(books);
}

#[test]
fn a_refund_is_credited_at_the_time_at_which_the_payment_and_the_reservation_ended() {
    assert_breaks(&[], refunded);
    assert_breaks(&[8], |books| {
        refunded(books);
        books.entries[2].created_at = at(31);
    });
    assert_breaks(&[8], |books| {
        refunded(books);
        books.payments[0].state = PaymentState::Refunded { refunded_at: at(31) };
        books.entries[2].created_at = at(31);
    });
    assert_breaks(&[22], |books| {
        refunded(books);
        books.seats[0].version = 2;
    });
}
