//! Paying through an outside provider.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Theatre, text};
use crate::provider::{Decision, Delivery, Plan, Provider, with_provider};

const PATIENCE: Duration = Duration::from_secs(60);

/// A theatre that pays through the provider, and hears its notices.
pub(crate) async fn theatre(provider: &Provider, seats: u32) -> Theatre {
    theatre_in(provider, provider.installation(), seats).await
}

/// One that waits for the provider as long as a busy machine may take.
async fn patient_theatre(provider: &Provider, seats: u32) -> Theatre {
    let installation = provider.installation().with("GATEWAY_TIMEOUT_MS", 5_000);
    theatre_in(provider, installation, seats).await
}

async fn theatre_in(provider: &Provider, installation: Installation, seats: u32) -> Theatre {
    let theatre = Theatre::open_in(installation, 10, seats).await;
    provider.tell(theatre.server.address());
    theatre
}

/// Somebody who is let in, has 100,000 in cash, and holds that seat.
pub(crate) async fn holder(theatre: &Theatre, seat: usize) -> (Caller, String) {
    let buyer = theatre.buyer(100_000).await;
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(seat)]).await.expect(201);
    (buyer, text(&held, "reservation_id"))
}

/// What somebody has in cash.
pub(crate) async fn balance(caller: &Caller) -> i64 {
    caller.get("/api/users/balance").await.expect(200)["balance"].as_i64().unwrap()
}

async fn reservation(caller: &Caller, id: &str) -> Value {
    caller.get(&format!("/api/reservations/{id}")).await.expect(200)
}

/// Waits until the payment has come to `status`.
pub(crate) async fn until(caller: &Caller, payment: &str, status: &str) -> Value {
    let began = Instant::now();
    loop {
        let found = caller.get(&format!("/api/payments/{payment}")).await.expect(200);
        if found["status"] == status {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "still {found}, not {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the provider has the payment in `state`.
pub(crate) async fn until_at(provider: &Provider, payment: &str, state: &str) {
    let began = Instant::now();
    while provider.charge(payment).state != state {
        assert!(began.elapsed() < PATIENCE, "{:?}", provider.charge(payment));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The second diagram's eighth picture, with the provider where it has the payment module.
#[tokio::test]
async fn the_payment_of_the_second_diagram_step_by_step() {
    let provider = Provider::honest().await;
    let theatre = patient_theatre(&provider, 2).await;
    let buyer = theatre.buyer(60_000).await;
    let both = [theatre.seat(0), theatre.seat(1)];
    let held = buyer.hold(&theatre.concert.show, &both).await.expect(201);
    let held = text(&held, "reservation_id");

    // Token, and balance: the provider is not asked.
    theatre.server.anyone().pay(&held).await.refused(401, "invalid_token");
    let short = buyer.pay(&held).await.refused(402, "insufficient_balance");
    assert_eq!((&short["balance"], &short["amount"]), (&60_000.into(), &100_000.into()));
    assert!(provider.charges().is_empty());

    // The provider says no: the seats are released, and nothing is taken.
    buyer.charge(40_000).await;
    provider.plan(Plan::that(Decision::Decline));
    let failed = buyer.pay(&held).await.refused(402, "payment_failed");
    assert_eq!(failed["reason"], "no credit");
    assert_eq!(theatre.statuses(&buyer).await, ["available", "available"]);
    assert_eq!(
        (balance(&buyer).await, &reservation(&buyer, &held).await["status"]),
        (100_000, &json!("cancelled"))
    );
    let told = until(&buyer, &text(&failed, "payment_id"), "failed").await;
    assert_eq!((&told["amount"], &told["reservation_id"]), (&100_000.into(), &json!(held)));

    // It says yes: balance, seats, reservation, history and token, all together.
    provider.plan(Plan::default());
    let held = buyer.hold(&theatre.concert.show, &both).await.expect(201);
    let held = text(&held, "reservation_id");
    let paid = buyer.pay(&held).await.expect(201);
    assert_eq!((&paid["status"], &paid["balance_after"]), (&json!("succeeded"), &0.into()));
    assert_eq!(reservation(&buyer, &held).await["status"], "confirmed");
    buyer.until("done").await;
    let history = buyer.get("/api/payments").await.expect(200);
    assert_eq!(
        (&history["payments"][0], &history["payments"][1]["status"]),
        (&paid, &json!("failed"))
    );
    let entries = buyer.get("/api/users/balance/entries").await.expect(200);
    let kinds = entries["entries"].as_array().unwrap().iter().map(|entry| text(entry, "kind"));
    assert!(kinds.eq(["payment", "refund", "payment", "charge", "charge"]));

    let charge = provider.charge(&text(&paid, "payment_id"));
    assert_eq!((charge.taken, charge.amount, charge.asked), (1, 100_000, vec!["authorise".into()]));
    assert!(provider.forged().is_empty());
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_provider_that_hangs_leaves_a_pending_payment_that_pins_the_hold() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let installation =
        provider.installation().with("HOLD_SECONDS", 2).with("GATEWAY_TIMEOUT_MS", 5_000);
    let theatre = Theatre::open_in(installation, 10, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let other = theatre.buyer(100_000).await;
    let with_key = buyer.with_key("once");
    let pending = with_key.pay(&held).await.expect(202);
    assert_eq!(
        (&pending["status"], &pending["balance_after"]),
        (&json!("pending"), &50_000.into())
    );
    let id = text(&pending, "payment_id");

    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert_eq!(theatre.statuses(&other).await, ["held"], "long after the hold's end");
    other
        .hold(&theatre.concert.show, &[theatre.seat(0)])
        .await
        .refused(409, "seat_already_reserved");
    assert_eq!(reservation(&buyer, &held).await["status"], "held");
    buyer.delete(&format!("/api/reservations/{held}")).await.refused(409, "not_held");
    let refund = buyer.account().post(&format!("/api/payments/{id}/refund"), json!({})).await;
    refund.refused(409, "not_refundable");
    other.get(&format!("/api/payments/{id}")).await.refused(404, "not_found");
    assert_eq!(balance(&buyer).await, 50_000);
    let again = with_key.pay(&held).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(202)["payment_id"], json!(id));
    buyer.with_key("once").pay(&unknown()).await.refused(422, "idempotency_key_reused");

    provider.set(&id, "charged");
    let paid = with_key.pay(&held).await.expect(201);
    assert_eq!((&paid["status"], &paid["payment_id"]), (&json!("succeeded"), &json!(id)));
    assert_eq!(with_key.pay(&held).await.expect(201), paid);
    assert_eq!(reservation(&buyer, &held).await["status"], "confirmed");
    assert_eq!(provider.charge(&id).taken, 1);
    theatre.installation.assert_sound();
}

/// An id of nothing.
pub(crate) fn unknown() -> String {
    uuid::Uuid::now_v7().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_silence_left_open_is_settled_without_the_buyer() {
    let (cut, wait) = (Delivery::CutAfter, Delivery::WaitBefore(Duration::from_secs(1)));
    let mut cases = JoinSet::new();
    for (plan, status, left) in [
        (Plan::that(Decision::Charge).after([cut, cut]), "succeeded", 50_000),
        (Plan::that(Decision::Charge).after([Delivery::CutBefore; 2]), "succeeded", 50_000),
        (Plan::that(Decision::Charge).after([wait]), "succeeded", 50_000),
        (Plan::that(Decision::Decline).after([cut, cut]), "failed", 100_000),
        (Plan::that(Decision::Charge).after([Delivery::Fail]), "succeeded", 50_000),
        (Plan::that(Decision::Decline).after([Delivery::Garbage]), "failed", 100_000),
    ] {
        cases.spawn(async move {
            let provider = Provider::with(move || plan.clone()).await;
            let theatre = theatre(&provider, 1).await;
            let (buyer, held) = holder(&theatre, 0).await;
            let pending = buyer.pay(&held).await.expect(202);
            let id = text(&pending, "payment_id");
            until(&buyer, &id, status).await;
            assert_eq!(balance(&buyer).await, left);
            let charge = provider.charge(&id);
            assert_eq!(charge.taken, u32::from(status == "succeeded"), "{charge:?}");
            theatre.installation.assert_sound();
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_asked_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let theatre = Theatre::open_in(with_provider(&format!("http://{address}/pay")), 10, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let pending = buyer.pay(&held).await.expect(202);
    let provider = Provider::at(TcpListener::bind(address).await.unwrap(), Plan::default);
    let paid = until(&buyer, &text(&pending, "payment_id"), "succeeded").await;
    assert_eq!(provider.charge(&text(&paid, "payment_id")).taken, 1);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_server_killed_while_the_provider_thinks_settles_after_its_start() {
    let slow = Delivery::WaitAfter(Duration::from_millis(400));
    let provider = Provider::with(move || Plan::default().after([slow])).await;
    let theatre = theatre(&provider, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let Theatre { installation, server, .. } = theatre;
    let paying = tokio::spawn({
        let (buyer, held) = (buyer.with_key("once"), held.clone());
        async move { buyer.try_post("/api/payments", json!({ "reservation_id": held })).await }
    });
    while provider.charges().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.kill();
    assert!(paying.await.unwrap().is_err());
    installation.assert_sound();
    let server = installation.start();
    let buyer = buyer.at(&server);
    let payments = buyer.get("/api/payments").await.expect(200);
    until(&buyer, &text(&payments["payments"][0], "payment_id"), "succeeded").await;
    let paid = buyer.with_key("once").pay(&held).await.expect(201);
    assert_eq!(provider.charge(&text(&paid, "payment_id")).taken, 1);
    installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_and_however_somebody_pays_there_is_one_charge() {
    let slow = Delivery::WaitAfter(Duration::from_millis(200));
    let provider = Provider::with(move || Plan::default().after([slow; 5])).await;
    let theatre = theatre(&provider, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let mut clicks = JoinSet::new();
    for n in 0..20 {
        let buyer = match n % 3 {
            0 => buyer.clone(),
            1 => buyer.with_key("once"),
            _ => buyer.with_key(&format!("key {n}").replace(' ', "-")),
        };
        let held = held.clone();
        clicks.spawn(async move { buyer.pay(&held).await });
    }
    let mut ids = Vec::new();
    for answer in clicks.join_all().await {
        match answer.status.as_u16() {
            201 | 202 => ids.push(text(&answer.body, "payment_id")),
            _ => drop(answer.refused(403, "token_expired")),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let paid = until(&buyer, &ids[0], "succeeded").await;
    assert_eq!((&paid["balance_after"], balance(&buyer).await), (&50_000.into(), 50_000));
    assert_eq!((provider.charges().len(), provider.charge(&ids[0]).taken), (1, 1));
    theatre.installation.assert_sound();
}

/// A payment that the provider leaves open.
pub(crate) async fn open_payment(theatre: &Theatre, seat: usize) -> (Caller, String) {
    let (buyer, held) = holder(theatre, seat).await;
    let pending = buyer.pay(&held).await.expect(202);
    (buyer, text(&pending, "payment_id"))
}

#[tokio::test]
async fn a_refund_is_given_back_by_the_provider_once() {
    let lost = [Delivery::Whole, Delivery::CutAfter, Delivery::CutBefore, Delivery::Fail];
    let provider = Provider::with(move || Plan::default().after(lost)).await;
    let theatre = patient_theatre(&provider, 1).await;
    let (buyer, held) = holder(&theatre, 0).await;
    let paid = buyer.pay(&held).await.expect(201);
    let id = text(&paid, "payment_id");
    let refunded =
        buyer.account().post(&format!("/api/payments/{id}/refund"), json!({})).await.expect(200);
    assert_eq!((&refunded["status"], balance(&buyer).await), (&json!("refunded"), 100_000));
    let unsettled = || async {
        let listed = theatre.operator.get("/api/admin/payments").await.expect(200);
        listed["payments"].as_array().unwrap().len()
    };
    let began = Instant::now();
    while unsettled().await > 0 {
        assert!(began.elapsed() < PATIENCE, "{:?}", provider.charge(&id));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let charge = provider.charge(&id);
    assert_eq!((charge.state, charge.taken, charge.given_back), ("returned", 1, 1));
    assert_eq!(theatre.statuses(&theatre.buyer(0).await).await, ["available"]);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn what_the_provider_owes_while_the_service_is_away_is_not_late() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let installation = provider.installation().with("GATEWAY_SETTLE_SECONDS", 6);
    let theatre = Theatre::open_in(installation, 10, 2).await;
    let (buyer, id) = open_payment(&theatre, 0).await;
    let Theatre { installation, server, .. } = theatre;
    server.kill();
    tokio::time::sleep(Duration::from_secs(8)).await;
    installation.assert_sound();
    provider.set(&id, "charged");
    let server = installation.start();
    installation.assert_sound();
    until(&buyer.at(&server), &id, "succeeded").await;
    installation.assert_sound();
}

#[tokio::test]
async fn an_operator_is_told_of_what_stays_open_and_can_end_it() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let installation = provider.installation().with("GATEWAY_SETTLE_SECONDS", 1);
    let theatre = Theatre::open_in(installation, 10, 2).await;
    let (buyer, id) = open_payment(&theatre, 0).await;
    let operator = &theatre.operator;
    buyer.get("/api/admin/payments").await.refused(401, "invalid_token");
    let user = theatre.server.user("curious").await;
    user.get("/api/admin/payments").await.refused(403, "forbidden");
    let undo = format!("/api/admin/payments/{id}/undo");
    user.post(&undo, json!({})).await.refused(403, "forbidden");
    let unknown = format!("/api/admin/payments/{}/undo", unknown());
    operator.post(&unknown, json!({})).await.refused(404, "not_found");

    let began = Instant::now();
    let told = loop {
        let listed = operator.get("/api/admin/payments").await.expect(200);
        let one = listed["payments"][0].clone();
        if one["overdue"] == true && one["asks"] != 0 {
            break one;
        }
        assert!(began.elapsed() < PATIENCE, "{listed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((&told["payment_id"], &told["status"]), (&json!(id), &json!("pending")));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let metrics = theatre.server.anyone().get("/metrics").await.expect(200);
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("stagedoor_payments_unsettled{state=\"overdue\"} 1\n"), "{metrics}");
    let log = theatre.installation.log();
    assert!(log.contains("owes an answer for too long") && log.contains(&id), "{log}");
    let audit = theatre.installation.run(&["audit"], "");
    let said = String::from_utf8(audit.stdout).unwrap();
    assert!(!audit.status.success() && said.contains(&id), "{said}");

    let keyed = operator.with_key("undo");
    let undone = keyed.post(&undo, json!({})).await.expect(200);
    assert_eq!(undone["status"], "failed");
    assert_eq!(keyed.post(&undo, json!({})).await.expect(200), undone);
    operator.post(&undo, json!({})).await.refused(409, "not_pending");
    assert_eq!(
        (until(&buyer, &id, "failed").await["status"].clone(), balance(&buyer).await),
        (json!("failed"), 100_000)
    );
    assert_eq!(theatre.statuses(&buyer).await[0], "available");
    until_at(&provider, &id, "returned").await;
    let began = Instant::now();
    while !theatre.operator.get("/api/admin/payments").await.expect(200)["payments"]
        .as_array()
        .unwrap()
        .is_empty()
    {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    theatre.installation.assert_sound();
}
