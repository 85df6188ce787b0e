//! Promises about lines.

use chrono::TimeDelta;
use domain::draw::{Lot, NO_ARRIVALS, draw, draw_order, hash_with_arrival, open};
use domain::ids::{ConcertId, RoomId, SeatId, ShowId, TokenId};
use domain::line::admit;
use domain::money::Amount;
use domain::ports::Stock;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::seat::{Place, Seat};
use domain::show::Show;
use domain::waiting_room::{Door, PolicyChange, WaitingRoom, add_room, change_room};
use domain::waiting_token::TokenState;
use tokio::task::JoinSet;

use crate::Stage;

pub async fn numbers_have_no_gap_and_no_repeat_under_500_joins_at_once(stage: &Stage) {
    let mut joins = JoinSet::new();
    for _ in 0..500 {
        let stage = stage.clone();
        joins.spawn(async move {
            let user_id = stage.user().await;
            stage.join(user_id).await.unwrap().number
        });
    }
    let mut numbers = joins.join_all().await;
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq((1..=500).map(Some)));
}

pub async fn one_user_has_one_place_however_often_asked(stage: &Stage) {
    let user_id = stage.user().await;
    let mut joins = JoinSet::new();
    for _ in 0..100 {
        let stage = stage.clone();
        joins.spawn(async move { stage.join(user_id).await.unwrap().id });
    }
    let mut ids = joins.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

/// The audit, at the end, looks at every admission there was.
pub async fn capacity_is_never_passed_while_people_come_and_go(stage: &Stage) {
    set_capacity(stage, 5).await;
    let mut people = JoinSet::new();
    for n in 0..120_u32 {
        let stage = stage.clone();
        people.spawn(async move {
            let user_id = stage.user().await;
            let token = stage.join(user_id).await.unwrap().id;
            if n % 3 == 0 {
                leave(&stage, token).await;
            }
        });
    }
    for _ in 0..2 {
        let stage = stage.clone();
        people.spawn(async move {
            for _ in 0..40 {
                admit_next(&stage, 7).await;
                if let Some(token) = somebody_inside(&stage).await {
                    leave(&stage, token).await;
                }
            }
        });
    }
    people.join_all().await;
    while admit_next(stage, 7).await > 0 {}
    let count = stage.lines.head_count(RoomId::SITE, stage.clock.now()).await.unwrap();
    assert_eq!(count.active, 5.min(count.active + count.waiting));
}

async fn set_capacity(stage: &Stage, capacity: u32) {
    change(stage, PolicyChange { capacity: Some(capacity), ..PolicyChange::default() }).await;
}

pub(crate) async fn change(stage: &Stage, change: PolicyChange) {
    let decide = move |records: &mut Records| change_room(records, RoomId::SITE, &change);
    stage.store.decide(Scope::new().room(RoomId::SITE), decide).await.unwrap();
}

pub(crate) async fn leave(stage: &Stage, id: TokenId) {
    let decide = move |records: &mut Records| {
        let (now, cutoff) = (records.now, records.cutoff);
        records.tokens.get_mut(&id).ok_or(Refusal::NotFound)?.leave(now, cutoff);
        Ok(())
    };
    stage.store.decide(Scope::new().token(id), decide).await.unwrap();
}

async fn admit_next(stage: &Stage, limit: u32) -> usize {
    let next = stage.due_work.next_in_line(RoomId::SITE, limit).await.unwrap();
    let scope = Scope::new().line(RoomId::SITE).tokens(next.iter().copied());
    let admit = move |records: &mut Records| admit(records, RoomId::SITE, &next);
    stage.store.decide(scope, admit).await.unwrap().admitted.len()
}

async fn somebody_inside(stage: &Stage) -> Option<TokenId> {
    stage.due_work.active_tokens().await.unwrap().into_iter().next()
}

pub async fn who_is_due_is_found(stage: &Stage) {
    set_capacity(stage, 1).await;
    let inside = stage.buyer().await;
    let user_id = stage.user().await;
    let waiting = stage.join(user_id).await.unwrap();
    assert_eq!(waiting.state, TokenState::Waiting);
    let held = stage.hold(inside, &[0], 1).await.unwrap();

    let due = &stage.due_work;
    let long_after = held.held_until + TimeDelta::hours(2);
    assert_eq!(due.lapsed_holds(held.held_until, 10).await.unwrap(), [held.id]);
    assert!(due.lapsed_holds(held.created_at, 10).await.unwrap().is_empty());
    assert_eq!(due.run_out_tokens(long_after, 10).await.unwrap(), [inside.token_id]);
    assert!(due.run_out_tokens(held.created_at, 10).await.unwrap().is_empty());
    assert_eq!(due.next_in_line(RoomId::SITE, 10).await.unwrap(), [waiting.id]);
    let silent = due.silent_tokens(RoomId::SITE, waiting.heard_at, 10).await.unwrap();
    assert_eq!(silent, [waiting.id]);
    let line = stage.lines.waiting_numbers(RoomId::SITE).await.unwrap();
    assert_eq!((line.last_number, line.waiting), (2, vec![(2, waiting.id)]));
    let now = stage.clock.now();
    assert!(due.rooms_with_places(now).await.unwrap().is_empty(), "the one place is taken");
    assert_eq!(due.rooms_with_places(long_after).await.unwrap(), [RoomId::SITE]);
    set_capacity(stage, 2).await;
    assert_eq!(due.rooms_with_places(now).await.unwrap(), [RoomId::SITE]);
    change(stage, PolicyChange { paused: Some(true), ..PolicyChange::default() }).await;
    assert!(due.rooms_with_places(now).await.unwrap().is_empty(), "it is paused");
    let admitted = stage.lines.admitted(RoomId::SITE, now).await.unwrap();
    assert_eq!((admitted.last_minute, admitted.last_five_minutes), (1, 1));
    let later = stage.lines.admitted(RoomId::SITE, now + TimeDelta::seconds(90)).await.unwrap();
    assert_eq!((later.last_minute, later.last_five_minutes), (0, 1));

    let nowhere = stage.lines.waiting_numbers(stage.id()).await.unwrap();
    assert_eq!((nowhere.last_number, nowhere.waiting), (0, vec![]));
}

pub async fn a_lobby_is_drawn_in_the_order_of_its_seed_and_read_back(stage: &Stage) {
    let opens_at = stage.clock.now() + TimeDelta::milliseconds(600);
    let opens = PolicyChange { opens_at: Some(Some(opens_at)), ..PolicyChange::default() };
    change(stage, opens).await;
    let mut lobby = Vec::new();
    for _ in 0..5 {
        let user_id = stage.user().await;
        lobby.push(stage.join(user_id).await.unwrap());
    }
    assert!(lobby.iter().all(|token| token.number.is_none()), "it has not opened");
    leave(stage, lobby[4].id).await;
    let again = stage.join(lobby[4].user_id).await.unwrap();
    assert_eq!((again.id, again.lot), (lobby[4].id, Some(Lot { arrival: 5, returns: 1 })));
    leave(stage, again.id).await;
    let before = stage.lines.waiting_numbers(RoomId::SITE).await.unwrap();
    assert_eq!((before.last_number, before.lobby_count, before.lobby.len()), (0, 5, 4));
    stage.wait_until(opens_at).await;
    assert_eq!(stage.due_work.rooms_to_draw(stage.clock.now()).await.unwrap(), [RoomId::SITE]);
    let user_id = stage.user().await;
    assert_eq!(stage.join(user_id).await.unwrap().number, Some(6));

    let open = |records: &mut Records| open(records, RoomId::SITE);
    let opened = stage.store.decide(Scope::new().room(RoomId::SITE), open).await.unwrap().unwrap();
    let ids = stage.lines.lobby(RoomId::SITE).await.unwrap();
    assert_eq!(ids.len(), 5);
    let came: Vec<_> = lobby.iter().map(|token| token.id).collect();
    assert_eq!(stage.lines.arrivals(RoomId::SITE, 0, 9).await.unwrap(), came);
    assert_eq!(stage.lines.arrivals(RoomId::SITE, 3, 1).await.unwrap(), came[3..4]);
    assert_eq!(opened.hash, Some(came.iter().copied().fold(NO_ARRIVALS, hash_with_arrival)));
    let policies = stage.lines.policies(RoomId::SITE).await.unwrap();
    let openings: Vec<_> =
        policies.iter().map(|row| row.policy.as_ref().unwrap().opens_at).collect();
    assert_eq!(openings, [None, Some(opens_at)]);
    let order = draw_order(&opened.seed, &ids);
    let after_first =
        |records: &mut Records, order: &[TokenId]| draw(records, RoomId::SITE, 1, &order[..2]);
    for batch in [order[..2].to_vec(), order[2..].to_vec()] {
        let first = if batch[0] == order[0] { 1 } else { 3 };
        let scope = Scope::new().room(RoomId::SITE).tokens(batch.iter().copied());
        let draw = move |records: &mut Records| draw(records, RoomId::SITE, first, &batch);
        assert!(stage.store.decide(scope, draw).await.unwrap());
        if first == 1 {
            assert_eq!(admit_next(stage, 1).await, 1, "the first are let in before the last");
        }
    }
    let again = order.clone();
    let scope = Scope::new().room(RoomId::SITE).tokens(order[..2].iter().copied());
    let drawn_twice = stage.store.decide(scope, move |records| after_first(records, &again)).await;
    assert!(!drawn_twice.unwrap());
    assert_eq!(stage.lines.numbered(RoomId::SITE, 0, 5).await.unwrap(), order);
    assert_eq!(stage.lines.numbered(RoomId::SITE, 3, 1).await.unwrap(), order[3..4]);
    assert!(stage.due_work.rooms_to_draw(stage.clock.now()).await.unwrap().is_empty());
    let after = stage.lines.waiting_numbers(RoomId::SITE).await.unwrap();
    assert_eq!((after.last_number, after.drawn_count), (6, 5));
    assert!(after.lobby.iter().all(|(_, number)| number.is_some()));
    let numbers: Vec<_> = after.waiting.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted() && numbers.ends_with(&[6]));
}

pub async fn what_a_room_has_left_is_counted(stage: &Stage) {
    let now = || stage.clock.now();
    let of_site = stage.catalogue.stock(RoomId::SITE, now()).await.unwrap();
    assert_eq!(of_site, Stock::default(), "the site's room is in front of everything");
    let (room_id, show_id) = (stage.id(), stage.id());
    let seats: Vec<SeatId> = (0..3).map(|_| stage.id()).collect();
    let enter = enter_show(stage.concert_id(), room_id, show_id, seats.clone());
    let scope = Scope::new().room(RoomId::SITE).concert(stage.concert_id());
    stage.store.decide(scope, enter).await.unwrap();
    let stock = |at| stage.catalogue.stock(room_id, at);
    let all = stock(now()).await.unwrap();
    assert_eq!(all, Stock { total: 3, available: 3, held: 0 });

    let buyer = stage.buyer_in(room_id).await;
    let held = stage.hold_at(buyer, show_id, &seats[..2], 300).await.unwrap();
    let sold = stage.hold_at(buyer, show_id, &seats[2..], 300).await.unwrap();
    stage.pay(buyer, sold.id).await.unwrap();
    let left = stock(now()).await.unwrap();
    assert_eq!(left, Stock { total: 3, available: 0, held: 2 });
    let lapsed = stock(held.held_until).await.unwrap();
    assert_eq!(lapsed, Stock { total: 3, available: 2, held: 0 });
    let sales = stage.catalogue.sales(stage.concert_id(), now()).await.unwrap();
    let of_show = sales.iter().find(|sales| sales.show.id == show_id).unwrap();
    assert_eq!((of_show.available, of_show.held, of_show.sold), (0, 2, 1));
    assert_eq!(of_show.income.minor_units(), Stage::PRICE);
    let lapsed = stage.catalogue.sales(stage.concert_id(), held.held_until).await.unwrap();
    let of_show = lapsed.iter().find(|sales| sales.show.id == show_id).unwrap();
    assert_eq!((of_show.available, of_show.held, of_show.sold), (2, 0, 1));
    let gone_by = stock(now() + TimeDelta::days(60)).await.unwrap();
    assert_eq!(gone_by, Stock { total: 3, available: 0, held: 0 });
    assert!(gone_by.is_sold_out() && !left.is_sold_out());
}

/// A show of the concert with a room of its own and these seats.
fn enter_show(
    concert_id: ConcertId,
    room_id: RoomId,
    show_id: ShowId,
    seats: Vec<SeatId>,
) -> impl Fn(&mut Records) -> Result<(), Refusal> {
    move |records: &mut Records| {
        let site = records.rooms.get(&RoomId::SITE).ok_or(Refusal::NotFound)?.clone();
        let (policy, seed, now) = (site.policy, site.lobby.seed, records.now);
        add_room(records, WaitingRoom::new(room_id, Door::Show(show_id), policy, seed, now));
        let starts_at = records.now + TimeDelta::days(30);
        let zone = "Asia/Seoul".parse().unwrap();
        records.shows.insert(Show {
            id: show_id,
            concert_id,
            starts_at,
            date: Show::date_at_venue(starts_at, zone),
            seat_count: u32::try_from(seats.len()).unwrap(),
            room_id: Some(room_id),
        });
        for (n, id) in seats.iter().enumerate() {
            let place = Place {
                number: format!("B-1-{n}"),
                section: "B".into(),
                row: "1".into(),
                grade: "R".into(),
                price: Amount::new(Stage::PRICE).unwrap(),
            };
            records.seats.insert(Seat::new(*id, show_id, place));
        }
        Ok(())
    }
}
