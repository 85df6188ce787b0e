//! Many at once, over HTTP.

use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Installation, Theatre, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_gets_the_seat_and_the_others_are_told() {
    let theatre = Theatre::open(100, 1).await;
    let mut buyers = Vec::new();
    for _ in 0..30 {
        buyers.push(theatre.buyer(0).await);
    }
    let mut holds = JoinSet::new();
    for buyer in buyers {
        let (show, seat) = (theatre.concert.show.clone(), theatre.seat(0).to_owned());
        holds.spawn(async move { buyer.hold(&show, &[&seat]).await });
    }
    let (mut won, mut lost) = (0, 0);
    for held in holds.join_all().await {
        if held.status == 201 {
            won += 1;
        } else {
            assert_eq!(
                held.refused(409, "seat_already_reserved")["seat_numbers"],
                json!(["A-1-1"])
            );
            lost += 1;
        }
    }
    assert_eq!((won, lost), (1, 29));
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_a_hundred_times_at_once_pays_once() {
    let theatre = Theatre::open(5, 1).await;
    let buyer = theatre.buyer(100_000).await;
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let mut payments = JoinSet::new();
    for _ in 0..100 {
        let (buyer, reservation) = (buyer.with_key("once"), text(&held, "reservation_id"));
        payments.spawn(async move { buyer.pay(&reservation).await.expect(201) });
    }
    let mut answers = payments.join_all().await;
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 50_000);
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_without_a_key_pays_once_too() {
    let theatre = Theatre::open(5, 1).await;
    let buyer = theatre.buyer(100_000).await;
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let reservation = text(&held, "reservation_id");
    let (one, other) = tokio::join!(buyer.pay(&reservation), buyer.pay(&reservation));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403]);
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 50_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_moves_in_order_and_never_past_its_capacity() {
    let theatre = Theatre::open(2, 1).await;
    let mut people = Vec::new();
    for _ in 0..12 {
        people.push(theatre.server.user("user").await.join(Some(&theatre.concert.id)).await);
    }
    people.sort_by_key(|(_, place)| place["number"].as_u64());
    for (n, (person, _)) in people.iter().enumerate() {
        person.until("active").await;
        for (later, _) in &people[(n + 2).min(people.len())..] {
            let ticket = later.get("/api/queue_tokens/current").await.expect(200);
            assert_eq!(ticket["state"], "waiting");
        }
        person.delete("/api/queue_tokens/current").await.expect(204);
    }
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_seat_whose_hold_is_over_is_the_next_ones_with_every_sweeper_asleep() {
    let asleep = Installation::new().with("HOLD_SECONDS", 1).with("SWEEP_INTERVAL_MS", 3_600_000);
    let theatre = Theatre::open_in(asleep, 5, 1).await;
    let (slow, quick) = (theatre.buyer(50_000).await, theatre.buyer(0).await);
    let held = slow.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    assert_eq!(theatre.statuses(&quick).await, ["available"]);
    quick.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    slow.pay(&text(&held, "reservation_id")).await.refused(410, "hold_expired");
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn who_stays_too_long_and_who_is_silent_too_long_is_out() {
    let short = Installation::new().with("SWEEP_INTERVAL_MS", 100);
    let theatre = Theatre::open_in(short, 1, 1).await;
    let change = json!({ "active_ttl_seconds": 8, "idle_ttl_seconds": 4 });
    theatre.change_room(change).await.expect(200);

    let concert = Some(theatre.concert.id.as_str());
    let (inside, place) = theatre.server.user("inside").await.join(concert).await;
    assert_eq!(place["state"], "active");
    let (silent, _) = theatre.server.user("silent").await.join(concert).await;
    let (patient, _) = theatre.server.user("patient").await.join(concert).await;
    let ticket = patient.until("active").await;
    assert!(ticket["expires_at"].is_string());
    inside.until("expired").await;
    silent.until("expired").await;
    theatre.installation.assert_sound();
}
