//! How a line moves, and what those in it are told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre, text};

async fn ticket(caller: &Caller) -> Value {
    caller.get("/api/queue_tokens/current").await.expect(200)
}

/// Waits until `is_so` of the ticket.
async fn until(caller: &Caller, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let told = ticket(caller).await;
        if is_so(&told) {
            return told;
        }
        assert!(Instant::now() < end, "still {told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nobody_is_let_in_when_all_is_sold_until_something_comes_back() {
    let theatre = Theatre::open(2, 2).await;
    let (first, second) = (theatre.buyer(100_000).await, theatre.buyer(50_000).await);
    let (third, _) = theatre.server.user("third").await.join(Some(&theatre.concert.id)).await;
    let show = theatre.concert.show.as_str();
    let one = first.hold(show, &[theatre.seat(0)]).await.expect(201);
    let two = second.hold(show, &[theatre.seat(1)]).await.expect(201);
    let told = until(&third, |told| told["seats_left"] == 0).await;
    assert_eq!(told["state"], "waiting", "both places are taken");
    let paid = first.pay(&text(&one, "reservation_id")).await.expect(201);
    // The one hold that is left may come back, so it is worth being inside.
    third.until("active").await;
    third.delete("/api/queue_tokens/current").await.expect(204);
    second.pay(&text(&two, "reservation_id")).await.expect(201);

    let end = Instant::now() + Duration::from_secs(20);
    while theatre.room().await["sold_out"] != true {
        assert!(Instant::now() < end, "it is not said to be sold out");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (late, _) = theatre.server.user("late").await.join(Some(&theatre.concert.id)).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let told = ticket(&late).await;
    assert_eq!((&told["state"], &told["seats_left"]), (&"waiting".into(), &0.into()));
    assert_eq!(told["eta_seconds"], Value::Null);
    let refund = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    first.account().post(&refund, json!({})).await.expect(200);
    late.until("active").await;
    assert_eq!(ticket(&late).await["seats_left"], 1);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_place_that_is_freed_by_paying_leaving_or_running_out_is_the_next_ones() {
    let theatre = Theatre::open(1, 1).await;
    let concert = Some(theatre.concert.id.as_str());
    let next = async |name: &str| {
        let (next, told) = theatre.server.user(name).await.join(concert).await;
        assert_eq!(told["state"], "waiting");
        next
    };
    let alone = async || {
        let room = theatre.room().await;
        assert_eq!((&room["active_count"], &room["waiting_count"]), (&1.into(), &0.into()));
    };
    let buyer = theatre.buyer(50_000).await;
    let second = next("second").await;
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    theatre.change_room(json!({ "active_ttl_seconds": 2 })).await.expect(200);
    buyer.delete(&format!("/api/reservations/{}", text(&held, "reservation_id"))).await.expect(204);
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let paid = buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    let refund = format!("/api/payments/{}/refund", text(&paid, "payment_id"));
    buyer.account().post(&refund, json!({})).await.expect(200);
    second.until("active").await;
    alone().await;
    let third = next("third").await;
    // The second stays for two seconds.
    third.until("active").await;
    alone().await;
    let fourth = next("fourth").await;
    third.delete("/api/queue_tokens/current").await.expect(204);
    assert_eq!(fourth.until("active").await["position"], Value::Null);
    alone().await;
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn lowering_the_capacity_throws_nobody_out_and_a_pause_stops_the_line_and_the_estimate() {
    let theatre = Theatre::open(3, 1).await;
    let inside = [theatre.buyer(0).await, theatre.buyer(0).await, theatre.buyer(0).await];
    let (next, _) = theatre.server.user("next").await.join(Some(&theatre.concert.id)).await;
    theatre.change_room(json!({ "capacity": 1 })).await.expect(200);
    for caller in &inside {
        assert_eq!(ticket(caller).await["state"], "active");
    }
    for caller in &inside[1..] {
        caller.delete("/api/queue_tokens/current").await.expect(204);
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(ticket(&next).await["state"], "waiting", "one is inside, which is all there is");
    until(&next, |told| told["eta_seconds"].is_u64()).await;
    theatre.change_room(json!({ "paused": true })).await.expect(200);
    inside[0].delete("/api/queue_tokens/current").await.expect(204);
    until(&next, |told| told["eta_seconds"].is_null()).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(ticket(&next).await["state"], "waiting", "it is paused");
    theatre.change_room(json!({ "paused": false })).await.expect(200);
    next.until("active").await;
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn an_outage_longer_than_the_idle_time_drops_nobody_from_a_line_and_keeps_every_position() {
    let installation = Installation::new().with("SECRET", "the same secret before and after it");
    let theatre = Theatre::open_in(installation, 1, 1).await;
    theatre.change_room(json!({ "idle_ttl_seconds": 4 })).await.expect(200);
    let mut line = Vec::new();
    for n in 0..20 {
        let user = theatre.server.user(&format!("waiting{n}")).await;
        line.push(user.join(Some(&theatre.concert.id)).await.0);
    }
    let mut before = Vec::new();
    for caller in &line {
        before.push(ticket(caller).await["position"].clone());
    }
    let Theatre { installation, server, .. } = theatre;
    server.kill();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let server = installation.start();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (caller, before) in line.iter().zip(before) {
        assert_eq!(ticket(&caller.at(&server)).await["position"], before);
    }
    installation.assert_sound();
}

#[tokio::test]
async fn those_who_run_the_service_see_what_becomes_of_people_in_line() {
    let theatre = Theatre::open_in(Installation::new().with("SWEEP_INTERVAL_MS", 100), 1, 1).await;
    theatre
        .change_room(json!({ "active_ttl_seconds": 9, "idle_ttl_seconds": 3 }))
        .await
        .expect(200);
    let concert = Some(theatre.concert.id.as_str());
    let (inside, _) = theatre.server.user("inside").await.join(concert).await;
    theatre.server.user("silent").await.join(concert).await;
    let (leaver, _) = theatre.server.user("leaver").await.join(concert).await;
    leaver.delete("/api/queue_tokens/current").await.expect(204);
    let (second, _) = theatre.server.user("second").await.join(concert).await;
    second.until("active").await;
    assert_eq!(ticket(&inside).await["state"], "expired");
    let room = text(&theatre.room().await, "room_id");
    let turn = |turn: &str, count: u32| {
        format!("stagedoor_room_turns_total{{room_id=\"{room}\",turn=\"{turn}\"}} {count}\n")
    };
    // The operator, who looked at the seats when they were entered, was let in and left, too.
    let expected = [
        turn("admitted", 3),
        turn("dropped", 1),
        turn("ran_out", 1),
        turn("left", 2),
        format!("stagedoor_room_wait_seconds_count{{room_id=\"{room}\"}} 3\n"),
        format!("stagedoor_room_wait_seconds_bucket{{room_id=\"{room}\",le=\"0\"}} 2\n"),
        format!("stagedoor_room_people{{room_id=\"{room}\",state=\"active\"}} 1\n"),
    ];
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let metrics = theatre.server.anyone().get("/metrics").await.expect(200);
        let metrics = metrics.as_str().unwrap();
        let missing: Vec<_> = expected.iter().filter(|line| !metrics.contains(*line)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "{missing:?} in {metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
