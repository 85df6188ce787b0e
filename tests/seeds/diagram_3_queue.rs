//! The third diagram: the queue is asked before every single call.

use serde_json::json;

use crate::harness::{Installation, Theatre, text};
use crate::seeds::{buy, dates, until_reservation};

#[tokio::test]
async fn the_third_diagram_passes_step_by_step() {
    let installation = Installation::new().with("HOLD_SECONDS", 5).with("SWEEP_INTERVAL_MS", 100);
    let theatre = Theatre::open_in(installation, 1, 3).await;
    let mina = theatre.server.user("김미나").await;

    // A token is made and kept, and found again at every poll.
    let (queue, place) = mina.join(Some(&theatre.concert.id)).await;
    queue.until("active").await;
    assert_eq!(queue.until("active").await["token_id"], place["token_id"]);

    // A token that there is not, or whose time is over, is an exception everywhere.
    let nobody = theatre.server.anyone().with_token("q1.AAAA");
    let (left, _) = theatre.server.user("이준").await.join(Some(&theatre.concert.id)).await;
    left.delete("/api/queue_tokens/current").await.expect(204);
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    for path in ["/api/concerts/available_dates", seats.as_str()] {
        nobody.get(path).await.refused(401, "invalid_token");
        left.get(path).await.refused(403, "token_expired");
    }
    for path in ["/api/users/balance", "/api/payments", "/api/reservations"] {
        nobody.get(path).await.refused(401, "invalid_token");
        left.get(path).await.refused(401, "invalid_token");
    }
    nobody.hold(&theatre.concert.show, &[theatre.seat(0)]).await.refused(401, "invalid_token");
    left.hold(&theatre.concert.show, &[theatre.seat(0)]).await.refused(403, "token_expired");

    // Dates and seats.
    assert_eq!(dates(&queue).await.len(), 1);
    assert_eq!(theatre.statuses(&queue).await, ["available"; 3]);

    // A reservation; a seat that cannot be reserved is an exception.
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let taken = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await;
    taken.refused(409, "seat_already_reserved");

    // Points, with the queue token itself.
    assert_eq!(queue.get("/api/users/balance").await.expect(200)["balance"], 0);
    assert_eq!(queue.charge(49_999).await["charged_amount"], 49_999);

    // A payment: the hold's time is over; too few points; then all of it.
    let reservation = text(&held, "reservation_id");
    until_reservation(&queue, &reservation, "expired").await;
    queue.pay(&reservation).await.refused(410, "hold_expired");
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
    queue.pay(&text(&held, "reservation_id")).await.refused(402, "insufficient_balance");
    queue.charge(1).await;
    let paid = buy(&theatre, &queue, 2).await;
    assert_eq!(paid["seats"][0]["seat_id"], theatre.seat(2));
    let reservation = format!("/api/reservations/{}", text(&paid, "reservation_id"));
    assert_eq!(mina.get(&reservation).await.expect(200)["status"], "confirmed");
    let entries = mina.get("/api/users/balance/entries").await.expect(200);
    let kinds: Vec<_> = entries["entries"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(json!(kinds), json!(["payment", "charge", "charge"]));
    theatre.installation.assert_sound();
}
