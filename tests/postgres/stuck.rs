//! One thing that is stuck does not stop the rest: a row that somebody keeps locked, a table that is
//! rewritten, a database that takes no writes.
//!
//! `STAGEDOOR_HISTORY_ROUNDS` says how many rounds of each (1).

use std::time::{Duration, Instant};

use serde_json::json;
use throw_away_postgres::execute;

use crate::harness::{Theatre, each_round, enter, room_path, text};

/// Somebody who keeps something of the database for himself, until dropped.
struct Holder {
    url: String,
    name: String,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Holder {
    /// Runs `sql` in a transaction that stays open.
    async fn of(url: &str, sql: &str) -> Self {
        let name = format!("holder_{}", uuid::Uuid::now_v7().simple());
        let text = format!("SET application_name = '{name}'; BEGIN; {sql}; SELECT pg_sleep(120)");
        let at = url.to_owned();
        let thread = std::thread::spawn(move || drop(execute(&at, &text)));
        tokio::time::sleep(Duration::from_millis(300)).await;
        Self { url: url.to_owned(), name, thread: Some(thread) }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ";
        let _ = execute(&self.url, &format!("{end} '{}'", self.name));
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_somebody_keeps_locked_stops_no_other_room() {
    each_round(async || {
        let theatre = Theatre::open(0, 4).await;
        let other = enter(&theatre.operator, json!({ "capacity": 0 }), 4).await;
        let (mut stuck, mut free) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            stuck.push(theatre.server.user("stuck").await.join(Some(&theatre.concert.id)).await.0);
            free.push(theatre.server.user("free").await.join(Some(&other.id)).await.0);
        }
        let paths = [&theatre.concert.id, &other.id];
        for id in paths {
            let path = room_path(&theatre.operator, id).await;
            theatre.operator.patch(&path, json!({ "capacity": 1 })).await.expect(200);
        }
        stuck[0].until("active").await;
        free[0].until("active").await;
        let room = format!(
            "SELECT 1 FROM waiting_rooms WHERE concert_id = '{}' FOR UPDATE",
            theatre.concert.id
        );
        let holder = Holder::of(&theatre.installation.database_url(), &room).await;
        for n in 1..3 {
            free[n - 1].delete("/api/queue_tokens/current").await.expect(204);
            let asked = Instant::now();
            free[n].until("active").await;
            assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
        }
        // Who comes to the other room does not wait for those who come to this one.
        let mut joins = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let user = theatre.server.user("more").await;
            let concert = theatre.concert.id.clone();
            joins.spawn(async move {
                let body = json!({ "concert_id": concert });
                user.post("/api/queue_tokens", body).await.refused(503, "unavailable");
            });
        }
        joins.join_all().await;
        let mut waits = Vec::new();
        for _ in 0..10 {
            let user = theatre.server.user("more").await;
            let asked = Instant::now();
            user.post("/api/queue_tokens", json!({ "concert_id": other.id })).await.expect(201);
            waits.push(asked.elapsed());
        }
        waits.sort_unstable();
        // Most: a machine that is busy with other tests may make some wait.
        assert!(waits[waits.len() / 2] < Duration::from_millis(900), "{waits:?}");
        drop(holder);
        stuck[0].delete("/api/queue_tokens/current").await.expect(204);
        stuck[1].until("active").await;
        theatre.installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_rewritten_keeps_no_poll_waiting() {
    each_round(async || {
        let theatre = Theatre::open(0, 1).await;
        let (place, _) = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await;
        let fresh = theatre.installation.start();
        let lock = "LOCK TABLE waiting_tokens IN ACCESS EXCLUSIVE MODE";
        let holder = Holder::of(&theatre.installation.database_url(), lock).await;
        for _ in 0..3 {
            let asked = Instant::now();
            place.at(&fresh).get("/api/queue_tokens/current").await.refused(503, "unavailable");
            assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        }
        drop(holder);
        place.at(&fresh).until("waiting").await;
    })
    .await;
}

/// Until `/readyz` is answered so.
async fn until_ready_says(theatre: &Theatre, expected: u16) {
    let asked = Instant::now();
    loop {
        let status = theatre.server.anyone().get("/readyz").await.status;
        if status == expected {
            return;
        }
        assert!(asked.elapsed() < Duration::from_secs(20), "still {status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_say_that_the_service_is_up_is_not_ready_until_it_can() {
    each_round(async || {
        let theatre = Theatre::open(10, 1).await;
        theatre.server.anyone().get("/readyz").await.expect(200);
        let service = "SELECT 1 FROM service FOR UPDATE";
        let holder = Holder::of(&theatre.installation.database_url(), service).await;
        until_ready_says(&theatre, 503).await;
        let user = theatre.server.user("user").await;
        user.post("/api/users/balance", json!({ "amount": 1 })).await.expect(200);
        drop(holder);
        until_ready_says(&theatre, 200).await;
        theatre.installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_makes_nobody_ready_until_it_does() {
    each_round(async || {
        let theatre = Theatre::open(10, 1).await;
        let url = theatre.installation.database_url();
        let name = url.rsplit('/').next().unwrap().to_owned();
        theatre.server.anyone().get("/readyz").await.expect(200);
        let set = |value: &str| {
            let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
            let end = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            let admin = url.replace(&name, "postgres");
            tokio::task::block_in_place(|| {
                execute(&admin, &set).unwrap();
                execute(&admin, &end).unwrap();
            });
        };
        set("on");
        until_ready_says(&theatre, 503).await;
        set("off");
        until_ready_says(&theatre, 200).await;
        let user = theatre.server.user("user").await;
        let place =
            user.post("/api/queue_tokens", json!({ "concert_id": theatre.concert.id })).await;
        text(&place.expect(201), "token");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rooms_asked_about_at_once_after_a_start_are_all_answered() {
    each_round(async || {
        let theatre = Theatre::open(0, 1).await;
        let user = theatre.server.user("waiting").await;
        let mut places = Vec::new();
        for _ in 0..60 {
            let mut concert = crate::harness::new_concert();
            concert["room"] = json!({ "capacity": 0 });
            let concert = theatre.operator.post("/api/admin/concerts", concert).await.expect(201);
            places.push(user.join(Some(&text(&concert, "concert_id"))).await.0);
        }
        let fresh = theatre.installation.start();
        let mut polls = tokio::task::JoinSet::new();
        for place in &places {
            let place = place.at(&fresh);
            polls.spawn(async move { place.get("/api/queue_tokens/current").await.expect(200) });
        }
        polls.join_all().await;
    })
    .await;
}
