//! A service that is interrupted takes nobody's time and nobody's place: not while the database is away,
//! not while one server alone is cut off from it, not when its clock is set.
//!
//! `STAGEDOOR_HISTORY_ROUNDS` says how many rounds of each (1).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throw_away_postgres::{Cluster, Postgres};

use super::proxy::{Network, Proxy, address_of};
use crate::harness::{
    Caller, Installation, Server, Theatre, WallClock, each_round, room_path, text,
};

/// A theatre, and one more server with a network before its database that can be cut.
async fn with_network(installation: Installation, capacity: u32) -> (Theatre, Server, Proxy) {
    let theatre = Theatre::open_in(installation, capacity, 8).await;
    let url = theatre.installation.database_url();
    let proxy = Proxy::to(address_of(&url)).await;
    let mut command = theatre.installation.command(&["serve"]);
    command.env("STAGEDOOR_DATABASE_URL", proxy.before(&url));
    let server = theatre.installation.start_as(command);
    (theatre, server, proxy)
}

async fn pause(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn ticket(place: &Caller) -> Value {
    place.get("/api/queue_tokens/current").await.expect(200)
}

/// Nobody who was inside is ever told that it is over, comes out behind others, or is one too many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_tells_nobody_inside_that_it_is_over_and_a_hold_lasts_as_much_longer() {
    each_round(async || {
        let (theatre, server, proxy) =
            with_network(Installation::new().with("HOLD_SECONDS", 16), 2).await;
        theatre.change_room(json!({ "active_ttl_seconds": 16 })).await.expect(200);
        let Theatre { installation, server: other, operator, concert } = theatre;
        other.kill();
        let mut inside = Vec::new();
        for _ in 0..2 {
            let user = server.user("inside").await;
            let (place, told) = user.join(Some(&concert.id)).await;
            assert_eq!(told["state"], "active");
            user.charge(100_000).await;
            inside.push((user, place));
        }
        let (waiting, _) = server.user("waiting").await.join(Some(&concert.id)).await;
        let held = inside[0].1.hold(&concert.show, &[&concert.seats[0]]).await.expect(201);
        pause(1).await;
        proxy.set(Network::Cut);
        pause(18).await;
        proxy.set(Network::Whole);
        // From the first answer on: active, whoever asks and however.
        let mut answers = 0;
        // Their time goes on once it is back.
        while answers < 6 {
            for (user, place) in &inside {
                let told = place.get("/api/queue_tokens/current").await;
                assert!(told.status == 503 || told.body["state"] == "active", "{told:?}");
                let again =
                    user.post("/api/queue_tokens", json!({ "concert_id": concert.id })).await;
                if again.status != 503 {
                    let expected = (&"existing".into(), &"active".into());
                    assert_eq!(
                        (&again.body["status"], &again.body["state"]),
                        expected,
                        "{again:?}"
                    );
                    answers += 1;
                }
            }
            assert_eq!(ticket(&waiting).await["state"], "waiting");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let paid = loop {
            let paid = inside[0].1.pay(&text(&held, "reservation_id")).await;
            // Until the next beat, nobody can tell whether it was held.
            if paid.status != 503 {
                break paid;
            }
        };
        assert_eq!(paid.status, 201, "{held}: {paid:?}");
        operator.at(&server).get("/api/admin/rooms").await.expect(200);
        installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_came_free_in_an_outage_is_given_to_nobody_before_it_is_given_back() {
    each_round(async || {
        let (theatre, server, proxy) = with_network(Installation::new(), 1).await;
        theatre.change_room(json!({ "active_ttl_seconds": 12 })).await.expect(200);
        let Theatre { installation, server: other, operator: _, concert } = theatre;
        other.kill();
        let (inside, _) = server.user("inside").await.join(Some(&concert.id)).await;
        let user = server.user("newcomer").await;
        pause(1).await;
        proxy.set(Network::Cut);
        pause(14).await;
        proxy.set(Network::Whole);
        let newcomer = loop {
            let joined = user.post("/api/queue_tokens", json!({ "concert_id": concert.id })).await;
            if joined.status == 201 {
                break user.with_token(text(&joined.body, "token"));
            }
        };
        let began = Instant::now();
        let left = loop {
            let left = newcomer.delete("/api/queue_tokens/current").await;
            if left.status != 503 || began.elapsed() > Duration::from_secs(30) {
                break left;
            }
        };
        left.expect(204);
        inside.until("active").await;
        installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_wait_by_a_server_that_is_cut_off_keeps_the_place() {
    each_round(async || {
        let (theatre, server, proxy) = with_network(Installation::new(), 1).await;
        theatre.change_room(json!({ "capacity": 0, "idle_ttl_seconds": 4 })).await.expect(200);
        let (place, _) = theatre.server.user("waiting").await.join(Some(&theatre.concert.id)).await;
        let there = place.at(&server);
        for n in 0..60 {
            if n == 8 {
                proxy.set(Network::Silent);
            }
            if n == 44 {
                proxy.set(Network::Whole);
            }
            assert_eq!(ticket(&there).await["state"], "waiting", "after {n} polls");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        assert_eq!(ticket(&place).await["state"], "waiting");
        // Whoever is silent is dropped all the same.
        pause(8).await;
        theatre.room().await;
        place.until("expired").await;
        theatre.installation.assert_sound();
    })
    .await;
}

/// Beside one that goes on, a server that is held up makes nobody's stay longer, and comes to say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_a_server_that_is_held_up_keeps_the_place_and_who_ran_out_there_is_told() {
    each_round(async || {
        let theatre = Theatre::open(1, 8).await;
        let server = theatre.installation.start();
        let short = json!({ "active_ttl_seconds": 6, "idle_ttl_seconds": 4 });
        theatre.change_room(short).await.expect(200);
        let (first, second) = (server.user("inside").await, server.user("waiting").await);
        let (inside, told) = first.join(Some(&theatre.concert.id)).await;
        assert_eq!(told["state"], "active");
        theatre.change_room(json!({ "paused": true })).await.expect(200);
        let (waiting, _) = second.join(Some(&theatre.concert.id)).await;
        assert_eq!(ticket(&waiting).await["state"], "waiting");
        server.hold_up();
        pause(12).await;
        server.go_on();
        assert_eq!(ticket(&waiting).await["state"], "waiting");
        assert_eq!(ticket(&waiting.at(&theatre.server)).await["state"], "waiting");
        inside.until("expired").await;
        let late = inside.hold(&theatre.concert.show, &[theatre.seat(0)]).await;
        late.refused(403, "token_expired");
        theatre.change_room(json!({ "paused": false })).await.expect(200);
        waiting.until("active").await;
        theatre.installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_interval_between_sweeps_drops_nobody_who_is_heard_of() {
    each_round(async || {
        let installation = Installation::new().with("SWEEP_INTERVAL_MS", 20_000);
        let (theatre, server, _proxy) = with_network(installation, 1).await;
        theatre.change_room(json!({ "capacity": 0, "idle_ttl_seconds": 4 })).await.expect(200);
        let (place, _) = server.user("waiting").await.join(Some(&theatre.concert.id)).await;
        for _ in 0..48 {
            assert_eq!(ticket(&place.at(&theatre.server)).await["state"], "waiting");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
}

/// Three servers and a database whose clock can be set.
struct Clocks {
    theatre: Theatre,
    others: Vec<Server>,
    clock: WallClock,
    _cluster: Cluster,
}

impl Clocks {
    async fn start(installation: impl Fn(Installation) -> Installation) -> Option<Self> {
        let clock = WallClock::right()?;
        let cluster = clock.cluster()?;
        let database = Some(cluster.create_database());
        let theatre = Theatre::open_in(installation(Installation::on(database)), 6, 40).await;
        let others = (0..2).map(|_| theatre.installation.start()).collect();
        Some(Self { theatre, others, clock, _cluster: cluster })
    }

    /// People come, hold, pay or let go, and leave, on all servers at once, for as long as `during` goes
    /// on.
    async fn trade_during(&self, during: impl Future<Output = ()>) {
        let servers = [&self.theatre.server].into_iter().chain(&self.others);
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut trading = tokio::task::JoinSet::new();
        for (n, server) in servers.enumerate() {
            for _ in 0..3 {
                let (stop, user) = (std::sync::Arc::clone(&stop), server.user("trader").await);
                let (concert, show) =
                    (self.theatre.concert.id.clone(), self.theatre.concert.show.clone());
                let seats = self.theatre.concert.seats.clone();
                user.charge(1_000_000).await;
                trading.spawn(async move {
                    let mut turn = n;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        turn += 1;
                        let joined =
                            user.post("/api/queue_tokens", json!({ "concert_id": concert })).await;
                        // A statement whose time ran out as the clock was set is answered so.
                        if joined.status == 503 {
                            continue;
                        }
                        let place = user.with_token(text(&joined.body, "token"));
                        let seat = &seats[(turn * 7) % seats.len()];
                        let held = place.hold(&show, &[seat]).await;
                        if held.status == 201 && turn % 2 == 0 {
                            let path =
                                format!("/api/reservations/{}", text(&held.body, "reservation_id"));
                            place.delete(&path).await;
                        }
                        place.delete("/api/queue_tokens/current").await;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                });
            }
        }
        during.await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        trading.join_all().await;
    }
}

/// How far the store's time is ahead of the database's clock.
async fn seconds_ahead(server: &Server) -> f64 {
    let told = server.anyone().get("/metrics").await.body;
    let mut lines = told.as_str().unwrap().lines();
    let ahead = lines.find_map(|line| line.strip_prefix("stagedoor_clock_ahead_seconds "));
    ahead.unwrap().parse().unwrap()
}

/// Waits until that is so.
async fn until_ahead(server: &Server, is_so: impl Fn(f64) -> bool) {
    let began = Instant::now();
    loop {
        let ahead = seconds_ahead(server).await;
        if is_so(ahead) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "still {ahead} s ahead");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_the_databases_clock_is_set_history_stays_possible() {
    each_round(async || {
        let Some(clocks) = Clocks::start(|i| i.with("HOLD_SECONDS", 2)).await else { return };
        let steps = ["-0.1s", "-0.2s", "-0.7s", "+0s", "+600s", "+599.9s", "+0s", "-3600s", "+0s"];
        clocks
            .trade_during(async {
                for step in steps {
                    tokio::time::sleep(Duration::from_millis(900)).await;
                    clocks.clock.set(step);
                }
                pause(2).await;
            })
            .await;
        clocks.theatre.installation.assert_sound();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_ends_no_hold_early_and_stops_no_rule_and_is_told_of() {
    each_round(async || {
        let installation =
            |i: Installation| i.with("HOLD_SECONDS", 6).with("SWEEP_INTERVAL_MS", 200);
        let Some(clocks) = Clocks::start(installation).await else { return };
        let theatre = &clocks.theatre;
        for step in ["+600s", "-600s", "-86400s", "+315360000s"] {
            let buyer = theatre.buyer(0).await;
            buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
            clocks.clock.set(step);
            pause(2).await;
            assert_eq!(theatre.statuses(&buyer).await[0], "held", "{step} ended it");
            let ready = theatre.server.anyone().get("/readyz").await;
            assert_eq!(ready.status, 200, "{step}: {ready:?}");
            let ahead = seconds_ahead(&theatre.server).await;
            assert!(ahead.abs() > 2.0, "{step}: {ahead}");
            assert!(ready.body.as_str().unwrap().contains("clock"), "{step}: {ready:?}");
            // At half the pace it ends within twice the time.
            for n in 0.. {
                if theatre.statuses(&buyer).await[0] == "available" {
                    break;
                }
                assert!(n < 120, "{step}: the hold never ends");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            buyer.delete("/api/queue_tokens/current").await.expect(204);
            clocks.clock.set("+0s");
            pause(1).await;
        }
        assert!(theatre.installation.log().contains("clock"), "{}", theatre.installation.log());
        let room = room_path(&theatre.operator, &theatre.concert.id).await;
        theatre.operator.get(&room).await.expect(200);
        theatre.installation.assert_sound();
    })
    .await;
}

/// Wrong for so long that servers believe it, and then right: the store stays years ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_databases_clock_that_was_believed_is_taken_out_of_the_store() {
    const YEARS: f64 = 157_680_000.0;
    let long = |i: Installation| i.with("HOLD_SECONDS", 3_600).with("ROOM_ACTIVE_SECONDS", 3_600);
    let Some(clocks) = Clocks::start(long).await else { return };
    let holder = clocks.theatre.buyer(100_000).await;
    let show = &clocks.theatre.concert.show;
    let held = holder.hold(show, &[clocks.theatre.seat(39)]).await.expect(201);
    let server = &clocks.theatre.server;
    clocks
        .trade_during(async {
            clocks.clock.set(&format!("+{YEARS}s"));
            until_ahead(server, |ahead| ahead < -YEARS / 2.0).await;
            pause(2).await;
        })
        .await;
    for server in clocks.others.iter().chain([server]) {
        until_ahead(server, |ahead| ahead > -2.0).await;
    }
    clocks
        .trade_during(async {
            pause(2).await;
            clocks.clock.set("+0s");
            until_ahead(server, |ahead| ahead > YEARS / 2.0).await;
            pause(2).await;
        })
        .await;
    let Clocks { theatre, others, clock: _clock, _cluster } = clocks;
    let Theatre { installation, server, .. } = theatre;
    for server in others.into_iter().chain([server]) {
        server.terminate();
        assert!(server.ended_well());
    }
    installation.assert_sound();
    let done = installation.run(&["set-clock-back", "--yes"], "");
    assert!(done.status.success(), "{done:?}");
    installation.assert_sound();

    let server = installation.start();
    assert_eq!(server.anyone().get("/readyz").await.expect(200), "ok\n");
    let paid = holder.at(&server).pay(&text(&held, "reservation_id")).await.expect(201);
    let paid_at: chrono::DateTime<chrono::Utc> = text(&paid, "paid_at").parse().unwrap();
    assert!((chrono::Utc::now() - paid_at).abs() < chrono::TimeDelta::seconds(60), "{paid}");
    installation.assert_sound();
}
