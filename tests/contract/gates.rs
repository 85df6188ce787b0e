//! Who may call what, and what is told of what is not there.

use serde_json::{Value, json};

use crate::harness::{Theatre, enter, new_show, text};

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
        buyer.account().post(&refund, json!({})).await.refused(404, "not_found");
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
async fn each_of_two_shows_on_a_date_can_be_queued_for_and_sold() {
    let theatre = Theatre::open(5, 1).await;
    let concert = theatre.concert.id.as_str();
    let path = format!("/api/admin/concerts/{concert}/shows");
    let user = theatre.server.user("user").await;
    let join = async |body: Value| user.post("/api/queue_tokens", body).await;
    let on_date = json!({ "concert_id": concert, "date": "2035-05-01" });

    // Behind one door, nobody has to say which.
    let mut matinee = new_show(1);
    matinee["starts_at"] = json!("2035-05-01T05:00:00Z");
    let matinee = text(&theatre.operator.post(&path, matinee).await.expect(201), "show_id");
    let room = join(json!({ "concert_id": concert })).await.expect(201)["room_id"].clone();
    assert_eq!(join(on_date.clone()).await.expect(200)["room_id"], room);
    assert_eq!(join(json!({ "show_id": matinee })).await.expect(200)["room_id"], room);

    let mut evening = new_show(1);
    evening["starts_at"] = json!("2035-05-01T13:00:00Z");
    evening["room"] = json!({ "capacity": 5 });
    let evening = text(&theatre.operator.post(&path, evening).await.expect(201), "show_id");
    let told = join(on_date.clone()).await.refused(409, "ambiguous_date");
    let shows = told["shows"].as_array().unwrap();
    assert_eq!((shows.len(), &shows[2]["show_id"]), (3, &json!(evening)));
    for mut named in [json!({}), json!({ "concert_id": concert }), on_date.clone()] {
        named["show_id"] = json!(evening);
        let place = join(named).await.body;
        assert_ne!(place["room_id"], room, "{place}");
        let queue = user.with_token(text(&place, "token"));
        let map = queue.get(&format!("/api/shows/{evening}/seats")).await.expect(200);
        queue.get("/api/concerts/available_dates").await.expect(200);
        if map["seats"][0]["status"] == "available" {
            queue.hold(&evening, &[&text(&map["seats"][0], "seat_id")]).await.expect(201);
        }
    }

    let unknown = uuid::Uuid::now_v7().to_string();
    let other = enter(&theatre.operator, json!({ "capacity": 5 }), 1).await;
    for (body, status, code) in [
        (json!({ "show_id": unknown }), 404, "invalid_show"),
        (json!({ "show_id": other.show, "concert_id": concert }), 404, "invalid_show"),
        (json!({ "show_id": evening, "concert_id": unknown }), 404, "invalid_concert"),
        (json!({ "show_id": evening, "date": "2035-05-02" }), 404, "invalid_datetime"),
        (json!({ "show_id": "no-uuid" }), 400, "invalid_request"),
    ] {
        join(body).await.refused(status, code);
    }
    theatre.installation.assert_sound();
}
