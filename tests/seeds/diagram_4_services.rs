//! The fourth diagram: one service asks the next, and a sale ends the token.

use crate::harness::{Theatre, text};
use crate::seeds::dates;

#[tokio::test]
async fn the_fourth_diagram_passes_step_by_step() {
    let theatre = Theatre::open(1, 2).await;
    let mina = theatre.server.user("김미나").await;

    // A user token is made after a look at the queue, and answered.
    let (queue, place) = mina.join(Some(&theatre.concert.id)).await;
    assert_eq!((&place["status"], place["number"].is_u64()), (&"issued".into(), true));
    queue.until("active").await;

    // Dates, then seats, for who has passed the queue.
    assert_eq!(dates(&queue).await[0]["show_id"], *theatre.concert.show);
    let path = format!("/api/concerts/{}/seats", theatre.concert.date);
    assert_eq!(queue.get(&path).await.expect(200)["seats"].as_array().unwrap().len(), 2);

    // A reservation after the token was checked.
    let held = queue.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);

    // Charging and looking.
    assert_eq!(queue.charge(50_000).await["balance"], 50_000);
    assert_eq!(queue.get("/api/users/balance").await.expect(200)["balance"], 50_000);

    // A payment: the seat is the buyer's, and the place in the queue is over, in one go.
    let paid = queue.pay(&text(&held, "reservation_id")).await.expect(201);
    assert_eq!(paid["seats"][0]["seat_number"], "A-1-1");
    queue.until("done").await;
    queue.get(&path).await.refused(403, "token_expired");
    let next = theatre.buyer(0).await;
    assert_eq!(theatre.statuses(&next).await, ["sold", "available"]);
    theatre.installation.assert_sound();
}
