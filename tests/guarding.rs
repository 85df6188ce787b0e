//! What keeps crowds and bots in check: limits, work before joining, seats that were let go.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Installation, Theatre, text};

#[tokio::test]
async fn sign_ups_sign_ins_and_joins_are_limited_by_address_and_user() {
    let limited = Installation::new()
        .with("SIGN_UPS_PER_ADDRESS", 3)
        .with("SIGN_INS_PER_USER", 2)
        .with("JOINS_PER_USER", 2)
        .with("ADDRESS_HEADER", "X-Forwarded-For");
    let server = limited.start();
    let from = |address: &str, path: &str, body: Value| {
        let anyone = server.anyone();
        let request = anyone.request(reqwest::Method::POST, path);
        let request = request.header("X-Forwarded-For", address).json(&body);
        async move { request.send().await.unwrap() }
    };
    let account = |n: u32| json!({ "email": format!("p{n}@example.com"), "password": "password of mine", "name": "p" });
    for n in 0..3 {
        assert_eq!(from("192.0.2.1", "/api/users", account(n)).await.status(), 201);
    }
    // Whatever the client claims about itself comes before what the proxy adds.
    let refused = from("198.51.100.99, 192.0.2.1", "/api/users", account(3)).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(from("192.0.2.2", "/api/users", account(3)).await.status(), 201);

    let guess = json!({ "email": "p0@example.com", "password": "a wrong password" });
    for address in ["192.0.2.3", "192.0.2.4"] {
        assert_eq!(from(address, "/api/sessions", guess.clone()).await.status(), 401);
    }
    assert_eq!(from("192.0.2.5", "/api/sessions", guess).await.status(), 429);

    let user = server.sign_in("p1@example.com", "password of mine").await;
    for status in [201, 200] {
        user.post("/api/queue_tokens", json!({})).await.expect(status);
    }
    let often = user.post("/api/queue_tokens", json!({})).await;
    assert!(often.headers.contains_key("retry-after"));
    often.refused(429, "too_many_requests");
    let other = server.sign_in("p2@example.com", "password of mine").await;
    other.post("/api/queue_tokens", json!({})).await.expect(201);
}

/// Finds a nonce, as a browser would.
fn work(told: &Value) -> Value {
    let (challenge, bits) = (text(told, "challenge"), told["bits"].as_u64().unwrap());
    let is_enough = |nonce: &String| {
        let hash = Sha256::digest(format!("{challenge}{nonce}"));
        let head = u64::from_be_bytes(hash[..8].try_into().unwrap());
        u64::from(head.leading_zeros()) >= bits
    };
    let nonce = (0_u64..).map(|n| n.to_string()).find(is_enough).unwrap();
    json!({ "challenge": challenge, "nonce": nonce })
}

#[tokio::test]
async fn where_joining_costs_work_nobody_joins_without_it() {
    let installation = Installation::new().with("JOIN_WORK_BITS", 12);
    let server = installation.start();
    let (user, other) = (server.user("user").await, server.user("other").await);
    let join = async |work: Value| user.post("/api/queue_tokens", json!({ "work": work })).await;
    let told = user.post("/api/queue_tokens", json!({})).await.refused(428, "work_required");
    assert_eq!(told["bits"], 12);
    join(json!({ "challenge": "mine", "nonce": "1" })).await.refused(428, "work_required");
    let mut lazy = work(&told);
    lazy["nonce"] = json!("김미나");
    join(lazy).await.refused(428, "work_required");
    let done = work(&told);
    let others = other.post("/api/queue_tokens", json!({ "work": done.clone() })).await;
    others.refused(428, "work_required");
    assert_eq!(join(done).await.expect(201)["state"], "active");
    let odd = user.post("/api/queue_tokens", json!({ "work": "please" })).await;
    odd.refused(400, "invalid_request");
}

#[tokio::test]
async fn who_lets_a_seat_run_out_leaves_it_to_others_for_a_while() {
    let cooling =
        Installation::new().with("HOLD_SECONDS", 1).with("REHOLD_COOLDOWN_SECONDS", 3_600);
    let theatre = Theatre::open_in(cooling, 5, 2).await;
    let (greedy, other) = (theatre.buyer(0).await, theatre.buyer(0).await);
    let (show, seat) = (theatre.concert.show.as_str(), theatre.seat(0));
    greedy.hold(show, &[seat]).await.expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let refused = greedy.hold(show, &[seat]).await;
    assert!(refused.headers.contains_key("retry-after"));
    let refused = refused.refused(409, "seat_let_go");
    assert_eq!(refused["seat_numbers"], json!(["A-1-1"]));
    greedy.hold(show, &[theatre.seat(1)]).await.expect(201);
    other.hold(show, &[seat]).await.expect(201);
    // Who chose wrongly gives back and chooses again.
    let held = theatre.buyer(0).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let chosen = held.hold(show, &[seat]).await.expect(201);
    held.delete(&format!("/api/reservations/{}", text(&chosen, "reservation_id")))
        .await
        .expect(204);
    held.hold(show, &[seat]).await.expect(201);
    theatre.installation.assert_sound();
}
