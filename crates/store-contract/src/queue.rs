//! Promises about lines.

use domain::ids::{RoomId, TokenId};
use domain::line::admit;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::waiting_room::PolicyChange;
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
    assert!(numbers.into_iter().eq(1..=500));
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
    let change = PolicyChange { capacity: Some(capacity), ..PolicyChange::default() };
    let decide = move |records: &mut Records| {
        let now = records.now;
        records.rooms.get_mut(&RoomId::SITE).ok_or(Refusal::NotFound)?.change(&change, now)
    };
    stage.store.decide(Scope::new().room(RoomId::SITE), decide).await.unwrap();
}

async fn leave(stage: &Stage, id: TokenId) {
    let decide = move |records: &mut Records| {
        let now = records.now;
        records.tokens.get_mut(&id).ok_or(Refusal::NotFound)?.leave(now);
        Ok(())
    };
    stage.store.decide(Scope::new().token(id), decide).await.unwrap();
}

async fn admit_next(stage: &Stage, limit: u32) -> usize {
    let next = stage.due_work.next_in_line(RoomId::SITE, limit).await.unwrap();
    let scope = Scope::new().line(RoomId::SITE).tokens(next.iter().copied());
    stage.store.decide(scope, move |records| admit(records, RoomId::SITE, &next)).await.unwrap()
}

async fn somebody_inside(stage: &Stage) -> Option<TokenId> {
    stage.due_work.active_tokens(None, 1).await.unwrap().into_iter().next()
}

pub async fn who_is_due_is_found(stage: &Stage) {
    set_capacity(stage, 1).await;
    let inside = stage.buyer().await;
    let user_id = stage.user().await;
    let waiting = stage.join(user_id).await.unwrap();
    assert_eq!(waiting.state, TokenState::Waiting);
    let held = stage.hold(inside, &[0], 1).await.unwrap();

    let due = &stage.due_work;
    let long_after = held.held_until + chrono::TimeDelta::hours(2);
    assert_eq!(due.lapsed_holds(held.held_until, 10).await.unwrap(), [held.id]);
    assert!(due.lapsed_holds(held.created_at, 10).await.unwrap().is_empty());
    assert_eq!(due.run_out_tokens(long_after, 10).await.unwrap(), [inside.token_id]);
    assert!(due.run_out_tokens(held.created_at, 10).await.unwrap().is_empty());
    assert_eq!(due.next_in_line(RoomId::SITE, 10).await.unwrap(), [waiting.id]);
    let silent = due.silent_tokens(RoomId::SITE, waiting.heard_at, 10).await.unwrap();
    assert_eq!(silent, [waiting.id]);
    let line = stage.lines.waiting_numbers(RoomId::SITE).await.unwrap();
    assert_eq!((line.last_number, line.waiting), (2, vec![2]));
    let nowhere = stage.lines.waiting_numbers(stage.id()).await.unwrap();
    assert_eq!((nowhere.last_number, nowhere.waiting), (0, vec![]));
}
