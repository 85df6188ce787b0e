//! What a request says and the server does not understand changes nothing, on every route.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Caller, Theatre, new_concert, room_path, text};

/// An operation of the OpenAPI document, and somebody who may call it.
struct Operation {
    method: Method,
    path: String,
    caller: Caller,
    takes_body: bool,
    pattern: String,
}

/// A shop in which somebody has paid for one seat and holds another, so that every call could do
/// something.
struct Shop {
    theatre: Theatre,
    user: Caller,
    queue: Caller,
    reservation: String,
    payment: String,
}

impl Shop {
    async fn open() -> Self {
        let theatre = Theatre::open(5, 4).await;
        let user = theatre.server.user("user").await;
        user.charge(100_000).await;
        let (first, _) = user.join(Some(&theatre.concert.id)).await;
        let held = first.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
        let paid = first.pay(&text(&held, "reservation_id")).await.expect(201);
        let (queue, _) = user.join(Some(&theatre.concert.id)).await;
        let held = queue.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
        let (reservation, payment) = (text(&held, "reservation_id"), text(&paid, "payment_id"));
        Self { theatre, user, queue, reservation, payment }
    }

    /// Every operation that the server tells of.
    async fn operations(&self) -> Vec<Operation> {
        let room = room_path(&self.theatre.operator, &self.theatre.concert.id).await;
        let room = room.rsplit('/').next().unwrap().to_owned();
        let me = self.user.get("/api/users/me").await.expect(200);
        let document = self.theatre.server.anyone().get("/openapi.json").await.expect(200);
        let mut all = Vec::new();
        for (pattern, item) in document["paths"].as_object().unwrap() {
            let path = pattern
                .replace("{concert_id}", &self.theatre.concert.id)
                .replace("{show_id}", &self.theatre.concert.show)
                .replace("{date}", &self.theatre.concert.date)
                .replace("{room_id}", &room)
                .replace("{reservation_id}", &self.reservation)
                .replace("{payment_id}", &self.payment)
                .replace("{user_id}", &text(&me, "user_id"))
                .replace("{code}", "not_found");
            for (method, told) in item.as_object().unwrap() {
                let takes = |token: &str| {
                    let schemes = told["security"].as_array().into_iter().flatten();
                    schemes.filter(|scheme| scheme.get(token).is_some()).count() > 0
                };
                let caller = match () {
                    () if pattern.starts_with("/api/admin/") => self.theatre.operator.clone(),
                    () if takes("access_token") => self.user.clone(),
                    () if takes("queue_token") => self.queue.clone(),
                    () => self.theatre.server.anyone(),
                };
                all.push(Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    caller,
                    takes_body: told.get("requestBody").is_some(),
                    pattern: pattern.clone(),
                });
            }
        }
        assert!(all.len() > 35, "{}", all.len());
        all
    }

    /// All that the calls could have changed.
    async fn state(&self) -> Value {
        let (user, operator) = (&self.user, &self.theatre.operator);
        let mut ticket = self.queue.get("/api/queue_tokens/current").await.expect(200);
        for moving in ["seats_left", "eta_seconds", "poll_after_seconds"] {
            ticket[moving] = Value::Null;
        }
        let shows = format!("/api/admin/concerts/{}/shows", self.theatre.concert.id);
        let mut room = self.theatre.room().await;
        room["admitted_last_minute"] = Value::Null;
        json!({
            "me": user.get("/api/users/me").await.expect(200),
            "entries": user.get("/api/users/balance/entries").await.expect(200),
            "reservations": user.get("/api/reservations").await.expect(200),
            "payments": user.get("/api/payments").await.expect(200),
            "ticket": ticket,
            "concerts": operator.get("/api/concerts").await.expect(200),
            "shows": operator.get(&shows).await.expect(200),
            "room": room,
        })
    }
}

/// The answer to a request with that query and body.
async fn send(
    operation: &Operation,
    query: &str,
    content_type: &str,
    body: &'static str,
) -> (u16, Value) {
    let path = format!("{}{query}", operation.path);
    let mut request = operation.caller.request(operation.method.clone(), &path);
    if !body.is_empty() {
        request = request.header("Content-Type", content_type).body(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_changes_nothing_on_every_route() {
    const JSON: &str = "application/json";
    let shop = Shop::open().await;
    let before = shop.state().await;
    for operation in shop.operations().await {
        let (method, path) = (&operation.method, &operation.path);
        for (query, content_type, body) in [
            ("?no_such=1", JSON, ""),
            ("?limit=5&no_such", JSON, ""),
            ("", JSON, "{\"no_such\": 1}"),
            ("", JSON, "{"),
            ("", JSON, "[]"),
            ("", JSON, "null"),
            ("", JSON, "{} {}"),
            ("", JSON, "\u{0}"),
            ("", "text/plain", "{}"),
            ("", "application/x-www-form-urlencoded", "a=1"),
            ("", "application/json; charset=euc-kr", "{}"),
        ] {
            let (status, told) = send(&operation, query, content_type, body).await;
            let said = format!("{method} {path}{query} {content_type} {body}: {status} {told}");
            let is_provider = operation.pattern == "/api/gateway/notices";
            if is_provider && content_type == JSON && !body.is_empty() {
                // Who has not proven to be the provider is told nothing of what he says.
                assert!([401, 404].contains(&status), "{said}");
                continue;
            }
            assert_eq!((status, &told["code"]), (400, &"invalid_request".into()), "{said}");
            assert!(told["request_id"].is_string() && told["errors"][0]["field"] != "", "{said}");
        }
        // An object without a field is what a call without a body takes, too.
        let is_stream = operation.pattern.ends_with("/events");
        if !operation.takes_body && operation.method == Method::GET && !is_stream {
            let (status, told) = send(&operation, "", JSON, " { } ").await;
            assert!(status < 400, "{method} {path}: {status} {told}");
        }
    }
    assert_eq!(shop.state().await, before);
    shop.theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_has_no_credential_hears_of_that_first() {
    let shop = Shop::open().await;
    let anyone = shop.theatre.server.anyone();
    for mut operation in shop.operations().await {
        let needs_one = operation.caller.has_token();
        let (method, path) = (operation.method.clone(), operation.path.clone());
        operation.caller = anyone.with_key("two words");
        for (query, body) in [("?no_such=1", ""), ("?cursor=x&limit=x", ""), ("", "{"), ("", "[]")]
        {
            let (status, told) = send(&operation, query, "text/plain", body).await;
            if needs_one {
                let told = (status, &told["code"]);
                assert_eq!(told, (401, &"invalid_token".into()), "{method} {path}{query}");
            }
        }
    }
    // Who is known, but no operator, hears of that before what is wrong.
    let admin = "/api/admin/rooms?no_such=1";
    shop.user.get(admin).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_list_is_taken_for_an_object_at_no_depth() {
    let shop = Shop::open().await;
    let operator = &shop.theatre.operator;
    let mut concert = new_concert();
    concert["room"] = json!([5]);
    let shows = format!("/api/admin/concerts/{}/shows", shop.theatre.concert.id);
    let listed = json!({ "starts_at": "2035-05-03T11:00:00Z", "sections": [["A", "R", 1, 1, 1]] });
    for (caller, path, body, field) in [
        (operator, "/api/admin/concerts", concert, "room"),
        (operator, &shows, listed, "sections[0]"),
        (&shop.user, "/api/users/balance", json!([1_000]), "body"),
        (&shop.user, "/api/queue_tokens", json!({ "work": ["a", "b"] }), "work"),
    ] {
        let told = caller.post(path, body).await.refused(400, "invalid_request");
        assert_eq!(told["errors"][0]["field"], field, "{path}: {told}");
    }
}

#[tokio::test]
async fn a_method_that_does_not_go_there_is_told_which_do() {
    let shop = Shop::open().await;
    let anyone = shop.theatre.server.anyone();
    let operations = shop.operations().await;
    for operation in &operations {
        let methods: Vec<&str> = operations
            .iter()
            .filter(|other| other.pattern == operation.pattern)
            .map(|other| other.method.as_str())
            .collect();
        for method in [Method::PUT, Method::TRACE, Method::OPTIONS] {
            if methods.contains(&method.as_str()) {
                continue;
            }
            let answer = anyone.request(method, &operation.path).send().await.unwrap();
            assert_eq!(answer.status(), 405, "{}", operation.path);
            assert_eq!(answer.headers()["allow"], methods.join(", "), "{}", operation.path);
        }
    }
    let page = anyone.request(Method::POST, "/operator").send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), &page.headers()["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
}

#[tokio::test]
async fn no_operator_names_a_time_that_nobody_can_write() {
    let shop = Shop::open().await;
    let operator = &shop.theatre.operator;
    let room = room_path(operator, &shop.theatre.concert.id).await;
    let shows = format!("/api/admin/concerts/{}/shows", shop.theatre.concert.id);
    let section = json!({ "name": "B", "grade": "R", "price": 1, "rows": 1, "seats_per_row": 1 });
    for time in [
        "+262142-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "2035-13-01T00:00:00Z",
    ] {
        let show = json!({ "starts_at": time, "sections": [section] });
        operator.post(&shows, show).await.refused(400, "invalid_request");
        for field in ["sale_opens_at", "sale_closes_at"] {
            let mut concert = new_concert();
            concert[field] = json!(time);
            operator.post("/api/admin/concerts", concert).await.refused(400, "invalid_request");
        }
        operator.patch(&room, json!({ "opens_at": time })).await.refused(400, "invalid_request");
    }
    shop.theatre.installation.assert_sound();
}
