//! What all calls share.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre, text};

#[tokio::test]
async fn every_kind_of_bad_body_is_told_and_loses_nothing() {
    let theatre = Theatre::open(1, 1).await;
    let user = theatre.server.user("user").await;
    let send = async |body: String| {
        let request = user.request(Method::POST, "/api/users/balance").body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    for (body, field) in [
        ("", "body"),
        ("{", "body"),
        ("[]", "body"),
        ("{}", "amount"),
        (r#"{"amount": "1000"}"#, "amount"),
        (r#"{"amount": 1.5}"#, "amount"),
        (r#"{"amount": 1e400}"#, "amount"),
        (r#"{"amount": 99999999999999999999}"#, "amount"),
        (r#"{"amount": 1, "user_id": "x"}"#, "user_id"),
        (r#"{"amount": 1, "amount": 2}"#, "body"),
    ] {
        let (status, told) = send(body.to_owned()).await;
        assert_eq!((status, &told["code"]), (400, &"invalid_request".into()), "{body}: {told}");
        assert_eq!(told["errors"][0]["field"], field, "{body}: {told}");
    }
    let (status, told) = send(format!("{{\"amount\": {}1}}", " ".repeat(70_000))).await;
    assert_eq!((status, &told["code"]), (413, &"payload_too_large".into()));
    let nested = "[".repeat(60_000);
    assert_eq!(send(nested).await.0, 400);
    assert_eq!(user.get("/api/users/balance").await.expect(200)["balance"], 0);
}

#[tokio::test]
async fn every_answer_is_named_and_guarded() {
    let theatre = Theatre::open(1, 1).await;
    let anyone = theatre.server.anyone();
    for path in ["/livez", "/api/concerts", "/api/users/me", "/nowhere"] {
        let headers = anyone.get(path).await.headers;
        assert!(headers["x-request-id"].len() > 10, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(
            headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
        );
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
    anyone.get("/nowhere").await.refused(404, "not_found");
    anyone.delete("/api/concerts").await.refused(405, "method_not_allowed");
    let unauthorized = anyone.get("/api/payments").await;
    assert_eq!(unauthorized.headers["www-authenticate"], "Bearer");

    let named = anyone.request(Method::GET, "/livez").header("X-Request-Id", "mine-1.2_3");
    let named = named.send().await.unwrap();
    assert_ne!(named.headers()["x-request-id"], "mine-1.2_3", "a name is the server's");
}

#[tokio::test]
async fn pages_of_other_origins_call_only_where_they_may() {
    let origin = "https://tickets.example.com";
    let installation = Installation::new().with("CORS_ORIGINS", origin);
    let theatre = Theatre::open_in(installation, 1, 1).await;
    for path in ["/api/concerts", &format!("/api/shows/{}/seats", theatre.concert.show)] {
        let ask = |origin: &str| {
            let anyone = theatre.server.anyone();
            anyone.request(Method::GET, path).header("Origin", origin).send()
        };
        let allowed = ask(origin).await.unwrap();
        assert_eq!(allowed.headers()["access-control-allow-origin"], origin);
        let other = ask("https://evil.example").await.unwrap();
        assert!(!other.headers().contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn one_key_is_one_effect() {
    let theatre = Theatre::open(3, 3).await;
    let user = theatre.server.user("user").await;
    let (queue, _) = user.join(Some(&theatre.concert.id)).await;

    let keyed = user.with_key("\"charge-1\"");
    let first = keyed.post("/api/users/balance", json!({ "amount": 50_000 })).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let bare = user.with_key("charge-1");
    let again = bare.post("/api/users/balance", json!({ "amount": 50_000 })).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let other = keyed.post("/api/users/balance", json!({ "amount": 1 })).await;
    other.refused(422, "idempotency_key_reused");

    // A refusal is not kept: with more cash, the same key goes through.
    let body =
        json!({ "show_id": theatre.concert.show, "seat_ids": [theatre.seat(0), theatre.seat(1)] });
    let hold = queue.with_key("hold").post("/api/reservations", body.clone()).await.expect(201);
    let pay = json!({ "reservation_id": hold["reservation_id"] });
    let paying = queue.with_key("pay");
    paying.post("/api/payments", pay.clone()).await.refused(402, "insufficient_balance");
    user.charge(50_000).await;
    let paid = paying.post("/api/payments", pay.clone()).await.expect(201);

    // Asked again: the same answers, as they were, though the token is done and the hold is sold.
    assert_eq!(paying.post("/api/payments", pay).await.expect(201), paid);
    assert_eq!(queue.with_key("hold").post("/api/reservations", body).await.expect(201), hold);
    let refund = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    let refunding = user.with_key("refund");
    let refunded = refunding.post(&refund, json!({})).await.expect(200);
    assert_eq!(refunding.post(&refund, json!({})).await.expect(200), refunded);

    // Another user's key of the same name is another key; so is a key that is none.
    let other = theatre.server.user("other").await.with_key("charge-1");
    let charged = other.post("/api/users/balance", json!({ "amount": 1 })).await;
    assert!(!charged.headers.contains_key("idempotent-replayed"));
    for wrong in ["\"", "two words", &"k".repeat(256)] {
        let charge = user.with_key(wrong).post("/api/users/balance", json!({ "amount": 1 })).await;
        charge.refused(400, "invalid_request");
    }
    assert_eq!(user.get("/api/users/balance").await.expect(200)["balance"], 100_000);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_seat_map_is_sent_again_only_when_it_changed() {
    let theatre = Theatre::open(1, 2).await;
    let buyer = theatre.buyer(0).await;
    let path = format!("/api/shows/{}/seats", theatre.concert.show);
    let first = buyer.get(&path).await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let ask = async |etag: &str| {
        let request = buyer.request(Method::GET, &path).header("If-None-Match", etag);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(&etag).await, 304);
    buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    assert_eq!(ask(&etag).await, 200);
    let map = buyer.get(&path).await.expect(200);
    assert!(map["version"].as_u64() > first.body["version"].as_u64());
    assert_eq!(
        (&map["seats"][0]["status"], &map["seats"][1]["status"]),
        (&"held".into(), &"available".into())
    );

    let packed = buyer.request(Method::GET, &path).header("Accept-Encoding", "gzip");
    let packed = packed.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert!(packed.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
}

#[tokio::test]
async fn seats_are_shown_alike_on_the_shortcut_and_by_the_route() {
    let theatre = Theatre::open(1, 2).await;
    let (buyer, show) = (theatre.buyer(0).await, &theatre.concert.show);
    let plain = format!("/api/shows/{show}/seats");
    // The same path, written as nobody writes it.
    let unusual = format!("/api/shows/%{:02x}{}/seats", show.as_bytes()[0], &show[1..]);
    let etag = buyer.get(&plain).await.headers["etag"].clone();
    let ask = async |path: &str, caller: &Caller, tag: &str| {
        let request = caller.request(Method::GET, path).header("If-None-Match", tag);
        let answer = request.send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        assert!(headers.remove("x-request-id").is_some(), "{path}");
        headers.remove("date");
        // A problem tells the name of its request.
        let body = answer.text().await.unwrap();
        (status, headers, body.split("request_id").next().unwrap().to_owned())
    };
    let (anyone, tag) = (theatre.server.anyone(), etag.to_str().unwrap());
    for (caller, tag, status) in [(&buyer, tag, 304), (&buyer, "other", 200), (&anyone, tag, 401)] {
        let answer = ask(&plain, caller, tag).await;
        assert_eq!(answer.0, status);
        assert_eq!(answer, ask(&unusual, caller, tag).await, "{unusual}");
    }
    buyer.post(&plain, json!({})).await.refused(405, "method_not_allowed");
    let metrics = anyone.get("/metrics").await.expect(200);
    let counted =
        "requests_total{method=\"GET\",route=\"/api/shows/{show_id}/seats\",status=\"304\"} 2\n";
    assert!(metrics.as_str().unwrap().contains(counted), "{metrics}");
}

#[tokio::test]
async fn lists_go_on_where_the_page_before_ended() {
    let theatre = Theatre::open(1, 1).await;
    let user = theatre.server.user("user").await;
    for amount in 1..=5 {
        user.charge(amount).await;
    }
    let mut amounts = Vec::new();
    let mut path = "/api/users/balance/entries?limit=2".to_owned();
    loop {
        let page = user.get(&path).await.expect(200);
        let entries = page["entries"].as_array().unwrap();
        amounts.extend(entries.iter().map(|entry| entry["amount"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/users/balance/entries?limit=2&cursor={cursor}");
    }
    assert_eq!(amounts, [5, 4, 3, 2, 1]);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "page=1"] {
        let path = format!("/api/payments?{query}");
        user.get(&path).await.refused(400, "invalid_request");
    }
    // A cursor that is none of this list's.
    let nowhere = "cursor=AAAAAAAAAAAAAAAAAAAAAA";
    for list in
        ["/api/users/balance/entries", "/api/payments", "/api/reservations", "/api/concerts"]
    {
        let told = user.get(&format!("{list}?{nowhere}")).await.refused(400, "invalid_request");
        assert_eq!(told["errors"][0]["field"], "cursor", "{list}");
    }
    theatre
        .operator
        .get(&format!("/api/admin/rooms?{nowhere}"))
        .await
        .refused(400, "invalid_request");
}
