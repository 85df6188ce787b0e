//! A server that is held up, as on a machine that sleeps or has no turn, for longer than a stay or a hold
//! lasts.
//!
//! `STAGEDOOR_HISTORY_ROUNDS` says how many rounds of each (1).

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Theatre, each_round, text};

/// For how long.
const HELD_UP: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_held_up_takes_no_time_from_who_is_inside_or_waits_or_holds_a_seat() {
    each_round(async || {
        let theatre = Theatre::open_in(Installation::new().with("HOLD_SECONDS", 11), 2, 8).await;
        let short = json!({ "active_ttl_seconds": 10, "idle_ttl_seconds": 10 });
        theatre.change_room(short).await.expect(200);
        let (mut users, mut places) = (Vec::new(), Vec::new());
        for name in ["buyer", "looker", "waiting"] {
            users.push(theatre.server.user(name).await);
        }
        users[0].charge(100_000).await;
        for user in &users {
            places.push(user.join(Some(&theatre.concert.id)).await.0);
        }
        let [buyer, looker, waiting] = &places[..] else { unreachable!() };
        let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
        let reservation = text(&held, "reservation_id");

        theatre.server.hold_up();
        // Those who ask meanwhile are the first to be answered.
        let mut asking = JoinSet::new();
        for place in &places {
            let place = place.clone();
            asking.spawn(async move { place.get("/api/queue_tokens/current").await });
        }
        let (payer, pays) = (buyer.clone(), reservation.clone());
        let paying = tokio::spawn(async move { payer.pay(&pays).await });
        tokio::time::sleep(HELD_UP).await;
        theatre.server.go_on();

        for told in asking.join_all().await {
            let state = told.body["state"].as_str().unwrap_or_default();
            assert!(told.status == 503 || ["active", "waiting"].contains(&state), "{told:?}");
        }
        let mut paid = paying.await.unwrap();
        // Until the time is given back, nobody can tell whether it was held.
        while paid.status == 503 {
            paid = buyer.pay(&reservation).await;
        }
        assert_eq!(paid.status, 201, "{held}: {paid:?}");
        assert_eq!(once_it_is_said(looker).await, "active");
        // The buyer is done, and so there is a place.
        waiting.until("active").await;
        theatre.installation.assert_sound();
    })
    .await;
}

/// How far the place got.
async fn once_it_is_said(place: &Caller) -> String {
    loop {
        let told = place.get("/api/queue_tokens/current").await;
        if told.status != 503 {
            return text(&told.expect(200), "state");
        }
    }
}
