//! `stagedoor set-clock-back`: what an error of the clock has put far ahead is right again.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use throw_away_postgres::Cluster;

use crate::harness::{
    Caller, Concert, Installation, Server, Theatre, WallClock, enter, room_path, text,
};
use crate::running::said;

const PATIENCE: Duration = Duration::from_secs(60);
/// How far a store's time may be from the clock's while it follows it.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

#[tokio::test]
async fn after_a_start_at_a_time_years_ahead_everything_is_right_again() {
    sells_on_after_error(TimeDelta::days(1_825), 3_600).await;
}

/// What was paid for before the error and what was not both end after it.
#[tokio::test]
async fn after_a_start_at_a_time_hours_ahead_holds_of_a_day_are_right_again() {
    sells_on_after_error(TimeDelta::hours(3), 86_400).await;
}

async fn sells_on_after_error(error: TimeDelta, hold_seconds: i64) {
    let Some((shop, server)) = Shop::opens(error, hold_seconds).await else { return };
    let before = shop.sells(&server, [0, 1]).await;
    stop(server);

    shop.clock.set(&format!("+{}s", error.num_seconds()));
    let server = shop.installation.start();
    let seed_shown = text(&shop.opens_early(&server, &shop.empty).await, "seed_sha256");
    shop.opens_early(&server, &shop.visited).await;
    let visitor = server.user("visitor").await.join(Some(&shop.visited.concert.id)).await.0;
    visitor.until("active").await;
    let ahead = shop.sells(&server, [2, 3]).await;
    stop(server);

    shop.clock.set("+0s");
    let server = shop.installation.start();
    let still_taken = before.buyer.access.at(&server).get("/api/users/balance").await.status == 200;
    assert_eq!(still_taken, error < TimeDelta::hours(12), "for so long an access token is good");
    assert!(ready(&server).await.contains("run: stagedoor set-clock-back"));
    let refused = refusal(&shop.installation);
    assert!(refused.contains("stop all servers first"), "{refused}");
    stop(server);
    assert!(shop.installation.log().contains("run: stagedoor set-clock-back"));

    shop.is_set_back();
    let server = shop.installation.start();
    assert_eq!(ready(&server).await, "ok\n");
    before.buyer.access.at(&server).get("/api/users/balance").await.expect(200);
    let signed_in_ahead = ahead.buyer.access.at(&server).get("/api/users/balance").await;
    signed_in_ahead.refused(401, "invalid_token");
    for sale in [&before, &ahead] {
        shop.goes_on(&server, sale).await;
    }
    shop.rooms_are_right(&server, &visitor, &seed_shown).await;
    shop.sells(&server, [4, 5]).await;
    stop(server);
    shop.installation.assert_sound();
}

fn stop(server: Server) {
    server.terminate();
    assert!(server.ended_well());
}

async fn ready(server: &Server) -> String {
    server.anyone().get("/readyz").await.expect(200).as_str().unwrap().to_owned()
}

/// What the command says where it does its work.
#[track_caller]
fn told(installation: &Installation, args: &[&str]) -> String {
    let output = installation.run(&[&["set-clock-back"], args].concat(), "");
    assert!(output.status.success(), "{output:?}");
    said(&output).0
}

/// The one line in which it refuses.
#[track_caller]
fn refusal(installation: &Installation) -> String {
    let output = installation.run(&["set-clock-back", "--yes"], "");
    let (_, errors) = said(&output);
    assert!(!output.status.success() && errors.lines().count() == 1, "{output:?}");
    errors
}

fn time(body: &Value, field: &str) -> DateTime<Utc> {
    text(body, field).parse().unwrap()
}

/// Somebody who was let in, with cash.
struct Buyer {
    access: Caller,
    queue: Caller,
}

/// One has paid for a seat, and one holds another.
struct Sale {
    buyer: Buyer,
    bought: String,
    holder: Buyer,
    held: String,
}

/// A concert behind a room that opens.
struct Opening {
    concert: Concert,
    /// Where its operator and where anyone looks.
    room: String,
    draw: String,
}

/// A store in use, whose clock can be set.
struct Shop {
    installation: Installation,
    clock: WallClock,
    operator: Caller,
    concert: Concert,
    /// Their rooms open at a time that the error is past. Nobody comes to the first of them.
    empty: Opening,
    visited: Opening,
    opens_at: DateTime<Utc>,
    began: DateTime<Utc>,
    hold: TimeDelta,
    _cluster: Option<Cluster>,
}

impl Shop {
    async fn opens(error: TimeDelta, hold_seconds: i64) -> Option<(Self, Server)> {
        let began = Utc::now();
        let clock = WallClock::right()?;
        let (installation, cluster) = clock.installation()?;
        let installation =
            installation.with("HOLD_SECONDS", hold_seconds).with("ROOM_ACTIVE_SECONDS", 3_600);
        let theatre = Theatre::open_in(installation, 20, 10).await;
        let Theatre { installation, server, operator, concert } = theatre;
        let opens_at = DateTime::from_timestamp((began + error / 2).timestamp(), 0).unwrap();
        let room = json!({ "capacity": 5, "opens_at": opens_at });
        let opening = async || {
            let concert = enter(&operator, room.clone(), 2).await;
            let room = room_path(&operator, &concert.id).await;
            Opening { draw: room.replace("admin/", "") + "/draw", concert, room }
        };
        let (empty, visited) = (opening().await, opening().await);
        let hold = TimeDelta::seconds(hold_seconds);
        let shop = Self {
            installation,
            clock,
            operator,
            concert,
            empty,
            visited,
            opens_at,
            began,
            hold,
            _cluster: cluster,
        };
        Some((shop, server))
    }

    async fn sells(&self, server: &Server, [first, second]: [usize; 2]) -> Sale {
        let (buyer, bought) = self.holds(server, first).await;
        buyer.queue.pay(&bought).await.expect(201);
        let (holder, held) = self.holds(server, second).await;
        Sale { buyer, bought, holder, held }
    }

    async fn holds(&self, server: &Server, seat: usize) -> (Buyer, String) {
        let access = server.user("buyer").await;
        access.charge(100_000).await;
        let (queue, _) = access.join(Some(&self.concert.id)).await;
        queue.until("active").await;
        let seat = self.concert.seats[seat].as_str();
        let held = queue.hold(&self.concert.show, &[seat]).await.expect(201);
        (Buyer { access, queue }, text(&held, "reservation_id"))
    }

    /// Waits until a room is open though it was not to be yet, and returns its draw.
    async fn opens_early(&self, server: &Server, opening: &Opening) -> Value {
        let began = Instant::now();
        loop {
            let draw = server.anyone().get(&opening.draw).await.expect(200);
            if draw["seed"].is_string() {
                return draw;
            }
            assert!(began.elapsed() < PATIENCE, "not open: {draw}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// It is said first, then done, and then there is nothing to do.
    fn is_set_back(&self) {
        let room_id = |opening: &Opening| opening.room.rsplit('/').next().unwrap().to_owned();
        let plan = told(&self.installation, &[]);
        let at = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what} in {plan}"));
        assert!(at("closed again") < at(&room_id(&self.empty)), "{plan}");
        assert!(at(&room_id(&self.empty)) < at("stay open"), "{plan}");
        assert!(at("stay open") < at(&room_id(&self.visited)), "{plan}");
        assert!(at(&room_id(&self.visited)) < at("Nothing is changed"), "{plan}");
        let outage = |told: &str| told.lines().nth(1).unwrap().to_owned();
        let done = told(&self.installation, &["--yes"]);
        assert_eq!(outage(&done), outage(&plan), "the first time, nothing was changed");
        self.installation.assert_sound();
        let again = refusal(&self.installation);
        assert!(again.contains("not ahead by more than the hour"), "{again}");
    }

    /// From when the shop opened until now.
    fn so_far(&self) -> RangeInclusive<DateTime<Utc>> {
        self.began - TOLERANCE..=Utc::now() + TOLERANCE
    }

    /// What was bought is, what was held can be bought, and all of it has happened so far and no later.
    async fn goes_on(&self, server: &Server, sale: &Sale) {
        let Sale { buyer, bought, holder, held } = sale;
        let bought = self.reservation(server, buyer, bought).await;
        assert_eq!(bought["status"], "confirmed");
        assert_eq!(time(&bought, "held_until") - time(&bought, "created_at"), self.hold);

        let still_held = self.reservation(server, holder, held).await;
        assert_eq!(still_held["status"], "held");
        let prolonged =
            time(&still_held, "held_until") - time(&still_held, "created_at") - self.hold;
        let outages = Utc::now() - self.began + TOLERANCE;
        assert!((TimeDelta::zero()..=outages).contains(&prolonged), "{still_held}: {prolonged}");
        let queue = holder.queue.at(server);
        let ticket = queue.get("/api/queue_tokens/current").await.expect(200);
        assert_eq!(ticket["state"], "active");
        assert!(time(&ticket, "expires_at") > Utc::now(), "{ticket}");
        assert!(time(&ticket, "expires_at") <= Utc::now() + self.hold + outages, "{ticket}");
        let paid = queue.pay(held).await.expect(201);
        assert!(self.so_far().contains(&time(&paid, "paid_at")), "{paid}");
    }

    async fn reservation(&self, server: &Server, whose: &Buyer, id: &str) -> Value {
        let path = format!("/api/reservations/{id}");
        let reservation = whose.queue.at(server).get(&path).await.expect(200);
        let created_at = time(&reservation, "created_at");
        assert!(self.so_far().contains(&created_at), "{reservation}");
        reservation
    }

    /// The room that nobody came to opens when it was to, and by a seed that nobody has seen. The other
    /// one is open.
    async fn rooms_are_right(&self, server: &Server, visitor: &Caller, seed_shown: &str) {
        let operator = self.operator.at(server);
        let empty = operator.get(&self.empty.room).await.expect(200);
        assert_eq!((time(&empty, "opens_at"), &empty["drawn_at"]), (self.opens_at, &Value::Null));
        let draw = server.anyone().get(&self.empty.draw).await.expect(200);
        assert_ne!(text(&draw, "seed_sha256"), seed_shown);
        let early = server.user("early").await.join(Some(&self.empty.concert.id)).await.1;
        assert_eq!((&early["number"], &early["state"]), (&Value::Null, &json!("waiting")));

        let visited = operator.get(&self.visited.room).await.expect(200);
        assert!(self.so_far().contains(&time(&visited, "opens_at")), "{visited}");
        assert!(self.so_far().contains(&time(&visited, "drawn_at")), "{visited}");
        let ticket = visitor.at(server).get("/api/queue_tokens/current").await.expect(200);
        assert_eq!((&ticket["number"], &ticket["state"]), (&json!(1), &json!("active")));
    }
}

#[tokio::test]
async fn a_store_whose_time_is_right_is_left_alone() {
    let installation = Installation::new();
    stop(installation.start());
    let refused = refusal(&installation);
    assert!(refused.contains("not ahead by more than the hour"), "{refused}");
}

#[tokio::test]
async fn where_it_is_not_known_how_the_error_came_in_nothing_is_changed() {
    let Some(clock) = WallClock::right() else { return };
    let Some((installation, _cluster)) = clock.installation() else { return };
    stop(installation.start());
    clock.set("+86400s");
    stop(installation.start());
    clock.set("+0s");

    installation.execute(
        "UPDATE service SET outage_ended_at = up_since, outage_beat_at = up_since, \
             outage_step = 'tokens'",
    );
    let refused = refusal(&installation);
    assert!(refused.contains("still being given back"), "{refused}");
    installation.execute(
        "UPDATE service SET outage_ended_at = NULL, outage_beat_at = NULL, outage_step = NULL; \
         CREATE TABLE outages_kept AS SELECT * FROM outages; DELETE FROM outages",
    );
    let refused = refusal(&installation);
    assert!(refused.contains("no outage on record is as long"), "{refused}");
    installation.execute("INSERT INTO outages SELECT * FROM outages_kept");
    told(&installation, &["--yes"]);
    installation.assert_sound();
}
