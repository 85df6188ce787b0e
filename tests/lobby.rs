//! Rooms that open at a time: the lobby before it, and the draw that anyone can check.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::Digest as _;

use crate::harness::{Caller, Installation, Theatre, new_concert, new_show, room_path, text};
use crate::running::said;

/// A theatre for one whose room opens in an hour, or when the operator says so.
async fn opening_later() -> (Theatre, String) {
    let theatre = Theatre::open_in(Installation::new(), 0, 1).await;
    let Theatre { operator, server, .. } = &theatre;
    let opens_at = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let room = json!({ "capacity": 1, "opens_at": opens_at });
    let concert = crate::harness::enter(operator, room, 3).await;
    let path = room_path(operator, &concert.id).await.replace("admin/", "") + "/draw";
    let published = server.anyone().get(&path).await.expect(200);
    assert_eq!((&published["seed"], &published["drawn_at"]), (&Value::Null, &Value::Null));
    (Theatre { concert, ..theatre }, path)
}

async fn until_drawn(anyone: &Caller, path: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let draw = anyone.get(path).await.expect(200);
        if draw["drawn_at"].is_string() {
            return draw;
        }
        assert!(Instant::now() < end, "not drawn: {draw}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn who_comes_early_waits_without_a_number_and_the_draw_gives_one_that_anyone_can_check() {
    let (theatre, draw_path) = opening_later().await;
    let anyone = theatre.server.anyone();
    let promised = text(&anyone.get(&draw_path).await.expect(200), "seed_sha256");
    let concert = Some(theatre.concert.id.as_str());
    let mut lobby = Vec::new();
    for n in 0..12 {
        let user = theatre.server.user(&format!("early{n}")).await;
        let (place, told) = user.join(concert).await;
        assert_eq!((&told["state"], &told["status"]), (&"waiting".into(), &"issued".into()));
        assert_eq!((&told["number"], &told["position"]), (&Value::Null, &Value::Null));
        assert_eq!(told["eta_seconds"], Value::Null);
        let (_, again) = user.join(concert).await;
        assert_eq!((&again["status"], &again["token"]), (&"existing".into(), &told["token"]));
        lobby.push((place, text(&told, "token_id")));
    }
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    let refused = lobby[0].0.get(&seats).await.refused(403, "not_admitted");
    assert_eq!(refused["position"], Value::Null);
    // One leaves, whose lot is drawn all the same.
    lobby[3].0.delete("/api/queue_tokens/current").await.expect(204);
    let too_late = json!({ "opens_at": "2035-01-01T00:00:00Z" });

    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    let draw = until_drawn(&anyone, &draw_path).await;
    theatre.change_room(too_late).await.refused(400, "invalid_request");
    let order: Vec<_> = draw["token_ids"].as_array().unwrap().iter().collect();
    assert_eq!((&draw["count"], order.len()), (&12.into(), 12));
    assert_eq!(text(&draw, "seed_sha256"), promised);
    let (late, told) = theatre.server.user("late").await.join(concert).await;
    assert_eq!(told["number"], 13);

    let mut numbers = BTreeSet::new();
    for (n, (place, id)) in lobby.iter().enumerate() {
        let ticket = place.get("/api/queue_tokens/current").await.expect(200);
        let number = ticket["number"].as_u64().unwrap();
        assert!(numbers.insert(number));
        assert_eq!(*order[usize::try_from(number - 1).unwrap()], **id);
        assert_eq!(ticket["state"] == "expired", n == 3, "{ticket}");
    }
    // Let in strictly by number, the one who came after the opening last.
    let mut by_number: Vec<_> = order
        .iter()
        .filter_map(|id| lobby.iter().find(|(_, other)| **id == **other))
        .filter(|(_, id)| *id != lobby[3].1)
        .map(|(place, _)| place)
        .collect();
    by_number.push(&late);
    for place in by_number {
        place.until("active").await;
        place.delete("/api/queue_tokens/current").await.expect(204);
    }
    theatre.installation.assert_sound();
}

async fn number_once_drawn(place: &Caller) -> u64 {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let ticket = place.get("/api/queue_tokens/current").await.expect(200);
        if let Some(number) = ticket["number"].as_u64() {
            return number;
        }
        assert!(Instant::now() < end, "not drawn: {ticket}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_room_opens_with_the_sale_and_nobodys_time_inside_runs_before() {
    let theatre = Theatre::open_in(Installation::new(), 1, 1).await;
    let Theatre { operator, server, installation, .. } = &theatre;
    let sale = chrono::Utc::now() + chrono::TimeDelta::seconds(8);
    let mut details = new_concert();
    details["sale_opens_at"] = json!(sale);
    details["room"] = json!({ "capacity": 1, "active_ttl_seconds": 600 });
    let concert = operator.post("/api/admin/concerts", details).await.expect(201);
    let id = text(&concert, "concert_id");
    let mut show = new_show(1);
    show["room"] = json!({ "capacity": 1 });
    operator.post(&format!("/api/admin/concerts/{id}/shows"), show).await.expect(201);
    let rooms = operator.get("/api/admin/rooms").await.expect(200);
    let rooms: Vec<_> = rooms["rooms"].as_array().unwrap().iter().take(2).collect();
    for room in rooms {
        let path = format!("/api/admin/rooms/{}", text(room, "room_id"));
        let opened = operator.patch(&path, json!({ "opens_at": null })).await.expect(200);
        let opens_at: chrono::DateTime<chrono::Utc> = text(&opened, "opens_at").parse().unwrap();
        assert!((opens_at - sale).abs() < chrono::TimeDelta::milliseconds(1), "{opened}");
    }
    let mut early = Vec::new();
    for n in 0..2 {
        let (place, told) = server.user(&format!("early{n}")).await.join(Some(&id)).await;
        assert_eq!((&told["state"], &told["number"]), (&"waiting".into(), &Value::Null));
        early.push(place);
    }
    let numbers = [number_once_drawn(&early[0]).await, number_once_drawn(&early[1]).await];
    let first = if numbers == [1, 2] { &early[0] } else { &early[1] };
    assert_eq!(numbers.iter().sum::<u64>(), 3);
    first.until("active").await;
    let ticket = first.get("/api/queue_tokens/current").await.expect(200);
    let expires_at: chrono::DateTime<chrono::Utc> = text(&ticket, "expires_at").parse().unwrap();
    assert!(expires_at >= sale + chrono::TimeDelta::seconds(600), "{ticket}");
    let dates = first.get("/api/concerts/available_dates").await;
    assert_eq!(dates.expect(200)["available_dates"].as_array().unwrap().len(), 1);
    installation.assert_sound();
}

#[tokio::test]
async fn a_draw_is_checked_without_a_server_and_a_changed_one_is_caught() {
    let (theatre, draw_path) = opening_later().await;
    for n in 0..5 {
        let user = theatre.server.user(&format!("early{n}")).await;
        user.join(Some(&theatre.concert.id)).await;
    }
    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    let draw = until_drawn(&theatre.server.anyone(), &draw_path).await;
    let Theatre { installation, server, .. } = theatre;
    server.kill();
    let verify = |draw: &Value, more: &[&str]| {
        let args = [&["verify-draw", "-"], more].concat();
        let output = installation.run(&args, &draw.to_string());
        (output.status.success(), said(&output).0)
    };
    let hash = text(&draw, "seed_sha256");
    let (fair, said) = verify(&draw, &["--seed-sha256", &hash]);
    assert!(fair && said.contains("the draw of 5 follows from its seed"), "{said}");
    let mut swapped = draw.clone();
    swapped["token_ids"].as_array_mut().unwrap().swap(0, 1);
    let mut reseeded = draw.clone();
    reseeded["seed"] = "11".repeat(32).into();
    let mut shortened = draw.clone();
    shortened["token_ids"].as_array_mut().unwrap().pop();
    for forged in [swapped, reseeded, shortened] {
        let (fair, said) = verify(&forged, &[]);
        assert!(!fair && said.contains("NOT a fair draw"), "{said}");
    }
    assert!(!verify(&draw, &["--seed-sha256", &"0".repeat(64)]).0);
    let garbage = installation.run(&["verify-draw", "-"], "<html>");
    assert!(!garbage.status.success());
}

/// Leaving and coming again gives nobody another lot, and nobody a second.
#[tokio::test]
async fn whoever_leaves_a_lobby_and_comes_again_has_the_lot_of_before() {
    let (theatre, draw_path) = opening_later().await;
    let concert = Some(theatre.concert.id.as_str());
    let second = crate::ON_POSTGRES.then(|| theatre.installation.start());
    let other = second.as_ref().unwrap_or(&theatre.server);
    let (user, honest) = (theatre.server.user("hasty").await, theatre.server.user("honest").await);
    let (mut place, first) = user.join(concert).await;
    let (mut waits, _) = honest.join(concert).await;
    for n in 0..12 {
        place.delete("/api/queue_tokens/current").await.expect(204);
        assert_eq!(place.get("/api/queue_tokens/current").await.expect(200)["state"], "expired");
        // Now here, now there.
        let server = if n % 2 == 0 { other } else { &theatre.server };
        let (again, told) = user.at(server).join(concert).await;
        assert_eq!((&told["status"], &told["state"]), (&"issued".into(), &"waiting".into()));
        assert_eq!(told["token_id"], first["token_id"]);
        let elsewhere = again.at(if n % 2 == 0 { &theatre.server } else { other });
        let seen = elsewhere.get("/api/queue_tokens/current").await.expect(200);
        assert_eq!(seen["state"], "waiting", "{n}");
        place = again;
    }
    let draw = theatre.server.anyone().get(&draw_path).await.expect(200);
    assert_eq!(draw["count"], 2, "for two people");
    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    let draw = until_drawn(&theatre.server.anyone(), &draw_path).await;
    assert_eq!(draw["token_ids"].as_array().unwrap().len(), 2);
    // Both are let in, one after the other, whoever comes first.
    if place.get("/api/queue_tokens/current").await.expect(200)["number"] == 2 {
        std::mem::swap(&mut place, &mut waits);
    }
    for place in [place, waits] {
        place.until("active").await;
        place.delete("/api/queue_tokens/current").await.expect(204);
    }
    let (_, late) = user.join(concert).await;
    assert_eq!(late["number"], 3, "what was drawn is given up");
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn the_set_of_a_draw_is_published_while_it_grows_and_nobody_can_be_left_out_afterwards() {
    let (theatre, draw_path) = opening_later().await;
    let anyone = theatre.server.anyone();
    let nobody = anyone.get(&draw_path).await.expect(200);
    assert_eq!(nobody["arrivals_sha256"], "0".repeat(64));
    for n in 0..4 {
        theatre.server.user(&format!("early{n}")).await.join(Some(&theatre.concert.id)).await;
    }
    let noted = anyone.get(&draw_path).await.expect(200);
    assert_eq!((&noted["count"], &noted["arrivals"]), (&4.into(), &json!([])));
    for n in 4..6 {
        theatre.server.user(&format!("early{n}")).await.join(Some(&theatre.concert.id)).await;
    }
    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    let draw = until_drawn(&anyone, &draw_path).await;
    let Theatre { installation, server, .. } = theatre;
    server.kill();
    let directory = tempfile::tempdir().unwrap();
    let noted_file = directory.path().join("noted.json");
    let verify = |draw: &Value, noted: &Value| {
        std::fs::write(&noted_file, noted.to_string()).unwrap();
        let args = ["verify-draw", "-", "--noted", noted_file.to_str().unwrap()];
        let output = installation.run(&args, &draw.to_string());
        (output.status.success(), said(&output).0)
    };
    for noted in [&nobody, &noted] {
        let (fair, said) = verify(&draw, noted);
        assert!(fair, "{said}");
    }
    // Whoever came third is left out, and all that can be made anew is.
    let mut forged = draw;
    let out = forged["arrivals"].as_array_mut().unwrap().remove(2);
    forged["token_ids"].as_array_mut().unwrap().retain(|id| *id != out);
    forged["count"] = 5.into();
    let (fair, said) = verify(&forged, &noted);
    assert!(!fair && said.contains("arrivals' SHA-256"), "{said}");
    let mut hash = [0; 32];
    for id in forged["arrivals"].as_array().unwrap() {
        let id: uuid::Uuid = id.as_str().unwrap().parse().unwrap();
        hash = sha2::Sha256::digest([&hash[..], id.as_bytes()].concat()).into();
    }
    forged["arrivals_sha256"] = hex::encode(hash).into();
    let (fair, said) = verify(&forged, &noted);
    assert!(!fair && said.contains("of the first 4 arrivals"), "{said}");
}

/// An opening that is moved, a lobby that is opened at once and a larger door stand with their times in
/// what everybody can read.
#[tokio::test]
async fn every_change_of_a_room_is_published_with_its_time() {
    let (theatre, draw_path) = opening_later().await;
    let anyone = theatre.server.anyone();
    let room_path = draw_path.replace("/draw", "");
    let before = anyone.get(&room_path).await.expect(200);
    assert_eq!(before["policies"].as_array().unwrap().len(), 1);
    assert_eq!(before["policies"][0]["opens_at"], before["opens_at"]);
    theatre.server.user("early").await.join(Some(&theatre.concert.id)).await;
    let moved = chrono::Utc::now() + chrono::TimeDelta::hours(2);
    theatre.change_room(json!({ "opens_at": moved })).await.expect(200);
    theatre.change_room(json!({ "capacity": 7, "paused": true })).await.expect(200);
    theatre.change_room(json!({ "capacity": 7, "paused": true })).await.expect(200);
    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    until_drawn(&anyone, &draw_path).await;
    for path in [&room_path, &draw_path] {
        let told = anyone.get(path).await.expect(200);
        let policies = told["policies"].as_array().unwrap();
        let fields = |n: usize| (&policies[n]["capacity"], &policies[n]["paused"]);
        assert_eq!(policies.len(), 4, "what changes nothing is no change: {told}");
        assert_eq!(fields(1), (&1.into(), &false.into()));
        assert_eq!(fields(2), (&7.into(), &true.into()));
        assert_ne!(policies[1]["opens_at"], policies[0]["opens_at"]);
        assert_eq!(policies[3]["opens_at"], policies[3]["since"], "it was opened then");
        let times: Vec<_> = policies.iter().map(|policy| text(policy, "since")).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
    let told = anyone.get(&room_path).await.expect(200);
    assert_eq!(
        (&told["lobby_count"], &told["concert_id"]),
        (&1.into(), &theatre.concert.id.as_str().into())
    );
    anyone.get("/api/rooms/nowhere").await.refused(404, "not_found");
    theatre.installation.assert_sound();
}

#[tokio::test]
async fn a_server_that_is_killed_before_the_opening_draws_when_it_is_back() {
    let (theatre, draw_path) = opening_later().await;
    let mut lobby = Vec::new();
    for n in 0..3 {
        let user = theatre.server.user(&format!("early{n}")).await;
        lobby.push(user.join(Some(&theatre.concert.id)).await);
    }
    let opens_at = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    theatre.change_room(json!({ "opens_at": opens_at })).await.expect(200);
    let Theatre { installation, server, operator, .. } = theatre;
    server.kill();
    let server = installation.start();
    until_drawn(&server.anyone(), &draw_path).await;
    let mut positions = BTreeSet::new();
    for (place, told) in lobby {
        let ticket = place.at(&server).get("/api/queue_tokens/current").await.expect(200);
        assert_eq!(ticket["token_id"], told["token_id"]);
        positions.insert(ticket["number"].as_u64().unwrap());
    }
    assert!(positions.into_iter().eq(1..=3));
    assert_eq!(operator.at(&server).get(&draw_path).await.expect(200)["count"], 3);
    installation.assert_sound();
}

#[tokio::test]
async fn an_operator_moves_the_opening_while_nobody_has_a_number() {
    let (theatre, draw_path) = opening_later().await;
    let concert = Some(theatre.concert.id.as_str());
    let (early, told) = theatre.server.user("early").await.join(concert).await;
    assert!(told["poll_after_seconds"].as_u64().unwrap() > 20, "it is an hour away");
    let room = theatre.room().await;
    assert_eq!((&room["waiting_count"], &room["drawn_at"]), (&1.into(), &Value::Null));
    theatre.change_room(json!({ "opens_at": null })).await.expect(200);
    until_drawn(&theatre.server.anyone(), &draw_path).await;
    assert_eq!(early.until("active").await["number"], 1);
    theatre.server.anyone().get("/api/rooms/nowhere/draw").await.refused(404, "not_found");
    let nowhere = format!("/api/rooms/{}/draw", uuid::Uuid::now_v7());
    theatre.server.anyone().get(&nowhere).await.refused(404, "not_found");
    theatre.installation.assert_sound();
}
