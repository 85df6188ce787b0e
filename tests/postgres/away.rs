//! The database goes away, and the network to it is cut; it says so, and comes back by itself.

use std::time::{Duration, Instant};

use super::proxy::{Network, NextCommit, Proxy, address_of};
use crate::harness::{Caller, Server, Theatre, text};

/// A theatre, and one more server with a network before its database that can be cut.
async fn with_network() -> (Theatre, Server, Proxy) {
    let theatre = Theatre::open(10, 4).await;
    let url = theatre.installation.database_url();
    let proxy = Proxy::to(address_of(&url)).await;
    let mut command = theatre.installation.command(&["serve"]);
    command.env("STAGEDOOR_DATABASE_URL", proxy.before(&url));
    let server = theatre.installation.start_as(command);
    (theatre, server, proxy)
}

/// The answer, which must not take long. The promise is 2 seconds; a machine that is busy with
/// other tests gets some more.
async fn soon<T>(answer: impl Future<Output = T>) -> T {
    let asked = Instant::now();
    let answer = answer.await;
    assert!(asked.elapsed() < Duration::from_secs(4), "it took {:?}", asked.elapsed());
    answer
}

/// Each of its writers has to come back.
async fn until_it_is_ready(user: &Caller) {
    let asked = Instant::now();
    while user.get("/readyz").await.status != 200 {
        assert!(asked.elapsed() < Duration::from_secs(20), "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_it_works(user: &Caller) {
    let asked = Instant::now();
    while user.post("/api/users/balance", serde_json::json!({ "amount": 1 })).await.status != 200 {
        assert!(asked.elapsed() < Duration::from_secs(20), "it does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_it_says_so_soon_and_shows_what_it_knows() {
    let (theatre, server, proxy) = with_network().await;
    let buyer = theatre.buyer(100_000).await.at(&server);
    let seats = format!("/api/shows/{}/seats", theatre.concert.show);
    let before = buyer.get(&seats).await.expect(200);
    for network in [Network::Cut, Network::Silent] {
        proxy.set(network);
        for _ in 0..3 {
            let amount = serde_json::json!({ "amount": 1 });
            let charge = soon(buyer.post("/api/users/balance", amount)).await;
            assert!(charge.headers.contains_key("retry-after"));
            charge.refused(503, "unavailable");
            soon(buyer.get("/api/users/balance")).await.refused(503, "unavailable");
        }
        assert_eq!(soon(buyer.get(&seats)).await.expect(200), before);
        soon(buyer.get("/livez")).await.expect(200);
        assert_eq!(soon(buyer.get("/readyz")).await.status, 503);
        proxy.set(Network::Whole);
        until_it_works(&buyer).await;
        until_it_is_ready(&buyer).await;
    }
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_answered_by_what_became_of_it() {
    let (theatre, server, proxy) = with_network().await;
    let user = server.user("user").await;
    for expected in [1, 2, 3] {
        proxy.set_next_commit(NextCommit::Unanswered);
        let charged = user.charge(1).await;
        assert_eq!(charged["balance"], expected, "it was committed, once");
    }
    assert!(theatre.installation.log().contains("the answer to a commit was lost"));
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_changed_nothing_and_says_so() {
    let (theatre, server, proxy) = with_network().await;
    let user = server.user("user").await;
    let mut charged = 0;
    for _ in 0..3 {
        proxy.set_next_commit(NextCommit::Lost);
        let answer = user.post("/api/users/balance", serde_json::json!({ "amount": 1 })).await;
        match answer.status.as_u16() {
            200 => charged += 1,
            503 => {}
            _ => panic!("{answer:?}"),
        }
        assert_eq!(user.get("/api/users/balance").await.expect(200)["balance"], charged);
    }
    theatre.installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_nobody_loses_a_place() {
    let (theatre, server, proxy) = with_network().await;
    let Theatre { installation, server: other, operator, concert } = theatre;
    other.kill();
    let operator = operator.at(&server);
    let rooms = operator.get("/api/admin/rooms").await.expect(200);
    let room = rooms["rooms"].as_array().unwrap().iter().find(|r| r["concert_id"] == *concert.id);
    let path = format!("/api/admin/rooms/{}", text(room.unwrap(), "room_id"));
    let short = serde_json::json!({
        "capacity": 1, "active_ttl_seconds": 6, "idle_ttl_seconds": 3
    });
    operator.patch(&path, short).await.expect(200);
    let (inside, place) = server.user("inside").await.join(Some(&concert.id)).await;
    assert_eq!(place["state"], "active");
    let (waiting, _) = server.user("waiting").await.join(Some(&concert.id)).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    proxy.set(Network::Cut);
    tokio::time::sleep(Duration::from_secs(8)).await;
    proxy.set(Network::Whole);
    until_it_works(&inside).await;
    // Until the outage is accounted for, a ticket may still say that the time was over.
    inside.until("active").await;
    let ticket = waiting.get("/api/queue_tokens/current").await.expect(200);
    assert_eq!((&ticket["state"], &ticket["position"]), (&"waiting".into(), &1.into()));
    inside.hold(&concert.show, &[&concert.seats[0]]).await.expect(201);
    installation.assert_sound();
}
