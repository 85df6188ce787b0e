//! Promises about time in which the service was away.

use chrono::TimeDelta;
use domain::ids::ServerId;
use domain::records::{Records, Scope};
use domain::recovery::{give_back_to_holds, give_back_to_tokens};
use domain::refusal::Refusal;
use domain::reservation::{ReservationState, expire};
use domain::uptime::{Outage, Uptime, Word};
use domain::waiting_token::TokenState;

use crate::Stage;

/// The service beats, at `ago` before now for all that the store knows.
async fn beat(stage: &Stage, server_id: ServerId, ago: TimeDelta) -> Option<Outage> {
    let beat = move |records: &mut Records| {
        let now = records.now;
        let uptime = records.uptime.get_or_insert_with(|| Uptime::first(now - ago));
        Ok(uptime.beat(server_id, Word::WroteUntil(now), now))
    };
    stage.store.decide(Scope::new().uptime(), beat).await.unwrap()
}

async fn until_of(stage: &Stage, id: domain::ids::TokenId) -> domain::Timestamp {
    match stage.lines.tokens(vec![id]).await.unwrap()[0].state {
        TokenState::Active { expires_at, .. } => expires_at,
        state => panic!("{state:?}"),
    }
}

pub async fn an_outage_is_given_back_to_stays_and_holds_and_written_down(stage: &Stage) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0, 1], 300).await.unwrap();
    let until = until_of(stage, buyer.token_id).await;
    let server_id: ServerId = stage.id();
    let outage = beat(stage, server_id, TimeDelta::seconds(60)).await.unwrap();
    assert!(outage.lasted() >= TimeDelta::seconds(60));

    let inside = stage.due_work.active_tokens().await.unwrap();
    assert_eq!(inside, [buyer.token_id]);
    let held_ids = stage.due_work.held_reservations().await.unwrap();
    assert_eq!(held_ids, [held.id]);
    let scope = Scope::new().uptime().token(buyer.token_id);
    let give = |records: &mut Records| Ok(give_back_to_tokens(records, None, &inside_of(records)));
    assert!(stage.store.decide(scope, give).await.unwrap());
    let last = Some(buyer.token_id.into());
    let none_left = move |records: &mut Records| Ok(give_back_to_tokens(records, last, &[]));
    assert!(stage.store.decide(Scope::new().uptime(), none_left).await.unwrap());
    let id = held.id;
    let give = move |records: &mut Records| Ok(give_back_to_holds(records, None, &[id]));
    assert!(stage.store.decide(Scope::new().uptime().reservation(id), give).await.unwrap());
    let none_left =
        move |records: &mut Records| Ok(give_back_to_holds(records, Some(id.into()), &[]));
    assert!(stage.store.decide(Scope::new().uptime(), none_left).await.unwrap());

    let lost = outage.lost_since(held.created_at);
    let now = stage.orders.reservation(held.id).await.unwrap().unwrap();
    assert_eq!(now.held_until, held.held_until + lost);
    let seats = stage.catalogue.seats(stage.show_id()).await.unwrap();
    let with_hold =
        seats.iter().filter(|seat| !seat.has_lapsed_hold(now.held_until - TimeDelta::seconds(1)));
    assert_eq!(with_hold.count(), seats.len());
    assert!(until_of(stage, buyer.token_id).await >= until);
    assert_eq!(beat(stage, server_id, TimeDelta::zero()).await, None);
    let standing = stage.store.decide(Scope::new().uptime(), |records| Ok(records.uptime.clone()));
    let uptime = standing.await.unwrap().unwrap();
    assert_eq!((uptime.recovery, uptime.servers.len()), (None, 1));
    stage.pay(buyer, held.id).await.unwrap();
}

/// Those among the records who are inside.
fn inside_of(records: &Records) -> Vec<domain::ids::TokenId> {
    records.tokens.iter().map(|token| token.id).collect()
}

pub async fn no_end_counts_before_an_outage_is_given_back(stage: &Stage) {
    let (first, second) = (stage.buyer().await, stage.buyer().await);
    let held = stage.hold(first, &[0], 1).await.unwrap();
    let began = beat(stage, stage.id(), TimeDelta::seconds(60)).await;
    assert!(began.is_some(), "nobody has beaten yet");
    stage.wait_until(held.held_until + TimeDelta::milliseconds(1)).await;
    let id = held.id;
    let swept = move |records: &mut Records| Ok(expire(records, id));
    let scope = Scope::new().reservation(id);
    assert!(!stage.store.decide(scope, swept).await.unwrap());
    let taken = stage.hold(second, &[0], 1).await;
    let is_taken = matches!(
        taken,
        Err(domain::ports::UpdateError::Refused(Refusal::SeatAlreadyReserved { .. }))
    );
    assert!(is_taken, "{taken:?}");
    let found = stage.orders.reservation(id).await.unwrap().unwrap();
    assert_eq!(found.state, ReservationState::Held);
}
