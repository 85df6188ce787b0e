//! Promises about seats and money.

use chrono::TimeDelta;
use domain::concert::Concert;
use domain::draw::DrawSeed;
use domain::ids::{ConcertId, PaymentId, ReservationId, RoomId, UserId};
use domain::page::{Page, PageRequest};
use domain::payment::{RefundPolicy, RefundRequest, refund};
use domain::ports::UpdateError;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::reservation::{BookingPolicy, ReservationStatus, cancel, expire, free_returned};
use domain::waiting_room::{Door, WaitingRoom, add_room};
use tokio::task::JoinSet;

use crate::Stage;
use crate::stage::{Buyer, SETTLING};

pub async fn one_of_200_gets_the_seat_and_199_are_told_who_lost(stage: &Stage) {
    let mut buyers = Vec::new();
    for _ in 0..200 {
        buyers.push(stage.buyer().await);
    }
    let mut holds = JoinSet::new();
    for buyer in buyers {
        let stage = stage.clone();
        holds.spawn(async move { stage.hold(buyer, &[0], 300).await });
    }
    let (mut won, mut lost) = (0, 0);
    for held in holds.join_all().await {
        match held {
            Ok(_) => won += 1,
            Err(UpdateError::Refused(Refusal::SeatAlreadyReserved { seat_numbers })) => {
                assert_eq!(seat_numbers, ["나-1-0"]);
                lost += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((won, lost), (1, 199));
}

pub async fn holds_that_overlap_in_opposite_order_are_all_or_nothing(stage: &Stage) {
    let mut holds = JoinSet::new();
    for round in 0..10 {
        let first = round * 4;
        let (one, other) = (stage.buyer().await, stage.buyer().await);
        for (buyer, seats) in
            [(one, [first, first + 1, first + 2]), (other, [first + 3, first + 2, first + 1])]
        {
            let stage = stage.clone();
            holds.spawn(async move { stage.hold(buyer, &seats, 300).await.is_ok() });
        }
    }
    let won = holds.join_all().await.into_iter().filter(|held| *held).count();
    assert_eq!(won, 10, "of each pair one wins");
    let books = stage.ledger.books().await.unwrap();
    let held = books.seats.iter().filter(|seat| seat.reservation_id().is_some()).count();
    assert_eq!(held, 30, "who lost holds nothing");
}

pub async fn a_lapsed_hold_ends_in_the_commit_that_gives_its_seat_away(stage: &Stage) {
    let (slow, quick) = (stage.buyer().await, stage.buyer().await);
    let lapsed = stage.hold(slow, &[0, 1], 3).await.unwrap();
    assert!(stage.hold(quick, &[1], 300).await.is_err());
    stage.wait_until(lapsed.held_until).await;
    stage.hold(quick, &[1], 300).await.unwrap();
    let books = stage.ledger.books().await.unwrap();
    let seat = |n| books.seats.iter().find(|seat| seat.id == stage.seat(n)).unwrap();
    assert_eq!(seat(0).reservation_id(), None, "the whole hold is over");
    let late = stage.pay(slow, lapsed.id).await;
    assert!(matches!(late, Err(UpdateError::Refused(Refusal::HoldExpired))), "{late:?}");
}

pub async fn a_payment_and_the_sweeper_at_the_very_end_of_a_hold_agree(stage: &Stage) {
    let mut races = JoinSet::new();
    for n in 0..20 {
        let buyer = stage.buyer().await;
        let held = stage.hold(buyer, &[n], 1).await.unwrap();
        let paying = stage.clone();
        races.spawn(async move {
            let early = TimeDelta::milliseconds(i64::from(n) - 10);
            paying.wait_until(held.held_until + early).await;
            let sweep = sweep(&paying, held.id);
            let (paid, swept) = tokio::join!(paying.pay(buyer, held.id), sweep);
            (paid, swept, held.id)
        });
    }
    for (paid, swept, id) in races.join_all().await {
        let now = stage.orders.reservation(id).await.unwrap().unwrap();
        let status = now.status(stage.clock.now());
        match paid {
            Ok(_) => assert_eq!((swept, status), (false, ReservationStatus::Confirmed)),
            Err(UpdateError::Refused(Refusal::HoldExpired)) => {
                assert_eq!(status, ReservationStatus::Expired);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn sweep(stage: &Stage, id: ReservationId) -> bool {
    let decide = move |records: &mut Records| Ok(expire(records, id));
    stage.store.decide(Scope::new().reservation(id), decide).await.unwrap()
}

pub async fn two_payments_of_one_reservation_take_the_cash_once(stage: &Stage) {
    let mut races = JoinSet::new();
    for n in 0..10 {
        let buyer = stage.buyer().await;
        let held = stage.hold(buyer, &[n], 300).await.unwrap();
        let stage = stage.clone();
        races.spawn(async move {
            let both = tokio::join!(stage.pay(buyer, held.id), stage.pay(buyer, held.id));
            let paid = [both.0, both.1].into_iter().filter(Result::is_ok).count();
            (paid, stage.balance(buyer.user_id).await)
        });
    }
    for (paid, balance) in races.join_all().await {
        assert_eq!((paid, balance), (1, 9 * Stage::PRICE));
    }
}

pub async fn two_charges_at_once_both_count(stage: &Stage) {
    let user_id = stage.user().await;
    let mut charges = JoinSet::new();
    for _ in 0..100 {
        let stage = stage.clone();
        charges.spawn(async move { stage.charge(user_id, 7).await.unwrap().number });
    }
    let mut numbers = charges.join_all().await;
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=100));
    assert_eq!(stage.balance(user_id).await, 700);
}

pub async fn a_refund_gives_back_what_was_paid_once(stage: &Stage) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0, 1], 300).await.unwrap();
    let payment_id = stage.pay(buyer, held.id).await.unwrap().payment.id;
    let both = tokio::join!(
        give_back(stage, buyer.user_id, payment_id),
        give_back(stage, buyer.user_id, payment_id)
    );
    assert_eq!([both.0, both.1].into_iter().filter(|given| *given).count(), 1);
    assert_eq!(stage.balance(buyer.user_id).await, 10 * Stage::PRICE);
    let next = stage.buyer().await;
    stage.hold(next, &[0, 1], 300).await.unwrap();
}

pub async fn refunded_seats_come_back_together_when_it_is_time(stage: &Stage) {
    let (buyer, next) = (stage.buyer().await, stage.buyer().await);
    let held = stage.hold(buyer, &[0, 1, 2], 300).await.unwrap();
    let payment_id = stage.pay(buyer, held.id).await.unwrap().payment.id;
    let (show, delay) = (stage.show_id(), TimeDelta::seconds(1));
    let counts = async || {
        let sales = stage.catalogue.sales(stage.concert_id(), stage.clock.now()).await.unwrap();
        let sales = sales.into_iter().find(|sales| sales.show.id == show).unwrap();
        (sales.available, sales.sold, sales.income.minor_units())
    };
    let (free, sold, income) = counts().await;
    assert!(give_back_after(stage, buyer.user_id, payment_id, delay).await);
    assert_eq!(counts().await, (free, sold, income - 3 * Stage::PRICE), "shown as sold");
    let sold = stage.hold(next, &[2], 300).await;
    assert!(matches!(sold, Err(UpdateError::Refused(Refusal::SeatAlreadyReserved { .. }))));
    let due = async |at| stage.due_work.returning_seats(at, 10).await.unwrap();
    assert_eq!(due(stage.clock.now() - delay).await, []);
    stage.wait_until(stage.clock.now() + delay).await;
    assert_eq!(due(stage.clock.now()).await, [held.id]);
    let scope = Scope::new().reservation(held.id);
    let free_now = move |records: &mut Records| {
        records.cutoff = records.now;
        Ok(free_returned(records, held.id))
    };
    assert!(stage.store.decide(scope.clone(), free_now).await.unwrap());
    assert!(!stage.store.decide(scope, free_now).await.unwrap(), "once");
    assert_eq!(due(stage.clock.now()).await, []);
    assert_eq!(counts().await.0, free + 3);
    stage.hold(next, &[0, 1, 2], 300).await.unwrap();
}

pub async fn who_gives_seats_back_and_holds_again_has_no_more_time(stage: &Stage) {
    let buyer = stage.buyer().await;
    let first = stage.hold(buyer, &[0, 1], 300).await.unwrap();
    let (id, user_id) = (first.id, buyer.user_id);
    let policy =
        BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 60 };
    let give_back = move |records: &mut Records| cancel(records, id, user_id, policy);
    stage.store.decide(Scope::new().reservation(id), give_back).await.unwrap();
    let seats = [stage.seat(1), stage.seat(2)];
    let read = async || stage.catalogue.seats(stage.show_id()).await.unwrap();
    let given_back = read().await.into_iter().find(|seat| seat.id == seats[0]).unwrap();
    let unpaid = given_back.unpaid.unwrap();
    assert_eq!((unpaid.by, unpaid.to_others), (vec![user_id], false));
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let again = stage.hold(buyer, &[1, 2], 300).await.unwrap();
    let later = again.held_until - first.held_until;
    assert!(later.abs() < TimeDelta::seconds(1), "{first:?} {again:?}");
}

pub(crate) async fn give_back(stage: &Stage, user_id: UserId, payment_id: PaymentId) -> bool {
    give_back_after(stage, user_id, payment_id, TimeDelta::zero()).await
}

async fn give_back_after(
    stage: &Stage,
    user_id: UserId,
    payment_id: PaymentId,
    returns_after: TimeDelta,
) -> bool {
    let ask = RefundRequest { payment_id, entry_id: stage.id(), user_id, returns_after };
    let scope = Scope::new().payment(payment_id).account(user_id);
    let policy = RefundPolicy { until_hours: 24 };
    stage.store.decide(scope, move |records| refund(records, &ask, policy, SETTLING)).await.is_ok()
}

pub async fn lists_are_newest_first_and_each_users_own(stage: &Stage) {
    let (one, other) = (stage.buyer().await, stage.buyer().await);
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(stage.hold(one, &[n], 300).await.unwrap().id);
    }
    stage.hold(other, &[9], 300).await.unwrap();
    let page = |after| PageRequest { limit: 3, after };
    let list = async |after| stage.orders.reservations(one.user_id, page(after)).await.unwrap();
    let first = list(None).await.unwrap();
    let second = list(first.next).await.unwrap();
    let listed = first.items.iter().chain(&second.items).map(|reservation| reservation.id);
    assert!(listed.eq(ids.into_iter().rev()));
    assert_eq!(second.next, None);
}

/// All pages of a list, two at a time; a page after something else is none.
async fn in_pages<T, Id: Copy + PartialEq + std::fmt::Debug>(
    unknown: Id,
    page: impl AsyncFn(PageRequest<Id>) -> Option<Page<T, Id>>,
) -> Vec<T> {
    assert!(page(PageRequest { limit: 2, after: Some(unknown) }).await.is_none());
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Page { items, next } = page(PageRequest { limit: 2, after }).await.unwrap();
        all.extend(items);
        if next.is_none() {
            return all;
        }
        after = next;
    }
}

pub async fn lists_follow_the_commits_though_ids_go_backwards(stage: &Stage) {
    let buyer = stage.buyer().await;
    let behind = stage.with_falling_ids();
    let (mut charges, mut holds, mut payments) = (Vec::new(), Vec::new(), Vec::new());
    let (mut concerts, mut rooms) = (vec![stage.concert_id()], vec![RoomId::SITE]);
    for n in 0..6 {
        // Two servers, whose clocks differ, take turns.
        let server = if n % 2 == 0 { &behind } else { stage };
        charges.push(server.charge(buyer.user_id, i64::from(n) + 1).await.unwrap());
        if n < 4 {
            let token_id = server.join(buyer.user_id).await.unwrap().id;
            let buyer = Buyer { token_id, ..buyer };
            let held = server.hold(buyer, &[n], 300).await.unwrap();
            payments.push(server.pay_through_provider(buyer, held.id).await.unwrap().payment.id);
            holds.push(held.id);
        }
        let (concert, room) = enter(server).await;
        concerts.push(concert);
        rooms.push(room);
    }

    let user_id = buyer.user_id;
    let entries =
        in_pages(stage.id(), async |page| stage.cash_book.entries(user_id, page).await.unwrap());
    let numbers: Vec<_> = entries.await.into_iter().map(|entry| entry.number).collect();
    assert!(numbers.iter().copied().eq((1..=11).rev()), "{numbers:?}");
    let newest = charges.last().map(|entry| entry.number);
    assert_eq!(numbers.first().copied(), newest);

    let orders = &stage.orders;
    let reservations =
        in_pages(stage.id(), async |page| orders.reservations(user_id, page).await.unwrap());
    let listed: Vec<_> = reservations.await.into_iter().map(|found| found.id).collect();
    assert!(listed.iter().eq(holds.iter().rev()), "{listed:?}");
    let paid = in_pages(stage.id(), async |page| orders.payments(user_id, page).await.unwrap());
    let listed: Vec<_> = paid.await.into_iter().map(|receipt| receipt.payment.id).collect();
    assert!(listed.iter().eq(payments.iter().rev()), "{listed:?}");
    let unsettled =
        in_pages(stage.id(), async |page| orders.unsettled_payments(page).await.unwrap());
    let listed: Vec<_> = unsettled.await.into_iter().map(|receipt| receipt.payment.id).collect();
    assert!(listed.iter().eq(payments.iter().rev()), "{listed:?}");

    let played = in_pages(stage.id(), async |page| stage.catalogue.concerts(page).await.unwrap());
    let listed: Vec<_> = played.await.into_iter().map(|concert| concert.id).collect();
    assert!(listed.iter().eq(concerts.iter().rev()), "{listed:?}");
    let listed: Vec<_> =
        stage.lines.rooms().await.unwrap().into_iter().map(|room| room.id).collect();
    assert_eq!(listed, rooms);

    // Nobody's list goes on from what is another's.
    let other = stage.buyer().await.user_id;
    let after = |id| PageRequest { limit: 2, after: Some(id) };
    assert_eq!(orders.reservations(other, after(holds[0])).await.unwrap(), None);
    let after = |id| PageRequest { limit: 2, after: Some(id) };
    assert_eq!(orders.payments(other, after(payments[0])).await.unwrap(), None);
    let after = PageRequest { limit: 2, after: Some(charges[0].id) };
    assert_eq!(stage.cash_book.entries(other, after).await.unwrap(), None);
}

/// Enters a concert with a room of its own.
async fn enter(stage: &Stage) -> (ConcertId, RoomId) {
    let like = stage.concert_id();
    let (concert_id, room_id) = (stage.id(), stage.id());
    let enter = move |records: &mut Records| {
        let concert = records.concerts.get(&like).cloned().unwrap();
        let policy = records.rooms.get(&RoomId::SITE).unwrap().policy.clone();
        let created_at = records.now;
        let (door, seed) = (Door::Concert(concert_id), DrawSeed::new([7; 32]));
        add_room(records, WaitingRoom::new(room_id, door, policy, seed, created_at));
        let room_id = Some(room_id);
        records.concerts.insert(Concert { id: concert_id, room_id, created_at, ..concert });
        Ok(())
    };
    let scope = Scope::new().concert(like).room(RoomId::SITE);
    stage.store.decide(scope, enter).await.unwrap();
    (concert_id, room_id)
}
