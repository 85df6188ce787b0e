//! What a payment provider leaves pending for too long is undone without anybody.

use serde_json::json;

use crate::harness::Theatre;
use crate::paying::{balance, open_payment, until, until_at};
use crate::provider::{Decision, Delivery, NoticeKind, Plan, Provider, notify, now};

/// A theatre that waits for its provider for two seconds.
async fn theatre(provider: &Provider) -> Theatre {
    let installation =
        provider.installation().with("GATEWAY_UNDO_SECONDS", 2).with("SWEEP_INTERVAL_MS", 100);
    Theatre::open_in(installation, 10, 2).await
}

#[tokio::test]
async fn a_payment_that_the_provider_leaves_pending_is_undone_and_a_late_yes_given_back() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = theatre(&provider).await;
    let (buyer, id) = open_payment(&theatre, 0).await;
    assert_eq!(theatre.statuses(&buyer).await[0], "held");
    until(&buyer, &id, "failed").await;
    assert_eq!(
        (balance(&buyer).await, &theatre.statuses(&buyer).await[0][..]),
        (100_000, "available")
    );
    let retried = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await;
    retried.expect(201);
    // The provider comes back with a yes, though it is to give everything back.
    provider.set(&id, "charged");
    notify(theatre.server.address(), NoticeKind::Right, &id, "charged", now()).await.unwrap();
    until_at(&provider, &id, "returned").await;
    let charge = provider.charge(&id);
    assert_eq!((charge.taken, charge.given_back.max(1)), (charge.given_back, 1), "{charge:?}");
    assert_eq!(until(&buyer, &id, "failed").await["status"], json!("failed"));
    assert_eq!(balance(&buyer).await, 100_000);
    assert!(theatre.installation.log().contains("left this pending for too long"));
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_provider_that_says_nothing_at_all_is_not_waited_for_longer() {
    let silent = [Delivery::CutBefore; 40];
    let provider = Provider::with(move || Plan::that(Decision::Charge).after(silent)).await;
    let theatre = theatre(&provider).await;
    let (buyer, id) = open_payment(&theatre, 1).await;
    until(&buyer, &id, "failed").await;
    assert_eq!(
        (balance(&buyer).await, &theatre.statuses(&buyer).await[1][..]),
        (100_000, "available")
    );
}

#[tokio::test]
async fn a_payment_that_is_settled_in_time_is_left_alone() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = theatre(&provider).await;
    let (buyer, id) = open_payment(&theatre, 0).await;
    provider.set(&id, "charged");
    until(&buyer, &id, "succeeded").await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(until(&buyer, &id, "succeeded").await["status"], "succeeded");
    assert_eq!(theatre.statuses(&theatre.buyer(0).await).await[0], "sold");
    theatre.installation.assert_sound();
}
