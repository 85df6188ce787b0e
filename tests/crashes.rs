//! The server is killed or stopped in the middle of it all; nothing acknowledged is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Theatre, each_round, room_path, text};

/// What one client was told that it did.
#[derive(Default)]
struct History {
    charged: i64,
    payments: Vec<String>,
}

/// Charges, holds and pays, over and over, and notes what was acknowledged, until the server is
/// gone.
async fn trade(
    user: Caller,
    concert: String,
    show: String,
    seats: Vec<String>,
) -> (Caller, History) {
    let mut history = History::default();
    let mut seats = seats.into_iter();
    loop {
        let Ok(charged) = user.try_post("/api/users/balance", json!({ "amount": 50_000 })).await
        else {
            break;
        };
        if charged.status != 200 {
            break;
        }
        history.charged += 50_000;
        let ask = json!({ "concert_id": concert });
        let Ok(place) = user.try_post("/api/queue_tokens", ask).await else { break };
        let Some(token) = place.body["token"].as_str() else { break };
        let queue = user.with_token(token);
        let Some(seat) = seats.next() else { continue };
        let ask = json!({ "show_id": show, "seat_ids": [seat] });
        let Ok(held) = queue.try_post("/api/reservations", ask).await else { break };
        if held.status == 201 {
            let ask = json!({ "reservation_id": held.body["reservation_id"] });
            let Ok(paid) = queue.try_post("/api/payments", ask).await else { break };
            if paid.status == 201 {
                history.payments.push(text(&paid.body, "payment_id"));
            }
        }
    }
    (user, history)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_kill_9_in_the_middle_of_load() {
    let installation = Installation::new().with("SECRET", "the same secret before and after it");
    let theatre = Theatre::open_in(installation, 1_000, 400).await;
    let Theatre { installation, mut server, concert, .. } = theatre;
    let mut users = Vec::new();
    for _ in 0..16 {
        users.push(server.user("trader").await);
    }
    let mut next_seat = concert.seats.chunks(concert.seats.len() / 16);
    for round in 0..3 {
        let mut clients = JoinSet::new();
        for user in &users {
            let seats = if round == 0 { next_seat.next().unwrap().to_vec() } else { Vec::new() };
            clients.spawn(trade(user.clone(), concert.id.clone(), concert.show.clone(), seats));
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.kill();
        let histories = clients.join_all().await;
        installation.assert_sound();
        server = installation.start();
        let mut acknowledged = 0;
        for (user, history) in histories {
            let user = user.at(&server);
            let mut payments = Vec::new();
            let mut path = "/api/payments?limit=100".to_owned();
            loop {
                let page = user.get(&path).await.expect(200);
                payments.extend(
                    page["payments"].as_array().unwrap().iter().map(|p| text(p, "payment_id")),
                );
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                path = format!("/api/payments?limit=100&cursor={cursor}");
            }
            for payment in &history.payments {
                assert!(payments.contains(payment), "payment {payment} is lost");
            }
            assert!(charged(&user).await >= history.charged, "a charge is lost");
            acknowledged += history.payments.len();
        }
        assert!(round > 0 || acknowledged > 0, "nothing was paid before the kill");
        // Tokens are of the old server's address; only who they are goes on.
        users = users.iter().map(|user| user.at(&server)).collect();
    }
}

async fn charged(user: &Caller) -> i64 {
    let mut sum = 0;
    let mut path = "/api/users/balance/entries?limit=100".to_owned();
    loop {
        let page = user.get(&path).await.expect(200);
        for entry in page["entries"].as_array().unwrap() {
            if entry["kind"] == "charge" {
                sum += entry["amount"].as_i64().unwrap();
            }
        }
        let Some(cursor) = page["next_cursor"].as_str() else { return sum };
        path = format!("/api/users/balance/entries?limit=100&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asked_to_stop_finishes_what_is_under_way() {
    let theatre = Theatre::open(5, 1).await;
    let mut charges = JoinSet::new();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..8 {
        let (user, stop) = (theatre.server.user("user").await, Arc::clone(&stop));
        charges.spawn(async move {
            let mut done = 0_i64;
            while !stop.load(Ordering::Relaxed) {
                match user.try_post("/api/users/balance", json!({ "amount": 1 })).await {
                    Ok(answer) if answer.status == 200 => done += 1,
                    // A connection that was refused was never taken; what is worse is a request
                    // that was taken and not answered.
                    Err(error) => {
                        assert!(error.is_connect() || error.is_request(), "{error:?}");
                        break;
                    }
                    Ok(other) => panic!("{other:?}"),
                }
            }
            (user.token().to_owned(), done)
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    theatre.server.terminate();
    assert!(theatre.server.ended_well());
    stop.store(true, Ordering::Relaxed);
    let done = charges.join_all().await;
    theatre.installation.assert_sound();
    let server = theatre.installation.start();
    for (token, done) in done {
        let balance = server.anyone().with_token(token).get("/api/users/balance").await.expect(200);
        assert_eq!(balance["balance"], done);
    }
}

#[tokio::test]
async fn an_outage_drops_nobody_and_takes_no_time_from_who_is_inside() {
    each_round(async || {
        let installation =
            Installation::new().with("SECRET", "the same secret before and after it");
        let theatre = Theatre::open_in(installation, 1, 1).await;
        let Theatre { installation, server, operator, concert } = theatre;
        let path = room_path(&operator, &concert.id).await;
        operator
            .patch(&path, json!({ "active_ttl_seconds": 12, "idle_ttl_seconds": 3 }))
            .await
            .expect(200);
        let (inside, _) = server.user("inside").await.join(Some(&concert.id)).await;
        let (waiting, _) = server.user("waiting").await.join(Some(&concert.id)).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        server.kill();
        // Longer than what was left of the stay, of which there is enough left afterwards.
        tokio::time::sleep(Duration::from_secs(12)).await;
        let server = installation.start();
        let ticket = |token: &str| {
            let caller = server.anyone().with_token(token);
            async move { caller.get("/api/queue_tokens/current").await.expect(200) }
        };
        assert_eq!(ticket(inside.token()).await["state"], "active");
        let place = ticket(waiting.token()).await;
        assert_eq!((&place["state"], &place["position"]), (&"waiting".into(), &1.into()));
        installation.assert_sound();
    })
    .await;
}
