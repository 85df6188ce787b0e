//! Whatever a body says, it is answered, and the next one is too.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, Theatre, enter, new_concert, new_show, room_path};

/// What takes the place of each value in each body.
fn absurd_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(-1),
        json!(0),
        json!(u32::MAX),
        json!(u64::from(u32::MAX) + 1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}"),
        json!("가".repeat(15_000)),
        json!("0000-01-01T00:00:00Z"),
        json!("9999-12-31T23:59:59Z"),
        json!("+262142-12-31T23:59:59Z"),
        json!("-262143-01-01T00:00:00Z"),
        json!("+262142-12-31"),
        json!("-262143-01-01"),
        json!("ffffffff-ffff-ffff-ffff-ffffffffffff"),
        json!(vec![0; 2_000]),
        json!(vec!["ffffffff-ffff-ffff-ffff-ffffffffffff"; 1_600]),
        json!((0..1_600).map(|n| format!("A-1-{n}")).collect::<Vec<_>>()),
    ]
}

/// `body` with each of its values, at any depth, replaced by each that is absurd.
fn spoilt(body: &Value) -> Vec<Value> {
    let mut all = absurd_values();
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                all.extend(spoilt(value).into_iter().map(|value| {
                    let mut body = body.clone();
                    body[name] = value;
                    body
                }));
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                all.extend(spoilt(item).into_iter().map(|value| {
                    let mut body = body.clone();
                    body[at] = value;
                    body
                }));
            }
        }
        _ => {}
    }
    all
}

async fn send(caller: &Caller, method: &Method, path: &str, body: &Value) -> u16 {
    let answer = caller.request(method.clone(), path).json(body).send().await;
    answer.unwrap_or_else(|error| panic!("{path} {body}: {error}")).status().as_u16()
}

#[tokio::test]
async fn no_body_of_any_call_is_too_absurd_to_be_answered() {
    let theatre = Theatre::open(5, 8).await;
    let user = theatre.server.user("user").await;
    let buyer = theatre.buyer(0).await;
    let room = room_path(&theatre.operator, &theatre.concert.id).await;
    let shows = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let soon = "2035-05-01T11:00:00Z";
    let policy = json!({
        "capacity": 5, "admissions_per_minute": 600, "active_ttl_seconds": 600,
        "idle_ttl_seconds": 120, "paused": false, "opens_at": null
    });
    let mut concert = new_concert();
    concert["sale_opens_at"] = json!("2026-05-01T11:00:00Z");
    concert["sale_closes_at"] = json!(soon);
    concert["room"] = policy.clone();
    let mut sections = new_show(2);
    sections["room"] = policy.clone();
    let seat = json!({ "seat_number": "1", "section": "나", "row": "1", "grade": "R", "price": 0 });
    let seats = json!({ "starts_at": soon, "seats": [seat], "room": null });
    let (id, show) = (&theatre.concert.id, &theatre.concert.show);
    let work = json!({ "challenge": "AAAA", "nonce": "1" });
    let place = json!({
        "concert_id": id, "date": theatre.concert.date, "show_id": show, "if_exists": "return",
        "work": work
    });
    let by_ids = json!({ "show_id": show, "seat_ids": [theatre.seat(0)] });
    let date = &theatre.concert.date;
    let by_numbers = json!({ "concert_id": id, "date": date, "seat_numbers": ["A-1-1"] });
    let account =
        json!({ "email": "a@example.com", "password": "a password of theirs", "name": "a" });
    let session = json!({ "email": "a@example.com", "password": "a password of theirs" });
    let (anyone, operator) = (theatre.server.anyone(), &theatre.operator);
    for (caller, method, path, body) in [
        (operator, Method::POST, "/api/admin/concerts", concert),
        (operator, Method::POST, &shows, sections),
        (operator, Method::POST, &shows, seats),
        (operator, Method::PATCH, &room, policy),
        (&user, Method::POST, "/api/users/balance", json!({ "amount": 1 })),
        (&user, Method::POST, "/api/queue_tokens", place),
        (&buyer, Method::POST, "/api/reservations", by_ids),
        (&buyer, Method::POST, "/api/reservations", by_numbers),
        (&buyer, Method::POST, "/api/payments", json!({ "reservation_id": id })),
        (&anyone, Method::POST, "/api/users", account),
        (&anyone, Method::POST, "/api/sessions", session),
    ] {
        for body in spoilt(&body) {
            let status = send(caller, &method, path, &body).await;
            let shown: String = body.to_string().chars().take(300).collect();
            assert!(status < 500, "{method} {path} {shown}: {status}");
        }
    }
    theatre.server.user("next").await.charge(1).await;
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_plan_whose_seats_cannot_be_counted_and_a_time_that_nobody_can_write_are_refused() {
    let theatre = Theatre::open(1, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let section = |rows: u64, seats: u64| json!({ "name": "A", "grade": "R", "price": 1, "rows": rows, "seats_per_row": seats });
    let most = u64::from(u32::MAX);
    let starts_at = "2035-05-02T11:00:00Z";
    let wraps = [section(most, most), section(65_536, 131_072)];
    for (field, body) in [
        ("sections", json!({ "starts_at": starts_at, "sections": wraps })),
        (
            "starts_at",
            json!({ "starts_at": "+262142-01-01T00:00:00Z", "sections": [section(1, 1)] }),
        ),
        ("starts_at", json!({ "starts_at": "-0001-01-01T00:00:00Z", "sections": [section(1, 1)] })),
        (
            "opens_at",
            json!({ "starts_at": starts_at, "sections": [section(1, 1)],
            "room": { "opens_at": "+262142-01-01T00:00:00Z" } }),
        ),
    ] {
        let told = theatre.operator.post(&path, body).await.refused(400, "invalid_request");
        assert_eq!(told["errors"][0]["field"], field, "{told}");
    }
    let mut concert = new_concert();
    concert["sale_opens_at"] = json!("+262142-01-01T00:00:00Z");
    let told = theatre.operator.post("/api/admin/concerts", concert).await;
    let told = told.refused(400, "invalid_request");
    assert_eq!(told["errors"][0]["field"], "sale_opens_at");
    enter(&theatre.operator, json!({ "capacity": 1 }), 1).await;
}

#[tokio::test]
async fn more_seats_than_a_reservation_may_have_are_refused_after_the_gate_and_before_the_seats() {
    let theatre = Theatre::open(1, 2).await;
    let other = enter(&theatre.operator, json!({ "capacity": 1 }), 1).await;
    let buyer = theatre.buyer(0).await;
    let waiting = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await.0;
    let unknown: Vec<String> = (0..1_600).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    let by_ids = |show: &str| json!({ "show_id": show, "seat_ids": unknown });
    let numbers: Vec<_> = (0..5).map(|n| format!("Z-{n}")).collect();
    let by_numbers = json!({ "date": theatre.concert.date, "seat_numbers": numbers });
    for body in [by_ids(&theatre.concert.show), by_numbers] {
        let told = buyer.post("/api/reservations", body.clone()).await;
        assert_eq!(told.refused(409, "seat_limit_exceeded")["limit"], 4);
        waiting.post("/api/reservations", body).await.refused(403, "not_admitted");
    }
    buyer.post("/api/reservations", by_ids(&other.show)).await.refused(403, "wrong_room");
    let nowhere = by_ids(&uuid::Uuid::now_v7().to_string());
    buyer.post("/api/reservations", nowhere).await.refused(404, "invalid_show");
}
