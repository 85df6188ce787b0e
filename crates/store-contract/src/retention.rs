//! Promises about what is forgotten.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::draw::{draw, draw_order, open};
use domain::ids::{ReservationId, RoomId, TokenId};
use domain::page::PageRequest;
use domain::payment::{Payment, Receipt};
use domain::provider_charge::Verdict;
use domain::records::{Records, Scope};
use domain::reservation::{BookingPolicy, cancel as cancel_hold};
use domain::retention::{forget_reservations, forget_tokens};
use domain::waiting_room::PolicyChange;
use tokio::task::JoinSet;

use crate::Stage;
use crate::booking::{give_back, sweep};
use crate::provider::{hear_of, no};
use crate::queue::{change, leave};
use crate::stage::Buyer;

/// What ended is forgotten as soon as somebody comes by.
const AT_ONCE: Timestamp = Timestamp::MAX_UTC;

pub async fn tokens_that_are_over_are_forgotten_from_the_lowest_number_on(stage: &Stage) {
    let ids = inside(stage, 5).await;
    for n in [0, 1, 3] {
        leave(stage, ids[n]).await;
    }
    assert!(rooms_with_old_tokens(stage, before(stage)).await.is_empty());
    assert!(old_tokens(stage, before(stage), 10).await.is_empty());
    assert_eq!(rooms_with_old_tokens(stage, after(stage)).await, [RoomId::SITE]);
    assert_eq!(old_tokens(stage, after(stage), 10).await, ids[..2]);
    assert_eq!(old_tokens(stage, after(stage), 1).await, ids[..1]);

    assert_eq!(forget_all(stage, &ids).await, 2);
    assert_eq!(forget_all(stage, &ids).await, 0, "they are gone");
    assert_eq!(kept(stage, &ids).await, ids[2..]);
    assert!(rooms_with_old_tokens(stage, after(stage)).await.is_empty(), "the next is inside");
    let room = stage.lines.room(RoomId::SITE).await.unwrap().unwrap();
    assert_eq!((room.forgotten_to, room.last_number), (2, 5));

    leave(stage, ids[2]).await;
    assert_eq!(old_tokens(stage, after(stage), 10).await, ids[2..4]);
    assert_eq!(forget_all(stage, &ids).await, 2);
    leave(stage, ids[4]).await;
    assert_eq!(forget_all(stage, &ids).await, 1);
    let user_id = stage.user().await;
    assert_eq!(stage.join(user_id).await.unwrap().number, Some(6), "no number is given again");
}

pub async fn a_lobby_is_kept_for_whoever_checks_the_draw(stage: &Stage) {
    let opens = |at| PolicyChange { opens_at: Some(at), ..PolicyChange::default() };
    change(stage, opens(Some(after(stage)))).await;
    let mut lobby = inside(stage, 3).await;
    change(stage, opens(None)).await;
    let decide = |records: &mut Records| open(records, RoomId::SITE);
    let scope = Scope::new().room(RoomId::SITE);
    let opened = stage.store.decide(scope, decide).await.unwrap().unwrap();
    let late = inside(stage, 2).await;
    for id in &late {
        leave(stage, *id).await;
    }
    leave(stage, lobby[0]).await;
    assert_eq!(old_tokens(stage, after(stage), 10).await, late, "before the draw is over, too");

    let order = draw_order(&opened.seed, &lobby);
    let scope = Scope::new().room(RoomId::SITE).tokens(order.iter().copied());
    let next = order.clone();
    let decide = move |records: &mut Records| draw(records, RoomId::SITE, 1, &next);
    assert!(stage.store.decide(scope, decide).await.unwrap());
    for id in &lobby[1..] {
        leave(stage, *id).await;
    }
    assert_eq!(forget_all(stage, &[&lobby[..], &late].concat()).await, 2);
    assert!(rooms_with_old_tokens(stage, after(stage)).await.is_empty());
    assert!(old_tokens(stage, after(stage), 10).await.is_empty());
    assert_eq!(stage.lines.numbered(RoomId::SITE, 0, 10).await.unwrap(), order);
    let mut found = stage.lines.lobby(RoomId::SITE).await.unwrap();
    found.sort_unstable();
    lobby.sort_unstable();
    assert_eq!(found, lobby);
}

pub async fn a_token_is_kept_while_the_provider_owes_an_answer_about_its_payment(stage: &Stage) {
    let first = stage.buyer().await;
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0], 300).await.unwrap();
    let asked = stage.pay_through_provider(buyer, held.id).await.unwrap();
    for id in [first.token_id, buyer.token_id] {
        leave(stage, id).await;
    }
    assert_eq!(old_tokens(stage, after(stage), 10).await, [first.token_id]);
    hear_of(stage, &asked, Verdict::Charged).await.unwrap();
    let both = [first.token_id, buyer.token_id];
    assert_eq!(old_tokens(stage, after(stage), 10).await, both);
    assert_eq!(forget_all(stage, &both).await, 2);
    let late = hear_of(stage, &asked, Verdict::Charged).await.unwrap();
    assert!(!late.contradicts, "a notice may come again though its token is gone");
}

pub async fn reservations_that_ended_unpaid_are_forgotten_with_their_seats_and_no_others(
    stage: &Stage,
) {
    let buyer = stage.buyer().await;
    let lapsed = stage.hold(stage.buyer().await, &[0, 1], 1).await.unwrap();
    let cancelled = stage.hold(buyer, &[2, 3], 300).await.unwrap().id;
    let held = stage.hold(buyer, &[4], 300).await.unwrap().id;
    let (paid, _) = in_cash(stage, 5).await;
    let (refunded, payment) = in_cash(stage, 6).await;
    assert!(give_back(stage, payment.user_id, payment.id).await);
    let failed = through_provider(stage, 7).await;
    hear_of(stage, &failed, no()).await.unwrap();
    let paying = through_provider(stage, 8).await;
    cancel(stage, buyer, cancelled).await;
    stage.wait_until(lapsed.held_until).await;
    assert!(sweep(stage, lapsed.id).await);

    let old = async |ended_by| stage.due_work.old_reservations(ended_by, 10).await.unwrap();
    assert!(old(before(stage)).await.is_empty());
    assert_eq!(old(after(stage)).await, [cancelled, lapsed.id]);
    assert_eq!(stage.due_work.old_reservations(after(stage), 1).await.unwrap(), [cancelled]);
    let others = [held, paid, refunded, failed.reservation.id, paying.reservation.id];
    let all = [&[cancelled, lapsed.id][..], &others].concat();
    assert_eq!(forget_all_reservations(stage, &all).await, 2);
    assert_eq!(forget_all_reservations(stage, &all).await, 0, "they are gone");
    assert!(old(after(stage)).await.is_empty());

    for (id, is_kept) in all.iter().map(|id| (*id, others.contains(id))) {
        let found = stage.orders.reservation(id).await.unwrap();
        assert_eq!(found.is_some(), is_kept, "{found:?}");
    }
    let page = PageRequest { limit: 10, after: None };
    let listed = stage.orders.reservations(buyer.user_id, page).await.unwrap().unwrap();
    assert!(listed.items.iter().map(|reservation| reservation.id).eq([held]));
    let books = stage.ledger.books().await.unwrap();
    let with_seats: BTreeSet<_> =
        books.reservation_seats.iter().map(|seat| seat.reservation_id).collect();
    assert_eq!(with_seats, others.into_iter().collect(), "their seats' rows went with them");
    stage.hold(stage.buyer().await, &[0, 1, 2, 3], 300).await.unwrap();
}

pub async fn what_several_forget_at_once_is_forgotten_once(stage: &Stage) {
    let (mut ids, mut reservations) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let buyer = stage.buyer().await;
        let held = stage.hold(buyer, &[n], 300).await.unwrap().id;
        cancel(stage, buyer, held).await;
        leave(stage, buyer.token_id).await;
        ids.push(buyer.token_id);
        reservations.push(held);
    }
    let (mut forgetting, mut coming) = (JoinSet::new(), JoinSet::new());
    for n in 0..6 {
        let (stage, ids, reservations) = (stage.clone(), ids.clone(), reservations.clone());
        forgetting.spawn(async move {
            // Some have found less than the others.
            let tokens = forget_all(&stage, &ids[..20 - n]).await;
            (tokens, forget_all_reservations(&stage, &reservations[n..]).await)
        });
    }
    for n in 0..20 {
        let stage = stage.clone();
        coming.spawn(async move {
            let buyer = stage.buyer().await;
            stage.hold(buyer, &[n], 300).await.unwrap();
        });
    }
    coming.join_all().await;
    let forgotten = forgetting.join_all().await.into_iter();
    let (tokens, of_reservations) =
        forgotten.fold((0, 0), |(tokens, reservations), (t, r)| (tokens + t, reservations + r));
    assert_eq!((tokens, of_reservations), (20, 20));
    assert!(kept(stage, &ids).await.is_empty());
    let count = stage.lines.head_count(RoomId::SITE, stage.clock.now()).await.unwrap();
    assert_eq!((count.active, count.waiting), (20, 0));
}

/// Long before anything ended here.
fn before(stage: &Stage) -> Timestamp {
    stage.clock.now() - TimeDelta::hours(1)
}

/// Later than anything ended here.
fn after(stage: &Stage) -> Timestamp {
    stage.clock.now() + TimeDelta::hours(1)
}

/// So many join one after the other.
async fn inside(stage: &Stage, count: usize) -> Vec<TokenId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(stage.join(stage.user().await).await.unwrap().id);
    }
    ids
}

async fn rooms_with_old_tokens(stage: &Stage, ended_by: Timestamp) -> Vec<RoomId> {
    stage.due_work.rooms_with_old_tokens(ended_by).await.unwrap()
}

async fn old_tokens(stage: &Stage, ended_by: Timestamp, limit: u32) -> Vec<TokenId> {
    stage.due_work.old_tokens(RoomId::SITE, ended_by, limit).await.unwrap()
}

/// Forgets as much of these tokens as can be.
async fn forget_all(stage: &Stage, ids: &[TokenId]) -> usize {
    let ids = ids.to_vec();
    let scope = Scope::new().room(RoomId::SITE).tokens(ids.iter().copied());
    let decide = move |records: &mut Records| forget_tokens(records, RoomId::SITE, &ids, AT_ONCE);
    stage.store.decide(scope, decide).await.unwrap()
}

async fn forget_all_reservations(stage: &Stage, ids: &[ReservationId]) -> usize {
    let ids = ids.to_vec();
    let scope = ids.iter().fold(Scope::new(), |scope, id| scope.reservation(*id));
    let decide = move |records: &mut Records| Ok(forget_reservations(records, &ids, AT_ONCE));
    stage.store.decide(scope, decide).await.unwrap()
}

async fn cancel(stage: &Stage, buyer: Buyer, id: ReservationId) {
    let policy =
        BookingPolicy { hold_seconds: 300, seats_per_reservation: 4, rehold_cooldown_seconds: 0 };
    let decide = move |records: &mut Records| cancel_hold(records, id, buyer.user_id, policy);
    stage.store.decide(Scope::new().reservation(id), decide).await.unwrap();
}

/// Somebody holds a seat and pays for it.
async fn in_cash(stage: &Stage, seat: u32) -> (ReservationId, Payment) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[seat], 300).await.unwrap();
    (held.id, stage.pay(buyer, held.id).await.unwrap().payment)
}

/// Somebody holds a seat and asks to pay for it.
async fn through_provider(stage: &Stage, seat: u32) -> Receipt {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[seat], 300).await.unwrap();
    stage.pay_through_provider(buyer, held.id).await.unwrap()
}

/// Those of these tokens that are there.
async fn kept(stage: &Stage, ids: &[TokenId]) -> Vec<TokenId> {
    let mut kept = Vec::new();
    for id in ids {
        kept.extend(stage.lines.tokens(vec![*id]).await.unwrap().into_iter().map(|token| token.id));
    }
    kept
}
