use super::*;

#[test]
fn a_seat_with_two_owners_is_found() {
    assert_breaks(&[1, 2, 3, 5], |books| {
        let mut second = books.reservations[0].clone();
        second.id = id(299);
        books.reservations.push(second);
        books.seats[0].version = 4;
        write_seats(books);
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
        books.seats[1].version = 3;
        write_seats(books);
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
        write_seats(books);
    });
    assert_breaks(&[5], |books| books.reservations[0].held_until = at(20));
}

#[test]
fn a_seat_that_is_held_until_another_time_than_its_reservation_is_found() {
    assert_breaks(&[3], |books| {
        books.seats[1].state = SeatState::Held { by: id(202), until: at(311) };
    });
}

#[test]
fn a_seat_that_is_marked_live_for_a_reservation_that_ended_and_the_other_way_round_is_found() {
    assert_breaks(&[3], |books| books.reservation_seats[0].live = false);
    assert_breaks(&[3], |books| {
        books.reservations[1].state = ReservationState::Cancelled { ended_at: at(30) };
        books.seats[1].state = SeatState::Available;
    });
}

#[test]
fn a_reservation_of_after_its_payment_is_found() {
    assert_breaks(&[5], |books| {
        books.reservations[0].created_at = at(21);
        books.reservations[0].held_until = at(321);
    });
}

#[test]
fn a_hold_is_as_long_as_promised_and_by_outages_longer() {
    let hold_until = |books: &mut Books, until| {
        books.reservations[1].held_until = at(until);
        books.seats[1].state = SeatState::Held { by: id(202), until: at(until) };
    };
    let outage = |second| Outage { began_at: at(second), ended_at: at(second + 30) };
    assert_breaks(&[5], |books| hold_until(books, 311));
    assert_breaks(&[5], |books| hold_until(books, 309));
    let with_outages = |books: &mut Books, until| {
        hold_until(books, until);
        books.outages = vec![outage(20), outage(60)];
    };
    assert_breaks(&[], |books| with_outages(books, 370));
    assert_breaks(&[5], |books| with_outages(books, 371));
    assert_breaks(&[5], |books| {
        hold_until(books, 340);
        books.outages = vec![Outage { began_at: START, ..outage(0) }];
        books.outages[0].ended_at = books.outages[0].began_at + TimeDelta::seconds(10);
    });
}

#[test]
fn only_an_old_reservation_may_be_without_how_long_it_was_to_be_held() {
    let without = |books: &mut Books, since| {
        books.reservations[0].hold_seconds = None;
        books.evidence_since = Some(at(since));
        books.entries.iter_mut().for_each(|entry| entry.created_at = at(20));
    };
    assert_breaks(&[], |books| without(books, 11));
    assert_breaks(&[5], |books| without(books, 10));
}

#[test]
fn a_total_that_is_not_what_the_seats_cost_is_found() {
    assert_breaks(&[5], |books| books.reservations[1].total_amount = amount(61));
    assert_breaks(&[5, 8], |books| books.reservations[0].total_amount = amount(61));
}

#[test]
fn a_reservation_of_another_show_concert_or_day_than_its_seats_is_found() {
    assert_breaks(&[20], |books| {
        let other = Show { id: id(3), seat_count: 0, ..books.shows[0].clone() };
        books.shows.push(other);
        books.reservations[1].show_id = id(3);
    });
    assert_breaks(&[20], |books| books.reservations[1].show_id = id(3));
    assert_breaks(&[20], |books| {
        books.concerts.push(concert(9));
        books.reservations[1].concert_id = id(9);
    });
    assert_breaks(&[20], |books| {
        books.reservations[1].date = books.reservations[1].date.succ_opt().unwrap();
    });
    assert_breaks(&[20], |books| {
        let date = books.shows[0].date.succ_opt().unwrap();
        books.shows[0].date = date;
        books.reservations.iter_mut().for_each(|r| r.date = date);
    });
}

#[test]
fn a_reservation_whose_seats_are_gone_or_not_counted_is_found() {
    assert_breaks(&[20], |books| books.reservation_seats[1].position = 1);
    assert_breaks(&[5, 20], |books| {
        books.reservations[1].seats.clear();
        books.reservations[1].state = ReservationState::Cancelled { ended_at: at(30) };
        books.seats[1].state = SeatState::Available;
        write_seats(books);
    });
    assert_breaks(&[20], |books| {
        let mut stray = books.reservation_seats[1];
        (stray.reservation_id, stray.live) = (id(299), false);
        books.reservation_seats.push(stray);
    });
    assert_breaks(&[20], |books| books.seats[1].place.price = amount(61));
}

#[test]
fn more_seats_of_a_concert_than_a_user_may_have_are_found() {
    assert_breaks(&[21], |books| books.concerts[0].details.max_seats_per_user = 1);
    // Given back before the next was held.
    assert_breaks(&[], |books| {
        books.concerts[0].details.max_seats_per_user = 1;
        books.reservations[0].created_at = at(11);
        books.reservations[0].held_until = at(311);
        books.reservations[1].state = ReservationState::Cancelled { ended_at: at(11) };
        books.seats[1].state = SeatState::Available;
        write_seats(books);
    });
}

#[test]
fn a_version_below_what_became_of_the_seat_is_found() {
    assert_breaks(&[22], |books| books.seats[0].version = 1);
    assert_breaks(&[22], |books| books.seats[1].version = 0);
    assert_breaks(&[], |books| books.seats[1].version = 1);
}
