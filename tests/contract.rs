//! The contract: each refusal at least once, and the conventions that all calls share.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Installation, Theatre, enter, new_concert, new_show, text};

#[tokio::test]
async fn accounts_are_made_once_and_signed_in_to_with_the_right_password() {
    let theatre = Theatre::open(1, 1).await;
    let anyone = theatre.server.anyone();
    let account =
        json!({ "email": "Mina@Example.com", "password": "12345678", "name": "김미나 🎟️" });
    let made = anyone.post("/api/users", account.clone()).await.expect(201);
    assert_eq!((&made["email"], &made["role"]), (&"mina@example.com".into(), &"buyer".into()));
    anyone.post("/api/users", account).await.refused(409, "email_taken");

    let wrong = json!({ "email": "nobody", "password": "short", "name": "\u{7}" });
    let refused = anyone.post("/api/users", wrong).await.refused(400, "invalid_request");
    let fields: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
    assert_eq!(json!(fields), json!(["email", "password", "name"]));

    for (email, password) in
        [("mina@example.com", "87654321"), ("nobody@example.com", "12345678"), ("x", "y")]
    {
        let session = anyone.post("/api/sessions", json!({ "email": email, "password": password }));
        session.await.refused(401, "invalid_credentials");
    }
    let mina = theatre.server.sign_in("mina@example.com", "12345678").await;
    assert_eq!(mina.get("/api/users/me").await.expect(200), made);
    anyone.get("/api/users/me").await.refused(401, "invalid_token");
}

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
    assert_eq!(named.send().await.unwrap().headers()["x-request-id"], "mine-1.2_3");
    let forged = anyone.request(Method::GET, "/livez").header("X-Request-Id", "two words");
    assert_ne!(forged.send().await.unwrap().headers()["x-request-id"], "two words");
}

#[tokio::test]
async fn pages_of_other_origins_call_only_where_they_may() {
    let origin = "https://tickets.example.com";
    let installation = Installation::new().with("CORS_ORIGINS", origin);
    let theatre = Theatre::open_in(installation, 1, 1).await;
    let ask = |origin: &str| {
        let anyone = theatre.server.anyone();
        anyone.request(Method::GET, "/api/concerts").header("Origin", origin).send()
    };
    let allowed = ask(origin).await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], origin);
    let other = ask("https://evil.example").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_gate_checks_the_token_then_the_room_then_the_turn() {
    let theatre = Theatre::open(1, 2).await;
    let other = enter(&theatre.operator, json!({ "capacity": 5 }), 2).await;
    let buyer = theatre.buyer(0).await;
    let waiting = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await.0;
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    let others = format!("/api/shows/{}/seats", other.show);

    let anyone = theatre.server.anyone();
    anyone.get(&seats).await.refused(401, "invalid_token");
    anyone.with_token(theatre.operator.token()).get(&seats).await.refused(401, "invalid_token");
    buyer.get(&others).await.refused(403, "wrong_room");
    waiting.get(&others).await.refused(403, "wrong_room");
    assert_eq!(waiting.get(&seats).await.refused(403, "not_admitted")["position"], 1);
    buyer.delete("/api/queue_tokens/current").await.expect(204);
    buyer.get(&seats).await.refused(403, "token_expired");
    buyer.get(&others).await.refused(403, "wrong_room");

    let mut forged = buyer.token().to_owned().into_bytes();
    for at in (3..forged.len()).step_by(7) {
        let original = forged[at];
        forged[at] = if original == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(forged.clone()).unwrap();
        anyone.with_token(token).get(&seats).await.refused(401, "invalid_token");
        forged[at] = original;
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_to_who_is_let_in() {
    let theatre = Theatre::open(2, 2).await;
    let buyer = theatre.buyer(0).await;
    let unknown = uuid::Uuid::now_v7().to_string();
    for id in [unknown.as_str(), "no-uuid", "%00", "'; DROP TABLE seats; --"] {
        buyer.get(&format!("/api/shows/{id}/seats")).await.refused(404, "invalid_show");
        buyer.get(&format!("/api/concerts/{id}")).await.refused(404, "invalid_concert");
        let dates = format!("/api/concerts/{id}/available_dates");
        buyer.get(&dates).await.refused(404, "invalid_concert");
        buyer.get(&format!("/api/reservations/{id}")).await.refused(404, "not_found");
        buyer.get(&format!("/api/payments/{id}")).await.refused(404, "not_found");
        buyer.delete(&format!("/api/reservations/{id}")).await.refused(404, "not_found");
        let refund = format!("/api/payments/{id}/refund");
        buyer.post(&refund, json!({})).await.refused(404, "not_found");
    }
    let on = |date: &str| format!("/api/concerts/{}/dates/{date}/seats", theatre.concert.id);
    for date in ["2001-01-01", "tomorrow", "2035-02-30"] {
        buyer.get(&on(date)).await.refused(404, "invalid_date");
    }
    buyer.pay(&unknown).await.refused(404, "not_found");
    buyer.hold(&unknown, &[theatre.seat(0)]).await.refused(404, "invalid_show");
    let show = &theatre.concert.show;
    let told = buyer.hold(show, &[theatre.seat(0), &unknown]).await.refused(404, "invalid_seat");
    assert_eq!(told["seat_ids"], json!([unknown]));
    let numbers = json!({ "date": theatre.concert.date, "seat_numbers": ["A-1-1", "<b>🎟️</b>"] });
    let told = buyer.post("/api/reservations", numbers).await.refused(404, "invalid_seat");
    assert_eq!(told["seat_numbers"], json!(["<b>🎟️</b>"]));
    for body in [
        json!({ "show_id": show, "seat_ids": [] }),
        json!({ "show_id": show, "seat_ids": [theatre.seat(0), theatre.seat(0)] }),
        json!({ "show_id": show }),
        json!({ "show_id": show, "seat_numbers": ["A-1-1"] }),
    ] {
        buyer.post("/api/reservations", body).await.refused(400, "invalid_request");
    }
    assert_eq!(theatre.statuses(&buyer).await, ["available"; 2]);
}

#[tokio::test]
async fn a_token_without_a_concert_needs_one_in_the_path() {
    let theatre = Theatre::open(1, 1).await;
    let (queue, place) = theatre.server.user("user").await.join(None).await;
    assert_eq!((&place["state"], &place["seats_left"]), (&"active".into(), &Value::Null));
    let dates = queue.get("/api/concerts/available_dates").await;
    dates.refused(400, "concert_required");
    queue.get("/api/concerts/2035-05-01/seats").await.refused(400, "concert_required");
    let date = json!({ "date": "2035-05-01" });
    theatre
        .server
        .user("user")
        .await
        .post("/api/queue_tokens", date)
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn two_shows_on_a_date_have_to_be_told_apart() {
    let theatre = Theatre::open(1, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let mut matinee = new_show(1);
    matinee["starts_at"] = json!("2035-05-01T05:00:00Z");
    theatre.operator.post(&path, matinee).await.expect(201);
    let buyer = theatre.buyer(0).await;
    let path = format!("/api/concerts/{}/dates/2035-05-01/seats", theatre.concert.id);
    let told = buyer.get(&path).await.refused(409, "ambiguous_date");
    assert_eq!(told["shows"][0]["starts_at"], "2035-05-01T05:00:00Z");
    assert_eq!(told["shows"][1]["show_id"], *theatre.concert.show);
    let numbers = json!({ "date": "2035-05-01", "seat_numbers": ["A-1-1"] });
    buyer.post("/api/reservations", numbers).await.refused(409, "ambiguous_date");
}

#[tokio::test]
async fn limits_hold_and_name_themselves() {
    let installation = Installation::new().with("CHARGE_MAX", 100_000).with("BALANCE_MAX", 150_000);
    let theatre = Theatre::open_in(installation, 1, 8).await;
    let buyer = theatre.buyer(0).await;
    let seats: Vec<_> = (0..5).map(|n| theatre.seat(n)).collect();
    let show = &theatre.concert.show;
    let told = buyer.hold(show, &seats).await.refused(409, "seat_limit_exceeded");
    assert_eq!(told["limit"], 4);
    buyer.hold(show, &seats[..3]).await.expect(201);
    let told = buyer.hold(show, &seats[3..]).await.refused(409, "seat_limit_exceeded");
    assert_eq!(told["limit"], 4);
    assert_eq!(theatre.statuses(&buyer).await[3], "available");

    for amount in [0, -1, 100_001, i64::MIN, i64::MAX] {
        let charge = buyer.post("/api/users/balance", json!({ "amount": amount })).await;
        charge.refused(400, "invalid_amount");
    }
    buyer.charge(100_000).await;
    let told = buyer.post("/api/users/balance", json!({ "amount": 50_001 })).await;
    assert_eq!(told.refused(400, "invalid_amount")["max"], 50_000);
}

#[tokio::test]
async fn nothing_is_sold_outside_its_sale() {
    let theatre = Theatre::open(1, 1).await;
    let mut later = new_concert();
    later["sale_opens_at"] = json!("2034-01-01T00:00:00Z");
    let concert = theatre.operator.post("/api/admin/concerts", later).await.expect(201);
    let id = text(&concert, "concert_id");
    let path = format!("/api/admin/concerts/{id}/shows");
    let show = theatre.operator.post(&path, new_show(1)).await.expect(201);
    let (queue, _) = theatre.server.user("early").await.join(Some(&id)).await;
    let dates = queue.get("/api/concerts/available_dates").await.expect(200);
    assert_eq!(dates["available_dates"], json!([]));
    let seats =
        queue.get(&format!("/api/shows/{}/seats", text(&show, "show_id"))).await.expect(200);
    let seat = text(&seats["seats"][0], "seat_id");
    queue.hold(&text(&show, "show_id"), &[&seat]).await.refused(409, "not_on_sale");
}

#[tokio::test]
async fn a_reservation_is_given_back_once_and_a_payment_too() {
    let theatre = Theatre::open(3, 3).await;
    let buyer = theatre.buyer(100_000).await;
    let show = &theatre.concert.show;
    let held = buyer.hold(show, &[theatre.seat(0)]).await.expect(201);
    let path = format!("/api/reservations/{}", text(&held, "reservation_id"));
    buyer.delete(&path).await.expect(204);
    buyer.delete(&path).await.refused(409, "not_held");
    assert_eq!(buyer.get(&path).await.expect(200)["status"], "cancelled");
    buyer.pay(&text(&held, "reservation_id")).await.refused(410, "hold_expired");

    let held = buyer.hold(show, &[theatre.seat(1)]).await.expect(201);
    let reservation = text(&held, "reservation_id");
    let paid = buyer.pay(&reservation).await.expect(201);
    buyer.pay(&reservation).await.refused(403, "token_expired");
    let again = buyer.post("/api/queue_tokens", json!({})).await;
    again.refused(401, "invalid_token");
    let payment = text(&paid, "payment_id");
    let path = format!("/api/payments/{payment}/refund");
    let refunded = buyer.post(&path, json!({})).await.expect(200);
    assert_eq!(refunded["status"], "refunded");
    buyer.post(&path, json!({})).await.refused(409, "not_refundable");
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 100_000);
    let looker = theatre.buyer(0).await;
    assert_eq!(theatre.statuses(&looker).await, ["available"; 3]);
    let entries = buyer.get("/api/users/balance/entries").await.expect(200);
    let told: Vec<_> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| json!([e["kind"], e["amount"], e["reference"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["refund", 50_000, payment],
            ["payment", -50_000, payment],
            ["charge", 100_000, null]
        ])
    );
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_comes_back_to_pay_again_is_told_which_payment_it_was() {
    let theatre = Theatre::open(3, 1).await;
    let user = theatre.server.user("user").await;
    user.charge(50_000).await;
    let (queue, _) = user.join(Some(&theatre.concert.id)).await;
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    let (again, _) = user.join(Some(&theatre.concert.id)).await;
    let told = again.pay(&text(&held, "reservation_id")).await.refused(409, "already_paid");
    assert_eq!(told["payment_id"], paid["payment_id"]);
}

#[tokio::test]
async fn a_refund_a_day_before_the_show_is_too_late() {
    let hours_to_2035 = 8_760;
    let installation = Installation::new().with("REFUND_UNTIL_HOURS", hours_to_2035);
    let theatre = Theatre::open_in(installation, 3, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let mut soon = new_show(1);
    soon["starts_at"] = json!(in_days(30));
    let show = text(&theatre.operator.post(&path, soon).await.expect(201), "show_id");
    let buyer = theatre.buyer(50_000).await;
    let map = buyer.get(&format!("/api/shows/{show}/seats")).await.expect(200);
    let seat = text(&map["seats"][0], "seat_id");
    let held = buyer.hold(&show, &[&seat]).await.expect(201);
    let paid = buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    let path = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    buyer.post(&path, json!({})).await.refused(409, "not_refundable");
}

fn in_days(days: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::days(days)).to_rfc3339()
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
}

#[tokio::test]
async fn operators_run_the_sale_and_nobody_else_does() {
    let theatre = Theatre::open(5, 1).await;
    let buyer = theatre.server.user("buyer").await;
    let anyone = theatre.server.anyone();
    let rooms = theatre.operator.get("/api/admin/rooms").await.expect(200);
    let of_concert = |room: &&Value| room["concert_id"] == *theatre.concert.id;
    let room = rooms["rooms"].as_array().unwrap().iter().find(of_concert).unwrap();
    let path = format!("/api/admin/rooms/{}", text(room, "room_id"));
    for (caller, status, code) in [(&buyer, 403, "forbidden"), (&anyone, 401, "invalid_token")] {
        caller.get("/api/admin/rooms").await.refused(status, code);
        caller.get(&path).await.refused(status, code);
        caller.patch(&path, json!({ "paused": true })).await.refused(status, code);
        caller.post("/api/admin/concerts", new_concert()).await.refused(status, code);
        caller.post("/api/admin/concerts/x/shows", new_show(1)).await.refused(status, code);
    }
    let changed = json!({ "capacity": 1, "admissions_per_minute": 600, "paused": true });
    let room = theatre.operator.patch(&path, changed).await.expect(200);
    assert_eq!(
        json!([room["capacity"], room["admissions_per_minute"], room["paused"]]),
        json!([1, 600, true])
    );
    let (waiting, _) = buyer.join(Some(&theatre.concert.id)).await;
    assert_eq!(waiting.get("/api/queue_tokens/current").await.expect(200)["state"], "waiting");
    let room = theatre.operator.get(&path).await.expect(200);
    assert_eq!(json!([room["waiting_count"], room["active_count"]]), json!([1, 0]));
    let resumed = json!({ "paused": false, "admissions_per_minute": null });
    let room = theatre.operator.patch(&path, resumed).await.expect(200);
    assert_eq!((&room["admissions_per_minute"], &room["capacity"]), (&Value::Null, &1.into()));
    waiting.until("active").await;
    assert_eq!(theatre.operator.get(&path).await.expect(200)["admitted_last_minute"], 2);

    for (field, value) in
        [("capacity", json!(-1)), ("idle_ttl_seconds", json!(0)), ("size", json!(1))]
    {
        theatre
            .operator
            .patch(&path, json!({ field: value }))
            .await
            .refused(400, "invalid_request");
    }
    let unknown = format!("/api/admin/rooms/{}", uuid::Uuid::now_v7());
    theatre.operator.get(&unknown).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_is_refused_and_a_named_one_taken() {
    let theatre = Theatre::open(5, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let seat = |number: &str| json!({ "seat_number": number, "section": "나", "row": "1", "grade": "R", "price": 0 });
    let starts_at = "2035-05-02T11:00:00Z";
    let section = json!({ "name": "A", "grade": "R", "price": 1, "rows": 1, "seats_per_row": 1 });
    for body in [
        json!({ "starts_at": starts_at, "seats": [seat("1"), seat("1")] }),
        json!({ "starts_at": starts_at, "seats": [] }),
        json!({ "starts_at": starts_at }),
        json!({ "starts_at": starts_at, "sections": [section, section] }),
        json!({ "starts_at": starts_at, "sections": [section], "seats": [seat("1")] }),
        json!({ "starts_at": "tomorrow", "seats": [seat("1")] }),
        json!({ "starts_at": starts_at, "sections": [{ "name": "A", "grade": "R", "price": -1, "rows": 1, "seats_per_row": 1 }] }),
        json!({ "starts_at": starts_at, "sections": [{ "name": "A", "grade": "R", "price": 1, "rows": 4_000_000, "seats_per_row": 4_000_000 }] }),
    ] {
        theatre.operator.post(&path, body).await.refused(400, "invalid_request");
    }
    let named = json!({ "starts_at": starts_at, "seats": [seat("나열-1"), seat("🎟️")], "room": { "capacity": 1 } });
    let show = theatre.operator.post(&path, named).await.expect(201);
    assert_eq!((&show["total_seat_count"], &show["date"]), (&2.into(), &"2035-05-02".into()));
    let unknown = format!("/api/admin/concerts/{}/shows", uuid::Uuid::now_v7());
    theatre.operator.post(&unknown, new_show(1)).await.refused(404, "invalid_concert");
    let mut odd = new_concert();
    odd["time_zone"] = json!("Mars/Olympus");
    theatre.operator.post("/api/admin/concerts", odd).await.refused(400, "invalid_request");
}
