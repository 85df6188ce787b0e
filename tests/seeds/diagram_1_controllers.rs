//! The first diagram: one flow a call.

use crate::harness::{Installation, Theatre, text};
use crate::seeds::{buy, dates, until_reservation};

#[tokio::test]
async fn the_first_diagram_passes_step_by_step() {
    let installation = Installation::new().with("HOLD_SECONDS", 5).with("SWEEP_INTERVAL_MS", 100);
    let theatre = Theatre::open_in(installation, 1, 4).await;
    let concert = Some(theatre.concert.id.as_str());
    let mina = theatre.server.user("김미나").await;
    let joon = theatre.server.user("이준").await;

    // A queue token: none there, so a new one; a valid one there, so the same again.
    let (first, issued) = mina.join(concert).await;
    assert_eq!(issued["status"], "issued");
    let (again, existing) = mina.join(concert).await;
    assert_eq!((&existing["status"], again.token()), (&"existing".into(), first.token()));

    // The state of the queue: let in; waiting with a position.
    assert_eq!(first.until("active").await["position"], serde_json::Value::Null);
    let (waiting, _) = joon.join(concert).await;
    let ticket = waiting.get("/api/queue_tokens/current").await.expect(200);
    assert_eq!((&ticket["state"], &ticket["position"]), (&"waiting".into(), &1.into()));

    // Dates and seats, with a valid token.
    assert_eq!(dates(&first).await[0]["available_seat_count"], 4);
    assert_eq!(theatre.statuses(&first).await, ["available"; 4]);

    // A seat that can be had is held; one that is held cannot be had.
    let held = first.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    assert_eq!(held["status"], "held");
    let taken = first.hold(&theatre.concert.show, &[theatre.seat(0)]).await;
    taken.refused(409, "seat_already_reserved");

    // The scheduler lets go of what ran out.
    until_reservation(&first, &text(&held, "reservation_id"), "expired").await;
    assert_eq!(theatre.statuses(&first).await[0], "available");

    // The balance: nothing at first; a first charge makes the account, the next adds to it.
    assert_eq!(mina.get("/api/users/balance").await.expect(200)["balance"], 0);
    assert_eq!(mina.charge(30_000).await["balance"], 30_000);

    // A payment: too little cash is an error; enough takes it, sells the seat, keeps the payment.
    let held = first.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
    first.pay(&text(&held, "reservation_id")).await.refused(402, "insufficient_balance");
    assert_eq!(mina.charge(30_000).await["balance"], 60_000);
    let paid = buy(&theatre, &first, 2).await;
    assert_eq!((&paid["status"], &paid["balance_after"]), (&"succeeded".into(), &10_000.into()));

    // An expired token does not stand in the way of a new one.
    let over = first.until("done").await;
    let (_, renewed) = mina.join(concert).await;
    assert_eq!(renewed["status"], "issued");
    assert_ne!(renewed["token_id"], over["token_id"]);
    waiting.delete("/api/queue_tokens/current").await.expect(204);
    waiting.until("expired").await;
    theatre.installation.assert_sound();
}
