//! Seats that were paid for and come back, at a moment that nobody can foresee.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre, text};

/// A theatre of three seats whose refunded ones are free within so many seconds.
async fn returning_within(seconds: u32) -> Theatre {
    let installation = Installation::new().with("RETURN_SECONDS", seconds);
    Theatre::open_in(installation, 5, 3).await
}

/// Somebody buys the first two seats, and gives them back.
async fn refunded(theatre: &Theatre) -> Caller {
    let buyer = theatre.buyer(100_000).await;
    let seats = [theatre.seat(0), theatre.seat(1)];
    let held = buyer.hold(&theatre.concert.show, &seats).await.expect(201);
    let paid = buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    let path = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    let answer = buyer.account().post(&path, json!({})).await.expect(200);
    assert_eq!(answer["status"], "refunded");
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 100_000);
    buyer
}

/// The map once the first two seats are free, in one step.
async fn until_free(theatre: &Theatre, looker: &Caller, longest: Duration) {
    let began = Instant::now();
    loop {
        let statuses = theatre.statuses(looker).await;
        if statuses == ["available"; 3] {
            return;
        }
        assert_eq!(statuses, ["sold", "sold", "available"]);
        assert!(began.elapsed() < longest, "not free after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn version(theatre: &Theatre, looker: &Caller) -> Value {
    let path = format!("/api/shows/{}/seats", theatre.concert.show);
    looker.get(&path).await.expect(200)["version"].clone()
}

#[tokio::test]
async fn refunded_seats_are_shown_as_sold_and_are_then_free_together() {
    let theatre = returning_within(3).await;
    let looker = theatre.buyer(0).await;
    let show = theatre.concert.show.as_str();
    refunded(&theatre).await;
    until_free(&theatre, &looker, Duration::from_secs(15)).await;
    looker.hold(show, &[theatre.seat(0), theatre.seat(1)]).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn nobody_sees_a_refund_and_the_seats_come_back_though_the_server_is_killed() {
    let theatre = returning_within(86_400).await;
    let looker = theatre.buyer(0).await;
    let (show, both) = (theatre.concert.show.as_str(), [theatre.seat(0), theatre.seat(1)]);
    let buyer = refunded(&theatre).await;
    let after = version(&theatre, &looker).await;
    assert_eq!(theatre.statuses(&looker).await, ["sold", "sold", "available"]);
    // Held twice, and sold twice: the refund is no change.
    assert_eq!(after, 4);
    let taken = looker.hold(show, &both).await.refused(409, "seat_already_reserved");
    assert_eq!(taken["seat_numbers"], json!(["A-1-1", "A-1-2"]));
    let dates = looker.get("/api/concerts/available_dates").await.expect(200);
    assert_eq!(dates["available_dates"][0]["available_seat_count"], 1);
    let sales = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let sales = theatre.operator.get(&sales).await.expect(200);
    assert_eq!(sales["shows"][0]["sold_seat_count"], 2, "{sales}");
    theatre.installation.assert_sound();

    let Theatre { installation, server, operator, concert } = theatre;
    server.kill();
    installation.assert_sound();
    assert!(installation.run(&["recount"], "").status.success());
    installation.assert_sound();
    // Whenever it was to be, now it is time.
    let past = if crate::ON_POSTGRES { "now()" } else { "1" };
    installation
        .execute(&format!("UPDATE seats SET returns_at = {past} WHERE returns_at IS NOT NULL"));
    let server = installation.start();
    let (looker, buyer) = (looker.at(&server), buyer.at(&server));
    let theatre = Theatre { installation, server, operator, concert };
    until_free(&theatre, &looker, Duration::from_secs(20)).await;
    assert_eq!(buyer.get("/api/payments").await.expect(200)["payments"][0]["status"], "refunded");
    theatre.installation.assert_sound();
}
