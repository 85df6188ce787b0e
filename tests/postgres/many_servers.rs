//! Several servers on one database are one service.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::harness::{Caller, Installation, Server, Theatre, room_path, text};
use crate::running::said;

/// A theatre with two more servers.
async fn three(capacity: u32, seats: u32) -> (Theatre, Vec<Server>) {
    let theatre = Theatre::open(capacity, seats).await;
    let others = (0..2).map(|_| theatre.installation.start()).collect();
    (theatre, others)
}

fn at<'a>(servers: &'a [Server], caller: &'a Caller) -> impl Iterator<Item = Caller> + 'a {
    servers.iter().map(|server| caller.at(server))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_let_in_by_one_server_is_let_through_by_all_at_once() {
    let (theatre, others) = three(10, 3).await;
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    for n in 0..5 {
        let user = theatre.server.user("user").await;
        let (inside, place) = user.join(Some(&theatre.concert.id)).await;
        assert_eq!(place["state"], "active");
        for elsewhere in at(&others, &inside) {
            elsewhere.get(&seats).await.expect(200);
        }
        if n < 3 {
            let elsewhere = inside.at(&others[1]);
            elsewhere.hold(&theatre.concert.show, &[theatre.seat(n)]).await.expect(201);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_changed_the_others_show_within_a_second() {
    let (theatre, others) = three(10, 2).await;
    let (buyer, looker) = (theatre.buyer(100_000).await, theatre.buyer(0).await.at(&others[0]));
    assert_eq!(theatre.statuses(&looker).await, ["available", "available"]);
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    soon(async || theatre.statuses(&looker).await == ["held", "available"]).await;
    buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    soon(async || theatre.statuses(&looker).await == ["sold", "available"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_show_is_told_by_all_servers_within_seconds() {
    let (theatre, others) = three(10, 1).await;
    let path = format!("/api/concerts/{}", theatre.concert.id);
    let anyone = theatre.server.anyone();
    let all = |told: &'static str| {
        let (path, others, anyone) = (&path, &others, &anyone);
        async move || {
            for elsewhere in at(others, anyone) {
                let concert = elsewhere.get(path).await.expect(200);
                if concert["shows"][0]["availability"] != told {
                    return false;
                }
            }
            true
        }
    };
    soon(all("many")).await;
    let buyer = theatre.buyer(0).await;
    buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    soon(all("none")).await;
}

/// Waits until it is so. The promise is a second; a machine that is busy with other tests gets some more.
async fn soon(is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(8), "it is not heard of");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_by_one_server_is_out_at_the_others() {
    let (theatre, others) = three(10, 1).await;
    let inside = theatre.buyer(0).await;
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    for elsewhere in at(&others, &inside) {
        elsewhere.get(&seats).await.expect(200);
    }
    inside.delete("/api/queue_tokens/current").await.expect(204);
    for elsewhere in at(&others, &inside) {
        // What changes anything is refused at once.
        let held = elsewhere.hold(&theatre.concert.show, &[theatre.seat(0)]).await;
        held.refused(403, "token_expired");
    }
    for elsewhere in at(&others, &inside) {
        soon(async || elsewhere.get(&seats).await.status != 200).await;
        elsewhere.get(&seats).await.refused(403, "token_expired");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_out_or_is_shut_out_by_one_server_is_so_at_all() {
    let (theatre, others) = three(10, 1).await;
    let (leaver, everywhere) = (theatre.server.user("a").await, theatre.server.user("b").await);
    let shut_out = theatre.server.user("c").await;
    let (queue, _) = shut_out.join(Some(&theatre.concert.id)).await;
    let id = text(&shut_out.get("/api/users/me").await.expect(200), "user_id");
    for elsewhere in
        at(&others, &leaver).chain(at(&others, &everywhere)).chain(at(&others, &shut_out))
    {
        elsewhere.get("/api/users/me").await.expect(200);
    }
    leaver.delete("/api/sessions/current").await.expect(204);
    everywhere.delete("/api/sessions").await.expect(204);
    let path = format!("/api/admin/users/{id}/disable");
    theatre.operator.post(&path, serde_json::json!({})).await.expect(200);
    for elsewhere in
        at(&others, &leaver).chain(at(&others, &everywhere)).chain(at(&others, &shut_out))
    {
        soon(async || elsewhere.get("/api/users/me").await.status == 401).await;
    }
    for elsewhere in at(&others, &queue) {
        soon(async || elsewhere.get("/api/queue_tokens/current").await.status == 401).await;
    }
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_gets_the_seat_whatever_server_they_ask() {
    let (theatre, others) = three(100, 1).await;
    let mut holds = JoinSet::new();
    for n in 0..30 {
        let buyer = theatre.buyer(0).await;
        let buyer = if n % 3 == 2 { buyer } else { buyer.at(&others[n % 3]) };
        let (show, seat) = (theatre.concert.show.clone(), theatre.seat(0).to_owned());
        holds.spawn(async move { buyer.hold(&show, &[&seat]).await });
    }
    let mut won = 0;
    for held in holds.join_all().await {
        if held.status == 201 {
            won += 1;
        } else {
            held.refused(409, "seat_already_reserved");
        }
    }
    assert_eq!(won, 1);
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_limit_holds_though_the_user_asks_every_server_at_once() {
    let (theatre, others) = three(100, 12).await;
    for round in 0..3 {
        let buyer = theatre.buyer(0).await;
        let everywhere: Vec<_> = at(&others, &buyer).chain([buyer.clone()]).collect();
        let mut holds = JoinSet::new();
        for (n, buyer) in everywhere.into_iter().enumerate() {
            let show = theatre.concert.show.clone();
            let seats: Vec<_> =
                (0..2).map(|seat| theatre.seat((n * 4 + round + seat) % 12).to_owned()).collect();
            holds.spawn(async move {
                let seats: Vec<_> = seats.iter().map(String::as_str).collect();
                buyer.hold(&show, &seats).await
            });
        }
        let held = holds.join_all().await.into_iter().filter(|held| held.status == 201).count();
        assert!(held <= 2, "{held} times two seats, and four is the limit");
        let list = buyer.get("/api/reservations").await.expect(200);
        for reservation in list["reservations"].as_array().unwrap() {
            let path = format!("/api/reservations/{}", text(reservation, "reservation_id"));
            buyer.delete(&path).await.expect(204);
        }
    }
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_pays_once_at_all_servers_together() {
    let (theatre, others) = three(10, 1).await;
    let buyer = theatre.buyer(200_000).await.with_key("once");
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    let mut payments = JoinSet::new();
    let everywhere: Vec<_> = at(&others, &buyer).chain([buyer.clone()]).collect();
    for buyer in everywhere.iter().cycle().take(60) {
        let (buyer, reservation) = (buyer.clone(), text(&held, "reservation_id"));
        payments.spawn(async move { buyer.pay(&reservation).await.expect(201) });
    }
    let mut answers = payments.join_all().await;
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(buyer.get("/api/users/balance").await.expect(200)["balance"], 150_000);
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_across_servers_moves_in_order_and_never_past_its_capacity() {
    let (theatre, others) = three(2, 1).await;
    let mut joins = JoinSet::new();
    for n in 0..15 {
        let user = theatre.server.user("user").await;
        let user = if n % 3 == 2 { user } else { user.at(&others[n % 3]) };
        let concert = theatre.concert.id.clone();
        joins.spawn(async move { user.join(Some(&concert)).await });
    }
    let mut people = joins.join_all().await;
    people.sort_by_key(|(_, place)| place["number"].as_u64());
    for (n, (person, _)) in people.iter().enumerate() {
        person.until("active").await;
        for (later, _) in &people[(n + 2).min(people.len())..] {
            let ticket = later.get("/api/queue_tokens/current").await.expect(200);
            assert_eq!(ticket["state"], "waiting");
        }
        person.at(&others[n % 2]).delete("/api/queue_tokens/current").await.expect(204);
    }
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_once_on_an_empty_database_all_start() {
    let installation = Installation::new();
    std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| installation.start())).collect();
        for server in starting {
            server.join().unwrap();
        }
        let migrating: Vec<_> =
            (0..3).map(|_| scope.spawn(|| installation.run(&["migrate"], ""))).collect();
        for migrated in migrating {
            assert!(migrated.join().unwrap().status.success());
        }
    });
    installation.assert_sound();
}

#[test]
fn without_a_secret_it_does_not_start() {
    let installation = Installation::new().with("SECRET", "");
    let output = installation.run(&["serve"], "");
    let (_, errors) = said(&output);
    assert!(!output.status.success());
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("STAGEDOOR_SECRET"), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_takes_the_tokens_of_the_one_before_while_it_is_named() {
    let theatre = Theatre::open(10, 1).await;
    let old = theatre.buyer(0).await;
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    let with_secrets = |secret: &str, previous: &str| {
        let mut command = theatre.installation.command(&["serve"]);
        command.env("STAGEDOOR_SECRET", secret).env("STAGEDOOR_SECRET_PREVIOUS", previous);
        theatre.installation.start_as(command)
    };
    let new = "another secret that all the servers share";
    let rotated = with_secrets(new, crate::harness::SECRET);
    old.at(&rotated).get(&seats).await.expect(200);
    old.at(&rotated).get("/api/users/balance").await.expect(200);
    let forgotten = with_secrets(new, "");
    old.at(&forgotten).get(&seats).await.refused(401, "invalid_token");
}

/// The ticket, once it has a number.
async fn drawn(place: &Caller) -> serde_json::Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let told = place.get("/api/queue_tokens/current").await.expect(200);
        if told["number"].is_u64() {
            return told;
        }
        assert!(Instant::now() < end, "still {told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lobby_is_drawn_once_and_every_server_tells_its_numbers() {
    let (theatre, others) = three(0, 1).await;
    let opens_at = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let room = serde_json::json!({ "capacity": 0, "opens_at": opens_at });
    let concert = crate::harness::enter(&theatre.operator, room, 1).await;
    let path = room_path(&theatre.operator, &concert.id).await;
    let mut lobby = Vec::new();
    for n in 0..9 {
        let user = theatre.server.user(&format!("early{n}")).await;
        let (place, told) = user.join(Some(&concert.id)).await;
        assert_eq!(told["number"], serde_json::Value::Null);
        // Every server knows of it before the draw.
        for elsewhere in at(&others, &place) {
            let told = elsewhere.get("/api/queue_tokens/current").await.expect(200);
            assert_eq!((&told["state"], told["number"].is_null()), (&"waiting".into(), true));
        }
        lobby.push(place);
    }
    let opens_now = serde_json::json!({ "opens_at": null });
    theatre.operator.patch(&path, opens_now).await.expect(200);
    let mut numbers = std::collections::BTreeSet::new();
    for place in &lobby {
        let told = drawn(place).await;
        assert!(numbers.insert(told["number"].as_u64().unwrap()));
        for elsewhere in at(&others, place) {
            assert_eq!(drawn(&elsewhere).await["number"], told["number"]);
        }
    }
    assert!(numbers.into_iter().eq(1..=9));
    theatre.installation.assert_sound();
}
