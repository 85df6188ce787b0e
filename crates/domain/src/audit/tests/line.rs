use super::*;
use crate::draw::{DrawSeed, draw_order};
use crate::draw::{Lot, NO_ARRIVALS, hash_with_arrival};

#[test]
fn a_gap_in_the_numbers_and_a_second_place_are_found() {
    assert_breaks(&[12], |books| books.tokens[1].number = Some(3));
    assert_breaks(&[12], |books| books.rooms[0].last_number = 3);
    assert_breaks(&[12], |books| {
        let mut again = books.tokens[1].clone();
        (again.id, again.number) = (id(503), Some(3));
        books.rooms[0].last_number = 3;
        books.tokens.push(again);
    });
}

#[test]
fn what_is_forgotten_is_no_gap_and_nothing_else_may_be_gone() {
    let forgotten = |books: &mut Books, tokens: usize, to| {
        books.tokens.drain(..tokens);
        books.rooms[0].forgotten_to = to;
    };
    assert_breaks(&[], |books| forgotten(books, 1, 1));
    assert_breaks(&[], |books| forgotten(books, 2, 2));
    for (tokens, to) in [(1, 0), (0, 1), (1, 2), (2, 1), (2, 3)] {
        assert_breaks(&[12], |books| forgotten(books, tokens, to));
    }
}

#[test]
fn a_lobby_is_not_forgotten() {
    let with_latecomer = |books: &mut Books, to| {
        drawn(books);
        books.rooms[0].last_number = 3;
        books.rooms[0].forgotten_to = to;
    };
    assert_breaks(&[], |books| with_latecomer(books, 3));
    assert_breaks(&[12], |books| with_latecomer(books, 2));
    assert_breaks(&[12], |books| {
        with_latecomer(books, 3);
        books.tokens.remove(0);
    });
}

#[test]
fn a_room_over_its_capacity_is_found_and_a_place_that_was_left_can_be_taken() {
    let let_in_second = |books: &mut Books, when| {
        let admission = Admission { at: when, capacity: 1, leave_by: None };
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
    books.policies[0].policy = Some(room.policy.clone());
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

#[test]
fn a_place_of_the_lobby_that_was_taken_after_the_opening_is_found() {
    for waiting_since in [1, 2] {
        let is_late = waiting_since > 1;
        assert_breaks(if is_late { &[12] } else { &[] }, |books| {
            drawn(books);
            books.tokens[1].joined_at = at(waiting_since);
            books.tokens[1].heard_at = at(waiting_since);
        });
    }
    assert_breaks(&[12], |books| {
        undrawn(books);
        books.tokens[1].joined_at = at(2);
        books.tokens[1].heard_at = at(2);
    });
    assert_breaks(&[12], |books| {
        drawn(books);
        let latecomer = TokenState::Expired { admission: None, ended_at: at(5) };
        let late = WaitingToken { id: id(509), number: Some(3), ..books.tokens[0].clone() };
        books.tokens.push(WaitingToken { state: latecomer, user_id: id(9), ..late });
        books.rooms[0].last_number = 3;
    });
}

/// The sound books with a lobby of which nobody is drawn yet.
fn undrawn(books: &mut Books) {
    drawn(books);
    books.rooms[0].lobby.drawn_count = 0;
    books.rooms[0].lobby.drawn_at = None;
    books.tokens.iter_mut().for_each(|token| token.number = None);
}

#[test]
fn numbers_that_are_drawn_so_far_are_the_first_of_the_draw() {
    let draw_one = |books: &mut Books, place: usize| {
        undrawn(books);
        let ids: Vec<_> = books.tokens.iter().map(|token| token.id).collect();
        let drawn = draw_order(&books.rooms[0].lobby.seed, &ids)[place];
        let token = books.tokens.iter_mut().find(|token| token.id == drawn);
        token.unwrap().number = Some(1);
        books.rooms[0].lobby.drawn_count = 1;
    };
    assert_breaks(&[], undrawn);
    assert_breaks(&[], |books| draw_one(books, 0));
    assert_breaks(&[19], |books| draw_one(books, 1));
}

#[test]
fn a_draw_is_over_when_all_are_drawn_and_not_before_the_opening() {
    assert_breaks(&[19], |books| {
        drawn(books);
        books.rooms[0].lobby.drawn_at = None;
    });
    assert_breaks(&[19], |books| {
        undrawn(books);
        books.rooms[0].lobby.drawn_at = Some(at(1));
    });
    assert_breaks(&[19], |books| {
        drawn(books);
        books.rooms[0].lobby.drawn_at = Some(START);
    });
}

/// Writes down that the room opens at that second.
fn opens_at(books: &mut Books, second: i64) {
    books.rooms[0].policy.opens_at = Some(at(second));
    books.policies[0].policy = Some(books.rooms[0].policy.clone());
}

/// Writes down by whom and in what order the lobby was come to.
fn arrivals(books: &mut Books) {
    drawn(books);
    let lobby = &mut books.rooms[0].lobby;
    lobby.hash =
        Some(books.tokens.iter().map(|token| token.id).fold(NO_ARRIVALS, hash_with_arrival));
    for (arrival, token) in (1..).zip(&mut books.tokens) {
        token.lot = Some(Lot { arrival, returns: 0 });
    }
}

#[test]
fn a_lobby_that_is_not_the_one_whose_arrivals_were_published_is_found() {
    assert_breaks(&[], arrivals);
    assert_breaks(&[33], |books| {
        arrivals(books);
        books.rooms[0].lobby.hash = Some([7; 32]);
    });
    assert_breaks(&[33], |books| {
        arrivals(books);
        books.tokens[0].lot = Some(Lot { arrival: 2, returns: 0 });
    });
    assert_breaks(&[33], |books| {
        arrivals(books);
        books.tokens[1].lot = None;
    });
    assert_breaks(&[33], |books| {
        arrivals(books);
        books.tokens[1].user_id = books.tokens[0].user_id;
        books.tokens[1].state = TokenState::Expired { admission: None, ended_at: at(90) };
        write_counts(books);
    });
    assert_breaks(&[], |books| {
        arrivals(books);
        // Some came before arrivals were counted.
        books.rooms[0].lobby.hash = None;
        books.tokens[0].lot = None;
    });
}

/// Writes down that the room had these policies, from these moments on.
fn policies(books: &mut Books, history: &[(i64, u32)]) {
    let rows = (1..).zip(history).map(|(number, (since, capacity))| PolicyInForce {
        room_id: RoomId::SITE,
        number,
        since: at(*since),
        capacity: *capacity,
        policy: None,
    });
    books.policies = rows.collect();
    books.rooms[0].policy_count = u64::try_from(history.len()).unwrap();
    books.rooms[0].policy.capacity = history.last().unwrap().1;
}

/// The sound books with both let in at second 1, under that capacity.
fn both_inside(books: &mut Books, capacity: u32) {
    let admission = Admission { at: at(1), capacity, leave_by: None };
    books.tokens[0].state = TokenState::Done { admission, ended_at: at(20) };
    books.tokens[1].state = TokenState::Active { admission, expires_at: at(900) };
}

#[test]
fn a_stay_of_more_than_a_hold_past_its_own_end_is_found() {
    let inside_until = |books: &mut Books, second| {
        both_inside(books, 2);
        policies(books, &[(0, 2)]);
        let admission = Admission { at: at(1), capacity: 2, leave_by: Some(at(900)) };
        books.tokens[1].state = TokenState::Active { admission, expires_at: at(second) };
    };
    assert_breaks(&[], |books| inside_until(books, 900));
    assert_breaks(&[31], |books| inside_until(books, 901));
}

#[test]
fn an_admission_under_a_capacity_that_the_room_did_not_have_is_found() {
    assert_breaks(&[13], |books| both_inside(books, 99));
    for history in [&[(0, 1), (1, 2)][..], &[(0, 2), (1, 1)], &[(0, 2)], &[(0, 1), (1, 2), (1, 7)]]
    {
        assert_breaks(&[], |books| {
            both_inside(books, 2);
            policies(books, history);
        });
    }
    assert_breaks(&[13], |books| {
        both_inside(books, 2);
        policies(books, &[(0, 1), (2, 2)]);
    });
}

#[test]
fn a_history_of_capacities_without_its_beginning_its_end_or_its_middle_is_found() {
    assert_breaks(&[13], |books| books.policies.clear());
    assert_breaks(&[13], |books| books.rooms[0].policy.capacity = 2);
    assert_breaks(&[13], |books| books.rooms[0].policy.paused = true);
    assert_breaks(&[13], |books| books.policies[0].since = at(1));
    assert_breaks(&[13], |books| books.policies[0].room_id = id(9));
    assert_breaks(&[13], |books| {
        policies(books, &[(0, 1), (5, 2), (9, 3)]);
        books.policies.remove(1);
    });
    assert_breaks(&[13], |books| policies(books, &[(0, 1), (9, 2), (5, 3)]));
}

#[test]
fn a_room_that_is_older_than_histories_has_one_from_then_on() {
    let older = |books: &mut Books, let_in_at| {
        both_inside(books, 99);
        books.evidence_since = Some(at(40));
        policies(books, &[(40, 1)]);
        books.rooms[0].created_at = START;
        let admission = Admission { at: at(let_in_at), capacity: 99, leave_by: None };
        books.tokens[1].state = TokenState::Active { admission, expires_at: at(900) };
    };
    assert_breaks(&[], |books| older(books, 39));
    assert_breaks(&[13], |books| older(books, 41));
    assert_breaks(&[13], |books| {
        older(books, 39);
        books.rooms[0].created_at = at(2);
    });
}

#[test]
fn who_was_let_in_before_joining_or_the_opening_or_left_before_that_is_found() {
    let joined = |books: &mut Books, token: usize, second| {
        books.tokens[token].joined_at = at(second);
        books.tokens[token].heard_at = at(second);
    };
    assert_breaks(&[14], |books| joined(books, 0, 2));
    assert_breaks(&[14], |books| {
        let admission = Admission { at: at(1), capacity: 1, leave_by: None };
        books.tokens[0].state = TokenState::Expired { admission: Some(admission), ended_at: START };
    });
    assert_breaks(&[14], |books| {
        joined(books, 1, 6);
        books.tokens[1].state = TokenState::Expired { admission: None, ended_at: at(5) };
    });
    assert_breaks(&[14], |books| books.tokens[1].joined_at = at(1));
    assert_breaks(&[12, 14], |books| opens_at(books, 2));
}
