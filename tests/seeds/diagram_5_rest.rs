//! The fifth diagram: the REST calls with their paths and statuses.

use serde_json::json;

use crate::harness::{Installation, Theatre, text};
use crate::seeds::until_reservation;

#[tokio::test]
async fn the_fifth_diagram_passes_step_by_step() {
    let installation = Installation::new().with("HOLD_SECONDS", 5).with("SWEEP_INTERVAL_MS", 100);
    let theatre = Theatre::open_in(installation, 1, 3).await;
    let mina = theatre.server.user("김미나").await;
    let joon = theatre.server.user("이준").await;

    // 1. A token: 201 with a UUID and a number; 409 where there is one.
    let ask = json!({ "concert_id": theatre.concert.id, "if_exists": "conflict" });
    let place = mina.post("/api/queue_tokens", ask.clone()).await.expect(201);
    assert!(text(&place, "token_id").parse::<uuid::Uuid>().is_ok());
    assert!(place["number"].is_u64());
    mina.post("/api/queue_tokens", ask.clone()).await.refused(409, "token_exists");
    let queue = mina.with_token(text(&place, "token"));
    queue.until("active").await;
    let late = joon.post("/api/queue_tokens", ask).await.expect(201);
    let late = joon.with_token(text(&late, "token"));

    // 2-1. Dates: 403 for who is not up yet, else what is left of each.
    let not_up = late.get("/api/concerts/available_dates").await.refused(403, "not_admitted");
    assert_eq!(not_up["position"], 1);
    let dates = queue.get("/api/concerts/available_dates").await.expect(200);
    assert_eq!(dates["available_dates"][0]["available_seat_count"], 3);

    // 2-2. Seats: the same for all seats and their states.
    let path = format!("/api/concerts/{}/seats", theatre.concert.date);
    late.get(&path).await.refused(403, "not_admitted");
    let seats = queue.get(&path).await.expect(200);
    assert_eq!(seats["seats"].as_array().unwrap().len(), 3);

    // 3. A reservation: 403 for who is not up; 201 for a free seat; 409 for a taken one.
    let numbers = json!({ "date": theatre.concert.date, "seat_numbers": ["A-1-1"] });
    late.post("/api/reservations", numbers.clone()).await.refused(403, "not_admitted");
    let held = queue.post("/api/reservations", numbers.clone()).await.expect(201);
    queue.post("/api/reservations", numbers).await.refused(409, "seat_already_reserved");

    // The scheduler: what is not paid for in time is expired.
    let reservation = text(&held, "reservation_id");
    until_reservation(&mina, &reservation, "expired").await;

    // 4. Cash: a charge answers with the new balance, and so does a look.
    assert_eq!(mina.charge(30_000).await["balance"], 30_000);
    assert_eq!(mina.get("/api/users/balance").await.expect(200)["balance"], 30_000);

    // 5. A payment: 410 for an expired hold, 402 for too little cash, else all of it.
    queue.pay(&reservation).await.refused(410, "hold_expired");
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
    queue.pay(&text(&held, "reservation_id")).await.refused(402, "insufficient_balance");
    mina.charge(30_000).await;
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(2)]).await.expect(201);
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    assert_eq!(paid["balance_after"], 10_000);
    let reservation = format!("/api/reservations/{}", text(&held, "reservation_id"));
    assert_eq!(mina.get(&reservation).await.expect(200)["status"], "confirmed");
    queue.get(&path).await.refused(403, "token_expired");
    late.until("active").await;
    theatre.installation.assert_sound();
}
