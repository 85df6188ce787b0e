use chrono::{NaiveDate, TimeDelta};
use domain::ports::{MockCatalogue, MockStore};
use domain::waiting_token::{TokenState, WaitingToken};

use super::*;
use crate::testing::*;

fn hold_seats(store: Arc<MockStore>, token: WaitingToken) -> HoldSeats {
    let gate = gate(lines(Some(token), 8));
    let seat_maps = Arc::new(SeatMaps::new(catalogue()));
    let programme = programme(catalogue());
    HoldSeats::new(store, ids(), programme, seat_maps, Arc::new(gate), clock(), BOOKING)
}

fn by_ids(ids: &[SeatId]) -> SeatChoice {
    SeatChoice::ByIds { show_id: show().id, seat_ids: ids.to_vec() }
}

fn by_numbers(date: NaiveDate, numbers: &[&str]) -> SeatChoice {
    SeatChoice::ByNumbers {
        show: ShowChoice::ByDate { concert_id: None, date },
        seat_numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
    }
}

async fn ask(records: Records, choice: SeatChoice) -> Result<Answered<Reservation>, UpdateError> {
    let token = records.tokens.get(&claims().token_id).cloned().unwrap_or_else(active_token);
    hold_seats(store_with(records), token).execute(&claims(), choice, None).await
}

fn with_token(token: WaitingToken) -> Records {
    let mut records = world();
    records.tokens = Default::default();
    records.tokens.load(token);
    records
}

#[tokio::test]
async fn free_seats_are_held_for_five_minutes_by_ids_or_by_numbers() {
    for choice in [by_ids(&[seat_id(1), seat_id(2)]), by_numbers(show().date, &["A-1-1", "A-1-2"])]
    {
        let held = ask(world(), choice).await.unwrap().value;
        assert_eq!(held.held_until, now() + seconds(300));
        assert_eq!(held.total_amount.minor_units(), 100_000);
    }
}

#[tokio::test]
async fn a_hold_keeps_its_token_alive() {
    let token = run_out_token();
    let nearly_out = WaitingToken {
        state: match token.state {
            domain::waiting_token::TokenState::Active { admission, .. } => {
                domain::waiting_token::TokenState::Active {
                    admission,
                    expires_at: now() + seconds(1),
                }
            }
            other => other,
        },
        ..token
    };
    let store = store_checked(with_token(nearly_out.clone()), |records| {
        let token = records.tokens.get(&claims().token_id).unwrap();
        assert!(token.is_live(now() + seconds(299)));
    });
    let hold = hold_seats(store, nearly_out);
    hold.execute(&claims(), by_ids(&[seat_id(1)]), None).await.unwrap();
}

#[tokio::test]
async fn a_taken_seat_is_refused_and_named_and_nothing_else_is_held() {
    let (records, _) = world_with_hold();
    let taken = ask(records, by_ids(&[seat_id(1), seat_id(2)])).await;
    assert_refused(taken, &Refusal::SeatAlreadyReserved { seat_numbers: vec!["A-1-1".into()] });
}

#[tokio::test]
async fn a_seat_whose_hold_is_over_is_held_by_the_next_and_the_old_hold_ends() {
    let (mut records, old) = world_with_hold();
    records.go_on_to(old.held_until + seconds(60));
    if let Some(token) = records.tokens.get_mut(&claims().token_id) {
        token.keep_until(old.held_until + seconds(600), seconds(3_600));
    }
    let store = store_checked(records, move |records| {
        let old = records.reservations.get(&old.id).unwrap();
        let expired = domain::reservation::ReservationState::Expired { ended_at: records.now };
        assert_eq!(old.state, expired);
    });
    let hold = hold_seats(store, active_token());
    assert!(hold.execute(&claims(), by_ids(&[seat_id(1)]), None).await.is_ok());
}

/// Seat 1 was held at the start; asks for it again, `later` seconds later.
async fn hold_again(
    later: i64,
    meanwhile: impl Fn(&mut Records),
) -> Result<Answered<Reservation>, UpdateError> {
    let (mut records, _) = world_with_hold();
    records.go_on_to(now() + seconds(later));
    meanwhile(&mut records);
    if let Some(token) = records.tokens.get_mut(&claims().token_id) {
        token.keep_until(now() + seconds(3_600), seconds(3_600));
    }
    ask(records, by_ids(&[seat_id(1)])).await
}

#[tokio::test]
async fn who_let_a_seat_run_out_leaves_it_to_others_for_a_while() {
    let let_go =
        |wait_seconds| Refusal::SeatLetGo { seat_numbers: vec!["A-1-1".into()], wait_seconds };
    let sweep = |records: &mut Records| {
        domain::reservation::expire(records, reservation_id());
    };
    assert_refused(hold_again(300, |_| ()).await, &let_go(60));
    assert_refused(hold_again(301, sweep).await, &let_go(59));
    assert!(hold_again(360, sweep).await.is_ok());
}

#[tokio::test]
async fn who_gives_a_seat_back_late_does_too_and_who_chose_wrongly_chooses_again() {
    let give_back = |records: &mut Records| {
        domain::reservation::cancel(records, reservation_id(), buyer_id(), BOOKING).unwrap();
    };
    let seat_numbers = vec!["A-1-1".into()];
    let let_go = Refusal::SeatLetGo { seat_numbers, wait_seconds: 60 };
    assert_refused(hold_again(299, give_back).await, &let_go);
    assert!(hold_again(60, give_back).await.is_ok());
}

/// Gives what was held back `seconds_later`, and holds a seat with another id of the reservation.
fn choose_again(
    records: &mut Records,
    (id, next): (ReservationId, u128),
    seconds_later: i64,
    seat: u128,
) -> Result<Reservation, Refusal> {
    records.go_on_to(records.now + seconds(seconds_later));
    domain::reservation::cancel(records, id, buyer_id(), BOOKING)?;
    let ask = HoldRequest {
        id: uuid::Uuid::from_u128(next).into(),
        user_id: buyer_id(),
        token_id: claims().token_id,
        show_id: show().id,
        seat_ids: vec![seat_id(seat)],
    };
    domain::reservation::hold(records, &ask, BOOKING)
}

#[test]
fn who_chooses_again_gets_no_more_time_than_the_first_hold_had() {
    let (mut records, first) = world_with_hold();
    let second = choose_again(&mut records, (first.id, 71), 50, 2).unwrap();
    assert_eq!((second.held_until, second.hold_seconds), (first.held_until, Some(250)));
    let third = choose_again(&mut records, (second.id, 72), 50, 1).unwrap();
    assert_eq!((third.held_until, third.hold_seconds), (first.held_until, Some(200)));
    // That seat had been given back once before.
    let again = choose_again(&mut records, (third.id, 73), 50, 1);
    let seat_numbers = vec!["A-1-1".into()];
    assert_eq!(again, Err(Refusal::SeatLetGo { seat_numbers, wait_seconds: 60 }));
}

#[test]
fn who_gives_back_one_seat_after_the_other_waits_for_the_end_of_the_first_hold() {
    let (mut records, first) = world_with_hold();
    (3..=6).for_each(|n| records.seats.load(seat(n)));
    let mut held = first.id;
    for (n, next) in (2..=5).zip(71..) {
        held = choose_again(&mut records, (held, next), 10, n).unwrap().id;
    }
    let too_often = Err(Refusal::ChosenTooOften { wait_seconds: 250 });
    assert_eq!(choose_again(&mut records, (held, 80), 10, 6), too_often);
    // What was given back may be held again, and after that time any seat.
    let ask = |id| HoldRequest {
        id: uuid::Uuid::from_u128(id).into(),
        user_id: buyer_id(),
        token_id: claims().token_id,
        show_id: show().id,
        seat_ids: vec![seat_id(if id == 81 { 5 } else { 6 })],
    };
    assert!(hold(&mut records.clone(), &ask(81), BOOKING).is_ok());
    records.go_on_to(first.held_until);
    assert!(hold(&mut records, &ask(82), BOOKING).is_ok());
}

#[test]
fn a_hold_ends_where_its_token_has_to_be_out() {
    let (mut records, _) = world_with_hold();
    let token_id = claims().token_id;
    let own_end = match records.tokens.get(&token_id).unwrap().state {
        TokenState::Active { expires_at, .. } => expires_at,
        other => panic!("{other:?}"),
    };
    let ask = HoldRequest {
        id: unknown(),
        user_id: buyer_id(),
        token_id,
        show_id: show().id,
        seat_ids: vec![seat_id(2)],
    };
    let at = |records: &Records, second: i64| {
        let mut records = records.clone();
        records.go_on_to(own_end + seconds(second));
        hold(&mut records, &ask, BOOKING).map(|held| (held.held_until - own_end).num_seconds())
    };
    assert_eq!(at(&records, -1), Ok(299));
    records.tokens.get_mut(&token_id).unwrap().keep_until(own_end + seconds(250), seconds(300));
    assert_eq!(at(&records, 200), Ok(300), "and not 500");
    records.tokens.get_mut(&token_id).unwrap().keep_until(own_end + seconds(300), seconds(300));
    assert_eq!(at(&records, 299), Ok(300));
    records.go_on_to(own_end + seconds(299) + TimeDelta::milliseconds(1));
    assert_eq!(hold(&mut records, &ask, BOOKING), Err(Refusal::TokenExpired));
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let unknown_show = SeatChoice::ByIds { show_id: unknown(), seat_ids: vec![seat_id(1)] };
    let concert_id = Some(unknown());
    let unknown_concert = SeatChoice::ByNumbers {
        show: ShowChoice::ByDate { concert_id, date: show().date },
        seat_numbers: vec!["A-1-1".into()],
    };
    let unknown_seat: SeatId = unknown();
    for (choice, refusal) in [
        (unknown_show, Refusal::InvalidShow),
        (unknown_concert, Refusal::InvalidConcert),
        (by_numbers(NaiveDate::MIN, &["A-1-1"]), Refusal::InvalidDate),
        (
            by_numbers(show().date, &["A-1-1", "Z-9"]),
            Refusal::InvalidSeat { seat_ids: vec![], seat_numbers: vec!["Z-9".into()] },
        ),
        (
            by_ids(&[seat_id(1), unknown_seat]),
            Refusal::InvalidSeat { seat_ids: vec![unknown_seat], seat_numbers: vec![] },
        ),
    ] {
        assert_refused(ask(world(), choice.clone()).await, &refusal);
        let waits = Refusal::NotAdmitted { position: Some(9) };
        assert_refused(ask(with_token(waiting_token()), choice).await, &waits);
    }
}

#[tokio::test]
async fn what_is_refused_in_any_case_is_refused_without_the_store_and_the_seat_map() {
    let five: Vec<_> = (1..=5).map(seat_id).collect();
    let numbers = ["A-1-1", "A-1-2", "A-1-3", "A-1-4", "A-1-5"];
    let twice = |field| Refusal::invalid(field, "names a seat twice");
    let none = |field| Refusal::invalid(field, "must name at least one seat");
    let too_many = Refusal::SeatLimitExceeded { limit: 4 };
    let date = show().date;
    for (choice, refusal) in [
        (by_ids(&five), too_many.clone()),
        (by_numbers(date, &numbers), too_many),
        (by_ids(&[seat_id(1), seat_id(1)]), twice("seat_ids")),
        (by_numbers(date, &["A-1-1", "A-1-1"]), twice("seat_numbers")),
        (by_ids(&[]), none("seat_ids")),
        (by_numbers(date, &[]), none("seat_numbers")),
    ] {
        for (token, refusal) in [
            (active_token(), refusal),
            (waiting_token(), Refusal::NotAdmitted { position: Some(9) }),
        ] {
            // Neither the store nor the seats expect to be asked for anything.
            let hold = HoldSeats {
                seat_maps: Arc::new(SeatMaps::new(Arc::new(MockCatalogue::new()))),
                ..hold_seats(Arc::new(MockStore::new()), token)
            };
            let refused = hold.execute(&claims(), choice.clone(), request(1)).await;
            assert_refused(refused, &refusal);
        }
    }
}

#[tokio::test]
async fn what_the_use_case_refuses_the_decision_refuses_too() {
    let too_many: Vec<_> = (1..=5).map(seat_id).collect();
    for seat_ids in [too_many, vec![], vec![seat_id(1), seat_id(1)]] {
        let ask = HoldRequest {
            id: unknown(),
            user_id: buyer_id(),
            token_id: claims().token_id,
            show_id: show().id,
            seat_ids,
        };
        assert!(hold(&mut world(), &ask, BOOKING).is_err(), "{ask:?}");
    }
}

#[tokio::test]
async fn too_many_seats_of_one_user_are_refused_with_the_limit_that_they_pass() {
    let limit = |limit| Refusal::SeatLimitExceeded { limit };
    let (mut records, _) = world_with_hold();
    records.concerts.get_mut(&concert().id).unwrap().details.max_seats_per_user = 1;
    assert_refused(ask(records, by_ids(&[seat_id(2)])).await, &limit(1));
}

#[tokio::test]
async fn nothing_is_sold_before_the_sale_opens() {
    let mut records = world();
    let concert = records.concerts.get_mut(&concert().id).unwrap();
    concert.details.sale_opens_at = Some(now() + seconds(1));
    assert_refused(ask(records, by_ids(&[seat_id(1)])).await, &Refusal::NotOnSale);
}

#[tokio::test]
async fn only_an_active_token_of_the_room_holds_anything() {
    let elsewhere = WaitingToken { room_id: other_room(), ..active_token() };
    for (token, refusal) in [
        (waiting_token(), Refusal::NotAdmitted { position: Some(9) }),
        (run_out_token(), Refusal::TokenExpired),
        (done_token(), Refusal::TokenExpired),
        (elsewhere, Refusal::WrongRoom),
    ] {
        assert_refused(ask(with_token(token), by_ids(&[seat_id(1)])).await, &refusal);
    }
    let mut gone = world();
    gone.tokens = Default::default();
    assert_refused(ask(gone, by_ids(&[seat_id(1)])).await, &Refusal::InvalidToken);
}

#[tokio::test]
async fn the_same_key_gets_the_same_reservation_though_the_token_is_done_since() {
    let records = std::sync::Mutex::new(world());
    let mut store = MockStore::new();
    store.expect_update().returning(move |_, decide| {
        let mut records = records.lock().unwrap();
        decide(&mut records)?;
        records.tokens = Default::default();
        records.tokens.load(done_token());
        Ok(records.clone())
    });
    let hold = hold_seats(Arc::new(store), active_token());
    let choice = || by_ids(&[seat_id(1)]);
    let first = hold.execute(&claims(), choice(), request(1)).await.unwrap();
    let again = hold.execute(&claims(), choice(), request(1)).await.unwrap();
    assert_eq!((first.value, first.replayed), (again.value, false));
    assert!(again.replayed);
    let other = hold.execute(&claims(), choice(), request(2)).await;
    assert_refused(other, &Refusal::IdempotencyKeyReused);
}
