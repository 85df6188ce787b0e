//! Promises about payments through an outside provider.

use domain::ids::{PaymentId, UserId};
use domain::page::PageRequest;
use domain::payment::{PaymentState, Receipt, RefundPolicy, RefundRequest, refund};
use domain::ports::{Unsettled, UpdateError};
use domain::provider_charge::{ProviderChargeState, Verdict};
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::reservation::ReservationStatus;
use domain::settling::{Heard, hear, take_on};
use tokio::task::JoinSet;

use crate::Stage;
use crate::stage::{Buyer, SETTLING};

pub(crate) async fn hear_of(
    stage: &Stage,
    asked: &Receipt,
    verdict: Verdict,
) -> Result<Heard<Receipt>, UpdateError> {
    let (id, entry_id) = (asked.payment.id, stage.id());
    let token = asked.payment.provider.as_ref().map(|charge| charge.token_id);
    let scope = Scope::new().payment(id).account(asked.payment.user_id).tokens(token);
    let decide = move |records: &mut Records| hear(records, id, &verdict, entry_id, SETTLING);
    stage.store.decide(scope, decide).await
}

pub(crate) fn no() -> Verdict {
    Verdict::Declined { reason: "한도 초과 💳 ' -- <b>".into() }
}

async fn status(stage: &Stage, asked: &Receipt) -> ReservationStatus {
    let found = stage.orders.reservation(asked.reservation.id).await.unwrap().unwrap();
    found.status(stage.clock.now())
}

async fn due(stage: &Stage) -> Vec<PaymentId> {
    stage.due_work.payments_to_ask(stage.clock.now(), 100).await.unwrap()
}

pub async fn a_pending_payment_pins_its_hold_until_it_is_settled(stage: &Stage) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0], 1).await.unwrap();
    let asked = stage.pay_through_provider(buyer, held.id).await.unwrap();
    assert_eq!(asked.payment.state, PaymentState::Pending);
    assert_eq!(stage.orders.payment(asked.payment.id).await.unwrap(), Some(asked.clone()));
    stage.wait_until(held.held_until).await;

    let now = stage.clock.now();
    assert!(stage.due_work.lapsed_holds(now, 100).await.unwrap().is_empty());
    let other = stage.buyer().await;
    let refused = stage.hold(other, &[0], 300).await;
    let seat_numbers = vec!["나-1-0".to_owned()];
    let taken = Refusal::SeatAlreadyReserved { seat_numbers };
    assert!(matches!(refused, Err(UpdateError::Refused(found)) if found == taken));
    let counts = stage.catalogue.available_seat_counts(stage.concert_id(), now).await.unwrap();
    assert_eq!(counts[0].1, Stage::SEATS - 1);
    assert_eq!(status(stage, &asked).await, ReservationStatus::Held);
    let reserved = Scope::new().reserved_by(buyer.user_id, stage.concert_id());
    let count = |records: &mut Records| Ok(records.reservations.iter().count());
    assert_eq!(stage.store.decide(reserved, count).await.unwrap(), 1, "it counts as the buyer's");

    let heard = hear_of(stage, &asked, Verdict::Charged).await.unwrap().outcome;
    assert_eq!(heard.payment.state, PaymentState::Succeeded);
    assert_eq!(stage.orders.payment(asked.payment.id).await.unwrap(), Some(heard));
    assert_eq!(stage.balance(buyer.user_id).await, 9 * Stage::PRICE);
}

pub async fn a_payment_that_failed_gives_everything_back_and_says_why(stage: &Stage) {
    let buyer = stage.buyer().await;
    let held = stage.hold(buyer, &[0, 1], 300).await.unwrap();
    let asked = stage.pay_through_provider(buyer, held.id).await.unwrap();
    assert_eq!(stage.balance(buyer.user_id).await, 8 * Stage::PRICE);
    let heard = hear_of(stage, &asked, no()).await.unwrap().outcome;
    let found = stage.orders.payment(asked.payment.id).await.unwrap().unwrap();
    assert_eq!(found, heard);
    assert!(matches!(found.payment.state, PaymentState::Failed { reason, .. }
        if reason == "한도 초과 💳 ' -- <b>"));
    assert_eq!(status(stage, &asked).await, ReservationStatus::Cancelled);
    assert_eq!(stage.balance(buyer.user_id).await, 10 * Stage::PRICE);
    let again = stage.hold(buyer, &[0, 1], 300).await.unwrap();
    stage.pay(buyer, again.id).await.unwrap();
}

pub async fn whatever_a_provider_says_at_once_has_one_outcome(stage: &Stage) {
    let mut races = JoinSet::new();
    for n in 0..20 {
        let buyer = stage.buyer().await;
        let held = stage.hold(buyer, &[n], 300).await.unwrap();
        let asked = stage.pay_through_provider(buyer, held.id).await.unwrap();
        let stage = stage.clone();
        races.spawn(async move {
            let said = [Verdict::Charged, no(), Verdict::Charged, no(), Verdict::Pending];
            let mut notices = JoinSet::new();
            for verdict in said {
                let (stage, asked) = (stage.clone(), asked.clone());
                notices.spawn(async move { hear_of(&stage, &asked, verdict).await.unwrap() });
            }
            notices.join_all().await;
            let now = stage.orders.payment(asked.payment.id).await.unwrap().unwrap();
            (now, stage.balance(buyer.user_id).await, status(&stage, &asked).await)
        });
    }
    for (now, balance, reservation) in races.join_all().await {
        let charge = now.payment.provider.unwrap().state;
        match now.payment.state {
            PaymentState::Succeeded => {
                assert_eq!(charge, ProviderChargeState::Charged);
                assert_eq!(
                    (balance, reservation),
                    (9 * Stage::PRICE, ReservationStatus::Confirmed)
                );
            }
            PaymentState::Failed { .. } => {
                assert!(matches!(charge, ProviderChargeState::ReturnDue(_)), "{charge:?}");
                assert_eq!(
                    (balance, reservation),
                    (10 * Stage::PRICE, ReservationStatus::Cancelled)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

pub async fn what_the_provider_owes_is_found_and_taken_on_by_one(stage: &Stage) {
    let mut asked = Vec::new();
    let mut buyers: Vec<Buyer> = Vec::new();
    for n in 0..3 {
        let buyer = stage.buyer().await;
        let held = stage.hold(buyer, &[n], 300).await.unwrap();
        asked.push(stage.pay_through_provider(buyer, held.id).await.unwrap());
        buyers.push(buyer);
    }
    assert!(due(stage).await.is_empty(), "the first answers have their time");
    hear_of(stage, &asked[0], Verdict::Charged).await.unwrap();
    give_back(stage, buyers[0].user_id, asked[0].payment.id).await;
    assert_eq!(due(stage).await, [asked[0].payment.id], "what is refunded is due at once");

    let first_due = asked[1].payment.provider.as_ref().and_then(|charge| charge.question());
    let last_due = asked[2].payment.provider.as_ref().and_then(|charge| charge.question());
    let (settle_by, last_due) = (first_due.unwrap().settle_by, last_due.unwrap().ask_at);
    let now = stage.clock.now();
    let unsettled = Unsettled { pending: 2, return_due: 1, overdue: 0 };
    assert_eq!(stage.due_work.unsettled(now).await.unwrap(), unsettled);
    let later = stage.due_work.unsettled(settle_by).await.unwrap();
    assert_eq!(later, Unsettled { overdue: 1, ..unsettled });
    let page = |after| PageRequest { limit: 2, after };
    let newest = stage.orders.unsettled_payments(page(None)).await.unwrap().unwrap();
    let oldest = stage.orders.unsettled_payments(page(newest.next)).await.unwrap().unwrap();
    let listed = newest.items.iter().chain(&oldest.items).map(|receipt| receipt.payment.id);
    assert!(listed.eq(asked.iter().rev().map(|receipt| receipt.payment.id)));

    stage.wait_until(last_due).await;
    let ids = due(stage).await;
    assert_eq!(ids.len(), 3);
    let mut races = JoinSet::new();
    for _ in 0..4 {
        let (stage, ids) = (stage.clone(), ids.clone());
        races.spawn(async move {
            let scope = ids.iter().fold(Scope::new(), |scope, id| scope.payment(*id));
            let decide = move |records: &mut Records| Ok(take_on(records, &ids, SETTLING).len());
            stage.store.decide(scope, decide).await.unwrap()
        });
    }
    assert_eq!(races.join_all().await.into_iter().sum::<usize>(), 3);
    assert!(due(stage).await.is_empty());
    hear_of(stage, &asked[0], Verdict::Returned).await.unwrap();
    hear_of(stage, &asked[1], Verdict::Charged).await.unwrap();
    hear_of(stage, &asked[2], no()).await.unwrap();
    let nothing = stage.due_work.unsettled(settle_by).await.unwrap();
    assert_eq!(nothing, Unsettled::default());
}

async fn give_back(stage: &Stage, user_id: UserId, payment_id: PaymentId) {
    let ask = RefundRequest {
        payment_id,
        entry_id: stage.id(),
        user_id,
        returns_after: chrono::TimeDelta::zero(),
    };
    let scope = Scope::new().payment(payment_id).account(user_id);
    let policy = RefundPolicy { until_hours: 24 };
    let decide = move |records: &mut Records| refund(records, &ask, policy, SETTLING);
    stage.store.decide(scope, decide).await.unwrap();
}
