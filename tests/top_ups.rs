//! Where cash comes from: anybody, a payment provider, or operators.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Server, Theatre, text};
use crate::paying::{balance, until_at};
use crate::provider::{Decision, Delivery, NoticeKind, Plan, Provider, notify, now};

const PATIENCE: Duration = Duration::from_secs(120);

/// An installation whose cash comes through the provider.
fn installation(provider: &Provider) -> Installation {
    provider.installation().with("CHARGES", "provider").with("SWEEP_INTERVAL_MS", 100)
}

async fn top_up(user: &Caller, amount: i64) -> crate::harness::Answer {
    user.post("/api/users/balance", json!({ "amount": amount })).await
}

/// Waits until a top-up has come to `status`.
async fn until(user: &Caller, id: &str, status: &str) -> Value {
    let began = Instant::now();
    loop {
        let found = user.get(&format!("/api/users/balance/top_ups/{id}")).await.expect(200);
        if found["status"] == status {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn cash_comes_in_when_the_provider_has_charged_and_seats_are_paid_for_with_that_alone() {
    let provider = Provider::honest().await;
    let theatre = Theatre::open_in(installation(&provider), 10, 2).await;
    let buyer = theatre.buyer(0).await;
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["charges"], "provider");
    let keyed = buyer.with_key("once");
    let charged = keyed.post("/api/users/balance", json!({ "amount": 50_000 })).await.expect(200);
    assert_eq!((&charged["balance"], &charged["charged_amount"]), (&50_000.into(), &50_000.into()));
    let again = keyed.post("/api/users/balance", json!({ "amount": 50_000 })).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(200), charged);
    let id = text(&charged, "top_up_id");
    let charge = provider.charge(&id);
    assert_eq!((charge.taken, charge.amount), (1, 50_000));
    let listed = buyer.get("/api/users/balance/top_ups").await.expect(200);
    let shown = buyer.get(&format!("/api/users/balance/top_ups/{id}")).await.expect(200);
    assert_eq!(listed["top_ups"], json!([shown]));
    assert_eq!((&shown["status"], &shown["entry_id"]), (&json!("succeeded"), &charged["entry_id"]));
    let entries = buyer.get("/api/users/balance/entries").await.expect(200);
    assert_eq!(
        (&entries["entries"][0]["kind"], &entries["entries"][0]["reference"]),
        (&json!("charge"), &json!(id))
    );

    // For seats, nobody is asked: however the provider is, there is one commit.
    provider.plan(Plan::that(Decision::Decline));
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    assert_eq!((&paid["status"], &paid["balance_after"]), (&json!("succeeded"), &0.into()));
    assert_eq!(provider.charges().len(), 1);

    let failed = top_up(&buyer.account(), 7_000).await.refused(402, "top_up_failed");
    assert_eq!((&failed["reason"], balance(&buyer).await), (&json!("no credit"), 0));
    let failed = text(&failed, "top_up_id");
    assert_eq!(until(&buyer, &failed, "failed").await["reason"], "no credit");
    let other = theatre.server.user("other").await;
    other.get(&format!("/api/users/balance/top_ups/{failed}")).await.refused(404, "not_found");
    assert_eq!(other.get("/api/users/balance/top_ups").await.expect(200)["top_ups"], json!([]));
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_top_up_that_the_provider_leaves_open_is_never_guessed_and_settled_without_the_user() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let theatre = Theatre::open_in(installation(&provider), 10, 1).await;
    let user = theatre.server.user("user").await;
    let keyed = user.with_key("once");
    let pending = keyed.post("/api/users/balance", json!({ "amount": 7_000 })).await.expect(202);
    let id = text(&pending, "top_up_id");
    assert_eq!((&pending["status"], balance(&user).await), (&json!("pending"), 0));
    let unsettled = theatre.operator.get("/api/admin/top_ups").await.expect(200);
    assert_eq!(unsettled["top_ups"][0]["top_up_id"], json!(id));
    user.get("/api/admin/top_ups").await.refused(403, "forbidden");

    // A notice settles it, and only one that is signed.
    provider.set(&id, "charged");
    let server = theatre.server.address();
    let forged = notify(server, NoticeKind::Forged, &id, "charged", now()).await.unwrap();
    assert_eq!((forged.0, balance(&user).await), (401, 0));
    let heard = notify(server, NoticeKind::Right, &id, "charged", now()).await.unwrap();
    assert_eq!((heard.0, balance(&user).await), (204, 7_000));
    let charged = keyed.post("/api/users/balance", json!({ "amount": 7_000 })).await.expect(200);
    assert_eq!((&charged["top_up_id"], &charged["balance"]), (&json!(id), &7_000.into()));

    // So does the sweeper, whoever has gone away.
    let pending = top_up(&user, 5_000).await.expect(202);
    let id = text(&pending, "top_up_id");
    let Theatre { installation, server, .. } = theatre;
    server.kill();
    installation.assert_sound();
    provider.set(&id, "charged");
    let server = installation.start();
    let user = user.at(&server);
    until(&user, &id, "succeeded").await;
    assert_eq!((balance(&user).await, provider.charge(&id).taken), (12_000, 1));
    installation.assert_sound();
}

#[tokio::test]
async fn a_top_up_is_undone_by_an_operator_or_by_itself_and_a_late_yes_is_given_back() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let installation = installation(&provider).with("GATEWAY_UNDO_SECONDS", 2);
    let theatre = Theatre::open_in(installation, 10, 1).await;
    let (user, operator) = (theatre.server.user("user").await, &theatre.operator);
    let first = text(&top_up(&user, 7_000).await.expect(202), "top_up_id");
    let undo = format!("/api/admin/top_ups/{first}/undo");
    user.post(&undo, json!({})).await.refused(403, "forbidden");
    let keyed = operator.with_key("undo");
    let undone = keyed.post(&undo, json!({})).await.expect(200);
    assert_eq!(undone["status"], "undone");
    assert_eq!(keyed.post(&undo, json!({})).await.expect(200), undone);
    operator.post(&undo, json!({})).await.refused(409, "not_pending");
    let second = text(&top_up(&user, 5_000).await.expect(202), "top_up_id");
    until(&user, &second, "undone").await;
    for id in [first, second] {
        provider.set(&id, "charged");
        let notice = notify(theatre.server.address(), NoticeKind::Right, &id, "charged", now());
        assert_eq!(notice.await.unwrap().0, 204);
        until_at(&provider, &id, "returned").await;
        let charge = provider.charge(&id);
        assert_eq!(charge.taken, charge.given_back, "{charge:?}");
        until(&user, &id, "undone").await;
    }
    assert_eq!(balance(&user).await, 0);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_user_has_only_so_many_top_ups_pending() {
    let provider = Provider::with(|| Plan::that(Decision::Wait)).await;
    let installation = installation(&provider).with("TOP_UPS_PENDING_MAX", 2);
    let theatre = Theatre::open_in(installation.with("BALANCE_MAX", 10_000), 10, 1).await;
    let (user, other) = (theatre.server.user("user").await, theatre.server.user("other").await);
    let mut asking = JoinSet::new();
    for _ in 0..10 {
        let user = user.clone();
        asking.spawn(async move { top_up(&user, 4_000).await });
    }
    let answers = asking.join_all().await;
    let (pending, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 202);
    assert_eq!((pending.len(), provider.charges().len()), (2, 2));
    for answer in refused {
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(answer.refused(429, "too_many_top_ups")["limit"], 2);
    }
    top_up(&other, 4_000).await.expect(202);
    // What is pending counts towards the cap.
    let first = text(&pending[0].body, "top_up_id");
    let undo = format!("/api/admin/top_ups/{first}/undo");
    theatre.operator.post(&undo, json!({})).await.expect(200);
    assert_eq!(top_up(&user, 6_001).await.refused(400, "invalid_amount")["max"], 6_000);
    top_up(&user, 6_000).await.expect(202);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn where_operators_credit_accounts_nobody_else_makes_cash() {
    let installation = Installation::new().with("CHARGES", "operators");
    let theatre = Theatre::open_in(installation, 10, 1).await;
    let (user, operator) = (theatre.server.user("user").await, &theatre.operator);
    assert_eq!(user.get("/api/users/balance").await.expect(200)["charges"], "operators");
    for caller in [&user, operator] {
        top_up(caller, 1).await.refused(403, "charging_closed");
    }
    let me = text(&user.get("/api/users/me").await.expect(200), "user_id");
    let credits = format!("/api/admin/users/{me}/credits");
    let gift = json!({ "amount": 50_000, "reason": "상품권 🎁" });
    user.post(&credits, gift.clone()).await.refused(403, "forbidden");
    theatre.server.anyone().post(&credits, gift.clone()).await.refused(401, "invalid_token");
    let keyed = operator.with_key("gift");
    let credited = keyed.post(&credits, gift.clone()).await.expect(201);
    assert_eq!(keyed.post(&credits, gift.clone()).await.expect(201), credited);
    assert_eq!((&credited["balance"], balance(&user).await), (&50_000.into(), 50_000));
    for wrong in
        [json!({ "amount": 0, "reason": "x" }), json!({ "amount": 100_000_000, "reason": "x" })]
    {
        operator.post(&credits, wrong).await.refused(400, "invalid_amount");
    }
    for wrong in [json!({ "amount": 1 }), json!({ "amount": 1, "reason": "" })] {
        operator.post(&credits, wrong).await.refused(400, "invalid_request");
    }
    let nobodys = format!("/api/admin/users/{}/credits", uuid::Uuid::now_v7());
    operator.post(&nobodys, gift).await.refused(404, "not_found");
    let entries = user.get("/api/users/balance/entries").await.expect(200);
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["reason"]), (1, &json!("상품권 🎁")));
    assert_eq!((&entries[0]["kind"], &entries[0]["reference"]), (&json!("charge"), &Value::Null));
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn no_operator_makes_cash_where_the_provider_charges_for_it() {
    let provider = Provider::honest().await;
    let theatre = Theatre::open_in(installation(&provider), 10, 1).await;
    let user = theatre.server.user("user").await;
    let me = text(&user.get("/api/users/me").await.expect(200), "user_id");
    let credits = format!("/api/admin/users/{me}/credits");
    let gift = json!({ "amount": 1, "reason": "gift" });
    theatre.operator.post(&credits, gift).await.refused(403, "charging_closed");
}

#[test]
fn a_server_says_where_cash_comes_from_or_has_to_be_told() {
    let undecided = Installation::new().with("SECRET", crate::harness::SECRET);
    let undecided = undecided.with("CHARGES", "");
    let undecided = if crate::ON_POSTGRES {
        undecided
    } else {
        crate::provider::paying_through(undecided, "http://127.0.0.1:9/pay")
    };
    let refused = undecided.run(&["serve"], "");
    let (_, errors) = crate::running::said(&refused);
    assert!(!refused.status.success() && errors.lines().count() == 1, "{refused:?}");
    assert!(errors.contains("STAGEDOOR_CHARGES: say where cash comes from"), "{errors}");
    // Nobody is asked who only looks, or makes an account.
    undecided.create_operator();
    undecided.assert_sound();
    for (charges, is_loud) in [("operators", false), ("open", true)] {
        let chosen = Installation::new().with("CHARGES", charges);
        let server = chosen.start();
        server.terminate();
        assert!(server.ended_well());
        let log = chosen.log();
        assert_eq!(log.matches("PLAY MONEY").count(), usize::from(is_loud), "{log}");
    }
}

/// Asks for cash until something is told of it, and says which top-up it was.
async fn ask_through(user: Caller, addresses: Vec<String>, amount: i64) -> Option<String> {
    for n in 0..40 {
        let user = user.at_address(&addresses[n % addresses.len()]).with_key("once");
        let asked = json!({ "amount": amount });
        if let Ok(answer) = user.try_post("/api/users/balance", asked).await
            && matches!(answer.status.as_u16(), 200 | 202 | 402)
        {
            return Some(text(&answer.body, "top_up_id"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_provider_and_servers_do_each_won_is_in_one_place() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut planning = StdRng::seed_from_u64(seed);
    let provider = Provider::with(move || {
        let plan = Plan::random(&mut planning);
        if planning.random_range(0..6) == 0 { plan.after([Delivery::CutAfter; 3]) } else { plan }
    })
    .await;
    let installation = installation(&provider);
    installation.create_operator();
    let mut servers: Vec<Server> =
        (0..if crate::ON_POSTGRES { 2 } else { 1 }).map(|_| installation.start()).collect();
    provider.tell(servers[0].address());
    let mut users = Vec::new();
    for n in 0..24 {
        users.push((servers[0].user("user").await, 1_000 + n));
    }
    let addresses: Vec<_> = servers.iter().map(|server| server.address().to_owned()).collect();
    let mut asking = JoinSet::new();
    for (user, amount) in users.clone() {
        asking.spawn(ask_through(user, addresses.clone(), amount));
    }
    // One is killed while it asks, and another comes in its place.
    tokio::time::sleep(Duration::from_millis(300)).await;
    servers.remove(0).kill();
    let server = installation.start();
    provider.tell(server.address());
    let told: Vec<_> = asking.join_all().await.into_iter().flatten().collect();
    let operator = server.operator().await;
    let began = Instant::now();
    while !operator.get("/api/admin/top_ups").await.expect(200)["top_ups"]
        .as_array()
        .unwrap()
        .is_empty()
    {
        assert!(began.elapsed() < PATIENCE, "{}", installation.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut charges = provider.charges();
    let mut found = HashMap::new();
    for (user, amount) in users {
        let user = user.at(&server);
        let listed = user.get("/api/users/balance/top_ups").await.expect(200);
        let top_ups = listed["top_ups"].as_array().unwrap();
        assert!(top_ups.len() <= 1, "one key, one top-up: {listed}");
        let mut expected = 0;
        for one in top_ups {
            let id = text(one, "top_up_id");
            let charge = charges.remove(&id).unwrap_or_default();
            let is_in = one["status"] == "succeeded";
            assert_eq!(
                charge.taken.checked_sub(charge.given_back),
                Some(u32::from(is_in)),
                "{one}"
            );
            assert!(charge.taken <= 1, "{charge:?}");
            expected += if is_in { amount } else { 0 };
            found.insert(id, is_in);
        }
        assert_eq!(balance(&user).await, expected, "{listed}");
    }
    assert!(charges.is_empty(), "charges that credit nobody: {charges:?}");
    assert!(told.iter().all(|id| found.contains_key(id)));
    assert!(found.values().any(|is_in| *is_in), "{found:?}");
    installation.assert_sound();
}
