//! Nobody keeps a seat, or a place inside, by holding over and over.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Caller, Installation, Theatre, text};

/// A theatre in which holds last for so many seconds, and whoever lets a seat go leaves it to others for
/// an hour.
async fn cooling(hold_seconds: i64, capacity: u32, seats: u32) -> Theatre {
    let installation = Installation::new()
        .with("HOLD_SECONDS", hold_seconds)
        .with("REHOLD_COOLDOWN_SECONDS", 3_600);
    Theatre::open_in(installation, capacity, seats).await
}

async fn give_back(holder: &Caller, held: &Value) {
    let path = format!("/api/reservations/{}", text(held, "reservation_id"));
    holder.delete(&path).await.expect(204);
}

fn held_until(held: &Value) -> DateTime<Utc> {
    text(held, "held_until").parse().unwrap()
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test]
async fn who_lets_a_seat_run_out_leaves_it_to_others_for_a_while() {
    let theatre = cooling(2, 5, 2).await;
    let (greedy, other) = (theatre.buyer(0).await, theatre.buyer(0).await);
    let (show, seat) = (theatre.concert.show.as_str(), theatre.seat(0));
    greedy.hold(show, &[seat]).await.expect(201);
    seconds(2.1).await;
    let refused = greedy.hold(show, &[seat]).await;
    assert!(refused.headers.contains_key("retry-after"));
    let refused = refused.refused(409, "seat_let_go");
    assert_eq!(refused["seat_numbers"], json!(["A-1-1"]));
    greedy.hold(show, &[theatre.seat(1)]).await.expect(201);
    other.hold(show, &[seat]).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_gives_a_seat_back_and_holds_again_gets_no_more_time_and_not_over_and_over() {
    let theatre = cooling(60, 5, 3).await;
    let (hog, other) = (theatre.buyer(0).await, theatre.buyer(0).await);
    let show = theatre.concert.show.as_str();
    let first = hog.hold(show, &[theatre.seat(0)]).await.expect(201);
    seconds(1.5).await;
    give_back(&hog, &first).await;
    // Who chose wrongly chooses again, be it the same seat and another.
    let again = hog.hold(show, &[theatre.seat(0), theatre.seat(1)]).await.expect(201);
    let later = held_until(&again) - held_until(&first);
    assert!(later.abs() <= TimeDelta::seconds(1), "{first} {again}");
    give_back(&hog, &again).await;
    let refused = hog.hold(show, &[theatre.seat(0)]).await.refused(409, "seat_let_go");
    assert_eq!(refused["seat_numbers"], json!(["A-1-1"]));
    let next = hog.hold(show, &[theatre.seat(2)]).await.expect(201);
    assert!(held_until(&next) - held_until(&first) <= TimeDelta::seconds(1), "{first} {next}");
    other.hold(show, &[theatre.seat(0), theatre.seat(1)]).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_gives_back_one_seat_after_the_other_has_to_wait() {
    let theatre = cooling(60, 5, 6).await;
    let (hog, show) = (theatre.buyer(0).await, theatre.concert.show.as_str());
    for n in 0..5 {
        let held = hog.hold(show, &[theatre.seat(n)]).await.expect(201);
        give_back(&hog, &held).await;
    }
    let refused = hog.hold(show, &[theatre.seat(5)]).await;
    assert!(refused.headers.contains_key("retry-after"));
    refused.refused(409, "chosen_too_often");
    // What was given back last may be had again.
    hog.hold(show, &[theatre.seat(4)]).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn two_accounts_in_turn_do_not_keep_a_seat_from_a_third() {
    let theatre = cooling(1, 5, 1).await;
    let (show, seat) = (theatre.concert.show.as_str(), theatre.seat(0));
    let pair = [theatre.buyer(0).await, theatre.buyer(0).await];
    for one in &pair {
        one.hold(show, &[seat]).await.expect(201);
        seconds(1.1).await;
    }
    for one in &pair {
        one.hold(show, &[seat]).await.refused(409, "seat_let_go");
    }
    let third = theatre.buyer(100_000).await;
    let held = third.hold(show, &[seat]).await.expect(201);
    third.pay(&text(&held, "reservation_id")).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn whoever_holds_on_and_on_is_out_one_hold_after_the_end_of_the_stay() {
    let theatre = cooling(3, 1, 20).await;
    theatre.change_room(json!({ "active_ttl_seconds": 3 })).await.expect(200);
    let hog = theatre.buyer(0).await;
    let began = Instant::now();
    let (next, place) = theatre.server.user("next").await.join(Some(&theatre.concert.id)).await;
    assert_eq!(place["state"], "waiting");
    let mut held = 0;
    let refused = loop {
        let answer = hog.hold(&theatre.concert.show, &[theatre.seat(held)]).await;
        if answer.status != 201 {
            break answer;
        }
        held += 1;
        assert!(began.elapsed() < Duration::from_secs(8), "{held} holds");
        seconds(1.0).await;
    };
    refused.refused(403, "token_expired");
    assert!(held >= 2, "{held} holds");
    next.until("active").await;
    // Some more than the six seconds, for sweeps and for a machine that has other things to do.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    theatre.installation.assert_sound();
}
