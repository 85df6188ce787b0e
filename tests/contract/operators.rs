//! Running a sale.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Theatre, new_concert, new_show, text};

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

#[tokio::test]
async fn one_key_of_an_operator_is_one_effect() {
    let theatre = Theatre::open(5, 1).await;
    let operator = theatre.operator.with_key("\"once\"");
    let first = operator.post("/api/admin/concerts", new_concert()).await;
    let again = operator.post("/api/admin/concerts", new_concert()).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let concert = first.expect(201);
    assert_eq!(again.expect(201), concert);
    let mut other = new_concert();
    other["title"] = json!("another");
    operator.post("/api/admin/concerts", other).await.refused(422, "idempotency_key_reused");
    let listed = operator.get("/api/concerts").await.expect(200);
    assert_eq!(listed["concerts"].as_array().unwrap().len(), 2);

    let path = format!("/api/admin/concerts/{}/shows", text(&concert, "concert_id"));
    let show = operator.post(&path, new_show(2)).await.expect(201);
    assert_eq!(operator.post(&path, new_show(2)).await.expect(201), show);
    operator.post(&path, new_show(3)).await.refused(422, "idempotency_key_reused");
    // A room that opens now is another request than one of which nothing is said.
    for (room, status) in [(json!({}), 201), (json!({}), 201), (json!({ "opens_at": null }), 422)] {
        let mut evening = new_show(1);
        evening["starts_at"] = json!("2035-05-03T11:00:00Z");
        evening["room"] = room;
        assert_eq!(operator.with_key("evening").post(&path, evening).await.status, status);
    }
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_concert_has_one_show_at_a_time_however_many_enter_it() {
    let theatre = Theatre::open(5, 1).await;
    let path = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let told = theatre.operator.post(&path, new_show(1)).await.refused(409, "show_exists");
    assert_eq!(told["show_id"], json!(theatre.concert.show));

    let other = crate::ON_POSTGRES.then(|| theatre.installation.start());
    let mut entering = JoinSet::new();
    for n in 0..20 {
        let operator = match &other {
            Some(server) if n % 2 == 1 => theatre.operator.at(server),
            _ => theatre.operator.clone(),
        };
        let (path, mut show) = (path.clone(), new_show(3));
        show["starts_at"] = json!("2035-06-01T11:00:00Z");
        entering.spawn(async move { operator.post(&path, show).await });
    }
    let answers = entering.join_all().await;
    let (made, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 201);
    assert_eq!(made.len(), 1, "{others:?}");
    for other in others {
        let told = other.refused(409, "show_exists");
        assert_eq!(told["show_id"], made[0].body["show_id"]);
    }
    // Another concert may have a show then.
    let concert = theatre.operator.post("/api/admin/concerts", new_concert()).await.expect(201);
    let path = format!("/api/admin/concerts/{}/shows", text(&concert, "concert_id"));
    theatre.operator.post(&path, new_show(1)).await.expect(201);
    theatre.installation.assert_sound();
}
