//! What keeps crowds and bots in check: limits, work before joining, seats that were let go.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Installation, text};

#[tokio::test]
async fn sign_ups_sign_ins_and_joins_are_limited_by_address_and_user() {
    let limited = Installation::new()
        .with("SIGN_UPS_PER_ADDRESS", 3)
        .with("SIGN_INS_PER_ADDRESS", 2)
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
    for _ in 0..2 {
        assert_eq!(from("192.0.2.3", "/api/sessions", guess.clone()).await.status(), 401);
    }
    assert_eq!(from("192.0.2.3", "/api/sessions", guess).await.status(), 429);

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
    let place = join(done.clone()).await.expect(201);
    assert_eq!(place["state"], "active");
    // It is used up: who leaves and comes again works again.
    let place = user.with_token(text(&place, "token"));
    place.delete("/api/queue_tokens/current").await.expect(204);
    let told = join(done).await.refused(428, "work_required");
    assert_eq!(join(work(&told)).await.expect(201)["state"], "active");
    let odd = user.post("/api/queue_tokens", json!({ "work": "please" })).await;
    odd.refused(400, "invalid_request");
}

/// Many who come from one address pay with work, the more the more they are; nobody else does.
#[tokio::test]
async fn the_more_join_from_one_address_the_more_work_a_join_costs() {
    let installation = Installation::new()
        .with("JOIN_WORK_FREE_PER_ADDRESS", 4)
        .with("ADDRESS_HEADER", "x-real-ip");
    let server = installation.start();
    let join = async |name: String, from: &str, body: Value| {
        let user = server.user(&name).await;
        let request = user.request(reqwest::Method::POST, "/api/queue_tokens");
        let sent = request.header("x-real-ip", from).json(&body).send().await.unwrap();
        (user, sent.status().as_u16(), sent.json::<Value>().await.unwrap())
    };
    for n in 0..4 {
        assert_eq!(join(format!("early{n}"), "192.0.2.7", json!({})).await.1, 201);
    }
    let (user, status, told) = join("late".into(), "192.0.2.7", json!({})).await;
    assert_eq!((status, &told["code"], &told["bits"]), (428, &"work_required".into(), &18.into()));
    for n in 0..4 {
        join(format!("crowd{n}"), "192.0.2.7", json!({})).await;
    }
    let (_, status, more) = join("later".into(), "192.0.2.7", json!({})).await;
    assert_eq!((status, &more["bits"]), (428, &19.into()));
    assert_eq!(join("other".into(), "192.0.2.8", json!({})).await.1, 201);
    user.post("/api/queue_tokens", json!({ "work": work(&told) })).await.expect(201);
    // Who comes from this machine, as all do behind a proxy that does not say for whom.
    for n in 0..9 {
        let user = server.user(&format!("local{n}")).await;
        user.post("/api/queue_tokens", json!({})).await.expect(201);
    }
    installation.assert_sound();
}
