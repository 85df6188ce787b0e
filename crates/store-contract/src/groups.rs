//! Promises about decisions that are committed together.

use domain::idempotency::{IdempotencyKey, IdempotentRequest, once};
use domain::ids::{RoomId, UserId};
use domain::ports::UpdateError;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::reservation::{BookingPolicy, cancel, expire};
use domain::user::{Email, Role, User, UserName};
use tokio::task::JoinSet;

use crate::Stage;

pub async fn a_refusal_in_the_middle_of_a_group_leaves_the_others_whole(stage: &Stage) {
    let user_id = stage.user().await;
    let mut calls = JoinSet::new();
    for n in 0..300 {
        let stage = stage.clone();
        calls.spawn(async move {
            if n % 3 == 1 {
                refuse_after_changes(&stage, user_id).await
            } else {
                stage.charge(user_id, 1).await.map(drop)
            }
        });
    }
    let refused = calls.join_all().await.into_iter().filter(Result::is_err).count();
    assert_eq!(refused, 100);
    assert_eq!(stage.balance(user_id).await, 200);
}

/// Changes what it can lay its hands on, and then refuses.
async fn refuse_after_changes(stage: &Stage, user_id: UserId) -> Result<(), UpdateError> {
    let id = stage.id();
    let scope = Scope::new().user(user_id).account(user_id);
    let decide = move |records: &mut Records| {
        let most = domain::money::Amount::MAX;
        let policy = domain::cash::CashPolicy {
            charge_max: most,
            balance_max: most,
            top_ups_pending_max: 1,
        };
        domain::cash::charge(records, user_id, id, 1_000_000, policy)?;
        Err(Refusal::NotHeld)
    };
    stage.store.decide(scope, decide).await
}

pub async fn a_decision_that_panics_takes_nobody_along(stage: &Stage) {
    let user_id = stage.user().await;
    let mut calls = JoinSet::new();
    for n in 0..50 {
        let stage = stage.clone();
        calls.spawn(async move {
            if n % 10 == 5 {
                let broken = |_: &mut Records| -> Result<(), Refusal> { panic!("a broken rule") };
                stage.store.decide(Scope::new(), broken).await
            } else {
                stage.charge(user_id, 1).await.map(drop)
            }
        });
    }
    let failed = calls.join_all().await.into_iter().filter(Result::is_err).count();
    assert_eq!((failed, stage.balance(user_id).await), (5, 45));
}

pub async fn what_a_decision_leaves_as_it_was_is_not_saved(stage: &Stage) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0], 300).await.unwrap();
    let give_back = move |records: &mut Records| {
        let policy = BookingPolicy {
            hold_seconds: 300,
            seats_per_reservation: 4,
            rehold_cooldown_seconds: 0,
        };
        cancel(records, held.id, buyer.user_id, policy)
    };
    stage.store.decide(Scope::new().reservation(held.id), give_back).await.unwrap();
    let lapsed = stage.hold(buyer, &[1], 1).await.unwrap();
    stage.wait_until(lapsed.held_until).await;
    let scope = Scope::new().reservation(held.id).reservation(lapsed.id);
    let sweep = move |records: &mut Records| {
        Ok([held.id, lapsed.id].into_iter().filter(|id| expire(records, *id)).count())
    };
    assert_eq!(stage.store.decide(scope, sweep).await.unwrap(), 1, "one was given back before");

    let scope = Scope::new()
        .reservation(held.id)
        .room(RoomId::SITE)
        .tokens([buyer.token_id])
        .account(buyer.user_id);
    let take_hold_of_all = move |records: &mut Records| {
        records.reservations.get_mut(&held.id).unwrap();
        records.rooms.get_mut(&RoomId::SITE).unwrap();
        records.tokens.get_mut(&buyer.token_id).unwrap();
        records.accounts.get_mut(&buyer.user_id).unwrap();
        Ok(records.is_unchanged_since(None))
    };
    assert!(stage.store.decide(scope, take_hold_of_all).await.unwrap());
}

pub async fn one_key_has_one_effect_within_a_group_and_later(stage: &Stage) {
    let user_id = stage.user().await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let stage = stage.clone();
        calls.spawn(async move { charge_by_key(&stage, user_id, 1).await.unwrap() });
    }
    let mut answers = calls.join_all().await;
    answers.push(charge_by_key(stage, user_id, 1).await.unwrap());
    answers.sort_by_key(|(replayed, _)| *replayed);
    assert!(answers.windows(2).all(|pair| pair[0].1 == pair[1].1), "all answers are the same");
    assert_eq!(answers.iter().filter(|(replayed, _)| !replayed).count(), 1);
    assert_eq!(stage.balance(user_id).await, 10);
    let other_body = charge_by_key(stage, user_id, 2).await;
    assert!(matches!(other_body, Err(UpdateError::Refused(Refusal::IdempotencyKeyReused))));
}

async fn charge_by_key(
    stage: &Stage,
    user_id: UserId,
    fingerprint: u8,
) -> Result<(bool, domain::cash::CashEntry), UpdateError> {
    let id = stage.id();
    let key = IdempotencyKey { user_id, call: "charge".into(), key: "열쇠".into() };
    let scope = Scope::new().user(user_id).account(user_id).kept_answer(Some(key.clone()));
    let request = IdempotentRequest { key, fingerprint: [fingerprint; 32] };
    let decide = move |records: &mut Records| {
        let most = domain::money::Amount::MAX;
        let policy = domain::cash::CashPolicy {
            charge_max: most,
            balance_max: most,
            top_ups_pending_max: 1,
        };
        let charge = |records: &mut Records| domain::cash::charge(records, user_id, id, 10, policy);
        once(records, Some(&request), charge)
    };
    let answered = stage.store.decide(scope, decide).await?;
    Ok((answered.replayed, answered.value))
}

pub async fn time_only_ever_goes_on(stage: &Stage) {
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let stage = stage.clone();
        let now = |records: &mut Records| Ok(records.now);
        calls.spawn(async move {
            let first = stage.store.decide(Scope::new(), now).await.unwrap();
            first < stage.store.decide(Scope::new(), now).await.unwrap()
        });
    }
    assert!(calls.join_all().await.into_iter().all(|went_on| went_on));
}

pub async fn an_email_is_taken_once(stage: &Stage) {
    let email = Email::new("same@example.com").unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (stage, email, id) = (stage.clone(), email.clone(), stage.id::<UserId>());
        calls.spawn(async move {
            let scope = Scope::new().email(email.clone());
            let sign_up = move |records: &mut Records| {
                if records.user_of_email(&email).is_some() {
                    return Err(Refusal::EmailTaken);
                }
                records.users.insert(User {
                    id,
                    email: email.clone(),
                    name: UserName::new("somebody").unwrap(),
                    role: Role::Buyer,
                    password_hash: None,
                    created_at: records.now,
                    disabled_at: None,
                    signed_out: None,
                });
                Ok(())
            };
            stage.store.decide(scope, sign_up).await.is_ok()
        });
    }
    assert_eq!(calls.join_all().await.into_iter().filter(|made| *made).count(), 1);
}
